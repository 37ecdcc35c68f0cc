import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { assay, ended, spawnAssay } from "./support/cli.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "assay-train-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const RECIPE = {
  architecture: "FCNNa",
  data: "mnist:train",
  limit: 400,
  validation: "mnist:test",
  epochs: 25,
  batch: 20,
  seed: 4,
};

test("train writes a model; Ctrl-C keeps a checkpoint from which --resume makes the same file", async () => {
  const recipe = join(folder, "recipe.json");
  writeFileSync(recipe, JSON.stringify(RECIPE));
  const [whole, parts] = [join(folder, "whole.onnx"), join(folder, "parts.onnx")];
  const done = await assay("train", recipe, "--out", whole, "--json");
  expect(done.code).toBe(0);
  expect(JSON.parse(done.stdout)).toMatchObject({ model: { path: whole }, seed: 4 });
  expect((JSON.parse(done.stdout) as { accuracy: number }).accuracy).toBeGreaterThan(0.7);

  const child = spawnAssay(["train", recipe, "--out", parts], { cwd: folder });
  const finished = ended(child);
  const checkpoint = `${parts}.checkpoint`;
  while (!existsSync(checkpoint)) await new Promise((next) => setTimeout(next, 5));
  child.kill("SIGINT");
  const { code, stderr } = await finished;
  expect(code).toBe(130);
  expect(stderr.trimEnd().split("\n").at(-1)).toMatch(/^assay: interrupted; to go on, .*--resume/);
  expect(existsSync(parts)).toBe(false);
  const resumed = await assay("train", recipe, "--out", parts, "--resume");
  expect(resumed.code).toBe(0);
  expect(resumed.stderr).toMatch(/^going on in epoch \d+/);
  expect(readFileSync(parts)).toEqual(readFileSync(whole));
  expect(existsSync(checkpoint)).toBe(false);
});

test("a recipe with an unknown key is refused in one line that names it", async () => {
  const recipe = join(folder, "odd.json");
  writeFileSync(recipe, JSON.stringify({ ...RECIPE, epoch: 3 }));
  const { code, stderr } = await assay("train", recipe);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^assay: .*"?epoch"?.*\n$/);
});
