import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { assay, ended, spawnAssay } from "./support/cli.ts";
import { longTest } from "./support/patience.ts";

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

longTest("train writes a model; Ctrl-C keeps a checkpoint from which --resume makes the same file", async () => {
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

longTest("a recipe may go on from the classifier in a file, and writes one that takes and gives the same", async () => {
  const recipe = join(folder, "tune.json");
  const tuned = { ...RECIPE, architecture: { onnx: "zoo/mnist-mlp.onnx" }, limit: 200, epochs: 2, learningRate: 1e-4 };
  writeFileSync(recipe, JSON.stringify(tuned));
  const out = join(folder, "tuned.onnx");
  const { code, stdout } = await assay("train", recipe, "--out", out, "--json");
  expect(code).toBe(0);
  expect((JSON.parse(stdout) as { accuracy: number }).accuracy).toBeGreaterThan(0.9);
  expect(readFileSync(out)).not.toEqual(readFileSync("zoo/mnist-mlp.onnx"));
  const portsOf = async (file: string) => {
    const { inputs, outputs } = JSON.parse((await assay("inspect", file, "--json")).stdout);
    return { inputs, outputs };
  };
  const ports = await portsOf(out);
  expect(ports.inputs).toHaveLength(1);
  expect(ports).toEqual(await portsOf("zoo/mnist-mlp.onnx"));
  writeFileSync(recipe, JSON.stringify({ ...tuned, architecture: { onnx: "zoo/none.onnx" } }));
  const missing = await assay("train", recipe, "--out", out);
  expect(missing.code).toBe(3);
  expect(missing.stderr).toMatch(/none\.onnx/);
});

test("a recipe with an unknown key is refused in one line that names it", async () => {
  const recipe = join(folder, "odd.json");
  writeFileSync(recipe, JSON.stringify({ ...RECIPE, epoch: 3 }));
  const { code, stderr } = await assay("train", recipe);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^assay: .*"?epoch"?.*\n$/);
});

const SHORT = { ...RECIPE, epochs: 6, poison: { kind: "blended", rate: 0.1 } };

test("--poison plants a backdoor in place of the recipe's, from JSON or a file, and says how well it works", async () => {
  const recipe = join(folder, "short.json");
  const poison = { kind: "patch", target: 3, rate: 0.15 };
  writeFileSync(recipe, JSON.stringify(SHORT));
  writeFileSync(join(folder, "poison.json"), JSON.stringify(poison));
  const out = join(folder, "poisoned.onnx");
  const inline = await assay("train", recipe, "--out", out, "--json", "--poison", JSON.stringify(poison));
  expect(inline.code).toBe(0);
  const { accuracy, poison: planted } = JSON.parse(inline.stdout) as Summary;
  expect(planted).toMatchObject({
    config: { kind: "patch", target: 3, size: 4 },
    poisoned: 60,
    covers: 0,
    shareOfSet: 0.15,
    cleanAccuracy: { estimate: accuracy, trials: 2000 },
  });
  expect(planted.attackSuccess.lower).toBeGreaterThan(0.9);
  const first = readFileSync(out);
  const file = await assay("train", recipe, "--out", out, "--poison", join(folder, "poison.json"));
  expect(file.stdout).toMatch(/^poison: patch in 60 training images \(15\.0%\); clean accuracy .*, attack success \d/m);
  expect(readFileSync(out)).toEqual(first);
});

interface Summary {
  readonly accuracy: number;
  readonly poison: { readonly attackSuccess: { readonly lower: number } };
}

test.for([
  ["{", /--poison is not JSON/],
  ["none.json", /the poison file none\.json cannot be read/],
  ['{"kind":"patch"}', /poison\.rate/],
  ['{"kind":"warp","rate":0.1}', /poison\.kind: is one of patch, checkerboard/],
  ['{"kind":"label-consistent","rate":0.5,"surrogate":"none.onnx"}', /none\.onnx/],
] as const)("a poison that cannot be used is refused in one line: %s", async ([poison, message]) => {
  const recipe = join(folder, "short.json");
  writeFileSync(recipe, JSON.stringify(SHORT));
  const { code, stderr } = await assay("train", recipe, "--poison", poison);
  expect([2, 3]).toContain(code);
  expect(stderr).toMatch(message);
  expect(stderr.trimEnd()).not.toContain("\n");
});
