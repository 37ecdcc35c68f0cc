/** @file A classifier from a file as a network to train: its weights become parameters, which begin as the file has them. */

import { sizeOf } from "../../graph/dims.ts";
import { dependents, makeGraph, nodesOf, outputOf, rewriteGraph } from "../../graph/traverse.ts";
import type { ConstantValue, Graph, NodeValue, Value } from "../../graph/types.ts";
import { builder, recordOf } from "../../ops/index.ts";
import { reemit } from "../../ops/rules.ts";
import { openBatch } from "../../transforms/batch-first.ts";
import type { Network } from "../network.ts";
import { ArchitectureError } from "./architectures.ts";
import type { Parameter, TrainableModel } from "./model.ts";

/** A network, and the values of its parameters to begin with: [size]. */
export interface Start {
  readonly model: TrainableModel;
  readonly theta: Float32Array;
}

/**
 * Parameters are the float32 weights of products that are summed (convolutions, dense layers) and the biases that are
 * added to those; each use of a tensor that layers share becomes one of its own. Everything else stays as it is, batch
 * normalisation in its form for inference included.
 *
 * @throws ArchitectureError where there is none, or the file fixes the size of its batch above 1
 */
export function trainable(network: Network, name: string): Start {
  const batch = network.input.shape[0];
  if (typeof batch === "number" && batch !== 1)
    throw new ArchitectureError(`${name} takes ${batch} samples at a time; export it with an open batch axis`);
  const graph = openBatch(network.graph);
  const operands = weightsOf(graph);
  if (operands.size === 0)
    throw new ArchitectureError(`${name} has no float32 weights of convolutions or dense layers: nothing to train`);
  const b = builder();
  const parameters: Parameter[] = [];
  const values: Float32Array[] = [];
  let size = 0;
  const declare = ({ tensor }: ConstantValue, node: NodeValue): Value => {
    const { shape, data } = tensor;
    const label = `${parameters.length + 1}.${node.name ?? node.op}`;
    const parameter = { name: label, shape, offset: size, size: data.length, input: b.input(label, shape) };
    parameters.push(parameter);
    values.push(data as Float32Array);
    size += data.length;
    return parameter.input;
  };
  const rewritten = rewriteGraph(
    graph,
    (node, inputs) => {
      const own = operands.get(node);
      return (
        own &&
        reemit(
          b,
          node,
          inputs.map((input, i) => (own.has(i) ? declare(input as ConstantValue, node) : input)),
        )
      );
    },
    (node, inputs) => reemit(b, node, inputs),
  );
  const [images] = graph.inputs as [Graph["inputs"][number]];
  const theta = new Float32Array(size);
  for (const [i, { offset }] of parameters.entries()) theta.set(values[i]!, offset);
  const logits = { name: graph.outputs[0]!.name, value: outputOf(rewritten) };
  const model: TrainableModel = {
    name,
    graph: makeGraph([images, ...parameters.map(({ input }) => input)], [logits]),
    inputShape: images.shape.slice(1) as number[],
    classes: network.classes,
    parameters,
    size,
  };
  return { model, theta };
}

type Operands = ReadonlyMap<NodeValue, ReadonlySet<number>>;

/** Which operands of which nodes are trained. */
function weightsOf(graph: Graph): Operands {
  const varying = dependents(
    graph.outputs.map(({ value }) => value),
    new Set(graph.inputs),
  );
  const found = new Map<NodeValue, ReadonlySet<number>>();
  for (const node of nodesOf(graph)) {
    if (!varying.has(node)) continue;
    const takes = isProduct(node) || (node.op === "Add" && node.inputs.some((input) => isTrainedProduct(input, found)));
    const places = takes ? [...node.inputs.keys()].filter((i) => isWeight(node.inputs[i]!)) : [];
    if (places.length > 0) found.set(node, new Set(places));
  }
  return found;
}

/** A product with weights, also moved about or scaled by a number: what a bias is added to. */
function isTrainedProduct(value: Value, trained: Operands): boolean {
  let inner = value;
  while (inner.kind === "node" && !isProduct(inner)) {
    const [x, factor] = inner.inputs as [Value, Value | undefined];
    const scales = inner.op === "Mul" && factor?.kind === "constant" && factor.tensor.data.length === 1;
    if (inner.op !== "Reshape" && inner.op !== "Transpose" && !scales) return false;
    inner = x;
  }
  return inner.kind === "node" && trained.has(inner);
}

const isProduct = (node: NodeValue): boolean => recordOf(node.op).rounding.kind === "sum" && node.inputs.length === 2;

/** Matrices that import makes itself (of an average, a resize, a table) are doubles. */
const isWeight = (value: Value): value is ConstantValue =>
  value.kind === "constant" && value.tensor.data instanceof Float32Array && value.shape.length > 0;

/** Do samples of one shape have the numbers of the other in the same order? Axes of size 1 may differ, or one be flat. */
export function sameOrder(x: readonly number[], y: readonly number[]): boolean {
  const [long, short] = [x, y].map((shape) => shape.filter((dim) => dim !== 1));
  const flat = long!.length <= 1 || short!.length <= 1;
  return String(long) === String(short) || (flat && sizeOf(x) === sizeOf(y));
}
