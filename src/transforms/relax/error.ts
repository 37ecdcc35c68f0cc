/**
 * @file Float32 error of a backward pass, per element of the value that A multiplies; see `rounding.ts`.
 *
 * With the coefficients *as computed*, the exact identity ⟨A, op(x)⟩ = ⟨A′, x⟩ + ⟨A, op(0)⟩ fails by the rounding of A′
 * and of the dot product, and the network's own op(x) by its rounding: each at most |A| times a number that depends on
 * the sample alone. So the whole error of a pass is one extra product with |A| a node.
 */

import type { Builder, NodeValue, Value } from "../../graph/types.ts";
import { recordOf } from "../../ops/index.ts";
import { type Interval, isPoint, type LinearBounds, type LinearFunction } from "../../ops/op.ts";
import { abs, add, magnitude, mul, scale, sub, unbroadcast } from "../../ops/rules.ts";
import {
  evaluationError,
  fanOut,
  gamma,
  onMagnitudes,
  sampleSize,
  spoiled,
  UNDERFLOW,
  UNIT_ROUNDOFF,
} from "../rounding.ts";
import { UnsupportedReading } from "../unsupported.ts";

/**
 * Roundings that one term of d or one coefficient meets beside its own sums: further terms, other contributions to A.
 * @param steps contributions to d and to the coefficients in the whole pass
 */
export const passTerms = (steps: number): number => steps + 16;

const boxOf = (boxes: ReadonlyMap<Value, Interval>, value: Value): Interval =>
  boxes.get(value) ?? { lower: value, upper: value };

/** Error of pulling rows through an affine node; undefined where nothing rounds. */
export function affineError(
  b: Builder,
  node: NodeValue,
  varies: readonly boolean[],
  boxes: ReadonlyMap<Value, Interval>,
  bias: Value | undefined,
  steps: number,
): Value | undefined {
  const inputs = node.inputs.map((input) => boxOf(boxes, input));
  const box = boxOf(boxes, node);
  const longest = Math.max(...node.inputs.map((_, i) => (varies[i] ? fanOut(node, i) : 0)));
  const { rounding } = recordOf(node.op);
  const pulled = rounding.kind !== "exact" || longest > 1 ? 1.05 * gamma(longest + passTerms(steps)) : 0;
  const parts: Value[] = [];
  const own = evaluationError(b, node, inputs, box, pulled);
  if (own) parts.push(own);
  else if (pulled > 0) parts.push(scale(b, magnitude(b, box), pulled));
  node.inputs.forEach((_, i) => {
    if (!varies[i] && !isPoint(inputs[i]!)) parts.push(constantError(b, node, varies, inputs, i));
  });
  if (bias) parts.push(scale(b, abs(b, bias), 1.05 * gamma(sampleSize(node) + passTerms(steps))));
  return parts.length > 0 ? parts.reduce((x, y) => add(b, x, y)) : undefined;
}

/** How much the rounding of a constant operand can change the result: the op on that operand's radius. */
function constantError(
  b: Builder,
  node: NodeValue,
  varies: readonly boolean[],
  inputs: readonly Interval[],
  at: number,
): Value {
  const { linearity } = recordOf(node.op);
  const additive = linearity(varies) === "affine";
  // in the denominator or a condition it is not a factor
  if (linearity(varies.map((_, i) => i === at)) === "none")
    throw new UnsupportedReading(node, "linear bound in float32", "its second operand is computed from constants");
  const sizes = inputs.map((input, i): Value => {
    if (i === at) return abs(b, sub(b, input.upper, input.lower));
    return additive ? scale(b, magnitude(b, input), 0) : magnitude(b, input);
  });
  return scale(b, onMagnitudes(b, node, sizes), 1.05);
}

/** Roundings in computing a line's slope and offset (a quotient of differences, times an end). */
const LINE_ULPS = 16;

/** Error of replacing an activation by its computed lines, and of the activation's own evaluation. */
export function lineError(
  b: Builder,
  node: NodeValue,
  boxes: readonly Interval[],
  lower: LinearBounds["lower"],
  upper: LinearBounds["upper"],
  steps: number,
): Value {
  const { rounding } = recordOf(node.op);
  const ulps = rounding.kind === "elementwise" ? rounding.ulps : 0;
  const absolute = rounding.kind === "elementwise" ? (rounding.absolute ?? 0) : 0;
  const size = add(b, lineSize(b, node, lower, boxes), lineSize(b, node, upper, boxes));
  const lines = scale(b, size, 1.05 * (LINE_ULPS + steps + 4 * ulps) * UNIT_ROUNDOFF);
  const offsets = [lower.offset, upper.offset].filter((offset) => offset !== undefined);
  const sums = offsets.map((offset) => scale(b, abs(b, offset), 1.05 * gamma(sampleSize(node) + passTerms(steps))));
  return [...sums, b.constant(8 * absolute * UNIT_ROUNDOFF + 8 * UNDERFLOW)].reduce((x, y) => add(b, x, y), lines);
}

/** Σ|slope|·max|x| + |offset|: bounds the line, and with the other line the activation. */
function lineSize(b: Builder, node: NodeValue, line: LinearFunction, boxes: readonly Interval[]): Value {
  const parts = line.slopes.flatMap((slope, i) => {
    const box = boxes[i]!;
    return slope && !(isPoint(box) && slope === undefined)
      ? [summed(b, node, mul(b, abs(b, slope), magnitude(b, box)))]
      : [];
  });
  if (line.offset) parts.push(abs(b, line.offset));
  return parts.length > 0 ? parts.reduce((x, y) => add(b, x, y)) : b.constant(0);
}

/** A reduction's slopes have its operand's shape: their products are summed over the reduced axes. */
const summed = (b: Builder, { shape }: NodeValue, value: Value): Value =>
  value.shape.length === shape.length && value.shape.some((dim, axis) => dim !== 1 && shape[axis] === 1)
    ? unbroadcast(b, value, shape)
    : value;

/**
 * What products lose below the smallest normal number, whatever A is: [n], for one node. Each coefficient of an operand
 * is off by at most `terms` times that number. Infinite or NaN where a box is, or where its width overflows, so that no
 * line drawn over such a box proves anything.
 */
export function underflow(
  b: Builder,
  node: NodeValue,
  varies: readonly boolean[],
  boxes: ReadonlyMap<Value, Interval>,
): Value[] {
  const relaxed = recordOf(node.op).linearity(varies) === "none";
  return node.inputs.flatMap((input, i) => {
    if (!varies[i] || input.dtype !== "float") return [];
    const terms = relaxed ? LINE_ULPS : fanOut(node, i);
    if (!relaxed && terms === 1 && recordOf(node.op).rounding.kind === "exact") return [];
    const size = magnitude(b, boxOf(boxes, input));
    const axes = size.shape.map((_, axis) => axis).slice(1);
    const total = b.emit("ReduceSum", [add(b, size, size)], { axes, keepdims: false });
    return [scale(b, total, terms * UNDERFLOW)];
  });
}

/**
 * 0 for every sample, NaN where nothing is known of a relaxed node's result: [n]. A line may be drawn over the part of a box
 * on which an op is defined, and proves nothing of the rest.
 */
export function unknownResult(b: Builder, node: NodeValue, boxes: ReadonlyMap<Value, Interval>): Value {
  const spoils = spoiled(b, boxOf(boxes, node));
  return b.emit("ReduceSum", [spoils], { axes: spoils.shape.map((_, axis) => axis).slice(1), keepdims: false });
}
