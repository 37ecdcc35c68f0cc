import { describe, expect, test } from "vitest";
import { floatTensor } from "../graph/tensor.ts";
import { makeGraph } from "../graph/traverse.ts";
import type { InputValue, Tensor, Value } from "../graph/types.ts";
import { evaluateGraph } from "./evaluate.ts";
import { builder, ops, recordOf } from "./index.ts";
import type { LinearBounds } from "./op.ts";

const window = { kernel: [2, 2], strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] };

const numbers = (inputs: readonly InputValue[], value: Value, feeds: Readonly<Record<string, Tensor>>): number[] => {
  const graph = makeGraph(inputs, [{ name: "y", value }]);
  return Array.from(evaluateGraph(graph, new Map(Object.entries(feeds))).get("y")!.data);
};

describe("maxima", () => {
  test("a tie shares the cotangent of MaxPool evenly, and padding gets none", () => {
    const b = builder();
    const x = b.input("x", ["N", 1, 2, 2]);
    const attrs = { ...window, pads: [1, 1, 0, 0] };
    const y = b.emit("MaxPool", [x], attrs);
    const dy = b.input("dy", y.shape);
    const [dx] = (ops.MaxPool.vjp as never as (...args: unknown[]) => readonly Value[])(
      b,
      { inputs: [x], output: y, attrs, wanted: [true] },
      dy,
    );
    // windows: {a}, {a, b}, {a, c}, {a, b, c, d}; a = b = -3 are the largest, below the padding's 0
    const feeds = { x: floatTensor([1, 1, 2, 2], [-3, -3, -5, -4]), dy: floatTensor([1, 1, 2, 2], [1, 10, 100, 1000]) };
    expect(numbers([x, dy], y, feeds)).toEqual([-3, -3, -3, -3]);
    expect(numbers([x, dy], dx!, feeds)).toEqual([1 + 5 + 100 + 500, 5 + 500, 0, 0]);
  });

  test("a tie shares the cotangent of ReduceMax evenly", () => {
    const b = builder();
    const x = b.input("x", ["N", 3]);
    const attrs = { axes: [1], keepdims: false };
    const y = b.emit("ReduceMax", [x], attrs);
    const dy = b.input("dy", y.shape);
    const [dx] = (ops.ReduceMax.vjp as never as (...args: unknown[]) => readonly Value[])(
      b,
      { inputs: [x], output: y, attrs, wanted: [true] },
      dy,
    );
    const feeds = { x: floatTensor([2, 3], [1, 1, 0, 2, 5, 5]), dy: floatTensor([2], [6, 8]) };
    expect(numbers([x, dy], dx!, feeds)).toEqual([3, 3, 0, 0, 4, 4]);
  });

  test("ArgMax takes the first of equals", () => {
    const x = floatTensor([2, 3], [1, 4, 4, 7, 7, 0]);
    expect(ops.ArgMax.evaluate([x], { axis: 1, keepdims: false })).toEqual({
      dtype: "int",
      shape: [2],
      data: Int32Array.of(1, 0),
    });
  });

  test("an operand that dominates is the maximum in both planes", () => {
    const b = builder();
    const box = { lower: b.input("l", ["N", 3]), upper: b.input("u", ["N", 3]) };
    const relax = recordOf("ReduceMax").relax as never as (...args: unknown[]) => LinearBounds;
    const { lower, upper } = relax(b, [box], { axes: [1], keepdims: true }, "adaptive");
    const feeds = { l: floatTensor([1, 3], [2, -1, 0]), u: floatTensor([1, 3], [3, 1, 2]) };
    const inputs = [box.lower, box.upper];
    expect(numbers(inputs, lower.slopes[0]!, feeds)).toEqual([1, 0, 0]);
    expect(numbers(inputs, upper.slopes[0]!, feeds)).toEqual([1, 0, 0]);
    expect(numbers(inputs, upper.offset!, feeds)[0]).toBeCloseTo(0, 14);
  });

  test("equal operands get the constant: their plane rises above it", () => {
    const b = builder();
    const box = { lower: b.input("l", ["N", 2]), upper: b.input("u", ["N", 2]) };
    const relax = recordOf("ReduceMax").relax as never as (...args: unknown[]) => LinearBounds;
    const { upper } = relax(b, [box], { axes: [1], keepdims: true }, "adaptive");
    const feeds = { l: floatTensor([1, 2], [0, 0]), u: floatTensor([1, 2], [1, 1]) };
    // γ₀ = (2 − 1)/2, slopes 1 − ½; at ¾ of the way up the plane is above the constant 1, which is taken
    expect(numbers([box.lower, box.upper], upper.slopes[0]!, feeds)).toEqual([0, 0]);
    expect(numbers([box.lower, box.upper], upper.offset!, feeds)).toEqual([1]);
  });
});

describe("windows", () => {
  const infer = (attrs: typeof window, shape: readonly ("N" | number)[]) => {
    const b = builder();
    return b.emit("MaxPool", [b.input("x", shape)], attrs).shape;
  };

  test("a window of nothing but padding is refused", () => {
    expect(() => infer({ ...window, pads: [2, 0, 0, 0] }, ["N", 1, 3, 3])).toThrow(/nothing but padding/);
    expect(infer({ ...window, pads: [1, 0, 0, 0] }, ["N", 1, 3, 3])).toEqual(["N", 1, 3, 2]);
  });

  test("a window larger than the image is refused by name", () => {
    expect(() => infer({ ...window, kernel: [4, 2] }, ["N", 1, 3, 3])).toThrow(
      "MaxPool: kernel [4,2] is larger than the padded input",
    );
  });

  test("Unfold lists each window row by row", () => {
    const b = builder();
    const x = b.input("x", ["N", 1, 2, 3]);
    const y = b.emit("Unfold", [x], window);
    expect(y.shape).toEqual(["N", 1, 4, 1, 2]);
    expect(numbers([x], y, { x: floatTensor([1, 1, 2, 3], [1, 2, 3, 4, 5, 6]) })).toEqual([1, 2, 2, 3, 4, 5, 5, 6]);
  });
});
