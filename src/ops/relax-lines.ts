/**
 * @file Linear bounds of one-variable functions, by shape: convex, concave, S-shaped, or smooth with known derivatives.
 *
 * Every recipe is sound in real arithmetic for the slope it picked, right or wrong: the offsets follow from the slope.
 * Boxes too narrow or too large for a slope to mean anything in float32 get the constant bounds of the image.
 *
 * @source chord and tangent, S-shapes: CROWN (Zhang et al. 2018, arXiv:1811.00866) and CNN-Cert (Boopathy et al. 2018,
 *   arXiv:1811.12395); samples: the error of linear interpolation
 */

import type { Builder, Value } from "../graph/types.ts";
import { choiceOf, type Interval, type LinearBounds, type LinearFunction, type SlopeRule } from "./op.ts";
import { abs, add, div, max, min, mul, neg, scale, sub } from "./rules.ts";

/** A function and its derivative; `y` is the function at `x`, already computed. */
export interface Curve {
  readonly at: (b: Builder, x: Value) => Value;
  readonly slope: (b: Builder, x: Value, y: Value) => Value;
}

/** A line with both parts present. */
export interface Line {
  readonly slope: Value;
  readonly offset: Value;
}

/** Below this width, relative to 1 + max(|l|, |u|), a float32 secant is mostly rounding (8 ulps at 1). */
const NARROW = 1e-6;
/** Above this, products of a slope and an end overflow float32. */
const LARGE = 1e18;

const both = (b: Builder, p: Value, q: Value): Value => b.emit("And", [p, q]);
export const less = (b: Builder, x: Value, y: Value): Value => b.emit("Less", [x, y]);
export const select = (b: Builder, condition: Value, x: Value, y: Value): Value => b.emit("Where", [condition, x, y]);

export const selectLine = (b: Builder, condition: Value, x: Line, y: Line): Line => ({
  slope: select(b, condition, x.slope, y.slope),
  offset: select(b, condition, x.offset, y.offset),
});

export const linear = ({ slope, offset }: Line): LinearFunction => ({ slopes: [slope], offset });
export const bounds = (lower: Line, upper: Line): LinearBounds => ({ lower: linear(lower), upper: linear(upper) });

/** The box with its image, and where it is wide enough for a slope. */
export interface Span {
  readonly box: Interval;
  /** f at the ends, in order of the ends. */
  readonly ends: Interval;
  readonly image: Interval;
  readonly wide: Value;
  /** Slope of the chord; 0 where not wide. */
  readonly chord: Value;
}

export function spanOf(b: Builder, at: Curve["at"], box: Interval, image?: Interval): Span {
  const ends = { lower: at(b, box.lower), upper: at(b, box.upper) };
  const [width, rise] = [sub(b, box.upper, box.lower), sub(b, ends.upper, ends.lower)];
  const size = max(b, abs(b, box.lower), abs(b, box.upper));
  const large = b.constant(LARGE);
  const moderate = both(b, less(b, size, large), less(b, abs(b, rise), large));
  const wide = both(b, moderate, less(b, scale(b, add(b, size, b.constant(1)), NARROW), width));
  const zero = b.constant(0);
  const chord = div(b, select(b, wide, rise, zero), select(b, wide, width, b.constant(1)));
  return { box, ends, image: image ?? ends, wide, chord };
}

/** The line of that slope above (or below) both ends of the curve. */
export function throughEnds(b: Builder, { box, ends }: Span, slope: Value, side: "lower" | "upper"): Line {
  const pick = side === "upper" ? max : min;
  const at = (end: keyof Interval) => sub(b, ends[end], mul(b, slope, box[end]));
  return { slope, offset: pick(b, at("lower"), at("upper")) };
}

export function tangent(b: Builder, curve: Curve, x: Value): Line {
  const y = curve.at(b, x);
  const slope = curve.slope(b, x, y);
  return { slope, offset: sub(b, y, mul(b, slope, x)) };
}

/** The constant bounds of the image where the box is not wide. */
export function guarded(b: Builder, { wide, image }: Span, lower: Line, upper: Line): LinearBounds {
  const zero = b.constant(0);
  return bounds(
    selectLine(b, wide, lower, { slope: zero, offset: image.lower }),
    selectLine(b, wide, upper, { slope: zero, offset: image.upper }),
  );
}

export const middle = (b: Builder, { lower, upper }: Interval): Value => scale(b, add(b, lower, upper), 0.5);

/** How close to an end of the box, in widths, a tangent may touch: at the very end its slope may be infinite (√ at 0). */
const INSET = 1 / 64;

/** Where a tangent touches a curve that does not turn: in the middle, or where the graph chooses. */
export function touchPoint(b: Builder, box: Interval, choice: Value | undefined): Value {
  if (!choice) return middle(b, box);
  const share = add(b, scale(b, choice, 1 - 2 * INSET), b.constant(INSET));
  return add(b, box.lower, mul(b, share, sub(b, box.upper, box.lower)));
}

/** Convex: below by a tangent, above by the chord. */
export function convexLines(b: Builder, curve: Curve, box: Interval, rule: SlopeRule, image?: Interval): LinearBounds {
  const span = spanOf(b, curve.at, box, image);
  const touch = touchPoint(b, box, choiceOf(rule, "lower"));
  return guarded(b, span, tangent(b, curve, touch), throughEnds(b, span, span.chord, "upper"));
}

/** Concave: below by the chord, above by a tangent. */
export function concaveLines(b: Builder, curve: Curve, box: Interval, rule: SlopeRule, image?: Interval): LinearBounds {
  const span = spanOf(b, curve.at, box, image);
  const touch = touchPoint(b, box, choiceOf(rule, "upper"));
  return guarded(b, span, throughEnds(b, span, span.chord, "lower"), tangent(b, curve, touch));
}

/** Halvings of the bracket of a tangent point: the line stays sound after any number, and is 2⁻¹³ of a box loose. */
const BISECTIONS = 12;

/**
 * Convex left of 0, concave right of it (monotone or not).
 *
 * Above: the tangent at the middle of the box, where it is right of 0 and passes above the left end: no line above the
 * curve is lower there, and so none is lower on average. Otherwise the line is lowest at the middle that passes through
 * the left end and touches the curve at some d ≥ 0, right of the middle; d is bracketed by bisection and the bracket's
 * upper end taken, so the tangent is sound wherever the search stopped. Where even the tangent at u passes below the
 * left end, and where all is convex, the chord. Below: the mirror image. A graph may choose any tangent between the first
 * that passes above the left end (0) and the one at the right end (1).
 */
export function sShapedLines(b: Builder, curve: Curve, box: Interval, rule: SlopeRule, image?: Interval): LinearBounds {
  const span = spanOf(b, curve.at, box, image);
  const line = (side: keyof Interval) => sShapedLine(b, curve, span, side, choiceOf(rule, side));
  return guarded(b, span, line("lower"), line("upper"));
}

function sShapedLine(b: Builder, curve: Curve, span: Span, side: "lower" | "upper", choice: Value | undefined): Line {
  const [far, near] = side === "upper" ? (["lower", "upper"] as const) : (["upper", "lower"] as const);
  const zero = b.constant(0);
  // on which side of 0 an end lies, seen from the tangent's side
  const beyond = (x: Value) => b.emit(side === "upper" ? "GreaterOrEqual" : "LessOrEqual", [x, zero]);
  const clears = (d: Value): Value => {
    const y = curve.at(b, d);
    const there = add(b, y, mul(b, curve.slope(b, d, y), sub(b, span.box[far], d)));
    return b.emit(side === "upper" ? "GreaterOrEqual" : "LessOrEqual", [there, span.ends[far]]);
  };
  const centre = middle(b, span.box);
  const onlyBeyond = beyond(span.box[far]);
  const right = (x: Value): Value => (side === "upper" ? max(b, x, zero) : min(b, x, zero));
  // with a choice the first tangent that is sound is wanted, else the one at the middle where that is sound
  const central = choice ? onlyBeyond : b.emit("Or", [onlyBeyond, both(b, beyond(centre), clears(centre))]);
  let inner: Value = choice ? right(span.box[far]) : select(b, central, centre, right(centre));
  let outer: Value = choice ? span.box[near] : select(b, central, centre, span.box[near]);
  const touches = b.emit("Or", [central, both(b, beyond(span.box[near]), clears(span.box[near]))]);
  for (let step = 0; step < BISECTIONS; step++) {
    const d = middle(b, { lower: inner, upper: outer });
    const sound = clears(d);
    [inner, outer] = [select(b, sound, inner, d), select(b, sound, d, outer)];
  }
  const touch = choice ? add(b, outer, mul(b, choice, sub(b, span.box[near], outer))) : outer;
  return selectLine(b, touches, tangent(b, curve, touch), throughEnds(b, span, span.chord, side));
}

/** Points at which a smooth function is sampled, ends included. */
const SAMPLES = 17;

/** A smooth function and its limits. */
export interface Smooth extends Curve {
  /** max |f′| */
  readonly steepest: number;
  /** At least max |f″| over a box, nothing of it being further out than the ends. */
  readonly curvature: (b: Builder, box: Interval) => Value;
}

/**
 * Any smooth function: on each side the best of the lines with the slopes that `likelySlopes` names. For a slope k,
 * between two samples of f(x) − k·x a step h apart the function exceeds the larger one by at most max|f″|·h²/8, and by
 * at most max|f′ − k|·h/2.
 */
export function sampledLines(
  b: Builder,
  smooth: Smooth,
  box: Interval,
  image: Interval,
  rule: SlopeRule,
): LinearBounds {
  const span = spanOf(b, smooth.at, box, image);
  const xs = Array.from({ length: SAMPLES }, (_, i) => {
    const t = i / (SAMPLES - 1);
    if (t === 0) return box.lower;
    return t === 1 ? box.upper : add(b, scale(b, box.lower, 1 - t), scale(b, box.upper, t));
  });
  const ys = xs.map((x) => smooth.at(b, x));
  const h = scale(b, sub(b, box.upper, box.lower), 1 / (SAMPLES - 1));
  const eighth = scale(b, mul(b, h, h), 1 / 8);
  const bends = xs.slice(1).map((x, i) => mul(b, eighth, smooth.curvature(b, { lower: xs[i]!, upper: x })));
  const offsets = (slope: Value): Interval => {
    const strayed = scale(b, mul(b, add(b, abs(b, slope), b.constant(smooth.steepest)), h), 0.5);
    const gaps = ys.map((y, i) => sub(b, y, mul(b, slope, xs[i]!)));
    const pieces = bends.map((bend, i): Interval => {
      const slack = min(b, bend, strayed);
      const [p, q] = [gaps[i]!, gaps[i + 1]!];
      return { lower: sub(b, min(b, p, q), slack), upper: add(b, max(b, p, q), slack) };
    });
    return {
      lower: pieces.map(({ lower }) => lower).reduce((x, y) => min(b, x, y)),
      upper: pieces.map(({ upper }) => upper).reduce((x, y) => max(b, x, y)),
    };
  };
  return bestLines(b, smooth, span, rule, offsets);
}

/** Of what two lines differ by at an end of the box, the least share that a further slope must gain at the middle. */
const GAIN = 1e-3;

/**
 * Below and above, the line that is closest to the curve at the middle, of some slopes; `offsets` are sound for any.
 * All lines through one point of the middle tie there: the first is kept, lest rounding decide. A graph may choose any
 * slope between the least of them (0) and the greatest (1).
 */
export function bestLines(
  b: Builder,
  curve: Curve,
  span: Span,
  rule: SlopeRule,
  offsets: (slope: Value) => Interval,
): LinearBounds {
  if (typeof rule !== "string") {
    const slopes = likelySlopes(b, curve, span);
    const [least, most] = [min, max].map((pick) => slopes.reduce((x, y) => pick(b, x, y))) as [Value, Value];
    const chosen = (side: keyof Interval): Line => {
      const slope = add(b, least, mul(b, choiceOf(rule, side)!, sub(b, most, least)));
      return { slope, offset: offsets(slope)[side] };
    };
    return guarded(b, span, chosen("lower"), chosen("upper"));
  }
  const centre = middle(b, span.box);
  const share = scale(b, sub(b, span.box.upper, span.box.lower), GAIN);
  const lines = likelySlopes(b, curve, span).map((slope): Record<keyof Interval, Line> => {
    const { lower, upper } = offsets(slope);
    return { lower: { slope, offset: lower }, upper: { slope, offset: upper } };
  });
  const height = ({ slope, offset }: Line): Value => add(b, mul(b, slope, centre), offset);
  const best = (side: keyof Interval): Line =>
    lines
      .map((pair) => pair[side])
      .reduce((x, y) => {
        const gain = side === "lower" ? sub(b, height(y), height(x)) : sub(b, height(x), height(y));
        return selectLine(b, less(b, mul(b, abs(b, sub(b, y.slope, x.slope)), share), gain), y, x);
      });
  return guarded(b, span, best("lower"), best("upper"));
}

/** That of the tangent at the middle, the chord's, and those of the chords of both halves. */
function likelySlopes(b: Builder, curve: Curve, { box, ends, wide, chord }: Span): Value[] {
  const centre = middle(b, box);
  const y = curve.at(b, centre);
  const half = select(b, wide, scale(b, sub(b, box.upper, box.lower), 0.5), b.constant(1));
  const zero = b.constant(0);
  const halves = [sub(b, y, ends.lower), sub(b, ends.upper, y)].map((rise) =>
    div(b, select(b, wide, rise, zero), half),
  );
  return [curve.slope(b, centre, y), chord, ...halves];
}

/** The rule for −f by which `negated` lines are those that the rule means for f. */
export const mirroredRule = (rule: SlopeRule): SlopeRule =>
  typeof rule === "string" ? rule : { alpha: choiceOf(rule, "upper")!, upper: rule.alpha };

/** The lines of −f from those of f. */
export const negated = (b: Builder, { lower, upper }: LinearBounds): LinearBounds => {
  const flip = ({ slopes, offset }: LinearFunction): LinearFunction => ({
    slopes: slopes.map((slope) => slope && neg(b, slope)),
    offset: offset && neg(b, offset),
  });
  return { lower: flip(upper), upper: flip(lower) };
};
