/**
 * @file A training step as one graph: forward, loss, gradient and update.
 *
 * All parameters are one flat vector, so that an update is a dozen nodes whatever the network, and a checkpoint a
 * handful of arrays. `images` and `points` [N, …input] and `labels` [N] vary with the batch; every other input is a
 * number or [P].
 */

import { makeGraph, pruneInputs } from "../../graph/traverse.ts";
import type { Builder, Graph, InputValue, Value } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { mul, reshape } from "../../ops/rules.ts";
import { simplify } from "../../ops/simplify.ts";
import type { Feeds, Session } from "../../runtime/session.ts";
import { gradient } from "../../transforms/gradient.ts";
import { inColumns } from "./columns.ts";
import { oneHot } from "./losses.ts";
import { type Classifier, classifierOf, type TrainableModel } from "./model.ts";
import { clipNorm, type Optimiser, updatePorts } from "./optimisers.ts";
import type { BatchValues, Objective } from "./types.ts";

/** The batch and the parameters as a graph sees them. */
export interface TrainingInputs {
  readonly b: Builder;
  readonly images: InputValue;
  readonly labels: InputValue;
  readonly theta: InputValue;
  readonly network: Classifier;
  readonly target: Value;
}

export function trainingInputs(model: TrainableModel): TrainingInputs {
  const b = builder();
  const labels = b.input("labels", ["N"], "int");
  const theta = b.input("theta", [model.size]);
  return {
    b,
    images: b.input("images", ["N", ...model.inputShape]),
    labels,
    theta,
    network: classifierOf(b, model, theta),
    target: oneHot(b, labels, model.classes),
  };
}

/** Of many tensors, those that a session takes. */
export const taken = ({ inputs }: Pick<Session, "inputs">, feeds: Feeds): Feeds =>
  Object.fromEntries(inputs.flatMap(({ name }) => (Object.hasOwn(feeds, name) ? [[name, feeds[name]!]] : [])));

/** How many samples satisfy a condition [N]: a number. */
export const countTrue = (b: Builder, condition: Value): Value =>
  b.emit("ReduceSum", [b.emit("Cast", [condition], { to: "float" })], { axes: [0], keepdims: false });

export const isCorrect = (b: Builder, logits: Value, labels: Value): Value =>
  b.emit("Equal", [b.emit("ArgMax", [logits], { axis: 1, keepdims: false }), labels]);

/** The mean loss of a batch as it is run, and what it takes. */
export interface MeanLoss extends Pick<TrainingInputs, "b" | "theta" | "network"> {
  readonly inputs: readonly InputValue[];
  /** A number. */
  readonly loss: Value;
  /** A number: samples that are classified correctly at the points. */
  readonly correct: Value;
  /** The same loss with other parameters, not lowered. */
  readonly lossOf: (network: Classifier) => Value;
  readonly numbers: Readonly<Record<string, Value>>;
}

/**
 * Inputs: images, labels, theta, `share` (1 / batch size), the objective's numbers, and `points` where it has an adversary.
 * @param columns with the lowering of columns.ts
 */
export function meanLoss(model: TrainableModel, objective: Objective, columns = true): MeanLoss {
  const { b, images, labels, theta, network, target } = trainingInputs(model);
  const points = objective.adversary ? b.input("points", images.shape) : images;
  const batch: BatchValues = { images, points, target };
  const numbers = Object.fromEntries(Object.keys(objective.at(0)).map((name) => [name, b.input(name, [])]));
  const share = b.input("share", []);
  const lossOf = (one: Classifier) =>
    mul(b, b.emit("ReduceSum", [objective.loss(b, one, batch, numbers)], { axes: [0], keepdims: false }), share);
  const correct = countTrue(b, isCorrect(b, network.logits(points), labels));
  const plain = [lossOf(network), correct];
  const [lossRun, correctRun] = columns ? inColumns(b, plain, theta) : plain;
  return {
    b,
    theta,
    network,
    inputs: [...new Set([images, points, labels, theta, share, ...Object.values(numbers)])],
    loss: lossRun!,
    correct: correctRun!,
    lossOf,
    numbers,
  };
}

export interface StepOptions {
  readonly objective: Objective;
  readonly optimiser: Optimiser;
  /** Largest Euclidean length of the gradient; undefined: not clipped. */
  readonly clipNorm?: number | undefined;
  /** Lower convolutions for speed (columns.ts); default true. */
  readonly columns?: boolean;
}

/**
 * Inputs: those of `meanLoss` that are needed, the optimiser's state, `learningRate`, and where they apply `correction1`,
 * `correction2`. Outputs: `loss` (mean), `correct` (count), and the new `theta` and state under their names with `Next`
 * appended.
 */
export function trainingStep(
  model: TrainableModel,
  { objective, optimiser, clipNorm: limit, columns = true }: StepOptions,
): Graph {
  const { followed } = objective;
  // the lowering is of one network, whose parameters are the step's input
  const at = meanLoss(model, objective, columns && !followed);
  const { b, theta, network, inputs, loss, correct } = at;
  const here = flatGradient(b, network, loss);
  const there = followed && classifierOf(b, model, followed(b, theta, here, at.numbers));
  const raw = there ? flatGradient(b, there, at.lossOf(there)) : here;
  const step = limit === undefined ? raw : clipNorm(b, raw, limit);
  const ports = updatePorts(b, optimiser, theta, step);
  const measured = [
    { name: "loss", value: loss },
    { name: "correct", value: correct },
  ];
  return simplify(pruneInputs(makeGraph([...inputs, ...ports.inputs], [...measured, ...ports.outputs])));
}

/** The gradient of a number in all parameters, [P]; 0 for those that it does not depend on. */
export function flatGradient(b: Builder, { parameters }: Classifier, of: Value): Value {
  const parts = gradient(b, of, parameters).map((part, i) => {
    const size = parameters[i]!.shape.reduce<number>((product, dim) => product * (dim as number), 1);
    return part ? reshape(b, part, [size]) : b.constant(0, [size]);
  });
  return b.emit("Concat", parts, { axis: 0 });
}
