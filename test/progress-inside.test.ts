/** @file Attacks and proofs tell how far they are while they work: a bar that stands still says nothing of the time left. */

import { afterAll, expect, test } from "vitest";
import { floatTensor } from "../src/graph/tensor.ts";
import { attacks } from "../src/methods/attack/index.ts";
import { networkOf } from "../src/methods/network.ts";
import type { Tell } from "../src/methods/time.ts";
import { rng } from "../src/random/rng.ts";
import { createRuntime } from "../src/runtime/node.ts";
import { classification } from "../src/spec/classification.ts";
import type { Threat } from "../src/spec/types.ts";
import { denseNet } from "./support/nets.ts";
import { verifiers } from "./support/verifiers.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const [SIZE, CLASSES, COUNT] = [8, 5, 6];
const network = networkOf(denseNet(5, [SIZE, 20, 16, CLASSES]), "net");
const threat: Threat = { norm: "linf", epsilon: 0.05, domain: [0, 1] };

function batch() {
  const data = new Float32Array(COUNT * SIZE);
  rng(11).fillUniform(data, 0, 1);
  const labels = new Int32Array(COUNT);
  return { images: floatTensor([COUNT, SIZE], data), labels, indices: Int32Array.from(labels.keys()) };
}

/** What was told, as shares. */
function heard() {
  const shares: number[] = [];
  const tell: Tell = (done, total) => {
    shares.push(done / total);
  };
  return { shares, tell };
}

function expectSteps(shares: readonly number[], least: number): void {
  expect(shares).toEqual(shares.toSorted((a, b) => a - b));
  expect(shares.at(-1)!).toBeLessThanOrEqual(1 + 1e-12);
  expect(new Set(shares).size).toBeGreaterThanOrEqual(least);
}

test.each(verifiers)("$id tells its steps, which rise and change no bound", async (verifier) => {
  // few rows and inputs a run, so that there are many
  await using prepared = await verifier.prepare(network, runtime, { norm: "linf", memoryBudget: 2 ** 13 });
  const queries = classification(network, batch(), threat);
  const { shares, tell } = heard();
  expect(await prepared.bounds(queries, undefined, tell)).toEqual(await prepared.bounds(queries));
  expectSteps(shares, 2);
});

test.each(attacks.filter(({ settings }) => "steps" in settings))("$id tells its steps", async (attack) => {
  // so small a set that nothing is found: all starts are made
  const tiny = { ...threat, epsilon: 1e-6 };
  await using prepared = await attack
    .with({ restarts: 2, steps: 10 })
    .prepare(network, runtime, { threat: tiny, seed: 1 });
  const own = batch();
  const labels = Int32Array.from(await predictions(own.images.data as Float64Array));
  const { shares, tell } = heard();
  await prepared.attack({ ...own, labels }, undefined, tell);
  expectSteps(shares, 20);
});

async function predictions(data: ArrayLike<number>): Promise<number[]> {
  const session = await runtime.compile(network.graph, { float: "float32" });
  const images = { dtype: "float", shape: [COUNT, SIZE], data: Float32Array.from(data) } as const;
  const [logits] = Object.values(await session.run({ [network.input.name]: images }));
  return Array.from({ length: COUNT }, (_, i) => {
    const own = Array.from(logits!.data.slice(i * CLASSES, (i + 1) * CLASSES), Number);
    return own.indexOf(Math.max(...own));
  });
}
