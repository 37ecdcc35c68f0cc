/**
 * @file Bounds on floating-point error, themselves emitted as graph ops.
 *
 * The bounds enclose what the *float32 network* computes, in any order of summation: an op's result is its exact value
 * on the (rounded) operands, off by at most `errorOf`. Written once for the network's own evaluation and for that of
 * the bound, with a slack that pays for computing the error itself in float32.
 */

import { bindDim } from "../graph/dims.ts";
import type { Builder, NodeValue, Shape, Value } from "../graph/types.ts";
import { recordOf } from "../ops/index.ts";
import type { Interval } from "../ops/op.ts";
import { add, elementCount, magnitude, reemit, scale } from "../ops/rules.ts";

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

type Shaped = readonly { readonly shape: Shape }[];
type SumTerms = (inputs: Shaped, attrs: unknown) => number;
type FanOut = (inputs: Shaped, attrs: unknown, operand: number) => number;

/**
 * How far a computed end of `box` and the network's own float32 result may lie outside the true interval.
 * @returns a value that broadcasts to the node's shape; undefined where the op is exact
 */
export const intervalError = (
  b: Builder,
  node: NodeValue,
  inputs: readonly Interval[],
  box: Interval,
): Value | undefined => errorOf(b, node, inputs, box, 2, 0);

/**
 * How far the network's own float32 result may lie from the exact one on the same operands.
 * @param extra further error, relative to the op on absolute values
 */
export const evaluationError = (
  b: Builder,
  node: NodeValue,
  inputs: readonly Interval[],
  box: Interval,
  extra: number,
): Value | undefined => errorOf(b, node, inputs, box, 1, extra);

function errorOf(
  b: Builder,
  node: NodeValue,
  inputs: readonly Interval[],
  box: Interval,
  evaluations: 1 | 2,
  extra: number,
): Value | undefined {
  const { rounding } = recordOf(node.op);
  switch (rounding.kind) {
    case "exact":
      return undefined;
    case "elementwise": {
      const relative = evaluations * SLACK * (rounding.ulps + WEIGHT_TERMS) * UNIT_ROUNDOFF;
      const absolute = evaluations * SLACK * (rounding.absolute ?? 0) * UNIT_ROUNDOFF + UNDERFLOW;
      const own = scale(b, magnitude(b, box), relative);
      const further = extra > 0 ? add(b, own, scale(b, absoluteImage(b, node, inputs), extra)) : own;
      return add(b, further, b.constant(absolute));
    }
    case "sum": {
      const terms = (rounding.terms as SumTerms)(node.inputs, node.attrs);
      const relative = evaluations * SLACK * gamma(terms + evaluations * WEIGHT_TERMS) + extra;
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
