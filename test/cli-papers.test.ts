/** @file What researchers ask of attack and certify: tables, several radii, step sizes, files of adversarial inputs, smallest radii. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Dataset } from "../src/data/dataset.ts";
import { loadDataset } from "../src/data/files.ts";
import type { ResultFile, SweepFile } from "../src/studies/result-schema.ts";
import { assay } from "./support/cli.ts";

const home = process.cwd();
const MLP = resolve("zoo/mnist-mlp.onnx");
const QUICK = ["--data", "mnist", "--limit", "10"];
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "assay-papers-"));
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

const fileOf = async (...argv: readonly string[]): Promise<ResultFile> =>
  JSON.parse((await assay(...argv, "--json")).stdout) as ResultFile;

describe("--step-size", () => {
  test("is the share of epsilon that a step of the attack goes", async () => {
    const argv = ["attack", MLP, ...QUICK, "--epsilon", "0.1"];
    const [{ settings }] = (await fileOf(...argv, "--step-size", "2/8")).methods as [ResultFile["methods"][number]];
    expect(settings["relativeStep"]).toBe(0.25);
    // steps of nothing leave all but the first point, FGSM's, as it is
    const tiny = await fileOf(...argv, "--method", "pgd", "--step-size", "1e-9");
    const whole = await fileOf(...argv, "--method", "pgd");
    expect(tiny.counts.falsified).toBeLessThan(whole.counts.falsified);
  });

  test("is refused where no method takes steps, and where it is no length", async () => {
    const argv = ["attack", MLP, ...QUICK, "--epsilon", "0.1"];
    expect((await assay(...argv, "--method", "fgsm", "--step-size", "0.1")).stderr).toContain("--step-size: no such");
    expect(await assay(...argv, "--step-size", "0")).toMatchObject({ code: 2 });
  });
});

/** In linf, of the witness from its input: by the data itself. */
function distance(digits: Dataset, { index, witness }: ResultFile["results"][number]): number {
  const own = digits.images.subarray(index * 784, (index + 1) * 784);
  return Math.max(...Array.from(own, (value, k) => Math.abs(Math.fround(value / 255) - (witness as number[])[k]!)));
}

describe("several radii in one run", () => {
  const argv = [MLP, "--data", "mnist", "--limit", "20"];

  test("an attack keeps what fell within smaller ones, each witness inside the radius it was found within", async () => {
    const { stdout } = await assay("attack", ...argv, "--epsilon", "0.1,0.02,0.05", "--csv", "radii.csv", "--json");
    const { runs } = JSON.parse(stdout) as SweepFile;
    expect(runs.map(({ epsilon }) => epsilon)).toEqual([0.1, 0.02, 0.05]);
    const digits = await loadDataset("mnist", { limit: 20 });
    let carried = 0;
    for (const { epsilon, results } of runs)
      for (const own of results) {
        if (own.verdict !== "falsified") continue;
        expect(distance(digits, own)).toBeLessThanOrEqual((own.foundAt ?? epsilon)! + 1e-7);
        if (own.foundAt === undefined) continue;
        carried++;
        expect(own.foundAt).toBeLessThan(epsilon!);
        const there = runs.find((run) => run.epsilon === own.foundAt)!.results.find(({ index }) => index === own.index);
        expect(own).toEqual({ ...there, seconds: 0, foundAt: own.foundAt });
      }
    expect(carried).toBeGreaterThan(5);
    const alone = await fileOf("attack", ...argv, "--epsilon", "0.02");
    const timeless = ({ results }: ResultFile) => results.map(({ seconds: _, ...rest }) => rest);
    expect(timeless(runs[1]!)).toEqual(timeless(alone));
    expect(readFileSync("radii.csv", "utf8").trimEnd().split("\r\n")).toHaveLength(1 + 3 * 20);
  });

  test("proofs go down and witnesses up, and the results are those of single runs or better", async () => {
    const radii = [0.02, 0.01, 0.05];
    const { stdout } = await assay("certify", ...argv, "--epsilon", radii.join(), "--json");
    const { runs } = JSON.parse(stdout) as SweepFile;
    for (const [k, epsilon] of radii.entries()) {
      const alone = await fileOf("certify", ...argv, "--epsilon", `${epsilon}`);
      for (const [i, { verdict, margin, foundAt }] of runs[k]!.results.entries()) {
        const single = alone.results[i]!;
        if (single.verdict !== "unknown") expect(verdict).toBe(single.verdict);
        // a bound of a larger set is one of the smaller, and no better
        if (verdict === "certified" && foundAt !== undefined) {
          expect(foundAt).toBeGreaterThan(epsilon);
          expect(margin).toBeLessThanOrEqual(single.margin! + 1e-4);
        }
      }
    }
    expect(runs[1]!.results.some(({ verdict, foundAt }) => verdict === "certified" && foundAt === 0.02)).toBe(true);
    expect(runs[2]!.results.some(({ verdict, foundAt }) => verdict === "falsified" && foundAt === 0.02)).toBe(true);
  });

  test("the gate is about the first, the terminal has a line for each, and no comparison takes them for one", async () => {
    const run = await assay("attack", ...argv, "--epsilon", "0.02,0.1", "--gate", "0.5", "--out", "radii.json");
    expect(run.code).toBe(5);
    expect((await assay("attack", ...argv, "--epsilon", "0.1,0.02", "--gate", "0.5")).code).toBe(1);
    expect(run.stdout).toMatch(/^0\.02 +9\d.*\n0\.1 +0%.*\nWhat falls within a radius has fallen within larger ones/m);
    expect((await assay("compare", "radii.json", "radii.json")).stderr).toContain("results within several radii");
  });
});

test("--csv writes the results that the JSON has, a line an input", async () => {
  const file = await fileOf("attack", MLP, ...QUICK, "--epsilon", "0.05", "--csv", "table.csv");
  const [head, ...rows] = readFileSync("table.csv", "utf8").trimEnd().split("\r\n");
  const columns = head!.split(",");
  const read = rows.map((row) => Object.fromEntries(row.split(",").map((cell, k) => [columns[k], cell])));
  expect(read).toHaveLength(file.results.length);
  for (const [k, { index, verdict, margin, seconds, reason = "" }] of file.results.entries()) {
    const { epsilon, ...row } = read[k]!;
    expect(Number(epsilon)).toBe(0.05);
    expect(row).toMatchObject({ index: `${index}`, verdict, margin: `${margin}`, seconds: `${seconds}`, reason });
  }
  expect(await assay("attack", MLP, ...QUICK, "--epsilon", "0.05", "--csv", ".")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--csv . is a folder"),
  });
});
