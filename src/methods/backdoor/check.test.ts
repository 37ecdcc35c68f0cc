import { afterAll, expect, test } from "vitest";
import { answeredBatch } from "../../../test/support/answered.ts";
import { denseNet } from "../../../test/support/nets.ts";
import { rng } from "../../random/rng.ts";
import type { PlainRecord } from "../../runtime/jobs.ts";
import { createRuntime } from "../../runtime/node.ts";
import { networkOf } from "../network.ts";
import { checkDetector } from "./check.ts";
import { detectorOf } from "./index.ts";
import { type Detection, type Detector, defineDetector, type Material } from "./types.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const network = networkOf(denseNet(4, [12, 16, 16, 5]), "dense");
const inputs = answeredBatch(network, 24, rng(1));
const material: Omit<Material, "random"> = {
  ...{ network, runtime, inputs, training: undefined },
  ...{ classes: 5, inputShape: [12], geometry: undefined, domain: [0, 1] },
};

test.for(["last-layer", "clp", "strip"])("%s keeps to the contract", async (id) => {
  const { faults, detection } = await checkDetector(detectorOf(id), material, { seed: 3 });
  expect(faults).toEqual([]);
  expect(detection.reason).not.toBe("");
});

const detection: Detection = { flagged: false, score: 1, pValue: 0.5, target: 2, reason: "Seen.", evidence: {} };

/** A detector of two parts that does this. */
const made = (
  examine: (material: Material, part: { readonly k: number }) => PlainRecord,
  own: Partial<Detection> | ((records: readonly PlainRecord[]) => Partial<Detection>) = {},
): Detector =>
  defineDetector({
    id: "made",
    version: 1,
    title: "Made",
    summary: "A test.",
    source: "a test",
    needs: "inputs",
    blindTo: "everything",
    parts: () => [{ k: 0 }, { k: 1 }],
    examine: async (given, part) => examine(given, part),
    conclude: (records) => ({ ...detection, ...(typeof own === "function" ? own(records) : own) }),
  });
const first = ({ inputs: own }: Material): PlainRecord => ({
  label: own!.labels[0]!,
  pixel: own!.images.data[0] as number,
});

test("one that keeps to it has no fault, in any order of the inputs", async () => {
  const good = made(({ random, classes }, { k }) => ({ classes, drawn: random.split(`part/${k}`).uniform() }));
  expect(await checkDetector(good, material, { anyOrder: true })).toEqual({ faults: [], detection });
});

let calls = 0;
test.for([
  ["records by another clock", made(() => ({ calls: calls++ })), /same seed gives other records/],
  [
    "one stream for all parts",
    made(({ random }) => ({ drawn: random.uniform() })),
    /depends on which were done before/,
  ],
  ["no number in a record", made(() => ({ deep: [{ x: Number.NaN }] })), /^records\.0\.deep\.0\.x is not a number$/m],
  [
    "no number in an array",
    made(() => ({ x: Float32Array.of(0, Number.NaN) })),
    /records\.0\.x holds what is not a number/,
  ],
  [
    "records that stay here",
    made(() => ({ x: new Map() as unknown as PlainRecord })),
    /records\.0\.x is no plain data/,
  ],
  ["an infinite score", made(() => ({}), { score: Number.POSITIVE_INFINITY }), /the score is Infinity/],
  ["a p-value beyond 1", made(() => ({}), { pValue: 1.5 }), /the p-value is 1.5/],
  ["a target that is no class", made(() => ({}), { target: 5 }), /the target is 5: a class from 0 to 4/],
  ["no reason", made(() => ({}), { reason: "" }), /there is no reason/],
  ["an answer by the first input", made(first, ([one]) => ({ score: one!["pixel"] as number })), /order of the inputs/],
] as const)("%s: said in a sentence", async ([, detector, sentence]) => {
  const { faults } = await checkDetector(detector, material, { anyOrder: true });
  expect(faults.join("\n")).toMatch(sentence);
});
