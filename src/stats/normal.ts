/**
 * The inverse of the standard normal distribution function, to about 16 digits. Uses only + − × ÷ √, which IEEE 754
 * rounds exactly, so every JavaScript engine returns the same bits (`Math.log` may differ between engines).
 *
 * @param p probability in [0, 1]; 0 gives −∞, 1 gives +∞
 * @throws RangeError outside [0, 1] or NaN
 * @source Wichura 1988, Algorithm AS 241 (PPND16), Applied Statistics 37(3)
 */
export function normalQuantile(p: number): number {
  if (!(p >= 0 && p <= 1)) throw new RangeError(`a probability lies in [0, 1], got ${p}.`);
  if (p === 0) return Number.NEGATIVE_INFINITY;
  if (p === 1) return Number.POSITIVE_INFINITY;
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    return (q * polynomial(CENTRE_TOP, r)) / polynomial(CENTRE_BOTTOM, r);
  }
  const r = Math.sqrt(-naturalLog(q < 0 ? p : 1 - p));
  const x =
    r <= 5
      ? polynomial(MIDDLE_TOP, r - 1.6) / polynomial(MIDDLE_BOTTOM, r - 1.6)
      : polynomial(TAIL_TOP, r - 5) / polynomial(TAIL_BOTTOM, r - 5);
  return q < 0 ? -x : x;
}

/** Degree 7, coefficients from the constant upwards. */
type Coefficients = readonly [number, number, number, number, number, number, number, number];

const polynomial = (c: Coefficients, x: number): number =>
  ((((((c[7] * x + c[6]) * x + c[5]) * x + c[4]) * x + c[3]) * x + c[2]) * x + c[1]) * x + c[0];

const CENTRE_TOP: Coefficients = [
  3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987, 67265.7709270087,
  33430.57558358813, 2509.0809287301227,
];
const CENTRE_BOTTOM: Coefficients = [
  1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271, 28729.085735721943,
  5226.495278852854,
];
const MIDDLE_TOP: Coefficients = [
  1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684, 0.2417807251774506,
  0.022723844989269184, 0.0007745450142783414,
];
const MIDDLE_BOTTOM: Coefficients = [
  1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457,
  0.0005475938084995345, 1.0507500716444169e-9,
];
const TAIL_TOP: Coefficients = [
  6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124,
  0.0012426609473880784, 0.000027115555687434876, 2.0103343992922881e-7,
];
const TAIL_BOTTOM: Coefficients = [
  1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133, 0.000018463183175100548,
  1.421511758316446e-7, 2.0442631033899397e-15,
];

/**
 * ln x for 2⁻¹⁰²² ≤ x < ∞: with x = m·2ᵉ and ¾ ≤ m < 3/2, ln x = e·ln 2 + 2·artanh((m − 1)/(m + 1)). Here |s| ≤ 1/5, so
 * fourteen terms of the series leave less than 2⁻⁶⁰.
 */
function naturalLog(x: number): number {
  let m = x;
  let e = 0;
  while (m < 2 ** -32) {
    m *= 2 ** 32;
    e -= 32;
  }
  while (m < 0.75) {
    m *= 2;
    e--;
  }
  const s = (m - 1) / (m + 1);
  const square = s * s;
  let sum = 0;
  for (let k = 27; k >= 1; k -= 2) sum = sum * square + 1 / k;
  return e * Math.LN2 + 2 * s * sum;
}
