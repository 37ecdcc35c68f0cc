/** @file A reference made of models that there are: scanned as a model under suspicion is, and compared with one. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exportOnnx } from "../src/formats/onnx/export.ts";
import { floatTensor } from "../src/graph/tensor.ts";
import { makeGraph } from "../src/graph/traverse.ts";
import { readPopulation } from "../src/methods/population/reference.ts";
import { builder } from "../src/ops/index.ts";
import { rng } from "../src/random/rng.ts";
import { assay } from "./support/cli.ts";

const home = process.cwd();
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "assay-from-"));
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

/** An untrained network of one hidden layer on digits. */
function network(name: string, units = 12): string {
  const b = builder();
  const draw = (label: string, shape: readonly [number, number]) => {
    const data = new Float64Array(shape[0] * shape[1]);
    rng(5)
      .split(`${name}/${label}`)
      .fillNormal(data, 0, 1 / Math.sqrt(shape[0]));
    return b.constant(floatTensor(shape, data.map(Math.fround)));
  };
  const x = b.input("x", ["N", 1, 28, 28]);
  const flat = b.emit("Reshape", [x], { shape: ["N", 784] });
  const hidden = b.emit("Relu", [b.emit("MatMul", [flat, draw("w", [784, units])])]);
  const value = b.emit("MatMul", [hidden, draw("v", [units, 10])]);
  const path = join(folder, `${name}.onnx`);
  writeFileSync(path, exportOnnx(makeGraph([x], [{ name: "logits", value }])));
  return path;
}

const inputs = ["--data", "mnist", "--images", "40", "--detector", "last-layer", "--jobs", "1"];

test("clean models of one's own become the reference that a model is compared with", async () => {
  const clean = ["a", "b", "c"].map((name) => network(name));
  const made = await assay("population", "--from", ...clean, ...inputs, "--force", "--out", "own");
  expect([made.code, made.stdout]).toEqual([0, expect.stringContaining("clean: 3 members")]);
  const population = readPopulation(JSON.parse(readFileSync("own/population.json", "utf8")));
  expect(population.scan).toEqual({ data: "mnist", images: 40, seed: 0 });
  expect(population.members.map(({ id, group }) => [id, group])).toEqual(["a", "b", "c"].map((id) => [id, "clean"]));

  // a member scanned as a model under suspicion has the score that stands in the reference
  const again = await assay(
    "backdoor",
    clean[0]!,
    ...inputs,
    "--force",
    "--reference",
    "own/population.json",
    "--json",
  );
  const file = JSON.parse(again.stdout) as {
    reference: { used: boolean; clean: number };
    detectors: { name: string; score: number | null }[];
  };
  expect(file.reference).toMatchObject({ used: true, clean: 3 });
  for (const { name, score } of file.detectors) {
    const own = population.members[0]!.scans[name]!.score;
    if (score === null) expect(own).toBe(null);
    else expect(own! / score).toBeCloseTo(1, 4);
  }
  expect(file.detectors.some(({ score }) => score !== null)).toBe(true);
});

test.each([
  ["another architecture", () => [network("a"), network("wide", 13)], 3, /wide\.onnx: it has another architecture as/],
  ["the same file twice", () => [network("a"), network("a")], 3, /the same file as/],
  ["a detector under other settings than its own", () => [network("a"), "--detector", "mm-bd:top=3"], 2, /mm-bd/],
])("%s is refused", async (_, from, code, line) => {
  const run = await assay("population", "--from", ...from(), ...inputs, "--force", "--out", "refused");
  expect([run.code, run.stderr.trimEnd().split("\n").at(-1)]).toEqual([code, expect.stringMatching(line)]);
});

test("without a recipe and without models, or with both, the way out is named", async () => {
  const nothing = await assay("population");
  expect([nothing.code, nothing.stderr]).toEqual([2, expect.stringContaining("--from")]);
  const both = await assay("population", "recipe.json", "--from", network("a"), "--data", "mnist");
  expect([both.code, both.stderr]).toEqual([2, expect.stringContaining("leave one of them out")]);
  const stray = await assay("population", "recipe.json", "--data", "mnist");
  expect([stray.code, stray.stderr]).toEqual([2, expect.stringContaining("--data goes with --from")]);
});
