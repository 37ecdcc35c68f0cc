/** @file The detectors that read the training data: penultimate features, spectral signatures, activation clustering. */

import { afterAll, describe, expect, test } from "vitest";
import { floatTensor } from "../../graph/tensor.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Graph } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { rng } from "../../random/rng.ts";
import { createRuntime } from "../../runtime/node.ts";
import { networkOf } from "../network.ts";
import { parseTrainConfig } from "../train/config.ts";
import { runTraining } from "../train/train.ts";
import { activationClustering } from "./activation-clustering.ts";
import { featuresOf, penultimate, sampleQuality, withLabel } from "./features.ts";
import { removals, spectralSignatures } from "./spectral-signatures.ts";
import { type Detection, detect, type Material } from "./types.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const WIDTH = 12;
const CLASSES = 3;

/** Features ReLU(x), then a dense layer with bias: what is planted in the inputs is planted in the features. */
function readout({ hidden = true } = {}): Graph {
  const b = builder();
  const x = b.input("x", ["N", WIDTH]);
  const features = hidden ? b.emit("Relu", [x]) : x;
  const weights = Array.from({ length: WIDTH * CLASSES }, (_, i) => (i % 5) - 2);
  const product = b.emit("MatMul", [features, b.constant(floatTensor([WIDTH, CLASSES], weights))]);
  const logits = b.emit("Add", [product, b.constant(floatTensor([CLASSES], [1, 2, 3]))]);
  return makeGraph([x], [{ name: "logits", value: logits }]);
}

const EACH = 120;

/** Each label a round cloud around (5, …, 5); the first `poisoned` images of a label lie 4 further along two axes. */
function planted(label: number, poisoned: number): Material["training"] {
  const random = rng(21);
  const count = CLASSES * EACH;
  const data = new Float32Array(count * WIDTH);
  const labels = Int32Array.from({ length: count }, (_, i) => i % CLASSES);
  for (const [i, own] of labels.entries()) {
    const shifted = own === label && Math.floor(i / CLASSES) < poisoned;
    for (let k = 0; k < WIDTH; k++) data[i * WIDTH + k] = 5 + 0.5 * random.normal() + (shifted && k < 2 ? 4 : 0);
  }
  return { images: { dtype: "float", shape: [count, WIDTH], data }, labels };
}

const placesOf = (label: number, poisoned: number) => Array.from({ length: poisoned }, (_, k) => CLASSES * k + label);

const materialOf = (graph: Graph, training: Material["training"], seed = 5): Material => ({
  network: networkOf(graph, "test"),
  runtime,
  inputs: undefined,
  training,
  random: rng(seed),
  classes: CLASSES,
  inputShape: [WIDTH],
  geometry: undefined,
  domain: undefined,
});

const suspectsOf = ({ evidence }: Detection) => evidence["suspects"] as Int32Array;
const numbersOf = ({ evidence }: Detection, key: string) => evidence[key] as number[];

describe("penultimate features", () => {
  test("are what the last dense layer reads", async () => {
    const network = networkOf(readout(), "test");
    expect(penultimate(network)).toMatchObject({ op: "Relu", shape: ["N", WIDTH] });
    const data = Float32Array.from({ length: 300 * WIDTH }, (_, i) => (i % 7) - 3);
    const features = await featuresOf(
      { network, runtime },
      { images: { dtype: "float", shape: [300, WIDTH], data }, labels: new Int32Array(300) },
    );
    expect([features.rows, features.columns]).toEqual([300, WIDTH]);
    expect(Array.from(features.values)).toEqual(Array.from(data, (v) => Math.max(v, 0)));
  });

  test("do not exist without a hidden layer, or where the answer is no dense layer's", () => {
    expect(() => penultimate(networkOf(readout({ hidden: false }), "test"))).toThrow(/no hidden layer/);
    const b = builder();
    const x = b.input("x", ["N", 4]);
    const logits = b.emit("Relu", [b.emit("MatMul", [x, b.constant(floatTensor([4, 2], [1, 2, 3, 4, 5, 6, 7, 8]))])]);
    expect(() => penultimate(networkOf(makeGraph([x], [{ name: "y", value: logits }]), "test"))).toThrow(/dense layer/);
  });

  test("of one label come with their places", () => {
    const { places, batch } = withLabel({ training: planted(0, 0) }, 2);
    expect(Array.from(places.subarray(0, 3))).toEqual([2, 5, 8]);
    expect(batch.images.shape).toEqual([EACH, WIDTH]);
    expect(batch.images.data[0]).toBe(planted(0, 0)!.images.data[2 * WIDTH]);
    expect(() => withLabel({ training: undefined }, 0)).toThrow(/give the data the model was trained on/);
  });
});

describe("spectral signatures", () => {
  test("name the label with a planted direction, and remove the planted images first", async () => {
    const found = await detect(spectralSignatures, materialOf(readout(), planted(1, 9)));
    expect(found).toMatchObject({ flagged: true, target: 1, pValue: null });
    // 7.5 % of 120 are 9: exactly the planted ones. Variance along (1, 1)/√2: 32 · .075 · .925 + .25 = 2.47
    expect(Array.from(suspectsOf(found)).toSorted((a, b) => a - b)).toEqual(placesOf(1, 9));
    expect(numbersOf(found, "variances")[1]).toBeGreaterThan(1.8);
    expect(numbersOf(found, "variances")[1]).toBeLessThan(3.2);
  });

  test("flag no label where none has a direction of its own", async () => {
    const found = await detect(spectralSignatures, materialOf(readout(), planted(1, 0)));
    expect(found.flagged).toBe(false);
    expect(found.score).toBeLessThan(1.25);
  });

  test("remove 1.5 ε of a label's images, at most half", () => {
    expect([removals(1000), removals(1000, 0.1), removals(1000, 0.4), removals(20)]).toEqual([75, 150, 500, 1]);
  });

  test("have no answer for a handful of images", async () => {
    const few = planted(0, 0)!;
    const training = {
      images: { ...few.images, shape: [30, WIDTH], data: few.images.data.subarray(0, 30 * WIDTH) },
      labels: few.labels.subarray(0, 30),
    };
    for (const detector of [spectralSignatures, activationClustering])
      expect(await detect(detector, materialOf(readout(), training as Material["training"]))).toMatchObject({
        flagged: null,
        score: null,
        target: null,
      });
  });
});

describe("activation clustering", () => {
  test("finds a small planted cluster exactly", async () => {
    const found = await detect(activationClustering, materialOf(readout(), planted(2, 30)));
    expect(found).toMatchObject({ flagged: true, target: 2 });
    expect(numbersOf(found, "suspicious")).toEqual([2]);
    expect(Array.from(suspectsOf(found))).toEqual(placesOf(2, 30));
    expect(numbersOf(found, "shares")[2]).toBe(0.25);
  });

  test("lets clean clouds pass, and an even split with them, as its paper's rule does", async () => {
    expect((await detect(activationClustering, materialOf(readout(), planted(2, 0)))).flagged).toBe(false);
    const even = await detect(activationClustering, materialOf(readout(), planted(2, 60)));
    expect(even.flagged).toBe(false);
    expect(numbersOf(even, "shares")[2]).toBe(0.5);
    expect(numbersOf(even, "silhouettes")[2]).toBeGreaterThan(0.5);
  });

  test("repeats bit for bit", async () => {
    const once = await detect(activationClustering, materialOf(readout(), planted(2, 30)));
    expect(await detect(activationClustering, materialOf(readout(), planted(2, 30)))).toEqual(once);
  });
});

test("the quality of a list of suspects is counted by hand", () => {
  expect(sampleQuality([1, 2, 3, 4], [3, 4, 5])).toEqual({
    suspects: 4,
    poisoned: 3,
    hits: 2,
    precision: 0.5,
    recall: 2 / 3,
  });
  expect(sampleQuality([], [])).toMatchObject({ precision: null, recall: null });
});

/** Bright bars on noise: the row of the bar is the class. A white corner on some of class 0 and 1 makes them class 2. */
function bars(count: number): { images: Float32Array; labels: Int32Array; poisoned: number[] } {
  const random = rng(31);
  const images = new Float32Array(count * 64);
  random.fillUniform(images, 0, 0.5);
  const truth = Int32Array.from({ length: count }, () => random.int(CLASSES));
  const poisoned = Array.from(truth.keys()).filter((i) => truth[i] !== 2 && i % 12 === 0);
  for (const [i, label] of truth.entries()) {
    for (let x = 0; x < 8; x++) images[i * 64 + (2 * label + 1) * 8 + x]! += 0.4;
  }
  for (const i of poisoned) for (const pixel of [54, 55, 62, 63]) images[i * 64 + pixel] = 1;
  const set = new Set(poisoned);
  return { images, labels: truth.map((label, i) => (set.has(i) ? 2 : label)), poisoned };
}

test("both name the poisoned label of a trained network, and suspect mostly poison", async () => {
  const { images, labels, poisoned } = bars(600);
  const config = parseTrainConfig({ architecture: "FCNNa", epochs: 15, batch: 20, learningRate: 0.01 });
  const train = { images, shape: [1, 8, 8], labels, classes: CLASSES };
  let graph: Graph | undefined;
  for await (const event of runTraining(config, { compile: runtime.compile, train, now: () => 0 }))
    if (event.kind === "done") graph = event.result.graph;
  const training = { images: { dtype: "float", shape: [600, 1, 8, 8], data: images }, labels } as const;
  const material = { ...materialOf(graph!, training), inputShape: [1, 8, 8] };
  const clustered = await detect(activationClustering, material);
  expect(clustered).toMatchObject({ flagged: true, target: 2 });
  const clusters = sampleQuality(suspectsOf(clustered), poisoned);
  // a sixth of the label is poison
  expect(clusters.precision).toBeGreaterThan(0.9);
  expect(clusters.recall).toBeGreaterThan(0.9);
  const spectral = await detect(spectralSignatures, material);
  expect(spectral).toMatchObject({ flagged: true, target: 2 });
  expect(sampleQuality(suspectsOf(spectral), poisoned).precision).toBeGreaterThan(0.9);
});
