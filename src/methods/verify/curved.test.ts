/** @file Verifiers on networks whose activations bend: no bound is worse than the interval's, and all hold. */

import { afterAll, describe, expect, test } from "vitest";
import { PATIENT } from "../../../test/support/patience.ts";
import { float32Tensor, floatTensor } from "../../graph/tensor.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Builder, Graph, Value } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { type Rng, rng } from "../../random/rng.ts";
import { createRuntime } from "../../runtime/node.ts";
import { type Batch, classification } from "../../spec/classification.ts";
import { networkOf } from "../network.ts";
import { crown } from "./crown.ts";
import { crownIbp } from "./crown-ibp.ts";
import { fastLin } from "./fast-lin.ts";
import { ibp } from "./ibp.ts";
import { verifiers } from "./index.ts";
import type { Verifier } from "./types.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const INPUTS = 3;
const HIDDEN = 6;
const CLASSES = 3;
const IMAGES = 8;
const POINTS = 200;

type Bend = (b: Builder, x: Value) => Value;

const activations: Readonly<Record<string, Bend>> = {
  Sigmoid: (b, x) => b.emit("Sigmoid", [x]),
  Tanh: (b, x) => b.emit("Tanh", [x]),
  Erf: (b, x) => b.emit("Erf", [x]),
  Softsign: (b, x) => b.emit("Softsign", [x]),
  Gelu: (b, x) => b.emit("Gelu", [x], { approximate: "none" }),
  HardSwish: (b, x) => b.emit("HardSwish", [x]),
  SiLU: (b, x) => b.emit("Mul", [x, b.emit("Sigmoid", [x])]),
  "Sigmoid and Relu": (b, x) => b.emit("Relu", [b.emit("Sub", [b.emit("Sigmoid", [x]), b.constant(0.4)])]),
};

const weights = (random: Rng, shape: readonly number[], size: number): Value =>
  builder().constant(
    floatTensor(
      shape,
      Array.from({ length: shape.reduce((p, q) => p * q, 1) }, () => Math.fround(size * random.normal())),
    ),
  );

/** Two hidden layers; pre-activations of several units, so that the inflection lies inside most boxes. */
function netOf(name: string, seed: number): Graph {
  const [b, random] = [builder(), rng(seed).split(name)];
  const x = b.input("x", ["N", INPUTS]);
  const affine = (value: Value, from: number, to: number, size: number): Value =>
    b.emit("Add", [b.emit("MatMul", [value, weights(random, [from, to], size)]), weights(random, [to], 0.5 * size)]);
  const bend = activations[name]!;
  const first = bend(b, affine(x, INPUTS, HIDDEN, 1.5));
  const second = bend(b, affine(first, HIDDEN, HIDDEN, 1.5));
  return makeGraph([x], [{ name: "logits", value: affine(second, HIDDEN, CLASSES, 1) }]);
}

function batchOf(radii: readonly number[], seed: number, size: number): Batch {
  const random = rng(seed).split("images");
  const images = float32Tensor(
    [radii.length, size],
    Float32Array.from({ length: radii.length * size }, () => random.normal()),
  );
  const end = (sign: number) => (images.data as Float32Array).map((v, i) => v + sign * radii[Math.floor(i / size)]!);
  return { images, labels: Int32Array.from(radii, (_, i) => i % CLASSES), box: { lower: end(-1), upper: end(1) } };
}

async function boundsOf(verifier: Verifier, graph: Graph, batch: Batch): Promise<Float64Array> {
  const threat = { norm: "linf", epsilon: 1, domain: undefined } as const;
  const network = networkOf(graph, "curved");
  await using prepared = await verifier.prepare(network, runtime, { norm: threat.norm });
  return (await prepared.bounds(classification(network, batch, threat))).lower;
}

/** The least margins of random points and corners of each box, as the runtime computes them. */
async function sampledMargins(graph: Graph, { labels, box }: Batch, classes: number): Promise<Float64Array> {
  await using session = await runtime.compile(graph, { float: "float32" });
  const [random, size] = [rng(3).split("points"), box!.lower.length / labels.length];
  const least = new Float64Array(labels.length * (classes - 1)).fill(Number.POSITIVE_INFINITY);
  for (const [i, label] of labels.entries()) {
    const data = Float32Array.from({ length: POINTS * size }, (_, k) => {
      const [lower, upper] = [box!.lower[i * size + (k % size)]!, box!.upper[i * size + (k % size)]!];
      const corner = Math.floor(k / size) % 2 === 0;
      const t = corner ? random.int(2) : random.uniform();
      return t === 1 ? upper : Math.min(upper, lower + t * (upper - lower));
    });
    const { logits } = await session.run({ [session.inputs[0]!.name]: float32Tensor([POINTS, size], data) });
    for (let p = 0; p < POINTS; p++)
      for (let r = 0; r < classes - 1; r++) {
        const other = r < label ? r : r + 1;
        const margin = logits!.data[p * classes + label]! - logits!.data[p * classes + other]!;
        least[i * (classes - 1) + r] = Math.min(least[i * (classes - 1) + r]!, margin);
      }
  }
  return least;
}

describe.each(Object.keys(activations))("with %s", (name) => {
  test("linear bounds are nowhere worse than the interval's, better together, and hold on samples", async () => {
    const radii = Array.from({ length: IMAGES }, (_, i) => 0.01 * 2.2 ** i);
    for (const seed of PATIENT ? [1, 2] : [1]) {
      const [graph, batch] = [netOf(name, seed), batchOf(radii, seed, INPUTS)];
      const least = await sampledMargins(graph, batch, CLASSES);
      const interval = await boundsOf(ibp, graph, batch);
      for (const verifier of [crownIbp, crown, fastLin]) {
        const found = await boundsOf(verifier, graph, batch);
        let gained = 0;
        found.forEach((bound, k) => {
          expect(bound, `${verifier.id}, row ${k}`).toBeLessThanOrEqual(least[k]!);
          expect(bound, `${verifier.id}, row ${k}`).toBeGreaterThanOrEqual(interval[k]! - 1e-4);
          gained += bound - interval[k]!;
        });
        expect(gained, verifier.id).toBeGreaterThan(0);
      }
    }
  });
});

test("one sigmoid on [-0.1, 5], where intervals are exact: 3 − 2σ(5) = 1.01339", async () => {
  const b = builder();
  const x = b.input("x", ["N", 1]);
  const matrix = (shape: readonly number[], values: readonly number[]) => b.constant(floatTensor(shape, values));
  const z = b.emit("Add", [b.emit("MatMul", [x, matrix([1, 1], [5.1])]), matrix([1], [-0.1])]);
  const scores = b.emit("MatMul", [b.emit("Sigmoid", [z]), matrix([1, 2], [-1, 1])]);
  const graph = makeGraph([x], [{ name: "logits", value: b.emit("Add", [scores, matrix([2], [3, 0])]) }]);
  const batch: Batch = {
    images: float32Tensor([1, 1], Float32Array.of(0.5)),
    labels: Int32Array.of(0),
    box: { lower: Float32Array.of(0), upper: Float32Array.of(1) },
  };
  const exact = 3 - 2 / (1 + Math.exp(-5));
  for (const verifier of verifiers) {
    const [bound] = await boundsOf(verifier, graph, batch);
    expect(bound, verifier.id).toBeLessThanOrEqual(exact);
    expect(bound, verifier.id).toBeGreaterThan(exact - 1e-4);
  }
});
