/** @file The time that an audit may take, shared out among its steps. */

export interface Budget {
  /** Seconds in all; infinite without a limit. */
  readonly seconds: number;
  /** When a step must end that is given this share of what is left; undefined without a limit. */
  until(share: number): number | undefined;
  /** Whether nothing is left. */
  spent(): boolean;
}

/** What assembling and writing the report needs, */
const REPORT_SECONDS = 3;
/** what the last job may run beyond its end, of a short budget less, */
const LATE = { seconds: 5, share: 0.03 } as const;
/** and as the start took, in part: where that was slow, for a busy machine or a large model, so is the report. */
const SLOW = { ofStart: 0.5, share: 0.05 } as const;

/**
 * @param began when the audit began, in seconds on the clock
 * @param now seconds on a clock that only goes forward
 */
export function budgetOf(seconds: number, began: number, now: () => number): Budget {
  const kept =
    REPORT_SECONDS +
    Math.min(LATE.seconds, LATE.share * seconds) +
    Math.min(SLOW.ofStart * (now() - began), SLOW.share * seconds);
  const ends = began + Math.max(0, seconds - kept);
  return {
    seconds,
    until: (share) => (Number.isFinite(seconds) ? now() + share * Math.max(0, ends - now()) : undefined),
    spent: () => now() >= ends,
  };
}

/**
 * Shares of what is left, in the order of the steps: what a step does not need goes to those after it. Looking for tampering
 * comes first, for the default gate rests on it; then attacks, which alone can answer "not robust"; then proofs, the cheap
 * ones first. Proofs that can change no answer any more fill in the page, and get less.
 */
export const SHARES = { patches: 0.35, backdoor: 0.5, attack: 0.6, cheapProof: 0.4, slowProof: 1, page: 0.25 } as const;
