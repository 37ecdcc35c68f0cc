/** @file How good are probabilities of "positive" that were stated before the answers were known? */

/** A stated probability of 0 or 1 that turns out wrong would cost ∞; probabilities are kept this far from both. */
export const PROBABILITY_FLOOR = 1e-6;

/** Mean −ln of the probability given to what was true. Saying ½ always costs ln 2 = .6931. */
export const crossEntropy = (probabilities: ArrayLike<number>, positive: ArrayLike<boolean>): number =>
  averaged(probabilities, positive, (p, y) => {
    const kept = Math.min(1 - PROBABILITY_FLOOR, Math.max(PROBABILITY_FLOOR, p));
    return -Math.log(y ? kept : 1 - kept);
  });

/** Mean squared distance of the probability from 1 or 0. Saying ½ always costs ¼. @source Brier 1950 */
export const brier = (probabilities: ArrayLike<number>, positive: ArrayLike<boolean>): number =>
  averaged(probabilities, positive, (p, y) => (p - (y ? 1 : 0)) ** 2);

function averaged(
  probabilities: ArrayLike<number>,
  positive: ArrayLike<boolean>,
  cost: (p: number, y: boolean) => number,
): number {
  if (probabilities.length !== positive.length)
    throw new RangeError(`${probabilities.length} probabilities for ${positive.length} answers.`);
  let sum = 0;
  for (let i = 0; i < probabilities.length; i++) {
    const p = probabilities[i]!;
    if (!(p >= 0 && p <= 1)) throw new RangeError(`a probability lies in [0, 1], got ${p}.`);
    sum += cost(p, positive[i]!);
  }
  return sum / probabilities.length;
}
