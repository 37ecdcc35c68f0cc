import { expect, test } from "vitest";
import { floatTensor } from "../graph/tensor.ts";
import { makeGraph, nodesOf } from "../graph/traverse.ts";
import { rng } from "../random/rng.ts";
import { gradient } from "../transforms/gradient.ts";
import { evaluateGraph } from "./evaluate.ts";
import { builder } from "./index.ts";

/** What Gather's adjoint is by definition: each cotangent added where its element came from. */
function scatterPlainly(
  dy: readonly number[],
  indices: readonly number[],
  [outer, size, inner]: readonly number[],
): number[] {
  const dx = new Array<number>(outer! * size! * inner!).fill(0);
  for (let o = 0; o < outer!; o++)
    indices.forEach((index, i) => {
      for (let k = 0; k < inner!; k++)
        dx[(o * size! + index) * inner! + k]! += dy[(o * indices.length + i) * inner! + k]!;
    });
  return dx;
}

test.for([
  // [name, elements on the axis, elements taken, largest index + 1, uses a matrix product]
  ["few elements", 12, 20, 12, true],
  ["many elements, each taken a few times", 300, 500, 300, false],
  ["many elements, some never taken", 300, 400, 120, false],
  ["one element taken very often", 400, 300, 3, true],
] as const)(
  "the gradient of Gather adds each cotangent where its element came from: %s",
  ([, size, count, span, product]) => {
    const random = rng(size);
    const indices = Array.from({ length: count }, () => random.int(span));
    const shape = [2, size, 3];
    const b = builder();
    const x = b.input("x", shape);
    const y = b.emit("Gather", [x, b.ints(indices)], { axis: 1 });
    const dy = b.input("dy", y.shape);
    const [dx] = gradient(b, y, [x], dy);
    const graph = makeGraph([dy], [{ name: "dx", value: dx! }]);
    expect(nodesOf(graph).some(({ op }) => op === "MatMul")).toBe(product);
    const cotangents = Array.from({ length: 2 * count * 3 }, () => random.normal());
    const out = evaluateGraph(graph, new Map([["dy", floatTensor([2, count, 3], cotangents)]])).get("dx")!;
    expect(out.shape).toEqual(shape);
    scatterPlainly(cotangents, indices, shape).forEach((value, i) => {
      expect(out.data[i]!).toBeCloseTo(value, 10);
    });
  },
);
