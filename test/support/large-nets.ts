/** @file ResNet-18, ResNet-50 and MobileNetV2 with random weights: large pictures, many channels. */

import { makeGraph } from "../../src/graph/traverse.ts";
import type { Builder, Graph, Value } from "../../src/graph/types.ts";
import { builder } from "../../src/ops/index.ts";
import { type Rng, rng } from "../../src/random/rng.ts";

export interface LargeOptions {
  readonly seed?: number;
  /** Height and width of the picture. */
  readonly size?: number;
  readonly classes?: number;
}

interface Layers {
  readonly b: Builder;
  /** A tensor of its own for each call. */
  readonly weights: (shape: readonly number[], scale: number) => Value;
}

function layersOf(seed: number): Layers {
  const b = builder();
  const random = rng(seed);
  let made = 0;
  const weights = (shape: readonly number[], scale: number): Value => {
    const data = new Float32Array(shape.reduce((product, dim) => product * dim, 1));
    // uniform: as good for memory and time, and drawn faster
    uniform(random.split(`${made++}`), data, scale * Math.sqrt(3));
    return b.constant({ dtype: "float", shape, data });
  };
  return { b, weights };
}

function uniform(random: Rng, data: Float32Array, bound: number): void {
  random.fillUniform(data, -bound, bound);
}

interface ConvShape {
  readonly kernel: number;
  readonly stride?: number;
  readonly group?: number;
}

/** A convolution and batch normalisation, which is a scale and a shift of each channel. */
function convolution({ b, weights }: Layers, x: Value, filters: number, { kernel, stride = 1, group = 1 }: ConvShape) {
  const fanIn = ((x.shape[1] as number) / group) * kernel * kernel;
  const w = weights([filters, (x.shape[1] as number) / group, kernel, kernel], Math.sqrt(2 / fanIn));
  const pad = (kernel - 1) / 2;
  const attrs = { strides: [stride, stride], dilations: [1, 1], pads: [pad, pad, pad, pad], group };
  const scaled = b.emit("Mul", [b.emit("Conv", [x, w], attrs), weights([1, filters, 1, 1], 0.7)]);
  return b.emit("Add", [scaled, weights([1, filters, 1, 1], 0.1)]);
}

const relu = ({ b }: Layers, x: Value): Value => b.emit("Relu", [x]);

/** The mean of each channel, then a dense layer. */
function head({ b, weights }: Layers, x: Value, classes: number): Value {
  const [, channels, height, width] = x.shape as [unknown, number, number, number];
  const sum = b.emit("ReduceSum", [x], { axes: [2, 3], keepdims: false });
  const mean = b.emit("Mul", [sum, b.constant(1 / (height * width))]);
  const w = weights([channels, classes], Math.sqrt(1 / channels));
  return b.emit("Add", [b.emit("MatMul", [mean, w]), weights([classes], 0.1)]);
}

function stem(layers: Layers, x: Value): Value {
  const y = relu(layers, convolution(layers, x, 64, { kernel: 7, stride: 2 }));
  return layers.b.emit("MaxPool", [y], { kernel: [3, 3], strides: [2, 2], dilations: [1, 1], pads: [1, 1, 1, 1] });
}

function residual(layers: Layers, x: Value, y: Value, stride: number): Value {
  const same = stride === 1 && x.shape[1] === y.shape[1];
  const shortcut = same ? x : convolution(layers, x, y.shape[1] as number, { kernel: 1, stride });
  return relu(layers, layers.b.emit("Add", [y, shortcut]));
}

function basicBlock(layers: Layers, x: Value, filters: number, stride: number): Value {
  const y = relu(layers, convolution(layers, x, filters, { kernel: 3, stride }));
  return residual(layers, x, convolution(layers, y, filters, { kernel: 3 }), stride);
}

function bottleneck(layers: Layers, x: Value, filters: number, stride: number): Value {
  const narrow = relu(layers, convolution(layers, x, filters, { kernel: 1 }));
  const y = relu(layers, convolution(layers, narrow, filters, { kernel: 3, stride }));
  return residual(layers, x, convolution(layers, y, 4 * filters, { kernel: 1 }), stride);
}

function resNet(
  block: typeof basicBlock,
  counts: readonly number[],
  { seed = 1, size = 224, classes = 1000 }: LargeOptions,
): Graph {
  const layers = layersOf(seed);
  const input = layers.b.input("x", ["N", 3, size, size]);
  let x = stem(layers, input);
  counts.forEach((count, stage) => {
    for (let k = 0; k < count; k++) x = block(layers, x, 64 * 2 ** stage, stage > 0 && k === 0 ? 2 : 1);
  });
  return makeGraph([input], [{ name: "logits", value: head(layers, x, classes) }]);
}

/** @source He et al. 2016, arXiv:1512.03385 */
export const resNet18 = (options: LargeOptions = {}): Graph => resNet(basicBlock, [2, 2, 2, 2], options);
export const resNet50 = (options: LargeOptions = {}): Graph => resNet(bottleneck, [3, 4, 6, 3], options);

/** Expansion, channels, blocks, stride of the first. */
const MOBILE_BLOCKS = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/** @source Sandler et al. 2018, arXiv:1801.04381 */
export function mobileNetV2({ seed = 1, size = 224, classes = 1000 }: LargeOptions = {}): Graph {
  const layers = layersOf(seed);
  const { b } = layers;
  const relu6 = (x: Value): Value => b.emit("Clip", [x], { min: 0, max: 6 });
  const input = b.input("x", ["N", 3, size, size]);
  let x: Value = relu6(convolution(layers, input, 32, { kernel: 3, stride: 2 }));
  for (const [expansion, filters, count, first] of MOBILE_BLOCKS) {
    for (let k = 0; k < count; k++) {
      const stride = k === 0 ? first : 1;
      const wide = expansion * (x.shape[1] as number);
      let y = expansion === 1 ? x : relu6(convolution(layers, x, wide, { kernel: 1 }));
      y = relu6(convolution(layers, y, wide, { kernel: 3, stride, group: wide }));
      y = convolution(layers, y, filters, { kernel: 1 });
      x = stride === 1 && x.shape[1] === filters ? b.emit("Add", [x, y]) : y;
    }
  }
  x = relu6(convolution(layers, x, 1280, { kernel: 1 }));
  return makeGraph([input], [{ name: "logits", value: head(layers, x, classes) }]);
}
