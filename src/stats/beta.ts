/**
 * The beta distribution's quantile, between two neighbouring doubles. The distribution function is computed to about
 * eleven digits, so the ends are sound to as many.
 *
 * @param p probability, 0 < p < 1  @param a above 0  @param b above 0
 * @returns `[below, above]`, both in [0, 1]
 */
export function betaQuantile(p: number, a: number, b: number): readonly [below: number, above: number] {
  let below = 0;
  let above = 1;
  for (;;) {
    const middle = (below + above) / 2;
    if (middle <= below || middle >= above) return [below, above];
    if (betaDistribution(middle, a, b) < p) below = middle;
    else above = middle;
  }
}

/**
 * The probability that a beta variable is at most x (the regularised incomplete beta function).
 *
 * @source NIST Digital Library of Mathematical Functions, 8.17.22 (the continued fraction) and 8.17.4 (its reflection)
 */
export function betaDistribution(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // The fraction converges fast on this side of the mean.
  if (x > (a + 1) / (a + b + 2)) return 1 - betaDistribution(1 - x, b, a);
  return Math.exp(logPower(x, a, b)) / (a * continuedFraction(x, a, b));
}

/**
 * ln of xᵃ (1 − x)ᵇ / B(a, b), where the large terms of Stirling's formula cancel before rounding can matter: with
 * n = a + b, u = (n x − a) / a, v = (n (1 − x) − b) / b it is a (ln(1 + u) − u) + b (ln(1 + v) − v) + small terms, for
 * a u + b v = 0.
 *
 * @source Loader 2000, "Fast and accurate computation of binomial probabilities"
 */
function logPower(x: number, a: number, b: number): number {
  const n = a + b;
  const small = 0.5 * Math.log((a * b) / (2 * Math.PI * n)) + stirlingRest(n) - stirlingRest(a) - stirlingRest(b);
  return a * logBend(n * x, a) + b * logBend(n * (1 - x), b) + small;
}

/** ln(1 + u) − u for 1 + u = top / bottom. */
export function logBend(top: number, bottom: number): number {
  const u = (top - bottom) / bottom;
  // Far from 1 the ratio keeps the digits that u loses near −1.
  if (Math.abs(u) > 0.1) return Math.log(top / bottom) - u;
  // −u²/2 + u³/3 − …; sixteen terms leave less than 2⁻⁵³ of the first.
  let sum = 0;
  for (let k = 17; k >= 2; k--) sum = (k % 2 === 0 ? -1 : 1) / k + u * sum;
  return u * u * sum;
}

/** More terms are never needed below 10¹⁰ trials: about √max(a, b) are. */
const MAX_TERMS = 1_000_000;

/** 1 + d₁ / (1 + d₂ / (1 + …)), by Lentz's method with Thompson and Barnett's change. */
function continuedFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  let value = 1;
  let c = 1;
  let d = 0;
  for (let term = 1; term <= MAX_TERMS; term++) {
    const m = Math.floor(term / 2);
    const coefficient =
      term % 2 === 0
        ? (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
        : (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + coefficient * d || tiny);
    c = 1 + coefficient / c || tiny;
    value *= c * d;
    if (Math.abs(c * d - 1) < 2 ** -52) return value;
  }
  throw new RangeError(`the beta distribution did not converge at x = ${x}, a = ${a}, b = ${b}.`);
}

/** ln Γ(x) − ((x − ½) ln x − x + ½ ln 2π) for x > 0: Stirling's series above 10, the recurrence below. @source DLMF 5.11.1 */
export function stirlingRest(x: number): number {
  if (x >= 10) {
    const s = 1 / (x * x);
    return (1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s * (1 / 1188 - (s * 691) / 360_360))))) / x;
  }
  let shifted = x;
  let product = 1;
  while (shifted < 10) product *= shifted++;
  const leading = (z: number): number => (z - 0.5) * Math.log(z) - z;
  return stirlingRest(shifted) + leading(shifted) - leading(x) - Math.log(product);
}
