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
import { abs, add, magnitude, mul, scale, unbroadcast } from "../../ops/rules.ts";
import { absoluteImage, fanOut, gamma, intervalError, sampleSize, UNDERFLOW, UNIT_ROUNDOFF } from "../rounding.ts";

/** Partial sums of the terms of d, and the roundings of A′ beside its longest sum. */
const PASS_TERMS = 64;

const boxOf = (boxes: ReadonlyMap<Value, Interval>, value: Value): Interval =>
  boxes.get(value) ?? { lower: value, upper: value };

/** Error of pulling rows through an affine node; undefined where nothing rounds. */
export function affineError(
  b: Builder,
  node: NodeValue,
  varies: readonly boolean[],
  boxes: ReadonlyMap<Value, Interval>,
  bias: Value | undefined,
): Value | undefined {
  const inputs = node.inputs.map((input) => boxOf(boxes, input));
  const box = boxOf(boxes, node);
  const longest = Math.max(...node.inputs.map((_, i) => (varies[i] ? fanOut(node, i) : 0)));
  const parts: Value[] = [];
  const own = intervalError(b, node, inputs, box);
  if (own) parts.push(own);
  const { rounding } = recordOf(node.op);
  if (rounding.kind !== "exact" || longest > 1) {
    const size = rounding.kind === "exact" ? magnitude(b, box) : absoluteImage(b, node, inputs);
    parts.push(scale(b, size, 1.05 * gamma(longest + PASS_TERMS)));
  }
  if (bias) parts.push(scale(b, abs(b, bias), 1.05 * gamma(sampleSize(node) + PASS_TERMS)));
  return parts.length > 0 ? parts.reduce((x, y) => add(b, x, y)) : undefined;
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
): Value {
  const { rounding } = recordOf(node.op);
  const ulps = rounding.kind === "elementwise" ? rounding.ulps : 0;
  const absolute = rounding.kind === "elementwise" ? (rounding.absolute ?? 0) : 0;
  const size = add(b, lineSize(b, node, lower, boxes), lineSize(b, node, upper, boxes));
  const lines = scale(b, size, 1.05 * (LINE_ULPS + 4 * ulps) * UNIT_ROUNDOFF);
  const offsets = [lower.offset, upper.offset].filter((offset) => offset !== undefined);
  const sums = offsets.map((offset) => scale(b, abs(b, offset), 1.05 * gamma(sampleSize(node) + PASS_TERMS)));
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
