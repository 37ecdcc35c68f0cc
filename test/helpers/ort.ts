/** @file Plain ONNX Runtime for tests: the independent oracle. */

import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import type { DType, Tensor } from "../../src/graph/types.ts";

export type FloatType = "float32" | "float64";

export interface OrtModel {
  /** @returns every output of the model by name */
  run(feeds: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>>;
  release(): Promise<void>;
}

export async function openOnnx(model: Uint8Array, float: FloatType = "float32"): Promise<OrtModel> {
  const session = await InferenceSession.create(model, { logSeverityLevel: 3, intraOpNumThreads: 1 });
  return {
    run: async (feeds) => {
      const inputs = Object.fromEntries(session.inputNames.map((name) => [name, toOrt(feeds.get(name)!, float)]));
      const outputs = await session.run(inputs);
      return new Map(session.outputNames.map((name) => [name, fromOrt(outputs[name]!)]));
    },
    release: () => session.release(),
  };
}

/** One run of a model. */
export async function runOnnx(
  model: Uint8Array,
  feeds: ReadonlyMap<string, Tensor>,
  float: FloatType = "float32",
): Promise<Map<string, Tensor>> {
  const session = await openOnnx(model, float);
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

function toOrt({ dtype, shape, data }: Tensor, float: FloatType): OrtTensor {
  if (dtype === "int") return new OrtTensor("int64", BigInt64Array.from(data, BigInt), shape);
  if (dtype === "bool") return new OrtTensor("bool", Uint8Array.from(data), shape);
  return new OrtTensor(float, float === "float32" ? Float32Array.from(data) : Float64Array.from(data), shape);
}

function fromOrt({ type, dims, data }: OrtTensor): Tensor {
  const dtype: DType = type === "bool" ? "bool" : type.startsWith("float") ? "float" : "int";
  const values = data as Float32Array | Float64Array | BigInt64Array | Uint8Array;
  if (dtype === "float") return { dtype, shape: dims, data: values as Float32Array };
  if (dtype === "bool") return { dtype, shape: dims, data: Uint8Array.from(values as Uint8Array) };
  return { dtype, shape: dims, data: Int32Array.from(values as Iterable<unknown> as Iterable<bigint>, Number) };
}
