/**
 * @file ResNet-18 at 224 × 224 without its training: convolutions as they are initialised, and a last layer that takes the
 * class whose pictures lie nearest in its features. It costs what a trained one costs, and gets pictures of coloured
 * gratings right.
 */

import type { NdArray } from "../../src/formats/array.ts";
import { float32Tensor, floatTensor } from "../../src/graph/tensor.ts";
import { makeGraph } from "../../src/graph/traverse.ts";
import type { Builder, Graph, Value } from "../../src/graph/types.ts";
import { builder } from "../../src/ops/index.ts";
import { type Rng, rng } from "../../src/random/rng.ts";
import { createRuntime } from "../../src/runtime/node.ts";
import { randomTensor } from "./nets.ts";

const SIZE = 224;
const FEATURES = 512;
/** Classes of the pictures; the model has more. */
const SHOWN = 10;

function conv(b: Builder, r: Rng, x: Value, channels: number, stride: number, kernel: number): Value {
  const from = x.shape[1] as number;
  const pad = (kernel - 1) / 2;
  const w = randomTensor(r, [channels, from, kernel, kernel], Math.sqrt(2 / (from * kernel * kernel)));
  const attrs = { strides: [stride, stride], dilations: [1, 1], pads: [pad, pad, pad, pad], group: 1 };
  return b.emit("Conv", [x, b.constant(w)], attrs);
}

/** @source He et al. 2016, arXiv:1512.03385; of each block the second convolution is halved, in the place of its normalisation */
function features(b: Builder, image: Value): Value {
  const random = rng(18);
  let x: Value = b.emit("Relu", [conv(b, random.split("stem"), image, 64, 2, 7)]);
  const pool = { kernel: [3, 3], strides: [2, 2], dilations: [1, 1], pads: [1, 1, 1, 1] };
  x = b.emit("MaxPool", [x], pool);
  for (const [k, channels] of [64, 64, 128, 128, 256, 256, 512, 512].entries()) {
    const r = random.split(`block/${k}`);
    const stride: number = x.shape[1] === channels ? 1 : 2;
    const inner: Value = b.emit("Relu", [conv(b, r.split("1"), x, channels, stride, 3)]);
    const outer: Value = b.emit("Mul", [conv(b, r.split("2"), inner, channels, 1, 3), b.constant(0.5)]);
    const short: Value = stride === 1 ? x : conv(b, r.split("short"), x, channels, stride, 1);
    x = b.emit("Relu", [b.emit("Add", [outer, short])]);
  }
  const area = (x.shape[2] as number) * (x.shape[3] as number);
  const mean = b.emit("Mul", [b.emit("ReduceSum", [x], { axes: [2, 3], keepdims: true }), b.constant(1 / area)]);
  return b.emit("Reshape", [mean], { shape: ["N", FEATURES] });
}

/** One picture: a grating of its class's colours, direction and width, at a place of its own, under noise. [3, 224, 224] */
function picture(label: number, random: Rng): Float32Array {
  const pixels = new Float32Array(3 * SIZE * SIZE);
  random.split("noise").fillUniform(pixels, 0, 0.2);
  const phase = 2 * Math.PI * random.split("phase").uniform();
  const [angle, wave] = [(Math.PI * label) / SHOWN, 8 + 4 * (label % 5)];
  for (let c = 0; c < 3; c++) {
    const level = 0.2 + 0.3 * (((label + 1) * (2 * c + 3)) % 7) * (1 / 6);
    for (let y = 0; y < SIZE; y++) {
      for (let x = 0; x < SIZE; x++) {
        const along = Math.cos(angle) * x + Math.sin(angle) * y;
        pixels[(c * SIZE + y) * SIZE + x]! += level * (1 + 0.6 * Math.sin((2 * Math.PI * along) / wave + phase));
      }
    }
  }
  return pixels;
}

/** Pictures in [0, 1] with their labels, [count, 3, 224, 224]. */
export function gratings(count: number, seed: number): { readonly images: Float32Array; readonly labels: Int32Array } {
  const labels = Int32Array.from({ length: count }, (_, i) => i % SHOWN);
  const images = new Float32Array(count * 3 * SIZE * SIZE);
  for (const [i, label] of labels.entries()) {
    images.set(
      picture(label, rng(seed).split(`${i}`)).map((v) => Math.min(1, v)),
      i * 3 * SIZE * SIZE,
    );
  }
  return { images, labels };
}

/** As bytes, as a data set has them: `x` and `y` of an NPZ. */
export function gratingArrays(count: number, seed: number): Readonly<Record<"x" | "y", NdArray>> {
  const { images, labels } = gratings(count, seed);
  const bytes = Uint8Array.from(images, (v) => Math.round(255 * v));
  return {
    x: { dtype: "u1", shape: [count, 3, SIZE, SIZE], data: bytes },
    y: { dtype: "i4", shape: [count], data: labels },
  };
}

/** @param classes at least as many as the pictures have; of those beyond the means lie nowhere in particular */
export async function resnet18(classes = 1000): Promise<Graph> {
  const known = gratings(2 * SHOWN, 1);
  const image = (b: Builder) => b.input("image", ["N", 3, SIZE, SIZE]);
  const body = builder();
  const x = image(body);
  const session = await createRuntime().compile(makeGraph([x], [{ name: "features", value: features(body, x) }]), {
    float: "float32",
  });
  const { features: found } = await session.run({ image: float32Tensor([2 * SHOWN, 3, SIZE, SIZE], known.images) });
  const means = new Float64Array(classes * FEATURES);
  for (let c = 0; c < classes; c++) {
    const r = rng(7).split(`${c}`);
    for (let f = 0; f < FEATURES; f++) {
      const of = (i: number) => Number(found!.data[i * FEATURES + f]);
      const one = c < SHOWN ? (of(c) + of(c + SHOWN)) / 2 : of(c % SHOWN) * (0.5 + r.uniform());
      means[c * FEATURES + f] = Math.fround(one);
    }
  }
  return withHead(classes, means);
}

/** Logits 2 w · f − |w|² of the means w: the nearest mean has the largest. */
function withHead(classes: number, means: Float64Array): Graph {
  const b = builder();
  const x = b.input("image", ["N", 3, SIZE, SIZE]);
  const norms = Float64Array.from({ length: classes }, (_, c) =>
    means.subarray(c * FEATURES, (c + 1) * FEATURES).reduce((sum, v) => sum + v * v, 0),
  );
  const w = new Float64Array(classes * FEATURES);
  for (let c = 0; c < classes; c++) {
    for (let f = 0; f < FEATURES; f++) w[f * classes + c] = Math.fround(2 * means[c * FEATURES + f]!);
  }
  const bias = norms.map((v) => Math.fround(-v));
  const product = b.emit("MatMul", [features(b, x), b.constant(floatTensor([FEATURES, classes], w))]);
  return makeGraph(
    [x],
    [{ name: "logits", value: b.emit("Add", [product, b.constant(floatTensor([classes], bias))]) }],
  );
}
