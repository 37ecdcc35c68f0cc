import { expect, test } from "vitest";
import { floatTensor } from "../graph/tensor.ts";
import { makeGraph } from "../graph/traverse.ts";
import { builder } from "../ops/index.ts";
import { multiplicationsOf, passesIn } from "./cost.ts";

const zeros = (...shape: number[]) => floatTensor(shape, new Float64Array(shape.reduce((a, b) => a * b, 1)));

test("multiplications of convolutions, groups included, and of matrix products are those of one input", () => {
  const b = builder();
  const x = b.input("x", ["N", 4, 6, 6]);
  const attrs = { strides: [2, 2], dilations: [1, 1], pads: [1, 1, 1, 1], group: 2 };
  const y = b.emit("Conv", [x, b.constant(zeros(8, 2, 3, 3))], attrs);
  const flat = b.emit("Reshape", [y], { shape: ["N", 72] });
  const graph = makeGraph([x], [{ name: "y", value: b.emit("MatMul", [flat, b.constant(zeros(72, 5))]) }]);
  // 8 · 3 · 3 results of 2 · 3 · 3 products each; 5 results of 72
  expect(multiplicationsOf(graph)).toBe(72 * 18 + 5 * 72);
  expect(passesIn(2, graph)).toBeCloseTo((2 * 5e10) / 1656, 0);
  expect(passesIn(-1, graph)).toBe(0);
});
