/** @file What is left of a limit of time, and what is done: methods that see the end coming return what they have. */

/** Seconds that are left; infinite without a limit. */
export type Left = () => number;

/** How far a piece of work has come, in units of its own choosing; told again and again while it goes on. */
export type Tell = (done: number, total: number) => void;

export interface Time {
  /** Whether one more run, as long as the longest so far, ends before time does. @param share of all the time, to be kept for what follows */
  fits(share?: number): boolean;
  /** Whether so many runs, each as long as the last, would take less than `factor` times what is left; without a limit they do. */
  fitsMany(runs: number, factor: number): boolean;
  /** Runs something, and remembers how long it took. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** The time of one batch, counted from now. */
export function timeOf(left: Left = () => Number.POSITIVE_INFINITY): Time {
  const all = left();
  let [longest, last] = [0, 0];
  return {
    fits: (share = 0) => all === Number.POSITIVE_INFINITY || left() - share * all > longest,
    fitsMany: (runs, factor) => all === Number.POSITIVE_INFINITY || runs * last <= factor * Math.max(0, left()),
    async run(work) {
      const before = left();
      const result = await work();
      // of an infinite limit the difference is no number, and nothing is asked of it
      last = before - left();
      longest = Math.max(longest, last);
      return result;
    },
  };
}
