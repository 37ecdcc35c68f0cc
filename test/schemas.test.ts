/** @file What the published JSON Schemas say is what the verbs write: real results, checked by another implementation. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeNpz } from "../src/formats/npz.ts";
import { exportOnnx } from "../src/formats/onnx/export.ts";
import { rng } from "../src/random/rng.ts";
import { sha256 } from "../src/runtime/hash.ts";
import type { ResultFile } from "../src/studies/result-schema.ts";
import { assay } from "./support/cli.ts";
import { denseNet } from "./support/nets.ts";
import { longTest } from "./support/patience.ts";

const home = process.cwd();
const MLP = resolve("zoo/mnist-mlp.onnx");
const DIGITS = ["--data", "mnist", "--limit", "40", "--sample", "12", "--seed", "3"];
const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true });
formats.default(ajv);
const schemaOf = (name: string): ValidateFunction =>
  ajv.compile(JSON.parse(readFileSync(join(home, `docs/schemas/${name}.schema.json`), "utf8")));
const result = schemaOf("result");
const report = schemaOf("report");
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "assay-schemas-"));
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

/** Parsed, and valid. */
async function written(...argv: readonly string[]): Promise<ResultFile> {
  const { code, stdout, stderr } = await assay(...argv, "--json");
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  const file: unknown = JSON.parse(stdout);
  result(file);
  expect(result.errors ?? []).toEqual([]);
  return file as ResultFile;
}

/** A table with a model for it: its own units, fixed columns, another order of classes. */
function table() {
  const values = new Float32Array(40 * 4);
  rng(5).fillUniform(values, -3, 9);
  writeFileSync("table.onnx", exportOnnx(denseNet(2, [4, 8, 3])));
  writeFileSync("table.npz", writeNpz({ images: { dtype: "f4", shape: [40, 4], data: values } }));
  return ["table.onnx", "--data", "table.npz"] as const;
}

describe("results of both verbs fit the published schema", () => {
  longTest("an attack, plain and targeted, with witnesses inline and in files", async () => {
    const plain = await written("attack", MLP, ...DIGITS, "--epsilon", "0.2");
    expect(plain.counts.falsified).toBeGreaterThan(3);
    expect(Array.isArray(plain.results.find(({ witness }) => witness)?.witness)).toBe(true);
    await written("attack", MLP, ...DIGITS, "--epsilon", "0.2", "--witnesses", "found");
    const targeted = await written("attack", MLP, ...DIGITS, "--epsilon", "0.2", "--target", "3");
    expect([plain.target, targeted.target]).toEqual([null, 3]);
  });

  test("proofs in either arithmetic, unknown with its reason", async () => {
    const argv = ["certify", MLP, ...DIGITS, "--epsilon", "0.02"];
    const proofs = await written(...argv);
    expect(proofs.arithmetic).toBe("float32");
    expect(proofs.counts.certified).toBeGreaterThan(0);
    const real = await written(...argv, "--arithmetic", "real", "--no-attack");
    expect(real.counts.bounded).toBeGreaterThan(0);
    const loose = await written("certify", MLP, ...DIGITS, "--epsilon", "0.2", "--method", "ibp", "--no-attack");
    expect(Object.keys(loose.reasons)).toEqual(["relaxation-too-loose"]);
  });

  test("several radii in one run", async () => {
    await written("certify", MLP, ...DIGITS, "--epsilon", "0.1,0.02");
  });

  test("smallest radii", async () => {
    const file = await written("certify", MLP, ...DIGITS, "--epsilon", "0.2", "--minimal", "--bisections", "2");
    expect(file.results.some(({ bracket }) => bracket?.falsified)).toBe(true);
  });

  longTest("a table with its own units, and boxes", async () => {
    const [model, ...data] = table();
    const file = await written("certify", model, ...data, "--epsilon", "0.01", "--fixed", "2");
    expect(file.contract.scale).toHaveLength(4);
    expect(file.contract.fixed).toEqual([1]);
    const ends = (value: number) => ({ dtype: "f4" as const, shape: [4], data: new Float32Array(4).fill(value) });
    writeFileSync("box.npz", writeNpz({ lower: ends(-4), upper: ends(10) }));
    const boxed = await written("attack", model, ...data, "--box", "box.npz");
    expect([boxed.norm, boxed.epsilon, boxed.box?.name]).toEqual([null, null, "box.npz"]);
  });
});

test("a result says what it is a result of", async () => {
  const file = await written("attack", MLP, ...DIGITS, "--epsilon", "0.1", "--method", "pgd:steps=7,fgsm");
  expect(file).toMatchObject({
    schema: 1,
    command: `assay attack ${MLP} --data mnist --limit 40 --sample 12 --seed 3 --epsilon 0.1 --method pgd:steps=7,fgsm --json`,
    seed: 3,
    model: { sha256: sha256(readFileSync(MLP)) },
    data: { labelled: true, drawn: { how: "random", limit: 40, sample: 12 }, shape: [1, 28, 28] },
    contract: { layout: "NCHW", shape: [1, 28, 28], range: [0, 1], mean: [0], std: [1], classOrder: null, scale: null },
    limits: { timeout: null, memory: null, device: "cpu" },
    methods: [
      { id: "fgsm", settings: { loss: "cross-entropy" } },
      { id: "pgd", settings: { steps: 7, restarts: 1, loss: "margin", relativeStep: "2.5 / steps" } },
    ],
  });
  expect(Object.keys(file.environment)).toEqual(["assay", "node", "onnxruntime", "platform", "cores"]);
});

test("hashes are of the data file and of the inputs drawn from it", async () => {
  const [model, ...data] = table();
  const all = await written("attack", model, ...data, "--epsilon", "0.01");
  const first = await written("attack", model, ...data, "--epsilon", "0.01", "--limit", "30");
  expect(all.data.sha256).toBe(sha256(readFileSync("table.npz")));
  const values = new Float32Array(40 * 4);
  rng(5).fillUniform(values, -3, 9);
  const hashOf = (own: Float32Array) => sha256(new Uint8Array(own.buffer, own.byteOffset, own.byteLength));
  expect(all.data).toMatchObject({ inputsSha256: hashOf(values), labelled: false, labelsSha256: null });
  expect(first.data.inputsSha256).toBe(hashOf(values.subarray(0, 30 * 4)));
});

test("an audit's report.json fits the published schema", async () => {
  const { stdout } = await assay("audit", MLP, "--data", "mnist", "--limit", "20", "--budget", "5s", "--json");
  report(JSON.parse(stdout));
  expect(report.errors ?? []).toEqual([]);
});

test("the schemas refuse what is none", () => {
  expect(result({ schema: 1, tool: "assay" })).toBe(false);
  expect(report({ schema: 2 })).toBe(false);
});
