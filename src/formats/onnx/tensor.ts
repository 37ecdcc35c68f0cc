/** @file TensorProto → Tensor: sizes are checked against the bytes present before anything is allocated. */

import type { Tensor } from "../../graph/types.ts";
import { fromHalf } from "../float16.ts";
import { OnnxError, printable, UnsupportedError } from "./error.ts";
import { DATA_TYPE, dataTypeName, type TensorProto } from "./proto.ts";

/** Reads a file that a model names, relative to the model's folder. */
export type ReadExternal = (path: string) => Uint8Array;

/** The external files of one model, and how much of them its tensors claim. */
export interface ExternalData {
  read(path: string): Uint8Array;
  claim(bytes: number, tensor: string): void;
}

/** Tied weights may be listed more than once, but not without end. */
const MAX_CLAIMS_PER_BYTE = 4;

export function externalData(read: ReadExternal): ExternalData {
  const known = new Set<string>();
  let [present, claimed] = [0, 0];
  return {
    read: (path) => {
      const bytes = read(path);
      if (!known.has(path)) present += bytes.length;
      known.add(path);
      return bytes;
    },
    claim: (bytes, tensor) => {
      claimed += bytes;
      if (claimed > MAX_CLAIMS_PER_BYTE * present)
        throw new OnnxError(`tensor "${tensor}" overlaps others in its file: the file is damaged`);
    },
  };
}

/** float32 elements of 4 GiB: what ONNX Runtime itself could hold. */
const MAX_TENSOR_ELEMENTS = 2 ** 30;

/** More axes than any op has a use for. */
export const MAX_RANK = 32;

/** Integers live in 32 bits here; larger ones mean "to the end" or "all" in ONNX files. */
const saturate = (value: number): number => Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, value));

/**
 * Floats stay views of `rawData` where its alignment allows.
 *
 * @throws UnsupportedError for strings, complex numbers, bfloat16 and numbers of fewer than 8 bits
 * @throws OnnxError when shape and bytes differ, or a value is not finite (−∞ is a mask, and +∞ alone a bound: both pass)
 */
export function readTensor(proto: TensorProto, name: string, external?: ExternalData): Tensor {
  const shape = readShape(proto.dims ?? [], name);
  const count = shape.reduce((a, b) => a * b, 1);
  if (proto.segment) throw new UnsupportedError(`tensor "${name}" is stored in segments; save the model in one piece`);
  const raw = proto.dataLocation === 1 ? readExternalData(proto, name, external) : proto.rawData;
  const bytes = raw && (raw.length > 0 || count === 0 || proto.dataLocation === 1) ? raw : undefined;
  switch (proto.dataType) {
    case DATA_TYPE.FLOAT:
      return finite(
        name,
        shape,
        bytes ? floats32(bytes, count, name) : listed(proto.floatData, count, name, Float32Array),
      );
    case DATA_TYPE.DOUBLE:
      return finite(
        name,
        shape,
        bytes ? floats64(bytes, count, name) : listed(proto.doubleData, count, name, Float64Array),
      );
    case DATA_TYPE.FLOAT16: {
      const halves = bytes ? words(Uint16Array, bytes, count, name) : integers(proto.int32Data, count, name);
      return finite(name, shape, Float32Array.from(halves, fromHalf));
    }
    case DATA_TYPE.UINT8:
    case DATA_TYPE.INT8:
    case DATA_TYPE.UINT16:
    case DATA_TYPE.INT16: {
      const values = bytes ? words(NARROW[proto.dataType], bytes, count, name) : integers(proto.int32Data, count, name);
      return { dtype: "float", shape, data: Float32Array.from(values) };
    }
    case DATA_TYPE.INT64:
      return { dtype: "int", shape, data: bytes ? ints64(bytes, count, name) : integers(proto.int64Data, count, name) };
    case DATA_TYPE.INT32:
      return { dtype: "int", shape, data: bytes ? ints32(bytes, count, name) : integers(proto.int32Data, count, name) };
    case DATA_TYPE.BOOL: {
      const values = bytes ? sized(bytes, count, name) : integers(proto.int32Data, count, name);
      return { dtype: "bool", shape, data: Uint8Array.from(values, (value) => (value === 0 ? 0 : 1)) };
    }
    default:
      throw new UnsupportedError(
        `tensor "${name}" holds ${dataTypeName(proto.dataType)}; supported are floats of 16 to 64 bits, integers of 8 to 64 and bool: convert the model to float32`,
      );
  }
}

type Words = Uint8Array | Int8Array | Uint16Array | Int16Array;

interface WordArray {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, offset: number, length: number): Words;
}

/** Whole numbers of few bits are kept as floats: see element.ts. */
const NARROW = {
  [DATA_TYPE.UINT8]: Uint8Array as WordArray,
  [DATA_TYPE.INT8]: Int8Array as WordArray,
  [DATA_TYPE.UINT16]: Uint16Array as WordArray,
  [DATA_TYPE.INT16]: Int16Array as WordArray,
} as const;

function words(kind: WordArray, bytes: Uint8Array, count: number, name: string): Words {
  const width = kind.BYTES_PER_ELEMENT;
  const { buffer, byteOffset } = aligned(sized(bytes, count, name, width), width);
  return new kind(buffer, byteOffset, count);
}

function readShape(dims: readonly number[], name: string): number[] {
  if (dims.length > MAX_RANK)
    throw new OnnxError(`tensor "${name}" has ${dims.length} axes; at most ${MAX_RANK} are read`);
  let count = 1;
  for (const dim of dims) {
    count *= dim;
    if (!Number.isSafeInteger(dim) || dim < 0 || !(count <= MAX_TENSOR_ELEMENTS))
      throw new OnnxError(`tensor "${name}" has the impossible shape [${printable(dims.join(", "))}]`);
  }
  return [...dims];
}

function finite(name: string, shape: number[], data: Float32Array | Float64Array): Tensor {
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    // x − x is 0 for finite x alone
    if (value - value !== 0 && value !== Number.NEGATIVE_INFINITY && (data.length > 1 || Number.isNaN(value)))
      throw new OnnxError(
        `tensor "${name}" holds ${value} at element ${i}; a model with such weights cannot be examined`,
      );
  }
  return { dtype: "float", shape, data };
}

const wrongSize = (name: string, count: number, got: string): OnnxError =>
  new OnnxError(`tensor "${name}" needs ${count} elements, but ${got} are stored: the file is damaged`);

function sized(bytes: Uint8Array, length: number, name: string, width = 1): Uint8Array {
  if (bytes.length !== length * width) throw wrongSize(name, length, `${bytes.length / width}`);
  return bytes;
}

/** The same bytes where they start at a multiple of `width`, else a copy. */
const aligned = (bytes: Uint8Array, width: number): ArrayBufferView =>
  bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);

function floats32(bytes: Uint8Array, count: number, name: string): Float32Array {
  const { buffer, byteOffset } = aligned(sized(bytes, count, name, 4), 4);
  return new Float32Array(buffer, byteOffset, count);
}

function floats64(bytes: Uint8Array, count: number, name: string): Float64Array {
  const { buffer, byteOffset } = aligned(sized(bytes, count, name, 8), 8);
  return new Float64Array(buffer, byteOffset, count);
}

function ints64(bytes: Uint8Array, count: number, name: string): Int32Array {
  const { buffer, byteOffset } = aligned(sized(bytes, count, name, 8), 8);
  return Int32Array.from(new BigInt64Array(buffer, byteOffset, count), (value) => saturate(Number(value)));
}

function ints32(bytes: Uint8Array, count: number, name: string): Int32Array {
  const { buffer, byteOffset } = aligned(sized(bytes, count, name, 4), 4);
  return new Int32Array(buffer, byteOffset, count);
}

function listed<T>(
  values: readonly number[] = [],
  count: number,
  name: string,
  type: { from(values: readonly number[]): T },
): T {
  if (values.length !== count) throw wrongSize(name, count, `${values.length}`);
  return type.from(values);
}

const integers = (values: readonly number[] = [], count: number, name: string): Int32Array =>
  listed(values, count, name, { from: (list) => Int32Array.from(list, saturate) });

function readExternalData(proto: TensorProto, name: string, external?: ExternalData): Uint8Array {
  const entries = new Map((proto.externalData ?? []).map(({ key, value }) => [key, value ?? ""]));
  const path = safeExternalPath(entries.get("location") ?? "", name);
  if (!external)
    throw new OnnxError(`tensor "${name}" is stored in the file "${path}"; load the model from a path, not from bytes`);
  const file = external.read(path);
  const offset = byteCount(entries.get("offset"), 0, name);
  const length = byteCount(entries.get("length"), file.length - offset, name);
  if (length < 0 || offset + length > file.length)
    throw new OnnxError(
      `tensor "${name}" lies outside its file "${path}" of ${file.length} bytes: the file is damaged`,
    );
  external.claim(length, name);
  return file.subarray(offset, offset + length);
}

function byteCount(text: string | undefined, missing: number, name: string): number {
  if (text === undefined || text === "") return missing;
  if (!/^\d{1,15}$/.test(text))
    throw new OnnxError(`tensor "${name}" has the impossible external offset or length "${text}"`);
  return Number(text);
}

/**
 * A relative path that stays in the model's folder, with forward slashes.
 *
 * @throws OnnxError for absolute paths, drive letters, `..` and empty segments
 */
export function safeExternalPath(location: string, tensor: string): string {
  const segments = location.split(/[\\/]/);
  const leaves = segments.some((segment) => segment === ".." || segment === "");
  if (location.length > 1024 || leaves || /[\0:]/.test(location))
    throw new OnnxError(
      `tensor "${tensor}" wants the file "${location}", outside the model's folder; put its data beside the model`,
    );
  return segments.filter((segment) => segment !== ".").join("/");
}
