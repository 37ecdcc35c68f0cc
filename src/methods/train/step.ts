/**
 * @file A training step as one graph: forward, loss, gradient and update.
 *
 * All parameters are one flat vector, so that an update is a dozen nodes whatever the network, and a checkpoint a
 * handful of arrays. `images` [N, C, H, W] and `labels` [N] vary with the batch; every other input is a number or [P].
 */

import { makeGraph } from "../../graph/traverse.ts";
import type { Builder, Graph, InputValue, Output, Value } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { point } from "../../ops/op.ts";
import { add, mul, reshape, sub } from "../../ops/rules.ts";
import { simplify } from "../../ops/simplify.ts";
import { gradient } from "../../transforms/gradient.ts";
import { head, type Model, type Parameter, type ParameterValues } from "./architectures.ts";
import { columnFeatures } from "./columns.ts";
import { certifiedCrossEntropy, crossEntropy, marginLowerBounds, oneHot, pixelBox } from "./losses.ts";
import { clipNorm, type Optimiser, STEP_NUMBERS, type StepNumber, stateNames, update } from "./optimisers.ts";

/** `plain`: cross-entropy at the images given (adversarial ones too). `ibp`: kappa·CE + (1 − kappa)·certified CE. */
export type LossKind = "plain" | "ibp";

export interface StepOptions {
  readonly loss: LossKind;
  readonly optimiser: Optimiser;
  /** Largest Euclidean length of the gradient; undefined: not clipped. */
  readonly clipNorm?: number | undefined;
}

/** Slices of the flat vector, one a parameter. */
export function unpack(b: Builder, model: Model, theta: Value): ParameterValues {
  return new Map(
    model.parameters.map((parameter) => {
      const { offset, size, shape } = parameter;
      const part = b.emit("Slice", [theta], { axis: 0, start: offset, size, step: 1 });
      return [parameter, reshape(b, part, shape)];
    }),
  );
}

/** The batch and the parameters as a graph sees them. */
export interface BatchInputs {
  readonly b: Builder;
  readonly images: InputValue;
  readonly labels: InputValue;
  readonly theta: InputValue;
  readonly values: ParameterValues;
  readonly target: Value;
}

export function batchInputs(model: Model): BatchInputs {
  const b = builder();
  const images = b.input("images", ["N", ...model.inputShape]);
  const labels = b.input("labels", ["N"], "int");
  const theta = b.input("theta", [model.size]);
  return {
    b,
    images,
    labels,
    theta,
    values: unpack(b, model, theta),
    target: oneHot(b, labels, model.classes),
  };
}

/** How many samples satisfy a condition [N]: a number. */
export const countTrue = (b: Builder, condition: Value): Value =>
  b.emit("ReduceSum", [b.emit("Cast", [condition], { to: "float" })], { axes: [0], keepdims: false });

export const isCorrect = (b: Builder, logits: Value, labels: Value): Value =>
  b.emit("Equal", [b.emit("ArgMax", [logits], { axis: 1, keepdims: false }), labels]);

export interface Objective {
  /** [N] */
  readonly loss: Value;
  readonly inputs: readonly InputValue[];
  readonly outputs: readonly Output[];
}

export function objective(model: Model, { b, images, labels, values, target }: BatchInputs, kind: LossKind): Objective {
  const hidden = columnFeatures(b, model, values, point(images)).lower;
  const logits = head(b, model, values, hidden);
  const clean = crossEntropy(b, logits, target);
  const correct = { name: "correct", value: countTrue(b, isCorrect(b, logits, labels)) };
  if (kind === "plain") return { loss: clean, inputs: [], outputs: [correct] };
  const epsilon = b.input("epsilon", []);
  const kappa = b.input("kappa", []);
  const box = columnFeatures(b, model, values, pixelBox(b, images, epsilon));
  const margins = marginLowerBounds(b, model, values, { at: hidden, box }, target);
  const certified = certifiedCrossEntropy(b, margins, target);
  const loss = add(b, mul(b, clean, kappa), mul(b, certified, sub(b, b.constant(1), kappa)));
  return { loss, inputs: [epsilon, kappa], outputs: [correct] };
}

/**
 * Inputs: images, labels, theta, the optimiser's state, `share` (1 / batch size), `learningRate`, and where they apply
 * `correction1`, `correction2`, `epsilon`, `kappa`. Outputs: `loss` (mean), `correct` (count), and the new `theta` and
 * state under their names with `Next` appended.
 */
export function trainingStep(model: Model, { loss: kind, optimiser, clipNorm: limit }: StepOptions): Graph {
  const batch = batchInputs(model);
  const { b, images, labels, theta, values } = batch;
  const { loss, inputs, outputs } = objective(model, batch, kind);
  const share = b.input("share", []);
  const mean = mul(b, b.emit("ReduceSum", [loss], { axes: [0], keepdims: false }), share);
  const raw = flatGradient(b, model, values, mean);
  const step = limit === undefined ? raw : clipNorm(b, raw, limit);
  const state = stateNames(optimiser).map((name) => b.input(name, [model.size]));
  const numbers = Object.fromEntries(STEP_NUMBERS.map((name) => [name, b.input(name, [])])) as Record<
    StepNumber,
    InputValue
  >;
  const next = update(
    b,
    optimiser,
    theta,
    step,
    Object.fromEntries(state.map((input) => [input.name, input])),
    numbers,
  );
  const used = optimiser.kind === "sgd" ? [numbers.learningRate] : Object.values(numbers);
  return simplify(
    makeGraph(
      [images, labels, theta, ...state, share, ...used, ...inputs],
      [
        { name: "loss", value: mean },
        ...outputs,
        { name: "thetaNext", value: next.theta },
        ...Object.entries(next.state).map(([name, value]) => ({ name: `${name}Next`, value })),
      ],
    ),
  );
}

/** The gradient of a number in all parameters, [P]. */
export function flatGradient(b: Builder, model: Model, values: ParameterValues, of: Value): Value {
  const wrt = model.parameters.map((parameter: Parameter) => values.get(parameter)!);
  const parts = gradient(b, of, wrt).map((part, i) => reshape(b, part!, [model.parameters[i]!.size]));
  return b.emit("Concat", parts, { axis: 0 });
}
