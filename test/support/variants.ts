/** @file Small image networks with every kind of layer: strides, padding, residual sums, pools, normalisations. */

import { floatTensor } from "../../src/graph/tensor.ts";
import { makeGraph } from "../../src/graph/traverse.ts";
import type { Builder, Graph, Value } from "../../src/graph/types.ts";
import { substitute } from "../../src/methods/network.ts";
import { builder } from "../../src/ops/index.ts";
import { rng } from "../../src/random/rng.ts";
import { convNet, randomTensor } from "./nets.ts";

const SIZE = 7;

/** x − mean over std, with stds that differ. */
function normalised(graph: Graph, channels: number): Graph {
  const b = builder();
  const x = b.input("x", graph.inputs[0]!.shape);
  const perChannel = (value: (c: number) => number) =>
    b.constant(
      floatTensor(
        [1, channels, 1, 1],
        Array.from({ length: channels }, (_, c) => Math.fround(value(c))),
      ),
    );
  const centred = b.emit("Sub", [x, perChannel((c) => 0.45 + 0.05 * c)]);
  const scaled = b.emit("Div", [centred, perChannel((c) => 0.2 + 0.15 * c)]);
  return substitute(graph, new Map([[graph.inputs[0]!, scaled]]), [x]);
}

type Block = (b: Builder, x: Value) => Value;

const STRIDE_ONE = { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1], group: 1 };
const HALVES = { kernel: [2, 2], strides: [2, 2], dilations: [1, 1], pads: [0, 0, 1, 1] };

/** Convolution, then a block, a ReLU and a dense layer. */
function around(seed: number, block: Block): Graph {
  const b = builder();
  const random = rng(seed);
  const x = b.input("x", ["N", 2, SIZE, SIZE]);
  const conv = (input: Value, from: number, to: number, name: string): Value =>
    b.emit(
      "Conv",
      [input, b.constant(randomTensor(random.split(name), [to, from, 3, 3], 1 / Math.sqrt(9 * from)))],
      STRIDE_ONE,
    );
  const first = b.emit("Relu", [block(b, conv(x, 2, 3, "first"))]);
  const second = b.emit("Relu", [conv(first, 3, 2, "second")]);
  const features = (second.shape.slice(1) as number[]).reduce((p, q) => p * q, 1);
  const flat = b.emit("Reshape", [second], { shape: ["N", features] });
  const last = b.constant(randomTensor(random.split("last"), [features, 3], 2 / Math.sqrt(features)));
  return makeGraph([x], [{ name: "logits", value: b.emit("MatMul", [flat, last]) }]);
}

const batchNorm: Block = (b, x) => {
  const perChannel = (...values: number[]) => b.constant(floatTensor([1, 3, 1, 1], values.map(Math.fround)));
  return b.emit("Add", [b.emit("Mul", [x, perChannel(1.3, -0.8, 2.1)]), perChannel(0.1, 0.4, -0.3)]);
};
const maxPool: Block = (b, x) => b.emit("MaxPool", [x], HALVES);
const averagePool: Block = (b, x) => {
  const sums = b.emit("ReduceSum", [b.emit("Unfold", [x], HALVES)], { axes: [2], keepdims: false });
  return b.emit("Mul", [sums, b.constant(0.25)]);
};
/** Channels dropped, doubled and set to zero: dead units, copies, pre-activations that are exactly 0. */
const copies: Block = (b, x) => {
  const picked = b.emit("Gather", [x, b.ints([0, 0, 1])], { axis: 1 });
  return b.emit("Mul", [picked, b.constant(floatTensor([1, 3, 1, 1], [1, 1, 0]))]);
};

const plainConvolutions = convNet(
  11,
  [2, SIZE],
  [
    { channels: 3, kernel: 3, stride: 2, pad: 1 },
    { channels: 4, kernel: 2, stride: 1, pad: 0 },
  ],
  [5, 3],
);
const residual = convNet(
  12,
  [2, 6],
  [0, 1, 2].map(() => ({ channels: 2, kernel: 3, stride: 1, pad: 1 })),
  [3],
  true,
);

/** Without branches and maxima: `plainOf` turns them into matrices. */
export const SEQUENTIAL: Record<string, Graph> = {
  convolutions: plainConvolutions,
  "normalised input": normalised(plainConvolutions, 2),
  "batch normalisation": around(13, batchNorm),
  "average pool": around(14, averagePool),
  "copied and dead channels": around(15, copies),
};

export const VARIANTS: Record<string, Graph> = {
  ...SEQUENTIAL,
  residual,
  "normalised residual": normalised(residual, 2),
  "max pool": around(16, maxPool),
  "max pool of a batch normalisation": around(17, (b, x) => maxPool(b, batchNorm(b, x))),
};
