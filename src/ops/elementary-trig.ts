/** @file Sine and cosine. */

import type { Builder, Value } from "../graph/types.ts";
import { elementwiseVjp } from "./elementwise.ts";
import { KERNEL } from "./kernel-errors.ts";
import { defineOp, type Interval, isPoint, point } from "./op.ts";
import { less, sampledLines, select } from "./relax-lines.ts";
import { abs, add, hull, inferSame, mapElements, max, neg, neverLinear, scale, sub } from "./rules.ts";

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
