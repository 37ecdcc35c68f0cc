/** @file Smooth activations: S-shaped ones, Softplus, Elu and Gelu. */

import { ShapeError } from "../graph/dims.ts";
import type { Builder, Value } from "../graph/types.ts";
import { holds } from "./activation.ts";
import { NON_NEGATIVE } from "./elementary.ts";
import { constantRelax, curveOf, elementwiseVjp } from "./elementwise.ts";
import { ELU_STEEPEST, KERNEL, QUARTER_TURN } from "./kernel-errors.ts";
import { defineOp, type Interval, isPoint, point } from "./op.ts";
import {
  bounds,
  type Curve,
  convexLines,
  type Line,
  less,
  sampledLines,
  select,
  selectLine,
  sShapedLines,
} from "./relax-lines.ts";
import { reluBounds } from "./relu.ts";
import {
  abs,
  add,
  div,
  hull,
  increasing,
  inferSame,
  mapElements,
  max,
  min,
  mul,
  neverLinear,
  scale,
  sub,
} from "./rules.ts";
import { erf, GELU_CUBIC, GELU_SCALE, gelu, sigmoid, softplus } from "./special.ts";

/**
 * Convex left of 0, concave right of it, increasing.
 *
 * The derivative has two forms: of the result, which costs little and, being one square, has an exact range over a box;
 * and of the operand, with a small relative error in the tails too, where a tangent's slope is stretched over a wide box.
 */
const sShaped = <K extends "Sigmoid" | "Tanh" | "Softsign" | "Erf" | "Atan">(
  name: K,
  f: (x: number) => number,
  derivative: Curve["slope"],
  slope: (b: Builder, x: Value) => Value,
  range: readonly [least: number, most: number] = [-1, 1],
) =>
  defineOp<K>({
    name,
    arity: 1,
    infer: inferSame,
    evaluate: mapElements(f),
    vjp: elementwiseVjp(derivative),
    linearity: neverLinear,
    interval: increasing(name),
    relax: (b, [x], _, rule) => sShapedLines(b, curveOf(name, slope), x!, rule),
    rounding: KERNEL[name],
    range: () => range,
  });

const one = (b: Builder): Value => b.constant(1);
const square = (b: Builder, x: Value): Value => mul(b, x, x);
const decay = (b: Builder, x: Value, rate: number): Value => b.emit("Exp", [scale(b, b.emit("Abs", [x]), -rate)]);

/** e^−|x|/(1 + e^−|x|)², the derivative of Sigmoid. */
function logisticBell(b: Builder, x: Value, rate = 1): Value {
  const e = decay(b, x, rate);
  return div(b, e, square(b, add(b, one(b), e)));
}

/** y·(1 − y) is ¼ − (y − ½)². */
export const Sigmoid = sShaped(
  "Sigmoid",
  sigmoid,
  (b, _, y) => sub(b, b.constant(0.25), square(b, sub(b, y, b.constant(0.5)))),
  (b, x) => logisticBell(b, x),
  [0, 1],
);

export const Tanh = sShaped(
  "Tanh",
  Math.tanh,
  (b, _, y) => sub(b, one(b), square(b, y)),
  (b, x) => scale(b, logisticBell(b, x, 2), 4),
);

/** x/(1 + |x|), with derivative 1/(1 + |x|)² = (1 − |y|)². */
export const Softsign = sShaped(
  "Softsign",
  (x) => x / (1 + Math.abs(x)),
  (b, _, y) => square(b, sub(b, one(b), b.emit("Abs", [y]))),
  (b, x) => square(b, b.emit("Reciprocal", [add(b, one(b), b.emit("Abs", [x]))])),
);

const witch = (b: Builder, x: Value): Value => b.emit("Reciprocal", [add(b, one(b), square(b, x))]);

/** With derivative 1/(1 + x²). */
export const Atan = sShaped("Atan", Math.atan, witch, witch, QUARTER_TURN);

/** e^(−x²)·factor, the bell of Erf and Gelu. */
const bell = (b: Builder, x: Value, width: number, factor: number): Value =>
  scale(b, b.emit("Exp", [scale(b, square(b, x), -width)]), factor);

const erfSlope = (b: Builder, x: Value): Value => bell(b, x, 1, 2 / Math.sqrt(Math.PI));

export const Erf = sShaped("Erf", erf, erfSlope, erfSlope);

/** Sigmoid with a small relative error in its left tail, which the kernel cuts off. */
function sigmoidOf(b: Builder, x: Value): Value {
  const e = decay(b, x, 1);
  return div(b, select(b, less(b, x, b.constant(0)), e, one(b)), add(b, one(b), e));
}

/** ln(1 + eˣ). */
export const Softplus = defineOp<"Softplus">({
  name: "Softplus",
  arity: 1,
  infer: inferSame,
  evaluate: mapElements(softplus),
  vjp: elementwiseVjp((b, x) => b.emit("Sigmoid", [x])),
  linearity: neverLinear,
  interval: increasing("Softplus"),
  relax: (b, [x], _, rule) => convexLines(b, curveOf("Softplus", sigmoidOf), x!, rule),
  rounding: KERNEL.Softplus,
  range: () => NON_NEGATIVE,
});

// ---------------------------------------------------------------- Elu

/** 1 right of 0, α·eˣ left of it. */
const eluSlope = (b: Builder, x: Value, alpha: number): Value => {
  const active = b.emit("Step", [x]);
  const left = scale(b, b.emit("Exp", [min(b, x, b.constant(0))]), alpha);
  return add(b, active, mul(b, sub(b, one(b), active), left));
};

const eluInterval = (b: Builder, [x]: readonly Interval[], { alpha }: { alpha: number }): Interval => {
  const at = (v: Value) => b.emit("Elu", [v], { alpha });
  if (isPoint(x!)) return point(at(x!.lower));
  if (alpha >= 0) return { lower: at(x!.lower), upper: at(x!.upper) };
  // decreasing to 0 at 0, then increasing
  const ends = hull(b, [at(x!.lower), at(x!.upper)]);
  return { lower: select(b, holds(b, x!, 0), b.constant(0), ends.lower), upper: ends.upper };
};

/**
 * x right of 0, α·(eˣ − 1) left of it.
 *
 * Convex for 0 ≤ α ≤ 1; for α > 1 the kink at 0 bends the other way and the curve is S-shaped.
 */
export const Elu = defineOp<"Elu">({
  name: "Elu",
  arity: 1,
  infer: ([x], { alpha }) => {
    if (!(Math.abs(alpha) <= ELU_STEEPEST))
      throw new ShapeError(`alpha must lie within ±${ELU_STEEPEST}, got ${alpha}`);
    return { shape: x!.shape, dtype: x!.dtype };
  },
  evaluate: ([x], { alpha }) => mapElements((v) => (v > 0 ? v : alpha * Math.expm1(v)))([x!]),
  vjp: elementwiseVjp((b, x, _, { alpha }) => eluSlope(b, x, alpha)),
  linearity: neverLinear,
  interval: eluInterval,
  relax: (b, x, attrs, rule) => {
    if (attrs.alpha < 0) return constantRelax(eluInterval)(b, x, attrs, rule);
    const curve: Curve = { at: (at, v) => at.emit("Elu", [v], attrs), slope: (at, v) => eluSlope(at, v, attrs.alpha) };
    return attrs.alpha <= 1 ? convexLines(b, curve, x[0]!, rule) : sShapedLines(b, curve, x[0]!, rule);
  },
  rounding: KERNEL.Elu,
});

// ---------------------------------------------------------------- Gelu

/**
 * Where x·Φ(x) is least, and a value just below its least; the two forms differ in the fourth digit.
 * Derivatives: max|f′| ≈ 1.1290 for both, rounded up; f″ = φ(x)·(2 − x²), from which that of the tanh form is never as
 * far as `stray`.
 */
const GELU_SHAPE = {
  none: { argmin: -0.751791524693564, least: -0.1699712074799037, steepest: 1.13, stray: 1e-6 },
  tanh: { argmin: -0.7524610000751485, least: -0.1700407505712158, steepest: 1.13, stray: 0.002 },
} as const;

type GeluAttrs = { readonly approximate: "none" | "tanh" };

const emitGelu = (b: Builder, x: Value, attrs: GeluAttrs): Value => b.emit("Gelu", [x], attrs);

/** Decreasing to its least value, then increasing. */
function geluInterval(b: Builder, x: Interval, attrs: GeluAttrs): Interval {
  if (isPoint(x)) return point(emitGelu(b, x.lower, attrs));
  const { argmin, least } = GELU_SHAPE[attrs.approximate];
  const ends = hull(b, [emitGelu(b, x.lower, attrs), emitGelu(b, x.upper, attrs)]);
  return { lower: select(b, holds(b, x, argmin), b.constant(least), ends.lower), upper: ends.upper };
}

/** Φ(x) + x·φ(x), or the derivative of the tanh form. */
function geluSlope(b: Builder, x: Value, { approximate }: GeluAttrs): Value {
  if (approximate === "none") {
    const cdf = scale(b, add(b, b.emit("Erf", [scale(b, x, Math.SQRT1_2)]), one(b)), 0.5);
    return add(b, cdf, mul(b, x, bell(b, x, 0.5, 1 / Math.sqrt(2 * Math.PI))));
  }
  const squared = square(b, x);
  const inner = mul(b, scale(b, x, GELU_SCALE), add(b, scale(b, squared, GELU_CUBIC), one(b)));
  const t = b.emit("Tanh", [inner]);
  const rate = scale(b, add(b, scale(b, squared, 3 * GELU_CUBIC), one(b)), GELU_SCALE);
  const half = scale(b, add(b, t, one(b)), 0.5);
  return add(b, half, mul(b, scale(b, x, 0.5), mul(b, sub(b, one(b), square(b, t)), rate)));
}

/** At least max|φ(x)·(2 − x²)| over a box, and `stray` more: φ is largest nearest to 0, 2 − x² extreme at the ends of |x|. */
function geluCurvature(b: Builder, { lower, upper }: Interval, stray: number): Value {
  const nearest = max(b, max(b, lower, scale(b, upper, -1)), b.constant(0));
  const furthest = max(b, abs(b, lower), abs(b, upper));
  const bent = (x: Value) => abs(b, sub(b, b.constant(2), square(b, x)));
  const most = mul(b, bell(b, nearest, 0.5, 1 / Math.sqrt(2 * Math.PI)), max(b, bent(nearest), bent(furthest)));
  return add(b, min(b, most, b.constant(0.8)), b.constant(stray));
}

/** Boxes wider than this are bounded through Relu: relu(x) − 0.17 ≤ gelu(x) ≤ relu(x) bends less than the samples miss. */
const GELU_WIDE = 12;

/** x·Φ(x), Φ the normal distribution function (Hendrycks and Gimpel 2016, arXiv:1606.08415). */
export const Gelu = defineOp<"Gelu">({
  name: "Gelu",
  arity: 1,
  infer: inferSame,
  evaluate: ([x], { approximate }) => mapElements((v) => gelu(v, approximate))([x!]),
  vjp: elementwiseVjp((b, x, _, attrs) => geluSlope(b, x, attrs)),
  linearity: neverLinear,
  interval: (b, [x], attrs) => geluInterval(b, x!, attrs),
  relax: (b, [x], attrs, rule) => {
    const shape = GELU_SHAPE[attrs.approximate];
    const smooth = {
      at: (at: Builder, v: Value) => emitGelu(at, v, attrs),
      slope: (at: Builder, v: Value) => geluSlope(at, v, attrs),
      steepest: shape.steepest,
      curvature: (at: Builder, box: Interval) => geluCurvature(at, box, shape.stray),
    };
    const sampled = sampledLines(b, smooth, x!, geluInterval(b, x!, attrs), rule);
    const relu = reluBounds(b, x!, rule);
    const wide = less(b, b.constant(GELU_WIDE), sub(b, x!.upper, x!.lower));
    const line = ({ slopes, offset }: typeof sampled.lower): Line => ({
      slope: slopes[0]!,
      offset: offset ?? b.constant(0),
    });
    const below = { slope: relu.lower.slopes[0]!, offset: b.constant(shape.least) };
    return bounds(
      selectLine(b, wide, below, line(sampled.lower)),
      selectLine(b, wide, line(relu.upper), line(sampled.upper)),
    );
  },
  rounding: KERNEL.Gelu,
});
