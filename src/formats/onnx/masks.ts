/**
 * @file Masks of −∞ or of the lowest float, as attention has them: read as a number that is as good and has finite bounds.
 * What is added to it is lost in rounding, and its exponential is 0, as theirs.
 */

import type { OpName } from "../../graph/signatures.ts";
import { makeGraph, rewriteGraph, topological } from "../../graph/traverse.ts";
import type { Graph, Tensor, Value } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { reemit } from "../../ops/rules.ts";

/** Near the lowest float32, with room for what is added to it. */
export const MASKED = Math.fround(-1e38);

/** Results that −∞ and a very low number pass through alike, or that may be the one where the other is. */
const PASS: ReadonlySet<OpName> = new Set<OpName>([
  "Add",
  "Where",
  "Max",
  "ReduceMax",
  "MaxPool",
  "Reshape",
  "Transpose",
  "Expand",
  "Slice",
  "Concat",
  "Gather",
  "Pad",
  "LogSoftmax",
]);

/** Results that are the same for both, where not every number is masked. */
const END: ReadonlySet<OpName> = new Set<OpName>(["Softmax", "Exp", "Relu", "Sigmoid", "ArgMax", "Greater", "Less"]);

function holdsMask(value: Value): boolean {
  if (value.kind !== "constant" || value.dtype !== "float") return false;
  const { data } = value.tensor;
  for (let i = 0; i < data.length; i++) if (data[i]! < MASKED) return true;
  return false;
}

/** The graph with masks of −∞ as finite numbers; as it is where that might make a difference. */
export function finiteMasks(graph: Graph): Graph {
  const order = topological(graph.outputs.map(({ value }) => value));
  const masked = new Set(order.filter(holdsMask));
  if (masked.size === 0) return graph;
  const reached = new Set<Value>(masked);
  for (const value of order) {
    if (value.kind !== "node" || !value.inputs.some((input) => reached.has(input))) continue;
    if (END.has(value.op)) continue;
    if (!PASS.has(value.op)) return graph;
    reached.add(value);
  }
  // scores that are masked themselves are compared with the file's
  if (graph.outputs.some(({ value }) => reached.has(value))) return graph;
  const b = builder();
  const rewritten = rewriteGraph(
    graph,
    () => undefined,
    (node, operands) => reemit(b, node, operands),
    (leaf) => (leaf.kind === "constant" && masked.has(leaf) ? b.constant(lifted(leaf.tensor)) : leaf),
  );
  return makeGraph(graph.inputs, rewritten.outputs);
}

const lifted = (tensor: Tensor): Tensor => ({
  ...tensor,
  data: (tensor.data as Float32Array).map((value) => Math.max(value, MASKED)),
});
