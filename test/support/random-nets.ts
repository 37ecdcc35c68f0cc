/** @file The random networks and boxes that the properties of verifiers are tested on: small, dense, fixed seeds. */

import { floatTensor } from "../../src/graph/tensor.ts";
import { makeGraph } from "../../src/graph/traverse.ts";
import type { Graph, Value } from "../../src/graph/types.ts";
import { builder } from "../../src/ops/index.ts";
import { type Rng, rng } from "../../src/random/rng.ts";
import type { Batch } from "../../src/spec/classification.ts";
import { type Box, forward, type Layer, type Plain } from "./plain.ts";

export const CLASSES = 3;

/** Float32 numbers, so that both precisions see the same network. */
const normals = (random: Rng, size: number, scale: number): Float64Array =>
  Float64Array.from({ length: size }, () => Math.fround(scale * random.normal()));

export function randomLayer(random: Rng, inputs: number, outputs: number): Layer {
  const w = Array.from({ length: outputs }, () => normals(random, inputs, 1 / Math.sqrt(inputs)));
  return { w, b: normals(random, outputs, 0.3) };
}

/** Layer sizes, inputs first. */
export const randomPlain = (seed: number, sizes: readonly number[]): Plain =>
  sizes.slice(1).map((outputs, k) => randomLayer(rng(seed).split(`layer/${k}`), sizes[k]!, outputs));

/** 2–5 inputs, 1–3 hidden layers of 3–6 units, 3 classes. */
export function randomSizes(seed: number): number[] {
  const random = rng(seed).split("sizes");
  const hidden = Array.from({ length: 1 + random.int(3) }, () => 3 + random.int(4));
  return [2 + random.int(4), ...hidden, CLASSES];
}

/** The layers as a graph; weights are constants. */
export function graphOf(net: Plain): Graph {
  const b = builder();
  const input = b.input("x", ["N", net[0]!.w[0]!.length]);
  let x: Value = input;
  net.forEach(({ w, b: bias }, k) => {
    const [outputs, inputs] = [w.length, w[0]!.length];
    const columns = Float64Array.from(
      { length: inputs * outputs },
      (_, i) => w[i % outputs]![Math.floor(i / outputs)]!,
    );
    x = b.emit("Add", [
      b.emit("MatMul", [x, b.constant(floatTensor([inputs, outputs], columns))]),
      b.constant(floatTensor([outputs], bias)),
    ]);
    if (k < net.length - 1) x = b.emit("Relu", [x]);
  });
  return makeGraph([input], [{ name: "logits", value: x }]);
}

/** An image with its box, and the class that the network gives it. */
export interface Case {
  readonly centre: Float64Array;
  readonly radius: number;
  readonly label: number;
}

/** Radius 10^−2 … 10^−0.1, all float32 numbers. */
export function randomCases(seed: number, net: Plain, count: number): Case[] {
  const random = rng(seed).split("cases");
  return Array.from({ length: count }, () => {
    const centre = Float64Array.from({ length: net[0]!.w[0]!.length }, () => Math.fround(random.uniform()));
    const logits = forward(net, centre);
    return {
      centre,
      radius: Math.fround(10 ** (-2 + 1.9 * random.uniform())),
      label: logits.indexOf(Math.max(...logits)),
    };
  });
}

export const boxAround = ({ centre, radius }: Pick<Case, "centre" | "radius">): Box => ({
  lower: centre.map((c) => c - radius),
  upper: centre.map((c) => c + radius),
});

/** The cases as a batch, with boxes of their own. */
export function batchOf(cases: readonly Case[], boxes: readonly Box[] = cases.map(boxAround)): Batch {
  const size = cases[0]!.centre.length;
  const flat = (rows: readonly Float64Array[]): Float64Array => {
    const data = new Float64Array(rows.length * size);
    rows.forEach((row, i) => {
      data.set(row, i * size);
    });
    return data;
  };
  return {
    images: floatTensor([cases.length, size], flat(cases.map(({ centre }) => centre))),
    labels: Int32Array.from(cases, ({ label }) => label),
    box: { lower: flat(boxes.map(({ lower }) => lower)), upper: flat(boxes.map(({ upper }) => upper)) },
  };
}

/** A point of a box: half of them corners. */
export function pointIn({ lower, upper }: Box, random: Rng): Float64Array {
  const corner = random.int(2) === 0;
  return lower.map((l, i) => {
    const t = corner ? random.int(2) : random.uniform();
    return t === 1 ? upper[i]! : l + t * (upper[i]! - l);
  });
}
