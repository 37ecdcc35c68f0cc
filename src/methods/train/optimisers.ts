/** @file Optimisers as graphs over the flat vector of parameters: old parameters, state and gradient in, new ones out. */

import { float32Tensor } from "../../graph/tensor.ts";
import type { Builder, InputValue, Output, Tensor, Value } from "../../graph/types.ts";
import { add, div, mul, sub } from "../../ops/rules.ts";

export type Optimiser =
  | { readonly kind: "sgd"; readonly momentum: number; readonly nesterov: boolean; readonly weightDecay: number }
  | {
      readonly kind: "adam" | "adamw";
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
      readonly weightDecay: number;
    };

/** Numbers that change with the step; inputs of the graph, by name. */
export const STEP_NUMBERS = ["learningRate", "correction1", "correction2"] as const;
export type StepNumber = (typeof STEP_NUMBERS)[number];

/** Vectors that an optimiser carries from step to step, all zero at first. */
export const stateNames = (optimiser: Optimiser): readonly string[] =>
  optimiser.kind === "sgd" ? (optimiser.momentum === 0 ? [] : ["velocity"]) : ["mean", "square"];

/** What the step numbers are at step t, counted from 1. */
export function stepNumbers(optimiser: Optimiser, t: number, learningRate: number): Record<StepNumber, number> {
  if (optimiser.kind === "sgd") return { learningRate, correction1: 1, correction2: 1 };
  const { beta1, beta2 } = optimiser;
  return { learningRate, correction1: 1 / (1 - beta1 ** t), correction2: 1 / (1 - beta2 ** t) };
}

/** One update in a graph, with all that it takes and gives under its name. */
export interface StepPorts {
  /** The state's vectors, then the step numbers. */
  readonly inputs: readonly InputValue[];
  /** The new parameters and state, `Next` appended to their names. */
  readonly outputs: readonly Output[];
}

/** @param theta [P], an input of this name  @param gradient [P] */
export function updatePorts(b: Builder, optimiser: Optimiser, theta: Value, gradient: Value): StepPorts {
  const state = stateNames(optimiser).map((name) => b.input(name, theta.shape));
  const numbers = STEP_NUMBERS.map((name) => b.input(name, []));
  const named = <T>(inputs: readonly InputValue[]) =>
    Object.fromEntries(inputs.map((input) => [input.name, input])) as T;
  const next = update(b, optimiser, theta, gradient, named(state), named(numbers));
  const moved = { theta: next.theta, ...next.state };
  return {
    inputs: [...state, ...numbers],
    outputs: Object.entries(moved).map(([name, value]) => ({ name: `${name}Next`, value })),
  };
}

/** Numbers as inputs of a run, by name. */
export const numberFeeds = (numbers: Readonly<Record<string, number>>): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, float32Tensor([], Float32Array.of(value))]));

interface Updated {
  readonly theta: Value;
  readonly state: Readonly<Record<string, Value>>;
}

/**
 * One update, with PyTorch's conventions: weight decay is added to the gradient (`sgd`, `adam`) or shrinks the parameters
 * by learning rate × decay (`adamw`); velocity ← momentum·velocity + gradient.
 *
 * @param theta [P]  @param gradient [P]  @param state [P] each, by `stateNames`
 * @source Sutskever et al. 2013 (momentum); Kingma & Ba 2015, arXiv:1412.6980; Loshchilov & Hutter 2019, arXiv:1711.05101
 */
export function update(
  b: Builder,
  optimiser: Optimiser,
  theta: Value,
  gradient: Value,
  state: Readonly<Record<string, Value>>,
  numbers: Readonly<Record<StepNumber, Value>>,
): Updated {
  const decayed = optimiser.kind === "adamw" ? gradient : axpy(b, optimiser.weightDecay, theta, gradient);
  return optimiser.kind === "sgd"
    ? sgd(b, optimiser, theta, decayed, state, numbers)
    : adam(b, optimiser, theta, decayed, state, numbers);
}

/** factor·x + y. */
const axpy = (b: Builder, factor: number, x: Value, y: Value): Value =>
  factor === 0 ? y : add(b, mul(b, x, b.constant(factor)), y);

type Kind<K extends Optimiser["kind"]> = Extract<Optimiser, { readonly kind: K }>;

function sgd(
  b: Builder,
  { momentum, nesterov }: Kind<"sgd">,
  theta: Value,
  gradient: Value,
  state: Readonly<Record<string, Value>>,
  { learningRate }: Readonly<Record<StepNumber, Value>>,
): Updated {
  if (momentum === 0) return { theta: sub(b, theta, mul(b, gradient, learningRate)), state: {} };
  const velocity = axpy(b, momentum, state["velocity"]!, gradient);
  const direction = nesterov ? axpy(b, momentum, velocity, gradient) : velocity;
  return { theta: sub(b, theta, mul(b, direction, learningRate)), state: { velocity } };
}

function adam(
  b: Builder,
  { kind, beta1, beta2, epsilon, weightDecay }: Kind<"adam" | "adamw">,
  theta: Value,
  gradient: Value,
  state: Readonly<Record<string, Value>>,
  { learningRate, correction1, correction2 }: Readonly<Record<StepNumber, Value>>,
): Updated {
  const towards = (average: Value, value: Value, beta: number) =>
    add(b, average, mul(b, sub(b, value, average), b.constant(1 - beta)));
  const mean = towards(state["mean"]!, gradient, beta1);
  const square = towards(state["square"]!, mul(b, gradient, gradient), beta2);
  const spread = add(b, b.emit("Sqrt", [mul(b, square, correction2)]), b.constant(epsilon));
  const move = mul(b, div(b, mean, spread), mul(b, learningRate, correction1));
  const shrunk =
    kind === "adamw" && weightDecay !== 0
      ? sub(b, theta, mul(b, theta, mul(b, learningRate, b.constant(weightDecay))))
      : theta;
  return { theta: sub(b, shrunk, move), state: { mean, square } };
}

/**
 * The gradient scaled down to Euclidean length `limit` where it is longer.
 * @source Pascanu et al. 2013, arXiv:1211.5063; the 1e-6 is PyTorch's
 */
export function clipNorm(b: Builder, gradient: Value, limit: number): Value {
  const length = b.emit("Sqrt", [b.emit("ReduceSum", [mul(b, gradient, gradient)], { axes: [0], keepdims: true })]);
  const factor = div(b, b.constant(limit), add(b, length, b.constant(1e-6)));
  return mul(b, gradient, b.emit("Min", [factor, b.constant(1)]));
}
