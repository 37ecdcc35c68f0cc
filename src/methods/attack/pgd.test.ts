import { afterAll, expect, test } from "vitest";
import { answeredBatch } from "../../../test/support/answered.ts";
import { convNet } from "../../../test/support/nets.ts";
import { rng } from "../../random/rng.ts";
import { createRuntime } from "../../runtime/node.ts";
import { networkOf } from "../network.ts";
import { fgsm } from "./fgsm.ts";
import { pgd } from "./pgd.ts";
import type { Attack } from "./types.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const layer = { channels: 4, kernel: 3, stride: 2, pad: 1 };
const conv = networkOf(convNet(8, [2, 6], [layer, layer], [12, 4]), "conv");

test.for([
  ["linf", 0.32],
  ["l2", 1.6],
  ["l1", 4.8],
] as const)("in %s, PGD fools every input that FGSM fools, and more", async ([norm, epsilon]) => {
  const batch = answeredBatch(conv, 60, rng(1));
  const threat = { norm, epsilon, domain: [0, 1] } as const;
  const fooled = async (attack: Attack, options = {}) => {
    await using prepared = await attack.prepare(conv, runtime, { threat, seed: 5, loss: "cross-entropy", ...options });
    return (await prepared.attack(batch)).map(({ success }) => success);
  };
  const [once, often] = [await fooled(fgsm), await fooled(pgd, { restarts: 2 })];
  once.forEach((success, i) => {
    if (success) expect(often[i]).toBe(true);
  });
  expect(often.filter(Boolean).length).toBeGreaterThan(once.filter(Boolean).length);
});
