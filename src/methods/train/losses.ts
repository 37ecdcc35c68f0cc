/** @file Losses as graphs. Each is one number a sample; the step divides by the batch size. */

import type { Builder, Value } from "../../graph/types.ts";
import type { Interval } from "../../ops/op.ts";
import { add, mul, neg, reshape, sub } from "../../ops/rules.ts";
import { interval } from "../../transforms/interval.ts";
import type { Model, ParameterValues } from "./architectures.ts";

/** Labels [N] as rows of the identity: [N, classes]. */
export function oneHot(b: Builder, labels: Value, classes: number): Value {
  const column = b.emit("Reshape", [labels], { shape: [...labels.shape, 1] });
  const all = b.ints(Array.from({ length: classes }, (_, k) => k));
  return b.emit("Cast", [b.emit("Equal", [column, all])], { to: "float" });
}

/**
 * −log softmax(z)_y, computed without overflow.
 * @param logits [N, K]  @param target [N, K], one-hot  @returns [N]
 */
export const crossEntropy = (b: Builder, logits: Value, target: Value): Value =>
  neg(
    b,
    b.emit("ReduceSum", [mul(b, b.emit("LogSoftmax", [logits], { axis: 1 }), target)], { axes: [1], keepdims: false }),
  );

/** {x′ : |x′ − x| ≤ epsilon} ∩ [0, 1], as the ends of a box. */
export function pixelBox(b: Builder, x: Value, epsilon: Value): Interval {
  return {
    lower: b.emit("Relu", [sub(b, x, epsilon)]),
    upper: b.emit("Min", [add(b, x, epsilon), b.constant(1)]),
  };
}

/**
 * Interval bounds LB_j ≤ f_y − f_j, with the specification merged into the last layer: the bound of the difference, not
 * the difference of bounds. Plain float32 arithmetic: a training signal, not a certificate.
 *
 * @param hidden what the last layer reads, [N, F], and its box
 * @returns [N, K]; 0 at j = y
 * @source Gowal et al. 2018, arXiv:1810.12715, §3 ("elision of the last layer")
 */
export function marginLowerBounds(
  b: Builder,
  model: Model,
  values: ParameterValues,
  hidden: { readonly at: Value; readonly box: Interval },
  target: Value,
): Value {
  const { weight, bias } = model.last;
  const [w, c] = [values.get(weight)!, values.get(bias)!];
  const [units, classes] = weight.shape as [number, number];
  // row n of `own` is the weight vector of n's label; W_y − W_j, one matrix a sample
  const own = b.emit("MatMul", [target, b.emit("Transpose", [w], { perm: [1, 0] })]);
  const difference = sub(b, reshape(b, own, ["N", units, 1]), reshape(b, w, [1, units, classes]));
  const offset = sub(b, b.emit("MatMul", [target, reshape(b, c, [classes, 1])]), reshape(b, c, [1, classes]));
  const products = b.emit("MatMul", [reshape(b, hidden.at, ["N", 1, units]), difference]);
  const margins = add(b, reshape(b, products, ["N", classes]), offset);
  return interval(b, [margins], new Map([[hidden.at, hidden.box]]), { arithmetic: "real" }).get(margins)!.lower;
}

/**
 * log(1 + Σ_{j≠y} exp(−LB_j)): at least the cross-entropy at every point of the box.
 * @param margins [N, K], lower bounds, 0 at the label  @returns [N]
 */
export const certifiedCrossEntropy = (b: Builder, margins: Value, target: Value): Value =>
  crossEntropy(b, neg(b, margins), target);
