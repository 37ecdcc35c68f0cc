/**
 * @file Model files are untrusted: whatever the bytes, reading one gives a model or an OnnxError of one line, soon and
 * in bounded memory.
 */

import { describe, expect, test } from "vitest";
import { OnnxError } from "../src/formats/onnx/error.ts";
import { exportOnnx } from "../src/formats/onnx/export.ts";
import { importOnnx } from "../src/formats/onnx/import.ts";
import { type AttributeProto, decodeModel, encodeModel, type GraphProto } from "../src/formats/onnx/proto.ts";
import { type Rng, rng } from "../src/random/rng.ts";
import { seeds } from "./helpers/onnx-seeds.ts";
import { PATIENT } from "./support/patience.ts";

const FILES = PATIENT ? 4000 : 1000;
/** A mutated file of a few kilobytes; the bound leaves room for a busy machine. */
const SECONDS_PER_FILE = 5;
const MEGABYTES = 600;

// ---------------------------------------------------------------- mutations

type Mutation = (bytes: Uint8Array, r: Rng, other: Uint8Array) => Uint8Array;

const flips: Mutation = (bytes, r) => {
  const out = bytes.slice();
  for (let i = 1 + r.int(8); i > 0; i--) out[r.int(out.length)]! ^= 1 << r.int(8);
  return out;
};

const truncation: Mutation = (bytes, r) => bytes.slice(0, r.int(bytes.length));

const splice: Mutation = (bytes, r, other) => {
  const from = r.int(other.length);
  const piece = other.subarray(from, from + 1 + r.int(200));
  const at = r.int(bytes.length);
  return Uint8Array.from([...bytes.subarray(0, at), ...piece, ...bytes.subarray(at + r.int(50))]);
};

/** Bytes that look like a length become another length, up to one of ten bytes. */
const lengths: Mutation = (bytes, r) => {
  const at = r.int(bytes.length);
  const varint = Array.from({ length: r.int(10) }, () => 128 + r.int(128));
  return Uint8Array.from([...bytes.subarray(0, at), ...varint, r.int(128), ...bytes.subarray(at + 1)]);
};

const EXTREMES = [0, 1, -1, -2, 2, 7, 127, 65536, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 53, 1e18, -9e18];

/** Well-formed protobuf with other contents: op types, names, dimensions, attributes. */
const contents: Mutation = (bytes, r) => {
  const model = decodeModel(bytes);
  for (let i = 1 + r.int(3); i > 0; i--) mutateGraph(model.graph as unknown as Mutable<GraphProto>, r);
  return encodeModel(model);
};

type Mutable<T> = T extends readonly (infer E)[]
  ? Mutable<E>[]
  : T extends object
    ? { -readonly [K in keyof T]: Mutable<T[K]> }
    : T;

const pick = <T>(list: readonly T[], r: Rng): T | undefined => (list.length > 0 ? list[r.int(list.length)] : undefined);
const extreme = (r: Rng): number => pick(EXTREMES, r)!;

function mutateGraph(graph: Mutable<GraphProto>, r: Rng): void {
  const nodes = graph.node!;
  const first = pick(nodes, r);
  const second = pick(nodes, r);
  const tensor = pick(graph.initializer!, r);
  const names = [
    ...nodes.flatMap(({ output }) => output!),
    ...graph.initializer!.map(({ name }) => name!),
    "x",
    "",
    "none",
  ];
  switch (r.int(9)) {
    case 0:
      if (first && second) first.opType = second.opType!;
      return;
    case 1:
      if (first) first.input = first.input!.map((name) => (r.int(2) === 0 ? pick(names, r)! : name));
      return;
    case 2:
      if (first) first.output = [pick(names, r)!];
      return;
    case 3:
      if (tensor) tensor.dims = tensor.dims!.map((dim) => (r.int(2) === 0 ? extreme(r) : dim));
      return;
    case 4:
      if (tensor)
        Object.assign(tensor, { int64Data: Array.from({ length: r.int(5) }, () => extreme(r)), dims: [r.int(5)] });
      return;
    case 5:
      if (tensor) tensor.dataType = r.int(20);
      return;
    case 6: {
      const type = pick(graph.input!, r)?.type?.tensorType;
      if (type?.shape) type.shape.dim = type.shape.dim!.map((dim) => (r.int(3) === 0 ? { dimValue: extreme(r) } : dim));
      return;
    }
    case 7:
      if (first) mutateAttribute(pick(first.attribute!, r), r);
      return;
    default:
      if (first) first.attribute = second?.attribute ?? [];
  }
}

const WORDS = [
  "",
  "reflect",
  "edge",
  "cubic",
  "linear",
  "SAME_UPPER",
  "VALID",
  "align_corners",
  "constructor",
  "\u202e\n",
];

function mutateAttribute(attribute: Mutable<AttributeProto> | undefined, r: Rng): void {
  if (!attribute) return;
  if (attribute.s?.length) attribute.s = new TextEncoder().encode(pick(WORDS, r)!);
  else if (attribute.f) attribute.f = pick([...EXTREMES, Number.NaN, Infinity, -Infinity], r)!;
  else if (attribute.ints?.length)
    attribute.ints = attribute.ints.map((value) => (r.int(2) === 0 ? extreme(r) : value));
  else if (r.int(2) === 0) attribute.i = extreme(r);
  else attribute.type = r.int(15);
}

const mutations: readonly Mutation[] = [flips, truncation, splice, lengths, contents, contents, contents];

// ---------------------------------------------------------------- the property

type Outcome = "read" | "refused";

/** @throws whatever is neither a model nor an OnnxError of one line */
function read(bytes: Uint8Array): Outcome {
  try {
    exportOnnx(importOnnx(bytes, { fileName: "fuzz.onnx" }).graph);
    return "read";
  } catch (error) {
    if (!(error instanceof OnnxError)) throw error;
    expect(error.message).toMatch(/^[^\n\r]{10,4000}$/);
    return "refused";
  }
}

describe("mutated model files", () => {
  test("the files that are mutated are read", () => {
    expect(seeds().map(read)).toEqual(["read", "read", "read"]);
  });

  test(`${FILES} of them give a model or one line, in time and memory`, () => {
    const originals = seeds();
    const counts = { read: 0, refused: 0 };
    const before = process.memoryUsage().rss;
    let [slowest, largest] = [0, 0];
    for (let i = 0; i < FILES; i++) {
      const r = rng(2026).split(`file ${i}`);
      const mutate = mutations[i % mutations.length]!;
      const bytes = mutate(pick(originals, r)!, r, pick(originals, r)!);
      const start = performance.now();
      try {
        counts[read(bytes)]++;
      } catch (error) {
        throw new Error(`file ${i} (${mutate.name}): ${error}`, { cause: error });
      }
      slowest = Math.max(slowest, (performance.now() - start) / 1000);
      largest = Math.max(largest, process.memoryUsage().rss - before);
    }
    console.log(
      `fuzz: ${counts.read} read, ${counts.refused} refused; slowest ${slowest.toFixed(2)} s, ${Math.round(largest / 2 ** 20)} MB more`,
    );
    expect(counts.refused).toBeGreaterThan(FILES / 4);
    expect(counts.read).toBeGreaterThan(FILES / 20);
    expect(slowest).toBeLessThan(SECONDS_PER_FILE);
    expect(largest / 2 ** 20).toBeLessThan(MEGABYTES);
  });
});
