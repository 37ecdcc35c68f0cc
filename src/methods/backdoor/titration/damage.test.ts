import { expect, test } from "vitest";
import { floatTensor } from "../../../graph/tensor.ts";
import { makeGraph } from "../../../graph/traverse.ts";
import type { Graph, Value } from "../../../graph/types.ts";
import { evaluateGraph } from "../../../ops/evaluate.ts";
import { builder, check } from "../../../ops/index.ts";
import { networkOf } from "../../network.ts";
import { damaged } from "./damage.ts";

/** For rows of two values. */
function logitsOf(graph: Graph, values: readonly number[]): number[] {
  const feeds = new Map([["x", floatTensor([values.length / 2, 2], values)]]);
  return Array.from(evaluateGraph(graph, feeds).get("logits")!.data);
}

test("large weights are cut at half of the largest, small ones vanish, biases stay", () => {
  const b = builder();
  const x = b.input("x", ["N", 2]);
  const weights = b.constant(floatTensor([2, 2], [10, -7, 4, 0.9]));
  const value = b.emit("Add", [b.emit("MatMul", [x, weights]), b.constant(floatTensor([2], [10, 0.5]))]);
  const network = networkOf(makeGraph([x], [{ name: "y", value }]), "test");
  const hurt = damaged(network);
  check(hurt.graph);
  expect(logitsOf(hurt.graph, [1, 0, 0, 1])).toEqual([15, -4.5, 14, 0.5]);
  expect(logitsOf(network.graph, [1, 0, 0, 1])).toEqual([20, -6.5, 14, 1.4]);
  expect(hurt.hash).not.toBe(network.hash);
});

test("from the sixteenth layer on nothing is damaged", () => {
  const b = builder();
  const x = b.input("x", ["N", 2]);
  const twice = b.constant(floatTensor([2, 2], [2, 0, 0, 1]));
  let value: Value = x;
  for (let layer = 0; layer < 17; layer++) {
    // a constant of its own for each layer
    const own = { ...twice, tensor: { ...twice.tensor, data: Float64Array.from([2, 0, 0, 1]) } };
    value = b.emit("MatMul", [value, own]);
  }
  const { graph } = damaged(networkOf(makeGraph([x], [{ name: "y", value }]), "test"));
  // 15 times 2 becomes 1, twice it stays
  expect(logitsOf(graph, [1, 1])[0]).toBe(4);
});
