/** @file The messages of onnx.proto that Assay reads and writes, and their bounded decoding. */

import protobuf from "protobufjs/light.js";
import { onnxSchema } from "./schema.generated.ts";

/** Every field may be absent, as in any protobuf message; 64-bit integers are numbers, exact within ±2⁵³. */
export interface TensorProto {
  readonly name?: string;
  readonly dims?: readonly number[];
  readonly dataType?: number;
  readonly segment?: object | null;
  readonly floatData?: readonly number[];
  readonly int32Data?: readonly number[];
  readonly int64Data?: readonly number[];
  readonly doubleData?: readonly number[];
  readonly uint64Data?: readonly number[];
  readonly rawData?: Uint8Array;
  readonly externalData?: readonly { readonly key?: string; readonly value?: string }[];
  readonly dataLocation?: number;
}

export interface AttributeProto {
  readonly name?: string;
  readonly refAttrName?: string;
  readonly type?: number;
  readonly f?: number;
  readonly i?: number;
  readonly s?: Uint8Array;
  readonly t?: TensorProto | null;
  readonly g?: GraphProto | null;
  readonly floats?: readonly number[];
  readonly ints?: readonly number[];
  readonly strings?: readonly Uint8Array[];
}

export interface NodeProto {
  readonly input?: readonly string[];
  readonly output?: readonly string[];
  readonly name?: string;
  readonly opType?: string;
  readonly domain?: string;
  readonly overload?: string;
  readonly attribute?: readonly AttributeProto[];
}

export interface DimensionProto {
  readonly dimValue?: number;
  readonly dimParam?: string;
  /** Which of the two is set. */
  readonly value?: "dimValue" | "dimParam";
}

export interface TypeProto {
  readonly tensorType?: {
    readonly elemType?: number;
    readonly shape?: { readonly dim?: readonly DimensionProto[] } | null;
  } | null;
}

export interface ValueInfoProto {
  readonly name?: string;
  readonly type?: TypeProto | null;
}

export interface GraphProto {
  readonly name?: string;
  readonly node?: readonly NodeProto[];
  readonly initializer?: readonly TensorProto[];
  readonly sparseInitializer?: readonly object[];
  readonly input?: readonly ValueInfoProto[];
  readonly output?: readonly ValueInfoProto[];
  readonly valueInfo?: readonly ValueInfoProto[];
}

export interface ModelProto {
  readonly irVersion?: number;
  readonly opsetImport?: readonly { readonly domain?: string; readonly version?: number }[];
  readonly producerName?: string;
  readonly producerVersion?: string;
  readonly graph?: GraphProto | null;
  readonly functions?: readonly FunctionProto[];
}

/** A node's operator written in others, in the file itself. */
export interface FunctionProto {
  readonly name?: string;
  readonly domain?: string;
  readonly overload?: string;
  readonly input?: readonly string[];
  readonly output?: readonly string[];
  /** Names without a default. */
  readonly attribute?: readonly string[];
  /** With their defaults. */
  readonly attributeProto?: readonly AttributeProto[];
  readonly node?: readonly NodeProto[];
  readonly opsetImport?: readonly { readonly domain?: string; readonly version?: number }[];
}

/** TensorProto.DataType. */
export const DATA_TYPE = {
  FLOAT: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  STRING: 8,
  BOOL: 9,
  FLOAT16: 10,
  DOUBLE: 11,
  UINT32: 12,
  UINT64: 13,
  COMPLEX64: 14,
  COMPLEX128: 15,
  BFLOAT16: 16,
} as const;

export const dataTypeName = (type: number | undefined): string =>
  Object.entries(DATA_TYPE)
    .find(([, code]) => code === type)?.[0]
    ?.toLowerCase() ?? `data type ${type}`;

/** The inverse of `dataTypeName`. */
export const dataTypeOf = (name: string): number | undefined =>
  (DATA_TYPE as Readonly<Record<string, number>>)[name.toUpperCase()];

/** AttributeProto.AttributeType, those that Assay writes. */
export const ATTRIBUTE_TYPE = { FLOAT: 1, INT: 2, STRING: 3, TENSOR: 4, FLOATS: 6, INTS: 7 } as const;

/** A node has about 20 fields, so this is room for 200,000 nodes. */
export const MAX_FIELDS = 4_000_000;
/** Messages and strings: a field of two bytes becomes hundreds of bytes of objects. */
export const MAX_MESSAGES = 2_000_000;
/** 64-bit integers outside raw data: shapes, attributes, small tensors. */
export const MAX_INTEGERS = 20_000_000;

/** Reads 64-bit integers as numbers, and stops at a file whose decoded form would be far larger than the file. */
class BoundedReader extends protobuf.Reader {
  #fields = 0;
  #lengths = 0;
  #integers = 0;

  override tag(): number {
    if (++this.#fields > MAX_FIELDS) throw new RangeError(`more than ${MAX_FIELDS} fields`);
    return super.tag();
  }

  override size(): number {
    if (++this.#lengths > MAX_MESSAGES) throw new RangeError(`more than ${MAX_MESSAGES} messages and strings`);
    return super.size();
  }

  override int64(): never {
    if (++this.#integers > MAX_INTEGERS) throw new RangeError(`more than ${MAX_INTEGERS} integers`);
    return toNumber(super.int64());
  }

  override uint64(): never {
    if (++this.#integers > MAX_INTEGERS) throw new RangeError(`more than ${MAX_INTEGERS} integers`);
    return toNumber(super.uint64());
  }
}

/** The library types these as Long, whose class is absent where the package is bundled: then they are numbers already. */
const toNumber = (value: unknown): never =>
  (typeof value === "number" ? value : (value as { toNumber(): number }).toNumber()) as never;

/** Built on first use: a program that reads no model should not pay for it. */
const schema = (() => {
  let root: protobuf.Root | undefined;
  return (message: string): protobuf.Type => {
    root ??= protobuf.Root.fromJSON(onnxSchema);
    return root.lookupType(`onnx.${message}`);
  };
})();

/** @throws Error or RangeError of the protobuf library; `bytes` fields are views of the file. */
export const decodeModel = (bytes: Uint8Array): ModelProto =>
  schema("ModelProto").decode(new BoundedReader(bytes)) as ModelProto;

export const decodeTensor = (bytes: Uint8Array): TensorProto =>
  schema("TensorProto").decode(new BoundedReader(bytes)) as TensorProto;

/** @returns bytes with a buffer of their own, so that they can be sent to a worker */
export function encodeModel(model: ModelProto): Uint8Array {
  const { buffer, byteOffset, byteLength } = schema("ModelProto").encode(model).finish();
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  // small messages come from a pool
  return byteLength === buffer.byteLength ? bytes : bytes.slice();
}
