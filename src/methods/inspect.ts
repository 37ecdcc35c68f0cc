/** @file What is known of a model before it runs: its nodes, and which readings each of them allows. */

import type { Shape } from "../graph/dims.ts";
import { dependents, makeGraph, topological } from "../graph/traverse.ts";
import type { Graph, NodeValue, Value } from "../graph/types.ts";
import { builder, recordOf } from "../ops/index.ts";
import { isUnsupported, type Rule } from "../ops/op.ts";
import { reemit } from "../ops/rules.ts";
import { expandForRelax } from "../transforms/relax/index.ts";

export interface NodeReport {
  /** As in the model file, or the op with a number. */
  readonly name: string;
  readonly op: string;
  readonly shape: Shape;
  /** Elements of the constants that it alone reads first. */
  readonly parameters: number;
  /** Why the reading stops here; null where it passes. */
  readonly gradient: string | null;
  readonly interval: string | null;
  readonly relax: string | null;
}

/** The nodes that depend on the model's inputs, in the order of execution. */
export function describeModel(graph: Graph): NodeReport[] {
  const roots = graph.outputs.map(({ value }) => value);
  const varying = dependents(roots, new Set<Value>(graph.inputs));
  const counted = new Set<Value>();
  const nodes = topological(roots).filter((value): value is NodeValue => value.kind === "node" && varying.has(value));
  return nodes.map((node, i) => ({
    name: node.name ?? `${node.op.toLowerCase()}_${i}`,
    op: node.op,
    shape: node.shape,
    parameters: parametersOf(node, counted),
    ...readingsOf(
      node,
      node.inputs.map((input) => varying.has(input)),
    ),
  }));
}

/** Constants are counted at the first node that reads them. */
function parametersOf(node: NodeValue, counted: Set<Value>): number {
  let sum = 0;
  for (const input of topological(node.inputs.filter((operand) => operand.kind === "constant"))) {
    if (input.kind !== "constant" || input.dtype !== "float" || counted.has(input)) continue;
    counted.add(input);
    sum += input.tensor.data.length;
  }
  return sum;
}

function readingsOf(node: NodeValue, varying: readonly boolean[]) {
  const { vjp, interval } = recordOf(node.op);
  return { gradient: reason(vjp), interval: reason(interval), relax: relaxReason(node, varying) };
}

const reason = <F>(rule: Rule<F>): string | null => (isUnsupported(rule) ? rule.unsupported : null);

/** Ops without lines of their own are written in ops that have them; of an affine op the relaxation is its vjp. */
function relaxReason(node: NodeValue, varying: readonly boolean[]): string | null {
  const b = builder();
  const inputs = node.inputs.flatMap((operand, i) =>
    varying[i] ? [b.input(`operand ${i}`, operand.shape, operand.dtype)] : [],
  );
  let next = 0;
  const operands = node.inputs.map((operand, i) => (varying[i] ? inputs[next++]! : operand));
  const graph = expandForRelax(makeGraph(inputs, [{ name: "result", value: reemit(b, node, operands) }]));
  const roots = graph.outputs.map(({ value }) => value);
  const moving = dependents(roots, new Set<Value>(graph.inputs));
  for (const part of topological(roots)) {
    if (part.kind !== "node" || !moving.has(part)) continue;
    const { linearity, vjp, relax } = recordOf(part.op);
    const affine = linearity(part.inputs.map((operand) => moving.has(operand))) !== "none";
    const found = affine ? reason(vjp) : reason(relax);
    if (found !== null) return part.op === node.op ? found : `${part.op}, in which it is written: ${found}`;
  }
  return null;
}
