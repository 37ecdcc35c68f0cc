/** @file IEEE 754 binary16: numbers of model files in half precision, as float32. */

const scratch = new DataView(new ArrayBuffer(4));

/** The float32 of the same value: every binary16 has one. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The bits of the nearest binary16, ties to the even one; beyond 65,504 infinite. */
export function toHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  scratch.setFloat32(0, value);
  const sign = (scratch.getUint32(0) >>> 16) & 0x8000;
  const size = Math.abs(value);
  if (size >= 65520) return sign | 0x7c00;
  // below the normal numbers all are whole multiples of 2⁻²⁴
  if (size < 2 ** -14) return sign | roundEven(size * 2 ** 24);
  const exponent = Math.floor(Math.log2(size));
  // log2 may round up to the next power
  const power = 2 ** exponent > size ? exponent - 1 : exponent;
  // a fraction that rounds up to 1024 carries into the exponent
  return sign | (((power + 15) << 10) + roundEven((size / 2 ** power - 1) * 1024));
}

/** The whole number next to a number ≥ 0, ties to the even one. */
export function roundEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
