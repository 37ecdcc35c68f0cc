/** @file Losses as graphs. Each is one number a sample; the step divides by the batch size. */

import { elements, isBatched } from "../../graph/dims.ts";
import type { Builder, Value } from "../../graph/types.ts";
import type { Interval } from "../../ops/op.ts";
import { add, mul, neg, reshape, sub } from "../../ops/rules.ts";
import { interval } from "../../transforms/interval.ts";

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
 * f_y − f_j for every class j, [N, K], 0 at j = y. Where the logits end in a matrix product, the difference is merged into
 * it, (W_y − W_j)·h + c_y − c_j, so that a bound of it is that of the difference, not the difference of bounds.
 *
 * @source Gowal et al. 2018, arXiv:1810.12715, §3 ("elision of the last layer")
 */
export function margins(b: Builder, logits: Value, target: Value): Value {
  const last = lastProduct(logits);
  if (!last) return sub(b, ofLabel(b, logits, target), logits);
  const { hidden, weight, bias } = last;
  const [units, classes] = weight.shape as [number, number];
  // row n of `own` is the weight vector of n's label; W_y − W_j, one matrix a sample
  const own = b.emit("MatMul", [target, b.emit("Transpose", [weight], { perm: [1, 0] })]);
  const difference = sub(b, reshape(b, own, ["N", units, 1]), reshape(b, weight, [1, units, classes]));
  const products = b.emit("MatMul", [reshape(b, hidden, ["N", 1, units]), difference]);
  const merged = reshape(b, products, ["N", classes]);
  if (!bias) return merged;
  const offset = sub(b, b.emit("MatMul", [target, reshape(b, bias, [classes, 1])]), reshape(b, bias, [1, classes]));
  return add(b, merged, offset);
}

/** Each sample's logit of its label, [N, 1]. */
const ofLabel = (b: Builder, logits: Value, target: Value): Value =>
  b.emit("ReduceSum", [mul(b, logits, target)], { axes: [1], keepdims: true });

/** h [N, F], W [F, K] and c (K numbers) with logits = h·W + c, W and c the same for all samples. */
function lastProduct(
  logits: Value,
): { readonly hidden: Value; readonly weight: Value; readonly bias: Value | undefined } | undefined {
  const classes = logits.shape[1];
  const isBias = (value: Value) => !isBatched(value.shape) && elements(value.shape) === classes;
  const [product, bias] =
    logits.kind === "node" && logits.op === "Add" && logits.inputs.some(isBias)
      ? [logits.inputs.find((input) => !isBias(input))!, logits.inputs.find(isBias)!]
      : [logits, undefined];
  if (product.kind !== "node" || product.op !== "MatMul") return undefined;
  const [hidden, weight] = product.inputs as [Value, Value];
  return hidden.shape.length === 2 && !isBatched(weight.shape) ? { hidden, weight, bias } : undefined;
}

/**
 * Interval bounds of the margins over a box of inputs, [N, K]. Plain float32 arithmetic: a training signal, not a
 * certificate.
 */
export function marginLowerBounds(
  b: Builder,
  logits: Value,
  target: Value,
  boxes: ReadonlyMap<Value, Interval>,
): Value {
  const bounded = margins(b, logits, target);
  return interval(b, [bounded], boxes, { arithmetic: "real" }).get(bounded)!.lower;
}

/**
 * log(1 + Σ_{j≠y} exp(−LB_j)): at least the cross-entropy at every point of the box.
 * @param margins [N, K], lower bounds, 0 at the label  @returns [N]
 */
export const certifiedCrossEntropy = (b: Builder, margins: Value, target: Value): Value =>
  crossEntropy(b, neg(b, margins), target);
