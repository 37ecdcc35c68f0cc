import { afterAll, expect, test } from "vitest";
import { answeredBatch } from "../../../test/support/answered.ts";
import { denseNet } from "../../../test/support/nets.ts";
import { rng } from "../../random/rng.ts";
import { createRuntime } from "../../runtime/node.ts";
import { networkOf } from "../network.ts";
import { checkAttack } from "./check.ts";
import { attacks } from "./index.ts";
import { type Attack, type AttackBatch, type Attempt, defineAttack } from "./types.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const network = networkOf(denseNet(4, [12, 16, 16, 5]), "dense");
const batch = answeredBatch(network, 12, rng(1));
const options = { threat: { norm: "linf", epsilon: 0.08, domain: [0, 1] }, seed: 5 } as const;
const check = (attack: Attack) => checkAttack(attack, { network, runtime }, batch, options);

test.for(attacks.filter(({ norms }) => norms.includes("linf")))("$id keeps to the contract", async (attack) => {
  const { faults, falsified } = await check(attack);
  expect(faults).toEqual([]);
  expect(falsified).toBeGreaterThan(0);
});

/** An attack whose attempts these are. */
const made = (attempts: (batch: AttackBatch) => readonly Attempt[]): Attack =>
  defineAttack({
    id: "made",
    version: 1,
    title: "Made",
    summary: "A test.",
    source: "a test",
    norms: ["linf"],
    settings: {},
    options: () => ({}),
    prepare: async () => ({ attack: async (given) => attempts(given), [Symbol.asyncDispose]: async () => {} }),
  }) as unknown as Attack;

const moved = (by: (k: number) => number, own: Partial<Attempt> = {}): Attack =>
  made(({ images, labels }) => {
    const size = images.data.length / labels.length;
    return Array.from(labels, (_, i) => ({
      success: false,
      adversarial: Float32Array.from(images.data.subarray(i * size, (i + 1) * size), (x) => Math.min(1, x + by(i))),
      margin: 1,
      queries: 1,
      flat: false,
      ...own,
    }));
  });

let calls = 0;
test.for([
  ["nothing for an input", made(() => []), /^0 attempts for 12 inputs/],
  ["points of another size", moved(() => 0, { adversarial: new Float32Array(3) }), /has 3 numbers, the input 12/],
  ["points outside the set", moved(() => 0.2), /not in its set: linf distance 0\.(1|2)/],
  ["false claims", moved(() => 0, { success: true }), /called falsified, and the model file says otherwise/],
  ["points by another clock", moved(() => 1e-3 * calls++), /same seed gives other points/],
  ["points by the place in the batch", moved((i) => 1e-3 * i), /place in the batch/],
] as const)("%s: said in a sentence", async ([, attack, sentence]) => {
  const { faults } = await check(attack);
  expect(faults.join("\n")).toMatch(sentence);
});
