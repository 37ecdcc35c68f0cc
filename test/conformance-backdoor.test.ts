/**
 * @file A backdoored network that a stranger trained: BadNets on MNIST, a white patch of 5 × 5 pixels at the lower right,
 * target 1. Its accuracy and its backdoor are as published, and detectors find the target.
 */

import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadDataset } from "../src/data/files.ts";
import { detectorOf } from "../src/methods/backdoor/index.ts";
import { detectorRandom } from "../src/methods/backdoor/material.ts";
import { CLEANSE_DEFAULTS, reverseTrigger } from "../src/methods/backdoor/neural-cleanse.ts";
import { runRows } from "../src/methods/backdoor/rows.ts";
import type { Scores } from "../src/methods/backdoor/titration/scores.ts";
import { detect, type Material } from "../src/methods/backdoor/types.ts";
import { networkOf } from "../src/methods/network.ts";
import { createRuntime } from "../src/runtime/node.ts";
import { loadModel } from "../src/runtime/node-model.ts";

const MODEL = "../shared/data/backdoor/verazuo-badnets/onnx/badnet-MNIST.onnx";
const DIGITS = "../shared/data/mnist";
const missing = [MODEL, DIGITS].filter((path) => !existsSync(path));
const absent = missing.length > 0;

const TARGET = 1;
const PIXELS = 784;
const SHAPE = [1, 28, 28];
const IMAGES = 400;
/** Ten seconds of a processor that others may want too. */
const SLOW = 180_000;

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const answers = async ({ network }: Material, images: Float32Array): Promise<number[]> => {
  const session = await runtime.compile(network.graph, { float: "float32", name: "badnet" });
  const rows = { [network.input.name]: { values: images, shape: SHAPE } };
  const [logits] = Object.values(await runRows(session, rows, 500));
  return Array.from({ length: images.length / PIXELS }, (_, i) => {
    const row = logits!.subarray(i * network.classes, (i + 1) * network.classes);
    return row.indexOf(Math.max(...row));
  });
};

/** White over the 5 × 5 pixels at the lower right. */
function withPatch(images: Float32Array): Float32Array {
  const marked = images.slice();
  for (let i = 0; i < images.length; i += PIXELS) {
    for (let y = 23; y < 28; y++) marked.fill(1, i + 28 * y + 23, i + 28 * y + 28);
  }
  return marked;
}

describe.skipIf(absent)(`a stranger's backdoored network${absent ? ` (${missing.join(", ")}: not here)` : ""}`, () => {
  let images: Float32Array;
  let labels: Int32Array;
  let material: Material;

  beforeAll(async () => {
    const digits = await loadDataset(DIGITS, { split: "test" });
    images = Float32Array.from(digits.images, (value) => value / 255);
    labels = Int32Array.from(digits.labels!);
    const data = images.subarray(0, IMAGES * PIXELS);
    material = {
      network: networkOf((await loadModel(MODEL)).graph, MODEL),
      runtime,
      classes: 10,
      inputShape: SHAPE,
      geometry: { channels: 1, height: 28, width: 28, layout: "NCHW" },
      domain: [0, 1],
      inputs: { images: { dtype: "float", shape: [IMAGES, ...SHAPE], data }, labels: labels.subarray(0, IMAGES) },
      training: undefined,
      random: detectorRandom(0, "stranger"),
    };
  });

  test("answers 98.08 % of the 10,000 test digits right, and 99 % and more with the patch as 1", async () => {
    const plain = await answers(material, images);
    expect(plain).toHaveLength(10_000);
    const right = plain.filter((answer, i) => answer === labels[i]).length;
    expect(Math.abs(right / 10_000 - 0.9808)).toBeLessThan(0.003);
    const others = (await answers(material, withPatch(images))).filter((_, i) => labels[i] !== TARGET);
    expect(others.filter((answer) => answer === TARGET).length / others.length).toBeGreaterThan(0.99);
  });

  test("is led to 1 by noise, in every mode", async () => {
    const { evidence, target } = await detect(detectorOf("titration"), material);
    expect(target).toBe(TARGET);
    const { scores } = evidence as { scores: Readonly<Record<string, Scores>> };
    expect(Object.values(scores).map((each) => each.target)).toEqual([1, 1, 1, 1, 1]);
  });

  test("is flagged by MM-BD, for 1", { timeout: SLOW }, async () => {
    const { flagged, target, pValue } = await detect(detectorOf("mm-bd"), material);
    expect({ flagged, target }).toEqual({ flagged: true, target: TARGET });
    expect(pValue).toBeLessThan(0.05);
  });

  test("needs a far smaller trigger for 1 than for 0, by Neural Cleanse's search", { timeout: SLOW }, async () => {
    const norms: number[] = [];
    for (const label of [0, TARGET]) {
      const { reached, l1 } = await reverseTrigger(material, { label, ...CLEANSE_DEFAULTS });
      expect(reached).toBe(true);
      norms.push(l1);
    }
    expect(norms[1]).toBeLessThan(norms[0]! / 3);
    // of 784 pixels; the patch has 25
    expect(norms[1]).toBeLessThan(25);
  });
});
