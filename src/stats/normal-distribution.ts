const ROOT_TWO_PI = Math.sqrt(2 * Math.PI);

/** From here on the fraction converges in few terms; below it the series loses no digits that matter. */
const TAIL_FROM = 2.5;

/** P(Z ≤ z) of the standard normal distribution, to about 14 digits in either tail. @throws RangeError for NaN */
export function normalDistribution(z: number): number {
  if (Number.isNaN(z)) throw new RangeError("the normal distribution at NaN is undefined.");
  if (z > TAIL_FROM) return 1 - upperTail(z);
  return z < -TAIL_FROM ? upperTail(-z) : 0.5 + centre(z);
}

/** φ(z) (z + z³/3 + z⁵/(3·5) + …). @source Marsaglia 2004, "Evaluating the normal distribution" */
function centre(z: number): number {
  let [sum, term] = [z, z];
  for (let k = 3; Math.abs(term) > 1e-17 * Math.abs(sum); k += 2) {
    term *= (z * z) / k;
    sum += term;
  }
  return (sum * Math.exp((-z * z) / 2)) / ROOT_TWO_PI;
}

/** φ(z) / (z + 1/(z + 2/(z + 3/(z + …)))). @source DLMF 7.9.1 */
function upperTail(z: number): number {
  if (z === Number.POSITIVE_INFINITY) return 0;
  let fraction = z;
  // At z = 2.5, where it converges slowest, 120 terms leave less than 10⁻¹⁶.
  for (let k = 120; k >= 1; k--) fraction = z + k / fraction;
  return Math.exp((-z * z) / 2) / (ROOT_TWO_PI * fraction);
}
