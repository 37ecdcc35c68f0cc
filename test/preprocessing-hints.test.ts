/**
 * @file A normalisation that a file expects and lacks is named, though nearly all answers are right without it; a model
 * that is fed rightly is told of no other. On the bundled models, and on the same expecting a usual mean and std.
 */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadDataset } from "../src/data/files.ts";
import { resizePlane } from "../src/data/sizing.ts";
import { exportOnnx } from "../src/formats/onnx/export.ts";
import { importOnnx } from "../src/formats/onnx/import.ts";
import { writePng } from "../src/formats/png.ts";
import { float32Tensor } from "../src/graph/tensor.ts";
import { makeGraph } from "../src/graph/traverse.ts";
import { substitute } from "../src/methods/network.ts";
import { builder } from "../src/ops/index.ts";
import type { AuditReport } from "../src/report/schema.ts";
import { assay } from "./support/cli.ts";
import { longTest, PATIENT } from "./support/patience.ts";

const zoo = (name: string): string => fileURLToPath(new URL(`../zoo/${name}.onnx`, import.meta.url));
const home = process.cwd();
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "assay-hints-"));
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

/** The model behind z·std + mean: it takes (x − mean) / std. */
function expecting(name: string, mean: number, std: number): string {
  const { graph } = importOnnx(readFileSync(zoo(name)));
  const [input] = graph.inputs;
  const b = builder();
  const z = b.input(input!.name, input!.shape);
  const one = (value: number) => b.constant(float32Tensor([], Float32Array.of(value)));
  const x = b.emit("Add", [b.emit("Mul", [z, one(std)]), one(mean)]);
  const inner = substitute(graph, new Map([[input!, x]]), [z]);
  const path = join(folder, `${name}-${mean}.onnx`);
  writeFileSync(path, exportOnnx(makeGraph([z], inner.outputs)));
  return path;
}

async function noticesOf(model: string, ...more: string[]): Promise<readonly string[]> {
  const quick = ["--epsilon", "0.001", "--method", "ibp", "--no-attack", "--limit", "200", "--jobs", "1", "--json"];
  const { stdout, stderr } = await assay("certify", model, "--data", "mnist", ...quick, ...more);
  expect(stdout, stderr).not.toBe("");
  return (JSON.parse(stdout) as { notices: string[] }).notices;
}

test.each(["mnist-mlp", ...(PATIENT ? ["mnist-cnna-clean", "mnist-cnna-ibp", "mnist-cnna-badnets"] : [])])(
  "%s is right as it is",
  async (name) => {
    expect(await noticesOf(zoo(name))).toEqual([]);
  },
);

longTest(
  "what a model expects is named where nearly all answers are right without it, and right once it is stated",
  async () => {
    const model = expecting("mnist-cnna-ibp", 0.1307, 0.3081);
    const [notice, ...more] = await noticesOf(model);
    expect(more).toEqual([]);
    // of 200 pictures the data's own mean and std are hard to tell from the usual ones
    expect(notice).toMatch(/clearly more confident|more than chance/);
    expect(notice).toMatch(/--mean 0\.1\d+ --std 0\.3\d+/);
    expect(await noticesOf(model, "--mean", "0.1307", "--std", "0.3081")).toEqual([]);
  },
);

interface Contracted {
  readonly counts: { readonly correct: number };
  readonly contract: {
    readonly range: readonly number[];
    readonly basis: readonly { item: string; basis: string; reason: string }[];
  };
}

const certified = (model: string, ...more: string[]) => certifiedOn(["mnist", "--limit", "200"], model, ...more);

async function certifiedOn(data: readonly string[], model: string, ...more: string[]) {
  const quick = ["--epsilon", "0.001", "--method", "ibp", "--no-attack", "--jobs", "1", "--json"];
  const { stdout, stderr, code } = await assay("certify", model, "--data", ...data, ...quick, ...more);
  return { code, stderr, results: (stdout === "" ? undefined : JSON.parse(stdout)) as Contracted };
}

test("auto uses a way that is clearly the best, as found and not as stated", async () => {
  const bytes = expecting("mnist-mlp", 0, 1 / 255);
  const found = await certified(bytes, "--preprocessing", "auto");
  expect(found.stderr).toContain("Preprocessing: 0 to 255 (--range 0,255), found by --preprocessing auto");
  const { counts, contract } = found.results;
  expect(contract.range).toEqual([0, 255]);
  expect(contract.basis.find(({ item }) => item === "range")!.basis).toBe("inferred");
  expect(counts).toEqual((await certified(bytes, "--range", "0,255")).results.counts);
  const stated = await certified(bytes, "--preprocessing", "auto", "--range", "0,255");
  expect([stated.code, stated.stderr]).toEqual([2, expect.stringContaining("leave them out")]);
});

longTest("auto changes nothing where ways cannot be told apart, or none is better, and says so", async () => {
  const doubtful = await certified(expecting("mnist-mlp", 0.1307, 0.3081), "--preprocessing", "auto");
  expect(doubtful.stderr).toMatch(
    /not clear which fits: --mean 0\.1307 --std 0\.3081 or .*; state one, or give more inputs/,
  );
  expect(doubtful.results.contract.basis.every(({ basis }) => basis !== "stated")).toBe(true);
  expect(doubtful.results.contract.range).toEqual([0, 1]);
  const plain = await certified(zoo("mnist-mlp"), "--preprocessing", "auto");
  expect(plain.stderr).toContain("no usual one is clearly better");
});

// of the bundled digits; the answers alone do not tell these apart, the probabilities of the labels do
test.each([
  ["mnist-mlp", 0.5, 0.5, "-1 to 1 (--mean 0.5 --std 0.5)"],
  ...(PATIENT
    ? ([
        ["mnist-cnna-clean", 0.1307, 0.3081, "MNIST's (--mean 0.1307 --std 0.3081)"],
        ["mnist-cnna-badnets", 0.286, 0.353, "Fashion-MNIST's (--mean 0.286 --std 0.353)"],
      ] as const)
    : []),
] as const)(
  "auto tells apart ways in which %s is right equally often, by more inputs",
  async (name, mean, std, way) => {
    const found = await certifiedOn(
      ["mnist", "--limit", "1000"],
      expecting(name, mean, std),
      "--preprocessing",
      "auto",
    );
    // of ways that differ little it may not be clear which; never is it another
    const option = /\((.*)\)/.exec(way)![1]!;
    const told = [`Preprocessing: ${way}, found by --preprocessing auto`, `it is not clear which fits: ${option} or`];
    expect(told.filter((line) => found.stderr.includes(line))).toHaveLength(1);
  },
);

/** Digits as pictures of files, 28 high. @param made one of them with its width */
async function digitsAs(name: string, made: (digit: Float32Array, i: number) => readonly [Float32Array, number]) {
  const { images, labels } = await loadDataset("mnist", { limit: 60 });
  for (let i = 0; i < 60; i++) {
    const [pixels, width] = made(images.slice(i * 784, (i + 1) * 784), i);
    const place = join(folder, name, `${labels![i]}`);
    mkdirSync(place, { recursive: true });
    const data = Uint8Array.from(pixels, (value) => value);
    writeFileSync(join(place, `${i}.png`), writePng({ width, height: 28, channels: 1, data }));
  }
  return join(folder, name);
}

const widened = (digit: Float32Array, width: number): Float32Array =>
  Float32Array.from({ length: 28 * width }, (_, p) => {
    const column = (p % width) - (width - 28) / 2;
    return column >= 0 && column < 28 ? digit[Math.floor(p / width) * 28 + column]! : 0;
  });

longTest(
  "auto brings pictures of mixed size to the model's in the usual way that gets most right, and names all",
  async () => {
    const model = zoo("mnist-mlp");
    const wide = await digitsAs("wide", (digit, i) => [widened(digit, 36 + 4 * (i % 3)), 36 + 4 * (i % 3)]);
    const refused = await certifiedOn([wide], model);
    expect(refused.stderr).toMatch(/--resize 28 --crop 28 .*--resize 28x28 stretches; --preprocessing auto tries/);
    const kept = await certifiedOn([wide], model, "--preprocessing", "auto");
    expect(kept.stderr).toMatch(
      /Size: --resize 28 --crop 28, found by --preprocessing auto: --resize 28 --crop 28 gets \d+ of 60 right, --resize 28x28 gets \d+ of 60 right, --resize 32 --crop 28 gets/,
    );
    expect(kept.results.counts).toEqual(
      (await certifiedOn([wide], model, "--resize", "28", "--crop", "28")).results.counts,
    );
    const layout = kept.results.contract.basis.find(({ item }) => item === "layout")!;
    expect([layout.basis, layout.reason]).toEqual(["inferred", expect.stringContaining("gets")]);
    const stretched = await digitsAs("stretched", (digit) => [resizePlane(digit, [28, 28], [28, 56], true), 56]);
    const back = await certifiedOn([stretched], model, "--preprocessing", "auto");
    expect(back.stderr).toContain("Size: --resize 28x28, found");
  },
);

test("auto finds size and range of the same pictures", async () => {
  const wide = join(folder, "wide");
  const { stderr, results } = await certifiedOn([wide], expecting("mnist-mlp", 0, 1 / 255), "--preprocessing", "auto");
  expect(stderr).toContain("Preprocessing: 0 to 255");
  expect(stderr).toContain("Size: --resize 28 --crop 28, found");
  expect(results.contract.range).toEqual([0, 255]);
});

test("all that was tried stands in the report beside what was used, and on one line of the terminal", async () => {
  const argv = ["audit", zoo("mnist-mlp"), "--data", "mnist", "--sample", "60", "--jobs", "1", "--budget", "2"];
  const { stdout } = await assay(...argv, "--out", join(folder, "report"));
  expect(stdout.replaceAll(/\s+/g, " ")).toMatch(
    /preprocessing as it is gets [\d.]+% of 60 inputs right; the best of 5/,
  );
  const { data } = JSON.parse(readFileSync(join(folder, "report", "report.json"), "utf8")) as AuditReport;
  const { inputs, right, ways } = data.preprocessing!;
  expect([inputs, right]).toEqual([60, data.cleanAccuracy!.successes]);
  const names = ways.map(({ name }) => name).toSorted();
  expect(names).toEqual(["-1 to 1", "0 to 255", "Fashion-MNIST's", "MNIST's", "the data's own"]);
  expect(ways.map((way) => way.right)).toEqual(ways.map((way) => way.right).toSorted((a, b) => b - a));
  const page = readFileSync(join(folder, "report", "index.html"), "utf8");
  for (const { option } of ways) expect(page).toContain(option);
});
