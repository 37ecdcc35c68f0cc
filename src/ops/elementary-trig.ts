/** @file Sine, cosine and the arc of a sine. */

import type { Builder, Value } from "../graph/types.ts";
import { definedWhere } from "./elementary.ts";
import { elementwiseVjp } from "./elementwise.ts";
import { KERNEL, QUARTER_TURN } from "./kernel-errors.ts";
import { defineOp, type Interval, isPoint, point } from "./op.ts";
import { less, mirroredRule, negated, sampledLines, select, sShapedLines } from "./relax-lines.ts";
import {
  abs,
  add,
  div,
  hull,
  increasing,
  inferSame,
  magnitude,
  mapElements,
  max,
  mul,
  neg,
  neverLinear,
  scale,
  sub,
} from "./rules.ts";

/**
 * Relative slack in the search for an extreme point, above float32's 2⁻²³ of an angle counted in turns: an extreme point
 * just outside the box counts as inside, which moves the bound by less than the slack squared.
 */
const ANGLE_SLACK = 1e-6;

/** Does the box contain phase + 2πk for a whole k? */
function contains(b: Builder, { lower, upper }: Interval, phase: number): Value {
  const turns = (x: Value) => scale(b, sub(b, x, b.constant(phase)), 1 / (2 * Math.PI));
  const [first, last] = [turns(lower), turns(upper)];
  const size = add(b, max(b, abs(b, first), abs(b, last)), b.constant(1));
  const slack = scale(b, size, ANGLE_SLACK);
  return b.emit("GreaterOrEqual", [b.emit("Floor", [add(b, last, slack)]), sub(b, first, slack)]);
}

/** ±1 where the box holds a crest (or a trough), otherwise an end. */
function waveInterval(b: Builder, op: "Sin" | "Cos", x: Interval): Interval {
  const at = (value: Value) => b.emit(op, [value]);
  if (isPoint(x)) return point(at(x.lower));
  const crest = op === "Sin" ? Math.PI / 2 : 0;
  const ends = hull(b, [at(x.lower), at(x.upper)]);
  return {
    lower: select(b, contains(b, x, crest + Math.PI), b.constant(-1), ends.lower),
    upper: select(b, contains(b, x, crest), b.constant(1), ends.upper),
  };
}

const wave = <K extends "Sin" | "Cos">(
  name: K,
  f: (x: number) => number,
  derivative: (b: Builder, x: Value) => Value,
) =>
  defineOp<K>({
    name,
    arity: 1,
    infer: inferSame,
    evaluate: mapElements(f),
    vjp: elementwiseVjp(derivative),
    linearity: neverLinear,
    interval: (b, [x]) => waveInterval(b, name, x!),
    relax: (b, [x], _, rule) => {
      const image = waveInterval(b, name, x!);
      const at = (to: Builder, v: Value) => to.emit<"Sin" | "Cos">(name, [v]);
      const smooth = { at, slope: derivative, steepest: 1, curvature: (to: Builder) => to.constant(1) };
      const lines = sampledLines(b, smooth, x!, image, rule);
      // over a full turn nothing beats the constants
      const short = less(b, sub(b, x!.upper, x!.lower), b.constant(Math.PI * 2));
      const pick = (side: "lower" | "upper") => ({
        slopes: [select(b, short, lines[side].slopes[0]!, b.constant(0))],
        offset: select(b, short, lines[side].offset!, image[side]),
      });
      return { lower: pick("lower"), upper: pick("upper") };
    },
    rounding: KERNEL[name],
  });

export const Sin = wave("Sin", Math.sin, (b, x) => b.emit("Cos", [x]));
export const Cos = wave("Cos", Math.cos, (b, x) => neg(b, b.emit("Sin", [x])));

/** A box within ±most: an end beyond is there. A choice, so that an infinite slope at ±1 is dropped from a gradient. */
const within = (b: Builder, { lower, upper }: Interval, most: number): Interval => {
  const [least, greatest] = [b.constant(-most), b.constant(most)];
  const clamp = (end: Value): Value =>
    select(b, less(b, greatest, end), greatest, select(b, less(b, end, least), least, end));
  return { lower: clamp(lower), upper: clamp(upper) };
};

/** Do both ends lie in [−most, most]? */
const liesWithin = (b: Builder, x: Interval, most: number): Value =>
  b.emit("LessOrEqual", [magnitude(b, x), b.constant(most)]);

/** Undefined beyond ±1. */
function asinInterval(b: Builder, [x]: readonly Interval[]): Interval {
  const arc = increasing("Asin");
  if (isPoint(x!)) return point(b.emit("Asin", [x!.lower]));
  return definedWhere(b, liesWithin(b, x!, 1), arc(b, [within(b, x!, 1)], {}));
}

/** 1/√(1 − x²), without cancellation near ±1. */
function asinSlope(b: Builder, x: Value): Value {
  const one = b.constant(1);
  return div(b, one, b.emit("Sqrt", [mul(b, sub(b, one, x), add(b, one, x))]));
}

/** Boxes that reach further have the constant bounds: the slope grows without limit towards ±1. */
const STEEP = 1 - 2 ** -10;

/** Concave left of 0, convex right of it: −asin is S-shaped. */
export const Asin = defineOp<"Asin">({
  name: "Asin",
  arity: 1,
  infer: inferSame,
  evaluate: mapElements(Math.asin),
  vjp: elementwiseVjp(asinSlope),
  linearity: neverLinear,
  interval: asinInterval,
  relax: (b, [x], _, rule) => {
    const image = asinInterval(b, [x!]);
    const mirrored = {
      at: (to: Builder, v: Value) => neg(to, to.emit("Asin", [v])),
      slope: (to: Builder, v: Value) => neg(to, asinSlope(to, v)),
    };
    const below = { lower: neg(b, image.upper), upper: neg(b, image.lower) };
    const lines = negated(b, sShapedLines(b, mirrored, within(b, x!, STEEP), mirroredRule(rule), below));
    const gentle = liesWithin(b, x!, STEEP);
    const pick = (side: keyof Interval) => ({
      slopes: [select(b, gentle, lines[side].slopes[0]!, b.constant(0))],
      offset: select(b, gentle, lines[side].offset!, image[side]),
    });
    return { lower: pick("lower"), upper: pick("upper") };
  },
  rounding: KERNEL.Asin,
  range: () => QUARTER_TURN,
});
