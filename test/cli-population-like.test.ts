/** @file A reference of the architecture of a file: drawn anew, trained, scanned, and compared with. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadDataset } from "../src/data/files.ts";
import { writeNpz } from "../src/formats/npz.ts";
import { exportOnnx } from "../src/formats/onnx/export.ts";
import { float32Tensor } from "../src/graph/tensor.ts";
import { makeGraph } from "../src/graph/traverse.ts";
import { readPopulation } from "../src/methods/population/reference.ts";
import { builder } from "../src/ops/index.ts";
import { rng } from "../src/random/rng.ts";
import type { BackdoorFile } from "../src/studies/backdoor/results.ts";
import { assay } from "./support/cli.ts";
import { longTest } from "./support/patience.ts";

const home = process.cwd();
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "assay-like-"));
  process.chdir(folder);
  for (const [name, source] of [
    ["train", "mnist:train"],
    ["test", "mnist:test"],
  ] as const) {
    const { images, labels } = await loadDataset(source, { limit: 400 });
    writeFileSync(
      `${name}.npz`,
      writeNpz({
        images: { dtype: "u1", shape: [400, 1, 28, 28], data: Uint8Array.from(images) },
        labels: { dtype: "i4", shape: [400], data: labels! },
      }),
    );
  }
});
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

/** Two dense layers with a scale and a shift between them, or an operation without a gradient. */
function network(name: string, middle: "scaled" | "rounded" = "scaled"): string {
  const b = builder();
  const draw = (label: string, shape: readonly number[], spread: number) => {
    const data = new Float32Array(shape.reduce((all, dim) => all * dim, 1));
    rng(5).split(label).fillNormal(data, 0, spread);
    return b.constant(float32Tensor(shape, data));
  };
  const x = b.input("x", ["N", 1, 28, 28]);
  const flat = b.emit("Reshape", [x], { shape: ["N", 784] });
  const dense = b.emit("MatMul", [flat, draw("w", [784, 12], 0.05)]);
  const scaled = b.emit("Add", [b.emit("Mul", [dense, draw("s", [12], 1)]), draw("t", [12], 1)]);
  const hidden = middle === "scaled" ? b.emit("Relu", [scaled]) : b.emit("Round", [scaled]);
  const value = b.emit("MatMul", [hidden, draw("v", [12, 10], 0.4)]);
  const path = `${name}.onnx`;
  writeFileSync(path, exportOnnx(makeGraph([x], [{ name: "logits", value }])));
  return path;
}

const likeArgs = (model: string, out: string) => [
  ...["population", "--like", model, "--training", "train.npz", "--data", "test.npz", "--images", "60"],
  ...["--members", "3", "--epochs", "40", "--detector", "last-layer", "--mean", "0.13", "--std", "0.31", "--out", out],
];
const populationIn = (out: string) => readPopulation(JSON.parse(readFileSync(`${out}/population.json`, "utf8")));

longTest(
  "models of the file's architecture are trained from weights of their own, and become a reference that is used",
  async () => {
    const model = network("start");
    const made = await assay(...likeArgs(model, "like"));
    expect([made.code, made.stdout], made.stderr).toEqual([0, expect.stringContaining("clean: 3 members")]);
    const population = populationIn("like");
    expect(population.members.map(({ id, poison }) => [id, poison])).toEqual(
      [0, 1, 2].map((k) => [`clean-${k}`, null]),
    );
    expect(new Set(population.members.map(({ sha256 }) => sha256)).size).toBe(3);
    for (const { cleanAccuracy } of population.members) expect(cleanAccuracy).toBeGreaterThan(0.4);
    expect(population.scan).toEqual({ data: "test.npz", images: 60, seed: 0 });

    const search = async (path: string, ...more: readonly string[]) => {
      const inputs = ["--data", "test.npz", "--images", "60", "--detector", "last-layer", "--force", "--json"];
      const { stdout } = await assay("backdoor", path, ...inputs, "--reference", "like/population.json", ...more);
      return (JSON.parse(stdout) as BackdoorFile).reference!;
    };
    expect(await search("like/models/clean-0.onnx")).toMatchObject({ used: true, clean: 3 });
    // with the preprocessing stated the file itself is of the members' architecture, and without it is not
    expect(await search(model, "--mean", "0.13", "--std", "0.31")).toMatchObject({ used: true, clean: 3 });
    expect((await search(model)).reason).toMatch(/architecture that of start\.onnx/);

    // the same again, and what is finished is not trained again
    const again = await assay(...likeArgs(model, "twice"));
    expect(again.code).toBe(0);
    expect(populationIn("twice").members.map(({ sha256 }) => sha256)).toEqual(
      population.members.map(({ sha256 }) => sha256),
    );
    const resumed = await assay(...likeArgs(model, "like"), "--resume");
    expect(resumed.stderr).toContain("training: 3 of 3 are finished already");
  },
);

test("what cannot be trained, or is asked for otherwise, is refused in one line", async () => {
  const model = network("refused");
  const stepped = await assay(...likeArgs(network("stepped", "rounded"), "x"));
  expect(stepped.code).toBe(2);
  expect(stepped.stderr.trim().split("\n").at(-1)).toMatch(
    /training clean-0: stepped\.onnx: no gradient reaches .* Round or Sign/,
  );
  const cases: readonly (readonly [argv: readonly string[], message: RegExp])[] = [
    [["population", "--like", model, "--data", "test.npz"], /say with --training/],
    [
      ["population", "--like", "none.onnx", "--training", "train.npz", "--data", "test.npz"],
      /none\.onnx: no such file/,
    ],
    [[...likeArgs(model, "x"), "--class-order", "1,0"], /--class-order does not go with --like: members take pixels/],
    [["population", "--from", model, "--data", "test.npz", "--members", "3"], /--members is for models to be trained/],
  ];
  for (const [argv, message] of cases) {
    const { code, stderr } = await assay(...argv);
    expect([code, stderr.trim().split("\n").length]).toEqual([2, 1]);
    expect(stderr).toMatch(message);
  }
});
