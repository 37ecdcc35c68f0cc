import { afterAll, describe, expect, test } from "vitest";
import { denseNet } from "../../../test/support/nets.ts";
import { float32Tensor, floatTensor } from "../../graph/tensor.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Graph, Value } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { rng } from "../../random/rng.ts";
import { createRuntime } from "../../runtime/node.ts";
import type { Batch } from "../../spec/classification.ts";
import { networkOf } from "../network.ts";
import { detect, type Material } from "./types.ts";
import { UNIVERSAL_DEFAULTS, type UniversalRecord, universalPerturbation } from "./universal-perturbation.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

function materialOf(graph: Graph, inputs: Batch | undefined, facts: Partial<Material> = {}): Material {
  const network = networkOf(graph, "test");
  return {
    network,
    runtime,
    classes: network.classes,
    inputShape: network.input.shape.slice(1) as number[],
    geometry: undefined,
    domain: [0, 1],
    inputs,
    training: undefined,
    random: rng(0),
    ...facts,
  };
}

const batch = (data: readonly number[], labels: readonly number[]): Batch => ({
  images: float32Tensor([labels.length, data.length / labels.length], Float32Array.from(data)),
  labels: Int32Array.from(labels),
});

describe("the perturbation of one class", () => {
  /** z_0 = 0.1, z_1 = 3 x_0 + 4 x_1 − 3.5, z_2 far below: from (½, ½) the way to class 1 is 0.1 / 5 long. */
  function linear(): Graph {
    const b = builder();
    const x = b.input("x", ["N", 2]);
    const products = b.emit("MatMul", [x, b.constant(floatTensor([2, 3], [0, 3, 0, 0, 4, 0]))]);
    const logits = b.emit("Add", [products, b.constant(floatTensor([3], [0.1, -3.5, -50]))]);
    return makeGraph([x], [{ name: "logits", value: logits }]);
  }
  const grey = batch([0.5, 0.5, 0.5, 0.5], [0, 0]);

  test("is the shortest on a linear network, up to a step's growth", async () => {
    const part = { ...UNIVERSAL_DEFAULTS, shortest: 0.001, label: 1 };
    const record = await universalPerturbation.examine(materialOf(linear(), grey), part);
    const { length, perturbation, reached } = record as UniversalRecord;
    expect(reached).toBe(true);
    expect(length).toBeGreaterThanOrEqual(0.02);
    expect(length).toBeLessThan(0.02 * UNIVERSAL_DEFAULTS.growth + 1e-6);
    expect(perturbation[0]! / length).toBeCloseTo(3 / 5, 4);
    expect(perturbation[1]! / length).toBeCloseTo(4 / 5, 4);
  });

  test("ends at the longest allowed where the class cannot be reached", async () => {
    const part = { ...UNIVERSAL_DEFAULTS, label: 2 };
    const { reached, success, length } = (await universalPerturbation.examine(
      materialOf(linear(), grey),
      part,
    )) as UniversalRecord;
    expect({ reached, success }).toEqual({ reached: false, success: 0 });
    expect(length).toBeLessThanOrEqual(0.5 * Math.SQRT2);
  });

  test("has no length where the inputs are answered with the class already", async () => {
    const part = { ...UNIVERSAL_DEFAULTS, label: 0 };
    const mislabelled = batch([0.5, 0.5], [1]);
    const record = await universalPerturbation.examine(materialOf(linear(), mislabelled), part);
    expect(record).toMatchObject({ length: 0, reached: true, success: 1 });
  });

  test("refuses to work without inputs, without a range, and on one class alone", async () => {
    const run = (material: Material) => universalPerturbation.examine(material, { ...UNIVERSAL_DEFAULTS, label: 0 });
    await expect(run(materialOf(linear(), undefined))).rejects.toThrow(/--data/);
    await expect(run(materialOf(linear(), grey, { domain: undefined }))).rejects.toThrow(/data contract/);
    await expect(run(materialOf(linear(), grey))).rejects.toThrow(/all inputs are of class 0/);
  });
});

describe("the rule", () => {
  const record = (label: number, length: number, reached = true): UniversalRecord => ({
    label,
    length,
    reached,
    success: reached ? 0.9 : 0.1,
    perturbation: new Float32Array(2),
  });
  const conclude = (records: UniversalRecord[]) =>
    universalPerturbation.conclude(records, materialOf(denseNet(1, [2, 3, 3]), undefined));

  test("flags a class far below the others, as Neural Cleanse does", () => {
    const { flagged, target, score } = conclude([5, 4.8, 1, 5.2, 5.1].map((length, label) => record(label, length)));
    expect({ flagged, target }).toEqual({ flagged: true, target: 2 });
    expect(score).toBeCloseTo(Math.log(5.05), 12); // the others' median is (5 + 5.1) / 2
  });

  test("passes lengths that are alike, and those where only one is long", () => {
    expect(conclude([5, 4.8, 4.9, 5.2, 5.1].map((l, k) => record(k, l)))).toMatchObject({
      flagged: false,
      target: null,
    });
    expect(conclude([5, 4.8, 4.9, 20, 5.1].map((l, k) => record(k, l)))).toMatchObject({
      flagged: false,
      target: null,
    });
  });

  test("has no answer for two classes, or where no class was reached", () => {
    expect(conclude([record(0, 1), record(1, 5)])).toMatchObject({ flagged: null, score: null });
    expect(conclude([0, 1, 2, 3].map((k) => record(k, 7, false)))).toMatchObject({ flagged: null, score: null });
  });
});

test("finds a planted trigger on the whole way", async () => {
  const [pixels, classes] = [12, 6];
  const b = builder();
  const x = b.input("x", ["N", pixels]);
  const own = Array.from({ length: pixels * classes }, (_, at) =>
    Math.floor(at / classes) % classes === at % classes ? 4 : 0,
  );
  const first = b.constant(floatTensor([pixels, 1], [1, ...new Array<number>(pixels - 1).fill(0)]));
  const push = b.constant(floatTensor([1, classes], [0, 0, 0, 60, 0, 0]));
  const plain = b.emit("MatMul", [x, b.constant(floatTensor([pixels, classes], own))]);
  const trigger = b.emit("MatMul", [b.emit("MatMul", [x, first]), push]);
  const graph = (logits: Value) => makeGraph([x], [{ name: "logits", value: logits }]);
  // each input has its class's two pixels bright, but never the first one
  const rows = Array.from({ length: 24 }, (_, n) =>
    Array.from({ length: pixels }, (_, i) => (i > 0 && i % classes === n % classes ? 0.9 : 0)),
  );
  const inputs = batch(
    rows.flat(),
    rows.map((_, n) => n % classes),
  );
  const planted = await detect(universalPerturbation, materialOf(graph(b.emit("Add", [plain, trigger])), inputs));
  expect(planted).toMatchObject({ flagged: true, target: 3 });
  const { flagged, score } = await detect(universalPerturbation, materialOf(graph(plain), inputs));
  expect(flagged).toBe(false);
  expect(score).toBeLessThan(planted.score!);
});
