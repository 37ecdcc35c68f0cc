/** @file Random networks for property tests, and the real-arithmetic way to run graphs in float64. */

import { floatTensor } from "../../src/graph/tensor.ts";
import { makeGraph } from "../../src/graph/traverse.ts";
import type { Builder, Graph, Tensor, Value } from "../../src/graph/types.ts";
import { builder } from "../../src/ops/index.ts";
import { type Rng, rng } from "../../src/random/rng.ts";

export const randomTensor = (random: Rng, shape: readonly number[], scale = 1): Tensor => {
  const data = new Float64Array(shape.reduce((x, y) => x * y, 1));
  random.fillNormal(data, 0, scale);
  // float32 numbers, so that both precisions see the same network
  return floatTensor(shape, data.map(Math.fround));
};

const dense = (b: Builder, random: Rng, x: Value, units: number): Value => {
  const size = x.shape[1] as number;
  const w = b.constant(randomTensor(random.split("w"), [size, units], 1 / Math.sqrt(size)));
  const bias = b.constant(randomTensor(random.split("b"), [units], 0.2));
  return b.emit("Add", [b.emit("MatMul", [x, w]), bias]);
};

/** Dense ReLU network with these layer sizes, inputs first. */
export function denseNet(seed: number, sizes: readonly number[]): Graph {
  const b = builder();
  const random = rng(seed);
  const input = b.input("x", ["N", sizes[0]!]);
  let x: Value = input;
  sizes.slice(1).forEach((units, layer) => {
    x = dense(b, random.split(`layer/${layer}`), x, units);
    if (layer < sizes.length - 2) x = b.emit("Relu", [x]);
  });
  return makeGraph([input], [{ name: "logits", value: x }]);
}

export interface ConvLayer {
  readonly channels: number;
  readonly kernel: number;
  readonly stride: number;
  readonly pad: number;
}

/** Convolutions with ReLU on [channels, size, size], then dense layers. `residual` adds every second layer's input. */
export function convNet(
  seed: number,
  [channels, size]: readonly [number, number],
  layers: readonly ConvLayer[],
  denseSizes: readonly number[],
  residual = false,
): Graph {
  const b = builder();
  const random = rng(seed);
  const input = b.input("x", ["N", channels, size, size]);
  let x: Value = input;
  layers.forEach(({ channels: filters, kernel, stride, pad }, layer) => {
    const r = random.split(`conv/${layer}`);
    const from = x.shape[1] as number;
    const w = b.constant(
      randomTensor(r.split("w"), [filters, from, kernel, kernel], 1 / Math.sqrt(from * kernel * kernel)),
    );
    const attrs = { strides: [stride, stride], dilations: [1, 1], pads: [pad, pad, pad, pad], group: 1 };
    let y: Value = b.emit("Add", [
      b.emit("Conv", [x, w], attrs),
      b.constant(randomTensor(r.split("b"), [1, filters, 1, 1], 0.2)),
    ]);
    if (residual && `${y.shape}` === `${x.shape}`) y = b.emit("Add", [y, x]);
    x = b.emit("Relu", [y]);
  });
  const features = (x.shape.slice(1) as number[]).reduce((p, q) => p * q, 1);
  x = b.emit("Reshape", [x], { shape: ["N", features] });
  denseSizes.forEach((units, layer) => {
    x = dense(b, random.split(`dense/${layer}`), x, units);
    if (layer < denseSizes.length - 1) x = b.emit("Relu", [x]);
  });
  return makeGraph([input], [{ name: "logits", value: x }]);
}
