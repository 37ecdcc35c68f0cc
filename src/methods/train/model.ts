/** @file A network that can be trained: a graph whose parameters are inputs beside the images. */

import { float32Tensor } from "../../graph/tensor.ts";
import { makeGraph, outputOf, rewriteGraph } from "../../graph/traverse.ts";
import type { Builder, Graph, InputValue, Value } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { reemit, reshape } from "../../ops/rules.ts";

/** A tensor of weights or biases, and where it lies in the flat vector of all parameters. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly size: number;
  /** Of the model's graph. */
  readonly input: InputValue;
}

export interface TrainableModel {
  readonly name: string;
  /** The images [N, …inputShape], pixels in [0, 1], and all parameters; to logits [N, classes]. */
  readonly graph: Graph;
  /** Of one sample. */
  readonly inputShape: readonly number[];
  readonly classes: number;
  readonly parameters: readonly Parameter[];
  /** Number of all parameters: the length of the flat vector. */
  readonly size: number;
}

/** The network in a training graph: wherever it is applied, its parameters are those that are trained. */
export interface Classifier {
  readonly classes: number;
  /** The values of the parameters, each of its shape: for penalties. */
  readonly parameters: readonly Value[];
  /** @param x [N, …input], pixels  @returns [N, classes] */
  logits(x: Value): Value;
}

/** The logits at x with these values of the parameters, in the model's order. */
function applied(b: Builder, { graph, parameters }: TrainableModel, x: Value, values: readonly Value[]): Value {
  const leaves = new Map<Value, Value>(parameters.map(({ input }, i) => [input, values[i]!]));
  leaves.set(graph.inputs[0]!, x);
  const rewritten = rewriteGraph(
    graph,
    () => undefined,
    (node, inputs) => reemit(b, node, inputs),
    (leaf) => leaves.get(leaf) ?? leaf,
  );
  return outputOf(rewritten);
}

/** The network with its parameters as slices of one flat vector. @param theta [size] */
export function classifierOf(b: Builder, model: TrainableModel, theta: Value): Classifier {
  const parameters = model.parameters.map(({ offset, size, shape }) =>
    reshape(b, b.emit("Slice", [theta], { axis: 0, start: offset, size, step: 1 }), shape),
  );
  return { classes: model.classes, parameters, logits: (x) => applied(b, model, x, parameters) };
}

/** The network with these weights as constants. @param theta [size] */
export function trainedGraph(model: TrainableModel, theta: Float32Array): Graph {
  const b = builder();
  const [images] = model.graph.inputs as [InputValue];
  const values = model.parameters.map(({ shape, offset, size }) =>
    b.constant(float32Tensor(shape, theta.slice(offset, offset + size))),
  );
  const { name } = model.graph.outputs[0]!;
  return makeGraph([images], [{ name, value: applied(b, model, images, values) }]);
}
