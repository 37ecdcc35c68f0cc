/** @file Elementary functions of one operand, element-wise. */

import type { Builder, Value } from "../graph/types.ts";
import { constantRelax, curveOf, elementwiseVjp, noCotangent } from "./elementwise.ts";
import { KERNEL } from "./kernel-errors.ts";
import { choiceOf, defineOp, type Interval, isPoint, point } from "./op.ts";
import {
  concaveLines,
  convexLines,
  guarded,
  less,
  select,
  selectLine,
  spanOf,
  tangent,
  throughEnds,
  touchPoint,
} from "./relax-lines.ts";
import { reluBounds } from "./relu.ts";
import {
  abs,
  alwaysLinear,
  div,
  increasing,
  inferSame,
  mapElements,
  max,
  mul,
  neg,
  neverLinear,
  scale,
  sub,
} from "./rules.ts";
import { roundHalfEven } from "./special.ts";

const exact = { kind: "exact" } as const;

export const NON_NEGATIVE = [0, Number.POSITIVE_INFINITY] as const;

export const Neg = defineOp<"Neg">({
  name: "Neg",
  arity: 1,
  infer: inferSame,
  evaluate: mapElements((x) => -x),
  vjp: (b, _, dy) => [neg(b, dy)],
  linearity: alwaysLinear,
  interval: (b, [x]) => (isPoint(x!) ? point(neg(b, x!.lower)) : { lower: neg(b, x!.upper), upper: neg(b, x!.lower) }),
  relax: { unsupported: "linear: its vjp is its relaxation" },
  rounding: exact,
});

/** @source relax: |x| = 2·relu(x) − x, so Relu's lines and its choice of slope */
export const Abs = defineOp<"Abs">({
  name: "Abs",
  arity: 1,
  infer: inferSame,
  evaluate: mapElements(Math.abs),
  vjp: elementwiseVjp((b, x) => b.emit("Sign", [x])),
  linearity: neverLinear,
  interval: (b, [x]) => absInterval(b, x!),
  relax: (b, [x], _, rule) => {
    const { lower, upper } = reluBounds(b, x!, rule);
    const one = b.constant(1);
    return {
      lower: { slopes: [sub(b, scale(b, lower.slopes[0]!, 2), one)], offset: undefined },
      upper: { slopes: [sub(b, scale(b, upper.slopes[0]!, 2), one)], offset: scale(b, upper.offset!, 2) },
    };
  },
  kinks: () => [0],
  rounding: exact,
});

export function absInterval(b: Builder, x: Interval): Interval {
  if (isPoint(x)) return point(abs(b, x.lower));
  const below = neg(b, x.upper);
  return { lower: max(b, max(b, x.lower, below), b.constant(0)), upper: max(b, x.upper, neg(b, x.lower)) };
}

/** A monotone step function: zero derivative, constant bounds. */
const step = <K extends "Sign" | "Step" | "Floor" | "Ceil" | "Round">(name: K, f: (x: number) => number) =>
  defineOp<K>({
    name,
    arity: 1,
    infer: inferSame,
    evaluate: mapElements(f),
    vjp: noCotangent,
    linearity: neverLinear,
    interval: increasing(name),
    relax: constantRelax(increasing(name)),
    rounding: exact,
  });

export const Sign = step("Sign", Math.sign);
export const Step = step("Step", (x) => (x > 0 ? 1 : 0));
export const Floor = step("Floor", Math.floor);
export const Ceil = step("Ceil", Math.ceil);
export const Round = step("Round", roundHalfEven);

/**
 * The part of a box where x ≥ 0, for functions that are defined there: lines and slopes are taken of it, so that they are
 * numbers. A choice rather than a maximum, so that an infinite slope at 0 is dropped from a gradient, not multiplied by 0.
 */
export const onDomain = (b: Builder, { lower, upper }: Interval): Interval => {
  const zero = b.constant(0);
  const clamp = (end: Value): Value => select(b, less(b, zero, end), end, zero);
  return lower === upper ? point(lower) : { lower: clamp(lower), upper: clamp(upper) };
};

/** NaN at both ends where `inside` does not hold: the function is left to say anything there. */
export const definedWhere = (b: Builder, inside: Value, { lower, upper }: Interval): Interval => {
  const nothing = b.constant(Number.NaN);
  return { lower: select(b, inside, lower, nothing), upper: select(b, inside, upper, nothing) };
};

/** Image of the box under a function that is defined and finite for x ≥ 0, or for x > 0 alone. */
export function imageOnDomain(
  b: Builder,
  x: Interval,
  domain: "x ≥ 0" | "x > 0",
  image: (box: Interval) => Interval,
): Interval {
  if (isPoint(x)) return image(x);
  const inside = b.emit(domain === "x > 0" ? "Greater" : "GreaterOrEqual", [x.lower, b.constant(0)]);
  return definedWhere(b, inside, image(onDomain(b, x)));
}

const sqrtInterval = (b: Builder, [x]: readonly Interval[]): Interval =>
  imageOnDomain(b, x!, "x ≥ 0", (box) => increasing("Sqrt")(b, [box], {}));
const logInterval = (b: Builder, [x]: readonly Interval[]): Interval =>
  imageOnDomain(b, x!, "x > 0", (box) => increasing("Log")(b, [box], {}));
const sqrtSlope = (b: Builder, _: Value, y: Value) => div(b, b.constant(0.5), y);

export const Sqrt = defineOp<"Sqrt">({
  name: "Sqrt",
  arity: 1,
  infer: inferSame,
  evaluate: mapElements(Math.sqrt),
  vjp: elementwiseVjp(sqrtSlope),
  linearity: neverLinear,
  interval: sqrtInterval,
  relax: (b, [x], _, rule) => concaveLines(b, curveOf("Sqrt", sqrtSlope), onDomain(b, x!), rule),
  rounding: KERNEL.Sqrt,
  range: () => NON_NEGATIVE,
});

export const Exp = defineOp<"Exp">({
  name: "Exp",
  arity: 1,
  infer: inferSame,
  evaluate: mapElements(Math.exp),
  vjp: elementwiseVjp((_, __, y) => y),
  linearity: neverLinear,
  interval: increasing("Exp"),
  relax: (b, [x], _, rule) =>
    convexLines(
      b,
      curveOf("Exp", (__, ___, y) => y),
      x!,
      rule,
    ),
  rounding: KERNEL.Exp,
  range: () => NON_NEGATIVE,
});

const logSlope = (b: Builder, x: Value) => b.emit("Reciprocal", [x]);

export const Log = defineOp<"Log">({
  name: "Log",
  arity: 1,
  infer: inferSame,
  evaluate: mapElements(Math.log),
  vjp: elementwiseVjp(logSlope),
  linearity: neverLinear,
  interval: logInterval,
  relax: (b, [x], _, rule) => concaveLines(b, curveOf("Log", logSlope), onDomain(b, x!), rule),
  rounding: KERNEL.Log,
});

const reciprocal = (b: Builder, x: Value): Value => b.emit("Reciprocal", [x]);

export const Reciprocal = defineOp<"Reciprocal">({
  name: "Reciprocal",
  arity: 1,
  infer: inferSame,
  evaluate: mapElements((x) => 1 / x),
  vjp: elementwiseVjp((b, _, y) => neg(b, mul(b, y, y))),
  linearity: neverLinear,
  interval: (b, [x]) => reciprocalInterval(b, x!),
  relax: (b, [x], _, rule) => {
    const through = containsZero(b, x!);
    const box = awayFromZero(b, x!, through);
    const span = spanOf(b, reciprocal, box, reciprocalInterval(b, x!));
    const curve = { at: reciprocal, slope: (at: Builder, _: Value, y: Value) => neg(at, mul(at, y, y)) };
    const touch = (side: keyof Interval) => tangent(b, curve, touchPoint(b, box, choiceOf(rule, side)));
    const positive = less(b, b.constant(0), box.lower);
    const lower = selectLine(b, positive, touch("lower"), throughEnds(b, span, span.chord, "lower"));
    const upper = selectLine(b, positive, throughEnds(b, span, span.chord, "upper"), touch("upper"));
    return guarded(b, { ...span, wide: b.emit("And", [span.wide, b.emit("Not", [through])]) }, lower, upper);
  },
  rounding: KERNEL.Reciprocal,
});

export const containsZero = (b: Builder, { lower, upper }: Interval): Value =>
  b.emit("LessOrEqual", [mul(b, b.emit("Sign", [lower]), b.emit("Sign", [upper])), b.constant(0)]);

/** The box, or [1, 1] in place of one that contains 0, so that what is then not chosen is finite in its gradient too. */
const awayFromZero = (b: Builder, { lower, upper }: Interval, through: Value): Interval => ({
  lower: select(b, through, b.constant(1), lower),
  upper: select(b, through, b.constant(1), upper),
});

/** Undefined where the box contains 0. */
export function reciprocalInterval(b: Builder, x: Interval): Interval {
  if (isPoint(x)) return point(reciprocal(b, x.lower));
  const through = containsZero(b, x);
  const box = awayFromZero(b, x, through);
  const image = { lower: reciprocal(b, box.upper), upper: reciprocal(b, box.lower) };
  return definedWhere(b, b.emit("Not", [through]), image);
}

const TYPE_CASTS: Record<"float" | "int" | "bool", (x: number) => number> = {
  float: (x) => x,
  int: Math.trunc,
  bool: (x) => (x !== 0 ? 1 : 0),
};

/** float → int truncates towards zero; anything but 0 is true. */
export const Cast = defineOp<"Cast">({
  name: "Cast",
  arity: 1,
  infer: ([x], { to }) => ({ shape: x!.shape, dtype: to }),
  evaluate: ([x], { to }) => mapElements(TYPE_CASTS[to], to)([x!]),
  vjp: (_, { inputs: [x], attrs: { to } }, dy) => [x!.dtype === "float" && to === "float" ? dy : undefined],
  linearity: neverLinear,
  interval: (b, [x], { to }) => castInterval(b, x!, to),
  relax: (b, [x], { to }) => {
    if (x!.lower.dtype === "float" && to === "float") {
      const identity = { slopes: [b.constant(1)], offset: undefined };
      return { lower: identity, upper: identity };
    }
    const { lower, upper } = castInterval(b, x!, to);
    const asFloat = (value: Value): Value =>
      value.dtype === "float" ? value : b.emit("Cast", [value], { to: "float" });
    const slopes = [undefined];
    return { lower: { slopes, offset: asFloat(lower) }, upper: { slopes, offset: asFloat(upper) } };
  },
  rounding: exact,
});

/** All integers where an end is beyond 32 bits, which a file's own type may have: there, and of no number, a cast gives any. */
function integerInterval(b: Builder, { lower, upper }: Interval, at: (value: Value) => Value): Interval {
  const large = b.constant(2 ** 31);
  const fits = b.emit("And", [less(b, abs(b, lower), large), less(b, abs(b, upper), large)]);
  return {
    lower: at(select(b, fits, lower, b.constant(LEAST_INTEGER))),
    upper: at(select(b, fits, upper, b.constant(LARGEST_INTEGER))),
  };
}

/** −2⁶³, and the largest float32 below 2⁶³. */
const LEAST_INTEGER = -(2 ** 63);
const LARGEST_INTEGER = 2 ** 63 - 2 ** 39;

function castInterval(b: Builder, x: Interval, to: "float" | "int" | "bool"): Interval {
  if (to !== "bool" || x.lower.dtype === "bool" || isPoint(x)) {
    const at = (value: Value) => b.emit("Cast", [value], { to });
    if (isPoint(x)) return point(at(x.lower));
    if (to === "int" && x.lower.dtype === "float") return integerInterval(b, x, at);
    return { lower: at(x.lower), upper: at(x.upper) };
  }
  const zero = x.lower.dtype === "int" ? b.ints([0], []) : b.constant(0);
  const negative = b.emit("Less", [x.upper, zero]);
  const positive = b.emit("Greater", [x.lower, zero]);
  const both = b.emit("And", [b.emit("Equal", [x.lower, zero]), b.emit("Equal", [x.upper, zero])]);
  return { lower: b.emit("Or", [negative, positive]), upper: b.emit("Not", [both]) };
}
