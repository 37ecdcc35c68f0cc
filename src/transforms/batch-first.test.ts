import { describe, expect, test } from "vitest";
import { shapeChain } from "../../test/support/shape-chains.ts";
import type { Shape } from "../graph/dims.ts";
import { floatTensor } from "../graph/tensor.ts";
import { dependents, makeGraph, nodesOf } from "../graph/traverse.ts";
import type { Graph, Value } from "../graph/types.ts";
import { evaluateGraph } from "../ops/evaluate.ts";
import { builder } from "../ops/index.ts";
import { rng } from "../random/rng.ts";
import { batchFirst } from "./batch-first.ts";
import { UnsupportedReading } from "./unsupported.ts";

const CHAINS = 150;
const IMAGES = 3;

const shapesOf = (graph: Graph): Shape[] => {
  const varying = dependents(
    graph.outputs.map(({ value }) => value),
    new Set(graph.inputs),
  );
  return nodesOf(graph).flatMap((node) => (varying.has(node) ? [node.shape] : []));
};

const scores = (graph: Graph, shape: readonly number[], data: Float64Array): number[] => [
  ...evaluateGraph(graph, new Map([["x", floatTensor(shape, data)]])).get("logits")!.data,
];

const linear = (batch: "N" | number, read: (b: ReturnType<typeof builder>, x: Value) => Value, sample: number[]) => {
  const b = builder();
  const x = b.input("x", [batch as "N", ...sample]);
  return makeGraph([x], [{ name: "logits", value: read(b, x) }]);
};

describe.each(["N", 1] as const)("chains of shapes with a batch of %s", (batch) => {
  test("have the batch along axis 0 of all that varies, and are the same function of each sample", () => {
    let rewritten = 0;
    for (let seed = 0; seed < CHAINS; seed++) {
      const graph = shapeChain(seed, batch);
      const plain = batchFirst(graph);
      const lead = plain.inputs[0]!.shape[0]!;
      if (plain !== graph) rewritten++;
      for (const shape of shapesOf(plain)) {
        expect(shape[0], `chain ${seed}`).toBe(lead);
        expect(shape.slice(1).every((dim) => typeof dim === "number")).toBe(true);
      }
      const sample = graph.inputs[0]!.shape.slice(1) as number[];
      const size = sample.reduce((p, q) => p * q, 1);
      const random = rng(seed).split("points");
      const data = Float64Array.from({ length: IMAGES * size }, () => random.normal());
      const each = Array.from({ length: IMAGES }, (_, i) =>
        scores(graph, [1, ...sample], data.slice(i * size, (i + 1) * size)),
      );
      const together = lead === "N" ? scores(plain, [IMAGES, ...sample], data) : each.flat();
      each.flat().forEach((score, i) => {
        expect(Math.abs(together[i]! - score), `chain ${seed}`).toBeLessThanOrEqual(1e-9 * (1 + Math.abs(score)));
      });
    }
    expect(rewritten).toBeGreaterThan(CHAINS / 3);
  });
});

test("a graph that has the batch along axis 0 stays as it is", () => {
  const graph = linear("N", (b, x) => b.emit("Relu", [b.emit("Reshape", [x], { shape: ["N", 6] })]), [2, 3]);
  expect(batchFirst(graph)).toBe(graph);
});

test("a convolution of frames in the batch axis is one of their channels", () => {
  const read = (b: ReturnType<typeof builder>, x: Value): Value => {
    const frames = b.emit("Reshape", [x], { shape: ["2N", 1, 2, 2] });
    const kernel = b.constant(floatTensor([1, 1, 2, 2], [1, 2, 3, 4]));
    const attrs = { strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0], group: 1 };
    return b.emit("Reshape", [b.emit("Conv", [frames, kernel], attrs)], { shape: ["N", 2] });
  };
  const plain = batchFirst(linear("N", read, [2, 1, 2, 2]));
  const conv = nodesOf(plain).find(({ op }) => op === "Conv")!;
  expect(conv.shape).toEqual(["N", 2, 1, 1]);
  // 1·1 + 2·2 + 3·3 + 4·4 = 30, and of the second frame 1·5 + 2·6 + 3·7 + 4·8 = 70
  const data = Float64Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(scores(plain, [1, 2, 1, 2, 2], data)).toEqual([30, 70]);
});

test("what goes over a batch fixed above 1 is refused by name", () => {
  const graph = linear(4, (b, x) => b.emit("Sub", [x, b.emit("ReduceSum", [x], { axes: [0], keepdims: true })]), [3]);
  expect(() => batchFirst(graph)).toThrow(UnsupportedReading);
  expect(() => batchFirst(graph)).toThrow(
    "ReduceSum has no linear bound: it goes over a batch that the file fixes at 4",
  );
});
