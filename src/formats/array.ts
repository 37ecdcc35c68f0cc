import { FormatError } from "./error.ts";

export type ArrayData =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

/** Type codes in NumPy's spelling; `b1` (bool) is stored as bytes 0 and 1. */
export type DType = "u1" | "i1" | "b1" | "u2" | "i2" | "u4" | "i4" | "u8" | "i8" | "f4" | "f8";

/** An array read from a file, in row-major (C) order. */
export interface NdArray {
  readonly dtype: DType;
  /** Empty for a scalar. */
  readonly shape: readonly number[];
  readonly data: ArrayData;
}

export const BYTES_PER_ELEMENT = {
  u1: 1,
  i1: 1,
  b1: 1,
  u2: 2,
  i2: 2,
  u4: 4,
  i4: 4,
  u8: 8,
  i8: 8,
  f4: 4,
  f8: 8,
} as const satisfies Record<DType, number>;

/**
 * Numbers stored one after another, in either byte order, as a typed array of their own.
 *
 * @param bytes exactly `count · BYTES_PER_ELEMENT[dtype]` of them; a size that differs is the caller's fault
 */
export function decodeNumbers(bytes: Uint8Array, dtype: DType, littleEndian: boolean): ArrayData {
  const size = BYTES_PER_ELEMENT[dtype];
  const own = new Uint8Array(bytes); // a copy even of Node's Buffer, whose slice() is a view
  if (size > 1 && littleEndian !== HOST_LITTLE_ENDIAN) {
    for (let i = 0; i < own.length; i += size) own.subarray(i, i + size).reverse();
  }
  const { buffer } = own;
  switch (dtype) {
    case "u1":
    case "b1":
      return own;
    case "i1":
      return new Int8Array(buffer);
    case "u2":
      return new Uint16Array(buffer);
    case "i2":
      return new Int16Array(buffer);
    case "u4":
      return new Uint32Array(buffer);
    case "i4":
      return new Int32Array(buffer);
    case "u8":
      return new BigUint64Array(buffer);
    case "i8":
      return new BigInt64Array(buffer);
    case "f4":
      return new Float32Array(buffer);
    case "f8":
      return new Float64Array(buffer);
    default:
      throw new Error(`unreachable: ${dtype satisfies never}`);
  }
}

/** The inverse of `decodeNumbers`. */
export function encodeNumbers(data: ArrayData, littleEndian: boolean): Uint8Array {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  const size = data.BYTES_PER_ELEMENT;
  if (size > 1 && littleEndian !== HOST_LITTLE_ENDIAN) {
    for (let i = 0; i < bytes.length; i += size) bytes.subarray(i, i + size).reverse();
  }
  return bytes;
}

const HOST_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/**
 * The number of elements of a shape that a file claims, checked against the bytes that are there.
 *
 * @throws FormatError when a dimension is no size, or the product does not fit in `available` bytes
 */
export function checkedCount(format: string, shape: readonly number[], bytesEach: number, available: number): number {
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) throw new FormatError(format, `impossible shape [${shape}].`);
    count *= size;
  }
  // A zero dimension hides the others from the product; they must still be sizes that could occur.
  const claimed = count === 0 ? 0 : count * bytesEach;
  if (!(claimed <= available)) {
    throw new FormatError(
      format,
      `the header claims shape [${shape}] (${claimed} bytes), but ${available} bytes follow. The file is cut short or damaged.`,
    );
  }
  return count;
}

/** Values as float32; 64-bit integers are converted. */
export function toFloat32(array: NdArray): Float32Array {
  const { data } = array;
  if (data instanceof Float32Array) return data;
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Float32Array.from(data, Number);
  return Float32Array.from(data);
}

/** Class numbers: whole numbers from 0 below 2³¹. @throws FormatError naming the first that is not */
export function toLabels(format: string, array: NdArray): Int32Array {
  const labels = new Int32Array(array.data.length);
  for (let i = 0; i < labels.length; i++) {
    const label = Number(array.data[i]);
    if (!Number.isInteger(label) || label < 0 || label > 0x7fffffff) {
      throw new FormatError(format, `label ${i} is ${array.data[i]}; labels are class numbers 0, 1, 2, …`);
    }
    labels[i] = label;
  }
  return labels;
}
