/** @file What researchers ask of attack and certify: tables, several radii, step sizes, files of adversarial inputs, smallest radii. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Dataset } from "../src/data/dataset.ts";
import { loadDataset } from "../src/data/files.ts";
import { readNpz, writeNpz } from "../src/formats/npz.ts";
import { exportOnnx } from "../src/formats/onnx/export.ts";
import { float32Tensor } from "../src/graph/tensor.ts";
import { makeGraph } from "../src/graph/traverse.ts";
import { builder } from "../src/ops/index.ts";
import type { ResultFile, SweepFile } from "../src/studies/result-schema.ts";
import { openOnnx } from "./helpers/ort.ts";
import { assay } from "./support/cli.ts";
import { longTest } from "./support/patience.ts";

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
  longTest("is the share of epsilon that a step of the attack goes", async () => {
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

  test("the gate is about the first, the terminal has a line for each, and a comparison is within each", async () => {
    const run = await assay("attack", ...argv, "--epsilon", "0.02,0.1", "--gate", "0.5", "--out", "radii.json");
    expect(run.code).toBe(5);
    expect((await assay("attack", ...argv, "--epsilon", "0.1,0.02", "--gate", "0.5")).code).toBe(1);
    expect(run.stdout).toMatch(
      /^0\.02 +9\d.*\n0\.1 +0%.*\nWhat is falsified within a radius is falsified within larger ones/m,
    );
    const compared = await assay("compare", "radii.json", "radii.json");
    expect(compared.code).toBe(0);
    expect(compared.stdout.match(/not falsified within linf [\d.]+/g)).toEqual([
      "not falsified within linf 0.02",
      "not falsified within linf 0.1",
    ]);
  });
});

describe("--minimal brackets the smallest radius", () => {
  /** Two scores of four values: their difference is w·x + b. */
  const W = [1, -2, 0.5, 0.25];
  const B = 0.125;
  const INPUTS = [
    [0.5, -1, 2, 0],
    [-1, 0.25, 0, 1],
    [0.25, 0.5, -0.5, 3],
    [2, 2, 2, 2],
  ];
  const score = (x: readonly number[]) => x.reduce((sum, value, k) => sum + value * W[k]!, B);
  /** ‖w‖ of the dual norm: how fast the score falls within a ball of the norm. */
  const DUAL = { linf: 3.75, l2: Math.sqrt(1 + 4 + 0.25 + 0.0625), l1: 2 } as const;
  const NORMS = ["linf", "l2", "l1"] as const;
  const TOP = 4;
  const sizeOf = (norm: (typeof NORMS)[number], change: readonly number[]): number => {
    const sizes = change.map(Math.abs);
    if (norm === "linf") return Math.max(...sizes);
    return norm === "l1" ? sizes.reduce((a, b) => a + b) : Math.hypot(...sizes);
  };

  function linear(): string[] {
    const b = builder();
    const x = b.input("x", ["N", 4]);
    const weights = W.flatMap((value) => [value, 0]);
    const scores = b.emit("Add", [
      b.emit("MatMul", [x, b.constant(float32Tensor([4, 2], Float32Array.from(weights)))]),
      b.constant(float32Tensor([2], Float32Array.of(B, 0))),
    ]);
    writeFileSync("linear.onnx", exportOnnx(makeGraph([x], [{ name: "scores", value: scores }])));
    const data = Float32Array.from(INPUTS.flat());
    writeFileSync("linear.npz", writeNpz({ images: { dtype: "f4", shape: [4, 4], data } }));
    return ["linear.onnx", "--data", "linear.npz", "--epsilon-unit", "raw", "--epsilon", `${TOP}`, "--minimal"];
  }

  test.for(NORMS)("around |w·x + b| / ‖w‖ of the dual norm, in %s", async (norm) => {
    const argv = [...linear(), "--norm", norm, "--bisections", "14"];
    const width = TOP / 2 ** 14;
    const attacked = await fileOf("attack", ...argv);
    const proved = await fileOf("certify", ...argv);
    for (const [i, x] of INPUTS.entries()) {
      const exact = Math.abs(score(x)) / DUAL[norm];
      const upper = attacked.results[i]!.bracket!.falsified!;
      const bracket = proved.results[i]!.bracket!;
      expect(attacked.results[i]!.bracket!.proved).toBeNull();
      expect(upper).toBeGreaterThanOrEqual(exact * (1 - 1e-6));
      expect(upper).toBeLessThan(exact + 2 * width);
      expect(bracket.proved!).toBeLessThanOrEqual(exact);
      expect(bracket.proved!).toBeGreaterThan(exact - 2 * width);
      expect(bracket.falsified!).toBeGreaterThan(bracket.proved!);
    }
  });

  test("a proof stands at its radius, and a witness lies within its own and changes the file's answer", async () => {
    const file = await fileOf("certify", ...linear(), "--norm", "l2");
    const session = await openOnnx(readFileSync("linear.onnx"));
    for (const { index, verdict, witness, bracket, foundAt, predicted } of file.results) {
      expect(verdict).toBe("falsified");
      expect(foundAt ?? TOP).toBe(bracket!.falsified);
      const point = witness as readonly number[];
      const change = point.map((value, k) => value - INPUTS[index]![k]!);
      expect(sizeOf("l2", change)).toBeLessThanOrEqual(bracket!.falsified! * (1 + 1e-6));
      const answer = await session.run(new Map([["x", float32Tensor([1, 4], Float32Array.from(point))]]));
      const [first, second] = answer.get("scores")!.data as unknown as [number, number];
      expect(predicted === 0 ? first >= second : second >= first).toBe(true);
      const again = await fileOf(
        ...(["certify", "linear.onnx", "--data", "linear.npz", "--epsilon-unit", "raw", "--norm", "l2"] as const),
        ...["--epsilon", `${bracket!.proved}`, "--limit", `${index + 1}`],
      );
      expect(again.results[index]!.verdict).toBe("certified");
    }
    await session.release();
  });

  test("what the largest radius does not falsify has no upper end, and a wide tolerance stops early", async () => {
    const argv = linear().map((word) => (word === `${TOP}` ? "0.6" : word));
    const [first, second] = (await fileOf("certify", ...argv)).results;
    // |1·0.5 + 2 + 1 + 0.125| / 3.75 = 0.967, |−1 − 0.5 + 0.25 + 0.125| / 3.75 = 0.3
    expect(first).toMatchObject({ verdict: "certified", bracket: { proved: 0.6, falsified: null } });
    expect(second!.bracket!.falsified).toBeLessThan(0.31);
    const wide = await fileOf("attack", ...argv, "--tolerance", "0.3", "--bisections", "9");
    expect(wide.results[1]!.bracket!.falsified).toBeOneOf([0.3, 0.6]);
    expect(wide.minimal).toEqual({ bisections: 9, tolerance: 0.3 });
  });

  test("in files, each witness is the one of the smallest radius", async () => {
    const inline = await fileOf("attack", ...linear());
    const filed = await fileOf("attack", ...linear(), "--witnesses", "smallest");
    for (const [i, { witness }] of filed.results.entries()) {
      const { file, index } = witness as { readonly file: string; readonly index: number };
      const { data } = readNpz(readFileSync(file)).get("images")!;
      expect(Array.from(data.slice(4 * index, 4 * index + 4) as Float32Array)).toEqual(inline.results[i]!.witness);
    }
  });

  test("is refused with several radii, in real arithmetic, and its options without it", async () => {
    const argv = [...linear().slice(0, 5)];
    expect((await assay("attack", ...argv, "--epsilon", "1,2", "--minimal")).stderr).toContain("one --epsilon");
    const real = ["--epsilon", "1", "--minimal", "--arithmetic", "real"];
    expect((await assay("certify", ...argv, ...real)).stderr).toContain("leave out --arithmetic real");
    expect((await assay("attack", ...argv, "--epsilon", "1", "--bisections", "3")).stderr).toContain("--minimal");
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
