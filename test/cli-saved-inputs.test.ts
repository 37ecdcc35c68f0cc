/** @file Adversarial inputs saved as data: fed back, they give the answers that were reported. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readNpz, writeNpz } from "../src/formats/npz.ts";
import { exportOnnx } from "../src/formats/onnx/export.ts";
import { readPng } from "../src/formats/png.ts";
import { float32Tensor } from "../src/graph/tensor.ts";
import { makeGraph } from "../src/graph/traverse.ts";
import { builder } from "../src/ops/index.ts";
import { rng } from "../src/random/rng.ts";
import type { ResultFile, SweepFile } from "../src/studies/result-schema.ts";
import { assay } from "./support/cli.ts";

const home = process.cwd();
const MLP = resolve("zoo/mnist-mlp.onnx");
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "assay-saved-"));
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

async function run<F = ResultFile>(...argv: readonly string[]): Promise<F> {
  const { code, stdout, stderr } = await assay("attack", ...argv, "--json", "--force");
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as F;
}

/** By how the program that reads files counts: label and answer of each. */
const answers = ({ results }: ResultFile) => results.map(({ label, predicted }) => [label, predicted]);

/** Scores w·x + b of inputs of any shape, a column of weights a class. */
function linear(path: string, shape: readonly number[], weights: Float32Array, bias: Float32Array): string {
  const b = builder();
  const x = b.input("x", ["N", ...shape]);
  const size = shape.reduce((all, dim) => all * dim, 1);
  const classes = bias.length;
  const scores = b.emit("Add", [
    b.emit("MatMul", [
      b.emit("Reshape", [x], { shape: ["N", size] }),
      b.constant(float32Tensor([size, classes], weights)),
    ]),
    b.constant(float32Tensor([classes], bias)),
  ]);
  writeFileSync(path, exportOnnx(makeGraph([x], [{ name: "scores", value: scores }])));
  return path;
}

describe("--save-inputs", () => {
  test("a saved NPZ, and the PNGs that hold, give the wrong answers again; every input is counted once", async () => {
    const argv = [
      MLP,
      "--data",
      "mnist",
      "--limit",
      "30",
      "--epsilon",
      "0.05,0.02",
      "--steps",
      "10",
      "--restarts",
      "1",
      "--save-inputs",
      "adv",
    ];
    const { runs } = await run<SweepFile>(...argv, "--csv", "adv.csv");
    const [large] = runs as [ResultFile, ...ResultFile[]];
    const fallen = large.results.filter(({ verdict }) => verdict === "falsified");
    const { npz, png } = large.counts.saved!;
    expect(npz).toEqual({ adversarial: fallen.length, notAdversarial: 0, outside: 0 });
    expect(png!.adversarial + png!.notAdversarial + png!.outside).toBe(fallen.length);
    expect(png!.adversarial).toBeGreaterThan(fallen.length / 2);
    for (const { index, witness, saved } of fallen) {
      const arrays = readNpz(readFileSync(saved!.npz.file));
      const { row } = saved!.npz;
      expect(arrays.get("images")!.data.slice(784 * row, 784 * row + 784)).toEqual(
        Float32Array.from(witness as number[]),
      );
      expect(arrays.get("indices")!.data[row]).toBe(index);
    }
    const again = await run(MLP, "--data", "adv/inputs.npz", "--epsilon", "0.01");
    expect(again.counts.correct).toBe(0);
    expect(answers(again)).toEqual(fallen.map(({ label, predicted }) => [label, predicted]));
    const pictures = await run(MLP, "--data", "adv/png", "--epsilon", "0.01");
    expect(pictures.counts).toMatchObject({ inputs: png!.adversarial, correct: 0 });
    const cells = readFileSync("adv.csv", "utf8").split("\r\n").slice(1, 31);
    expect(cells.filter((line) => line.endsWith(",adversarial")).length).toBe(png!.adversarial);
    // files of two runs are not mixed
    const second = await assay("attack", ...argv);
    expect(second).toMatchObject({ code: 2 });
    expect(second.stderr).toContain("--save-inputs adv: it holds inputs.npz of an earlier run");
  });

  test("what rounding to 8 bits undoes is told apart from what it puts outside the set", async () => {
    // in 255ths: class 0 where x1 − x2 > 1/2, sets of ±0.3
    const model = linear("two.onnx", [1, 1, 2], Float32Array.of(1, 0, -1, 0), Float32Array.of(-0.5 / 255, 0));
    const rows = [
      // 101 − 100: with ±0.3 it is 0.4, and as whole numbers 1 again
      [101, 100],
      // no whole number is within 0.3
      [100.4, 99.4],
      // 0.47 is class 1; rounded within the set to 101 − 100 it is class 0
      [100.75, 100.28],
    ];
    const data = Float32Array.from(rows.flat(), (value) => value / 255);
    writeFileSync(
      "two.npz",
      writeNpz({
        images: { dtype: "f4", shape: [3, 1, 1, 2], data },
        labels: { dtype: "i4", shape: [3], data: Int32Array.of(0, 0, 1) },
      }),
    );
    const argv = [model, "--data", "two.npz", "--epsilon", `${0.3 / 255}`, "--save-inputs", "two"];
    const file = await run(...argv);
    expect(file.results.map(({ saved }) => saved?.npz.state)).toEqual(["adversarial", "adversarial", "adversarial"]);
    expect(file.results.map(({ saved }) => saved?.png?.state)).toEqual(["not-adversarial", "outside", "adversarial"]);
    expect(file.counts.saved!.png).toEqual({ adversarial: 1, notAdversarial: 1, outside: 1 });
    expect(Array.from(readPng(readFileSync("two/png/1/000002.png")).data)).toEqual([101, 100]);
    expect(Array.from(readPng(readFileSync("two/png-lost/0/000000.png")).data)).toEqual([101, 100]);
    rmSync("two", { recursive: true });
    const { stdout } = await assay("attack", ...argv, "--force");
    expect(stdout).toContain("1 still adversarial in png, 1 no longer, 1 outside their sets (png-lost)");
  });

  test("a corner of a ball of whole 255ths is in it", async () => {
    const model = linear("corner.onnx", [1, 1, 2], Float32Array.of(1, 0, -1, 0), Float32Array.of(-16.5 / 255, 0));
    const data = Uint8Array.of(120, 88);
    const labels = { dtype: "i4", shape: [1], data: Int32Array.of(0) } as const;
    writeFileSync("corner.npz", writeNpz({ images: { dtype: "u1", shape: [1, 1, 1, 2], data }, labels }));
    // 32 − 16 is less than 16.5, and no smaller whole change is enough
    const argv = [model, "--data", "corner.npz", "--epsilon", "8/255", "--save-inputs", "corner"];
    const { results } = await run(...argv);
    expect(results[0]!.saved!.png!.state).toBe("adversarial");
    expect(Array.from(readPng(readFileSync("corner/png/0/000000.png")).data)).toEqual([112, 96]);
  });

  test.for([
    { layout: "NCHW", norm: "linf", epsilon: "0.1" },
    { layout: "NHWC", norm: "l2", epsilon: "0.4" },
    { layout: "NHWC", norm: "l1", epsilon: "1.5" },
  ])("colours, layouts and norms come back as they were: $layout, $norm", async ({ layout, norm, epsilon }) => {
    const random = rng(7).split(`${layout}/${norm}`);
    const name = `${layout}-${norm}`;
    const shape = layout === "NHWC" ? [4, 5, 3] : [3, 4, 5];
    const model = linear(
      `${name}.onnx`,
      shape,
      Float32Array.from({ length: 60 * 3 }, () => random.normal()),
      new Float32Array(3),
    );
    const data = Uint8Array.from({ length: 12 * 60 }, () => Math.floor(256 * random.uniform()));
    writeFileSync(`${name}.npz`, writeNpz({ images: { dtype: "u1", shape: [12, 3, 4, 5], data } }));
    const order = ["--channel-order", "bgr", "--layout", layout];
    const argv = [model, ...order, "--norm", norm, "--epsilon", epsilon];
    const file = await run(...argv, "--data", `${name}.npz`, "--save-inputs", name);
    const fallen = file.results.filter(({ verdict }) => verdict === "falsified");
    expect(fallen.length).toBeGreaterThan(3);
    expect(file.counts.saved!.npz.adversarial).toBe(fallen.length);
    const again = await run(...argv, "--data", `${name}/inputs.npz`);
    expect(answers(again)).toEqual(fallen.map(({ label, predicted }) => [label, predicted]));
    const held = fallen.filter(({ saved }) => saved!.png!.state === "adversarial").length;
    expect(held).toBeGreaterThan(0);
    expect((await run(...argv, "--data", `${name}/png`)).counts).toMatchObject({ inputs: held, correct: 0 });
    for (const { index, saved } of fallen) {
      if (saved!.png!.state === "outside") continue;
      const pixels = readPng(readFileSync(saved!.png!.file)).data;
      const change = Array.from(
        pixels,
        (value, k) => (value - data[index * 60 + (k % 3) * 20 + Math.floor(k / 3)]!) / 255,
      );
      const size = { linf: Math.max(...change.map(Math.abs)), l2: Math.hypot(...change), l1: 0 };
      size.l1 = change.reduce((sum, own) => sum + Math.abs(own), 0);
      expect(size[norm as keyof typeof size]).toBeLessThanOrEqual(Number(epsilon) * (1 + 1e-6));
    }
  });

  test("tables are saved in their own units, and that there is no PNG is said", async () => {
    const random = rng(3);
    const model = linear("table.onnx", [3], Float32Array.of(1, 0, -0.01, 0, 20, 0), Float32Array.of(0, 0));
    const row = () => [random.normal(), 100 * random.normal(), 0.05 * random.normal()];
    const rows = Array.from({ length: 20 }, row);
    const label = ([a, b, c]: readonly number[]) => (a! - 0.01 * b! + 20 * c! > 0 ? 0 : 1);
    writeFileSync(
      "table.csv",
      ["a,b,c,label", ...rows.map((own) => [...own.map(Math.fround), label(own)].join())].join("\n"),
    );
    const argv = [model, "--epsilon", "0.3"];
    const { stdout } = await assay(
      "attack",
      ...argv,
      "--data",
      "table.csv",
      "--save-inputs",
      "rows",
      "--out",
      "rows.json",
    );
    const file = JSON.parse(readFileSync("rows.json", "utf8")) as ResultFile;
    const fallen = file.results.filter(({ verdict }) => verdict === "falsified");
    expect(fallen.length).toBeGreaterThan(2);
    expect(file.counts.saved!.png).toBeNull();
    expect(stdout).toContain("as PNG             none: the inputs are no grey or coloured pictures");
    expect(readdirSync("rows")).toEqual(["inputs.npz"]);
    const held = fallen.filter(({ saved }) => saved!.npz.state === "adversarial");
    expect(held.length).toBeGreaterThan(fallen.length / 2);
    const again = await run(...argv, "--epsilon-unit", "raw", "--data", "rows/inputs.npz");
    for (const { saved, predicted } of held) expect(again.results[saved!.npz.row]!.predicted).toBe(predicted);
  });
});
