/** @file Special functions in float64, for reference evaluation. */

/** |x| from which erf x rounds to ±1 in float64. */
const ERF_SATURATES = 6;

/**
 * The error function, to a few units in the last place.
 *
 * @source Kummer's form of its series, erf x = 2x/√π · e^(−x²) · Σ (2x²)ⁿ/(2n + 1)!!: every term is positive, so nothing
 *   cancels (Abramowitz and Stegun 1964, 7.1.6)
 */
export function erf(x: number): number {
  if (Number.isNaN(x)) return x;
  if (Math.abs(x) >= ERF_SATURATES) return Math.sign(x);
  const square = 2 * x * x;
  let sum = 1;
  for (let term = 1, n = 1; term > sum * Number.EPSILON * 0.25; n++) {
    term *= square / (2 * n + 1);
    sum += term;
  }
  return ((2 * x) / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** 1/(1 + e^−x) without overflow. */
export function sigmoid(x: number): number {
  const tail = Math.exp(-Math.abs(x));
  return x >= 0 ? 1 / (1 + tail) : tail / (1 + tail);
}

/** ln(1 + eˣ) without overflow or cancellation. */
export const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** √(2/π)·(x + 0.044715·x³), the argument of Gelu's tanh form (Hendrycks and Gimpel 2016, arXiv:1606.08415). */
export const GELU_CUBIC = 0.044715;
export const GELU_SCALE = Math.sqrt(2 / Math.PI);

/** x·Φ(x), or its tanh form. */
export function gelu(x: number, approximate: "none" | "tanh"): number {
  if (approximate === "none") return 0.5 * x * (1 + erf(x * Math.SQRT1_2));
  return 0.5 * x * (1 + Math.tanh(GELU_SCALE * (x + GELU_CUBIC * x * x * x)));
}

/** Nearest integer, halves to even. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const fraction = x - floor;
  if (fraction !== 0.5) return fraction < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
