import { afterAll, expect, test } from "vitest";
import { exportOnnx } from "../../formats/onnx/export.ts";
import { floatTensor } from "../../graph/tensor.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Graph } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { rng } from "../../random/rng.ts";
import { createRuntime } from "../../runtime/node.ts";
import { compileLossGradient, type LossGradient } from "../attack/loss-gradient.ts";
import { networkOf } from "../network.ts";
import { originalOf } from "../original.ts";
import { type Geometry, geometryOf, pixelIndex, planar } from "../picture.ts";
import { agreementOf } from "../reading/agreement.ts";
import type { Chunk, Subject } from "../records.ts";
import { candidatesOf, fitPatch, patchSize, scanPatches, spreadOrder, stampPatch } from "./patch-screen.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const SIDE = 14;
const GEOMETRY: Geometry = { channels: 1, height: SIDE, width: SIDE, layout: "NCHW" };
const CLASSES = 3;
/** Where the planted model looks: a 2 × 2 square. */
const TRIGGER = [3, 4].flatMap((y) => [9, 10].map((x) => y * SIDE + x));

/** Class 0, 1 or 2 by the brightest third of the rows; with `planted`, a white trigger adds much to class 2. */
function brightestThird(planted: boolean): Graph {
  const b = builder();
  const x = b.input("x", ["N", 1, SIDE, SIDE]);
  const flat = b.emit("Reshape", [x], { shape: ["N", SIDE * SIDE] });
  const thirds = Array.from({ length: SIDE * SIDE * CLASSES }, (_, k) => {
    const [pixel, third] = [Math.floor(k / CLASSES), k % CLASSES];
    return Math.floor((3 * Math.floor(pixel / SIDE)) / SIDE) === third ? 1 : 0;
  });
  const scores = b.emit("MatMul", [flat, b.constant(floatTensor([SIDE * SIDE, CLASSES], thirds))]);
  if (!planted) return makeGraph([x], [{ name: "logits", value: scores }]);
  const watch = Array.from({ length: SIDE * SIDE }, (_, pixel) => (TRIGGER.includes(pixel) ? 1 : 0));
  const sum = b.emit("MatMul", [flat, b.constant(floatTensor([SIDE * SIDE, 1], watch))]);
  const fires = b.emit("Relu", [b.emit("Sub", [sum, b.constant(3.5)])]);
  const push = b.emit("MatMul", [fires, b.constant(floatTensor([1, CLASSES], [0, 0, 1000]))]);
  return makeGraph([x], [{ name: "logits", value: b.emit("Add", [scores, push]) }]);
}

async function subjectOf(graph: Graph): Promise<Subject> {
  const network = networkOf(graph, "test");
  const original = originalOf(await runtime.openModel(exportOnnx(graph)), network);
  return { network, original, agreement: agreementOf(network, original, runtime) };
}

/** Pictures of class k: dim everywhere, brighter in third k. */
function pictures(count: number): Chunk {
  const images = new Float32Array(count * SIDE * SIDE);
  const random = rng(1);
  const labels = Int32Array.from({ length: count }, (_, i) => i % CLASSES);
  for (let i = 0; i < images.length; i++) {
    const row = Math.floor((i % (SIDE * SIDE)) / SIDE);
    const own = Math.floor((3 * row) / SIDE) === labels[Math.floor(i / (SIDE * SIDE))];
    images[i] = 0.4 * random.uniform() + (own ? 0.5 : 0);
  }
  return { images, labels, indices: Int32Array.from(labels, (_, i) => i) };
}

const best = (hits: readonly { readonly hits: Int32Array }[], target: number): number =>
  hits.reduce((top, record, k) => (record.hits[target]! > hits[top]!.hits[target]! ? k : top), 0);

test.for([true, false])("with a planted trigger (%s), the screen finds one for that class alone", async (planted) => {
  const subject = await subjectOf(brightestThird(planted));
  const loss = await compileLossGradient(subject.network, runtime, "margin");
  const chunk = pictures(60);
  const candidates = candidatesOf(GEOMETRY);
  const scores = await scanPatches(subject, GEOMETRY, candidates, chunk);
  const rates: number[] = [];
  for (let target = 0; target < CLASSES; target++) {
    const start = candidates[best(scores, target)]!;
    const settings = { target, start, searched: 30 };
    const found = await fitPatch(subject, loss, GEOMETRY, settings, chunk, rng(5));
    expect(found.trials).toBe(20);
    rates.push(found.hits / found.trials);
    if (!planted || target !== 2) continue;
    expect([found.top, found.left]).toEqual([3, 9]);
    expect(Array.from(found.values).every((value) => value > 0.85)).toBe(true);
    expect(found.noiseHits).toBeLessThan(found.hits);
  }
  expect(rates[0]).toBeLessThan(0.2);
  expect(rates[1]).toBeLessThan(0.2);
  expect(rates[2]).toBe(planted ? 1 : 0);
});

test("a patch covers its square of every channel, and nothing else", () => {
  for (const layout of ["NCHW", "NHWC"] as const) {
    const geometry: Geometry = { channels: 3, height: 5, width: 4, layout };
    const values = Float32Array.from({ length: 12 }, (_, k) => 0.1 + k / 100);
    const stamped = stampPatch(new Float32Array(120), geometry, () => ({ size: 2, top: 3, left: 1, values }));
    const second = planar(stamped.subarray(60), geometry);
    const expected = new Float32Array(60);
    for (let c = 0; c < 3; c++)
      for (const [k, at] of [13, 14, 17, 18].entries()) expected[20 * c + at] = values[4 * c + k]!;
    expect(second).toEqual(expected);
  }
});

test("a picture that the model takes blue first is shown with red first, in either layout", () => {
  // two pixels: the first pure blue as the model has it (blue, green, red), the second pure red
  const planes = Float32Array.of(1, 0, 0, 0, 0, 1);
  const rows = Float32Array.of(1, 0, 0, 0, 0, 1);
  const shown = Float32Array.of(0, 1, 0, 0, 1, 0);
  expect(planar(planes, geometryOf([3, 1, 2], "NCHW", true)!)).toEqual(shown);
  expect(planar(rows, geometryOf([3, 1, 2], "NHWC", true)!)).toEqual(shown);
  expect(planar(planes, geometryOf([3, 1, 2], "NCHW")!)).toEqual(planes);
});

test("without a gradient the best black or white patch stands, and it is said", async () => {
  const { network, ...files } = await subjectOf(brightestThird(true));
  const chunk = pictures(60);
  const settings = { target: 2, start: { top: 3, left: 9, shade: 1 }, searched: 30 };
  const found = await fitPatch({ network, ...files }, undefined, GEOMETRY, settings, chunk, rng(5));
  expect(found).toMatchObject({ hits: 20, trials: 20, noGradient: true });
  expect(Array.from(found.values)).toEqual([1, 1, 1, 1]);
  // a gradient of exactly 0 is none
  const flat: LossGradient = {
    at: async (points, labels) => ({
      logits: new Float32Array(labels.length * CLASSES).fill(1),
      uphill: new Float32Array(points.length),
    }),
  };
  const black = { ...settings, target: 1, start: { top: 0, left: 0, shade: 0 } };
  const stuck = await fitPatch({ network, ...files }, flat, GEOMETRY, black, chunk, rng(5));
  expect(stuck).toMatchObject({ noGradient: true });
});

test("candidates stay inside the picture and are not too many", () => {
  for (const side of [8, 28, 64, 224]) {
    const geometry: Geometry = { channels: 3, height: side, width: side, layout: "NCHW" };
    const size = patchSize(geometry);
    const candidates = candidatesOf(geometry);
    expect(candidates.length).toBeLessThanOrEqual(2 * 729);
    for (const { top, left } of candidates) expect(Math.max(top, left) + size).toBeLessThanOrEqual(side);
  }
});

test("only grey and coloured pictures have a geometry", () => {
  expect(geometryOf([1, 28, 28], "NCHW")).toBeDefined();
  expect(geometryOf([2, 28, 28], "NCHW")).toBeUndefined();
  expect(geometryOf([784], "flat")).toBeUndefined();
  expect(pixelIndex({ channels: 3, height: 2, width: 2, layout: "NHWC" }, 1, 1, 0)).toBe(7);
});

test("places are tried in an order that is spread over the picture wherever time cuts it off, and all of them in the end", () => {
  const candidates = candidatesOf(GEOMETRY);
  const order = spreadOrder(candidates);
  expect(order.toSorted((a, b) => a - b)).toEqual(Array.from(candidates.keys()));
  const quarter = order.slice(0, Math.floor(candidates.length / 4)).map((k) => candidates[k]!);
  const rows = new Set(candidates.map(({ top }) => top));
  expect(new Set(quarter.map(({ top }) => top)).size).toBe(rows.size);
  for (const { top, left } of quarter.slice(0, -1)) {
    expect(quarter.filter((own) => own.top === top && own.left === left)).toHaveLength(2);
  }
});

test("when time ends, what was scanned and improved until then counts, and says that it is not all", async () => {
  const subject = await subjectOf(brightestThird(true));
  const candidates = candidatesOf(GEOMETRY);
  const told: number[] = [];
  // a clock that is asked before and after each candidate: each takes a second of ten
  let asked = 0;
  const left = () => 10 - asked++ / 2;
  const records = await scanPatches(subject, GEOMETRY, candidates, pictures(6), {
    left,
    progress: (done) => told.push(done),
  });
  expect(records.length).toBeGreaterThan(1);
  expect(records.length).toBeLessThan(10);
  expect(records.map(({ unfinished = false }) => unfinished)).toEqual(records.map((_, k) => k === records.length - 1));
  expect(told).toEqual(records.map((_, k) => k + 1));
  const loss = await compileLossGradient(subject.network, runtime, "margin");
  const settings = { target: 1, start: { top: 0, left: 0, shade: 0 }, searched: 12 };
  const fitted = (end: () => number) =>
    fitPatch(subject, loss, GEOMETRY, settings, pictures(24), rng(3), { left: end });
  expect(await fitted(() => 0)).toMatchObject({ unfinished: true, trials: 8 });
  expect(await fitted(() => Number.POSITIVE_INFINITY)).not.toHaveProperty("unfinished");
});
