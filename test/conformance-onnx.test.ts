/**
 * @file The ONNX project's own operator tests: every case whose ops are all supported must pass, read into our graph
 * and run both by the float64 reference and, written out again, by ONNX Runtime.
 */

import { existsSync, readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { UnsupportedError } from "../src/formats/onnx/error.ts";
import { exportOnnx } from "../src/formats/onnx/export.ts";
import { importOnnx, type OnnxModel } from "../src/formats/onnx/import.ts";
import { DATA_TYPE, decodeModel, decodeTensor, type ModelProto } from "../src/formats/onnx/proto.ts";
import type { Tensor } from "../src/graph/types.ts";
import { evaluateGraph } from "../src/ops/evaluate.ts";
import { difference } from "./helpers/compare.ts";
import { caseTensor } from "./helpers/onnx-case.ts";
import { runOnnx } from "./helpers/ort.ts";
import { readTarGz } from "./helpers/tar.ts";

const folder = "../shared/data/onnx-conformance";
const archive = existsSync(folder) ? readdirSync(folder).find((name) => name.endsWith(".tar.gz")) : undefined;

/** The ONNX project's own runner compares with rtol 1e-3, atol 1e-7; float32 sums here are in another order. */
const TOLERANCE = { relative: 1e-3, absolute: 1e-6 };

interface Case {
  readonly name: string;
  readonly model: Uint8Array;
  readonly proto: ModelProto;
  readonly feeds: ReadonlyMap<string, Tensor>;
  readonly expected: ReadonlyMap<string, Tensor>;
}

type Outcome =
  | { readonly kind: "passed" }
  | { readonly kind: "unsupported"; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string };

/** Tensors of one data set in the order of the names. */
function readTensors(
  files: ReadonlyMap<string, Uint8Array>,
  prefix: string,
  names: readonly string[],
): Map<string, Tensor> {
  return new Map(
    names.flatMap((name, i): [string, Tensor][] => {
      const bytes = files.get(`${prefix}_${i}.pb`);
      return bytes ? [[name, caseTensor(decodeTensor(bytes), name)]] : [];
    }),
  );
}

function readCase(files: ReadonlyMap<string, Uint8Array>, path: string): Case {
  const model = files.get(path)!;
  const proto = decodeModel(model);
  const initialized = new Set(proto.graph!.initializer!.map(({ name }) => name));
  const inputs = proto.graph!.input!.map(({ name }) => name!).filter((name) => !initialized.has(name));
  const typed = [...proto.graph!.input!, ...proto.graph!.output!];
  if (typed.some(({ type }) => !type?.tensorType))
    throw new UnsupportedError("has inputs or outputs that are not tensors");
  const data = path.replace("model.onnx", "test_data_set_0/");
  return {
    name: path.split("/").at(-2)!,
    model,
    proto,
    feeds: readTensors(files, `${data}input`, inputs),
    expected: readTensors(
      files,
      `${data}output`,
      proto.graph!.output!.map(({ name }) => name!),
    ),
  };
}

/** Inputs that are shapes, axes or bounds must be known at import: they are bound when reading without them fails. */
function read({ name, model, feeds }: Case): OnnxModel {
  const entries = [...feeds];
  const bindings = [
    [],
    entries.filter(([, { dtype }]) => dtype !== "float"),
    entries.slice(1),
    ...(entries.some(([, { dtype }]) => dtype === "float") ? [] : [entries]),
  ];
  let first: unknown;
  for (const bind of bindings) {
    try {
      return importOnnx(model, { batch: "as-declared", bind: new Map(bind), fileName: name });
    } catch (error) {
      if (!(error instanceof UnsupportedError)) throw error;
      first ??= error;
    }
  }
  throw first;
}

async function check(files: ReadonlyMap<string, Uint8Array>, path: string): Promise<Outcome> {
  try {
    const example = readCase(files, path);
    const { graph } = read(example);
    const types = example.proto.graph!.input!.map(({ type }) => type?.tensorType?.elemType);
    const float = types.includes(DATA_TYPE.DOUBLE) ? "float64" : "float32";
    const results = {
      reference: evaluateGraph(graph, example.feeds),
      runtime: await runOnnx(exportOnnx(graph, { float }), example.feeds, float),
    };
    for (const [who, outputs] of Object.entries(results))
      for (const [name, expected] of example.expected) {
        const fact = difference(outputs.get(name), expected, TOLERANCE);
        if (fact) return { kind: "failed", reason: `${who}: output ${name} ${fact}` };
      }
    return { kind: "passed" };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return error instanceof UnsupportedError ? { kind: "unsupported", reason } : { kind: "failed", reason };
  }
}

/** `op → how many cases`, for the summary. */
function byOp(reasons: readonly { readonly proto: ModelProto }[]): string {
  const counts = new Map<string, number>();
  for (const { proto } of reasons) {
    const ops = [...new Set(proto.graph!.node!.map(({ opType }) => opType))];
    const label = ops.length > 3 ? `${ops.slice(0, 3)},…` : ops.join();
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([op, count]) => `${op} ${count}`)
    .join("; ");
}

test.skipIf(archive === undefined)(
  "every ONNX conformance case with supported ops gives the expected outputs (skipped without the data)",
  async () => {
    const files = readTarGz(`${folder}/${archive}`);
    const paths = [...files.keys()].filter((path) => path.endsWith("/model.onnx"));
    const outcomes: { path: string; outcome: Outcome }[] = [];
    for (const path of paths) outcomes.push({ path, outcome: await check(files, path) });
    const of = (kind: Outcome["kind"]) => outcomes.filter(({ outcome }) => outcome.kind === kind);
    const unsupported = of("unsupported").map(({ path }) => ({ proto: decodeModel(files.get(path)!) }));
    const failures = of("failed").map(
      ({ path, outcome }) => `${path}: ${outcome.kind === "failed" ? outcome.reason : ""}`,
    );
    console.log(
      `ONNX conformance: ${of("passed").length} passed, ${unsupported.length} unsupported, ${failures.length} failed of ${paths.length}\n` +
        `unsupported by op: ${byOp(unsupported)}\n${failures.join("\n")}`,
    );
    expect(failures).toEqual([]);
    expect(of("passed").length).toBeGreaterThanOrEqual(829);
  },
  120_000,
);
