import type { Graph, InputValue, NodeValue, Output, Value } from "./types.ts";

/**
 * Every value that the roots need, inputs before users, in a deterministic order.
 * Iterative: a hostile model may be a chain of a million nodes.
 */
export function topological(roots: readonly Value[]): Value[] {
  const order: Value[] = [];
  const seen = new Set<Value>();
  const stack: { readonly value: Value; next: number }[] = [];
  for (const root of roots) {
    if (seen.has(root)) continue;
    seen.add(root);
    stack.push({ value: root, next: 0 });
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const inputs = top.value.kind === "node" ? top.value.inputs : [];
      const child = inputs[top.next++];
      if (child === undefined) {
        order.push(top.value);
        stack.pop();
      } else if (!seen.has(child)) {
        seen.add(child);
        stack.push({ value: child, next: 0 });
      }
    }
  }
  return order;
}

export const nodesOf = (graph: Graph): NodeValue[] =>
  topological(graph.outputs.map((output) => output.value)).filter((value) => value.kind === "node");

export function makeGraph(inputs: readonly InputValue[], outputs: readonly Output[]): Graph {
  return Object.freeze({ inputs, outputs });
}

/** The graph without the inputs that no output needs. */
export function pruneInputs({ inputs, outputs }: Graph): Graph {
  const used = new Set(topological(outputs.map((output) => output.value)));
  return makeGraph(
    inputs.filter((input) => used.has(input)),
    outputs,
  );
}

/** The one output of a graph that has one, or the one of that name. */
export function outputOf(graph: Graph, name?: string): Value {
  const output = name === undefined ? graph.outputs[0] : graph.outputs.find((candidate) => candidate.name === name);
  if (!output) throw new Error(`the graph has no output ${name === undefined ? "at all" : `"${name}"`}`);
  return output.value;
}

/** Which values depend on one of `sources`. */
export function dependents(roots: readonly Value[], sources: ReadonlySet<Value>): Set<Value> {
  const found = new Set<Value>();
  for (const value of topological(roots)) {
    if (sources.has(value) || (value.kind === "node" && value.inputs.some((input) => found.has(input))))
      found.add(value);
  }
  return found;
}

/** How a rewrite answers for one node: a replacement, or undefined to keep it as it is. */
export type Rewrite = (node: NodeValue, inputs: readonly Value[]) => Value | undefined;

/**
 * Rebuilds a graph bottom-up. `keep` re-emits a node on its rewritten inputs.
 * Inputs and constants stay the same objects unless `leaf` replaces them.
 */
export function rewriteGraph(
  graph: Graph,
  rewrite: Rewrite,
  keep: (node: NodeValue, inputs: readonly Value[]) => Value,
  leaf: (value: Exclude<Value, NodeValue>) => Value = (value) => value,
): Graph {
  const replaced = new Map<Value, Value>();
  for (const value of topological(graph.outputs.map((output) => output.value))) {
    if (value.kind !== "node") replaced.set(value, leaf(value));
    else {
      const inputs = value.inputs.map((input) => replaced.get(input)!);
      replaced.set(value, rewrite(value, inputs) ?? keep(value, inputs));
    }
  }
  return makeGraph(
    graph.inputs.map((input) => replaced.get(input) ?? leaf(input)).filter((input) => input.kind === "input"),
    graph.outputs.map(({ name, value }) => ({ name, value: replaced.get(value)! })),
  );
}
