import { BYTES_PER_ELEMENT, checkedCount, type DType, decodeNumbers, encodeNumbers, type NdArray } from "./array.ts";
import { FormatError } from "./error.ts";
import { gunzip, type InflateOptions, isGzip } from "./gzip.ts";

const TYPES: ReadonlyMap<number, DType> = new Map([
  [0x08, "u1"],
  [0x09, "i1"],
  [0x0b, "i2"],
  [0x0c, "i4"],
  [0x0d, "f4"],
  [0x0e, "f8"],
]);

/** Looks like IDX: two zero bytes, a known type, one to eight dimensions. */
export const isIdx = (bytes: Uint8Array): boolean =>
  bytes[0] === 0 && bytes[1] === 0 && TYPES.has(bytes[2] ?? 0) && bytes[3]! >= 1 && bytes[3]! <= 8;

/**
 * Reads IDX, the format of MNIST, plain or gzipped.
 *
 * @throws FormatError when the bytes are not IDX or their number is not what the header says
 * @source LeCun, Cortes, Burges, "The MNIST database": file format
 */
export function readIdx(file: Uint8Array, options: InflateOptions = {}): NdArray {
  const bytes = isGzip(file) ? gunzip(file, options) : file;
  if (!isIdx(bytes)) {
    throw new FormatError("IDX", "the file does not begin with IDX's magic number (00 00 type dimensions).");
  }
  const dtype = TYPES.get(bytes[2]!)!;
  const rank = bytes[3]!;
  const start = 4 + 4 * rank;
  if (bytes.length < start) throw new FormatError("IDX", "the header is cut short.");
  const view = new DataView(bytes.buffer, bytes.byteOffset, start);
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const available = bytes.length - start;
  const size = checkedCount("IDX", shape, BYTES_PER_ELEMENT[dtype], available) * BYTES_PER_ELEMENT[dtype];
  if (size !== available) {
    throw new FormatError("IDX", `the header claims shape [${shape}] (${size} bytes), but ${available} bytes follow.`);
  }
  return { dtype, shape, data: decodeNumbers(bytes.subarray(start), dtype, false) };
}

/** @throws FormatError for element types that IDX lacks, or a shape that it cannot hold */
export function writeIdx(array: NdArray): Uint8Array {
  const code = [...TYPES].find(([, dtype]) => dtype === array.dtype)?.[0];
  if (code === undefined) throw new FormatError("IDX", `the format has no element type ${array.dtype}.`);
  const { shape } = array;
  if (shape.length < 1 || shape.length > 8 || shape.some((size) => size >= 2 ** 32)) {
    throw new FormatError("IDX", `the format cannot hold shape [${shape}].`);
  }
  const body = encodeNumbers(array.data, false);
  const out = new Uint8Array(4 + 4 * shape.length + body.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, (code << 8) | shape.length);
  shape.forEach((size, i) => {
    view.setUint32(4 + 4 * i, size);
  });
  out.set(body, 4 + 4 * shape.length);
  return out;
}
