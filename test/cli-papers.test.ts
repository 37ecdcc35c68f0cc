/** @file What researchers ask of attack and certify: tables, several radii, step sizes, files of adversarial inputs, smallest radii. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ResultFile } from "../src/studies/result-schema.ts";
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
