import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { Graph, Tensor } from "../graph/types.ts";
import { builder } from "../ops/index.ts";
import { canonicalJson, hashGraph, hashPlain, hashTensor, sha256 } from "./hash.ts";
import { digestInPieces } from "./node-digest.ts";

const text = (value: string) => new TextEncoder().encode(value);

test("SHA-256 gives the digests published with the standard", () => {
  expect(sha256(text(""))).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  expect(sha256(text("abc"))).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});

test("SHA-256 agrees with OpenSSL at every length around its block size, also inside a larger buffer", () => {
  const bytes = Uint8Array.from({ length: 400 }, (_, i) => (i * 37 + 11) & 255);
  for (let length = 0; length <= 200; length++) {
    const part = bytes.subarray(3, 3 + length);
    expect(sha256(part)).toBe(createHash("sha256").update(part).digest("hex"));
  }
});

test("bytes that are too many for one call are hashed in pieces", () => {
  const bytes = Uint8Array.from({ length: 200 }, (_, i) => (i * 37 + 11) & 255);
  for (const piece of [1, 64, 199, 200, 201]) expect(digestInPieces(bytes, piece)).toBe(sha256(bytes));
  expect(digestInPieces(new Uint8Array(), 64)).toBe(sha256(new Uint8Array()));
});

test("canonical JSON sorts keys, drops absent ones and tells every number apart", () => {
  expect(canonicalJson({ b: [1, "x", null], a: undefined, A: true })).toBe('{"A":true,"b":[1,"x",null]}');
  expect(canonicalJson([0, -0, Number.NaN, Infinity, -Infinity, 0.1])).toBe("[0,-0,NaN,Infinity,-Infinity,0.1]");
  expect(canonicalJson("NaN")).not.toBe(canonicalJson(Number.NaN));
  expect(hashPlain({ a: 1, b: 2 })).toBe(hashPlain({ b: 2, a: 1 }));
});

test("canonical JSON refuses what is not plain data", () => {
  expect(() => canonicalJson({ x: new Float32Array(2) })).toThrow(/Float32Array/);
  expect(() => canonicalJson(() => 1)).toThrow(TypeError);
});

const weights = (last: number): Tensor => ({ dtype: "float", shape: [2, 2], data: Float32Array.of(1, 2, 3, last) });

interface Variant {
  readonly weight?: Tensor;
  readonly input?: string;
  readonly output?: string;
  readonly max?: number;
  readonly nodeName?: string;
}

function graphOf({ weight = weights(4), input = "x", output = "y", nodeName = "h" }: Variant = {}): Graph {
  const b = builder();
  const x = b.input(input, ["N", 2]);
  const h = b.emit("MatMul", [x, b.constant(weight)], {}, nodeName);
  return { inputs: [x], outputs: [{ name: output, value: b.emit("Relu", [h]) }] };
}

test("the hash of a graph is that of an equal graph built elsewhere, whatever its nodes are called", () => {
  expect(hashGraph(graphOf())).toBe(hashGraph(graphOf({ nodeName: "other" })));
});

test("the hash of a graph changes with a weight, the sign of a zero, a name, an op and the order of operands", () => {
  const b = builder();
  const [x, y] = [b.input("x", ["N", 2]), b.input("y", ["N", 2])];
  const two = (op: "Sub" | "Add", first: typeof x, second: typeof x): Graph => ({
    inputs: [x, y],
    outputs: [{ name: "z", value: b.emit(op, [first, second]) }],
  });
  const graphs = [
    graphOf(),
    graphOf({ weight: weights(5) }),
    graphOf({ weight: weights(0) }),
    graphOf({ weight: weights(-0) }),
    graphOf({ input: "x2" }),
    graphOf({ output: "y2" }),
    two("Sub", x, y),
    two("Sub", y, x),
    two("Add", x, y),
  ];
  expect(new Set(graphs.map((graph) => hashGraph(graph))).size).toBe(graphs.length);
});

test("the hash of a graph sees an infinite attribute", () => {
  const x = builder().input("x", ["N", 2]);
  const clip = (max: number): Graph => {
    const value = {
      kind: "node",
      op: "Clip",
      inputs: [x],
      attrs: { min: 0, max },
      shape: x.shape,
      dtype: "float",
    } as const;
    return { inputs: [x], outputs: [{ name: "y", value }] };
  };
  expect(hashGraph(clip(Infinity))).not.toBe(hashGraph(clip(-Infinity)));
});

test("a tensor is hashed by type, shape and bytes, and read once", () => {
  const reads: number[] = [];
  const digest = (bytes: Uint8Array) => {
    reads.push(bytes.length);
    return sha256(bytes);
  };
  const tensor = weights(7);
  expect(hashTensor(tensor, digest)).toBe(hashTensor(tensor, digest));
  expect(reads).toEqual([16]);
  expect(hashTensor({ ...tensor, shape: [4] })).not.toBe(hashTensor(tensor));
});
