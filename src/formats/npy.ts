import {
  type ArrayData,
  BYTES_PER_ELEMENT,
  checkedCount,
  type DType,
  decodeNumbers,
  encodeNumbers,
  type NdArray,
} from "./array.ts";
import { FormatError } from "./error.ts";

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59] as const;
/** NumPy's own limit is 10,000 bytes of header; its arrays have at most 64 axes. */
const MAX_HEADER_BYTES = 65_536;
const MAX_RANK = 64;

export const isNpy = (bytes: Uint8Array): boolean => MAGIC.every((byte, i) => bytes[i] === byte);

/**
 * Reads NumPy's NPY, versions 1 to 3; Fortran order is turned into C order. Bytes after the array are refused.
 *
 * @throws FormatError for other element types (pickled objects, strings, complex and half floats), or a damaged file
 * @source NumPy Enhancement Proposal 1, and numpy.lib.format
 */
export function readNpy(bytes: Uint8Array): NdArray {
  const { header, start } = readHeader(bytes);
  const { dtype, littleEndian } = parseDescr(header);
  const shape = parseShape(header);
  const fortran = /'fortran_order'\s*:\s*(True|False)/.exec(header)?.[1];
  if (fortran === undefined) throw new FormatError("NPY", "the header does not say 'fortran_order'.");
  const available = bytes.length - start;
  const size = checkedCount("NPY", shape, BYTES_PER_ELEMENT[dtype], available) * BYTES_PER_ELEMENT[dtype];
  if (size !== available) {
    throw new FormatError("NPY", `${available - size} bytes follow the array of shape [${shape}].`);
  }
  const data = decodeNumbers(bytes.subarray(start), dtype, littleEndian);
  return { dtype, shape, data: fortran === "True" && shape.length > 1 ? toCOrder(data, shape) : data };
}

function readHeader(bytes: Uint8Array): { readonly header: string; readonly start: number } {
  if (!isNpy(bytes)) throw new FormatError("NPY", "the file does not begin with NumPy's magic string.");
  const version = bytes[6] ?? 0;
  if (version < 1 || version > 3) throw new FormatError("NPY", `version ${version} is unknown; 1 to 3 are read.`);
  const lengthBytes = version === 1 ? 2 : 4;
  const start = 8 + lengthBytes;
  if (bytes.length < start) throw new FormatError("NPY", "the header is cut short.");
  const view = new DataView(bytes.buffer, bytes.byteOffset, start);
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MAX_HEADER_BYTES || start + length > bytes.length) {
    throw new FormatError("NPY", `a header of ${length} bytes is claimed, ${bytes.length - start} are there.`);
  }
  return { header: new TextDecoder().decode(bytes.subarray(start, start + length)), start: start + length };
}

function parseDescr(header: string): { readonly dtype: DType; readonly littleEndian: boolean } {
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(header)?.[1];
  const [, order, code] = /^([<>|=])([a-z]\d+)$/.exec(descr ?? "") ?? [];
  if (code === undefined || !(code in BYTES_PER_ELEMENT)) {
    throw new FormatError(
      "NPY",
      `element type ${descr ?? "(a record)"} is not read; save it as float32, float64, an integer type or bool.`,
    );
  }
  return { dtype: code as DType, littleEndian: order !== ">" };
}

function parseShape(header: string): number[] {
  const inner = /'shape'\s*:\s*\(([\d\s,L]*)\)/.exec(header)?.[1];
  if (inner === undefined) throw new FormatError("NPY", "the header has no shape.");
  // Python 2 wrote sizes as 3L.
  const shape = inner
    .split(",")
    .map((size) => size.trim().replace(/L$/, ""))
    .filter((size) => size !== "")
    .map(Number);
  if (shape.length > MAX_RANK) throw new FormatError("NPY", `${shape.length} axes; NumPy has at most ${MAX_RANK}.`);
  return shape;
}

/** Column-major to row-major: walks the output in order and keeps the input position by an odometer. */
function toCOrder(data: ArrayData, shape: readonly number[]): ArrayData {
  const out = data.slice();
  const strides: number[] = [];
  let stride = 1;
  for (const size of shape) {
    strides.push(stride);
    stride *= size;
  }
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < out.length; to++) {
    out[to] = data[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      index[axis]!++;
      if (index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

/** Version 1, little-endian, C order, data aligned to 64 bytes, as NumPy writes it. */
export function writeNpy({ dtype, shape, data }: NdArray): Uint8Array {
  const order = BYTES_PER_ELEMENT[dtype] === 1 ? "|" : "<";
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '${order}${dtype}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64;
  const body = encodeNumbers(data, true);
  const out = new Uint8Array(length + body.length);
  out.set([...MAGIC, 1, 0]);
  new DataView(out.buffer).setUint16(8, length - 10, true);
  out.set(new TextEncoder().encode(`${text.padEnd(length - 11)}\n`), 10);
  out.set(body, length);
  return out;
}
