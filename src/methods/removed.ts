/**
 * @file The last operators of a classifier that keep the order of its scores, and so need not be bounded: in float32 they
 * keep it only up to rounding, and two scores that differ may come out equal.
 */

import type { OpName } from "../graph/signatures.ts";
import type { NodeValue, Value } from "../graph/types.ts";
import { KERNEL } from "../ops/kernel-errors.ts";
import { UNIT_ROUNDOFF } from "../transforms/rounding.ts";

/** Pays for the roundings of this computation itself. */
const SLACK = 1.05;

/** The operand's margin above which the result's margin exceeds `wanted`, for so many classes. */
type Needs = (wanted: number, classes: number) => number;

const { Sigmoid: sigmoid, Softmax: softmax, LogSoftmax: logSoftmax } = KERNEL;

const NEEDS: { readonly [K in OpName]?: Needs } = {
  /*
   * p_c − p_j = p_c·(1 − e⁻ᵐ), and the winner's p_c is at least 1/K. Computed, each p errs by at most ulps·u·p + absolute·u,
   * and p_j < p_c, so that m must make up for twice that.
   */
  Softmax: (wanted, classes) => {
    const lost = 2 * (softmax.ulps + softmax.absolute * classes) * UNIT_ROUNDOFF;
    const share = SLACK * (lost + classes * wanted);
    return share < 1 ? -Math.log1p(-share) : Number.POSITIVE_INFINITY;
  },
  /* The margin stays what it is, less twice the error ulps·u·|y| + absolute·u; |y_c| ≤ ln K and |y_j| ≤ ln K + m. */
  LogSoftmax: (wanted, classes) => {
    const relative = logSoftmax.ulps * UNIT_ROUNDOFF;
    const lost = 2 * (relative * Math.log(classes) + logSoftmax.absolute * UNIT_ROUNDOFF);
    return (SLACK * (wanted + lost)) / (1 - relative);
  },
  /* Of one logit z: the shares 1 − p and p are 2σ(m) − 1 = tanh(m/2) apart at |z| = m, and computed each errs as above. */
  Sigmoid: (wanted) => {
    const share = SLACK * (wanted + 2 * (sigmoid.ulps + sigmoid.absolute) * UNIT_ROUNDOFF);
    return share < 1 ? SLACK * 2 * Math.atanh(share) : Number.POSITIVE_INFINITY;
  },
  /*
   * Shares of their sum S, which is at most K; each is rounded once, or twice where 1/S is a factor of all, and by at most
   * u·p/S either time. Scores that differ by so much are no denormals, and so not where the sum is kept above 0.
   */
  Div: (wanted, classes) => SLACK * (classes * wanted + 4 * UNIT_ROUNDOFF),
};

/** x / max(Σ|x|, c) over the classes, of scores x from 0 to 1. */
function isShares(value: NodeValue, classes: number): boolean {
  if (value.op !== "Div" || value.shape.length !== 2 || value.shape[1] !== classes) return false;
  const [scores, divisor] = value.inputs;
  if (scores?.kind !== "node" || !["Softmax", "Sigmoid"].includes(scores.op)) return false;
  if (divisor?.kind !== "node" || divisor.op !== "Max" || divisor.inputs[1]?.kind !== "constant") return false;
  const [sum] = divisor.inputs;
  if (sum?.kind !== "node" || sum.op !== "ReduceSum") return false;
  const { axes, keepdims } = (sum as NodeValue<"ReduceSum">).attrs;
  const [sizes] = sum.inputs;
  const over = axes.length === 1 && axes[0] === 1 && keepdims;
  return over && sizes?.kind === "node" && sizes.op === "Abs" && sizes.inputs[0] === scores;
}

/** Does this value reorder nothing among the classes of its first operand: a softmax over the one axis of classes, or shares? */
export function keepsOrder(value: Value, classes: number): value is NodeValue {
  if (value.kind !== "node") return false;
  if (isShares(value, classes)) return true;
  if (value.op !== "Softmax" && value.op !== "LogSoftmax") return false;
  const { axis } = (value as NodeValue<"Softmax">).attrs;
  // beside the classes there is only the batch, first, if at all
  return value.shape[axis] === classes && value.shape.every((dim, i) => i === 0 || i === axis || dim === 1);
}

/**
 * The margin that scores must exceed for the file's own output to have the same winner without a tie.
 * @param removed operators after the scores, the last first
 */
export const leastMargin = (removed: readonly NodeValue[], classes: number): number =>
  removed.reduce((wanted, { op }) => NEEDS[op]!(wanted, classes), 0);
