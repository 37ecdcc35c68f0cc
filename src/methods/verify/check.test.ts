import { afterAll, expect, test } from "vitest";
import { answeredBatch } from "../../../test/support/answered.ts";
import { denseNet } from "../../../test/support/nets.ts";
import { rng } from "../../random/rng.ts";
import { createRuntime } from "../../runtime/node.ts";
import { networkOf } from "../network.ts";
import { checkVerifier } from "./check.ts";
import { verifierOf, verifiers } from "./index.ts";
import { defineVerifier, type Proof, type Verifier } from "./types.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const network = networkOf(denseNet(4, [12, 16, 16, 5]), "dense");
const batch = answeredBatch(network, 8, rng(1));
const options = { threat: { norm: "linf", epsilon: 0.01, domain: [0, 1] }, seed: 5 } as const;
const check = (verifier: Verifier, own = {}) =>
  checkVerifier(verifier, { network, runtime }, batch, { ...options, ...own });

test.for(verifiers.filter(({ norms }) => norms.includes("linf")))("$id keeps to the contract", async (verifier) => {
  const { faults, proved } = await check(verifier);
  expect(faults).toEqual([]);
  expect(proved).toBeGreaterThan(0);
  expect(await check(verifier, { arithmetic: "real" })).toMatchObject({ faults: [] });
});

/** A verifier whose bounds are those of CROWN, changed. @param real its bounds leave rounding out, whatever was asked */
const changed = (change: (proof: Proof) => Proof, real = false): Verifier =>
  defineVerifier({
    id: "changed",
    version: 1,
    title: "Changed",
    summary: "A test.",
    source: "a test",
    norms: ["linf"],
    async prepare(net, run, terms) {
      const inner = await verifierOf("crown").prepare(net, run, real ? { ...terms, arithmetic: "real" } : terms);
      return { ...inner, bounds: async (queries) => change(await inner.bounds(queries)) };
    },
  });
const lower = (make: (bound: number, k: number) => number) => (proof: Proof) => ({
  ...proof,
  lower: proof.lower.map(make),
});

let calls = 0;
test.for([
  [
    "too few bounds",
    changed((proof) => ({ ...proof, lower: proof.lower.slice(1) })),
    /^31 bounds for 8 inputs of 4 rows/,
  ],
  [
    "bounds above the network",
    changed(lower((bound) => bound + 3)),
    /is bounded by .* and is .* at a point of the set/,
  ],
  ["bounds by the batch", changed(lower((bound, k) => bound - 0.01 * k)), /another answer in another order/],
  ["bounds by the call", changed(lower((bound) => bound - calls++)), /must not depend on the batch/],
  ["another arithmetic", changed((proof) => ({ ...proof, arithmetic: "real" })), /asked for float32, it says real/],
  ["a tie proved", changed(lower((bound) => bound + 1e-3)), /it proves a tie/],
  [
    "rounding left out",
    changed((proof) => ({ ...proof, arithmetic: "float32" }), true),
    /proves a margin that rounding turns/,
  ],
] as const)("%s: said in a sentence", async ([, verifier, sentence]) => {
  const { faults } = await check(verifier);
  expect(faults.join("\n")).toMatch(sentence);
});
