import { betaQuantile } from "./beta.ts";

/** A rate that was counted, with its interval: what every printed rate is made of. */
export interface Proportion {
  /** successes / trials; NaN when there were no trials. */
  readonly estimate: number;
  readonly lower: number;
  readonly upper: number;
  readonly successes: number;
  readonly trials: number;
  /** Probability, at least, that such an interval covers the true rate. */
  readonly confidence: number;
}

/**
 * The exact two-sided interval: covers the true rate with at least the stated confidence, whatever the rate. With no
 * trials it is [0, 1].
 *
 * @throws RangeError unless 0 ≤ successes ≤ trials are integers and 0 < confidence < 1
 * @source Clopper and Pearson 1934, by beta quantiles
 */
export function proportion(successes: number, trials: number, confidence = 0.95): Proportion {
  check(successes, trials, confidence);
  const tail = (1 - confidence) / 2;
  return {
    estimate: successes / trials,
    lower: lowerAt(successes, trials, tail),
    upper: upperAt(successes, trials, tail),
    successes,
    trials,
    confidence,
  };
}

/** One-sided exact bound: the true rate is at least this with the stated confidence. */
export function proportionLower(successes: number, trials: number, confidence = 0.95): number {
  check(successes, trials, confidence);
  return lowerAt(successes, trials, 1 - confidence);
}

/** One-sided exact bound: the true rate is at most this with the stated confidence. */
export function proportionUpper(successes: number, trials: number, confidence = 0.95): number {
  check(successes, trials, confidence);
  return upperAt(successes, trials, 1 - confidence);
}

const lowerAt = (successes: number, trials: number, tail: number): number =>
  successes === 0 ? 0 : betaQuantile(tail, successes, trials - successes + 1)[0];

const upperAt = (successes: number, trials: number, tail: number): number =>
  successes === trials ? 1 : betaQuantile(1 - tail, successes + 1, trials - successes)[1];

function check(successes: number, trials: number, confidence: number): void {
  if (!Number.isSafeInteger(trials) || !Number.isSafeInteger(successes) || successes < 0 || successes > trials) {
    throw new RangeError(`a proportion needs integers 0 ≤ successes ≤ trials, got ${successes} of ${trials}.`);
  }
  if (!(confidence > 0 && confidence < 1)) {
    throw new RangeError(`confidence must lie between 0 and 1, got ${confidence}.`);
  }
}
