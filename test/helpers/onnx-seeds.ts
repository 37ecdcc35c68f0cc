/** @file Small real models, as files: what the fuzz test mutates. */

import { exportOnnx } from "../../src/formats/onnx/export.ts";
import {
  type AttributeProto,
  DATA_TYPE,
  type DimensionProto,
  encodeModel,
  type GraphProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from "../../src/formats/onnx/proto.ts";
import { makeGraph } from "../../src/graph/traverse.ts";
import type { Tensor } from "../../src/graph/types.ts";
import { builder } from "../../src/ops/index.ts";
import { rng } from "../../src/random/rng.ts";

export const floats = (name: string, dims: readonly number[], data: readonly number[]): TensorProto => ({
  name,
  dims,
  dataType: DATA_TYPE.FLOAT,
  rawData: new Uint8Array(Float32Array.from(data).buffer),
});

export const ints = (name: string, data: readonly number[]): TensorProto => ({
  name,
  dims: [data.length],
  dataType: DATA_TYPE.INT64,
  int64Data: data,
});

export const attributeInts = (name: string, values: readonly number[]): AttributeProto => ({
  name,
  type: 7,
  ints: values,
});
export const attributeInt = (name: string, value: number): AttributeProto => ({ name, type: 2, i: value });

export const info = (
  name: string,
  dims: readonly (number | string)[],
  elemType: number = DATA_TYPE.FLOAT,
): ValueInfoProto => ({
  name,
  type: {
    tensorType: {
      elemType,
      shape: {
        dim: dims.map((dim): DimensionProto => (typeof dim === "number" ? { dimValue: dim } : { dimParam: dim })),
      },
    },
  },
});

export const node = (
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attribute: readonly AttributeProto[] = [],
): NodeProto => ({ opType, name: `${opType}_${output[0]}`, input, output, attribute });

export const modelFile = (graph: GraphProto, version = 17): Uint8Array =>
  encodeModel({ irVersion: 8, opsetImport: [{ domain: "", version }], graph });

function weights(label: string, shape: readonly number[]): Tensor {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  rng(5).split(label).fillNormal(data, 0, 0.3);
  return { dtype: "float", shape, data };
}

/** Convolution, pooling, a dense layer and softmax, as this program writes them. */
function convolutional(): Uint8Array {
  const b = builder();
  const x = b.input("x", ["N", 2, 8, 8]);
  const window = { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1] };
  const features = b.emit("Relu", [
    b.emit("Conv", [x, b.constant(weights("conv", [3, 2, 3, 3]))], { ...window, group: 1 }),
  ]);
  const pooled = b.emit("MaxPool", [features], { ...window, pads: [0, 0, 0, 0], strides: [2, 2], kernel: [2, 2] });
  const flat = b.emit("Reshape", [pooled], { shape: ["N", 48] });
  const logits = b.emit("Add", [
    b.emit("MatMul", [flat, b.constant(weights("dense", [48, 5]))]),
    b.constant(weights("bias", [5])),
  ]);
  return exportOnnx(makeGraph([x], [{ name: "y", value: b.emit("Softmax", [logits], { axis: 1 }) }]));
}

/** Shape arithmetic as PyTorch writes it, with Slice, Gather, Pad, Split and Resize. */
const shapeArithmetic = (): Uint8Array =>
  modelFile({
    node: [
      node("Shape", ["x"], ["shape"]),
      node("Gather", ["shape", "zero"], ["batch"], [attributeInt("axis", 0)]),
      node("Unsqueeze", ["batch", "axes"], ["batch1"]),
      node("Concat", ["batch1", "rest"], ["target"], [attributeInt("axis", 0)]),
      node("Reshape", ["x", "target"], ["flat"]),
      node("Slice", ["flat", "zero1", "six", "one"], ["part"]),
      node("Pad", ["part", "pads"], ["padded"]),
      node("Split", ["padded", "sizes"], ["a", "b"], [attributeInt("axis", 1)]),
      node("Mul", ["a", "b"], ["product"]),
      node("ReduceMean", ["product"], ["mean"], [attributeInts("axes", [1]), attributeInt("keepdims", 1)]),
      node("Resize", ["x", "", "scales"], ["large"]),
      node("ReduceSum", ["large", "spatial"], ["sums"], [attributeInt("keepdims", 0)]),
      node("Add", ["sums", "mean"], ["y"]),
    ],
    initializer: [
      { name: "zero", dims: [], dataType: DATA_TYPE.INT64, int64Data: [0] },
      ints("axes", [0]),
      ints("zero1", [0]),
      ints("one", [1]),
      ints("six", [6]),
      ints("rest", [-1]),
      ints("pads", [0, 1, 0, 1]),
      ints("sizes", [4, 4]),
      ints("spatial", [2, 3]),
      floats("scales", [4], [1, 1, 2, 2]),
    ],
    input: [info("x", ["batch", 1, 2, 4])],
    output: [info("y", ["batch", 1])],
  });

/** Normalisation, Gemm and pools of an older opset. */
const classic = (): Uint8Array =>
  modelFile(
    {
      node: [
        node("BatchNormalization", ["x", "one2", "two2", "one2", "two2"], ["bn"]),
        node("Conv", ["bn", "w"], ["conv"], [attributeInts("strides", [2, 2]), attributeInts("pads", [0, 1, 0, 1])]),
        node(
          "AveragePool",
          ["conv"],
          ["pool"],
          [attributeInts("kernel_shape", [2, 2]), attributeInts("pads", [1, 0, 0, 1])],
        ),
        node("Clip", ["pool"], ["clip"], [{ name: "min", type: 1, f: 0 }]),
        node("Flatten", ["clip"], ["flat"], [attributeInt("axis", 1)]),
        node("Gemm", ["flat", "dense", "bias"], ["y"], [attributeInt("transB", 1), { name: "alpha", type: 1, f: 0.5 }]),
      ],
      initializer: [
        floats("one2", [2], [1, 1]),
        floats("two2", [2], [2, 2]),
        floats("w", [1, 2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]),
        floats("dense", [2, 6], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
        floats("bias", [2], [0.5, -0.5]),
      ],
      input: [info("x", [1, 2, 4, 4])],
      output: [info("y", [1, 2])],
    },
    9,
  );

/** Each imports and runs. */
export const seeds = (): readonly Uint8Array[] => [convolutional(), shapeArithmetic(), classic()];
