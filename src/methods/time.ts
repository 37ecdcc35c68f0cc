/** @file What is left of a limit of time: methods that see its end coming return what they have. */

/** Seconds that are left; infinite without a limit. */
export type Left = () => number;

export interface Time {
  /** Whether one more run, as long as the longest so far, ends before time does. @param share of all the time, to be kept for what follows */
  fits(share?: number): boolean;
  /** Runs something, and remembers how long it took. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** The time of one batch, counted from now. */
export function timeOf(left: Left = () => Number.POSITIVE_INFINITY): Time {
  const all = left();
  let longest = 0;
  return {
    fits: (share = 0) => all === Number.POSITIVE_INFINITY || left() - share * all > longest,
    async run(work) {
      const before = left();
      const result = await work();
      // of an infinite limit the difference is no number, and nothing is asked of it
      longest = Math.max(longest, before - left());
      return result;
    },
  };
}
