import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parsePopulationRecipe, planMembers } from "../src/methods/population/config.ts";
import { readPopulation } from "../src/methods/population/reference.ts";
import type { Population } from "../src/methods/population/types.ts";
import { assay, type Ended, ended, spawnAssay } from "./support/cli.ts";

const RECIPE = {
  name: "tiny digits",
  train: { architecture: "FCNNa", data: "mnist:train", limit: 200, epochs: 1, batch: 10, learningRate: 0.01 },
  scan: { data: "mnist:test", images: 50 },
  seed: 5,
  clean: 2,
  backdoored: [{ name: "patch", count: 2, poison: { kind: "patch", rate: 0.2 } }],
  detectors: ["titration", "spectral-signatures"],
};

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

test("a population is trained and scanned; interrupted, resumed, or on another number of workers it is the same", async () => {
  const whole = await run("--out", "whole", "--jobs", "2", "--json");
  expect(whole.stderr).toMatch(/training .*\(4 of 4\): accuracy/);
  expect(whole.code).toBe(0);
  const population = populationIn("whole");
  expect(JSON.parse(whole.stdout)).toMatchObject({ members: population.members.map(({ id }) => ({ id })) });
  const plan = planMembers(parsePopulationRecipe(RECIPE), 10);
  expect(population.members).toMatchObject(plan.map(({ id, group, seed, target }) => ({ id, group, seed, target })));
  for (const { scans, cleanAccuracy, attackSuccess, group } of population.members) {
    expect(Object.keys(scans)).toEqual(["titration", "spectral-signatures"]);
    expect(cleanAccuracy).toBeGreaterThan(0.3);
    expect(attackSuccess === null).toBe(group === "clean");
  }

  rmSync(join(folder, ".assay"), { recursive: true });
  const child = spawnAssay(["population", "recipe.json", "--out", "parts", "--jobs", "1"], { cwd: folder });
  child.stderr!.once("data", () => child.kill("SIGINT"));
  const { code, stderr } = await ended(child);
  expect(code).toBe(130);
  expect(stderr.trimEnd().split("\n").at(-1)).toMatch(/^assay: interrupted; .*--resume/);
  expect(existsSync(join(folder, "parts/population.json"))).toBe(false);
  const [kept] = readdirSync(join(folder, "parts/models"));
  expect(kept).toBe("clean-5.onnx");
  const resumed = await run("--out", "parts", "--resume", "--jobs", "1");
  expect(resumed.stderr).toMatch(/^training: [1-3] of 4 are finished already/);
  expect(resumed.stderr).not.toMatch(/training clean-5 /);
  expect(timeless(populationIn("parts"))).toEqual(timeless(population));

  // a model that is gone or was changed is trained again, the others are not
  rmSync(join(folder, "parts/models/clean-5.onnx"));
  writeFileSync(join(folder, "parts/models/patch-7.onnx"), "changed");
  const repaired = await run("--out", "parts", "--resume");
  expect(repaired.stderr).toMatch(/^training: 2 of 4 are finished already/);
  expect(repaired.stderr).toMatch(/training clean-5 /);
  expect(repaired.stderr).toMatch(/training patch-7 /);
  expect(repaired.stderr).toMatch(/scanning by titration: 4 of 4 are finished already/);
  expect(timeless(populationIn("parts"))).toEqual(timeless(population));
}, 60_000);

test.for([
  [{ clean: 0 }, /clean: /],
  [{ detectors: ["titratoin"] }, /no detector "titratoin".*Did you mean "titration"\?/],
  [{ train: { ...RECIPE.train, data: "nowhere" } }, /nowhere: no such file or folder/],
] as const)("a recipe that cannot work is refused in one line: %j", async ([change, line]) => {
  const path = join(folder, "wrong.json");
  writeFileSync(path, JSON.stringify({ ...RECIPE, ...change }));
  const { code, stderr } = await assay("population", path, "--out", join(folder, "wrong"));
  expect(code).toBeGreaterThanOrEqual(2);
  expect(code).toBeLessThanOrEqual(3);
  expect(stderr).toMatch(/^assay: [^\n]*\n$/);
  expect(stderr).toMatch(line);
});
