import { expect, test } from "vitest";
import type { Graph, Value } from "../graph/types.ts";
import { builder } from "../ops/index.ts";
import { peakBytes } from "./memory.ts";

const graph = (build: (b: ReturnType<typeof builder>, x: Value) => Value[]): Graph => {
  const b = builder();
  const x = b.input("x", ["N", 10]);
  return { inputs: [x], outputs: build(b, x).map((value, i) => ({ name: `y${i}`, value })) };
};

test("a chain holds one result and the next", () => {
  const chain = graph((b, x) => {
    let h = x;
    for (let i = 1; i <= 5; i++) h = b.emit("Add", [h, b.constant(i)]);
    return [h];
  });
  expect(peakBytes(chain, 3, "float32")).toBe(2 * 30 * 4);
  expect(peakBytes(chain, 3, "float64")).toBe(2 * 30 * 8);
});

test("a result needed later, and every output, is held until the end", () => {
  const branching = graph((b, x) => {
    const early = b.emit("Relu", [x]);
    let h: Value = early;
    for (let i = 1; i <= 3; i++) h = b.emit("Add", [h, b.constant(i)]);
    return [b.emit("Mul", [h, early])];
  });
  expect(peakBytes(branching, 1, "float32")).toBe(3 * 10 * 4);
  const outputs = graph((b, x) => [1, 2, 3, 4].map((i) => b.emit("Add", [x, b.constant(i)])));
  expect(peakBytes(outputs, 1, "float32")).toBe(4 * 10 * 4);
});

test("the widest place counts", () => {
  const wide = graph((b, x) => {
    const long = b.emit("Expand", [b.emit("Reshape", [x], { shape: ["N", 10, 1] })], { shape: ["N", 10, 7] });
    return [b.emit("ReduceSum", [long], { axes: [1, 2], keepdims: false })];
  });
  expect(peakBytes(wide, 2, "float32")).toBe(2 * (10 + 70) * 4);
});
