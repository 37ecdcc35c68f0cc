/** @file The network behind noise of a given intensity, as one compiled graph: what it answers, and how surely. */

import { makeGraph, outputOf } from "../../../graph/traverse.ts";
import type { Builder, Graph, Tensor, Value } from "../../../graph/types.ts";
import { builder } from "../../../ops/index.ts";
import { add, mul } from "../../../ops/rules.ts";
import type { Feeds } from "../../../runtime/session.ts";
import { type Network, substitute } from "../../network.ts";
import { rowsAtOnce } from "../rows.ts";
import { DetectorError, type Runnable } from "../types.ts";

/** How noise meets a pixel: it is added, or takes the pixel's place. */
export type Mixing = "added" | "replacing";

export interface AppliedNoise {
  /** [n · size], of unit intensity, as `drawNoise` makes it. */
  readonly noise: Float32Array;
  readonly sigma: number;
  /** Added noise is cut off there; replaced pixels become one of the two. ±∞: nothing is cut off. */
  readonly range: readonly [low: number, high: number];
  /** Logits are divided by it before the softmax. */
  readonly temperature: number;
}

export interface Answers {
  /** [n]: the class with the largest logit, the first of equals. */
  readonly classes: Int32Array;
  /** [n]: its softmax probability. */
  readonly confidences: Float32Array;
  /** [n · K], before the temperature. */
  readonly logits: Float32Array;
}

export interface Responder {
  /** @param images [n · size] @throws DetectorError where the network answers with NaN */
  respond(images: Float32Array, applied: AppliedNoise): Promise<Answers>;
  /** Without noise, within any range. */
  respondPlain(images: Float32Array, temperature: number): Promise<Answers>;
}

/**
 * Inputs `images` and `noise` (as the network's input) and the scalars `sigma`, `low`, `high` and `sharpness` (the inverse
 * temperature); outputs `confidence`, [N], and `logits`, [N, K]. The intensity and the range are inputs, so that one
 * session serves all intensities, clipped and unclipped.
 */
export function responseGraph(network: Network, mixing: Mixing): Graph {
  const b = builder();
  const images = b.input("images", network.input.shape);
  const noise = b.input("noise", network.input.shape);
  const [sigma, low, high, sharpness] = ["sigma", "low", "high", "sharpness"].map((name) => b.input(name, []));
  const noisy =
    mixing === "added"
      ? within(b, add(b, images, mul(b, noise, sigma!)), low!, high!)
      : b.emit("Where", [
          b.emit("Less", [b.emit("Abs", [noise]), sigma!]),
          b.emit("Where", [b.emit("Greater", [noise, b.constant(0)]), high!, low!]),
          images,
        ]);
  const inputs = [images, noise, sigma!, low!, high!, sharpness!];
  const logits = outputOf(substitute(network.graph, new Map([[network.input as Value, noisy]]), inputs));
  const probabilities = b.emit("Softmax", [mul(b, logits, sharpness!)], { axis: 1 });
  return makeGraph(inputs, [
    { name: "confidence", value: b.emit("ReduceMax", [probabilities], { axes: [1], keepdims: false }) },
    { name: "logits", value: logits },
  ]);
}

const within = (b: Builder, x: Value, low: Value, high: Value): Value => b.emit("Min", [b.emit("Max", [x, low]), high]);

/** Inputs a run; CNNs of 28 × 28 pixels answer as fast at 25 as at 500, and large networks need less memory. */
const BATCH = 100;

export async function compileResponder(material: Runnable, mixing: Mixing): Promise<Responder> {
  const { network, runtime } = material;
  const session = await runtime.compile(responseGraph(network, mixing), { float: "float32", name: "titration" });
  const sample = network.input.shape.slice(1) as readonly number[];
  const size = sample.reduce((product, dim) => product * dim, 1);
  const fixed = network.input.shape[0];
  const batch = rowsAtOnce(material, BATCH);

  const cutUp = (values: Float32Array): Tensor[] => {
    const count = values.length / size;
    return Array.from({ length: Math.ceil(count / batch) }, (_, part) => {
      const own = values.subarray(part * batch * size, Math.min(count, (part + 1) * batch) * size);
      // a model whose file fixes the batch gets its rows filled up with zeros
      const rows = typeof fixed === "number" ? fixed : own.length / size;
      const data = own.length === rows * size ? own : new Float32Array(rows * size);
      if (data !== own) data.set(own);
      return { dtype: "float", shape: [rows, ...sample], data };
    });
  };
  /** The same images and noise come with every intensity; a tensor is checked for NaN once. */
  const known = new WeakMap<Float32Array, Tensor[]>();
  const partsOf = (values: Float32Array): Tensor[] => {
    const parts = known.get(values) ?? cutUp(values);
    known.set(values, parts);
    return parts;
  };

  const respond = async (images: Float32Array, applied: AppliedNoise): Promise<Answers> => {
    const count = images.length / size;
    const confidences = new Float32Array(count);
    const logits = new Float32Array(count * network.classes);
    const [low, high] = applied.range.map(scalar) as [Tensor, Tensor];
    const scalars = { sigma: scalar(applied.sigma), low, high, sharpness: scalar(1 / applied.temperature) };
    const noises = partsOf(applied.noise);
    for (const [part, pictures] of partsOf(images).entries()) {
      const feeds: Feeds = { images: pictures, noise: noises[part]!, ...scalars };
      const from = part * batch;
      const rows = Math.min(count - from, batch);
      const { confidence, logits: answered } = await session.run(feeds);
      confidences.set((confidence!.data as Float32Array).subarray(0, rows), from);
      logits.set((answered!.data as Float32Array).subarray(0, rows * network.classes), from * network.classes);
    }
    if (confidences.some(Number.isNaN)) {
      const what = `the network answers with NaN at noise of intensity ${applied.sigma}`;
      throw new DetectorError(`${what}; titrate it with smaller intensities, or clipped to the pixels' range`);
    }
    return { classes: largestOf(logits, count), confidences, logits };
  };
  return {
    respond,
    // at intensity 0 any numbers will do for noise
    respondPlain: (images, temperature) => respond(images, { noise: images, sigma: 0, range: UNBOUNDED, temperature }),
  };
}

/** @param logits [n · K]  @returns [n]: the place of the largest in each row, the first of equals */
function largestOf(logits: Float32Array, count: number): Int32Array {
  const classes = logits.length / count;
  const places = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    let best = i * classes;
    for (let k = best + 1; k < (i + 1) * classes; k++) if (logits[k]! > logits[best]!) best = k;
    places[i] = best - i * classes;
  }
  return places;
}

/** A range in which nothing is cut off. */
export const UNBOUNDED = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] as const;

const scalar = (value: number): Tensor => ({ dtype: "float", shape: [], data: Float32Array.of(value) });
