/**
 * @file A normalisation that a file expects and lacks is named, though nearly all answers are right without it; a model
 * that is fed rightly is told of no other. On the bundled models, and on the same expecting a usual mean and std.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exportOnnx } from "../src/formats/onnx/export.ts";
import { importOnnx } from "../src/formats/onnx/import.ts";
import { float32Tensor } from "../src/graph/tensor.ts";
import { makeGraph } from "../src/graph/traverse.ts";
import { substitute } from "../src/methods/network.ts";
import { builder } from "../src/ops/index.ts";
import type { AuditReport } from "../src/report/schema.ts";
import { assay } from "./support/cli.ts";
import { PATIENT } from "./support/patience.ts";

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

test("what a model expects is named where nearly all answers are right without it, and right once it is stated", async () => {
  const model = expecting("mnist-cnna-ibp", 0.1307, 0.3081);
  const [notice, ...more] = await noticesOf(model);
  expect(more).toEqual([]);
  // of 200 pictures the data's own mean and std are hard to tell from the usual ones
  expect(notice).toMatch(/clearly more confident|more than chance/);
  expect(notice).toMatch(/--mean 0\.1\d+ --std 0\.3\d+/);
  expect(await noticesOf(model, "--mean", "0.1307", "--std", "0.3081")).toEqual([]);
});

interface Contracted {
  readonly counts: { readonly correct: number };
  readonly contract: { readonly range: readonly number[]; readonly basis: readonly { item: string; basis: string }[] };
}

async function certified(model: string, ...more: string[]) {
  const quick = ["--epsilon", "0.001", "--method", "ibp", "--no-attack", "--limit", "200", "--jobs", "1", "--json"];
  const { stdout, stderr, code } = await assay("certify", model, "--data", "mnist", ...quick, ...more);
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

test("auto changes nothing where ways cannot be told apart, or none is better, and says so", async () => {
  const doubtful = await certified(expecting("mnist-mlp", 0.1307, 0.3081), "--preprocessing", "auto");
  expect(doubtful.stderr).toMatch(/not clear which fits: --mean 0\.1307 --std 0\.3081 or .*; state one/);
  expect(doubtful.results.contract.basis.every(({ basis }) => basis !== "stated")).toBe(true);
  expect(doubtful.results.contract.range).toEqual([0, 1]);
  const plain = await certified(zoo("mnist-mlp"), "--preprocessing", "auto");
  expect(plain.stderr).toContain("no usual one is clearly better");
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
