/** Successes of trials. */
type Counted = readonly [successes: number, trials: number];

/**
 * Fisher's exact test, one-sided: the chance of at least so many successes in the first group, where all successes fall on
 * the trials of both groups at random.
 */
export function fisher([successes, trials]: Counted, [others, otherTrials]: Counted): number {
  const [all, total] = [successes + others, trials + otherTrials];
  const most = Math.min(all, trials);
  let sum = 0;
  for (let k = successes; k <= most; k++) sum += Math.exp(logWays(trials, k) + logWays(otherTrials, all - k));
  return Math.min(1, sum / Math.exp(logWays(total, all)));
}

/** Logarithm of "n choose k". */
function logWays(n: number, k: number): number {
  if (k < 0 || k > n) return Number.NEGATIVE_INFINITY;
  let sum = 0;
  for (let i = 1; i <= k; i++) sum += Math.log((n - k + i) / i);
  return sum;
}
