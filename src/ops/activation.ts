/** @file Activations made of line pieces and parabolas: bounds are exact or one choice of slope away from it. */

import type { Builder, Value } from "../graph/types.ts";
import { elementwiseVjp } from "./elementwise.ts";
import { KERNEL } from "./kernel-errors.ts";
import { choiceOf, defineOp, type Interval, isPoint, type LinearBounds, point, type SlopeRule } from "./op.ts";
import { bestLines, type Line, less, linear, select, selectLine, spanOf } from "./relax-lines.ts";
import { reluBounds } from "./relu.ts";
import {
  add,
  constantBounds,
  div,
  hull,
  increasing,
  inferBroadcast,
  inferSame,
  mapElements,
  max,
  min,
  mul,
  neverLinear,
  scale,
  sub,
  unbroadcast,
} from "./rules.ts";

// ---------------------------------------------------------------- leaky ReLUs

/** a·x + (1 − a)·relu(x): Relu's lines, tilted; where a > 1 the function is concave and the lines change places. */
function leakyBounds(b: Builder, x: Interval, a: Value, rule: SlopeRule): LinearBounds {
  const rest = sub(b, b.constant(1), a);
  const concave = less(b, rest, b.constant(0));
  // where the lines change places, the choice is the upper line's
  const own = typeof rule === "string" ? rule : { alpha: select(b, concave, choiceOf(rule, "upper")!, rule.alpha) };
  const relu = reluBounds(b, x, own);
  const tilt = (line: LinearBounds["lower"]): Line => ({
    slope: add(b, a, mul(b, rest, line.slopes[0]!)),
    offset: line.offset ? mul(b, rest, line.offset) : b.constant(0),
  });
  const [low, high] = [tilt(relu.lower), tilt(relu.upper)];
  return { lower: linear(selectLine(b, concave, high, low)), upper: linear(selectLine(b, concave, low, high)) };
}

/** The slope at x: 1 right of 0, `a` elsewhere. */
const leakySlope = (b: Builder, x: Value, a: Value): Value => {
  const active = b.emit("Step", [x]);
  return add(b, active, mul(b, a, sub(b, b.constant(1), active)));
};

/** The ends where a ≥ 0; otherwise the value turns at 0. */
function leakyInterval(b: Builder, x: Interval, at: (x: Value) => Value, monotone: boolean): Interval {
  const ends = { lower: at(x.lower), upper: at(x.upper) };
  if (monotone) return ends;
  // the point of the box nearest to 0
  const nearest = min(b, max(b, x.lower, b.constant(0)), x.upper);
  return hull(b, [ends.lower, ends.upper, at(nearest)]);
}

export const LeakyRelu = defineOp<"LeakyRelu">({
  name: "LeakyRelu",
  arity: 1,
  infer: inferSame,
  evaluate: ([x], { alpha }) => mapElements((v) => (v > 0 ? v : alpha * v))([x!]),
  vjp: elementwiseVjp((b, x, _, { alpha }) => leakySlope(b, x, b.constant(alpha))),
  linearity: neverLinear,
  interval: (b, [x], { alpha }) =>
    isPoint(x!)
      ? point(b.emit("LeakyRelu", [x!.lower], { alpha }))
      : leakyInterval(b, x!, (v) => b.emit("LeakyRelu", [v], { alpha }), alpha >= 0),
  relax: (b, [x], { alpha }, rule) => leakyBounds(b, x!, b.constant(alpha), rule),
  kinks: () => [0],
  // the product, and α itself
  rounding: { kind: "elementwise", ulps: 2 },
});

/** x right of 0, slope·x left of it; the slope is an operand that broadcasts to x. */
export const PRelu = defineOp<"PRelu">({
  name: "PRelu",
  arity: 2,
  infer: inferBroadcast(),
  evaluate: mapElements((x, slope) => (x > 0 ? x : slope * x)),
  vjp: (b, { inputs: [x, slope], wanted }, dy) => [
    wanted[0] ? mul(b, dy, leakySlope(b, x!, slope!)) : undefined,
    wanted[1] ? unbroadcast(b, mul(b, dy, min(b, x!, b.constant(0))), slope!.shape) : undefined,
  ],
  linearity: neverLinear,
  interval: (b, [x, slope]) => {
    const at = (v: Value, s: Value) => b.emit("PRelu", [v, s]);
    if (isPoint(slope!)) {
      if (isPoint(x!)) return point(at(x!.lower, slope!.lower));
      return leakyInterval(b, x!, (v) => at(v, slope!.lower), false);
    }
    // relu(x) − slope·relu(−x), and both operands move the second term
    const zero = b.constant(0);
    const ends = [slope!.lower, slope!.upper].flatMap((s) => [at(x!.lower, s), at(x!.upper, s)]);
    const straddles = b.emit("And", [less(b, x!.lower, zero), less(b, zero, x!.upper)]);
    const box = hull(b, ends);
    return {
      lower: select(b, straddles, min(b, box.lower, zero), box.lower),
      upper: select(b, straddles, max(b, box.upper, zero), box.upper),
    };
  },
  relax: (b, [x, slope], attrs, rule) => {
    if (!isPoint(slope!)) {
      const interval = PRelu.interval as (at: Builder, x: readonly Interval[], attrs: object) => Interval;
      return constantBounds(interval(b, [x!, slope!], attrs), 2);
    }
    const { lower, upper } = leakyBounds(b, x!, slope!.lower, rule);
    const ofBoth = (line: LinearBounds["lower"]) => ({ slopes: [line.slopes[0], undefined], offset: line.offset });
    return { lower: ofBoth(lower), upper: ofBoth(upper) };
  },
  rounding: { kind: "elementwise", ulps: 1 },
});

// ---------------------------------------------------------------- clip

/** The value clipped to a range that may be open. */
const clipTo = (b: Builder, x: Value, low: number, high: number): Value => b.emit("Clip", [x], { min: low, max: high });

/**
 * min(max(x, min), max).
 *
 * Above: the line through the upper corner of the box, or through the kink at `max` when the box reaches past it, at most
 * as steep as the chord to the left end; in the second case any flatter line is sound too, and the slope rule chooses.
 * Below: the mirror image. With no upper kink these are Relu's lines.
 */
export const Clip = defineOp<"Clip">({
  name: "Clip",
  arity: 1,
  infer: inferSame,
  evaluate: ([x], { min: low, max: high }) => mapElements((v) => Math.min(Math.max(v, low), high))([x!]),
  vjp: elementwiseVjp((b, x, _, { min: low, max: high }) => {
    // 1 inside; at a kink 0, as Relu's derivative at 0
    const above = Number.isFinite(low) ? b.emit("Step", [sub(b, x, b.constant(low))]) : b.constant(1);
    const below = Number.isFinite(high) ? b.emit("Step", [sub(b, b.constant(high), x)]) : b.constant(1);
    return mul(b, above, below);
  }),
  linearity: neverLinear,
  interval: increasing("Clip"),
  relax: (b, [x], { min: low, max: high }, rule) => ({
    lower: linear(clipLine(b, x!, low, high, rule, "lower")),
    upper: linear(clipLine(b, x!, low, high, rule, "upper")),
  }),
  kinks: ({ min: low, max: high }) => [low, high].filter(Number.isFinite),
  rounding: { kind: "exact" },
});

function clipLine(b: Builder, x: Interval, low: number, high: number, rule: SlopeRule, side: "lower" | "upper"): Line {
  const [far, kink] = side === "upper" ? [x.lower, high] : [x.upper, low];
  const near = side === "upper" ? x.upper : x.lower;
  // the pivot: the near end, or the kink where the box reaches past it, but within the box
  const pivot = clipTo(b, near, side === "upper" ? -Infinity : kink, side === "upper" ? kink : Infinity);
  const inside = side === "upper" ? max(b, pivot, far) : min(b, pivot, far);
  const value = clipTo(b, inside, low, high);
  const run = sub(b, inside, far);
  const flat = b.emit("Equal", [run, b.constant(0)]);
  const rise = sub(b, value, clipTo(b, far, low, high));
  const zero = b.constant(0);
  const steepest = select(b, flat, zero, div(b, rise, select(b, flat, b.constant(1), run)));
  if (!Number.isFinite(kink)) return { slope: steepest, offset: sub(b, value, mul(b, steepest, inside)) };
  const past = side === "upper" ? less(b, b.constant(kink), near) : less(b, near, b.constant(kink));
  const slope = select(b, past, chosenSlope(b, x, steepest, kink, rule, side), steepest);
  return { slope, offset: sub(b, value, mul(b, slope, inside)) };
}

/** A slope in [0, steepest] for the line through a kink. */
function chosenSlope(
  b: Builder,
  x: Interval,
  steepest: Value,
  kink: number,
  rule: SlopeRule,
  side: "lower" | "upper",
): Value {
  if (rule === "zero") return b.constant(0);
  if (rule === "one" || rule === "parallel") return steepest;
  if (typeof rule !== "string") return mul(b, steepest, choiceOf(rule, side)!);
  // the smaller area: steepest when the middle of the box lies on the sloped side of the kink
  const sum = add(b, x.lower, x.upper);
  const sloped = side === "upper" ? less(b, sum, b.constant(2 * kink)) : less(b, b.constant(2 * kink), sum);
  return select(b, sloped, steepest, b.constant(0));
}

// ---------------------------------------------------------------- hard swish

/** Where the parabola x·(x + 3)/6 is least. */
const HARD_SWISH_MINIMUM = -1.5;
const HARD_SWISH_LEAST = -0.375;

const hardSwish = (b: Builder, x: Value): Value => b.emit("HardSwish", [x]);

function hardSwishSlope(b: Builder, x: Value): Value {
  const inner = clipTo(b, add(b, scale(b, x, 1 / 3), b.constant(0.5)), -0.5, 1.5);
  const within = b.emit("Step", [sub(b, b.constant(3), b.emit("Abs", [x]))]);
  const above = b.emit("Step", [sub(b, x, b.constant(3))]);
  return add(b, mul(b, within, inner), above);
}

function hardSwishInterval(b: Builder, x: Interval): Interval {
  if (isPoint(x)) return point(hardSwish(b, x.lower));
  const ends = hull(b, [hardSwish(b, x.lower), hardSwish(b, x.upper)]);
  return {
    lower: select(b, holds(b, x, HARD_SWISH_MINIMUM), b.constant(HARD_SWISH_LEAST), ends.lower),
    upper: ends.upper,
  };
}

export const holds = (b: Builder, { lower, upper }: Interval, at: number): Value =>
  b.emit("And", [b.emit("LessOrEqual", [lower, b.constant(at)]), b.emit("GreaterOrEqual", [upper, b.constant(at)])]);

/**
 * x·clip(x/6 + ½, 0, 1).
 *
 * Bounds: for a slope k, between its kinks at ±3 the function is a parabola, so f(x) − k·x is
 * extreme at an end of the box, at a kink, or where the parabola's slope is k, at 3k − 1.5: the offsets are exact.
 */
export const HardSwish = defineOp<"HardSwish">({
  name: "HardSwish",
  arity: 1,
  infer: inferSame,
  evaluate: mapElements((x) => x * Math.min(Math.max(x / 6 + 0.5, 0), 1)),
  vjp: elementwiseVjp(hardSwishSlope),
  linearity: neverLinear,
  interval: (b, [x]) => hardSwishInterval(b, x!),
  relax: (b, [x], _, rule) => {
    const span = spanOf(b, hardSwish, x!, hardSwishInterval(b, x!));
    const within = (v: Value) => min(b, max(b, v, x!.lower), x!.upper);
    return bestLines(b, { at: hardSwish, slope: hardSwishSlope }, span, rule, (k) => {
      const parabola = clipTo(b, sub(b, scale(b, k, 3), b.constant(1.5)), -3, 3);
      const candidates = [x!.lower, x!.upper, within(b.constant(-3)), within(b.constant(3)), within(parabola)];
      return hull(
        b,
        candidates.map((v) => sub(b, hardSwish(b, v), mul(b, k, v))),
      );
    });
  },
  rounding: KERNEL.HardSwish,
});
