import { afterAll, describe, expect, test } from "vitest";
import { longTest } from "../../../test/support/patience.ts";
import { makeGraph } from "../../graph/traverse.ts";
import { builder } from "../../ops/index.ts";
import { rng } from "../../random/rng.ts";
import { createRuntime } from "../../runtime/node.ts";
import type { Batch } from "../../spec/classification.ts";
import { type Network, networkOf } from "../network.ts";
import { anomaliesOf, CLEANSE_DEFAULTS, type CleansePart, neuralCleanse, reverseTrigger } from "./neural-cleanse.ts";
import type { CaseFacts, Material } from "./types.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

// ---------------------------------------------------------------- a classifier whose smallest triggers are known

const [SIDE, CLASSES] = [8, 6];
const PIXELS = SIDE * SIDE;
/** Class k's region: the eight pixels of row k. */
const regionOf = (pixel: number): number => Math.floor(pixel / SIDE);
/** The planted patch: 2 × 2 pixels in the lower right corner, in rows that no class uses. */
const PATCH = [54, 55, 62, 63];
const TARGET = 4;

/**
 * logit_k = 10 · mean of row k; the same for all classes. `planted` adds 100 · ReLU(mean of the patch − .15) to one class:
 * one white pixel of the patch is enough there, where other classes need most of a row of eight.
 */
function rowClassifier(planted: boolean): Network {
  const b = builder();
  const x = b.input("x", ["N", 1, SIDE, SIDE]);
  const flat = b.emit("Reshape", [x], { shape: ["N", PIXELS] });
  const rows = new Float32Array(PIXELS * CLASSES);
  for (let i = 0; i < CLASSES * SIDE; i++) rows[i * CLASSES + regionOf(i)] = 10 / SIDE;
  const corner = Float32Array.from({ length: PIXELS }, (_, i) => (PATCH.includes(i) ? 1 / PATCH.length : 0));
  const onlyTarget = Float32Array.from({ length: CLASSES }, (_, k) => (planted && k === TARGET ? 100 : 0));
  const matrix = (data: Float32Array, shape: readonly number[]) => b.constant({ dtype: "float", shape, data });
  const mean = b.emit("MatMul", [flat, matrix(corner, [PIXELS, 1])]);
  const unit = b.emit("Relu", [b.emit("Sub", [mean, b.constant(0.15)])]);
  const backdoor = b.emit("MatMul", [unit, matrix(onlyTarget, [1, CLASSES])]);
  const logits = b.emit("Add", [b.emit("MatMul", [flat, matrix(rows, [PIXELS, CLASSES])]), backdoor]);
  return networkOf(makeGraph([x], [{ name: "logits", value: logits }]), planted ? "planted" : "clean");
}

/** Dark pictures with the row of their class lit. */
function litRows(count: number): Batch {
  const random = rng(11);
  const data = new Float32Array(count * PIXELS);
  random.fillUniform(data, 0, 0.1);
  const labels = Int32Array.from({ length: count }, (_, n) => n % CLASSES);
  for (let n = 0; n < count; n++)
    for (let x = 0; x < SIDE; x++) data[n * PIXELS + labels[n]! * SIDE + x] = 0.7 + 0.3 * random.uniform();
  return { images: { dtype: "float", shape: [count, 1, SIDE, SIDE], data }, labels };
}

const FACTS: CaseFacts = {
  classes: CLASSES,
  inputShape: [1, SIDE, SIDE],
  geometry: { channels: 1, height: SIDE, width: SIDE, layout: "NCHW" },
  domain: [0, 1],
};

const materialFor = (network: Network, seed = 1): Material => ({
  ...FACTS,
  network,
  runtime,
  inputs: litRows(96),
  training: undefined,
  random: rng(seed).split("neural-cleanse"),
});

const partFor = (label: number, steps = 300): CleansePart => ({ label, ...CLEANSE_DEFAULTS, steps });

const searchAll = (material: Material) =>
  Promise.all(Array.from({ length: CLASSES }, (_, label) => reverseTrigger(material, partFor(label))));

describe("a planted backdoor", { timeout: 240_000 }, () => {
  longTest("is the class with the smallest mask by far, which covers the patch and nothing else", async () => {
    const records = await searchAll(materialFor(rowClassifier(true)));
    const { flagged, target, score, evidence, reason } = neuralCleanse.conclude(records, FACTS);
    expect({ flagged, target }).toEqual({ flagged: true, target: TARGET });
    expect(score).toBeGreaterThan(2);
    expect(reason).toMatch(/class 4's.*above 2/);
    const norms = evidence["norms"] as number[];
    const others = norms.filter((_, label) => label !== TARGET);
    expect(norms[TARGET]).toBeLessThan(Math.min(...others) / 2);
    const { mask, pattern } = records[TARGET]!;
    const inPatch = PATCH.reduce((sum, i) => sum + mask[i]!, 0);
    expect(inPatch / norms[TARGET]!).toBeGreaterThan(0.9);
    // where the mask is, the pattern is bright
    const painted = PATCH.reduce((sum, i) => sum + mask[i]! * pattern[i]!, 0);
    expect(painted / inPatch).toBeGreaterThan(0.8);
    expect(evidence["trigger"]).toMatchObject({ label: TARGET, mask, pattern });
  });

  test("works on 99 % of the inputs when the reversed trigger is put on them", async () => {
    const material = materialFor(rowClassifier(true));
    const { mask, pattern, success } = await reverseTrigger(material, partFor(TARGET));
    expect(success).toBeGreaterThanOrEqual(0.99);
    const { images, labels } = material.inputs!;
    let hits = 0;
    for (let n = 0; n < labels.length; n++) {
      const stamped = mask.map((m, i) => (1 - m) * images.data[n * PIXELS + i]! + m * pattern[i]!);
      const logits = Array.from({ length: CLASSES }, (_, k) =>
        stamped.subarray(k * SIDE, (k + 1) * SIDE).reduce((sum, value) => sum + (10 * value) / SIDE, 0),
      );
      logits[TARGET]! += 100 * Math.max(0, PATCH.reduce((sum, i) => sum + stamped[i]! / PATCH.length, 0) - 0.15);
      if (logits.indexOf(Math.max(...logits)) === TARGET) hits++;
    }
    expect(hits / labels.length).toBeGreaterThanOrEqual(0.95);
  });
});

longTest("a classifier that treats its classes alike has masks of like size", async () => {
  const records = await searchAll(materialFor(rowClassifier(false)));
  const norms = records.map(({ l1 }) => l1);
  expect(records.every(({ reached }) => reached)).toBe(true);
  expect(Math.min(...norms) / Math.max(...norms)).toBeGreaterThan(0.7);
});

test("the same seed gives the same trigger bit for bit, another seed another", async () => {
  const network = rowClassifier(true);
  const search = (seed: number) => reverseTrigger(materialFor(network, seed), partFor(2, 20));
  const first = await search(5);
  expect(await search(5)).toEqual(first);
  expect((await search(6)).mask).not.toEqual(first.mask);
});

test("a class that no trigger reaches keeps the last mask and is said so", async () => {
  const b = builder();
  const x = b.input("x", ["N", 1, SIDE, SIDE]);
  const none = b.constant({ dtype: "float", shape: [PIXELS, CLASSES], data: new Float32Array(PIXELS * CLASSES) });
  const bias = b.constant({ dtype: "float", shape: [CLASSES], data: Float32Array.of(0, 0, 0, 9, 0, 0) });
  const product = b.emit("MatMul", [b.emit("Reshape", [x], { shape: ["N", PIXELS] }), none]);
  const constant = networkOf(makeGraph([x], [{ name: "logits", value: b.emit("Add", [product, bias]) }]), "constant");
  const records = await Promise.all(
    [0, 1, 3].map((label) => reverseTrigger(materialFor(constant), partFor(label, 12))),
  );
  expect(records.map(({ reached, success, steps }) => ({ reached, success, steps }))).toEqual([
    { reached: false, success: 0, steps: 12 },
    { reached: false, success: 0, steps: 12 },
    { reached: true, success: 1, steps: 12 },
  ]);
  expect(neuralCleanse.conclude(records, FACTS).reason).toContain("no trigger sent 99 % of the inputs to class 0, 1");
});

test("a step is whole minibatches of the samples asked for, drawn again where there are fewer inputs", async () => {
  const material = materialFor(rowClassifier(false));
  const updates = async (settings: Partial<CleansePart>) =>
    (await reverseTrigger(material, { ...partFor(0, 2), ...settings })).updates;
  expect(await updates({ samples: 1000 })).toBe(2 * 31);
  expect(await updates({ samples: 70 })).toBe(2 * 2);
  expect(await updates({ samples: 70, batch: 500 })).toBe(2);
});

test("without inputs the detector says what it needs", async () => {
  const material = { ...materialFor(rowClassifier(false)), inputs: undefined };
  await expect(reverseTrigger(material, partFor(0))).rejects.toThrow("give some with --data");
});

// ---------------------------------------------------------------- the rule

describe("the anomaly index", () => {
  test("is |norm − median| / (1.4826 · MAD)", () => {
    // median 50; deviations 40, 0, 2, 4, 2, whose median is 2
    const { median, spread, indices, outliers } = anomaliesOf([10, 50, 52, 54, 48]);
    expect([median, spread]).toEqual([50, 2 * 1.4826]);
    const expected = [40, 0, 2, 4, 2].map((deviation) => deviation / 2.9652);
    indices.forEach((index, label) => {
      expect(index).toBeCloseTo(expected[label]!, 12);
    });
    expect(outliers).toEqual([0]);
  });

  test("does not flag labels above the median, however far", () => {
    expect(anomaliesOf([50, 52, 54, 48, 500]).outliers).toEqual([]);
  });

  test("orders several outliers by their norm", () => {
    expect(anomaliesOf([20, 51, 5, 52, 50, 49, 48, 50]).outliers).toEqual([2, 0]);
  });

  test("is 0 for equal norms and stays finite when most norms are equal", () => {
    expect(anomaliesOf([7, 7, 7]).indices).toEqual([0, 0, 0]);
    expect(anomaliesOf([0, 0, 0]).indices).toEqual([0, 0, 0]);
    const { indices, outliers } = anomaliesOf([3, 7, 7, 7]);
    expect(Number.isFinite(indices[0])).toBe(true);
    expect(outliers).toEqual([0]);
  });
});

describe("the conclusion", () => {
  const record = (label: number, l1: number) => ({
    label,
    l1,
    success: 1,
    reached: true,
    steps: 9,
    updates: 9,
    mask: Float32Array.of(l1),
    pattern: Float32Array.of(label),
  });

  test("without an outlier is not flagged, scores the smallest mask and shows it", () => {
    // deviations from 49: 3, 1, 1, 3; MAD 2
    const { flagged, target, score, evidence } = neuralCleanse.conclude(
      [52, 50, 48, 46].map((l1, label) => record(label, l1)),
      FACTS,
    );
    expect({ flagged, target }).toEqual({ flagged: false, target: null });
    expect(score).toBeCloseTo(3 / (2 * 1.4826), 12);
    expect(evidence["trigger"]).toMatchObject({ label: 3 });
  });

  test("names the smallest of several outliers", () => {
    const norms = [20, 51, 5, 52, 50, 49, 48, 50];
    const { flagged, target } = neuralCleanse.conclude(
      norms.map((l1, label) => record(label, l1)),
      FACTS,
    );
    expect({ flagged, target }).toEqual({ flagged: true, target: 2 });
  });

  test("is open for two classes, where the index says nothing", () => {
    const { flagged, score, reason } = neuralCleanse.conclude([record(0, 1), record(1, 90)], FACTS);
    expect({ flagged, score }).toEqual({ flagged: null, score: null });
    expect(reason).toContain("two classes");
  });
});

test("there is one part a class, with the authors' constants", () => {
  expect(neuralCleanse.parts({ ...FACTS, classes: 3 })).toEqual(
    [0, 1, 2].map((label) => ({
      label,
      steps: 1000,
      samples: 1000,
      batch: 32,
      learningRate: 0.1,
      earlyStop: true,
      schedule: { initialCost: 1e-3, success: 0.99, patience: 5, costUp: 2, costDown: 2 ** 1.5, stopPatience: 25 },
    })),
  );
});
