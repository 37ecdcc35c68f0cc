/**
 * @file Bounds on floating-point error, themselves emitted as graph ops.
 *
 * The bounds enclose what the *float32 network* computes, in any order of summation: an op's result is its exact value
 * on the (rounded) operands, off by at most `errorOf`. Written once for the network's own evaluation and for that of
 * the bound, with a slack that pays for computing the error itself in float32.
 */

import { bindDim, type Shape } from "../graph/dims.ts";
import type { OpName } from "../graph/signatures.ts";
import type { Builder, NodeValue, Value } from "../graph/types.ts";
import { recordOf } from "../ops/index.ts";
import { type Interval, isConstant, type Rounding } from "../ops/op.ts";
import { abs, add, elementCount, magnitude, max, min, reemit, scale, sub } from "../ops/rules.ts";

/** Unit roundoff of float32, round to nearest. */
export const UNIT_ROUNDOFF = 2 ** -24;

/** Pays for underflow: the smallest normal float32, in case subnormals are flushed. */
export const UNDERFLOW = 2 ** -126;

/** Above this share of all digits lost, the error is too rough to be computed in float32 itself. */
const LONGEST = 1 / 32;

/** γₙ = n·u / (1 − n·u): relative error of a sum of n products in any order (Higham 2002, §3.1). */
export function gamma(terms: number): number {
  const nu = terms * UNIT_ROUNDOFF;
  // a sum too long for a useful bound: infinite error, so that nothing is claimed
  return nu < LONGEST ? nu / (1 - nu) : Number.POSITIVE_INFINITY;
}

/**
 * What an error is that of: the network's own evaluation, or also the bound's, which is made of at most a centre, a
 * spread and their difference. Each has room for weights that the runtime changes by a few roundings (scales that it or
 * the import folds into them); the error itself is computed in float32 as well, with at most LONGEST of it lost.
 */
const WEIGHT_TERMS = 4;
const SLACK = 1.05;

type Elementwise = Extract<Rounding<OpName>, { kind: "elementwise" }>;
type Shaped = readonly { readonly shape: Shape }[];
type SumTerms = (inputs: Shaped, attrs: unknown) => number;
type FanOut = (inputs: Shaped, attrs: unknown, operand: number) => number;

/**
 * The box that holds the network's own float32 result and that of a computed end: `box`, the image over the reals, made
 * wider on both sides by the op's rounding, and then cut to what the op can give at all. NaN at both ends where an end
 * is not a finite number: what overflows may be no number any more (∞ − ∞, 0·∞).
 */
export function rounded(b: Builder, node: NodeValue, inputs: readonly Interval[], box: Interval): Interval {
  const { rounding, range } = recordOf(node.op);
  if (rounding.kind === "exact") return box;
  const wide = rounding.kind === "sum" ? roundedSum(b, node, inputs, box) : roundedEnds(b, rounding, box);
  return within(b, wide, (range as Range | undefined)?.(node));
}

type Range = (node: NodeValue) => readonly [least: number, most: number] | undefined;

function within(b: Builder, { lower, upper }: Interval, range: ReturnType<Range>): Interval {
  if (!range) return { lower, upper };
  const [least, most] = range;
  return {
    lower: least > Number.NEGATIVE_INFINITY ? max(b, lower, b.constant(least)) : lower,
    upper: most < Number.POSITIVE_INFINITY ? min(b, upper, b.constant(most)) : upper,
  };
}

/** 0, or NaN where an end is not a finite number. */
export const spoiled = (b: Builder, { lower, upper }: Interval): Value => scale(b, sub(b, upper, lower), 0);

/**
 * Each end by its own size: results are off by a share of themselves, so that the least one is off by a share of the
 * lower end. Without an absolute part that keeps the sign too: what is not below 0 over the reals is not in float32.
 */
function roundedEnds(b: Builder, rounding: Elementwise, box: Interval): Interval {
  const relative = 2 * SLACK * (rounding.ulps + WEIGHT_TERMS) * UNIT_ROUNDOFF;
  const absolute = 2 * SLACK * (rounding.absolute ?? 0) * UNIT_ROUNDOFF + UNDERFLOW;
  const least = add(b, spoiled(b, box), b.constant(absolute));
  const error = (end: Value): Value => add(b, scale(b, abs(b, end), relative), least);
  const [lower, upper] = [sub(b, box.lower, error(box.lower)), add(b, box.upper, error(box.upper))];
  if (rounding.absolute) return { lower, upper };
  return { lower: max(b, lower, min(b, scale(b, box.lower, 2), b.constant(0))), upper };
}

function roundedSum(b: Builder, node: NodeValue, inputs: readonly Interval[], box: Interval): Interval {
  const { rounding } = recordOf(node.op) as { rounding: Rounding<OpName> };
  if (rounding.kind !== "sum") throw new Error("unreachable: asked for a sum");
  const terms = (rounding.terms as SumTerms)(node.inputs, node.attrs);
  const relative = 2 * SLACK * gamma(terms + 2 * WEIGHT_TERMS);
  const lost = terms * 4 * UNDERFLOW;
  const bare = add(b, scale(b, absoluteImage(b, node, inputs), relative), b.constant(lost));
  const error = add(b, bare, scale(b, bare, 0));
  const [lower, upper] = [sub(b, box.lower, error), add(b, box.upper, error)];
  const negative = negativePart(b, node, inputs);
  if (!negative || relative >= 1) return { lower, upper };
  // terms that are not negative add up to no less than their sum, but for a share of it, in any order
  const share = max(b, sub(b, scale(b, box.lower, 1 - relative), b.constant(lost)), b.constant(0));
  const none = b.emit("GreaterOrEqual", [negative, b.constant(0)]);
  return { lower: max(b, lower, b.emit("Where", [none, share, lower])), upper };
}

/**
 * Below 0 where a term may be, otherwise 0; undefined unless the weights are constants not below 0. Of signs, for products
 * may vanish.
 */
function negativePart(b: Builder, node: NodeValue, inputs: readonly Interval[]): Value | undefined {
  const varying = inputs.filter((input) => input.lower !== input.upper);
  const weights = inputs.flatMap(({ lower, upper }) => (lower === upper ? [lower] : []));
  if (varying.length !== 1 || weights.some((weight) => !isConstant(weight) || !weight.tensor.data.every(notNegative)))
    return undefined;
  const least = inputs.map((input) =>
    input === varying[0] ? min(b, b.emit("Sign", [input.lower]), b.constant(0)) : input.lower,
  );
  return reemit(b, node, least);
}

const notNegative = (value: number): boolean => value >= 0;

/**
 * How far the network's own float32 result may lie from the exact one on the same operands.
 * @param extra further error, relative to the op on absolute values
 */
export function evaluationError(
  b: Builder,
  node: NodeValue,
  inputs: readonly Interval[],
  box: Interval,
  extra: number,
): Value | undefined {
  const { rounding } = recordOf(node.op);
  switch (rounding.kind) {
    case "exact":
      return undefined;
    case "elementwise": {
      const relative = SLACK * (rounding.ulps + WEIGHT_TERMS) * UNIT_ROUNDOFF;
      const absolute = SLACK * (rounding.absolute ?? 0) * UNIT_ROUNDOFF + UNDERFLOW;
      const own = scale(b, magnitude(b, box), relative);
      const further = extra > 0 ? add(b, own, scale(b, absoluteImage(b, node, inputs), extra)) : own;
      return add(b, further, b.constant(absolute));
    }
    case "sum": {
      const terms = (rounding.terms as SumTerms)(node.inputs, node.attrs);
      const relative = SLACK * gamma(terms + WEIGHT_TERMS) + extra;
      return add(b, scale(b, absoluteImage(b, node, inputs), relative), b.constant(terms * 4 * UNDERFLOW));
    }
  }
}

/** The op on absolute values: Σ|w|·|x| for a sum of products. */
export function absoluteImage(b: Builder, node: NodeValue, inputs: readonly Interval[]): Value {
  return onMagnitudes(
    b,
    node,
    inputs.map((input) => magnitude(b, input)),
  );
}

/** The op with positive coefficients, on operands that are not negative. */
export function onMagnitudes(b: Builder, node: NodeValue, magnitudes: readonly Value[]): Value {
  const { rounding } = recordOf(node.op);
  if (rounding.kind === "elementwise" && rounding.magnitude) return rounding.magnitude(b, magnitudes);
  return reemit(b, node, magnitudes);
}

/** Longest sum in the node's vjp towards operand i. */
export function fanOut(node: NodeValue, operand: number): number {
  const { fanOut: own } = recordOf(node.op);
  if (own) return (own as FanOut)(node.inputs, node.attrs, operand);
  return Math.max(1, Math.ceil(elementCount(node) / elementCount(node.inputs[operand]!)));
}

/** Elements of a sample: the length of a dot product with a bias. */
export const sampleSize = (value: Value): number =>
  value.shape.slice(1).reduce<number>((size, dim) => size * bindDim(dim, 1), 1);
