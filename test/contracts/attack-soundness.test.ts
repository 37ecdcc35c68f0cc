/**
 * @file The master check: over random networks, no verifier's lower bound is above a margin that an attack attains. Both
 * speak of the network as it runs in float32, so there is no tolerance.
 */

import { afterAll, expect, test } from "vitest";
import type { Graph } from "../../src/graph/types.ts";
import { attacks } from "../../src/methods/attack/index.ts";
import { networkOf } from "../../src/methods/network.ts";
import { type Rng, rng } from "../../src/random/rng.ts";
import { createRuntime } from "../../src/runtime/node.ts";
import { classification } from "../../src/spec/classification.ts";
import type { Norm, Threat } from "../../src/spec/types.ts";
import { answeredBatch } from "../support/answered.ts";
import { convNet, denseNet } from "../support/nets.ts";
import { PATIENT } from "../support/patience.ts";
import { verifiers } from "../support/verifiers.ts";

const NETS = PATIENT ? 200 : 32;
const INPUTS = 4;

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

function randomNet(k: number, random: Rng): Graph {
  if (k % 8 === 0) {
    const layers = [{ channels: 3, kernel: 3, stride: 1 + random.int(2), pad: 1 }];
    return convNet(k, [1 + random.int(2), 5], [...layers, ...layers], [3], k % 16 === 0);
  }
  const hidden = Array.from({ length: 1 + random.int(3) }, () => 3 + random.int(8));
  return denseNet(k, [2 + random.int(4), ...hidden, 2 + random.int(3)]);
}

test(`on ${NETS} random networks no bound is above what an attack attains`, { timeout: 120_000 }, async () => {
  const norms: readonly Norm[] = ["linf", "l2", "l1"];
  let [verified, falsified] = [0, 0];
  for (let k = 0; k < NETS; k++) {
    const random = rng(77).split(`net/${k}`);
    const network = networkOf(randomNet(k, random), `net ${k}`);
    const batch = answeredBatch(network, INPUTS, random.split("inputs"));
    const epsilon = 10 ** (-2.5 + 2 * random.uniform());
    const threat: Threat = { norm: norms[k % 3]!, epsilon, domain: [0, 1] };
    // compiling is what takes the time, so the methods take turns
    const searched = attacks[Math.floor(k / verifiers.length) % attacks.length]!;
    await using attack = await searched.prepare(network, runtime, { threat, seed: 1, steps: 15, restarts: 2 });
    const attempts = await attack.attack(batch);
    const verifier = verifiers[k % verifiers.length]!;
    await using prepared = await verifier.prepare(network, runtime, { norm: threat.norm });
    const { lower } = await prepared.bounds(classification(network, batch, threat));
    const { classes } = network;
    for (const [i, { margin }] of attempts.entries()) {
      const least = Math.min(...lower.subarray(i * (classes - 1), (i + 1) * (classes - 1)));
      if (least > 0) verified++;
      if (margin <= 0) falsified++;
      expect(least, `${verifier.id} and ${searched.id} on net ${k}, input ${i}`).toBeLessThanOrEqual(margin);
    }
  }
  // the check means something only where both sides have something to say
  expect(verified).toBeGreaterThan(NETS / 4);
  expect(falsified).toBeGreaterThan(NETS / 4);
});
