/** @file The gamma distribution: its function and far tail, and fits of it to a sample. */

import { logBend, stirlingRest } from "./beta.ts";
import { nelderMead } from "./nelder-mead.ts";
import { mean } from "./summary.ts";

/** ln Γ(x) for x > 0. @source NIST Digital Library of Mathematical Functions (DLMF), 5.11.1 */
export const logGamma = (x: number): number =>
  (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + stirlingRest(x);

/** From here the asymptotic series below leave less than 2⁻⁵². */
const ASYMPTOTIC_FROM = 12;

/** Γ′(x) / Γ(x) for x > 0. @source DLMF 5.11.2, and 5.5.2 (the recurrence) below 12 */
export function digamma(x: number): number {
  let sum = 0;
  let z = x;
  for (; z < ASYMPTOTIC_FROM; z++) sum -= 1 / z;
  const s = 1 / (z * z);
  const series = s * (1 / 12 - s * (1 / 120 - s * (1 / 252 - s * (1 / 240 - s * (1 / 132 - (s * 691) / 32_760)))));
  return sum + Math.log(z) - 1 / (2 * z) - series;
}

/** The derivative of `digamma`. @source DLMF 5.15.8, and 5.15.5 below 12 */
export function trigamma(x: number): number {
  let sum = 0;
  let z = x;
  for (; z < ASYMPTOTIC_FROM; z++) sum += 1 / (z * z);
  const s = 1 / (z * z);
  const series = s * (1 / 6 - s * (1 / 30 - s * (1 / 42 - s * (1 / 30 - s * (5 / 66 - (s * 691) / 2730)))));
  return sum + 1 / z + s / 2 + series / z;
}

/** More terms are needed only for shapes beyond 10⁹: about √shape are. */
const MAX_TERMS = 1_000_000;

/** Both sides of a point: the far tail has a logarithm where its probability has none in a double. */
export interface GammaSides {
  /** P(X ≤ x) */
  readonly below: number;
  /** ln P(X > x); −∞ only at infinity. */
  readonly logAbove: number;
}

/**
 * Of a gamma variable with this shape, scale 1 (the regularised incomplete gamma functions).
 *
 * @param x any number  @param shape > 0
 * @throws RangeError where it does not converge: shapes beyond 10⁹
 * @source DLMF 8.7.1 (the series, below shape + 1) and 8.9.2 (the continued fraction, above)
 */
export function gammaSides(x: number, shape: number): GammaSides {
  if (x <= 0) return { below: 0, logAbove: 0 };
  if (x === Number.POSITIVE_INFINITY) return { below: 1, logAbove: Number.NEGATIVE_INFINITY };
  // x^a e^(−x) / Γ(a), written so that the large terms cancel before rounding can matter (as for the beta distribution)
  const logFactor = 0.5 * Math.log(shape / (2 * Math.PI)) + shape * logBend(x, shape) - stirlingRest(shape);
  if (x < shape + 1) {
    const below = Math.exp(logFactor) * lowerSeries(x, shape);
    return { below, logAbove: Math.log1p(-below) };
  }
  const logAbove = logFactor - Math.log(upperFraction(x, shape));
  return { below: -Math.expm1(logAbove), logAbove };
}

/** Σ xⁿ / (a (a + 1) … (a + n)) */
function lowerSeries(x: number, shape: number): number {
  let term = 1 / shape;
  let sum = term;
  for (let n = 1; n <= MAX_TERMS; n++) {
    term *= x / (shape + n);
    sum += term;
    if (term < sum * 2 ** -54) return sum;
  }
  throw unconverged(x, shape);
}

/** x + 1 − a − 1(1 − a) / (x + 3 − a − 2(2 − a) / (x + 5 − a − …)), by Lentz's method. */
function upperFraction(x: number, shape: number): number {
  const tiny = 1e-300;
  let partial = x + 1 - shape;
  let value = partial || tiny;
  let c = value;
  let d = 0;
  for (let n = 1; n <= MAX_TERMS; n++) {
    const coefficient = -n * (n - shape);
    partial += 2;
    d = 1 / (partial + coefficient * d || tiny);
    c = partial + coefficient / c || tiny;
    value *= c * d;
    if (Math.abs(c * d - 1) < 2 ** -52) return value;
  }
  throw unconverged(x, shape);
}

const unconverged = (x: number, shape: number) =>
  new RangeError(`the gamma distribution did not converge at x = ${x}, shape = ${shape}.`);

export interface GammaFit {
  readonly shape: number;
  readonly scale: number;
  /** Where the distribution begins. */
  readonly location: number;
}

export const fittedSides = (x: number, { shape, scale, location }: GammaFit): GammaSides =>
  gammaSides((x - location) / scale, shape);

/** Shapes beyond 10⁹ have no distribution function above; ln k − ψ(k) ≈ 1 / 2k. */
const SMALLEST_GAP = 5e-10;

/**
 * The most likely gamma distribution that begins at `location`: ln k − ψ(k) = ln(mean) − mean(ln), by Newton's method.
 * @returns undefined where there is none: fewer than two values, a value at or below the location, or all equal (to a
 * share of 3·10⁻⁵)
 * @source Minka 2002, "Estimating a Gamma distribution" (equations 5 to 8); the start is Choi and Wette's
 */
export function fitGamma(values: readonly number[], location = 0): GammaFit | undefined {
  const above = values.map((value) => value - location);
  if (values.length < 2 || !above.every((value) => value > 0 && Number.isFinite(value))) return undefined;
  const centre = mean(above);
  // ln(mean) − mean(ln), as a mean of −ln(x / mean), which does not cancel for values close together
  const gap = -mean(above.map((value) => logBend(value, centre)));
  if (!(gap > SMALLEST_GAP)) return undefined;
  let shape = (3 - gap + Math.sqrt((gap - 3) ** 2 + 24 * gap)) / (12 * gap);
  for (let step = 0; step < 100; step++) {
    // Newton in 1/k, where the function is nearly straight
    const rest = Math.log(shape) - digamma(shape) - gap;
    const next = 1 / (1 / shape + rest / (shape * shape * (1 / shape - trigamma(shape))));
    if (!(next > 0)) return undefined;
    const done = Math.abs(next - shape) <= 1e-13 * shape;
    shape = next;
    if (done) break;
  }
  return { shape, scale: centre / shape, location };
}

/** What one value outside the distribution's support costs: 100 times the logarithm of the largest double, as in SciPy. */
const OUTSIDE = 100 * Math.log(Number.MAX_VALUE);

/**
 * A gamma distribution with its location, as `scipy.stats.gamma.fit` finds it: from the moments and the skewness, by
 * Nelder and Mead's method. The likelihood of few values often has no finite maximum in three parameters, so this is where
 * that search ends, not the most likely distribution.
 *
 * @returns undefined where the search ends outside the parameters' domain, or the values have no spread
 */
export function fitShiftedGamma(values: readonly number[]): GammaFit | undefined {
  const n = values.length;
  const centre = mean(values);
  const moment = (k: number) => values.reduce((sum, value) => sum + (value - centre) ** k, 0) / n;
  const variance = moment(2);
  if (n < 2 || !(variance > 0) || !Number.isFinite(variance)) return undefined;
  const skewness = moment(3) / variance ** 1.5;
  const shape = 4 / (1e-8 + skewness ** 2);
  let scale = Math.sqrt(variance / shape);
  let location = centre - scale * shape;
  const [smallest, largest] = [Math.min(...values), Math.max(...values)];
  if (location >= smallest) {
    location = smallest - 0.1 * (largest - smallest);
    scale = 1;
  }
  const { x } = nelderMead((point) => cost(values, point as [number, number, number]), [shape, location, scale]);
  const [fittedShape, fittedLocation, fittedScale] = x as [number, number, number];
  if (!(fittedShape > 0 && fittedScale > 0 && x.every(Number.isFinite))) return undefined;
  return { shape: fittedShape, scale: fittedScale, location: fittedLocation };
}

/** Minus the log-likelihood of the values within the support, and the price of those that are not. */
function cost(values: readonly number[], [shape, location, scale]: readonly [number, number, number]): number {
  if (!(shape > 0 && scale > 0)) return Number.POSITIVE_INFINITY;
  const constant = logGamma(shape);
  let sum = values.length * Math.log(scale);
  for (const value of values) {
    const x = (value - location) / scale;
    const logDensity = x < 0 ? Number.NaN : (shape === 1 ? 0 : (shape - 1) * Math.log(x)) - x - constant;
    sum += Number.isFinite(logDensity) ? -logDensity : OUTSIDE;
  }
  return sum;
}
