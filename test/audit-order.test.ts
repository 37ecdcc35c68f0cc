/**
 * @file The order of an audit's steps, from its own progress: cheap ones first, and no proof that can change no answer.
 */

import { expect, test } from "vitest";
import { audit, detectorOf, examineFile } from "../src/index.ts";
import { SILENT } from "../src/studies/progress.ts";
import { longTest, PATIENT } from "./support/patience.ts";

/** The stages of an audit, each once, as they begin. */
async function stages(epsilons: readonly number[], least: number): Promise<readonly string[]> {
  const seen: string[] = [];
  const progress = { ...SILENT, expect: (_: number, what: string) => void seen.push(what) };
  const terms = { data: "mnist:test", sample: 40, seed: 0, workers: 1, progress };
  await using digits = await examineFile("zoo/mnist-mlp.onnx", terms);
  const search = { draw: async () => digits.inputs, seed: 0, reference: undefined, bundled: () => [] };
  const detectors = [detectorOf("last-layer")];
  const asked = { epsilons, least, steps: 5, restarts: 1, detectors, search, budget: Number.POSITIVE_INFINITY };
  await audit(digits, asked);
  return [...new Set(seen)];
}

const proving = (of: readonly string[], title: string) =>
  of.filter((what) => what.startsWith(`proving with ${title} `));

test("answers, signs of tampering, attacks where it is asked first, proofs from the cheap ones on", async () => {
  // some inputs are falsified within the first radius: they are attacked within the second, the others need not be
  const seen = await stages([0.03, 0.01], 0.5);
  const kinds = seen.map((what) => what.replace(/ at [\d.]+$/, ""));
  expect([...new Set(kinds)]).toEqual([
    "clean answers",
    "trying other preprocessing",
    "trying patches",
    "improving patches",
    "looking for backdoors",
    "attacking with PGD",
    "proving with Interval bound propagation (IBP)",
    "proving with CROWN-IBP",
    "proving with CROWN",
  ]);
  expect(seen.filter((what) => what.startsWith("attacking"))).toEqual([
    expect.stringContaining("0.03"),
    expect.stringContaining("0.01"),
  ]);
});

longTest("where attacks have surely broken too many, slow proofs of that radius are not begun", async () => {
  const seen = await stages([0.3, 0.001], 0.5);
  expect(proving(seen, "CROWN").every((what) => what.endsWith("0.001"))).toBe(true);
  // a cheap one is still held against the witnesses
  expect(seen.some((what) => what.startsWith("proving with Interval"))).toBe(true);
  if (PATIENT) expect(proving(await stages([0.3], 0.5), "CROWN")).toEqual([]);
  // what is asked for cannot be missed: all that is open is tried
  expect(await stages([0.3], 0)).toContainEqual(expect.stringContaining("proving with CROWN at"));
});
