/** @file Residual networks as people build them, their plain relatives, and dense layers before convolutions. */

import { floatTensor } from "../../src/graph/tensor.ts";
import { makeGraph } from "../../src/graph/traverse.ts";
import type { Builder, Graph, Value } from "../../src/graph/types.ts";
import { builder } from "../../src/ops/index.ts";
import { type Rng, rng } from "../../src/random/rng.ts";
import { randomTensor } from "./nets.ts";

export interface ResidualOptions {
  readonly seed?: number;
  /** Channels, height and width of the input. */
  readonly input?: readonly [number, number];
  /** The first convolution: its channels and stride. */
  readonly stem: readonly [channels: number, stride: number];
  /** Each block's channels and stride: two 3 × 3 convolutions. */
  readonly blocks: readonly (readonly [channels: number, stride: number])[];
  /** Add each block's input to its result; a 1 × 1 convolution fits it where the shape changes. */
  readonly residual?: boolean;
  readonly norm?: boolean;
  /** Units of the dense layers at the end. */
  readonly dense?: readonly number[];
  /** An average over all positions before the dense layers. */
  readonly pool?: boolean;
}

interface Site {
  readonly b: Builder;
  readonly random: Rng;
  readonly norm: boolean;
}

/** A 3 × 3 (or 1 × 1) convolution, with a normalisation or a bias. */
function conv({ b, random, norm }: Site, name: string, x: Value, channels: number, stride: number, kernel = 3): Value {
  const from = x.shape[1] as number;
  const r = random.split(name);
  const pad = (kernel - 1) / 2;
  const w = randomTensor(r.split("w"), [channels, from, kernel, kernel], 1 / Math.sqrt(from * kernel * kernel));
  const attrs = { strides: [stride, stride], dilations: [1, 1], pads: [pad, pad, pad, pad], group: 1 };
  let y: Value = b.emit("Conv", [x, b.constant(w)], attrs);
  if (norm) {
    const scales = Float64Array.from({ length: channels }, () => Math.fround(0.5 + r.uniform()));
    y = b.emit("Mul", [y, b.constant(floatTensor([1, channels, 1, 1], scales))]);
  }
  return b.emit("Add", [y, b.constant(randomTensor(r.split("b"), [1, channels, 1, 1], 0.2))]);
}

function block(site: Site, name: string, x: Value, channels: number, stride: number, residual: boolean): Value {
  const { b } = site;
  const inner = b.emit("Relu", [conv(site, `${name}/1`, x, channels, stride)]);
  let y = conv(site, `${name}/2`, inner, channels, 1);
  if (residual) {
    const fits = stride === 1 && x.shape[1] === channels;
    y = b.emit("Add", [y, fits ? x : conv({ ...site, norm: false }, `${name}/short`, x, channels, stride, 1)]);
  }
  return b.emit("Relu", [y]);
}

function head({ b, random }: Site, x: Value, units: readonly number[]): Value {
  let y = x;
  units.forEach((count, layer) => {
    const r = random.split(`dense/${layer}`);
    const size = y.shape[1] as number;
    const w = b.constant(randomTensor(r.split("w"), [size, count], 1 / Math.sqrt(size)));
    y = b.emit("Add", [b.emit("MatMul", [y, w]), b.constant(randomTensor(r.split("b"), [count], 0.2))]);
    if (layer < units.length - 1) y = b.emit("Relu", [y]);
  });
  return y;
}

const flat = (b: Builder, x: Value): Value =>
  b.emit("Reshape", [x], { shape: ["N", (x.shape.slice(1) as number[]).reduce((p, q) => p * q, 1)] });

export function residualNet(options: ResidualOptions): Graph {
  const { seed = 1, input = [3, 32], stem, blocks, residual = true, norm = false, dense = [10], pool } = options;
  const site: Site = { b: builder(), random: rng(seed), norm };
  const { b } = site;
  const image = b.input("x", ["N", input[0], input[1], input[1]]);
  let x: Value = b.emit("Relu", [conv(site, "stem", image, ...stem)]);
  blocks.forEach(([channels, stride], k) => {
    x = block(site, `block/${k}`, x, channels, stride, residual);
  });
  if (pool) {
    const area = (x.shape[2] as number) * (x.shape[3] as number);
    x = b.emit("Mul", [b.emit("ReduceSum", [x], { axes: [2, 3], keepdims: true }), b.constant(1 / area)]);
  }
  return makeGraph([image], [{ name: "logits", value: head(site, flat(b, x), dense) }]);
}

/** A dense layer (with ReLU where `relu`), read as an image, then 3 × 3 convolutions with ReLU. */
export function denseThenConv(options: {
  readonly seed?: number;
  readonly inputs: number;
  readonly image: readonly [number, number];
  readonly channels: readonly number[];
  readonly relu?: boolean;
}): Graph {
  const { seed = 1, inputs, image, channels, relu = false } = options;
  const site: Site = { b: builder(), random: rng(seed), norm: false };
  const { b, random } = site;
  const x = b.input("x", ["N", inputs]);
  const shape = [image[0], image[1], image[1]];
  const size = image[0] * image[1] ** 2;
  const w = b.constant(randomTensor(random.split("first"), [inputs, size], 1 / Math.sqrt(inputs)));
  let y: Value = b.emit("MatMul", [x, w]);
  if (relu) y = b.emit("Relu", [y]);
  y = b.emit("Reshape", [y], { shape: ["N", ...shape] });
  channels.forEach((count, k) => {
    y = b.emit("Relu", [conv(site, `conv/${k}`, y, count, 1)]);
  });
  return makeGraph([x], [{ name: "logits", value: head(site, flat(b, y), [10]) }]);
}
