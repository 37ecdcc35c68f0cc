/** @file Softmax and its logarithm along one axis. */

import { bindDim, fixed, type Shape, ShapeError } from "../graph/dims.ts";
import type { OpAttrs } from "../graph/signatures.ts";
import { allocate, floatTensor } from "../graph/tensor.ts";
import type { Builder, Tensor, Value, ValueType } from "../graph/types.ts";
import { constantRelax } from "./elementwise.ts";
import { KERNEL } from "./kernel-errors.ts";
import { defineOp, type Interval, isPoint, point } from "./op.ts";
import { add, inferSame, mul, neg, neverLinear, sub } from "./rules.ts";

type Attrs = OpAttrs["Softmax"];

function inferAlong(inputs: readonly Value[], { axis }: Attrs): ValueType {
  const { shape } = inputs[0]!;
  if (axis < 0 || axis >= shape.length) throw new ShapeError(`there is no axis ${axis}`);
  fixed(shape[axis], "the axis of a softmax");
  return inferSame(inputs);
}

/** Calls `visit` with the offsets of every line along the axis. */
function alongAxis(x: Tensor, axis: number, visit: (offsets: readonly number[]) => void): void {
  const size = x.shape[axis]!;
  const inner = x.shape.slice(axis + 1).reduce((p, q) => p * q, 1);
  for (let start = 0; start < x.data.length; start += size * inner)
    for (let i = 0; i < inner; i++) visit(Array.from({ length: size }, (_, k) => start + k * inner + i));
}

/** `write` gets x less the largest of its line, and the logarithm of the sum of e to such values. */
function evaluate(x: Tensor, axis: number, write: (value: number, logSum: number) => number): Tensor {
  const out = allocate("float", x.shape);
  alongAxis(x, axis, (offsets) => {
    const largest = offsets.reduce((m, at) => Math.max(m, x.data[at]!), -Infinity);
    const logSum = Math.log(offsets.reduce((sum, at) => sum + Math.exp(x.data[at]! - largest), 0));
    for (const at of offsets) out.data[at] = write(x.data[at]! - largest, logSum);
  });
  return out;
}

/**
 * ln Σⱼ e^(others_j − own_i) along the axis, where the term of i itself counts as e⁰: the negative logarithm of softmax
 * at one corner of the box. Pairs of elements are formed so that nothing cancels.
 */
function logSumOfPairs(b: Builder, own: Value, others: Value, axis: number): Value {
  const { shape } = own;
  const size = fixed(shape[axis], "the axis of a softmax");
  const apart = (value: Value, at: number): Value =>
    b.emit("Reshape", [value], { shape: [...shape.slice(0, at), 1, ...shape.slice(at)] as Shape });
  const offDiagonal = Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 0 : 1));
  const mask = b.constant(floatTensor([size, size, ...shape.slice(axis + 1).map(() => 1)], offDiagonal));
  const pairs = mul(b, sub(b, apart(others, axis), apart(own, axis + 1)), mask);
  const largest = b.emit("ReduceMax", [pairs], { axes: [axis + 1], keepdims: true });
  const sum = b.emit("ReduceSum", [b.emit("Exp", [sub(b, pairs, largest)])], { axes: [axis + 1], keepdims: false });
  return add(b, b.emit("Log", [sum]), b.emit("Reshape", [largest], { shape }));
}

/**
 * Exact: softmaxᵢ grows with xᵢ and falls with every other xⱼ, so each end is taken at a corner of the box.
 */
function logInterval(b: Builder, x: Interval, axis: number): Interval {
  if (isPoint(x)) return point(b.emit("LogSoftmax", [x.lower], { axis }));
  return {
    lower: neg(b, logSumOfPairs(b, x.lower, x.upper, axis)),
    upper: neg(b, logSumOfPairs(b, x.upper, x.lower, axis)),
  };
}

const softmaxInterval = (b: Builder, [x]: readonly Interval[], { axis }: Attrs): Interval => {
  if (isPoint(x!)) return point(b.emit("Softmax", [x!.lower], { axis }));
  const { lower, upper } = logInterval(b, x!, axis);
  return { lower: b.emit("Exp", [lower]), upper: b.emit("Exp", [upper]) };
};

const logSoftmaxInterval = (b: Builder, [x]: readonly Interval[], { axis }: Attrs): Interval =>
  logInterval(b, x!, axis);

const total = (b: Builder, value: Value, axis: number): Value =>
  b.emit("ReduceSum", [value], { axes: [axis], keepdims: true });

const fanOut = ([x]: readonly { readonly shape: Shape }[], { axis }: Attrs): number => bindDim(x!.shape[axis]!, 1);

export const Softmax = defineOp<"Softmax">({
  name: "Softmax",
  arity: 1,
  infer: inferAlong,
  evaluate: ([x], { axis }) => evaluate(x!, axis, (value, logSum) => Math.exp(value - logSum)),
  vjp: (b, { output, attrs: { axis } }, dy) => [mul(b, output, sub(b, dy, total(b, mul(b, output, dy), axis)))],
  linearity: neverLinear,
  interval: softmaxInterval,
  relax: constantRelax(softmaxInterval),
  rounding: KERNEL.Softmax,
  range: () => [0, 1],
  fanOut,
});

export const LogSoftmax = defineOp<"LogSoftmax">({
  name: "LogSoftmax",
  arity: 1,
  infer: inferAlong,
  evaluate: ([x], { axis }) => evaluate(x!, axis, (value, logSum) => value - logSum),
  vjp: (b, { output, attrs: { axis } }, dy) => [sub(b, dy, mul(b, b.emit("Exp", [output]), total(b, dy, axis)))],
  linearity: neverLinear,
  interval: logSoftmaxInterval,
  relax: constantRelax(logSoftmaxInterval),
  rounding: KERNEL.LogSoftmax,
  fanOut,
});
