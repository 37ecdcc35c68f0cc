/**
 * @file Classifiers of tables as scikit-learn's exporter writes them: scaled features, a linear classifier, its scores made
 * to add up to 1, labels as one output and maps from class to score as the other.
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { importOnnx, portsOnnx } from "../src/formats/onnx/import.ts";
import { DATA_TYPE, decodeModel, encodeModel, type NodeProto, type ValueInfoProto } from "../src/formats/onnx/proto.ts";
import { floatTensor } from "../src/graph/tensor.ts";
import { networkOf } from "../src/methods/network.ts";
import { originalOf, runOriginal } from "../src/methods/original.ts";
import { rng } from "../src/random/rng.ts";
import { cpuRuntime, openModel } from "../src/runtime/node.ts";
import { info, node } from "./helpers/onnx-seeds.ts";
import { openOnnx, runOnnx } from "./helpers/ort.ts";
import { assay } from "./support/cli.ts";
import { type Attributes, attributes } from "./support/one-operator.ts";

const FEATURES = 4;
const OFFSET = [1, -20, 0.5, 300];
const SCALE = [2, 0.125, 4, 0.015625];

interface Kind {
  /** A row for each class; of the second class alone. */
  readonly rows: readonly (readonly number[])[];
  readonly bias: readonly number[];
  /** Numbers or words. */
  readonly labels: readonly (number | string)[];
  readonly transform: "SOFTMAX" | "LOGISTIC";
  readonly opsets: readonly (readonly [string, number])[];
}

const forTables = (op: string, from: readonly string[], to: readonly string[], attrs: Attributes): NodeProto => ({
  ...node(op, from, to, attributes(attrs)),
  domain: "ai.onnx.ml",
});

/** A sequence of maps, of which proto.ts has no type. */
const mapsInfo = (name: string, keyType: number): ValueInfoProto => {
  const valueType = { tensorType: { elemType: DATA_TYPE.FLOAT } };
  return {
    name,
    type: { sequenceType: { elemType: { mapType: { keyType, valueType } } } } as NonNullable<ValueInfoProto["type"]>,
  };
};

/** @param outputs the file's, in its order; "probabilities" is the tensor that the maps are made of */
function pipeline({ rows, bias, labels, transform, opsets }: Kind, outputs = ["output_label", "output_probability"]) {
  const words = labels.every((label) => typeof label === "string");
  const keys = words ? { strings: labels.map(String) } : labels.map(Number);
  const type = words ? DATA_TYPE.STRING : DATA_TYPE.INT64;
  const standard = opsets.some(([domain]) => domain === "");
  const nodes = [
    forTables("Scaler", ["x"], ["scaled"], { offset: { floats: OFFSET }, scale: { floats: SCALE } }),
    forTables("LinearClassifier", ["scaled"], [standard ? "label" : "output_label", "scores"], {
      coefficients: { floats: rows.flat() },
      intercepts: { floats: bias },
      multi_class: rows.length > 1 ? 1 : 0,
      post_transform: transform,
      [words ? "classlabels_strings" : "classlabels_ints"]: keys,
    }),
    ...(standard ? [node("Cast", ["label"], ["output_label"], attributes({ to: type }))] : []),
    forTables("Normalizer", ["scores"], ["probabilities"], { norm: "L1" }),
    forTables("ZipMap", ["probabilities"], ["output_probability"], {
      [words ? "classlabels_strings" : "classlabels_int64s"]: keys,
    }),
  ];
  const declared: Record<string, ValueInfoProto> = {
    output_label: info("output_label", ["N"], type),
    output_probability: mapsInfo("output_probability", type),
    probabilities: info("probabilities", ["N", labels.length]),
  };
  return encodeModel({
    irVersion: 8,
    producerName: "skl2onnx",
    opsetImport: opsets.map(([domain, version]) => ({ domain, version })),
    graph: { node: nodes, input: [info("x", ["N", FEATURES])], output: outputs.map((name) => declared[name]!) },
  });
}

const W = [1.5, -2, 0.5, 1];
const three = {
  rows: [W, [-1, 0.5, 2, -0.5], [0.25, 1, -1.5, -1]],
  bias: [0.25, -0.5, 0.125],
  transform: "SOFTMAX",
} as const;
const two = { rows: [W.map((w) => -w), W], bias: [-0.25, 0.25], transform: "LOGISTIC" } as const;
const KINDS: readonly (Kind & { readonly name: string })[] = [
  {
    name: "three classes",
    ...three,
    labels: [0, 1, 2],
    opsets: [
      ["ai.onnx.ml", 1],
      ["", 13],
    ],
  },
  {
    name: "three words",
    ...three,
    labels: ["a", "b", "c"],
    opsets: [
      ["", 17],
      ["ai.onnx.ml", 3],
    ],
  },
  { name: "two classes", ...two, labels: [3, 7], opsets: [["ai.onnx.ml", 1]] },
  {
    name: "two words, one row",
    rows: [W],
    bias: [0.25],
    transform: "LOGISTIC",
    labels: ["no", "yes"],
    opsets: [
      ["ai.onnx.ml", 5],
      ["", 9],
    ],
  },
  {
    name: "one against the rest",
    ...three,
    transform: "LOGISTIC",
    labels: ["c", "a", "b"],
    opsets: [["ai.onnx.ml", 2]],
  },
];

/** Rows of the table whose scaled features are about as large as 1. */
function points(count: number): Float32Array[] {
  const z = new Float64Array(count * FEATURES);
  rng(3).fillNormal(z);
  return Array.from({ length: count }, (_, i) =>
    Float32Array.from(OFFSET, (offset, j) => offset + z[i * FEATURES + j]! / SCALE[j]!),
  );
}

describe.each(KINDS)("$name", (kind) => {
  const file = pipeline(kind);

  test("its maps' scores are read, and a run of the file gives them, as the runtime computes them", async () => {
    const rows = points(6);
    const tensor = await openOnnx(pipeline(kind, ["probabilities"]));
    const { graph, warnings } = importOnnx(file, { classifier: {} });
    expect(warnings.filter((line) => line.includes('"output_probability" is a map'))).toHaveLength(1);
    const network = networkOf(graph, "table");
    const session = await openModel(file);
    const original = originalOf(session, network);
    const all = new Float32Array(rows.flatMap((row) => [...row]));
    const answers = await runOriginal(original, all);
    const reading = await cpuRuntime().compile(graph, { float: "float32" });
    const x = floatTensor([rows.length, FEATURES], all);
    const expected = Array.from((await tensor.run(new Map([["x", x]]))).get("probabilities")!.data);
    expect(expected).toHaveLength(rows.length * network.classes);
    expect(Array.from(answers)).toEqual(expected);
    const [read] = Object.values(await reading.run({ x }));
    for (const [at, value] of expected.entries()) expect(read!.data[at]).toBeCloseTo(value, 6);
    await Promise.all([tensor.release(), session[Symbol.asyncDispose]()]);
  });

  test("its outputs are listed, and the map may be named", () => {
    const { outputs } = portsOnnx(file);
    expect(outputs.map(({ name, map }) => [name, map])).toEqual([
      ["output_label", undefined],
      ["probabilities", "output_probability"],
    ]);
    for (const output of ["output_probability", "probabilities"])
      expect(importOnnx(file, { classifier: { output } }).graph.outputs.map(({ name }) => name)).toEqual([
        "probabilities",
      ]);
  });
});

test.for([1, 5, 21])("where only operators for tables are used, the standard opset %i is none to refuse", (version) => {
  const opsets = [["", version] as const, ["ai.onnx.ml", 1] as const];
  const kind = { ...KINDS[0]!, opsets };
  const only = pipeline({ ...kind, opsets: [["ai.onnx.ml", 1]] }, ["output_probability"]);
  const bytes = encodeModel({
    ...decodeModel(only),
    opsetImport: opsets.map(([domain, v]) => ({ domain, version: v })),
  });
  expect(importOnnx(bytes).graph.outputs.map(({ value }) => value.shape)).toEqual([["N", 3]]);
  if (version < 6) expect(() => importOnnx(pipeline(kind), { classifier: {} })).toThrow("opset");
});

test("scores that are an output beside their map stay one", async () => {
  const file = pipeline(KINDS[0]!, ["output_probability", "probabilities"]);
  expect(importOnnx(file).graph.outputs.map(({ name }) => name)).toEqual(["probabilities"]);
  await using session = await openModel(file);
  expect(session.outputs.map(({ name }) => name)).toEqual(["probabilities"]);
});

test("one row for two classes without LOGISTIC: the runtime's scores and label disagree, and it is refused", async () => {
  const bytes = (outputs: readonly string[]) =>
    encodeModel({
      irVersion: 8,
      opsetImport: [{ domain: "ai.onnx.ml", version: 1 }],
      graph: {
        node: [
          forTables("LinearClassifier", ["x"], ["label", "y"], {
            coefficients: { floats: [1] },
            intercepts: { floats: [0] },
            classlabels_ints: [0, 1],
            post_transform: "SOFTMAX",
          }),
        ],
        input: [info("x", ["N", 1])],
        output: outputs.map((name) => (name === "y" ? info(name, ["N", 2]) : info(name, ["N"], DATA_TYPE.INT64))),
      },
    });
  const results = await runOnnx(bytes(["label", "y"]), new Map([["x", floatTensor([1, 1], [0.25])]]));
  expect([...results.get("label")!.data]).toEqual([1]);
  expect([...results.get("y")!.data]).toEqual([0.75, 0.25]);
  expect(() => importOnnx(bytes(["y"]))).toThrow("say another class than its label");
});

// ---------------------------------------------------------------- the command line

describe("certify and inspect", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "assay-tables-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const write = (name: string, contents: string | Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, contents);
    return path;
  };
  const spread = (values: readonly number[]): number => {
    const mean = values.reduce((a, b) => a + b) / values.length;
    return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  };

  test.for(KINDS)("proofs of $name by hand", async (kind) => {
    const rows = points(16);
    const weights = kind.rows.length === 1 ? [W.map(() => 0), W] : kind.rows;
    const bias = kind.bias.length === 1 ? [0, ...kind.bias] : kind.bias;
    const logits = rows.map((row) =>
      weights.map((w, k) => w.reduce((sum, v, j) => sum + v * (row[j]! - OFFSET[j]!) * SCALE[j]!, bias[k]!)),
    );
    const winners = logits.map((row) => row.indexOf(Math.max(...row)));
    const lines = rows.map((row, i) => `${row.join(",")},${kind.labels[winners[i]!]}`);
    const csv = write(`${kind.name}.csv`, `a,b,c,d,outcome\n${lines.join("\n")}\n`);
    const model = write(`${kind.name}.onnx`, pipeline(kind));
    const epsilon = 0.25;
    const argv = ["--data", csv, "--label-column", "outcome", "--epsilon", `${epsilon}`, "--jobs", "1", "--json"];
    const run = await assay("certify", model, ...argv, "--force");
    expect([run.code, run.stderr]).toEqual([0, expect.stringContaining("is a map")]);
    const { results } = JSON.parse(run.stdout) as { results: readonly { verdict: string }[] };
    const reach = OFFSET.map((_, j) => epsilon * spread(rows.map((row) => row[j]!)) * SCALE[j]!);
    const seen = new Set<string>();
    for (const [i, row] of logits.entries()) {
      const c = winners[i]!;
      const margins = row.map((value, k) => {
        const moves = reach.reduce((sum, r, j) => sum + r * Math.abs(weights[c]![j]! - weights[k]![j]!), 0);
        return k === c ? Number.POSITIVE_INFINITY : row[c]! - value - moves;
      });
      const least = Math.min(...margins);
      if (Math.abs(least) < 1e-3) continue;
      seen.add(results[i]!.verdict);
      expect(results[i]!.verdict).toBe(least > 0 ? "certified" : "falsified");
    }
    expect([...seen]).toEqual(expect.arrayContaining(["certified", "falsified"]));
  });

  test.for(KINDS)("inspect of $name reads its scores where they are no map, and leaves the labels", async (kind) => {
    const model = write("plain.onnx", pipeline(kind, ["output_label", "probabilities"]));
    const { code, stdout } = await assay("inspect", model);
    expect([code, stdout]).toEqual([0, expect.stringContaining(`outputs probabilities [N,${kind.labels.length}]`)]);
    await using session = await openModel(pipeline(kind, ["output_label", "probabilities"]));
    expect(session.outputs.at(-1)!.name).toBe("probabilities");
  });

  test("inspect lists the nodes up to the scores, and says what is left out", async () => {
    const model = write("listed.onnx", pipeline(KINDS[1]!));
    const { code, stdout } = await assay("inspect", model);
    expect(code).toBe(0);
    expect(stdout).toContain("outputs probabilities [N,3]");
    expect(stdout).toContain('its output "output_probability" is a map');
    expect(stdout).toContain("its classes are, in this order, a, b, c");
  });
});
