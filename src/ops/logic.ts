/** @file Comparisons, logic and choice. Bools are ordered false < true, so an interval of bools says what is certain. */

import type { Builder, Value } from "../graph/types.ts";
import { noCotangent } from "./elementwise.ts";
import { defineOp, type Interval, isPoint, type Linearity, point, unsupported } from "./op.ts";
import {
  constantBounds,
  hull,
  increasing,
  inferBroadcast,
  inferSame,
  mapElements,
  neverLinear,
  unbroadcast,
} from "./rules.ts";

const exact = { kind: "exact" } as const;
const isBool = unsupported("a bool has no linear bounds: Where and Cast, which use it, read its interval");

type Comparison = "Equal" | "Greater" | "Less" | "GreaterOrEqual" | "LessOrEqual";

/** A comparison; `certain` and `possible` are its interval for boxes. */
const comparison = <K extends Comparison>(
  name: K,
  holds: (x: number, y: number) => boolean,
  ends: (b: Builder, x: Interval, y: Interval) => Interval,
) =>
  defineOp<K>({
    name,
    arity: 2,
    infer: inferBroadcast("bool"),
    evaluate: mapElements((x, y) => (holds(x, y) ? 1 : 0), "bool"),
    vjp: noCotangent,
    linearity: neverLinear,
    interval: (b, [x, y]) => ends(b, x!, y!),
    relax: isBool,
    rounding: exact,
  });

/** Certain where even the worst ends compare so, possible where the best do. */
const ordered =
  (op: Exclude<Comparison, "Equal">, larger: boolean) =>
  (b: Builder, x: Interval, y: Interval): Interval => {
    const [low, high] = larger ? ([x.lower, x.upper] as const) : ([x.upper, x.lower] as const);
    const [worst, best] = larger ? ([y.upper, y.lower] as const) : ([y.lower, y.upper] as const);
    return { lower: b.emit(op, [low, worst]), upper: b.emit(op, [high, best]) };
  };

export const Greater = comparison("Greater", (x, y) => x > y, ordered("Greater", true));
export const GreaterOrEqual = comparison("GreaterOrEqual", (x, y) => x >= y, ordered("GreaterOrEqual", true));
export const Less = comparison("Less", (x, y) => x < y, ordered("Less", false));
export const LessOrEqual = comparison("LessOrEqual", (x, y) => x <= y, ordered("LessOrEqual", false));

const and = (b: Builder, x: Value, y: Value): Value => b.emit("And", [x, y]);

/** Certain when both operands are the same number, possible when the boxes meet. */
export const Equal = comparison(
  "Equal",
  (x, y) => x === y,
  (b, x, y) => {
    if (isPoint(x) && isPoint(y)) return point(b.emit("Equal", [x.lower, y.lower]));
    if (x.lower.dtype === "bool") {
      const same = (p: Value, q: Value) => b.emit("Equal", [p, q]);
      const fixed = and(b, same(x.lower, x.upper), same(y.lower, y.upper));
      const equal = same(x.lower, y.lower);
      return { lower: and(b, fixed, equal), upper: b.emit("Or", [b.emit("Not", [fixed]), equal]) };
    }
    const atMost = (p: Value, q: Value) => b.emit("LessOrEqual", [p, q]);
    return {
      lower: and(b, atMost(x.upper, y.lower), atMost(y.upper, x.lower)),
      upper: and(b, atMost(x.lower, y.upper), atMost(y.lower, x.upper)),
    };
  },
);

const connective = <K extends "And" | "Or">(name: K, f: (x: number, y: number) => number) =>
  defineOp<K>({
    name,
    arity: 2,
    infer: inferBroadcast("bool"),
    evaluate: mapElements(f, "bool"),
    vjp: noCotangent,
    linearity: neverLinear,
    interval: increasing(name),
    relax: isBool,
    rounding: exact,
  });

export const And = connective("And", (x, y) => x & y);
export const Or = connective("Or", (x, y) => x | y);

export const Not = defineOp<"Not">({
  name: "Not",
  arity: 1,
  infer: inferSame,
  evaluate: mapElements((x) => 1 - x),
  vjp: noCotangent,
  linearity: neverLinear,
  interval: (b, [x]) => {
    const not = (value: Value) => b.emit("Not", [value]);
    return isPoint(x!) ? point(not(x!.lower)) : { lower: not(x!.upper), upper: not(x!.lower) };
  },
  relax: isBool,
  rounding: exact,
});

/** A choice by a known condition is linear in both branches. */
const chooses = ([condition, x, y]: readonly boolean[]): Linearity =>
  condition ? "none" : x && y ? "linear" : "affine";

/** Both ends where the condition is not certain. */
function whereInterval(b: Builder, [c, x, y]: readonly Interval[]): Interval {
  const choose = (condition: Value, p: Value, q: Value) => b.emit("Where", [condition, p, q]);
  if (isPoint(c!)) {
    if (isPoint(x!) && isPoint(y!)) return point(choose(c!.lower, x!.lower, y!.lower));
    return { lower: choose(c!.lower, x!.lower, y!.lower), upper: choose(c!.lower, x!.upper, y!.upper) };
  }
  const open =
    x!.lower.dtype === "bool"
      ? { lower: b.emit("And", [x!.lower, y!.lower]), upper: b.emit("Or", [x!.upper, y!.upper]) }
      : { lower: hull(b, [x!.lower, y!.lower]).lower, upper: hull(b, [x!.upper, y!.upper]).upper };
  const end = (side: keyof Interval) => choose(c!.lower, x![side], choose(c!.upper, open[side], y![side]));
  return { lower: end("lower"), upper: end("upper") };
}

/** condition ? x : y, element-wise with broadcasting. */
export const Where = defineOp<"Where">({
  name: "Where",
  arity: 3,
  infer: inferBroadcast(),
  evaluate: mapElements((condition, x, y) => (condition ? x : y)),
  vjp: (b, { inputs: [c, x, y], wanted }, dy) => [
    undefined,
    wanted[1] ? unbroadcast(b, b.emit("Where", [c!, dy, b.constant(0)]), x!.shape) : undefined,
    wanted[2] ? unbroadcast(b, b.emit("Where", [c!, b.constant(0), dy]), y!.shape) : undefined,
  ],
  linearity: chooses,
  interval: whereInterval,
  // the branch itself where the condition is certain, constants elsewhere
  relax: (b, x) => {
    const [c, branch] = x;
    const image = whereInterval(b, x);
    if (branch!.lower.dtype !== "float") return constantBounds(image, 3);
    const asFloat = (value: Value) => b.emit("Cast", [value], { to: "float" });
    const taken = asFloat(c!.lower);
    const refused = asFloat(b.emit("Not", [c!.upper]));
    const open = b.emit("And", [b.emit("Not", [c!.lower]), c!.upper]);
    const slopes = [undefined, taken, refused];
    const offset = (value: Value) => b.emit("Where", [open, value, b.constant(0)]);
    return { lower: { slopes, offset: offset(image.lower) }, upper: { slopes, offset: offset(image.upper) } };
  },
  rounding: exact,
});
