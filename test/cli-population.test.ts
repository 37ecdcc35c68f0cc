import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parsePopulationRecipe, planMembers } from "../src/methods/population/config.ts";
import { readPopulation } from "../src/methods/population/reference.ts";
import type { Population } from "../src/methods/population/types.ts";
import { assay, type Ended, ended, spawnAssay } from "./support/cli.ts";
import { longTest } from "./support/patience.ts";

const RECIPE = {
  name: "tiny digits",
  train: { architecture: "FCNNa", data: "mnist:train", limit: 200, epochs: 4, batch: 10, learningRate: 0.01 },
  scan: { data: "mnist:test", images: 50 },
  seed: 5,
  clean: 2,
  backdoored: [{ name: "patch", count: 2, poison: { kind: "patch", rate: 0.2 } }],
  detectors: ["titration", "spectral-signatures"],
};

/** Perturbs pictures by a model that is not there. */
const SURROGATE = { name: "none", count: 1, poison: { kind: "label-consistent", rate: 0.5, surrogate: "none.onnx" } };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "assay-population-"));
  writeFileSync(join(folder, "recipe.json"), JSON.stringify(RECIPE));
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = (...more: readonly string[]): Promise<Ended> =>
  ended(spawnAssay(["population", "recipe.json", ...more], { cwd: folder }));

const populationIn = (out: string): Population =>
  readPopulation(JSON.parse(readFileSync(join(folder, out, "population.json"), "utf8")));

/** All but times, which differ between runs. */
const timeless = ({ members, ...head }: Population) => ({
  ...head,
  members: members.map(({ trainSeconds: _, scans, ...member }) => ({
    ...member,
    scans: Object.fromEntries(Object.entries(scans).map(([id, { seconds: _, ...scan }]) => [id, scan])),
  })),
});

longTest(
  "interrupted and resumed, or trained again on more workers, a population is the same",
  async () => {
    const child = spawnAssay(["population", "recipe.json", "--out", "parts", "--jobs", "1"], { cwd: folder });
    child.stderr!.once("data", () => child.kill("SIGINT"));
    const { code, stderr } = await ended(child);
    expect(stderr.trimEnd().split("\n").at(-1)).toMatch(/^assay: interrupted; .*--resume/);
    expect(code).toBe(130);
    expect(existsSync(join(folder, "parts/population.json"))).toBe(false);
    expect(readdirSync(join(folder, "parts/models"))).toContain("clean-5.onnx");

    const resumed = await run("--out", "parts", "--resume", "--jobs", "1", "--json");
    expect(resumed.code).toBe(0);
    expect(resumed.stderr).toMatch(/^training: [1-4] of 4 are finished already/);
    expect(resumed.stderr).not.toMatch(/training clean-5 /);
    const population = populationIn("parts");
    expect(JSON.parse(resumed.stdout)).toMatchObject({ members: population.members.map(({ id }) => ({ id })) });
    const plan = planMembers(parsePopulationRecipe(RECIPE), 10);
    expect(population.members).toMatchObject(plan.map(({ id, group, seed, target }) => ({ id, group, seed, target })));
    for (const { id, sha256, scans, cleanAccuracy, attackSuccess, group } of population.members) {
      const bytes = readFileSync(join(folder, `parts/models/${id}.onnx`));
      expect(createHash("sha256").update(bytes).digest("hex")).toBe(sha256);
      expect(Object.keys(scans)).toEqual(RECIPE.detectors);
      expect(cleanAccuracy).toBeGreaterThan(0.3);
      expect(attackSuccess === null).toBe(group === "clean");
    }

    // what the store says of models that are not there, or not as they were, does not hold
    mkdirSync(join(folder, "whole/models"), { recursive: true });
    copyFileSync(join(folder, "parts/models/clean-6.onnx"), join(folder, "whole/models/clean-6.onnx"));
    writeFileSync(join(folder, "whole/models/patch-7.onnx"), "changed");
    const whole = await run("--out", "whole", "--resume", "--jobs", "2");
    expect(whole.stderr).toMatch(/^training: 1 of 4 are finished already/);
    expect(whole.stderr).toMatch(/training patch-7 /);
    expect(whole.stderr).toMatch(/scanning by titration: 4 of 4 are finished already/);
    expect(timeless(populationIn("whole"))).toEqual(timeless(population));
  },
  120_000,
);

test.for([
  [{ clean: 0 }, /clean: /],
  [{ detectors: ["titratoin"] }, /no detector "titratoin".*Did you mean "titration"\?/],
  [{ train: { ...RECIPE.train, data: "nowhere" } }, /nowhere: no such file or folder/],
  [{ backdoored: [SURROGATE] }, /population recipe: poison\.surrogate: none\.onnx: no such file/],
] as const)("a recipe that cannot work is refused in one line: %j", async ([change, line]) => {
  const path = join(folder, "wrong.json");
  writeFileSync(path, JSON.stringify({ ...RECIPE, ...change }));
  const { code, stderr } = await assay("population", path, "--out", join(folder, "wrong"));
  expect(code).toBeGreaterThanOrEqual(2);
  expect(code).toBeLessThanOrEqual(3);
  expect(stderr).toMatch(/^assay: [^\n]*\n$/);
  expect(stderr).toMatch(line);
});
