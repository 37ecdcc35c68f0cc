import { afterAll, describe, expect, test } from "vitest";
import { exportOnnx } from "../../formats/onnx/export.ts";
import { floatTensor } from "../../graph/tensor.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Builder, Graph, Value } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { createRuntime } from "../../runtime/node.ts";
import type { Threat } from "../../spec/types.ts";
import { boundChunk, predictChunk } from "../examine.ts";
import { networkOf } from "../network.ts";
import { originalOf } from "../original.ts";
import type { Chunk, Subject } from "../records.ts";
import type { PreparedVerifier } from "../verify/types.ts";
import { agreementOf } from "./agreement.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

/** [f(x₀) + x₁, weight]: class 0 where the sum exceeds the weight. */
function graphOf(bend: (b: Builder, x: Value) => Value, weight: number): Graph {
  const b = builder();
  const x = b.input("x", ["N", 2]);
  const summed = b.emit("MatMul", [bend(b, x), b.constant(floatTensor([2, 2], [1, 0, 1, 0]))]);
  return makeGraph([x], [{ name: "y", value: b.emit("Add", [summed, b.constant(floatTensor([2], [0, weight]))]) }]);
}

/** The file of one graph, read as another. */
async function subjectOf(file: Graph, read: Graph): Promise<Subject> {
  const network = networkOf(read, "test");
  const original = originalOf(await runtime.openModel(exportOnnx(file)), network);
  const agreement = agreementOf(network, original, runtime, async () => 'MatMul "dense"');
  return { network, original, agreement };
}

const absolute = (b: Builder, x: Value): Value => b.emit("Abs", [x]);
const rectified = (b: Builder, x: Value): Value => b.emit("Relu", [x]);

const chunk: Chunk = {
  images: Float32Array.of(0.1, 0.5, 0.2, 0.6),
  labels: Int32Array.of(0, 0),
  indices: Int32Array.of(0, 1),
};
const threat: Threat = { norm: "linf", epsilon: 0.3, domain: undefined };

/** Claims everything. */
const credulous: PreparedVerifier = {
  bounds: async ({ count }) => ({ arithmetic: "float32", lower: new Float64Array(count).fill(1) }),
  [Symbol.asyncDispose]: async () => {},
};

describe("before any verdict", () => {
  test("a reading that is the file's is let pass", async () => {
    const graph = graphOf(absolute, 0.3);
    expect(await predictChunk(await subjectOf(graph, graph), chunk)).toHaveLength(2);
  });

  test("a constant that is read 1 % too large stops it on the inputs, with the operator named", async () => {
    const subject = await subjectOf(graphOf(absolute, 0.3), graphOf(absolute, 0.303));
    await expect(predictChunk(subject, chunk)).rejects.toThrow(/^MatMul "dense" is read otherwise than ONNX Runtime/);
  });

  test("an operator that differs on points of the set alone stops it there", async () => {
    const subject = await subjectOf(graphOf(absolute, 0.3), graphOf(rectified, 0.3));
    expect(await predictChunk(subject, chunk)).toHaveLength(2);
    await expect(boundChunk(subject, credulous, threat, chunk)).rejects.toThrow(/read otherwise/);
  });

  test("the same bounds over the reals are recorded as bounded, never as verified", async () => {
    const graph = graphOf(absolute, 0.3);
    const real: PreparedVerifier = {
      ...credulous,
      bounds: async (queries) => ({ ...(await credulous.bounds(queries)), arithmetic: "real" }),
    };
    const records = await boundChunk(await subjectOf(graph, graph), real, threat, chunk);
    expect(records.map(({ verdict }) => verdict)).toEqual(
      Array.from({ length: 2 }, () => ({ kind: "bounded", arithmetic: "real", margin: 1 })),
    );
  });

  test("a point of the set that the file gets wrong is a witness, whatever is claimed", async () => {
    const graph = graphOf((_, x) => x, 0.3);
    const records = await boundChunk(await subjectOf(graph, graph), credulous, threat, chunk);
    for (const [i, { verdict, sampled }] of records.entries()) {
      expect(verdict.kind).toBe("verified");
      expect(sampled).toMatchObject({ falsified: true, predicted: 1 });
      const [a, b] = sampled!.witness as unknown as [number, number];
      expect(a + b).toBeLessThanOrEqual(0.3 + 1e-6);
      expect(Math.abs(a - chunk.images[2 * i]!)).toBeLessThanOrEqual(0.3);
    }
  });
});
