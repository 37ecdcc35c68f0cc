/** @file Tensors of test data: any values of the types that Assay knows, without the importer's refusals. */

import { UnsupportedError } from "../../src/formats/onnx/error.ts";
import { DATA_TYPE, dataTypeName, type TensorProto } from "../../src/formats/onnx/proto.ts";
import type { Tensor } from "../../src/graph/types.ts";

/** @throws UnsupportedError for element types outside the op set */
export function caseTensor(proto: TensorProto, name: string): Tensor {
  const shape = [...(proto.dims ?? [])];
  const raw = proto.rawData?.length ? new Uint8Array(proto.rawData).buffer : undefined;
  const numbers = (values: readonly number[] | undefined) => values ?? [];
  switch (proto.dataType) {
    case DATA_TYPE.FLOAT:
      return { dtype: "float", shape, data: raw ? new Float32Array(raw) : Float32Array.from(numbers(proto.floatData)) };
    case DATA_TYPE.DOUBLE:
      return {
        dtype: "float",
        shape,
        data: raw ? new Float64Array(raw) : Float64Array.from(numbers(proto.doubleData)),
      };
    case DATA_TYPE.INT64: {
      const values = raw ? Array.from(new BigInt64Array(raw), Number) : numbers(proto.int64Data);
      return {
        dtype: "int",
        shape,
        data: Int32Array.from(values, (value) => Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, value))),
      };
    }
    case DATA_TYPE.INT32:
      return { dtype: "int", shape, data: raw ? new Int32Array(raw) : Int32Array.from(numbers(proto.int32Data)) };
    case DATA_TYPE.BOOL:
      return { dtype: "bool", shape, data: raw ? new Uint8Array(raw) : Uint8Array.from(numbers(proto.int32Data)) };
    default:
      throw new UnsupportedError(`"${name}" holds ${dataTypeName(proto.dataType)}`);
  }
}
