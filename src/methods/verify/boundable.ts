/** @file The network as the bound graphs want it, and the graph inputs that describe what is asked of it. */

import { bindBatch } from "../../graph/bind.ts";
import { bindDim, elements, type Shape } from "../../graph/dims.ts";
import { dependents, makeGraph, outputOf, topological } from "../../graph/traverse.ts";
import type { Builder, Graph, InputValue, NodeValue, Value } from "../../graph/types.ts";
import { builder, recordOf } from "../../ops/index.ts";
import type { Interval } from "../../ops/op.ts";
import { reshape } from "../../ops/rules.ts";
import { simplify } from "../../ops/simplify.ts";
import type { Arithmetic } from "../../spec/types.ts";
import { batchFirst } from "../../transforms/batch-first.ts";
import { type Domains, domainBoxes, expandForRelax, relaxedOperands } from "../../transforms/relax/index.ts";
import { inputSets, type SetNorms } from "./input-set.ts";

/** A graph of which every op has linear bounds, with the batch along axis 0. */
export interface Boundable {
  readonly inputs: readonly InputValue[];
  /** [N, outputs]: all outputs, flattened, one after the other. */
  readonly target: Value;
  /** The operands of what is relaxed, in execution order: the layers of which boxes are kept. */
  readonly operands: readonly Value[];
}

/**
 * The graph with ops without linear bounds written in others; for real arithmetic also with normalisations folded into the
 * weights (in floating point that would be another network).
 */
export function boundable(graph: Graph, arithmetic: Arithmetic): Boundable {
  const options = arithmetic === "real" ? { foldAffine: true } : { keepRounding: true };
  const plain = batchFirst(simplify(joined(graph), options));
  return boundableOf(simplify(expandForRelax(simplify(plain, options)), { ...options, foldAffine: false }));
}

function boundableOf(graph: Graph): Boundable {
  const target = outputOf(graph);
  return { inputs: graph.inputs, target, operands: relaxedOperands(target, new Set(graph.inputs)) };
}

/** The network for one sample; its one symbolic size is then free to count rows. */
export const oneSample = (b: Builder, { inputs, target }: Boundable): Boundable =>
  boundableOf(bindBatch(b, makeGraph(inputs, [{ name: "target", value: target }]), 1));

/** The graph with one output [N, …] for all: itself where it has one of two axes. */
function joined(graph: Graph): Graph {
  const [first, ...more] = graph.outputs;
  if (first && more.length === 0 && first.value.shape.length === 2) return graph;
  const b = builder();
  const flat = graph.outputs.map(({ value }) => reshape(b, value, [value.shape[0]!, sampleSize(value)]));
  const value = flat.length === 1 ? flat[0]! : b.emit("Concat", flat, { axis: 1 });
  return makeGraph(graph.inputs, [{ name: "outputs", value }]);
}

/** Elements of one sample. */
export const sampleSize = ({ shape }: { readonly shape: Shape }): number => bindDim(elements(shape.slice(1)), 1);

/** What is relaxed on the way to the target, in execution order: what slopes may be chosen for. */
export function relaxedNodes({ target, inputs }: Boundable): NodeValue[] {
  const varying = dependents([target], new Set(inputs));
  return topological([target]).filter(
    (node): node is NodeValue =>
      node.kind === "node" &&
      varying.has(node) &&
      recordOf(node.op).linearity(node.inputs.map((input) => varying.has(input))) === "none",
  );
}

/** The names under which the k-th operand's box is fed or fetched. */
export const boxNames = (k: number) => ({ lower: `lower/${k}`, upper: `upper/${k}` });

/** Which operand's box, or which node's slope, an input is. */
export const placeOf = (name: string): number => Number(name.split("/")[1]);

/** The graph inputs of a bound graph, and what they say of the network's values. */
export interface Setting {
  readonly net: Boundable;
  readonly inputs: readonly InputValue[];
  readonly domains: Domains;
  /** Boxes of the network's inputs and of the operands that are fed. */
  readonly known: Map<Value, Interval>;
}

/** @param given operands whose boxes are fed */
export function settingOf(b: Builder, net: Boundable, norm: SetNorms, given: readonly number[] = []): Setting {
  const { inputs, domains } = inputSets(b, net.inputs, norm);
  const known = domainBoxes(domains);
  const fed = given.flatMap((k) => {
    const { shape } = net.operands[k]!;
    const [lower, upper] = [b.input(boxNames(k).lower, shape), b.input(boxNames(k).upper, shape)];
    known.set(net.operands[k]!, { lower, upper });
    return [lower, upper];
  });
  return { net, inputs: [...inputs, ...fed], domains, known };
}

/** A part of a network that ends at one layer, as a network of its own, and which layers of the whole its own layers are. */
export function upToLayer(
  net: Boundable,
  layer: number,
): { readonly part: Boundable; readonly layers: readonly number[] } {
  const b = builder();
  const operand = net.operands[layer]!;
  const flat = operand.shape.length === 2 ? operand : reshape(b, operand, [operand.shape[0]!, sampleSize(operand)]);
  const operands = relaxedOperands(flat, new Set(net.inputs));
  return {
    part: { inputs: net.inputs, target: flat, operands },
    layers: operands.map((one) => net.operands.indexOf(one)),
  };
}
