/** @file How sure a model file's answer is. */

/** Rounding of a float32 sum of probabilities. */
const SUM_TOLERANCE = 1e-4;

/**
 * The softmax probability of class `at`. A file that ends in Softmax gives probabilities already: no row of logits has only
 * shares that sum to 1. Of what is no number, and of infinities, no share can be told: 0.
 * @param outputs [classes], of one input
 */
export function confidenceOf(outputs: ArrayLike<number>, at: number): number {
  const scores = Float64Array.from(outputs);
  const total = scores.reduce((sum, value) => sum + value, 0);
  if (Math.abs(total - 1) < SUM_TOLERANCE && scores.every((value) => value >= 0)) return Math.min(1, scores[at]!);
  if (!scores.every(Number.isFinite)) return 0;
  const largest = scores.reduce((a, b) => Math.max(a, b));
  const weights = scores.map((value) => Math.exp(value - largest));
  return weights[at]! / weights.reduce((sum, value) => sum + value, 0);
}
