import { bindDim, bindShape, type Dim } from "./dims.ts";
import { makeGraph, rewriteGraph } from "./traverse.ts";
import type { Builder, Graph, NodeValue, Value } from "./types.ts";

/**
 * The graph for a fixed batch size: no symbolic dimension is left.
 * Its one free symbol is then at the disposal of a transform (the rows of a bound).
 */
export function bindBatch(b: Builder, graph: Graph, size: number): Graph {
  const inputs = new Map(
    graph.inputs.map((input) => [input as Value, b.input(input.name, bindShape(input.shape, size), input.dtype)]),
  );
  const bound = rewriteGraph(
    graph,
    (node, operands) => b.emit(node.op, operands, ...([bindAttrs(node, size), node.name] as unknown as [])),
    (node) => node,
    (leaf) => inputs.get(leaf) ?? leaf,
  );
  return makeGraph([...inputs.values()], bound.outputs);
}

/** Attributes that hold sizes, with the batch written as a number. */
const bindAttrs = (node: NodeValue, size: number): unknown =>
  Object.fromEntries(
    Object.entries(node.attrs).map(([key, attr]) => [
      key,
      Array.isArray(attr) ? attr.map((dim) => bound(dim, size)) : bound(attr, size),
    ]),
  );

const SYMBOLIC = /^\d*N$/;

const bound = (attr: unknown, size: number): unknown =>
  typeof attr === "string" && SYMBOLIC.test(attr) ? bindDim(attr as Dim, size) : attr;
