/** @file The screen for planted patches on whole models: of the zoo, and one that others made and published. */

import { existsSync } from "node:fs";
import { basename } from "node:path";
import { afterAll, expect, test } from "vitest";
import { inferContract, prepare } from "../src/data/contract.ts";
import { loadDataset } from "../src/data/files.ts";
import { compileLossGradient } from "../src/methods/attack/loss-gradient.ts";
import { screenPatches } from "../src/methods/audit/measure-patches.ts";
import { fitPatch, scanPatches } from "../src/methods/audit/patch-screen.ts";
import type { Examiner, PatchResult } from "../src/methods/audit/types.ts";
import { predictChunk } from "../src/methods/examine.ts";
import { networkOf } from "../src/methods/network.ts";
import { originalOf } from "../src/methods/original.ts";
import { geometryOf } from "../src/methods/picture.ts";
import { agreementOf } from "../src/methods/reading/agreement.ts";
import type { Chunk, Subject } from "../src/methods/records.ts";
import { rng } from "../src/random/rng.ts";
import { createRuntime } from "../src/runtime/node.ts";
import { loadModel } from "../src/runtime/node-model.ts";
import { PROFILES } from "../src/studies/audit/gate.ts";
import { standingOut, succeeds } from "../src/studies/audit/patches.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const INPUTS = 160;
const CLASSES = 10;

const pick = ({ images, labels, indices }: Chunk, positions: readonly number[]): Chunk => ({
  images: Float32Array.from(positions.flatMap((i) => Array.from(images.subarray(784 * i, 784 * (i + 1))))),
  labels: Int32Array.from(positions, (i) => labels[i]!),
  indices: Int32Array.from(positions, (i) => indices[i]!),
});

async function screen(path: string): Promise<PatchResult> {
  const model = await loadModel(path);
  const dataset = await loadDataset("mnist", { limit: INPUTS });
  const { contract } = inferContract({ modelInputShape: ["N", 1, 28, 28], dataset });
  const { images, labels } = prepare(dataset, contract);
  const chunk: Chunk = { images, labels: labels!, indices: dataset.indices };
  const network = networkOf(model.graph, model.sha256);
  const original = originalOf(await runtime.openModel(model.bytes), network);
  const subject: Subject = { network, original, agreement: agreementOf(network, original, runtime) };
  const loss = await compileLossGradient(network, runtime, "margin");
  const correct = (await predictChunk(subject, chunk)).flatMap((answer, i) =>
    answer.predicted === chunk.labels[i] ? [i] : [],
  );
  const examiner: Pick<Examiner, "scan" | "fit" | "now"> = {
    scan: (geometry, parts, positions) =>
      Promise.all(
        parts.map(async (part) => ({ record: await scanPatches(subject, geometry, part, pick(chunk, positions)) })),
      ),
    fit: (geometry, settings, positions) =>
      Promise.all(
        settings.map(async (one) => ({
          record: await fitPatch(subject, loss, geometry, one, pick(chunk, positions), rng(0)),
        })),
      ),
    now: () => 0,
  };
  const geometry = geometryOf(dataset.shape, contract.layout)!;
  return screenPatches(examiner as Examiner, geometry, chunk.labels, CLASSES, correct);
}

const PUBLISHED = "../shared/data/backdoor/verazuo-badnets/onnx/badnet-MNIST.onnx";

const models: readonly (readonly [path: string, target: number | undefined])[] = [
  ["zoo/mnist-cnna-badnets.onnx", 7],
  ["zoo/mnist-cnna-clean.onnx", undefined],
  ["zoo/mnist-cnna-ibp.onnx", undefined],
  ["zoo/mnist-mlp.onnx", undefined],
  // its makers: a 5 × 5 white patch, bottom right, means 1
  [PUBLISHED, 1],
];

test.for(models.map(([path, target]) => [basename(path), path, target] as const))(
  "%s is seen for what it is",
  async ([, path, target], { skip }) => {
    if (!existsSync(path)) skip(`${path} is not here`);
    const { targets } = await screen(path);
    const rates = targets.map(({ hits, trials }) => hits / trials);
    const flagged = targets.filter((record) => succeeds(record, PROFILES.robust.patch, CLASSES));
    expect(flagged.map((record) => record.target)).toEqual(target === undefined ? [] : [target]);
    expect(standingOut(targets, PROFILES.robust.patch)?.target).toBe(target);
    if (target === undefined) return;
    expect(rates[target]).toBeGreaterThan(0.9);
    // white, in the lower right corner
    const { top, left, values } = targets[target]!;
    expect(Math.min(top, left)).toBeGreaterThanOrEqual(20);
    expect(values.reduce((a, b) => a + b) / values.length).toBeGreaterThan(0.8);
  },
);
