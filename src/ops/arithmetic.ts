/** @file Element-wise arithmetic of two operands, with broadcasting. */

import type { Value } from "../graph/types.ts";
import { containsZero, definedWhere, NON_NEGATIVE } from "./elementary.ts";
import { choiceOf, defineOp, type Interval, isPoint } from "./op.ts";
import {
  add,
  additive,
  bilinear,
  div,
  hull,
  increasing,
  inferBroadcast,
  mapElements,
  max,
  mul,
  neg,
  neverLinear,
  scale,
  sub,
  unbroadcast,
} from "./rules.ts";

export const Add = defineOp<"Add">({
  name: "Add",
  arity: 2,
  infer: inferBroadcast(),
  evaluate: mapElements((x, y) => x + y),
  vjp: (b, { inputs, wanted }, dy) => inputs.map((x, i) => (wanted[i] ? unbroadcast(b, dy, x.shape) : undefined)),
  linearity: additive,
  interval: increasing("Add"),
  relax: { unsupported: "affine: its vjp is its relaxation" },
  rounding: { kind: "elementwise", ulps: 1 },
});

export const Sub = defineOp<"Sub">({
  name: "Sub",
  arity: 2,
  infer: inferBroadcast(),
  evaluate: mapElements((x, y) => x - y),
  vjp: (b, { inputs: [x, y], wanted }, dy) => [
    wanted[0] ? unbroadcast(b, dy, x!.shape) : undefined,
    wanted[1] ? neg(b, unbroadcast(b, dy, y!.shape)) : undefined,
  ],
  linearity: additive,
  interval: (b, [x, y]) => ({ lower: sub(b, x!.lower, y!.upper), upper: sub(b, x!.upper, y!.lower) }),
  relax: { unsupported: "affine: its vjp is its relaxation" },
  rounding: { kind: "elementwise", ulps: 1, magnitude: (b, [x, y]) => add(b, x!, y!) },
});

/**
 * @source relax: McCormick envelope (verification.md §3), one plane a side; a graph may choose any mixture with the other.
 */
export const Mul = defineOp<"Mul">({
  name: "Mul",
  arity: 2,
  infer: inferBroadcast(),
  evaluate: mapElements((x, y) => x * y),
  vjp: (b, { inputs: [x, y], wanted }, dy) => [
    wanted[0] ? unbroadcast(b, mul(b, dy, y!), x!.shape) : undefined,
    wanted[1] ? unbroadcast(b, mul(b, dy, x!), y!.shape) : undefined,
  ],
  linearity: bilinear,
  interval: (b, [x, y]) => {
    if (isPoint(x!) && isPoint(y!)) return increasing("Mul")(b, [x!, y!], {});
    if (isPoint(x!)) return hull(b, [mul(b, x!.lower, y!.lower), mul(b, x!.lower, y!.upper)]);
    if (isPoint(y!)) return hull(b, [mul(b, x!.lower, y!.lower), mul(b, x!.upper, y!.lower)]);
    const ends = (i: Interval) => [i.lower, i.upper];
    if (x!.lower === y!.lower && x!.upper === y!.upper) {
      const squares = hull(
        b,
        ends(x!).map((end) => mul(b, end, end)),
      );
      // 0 where the interval contains 0: then l·u ≤ 0
      const mixed = mul(b, x!.lower, x!.upper);
      return { lower: max(b, b.constant(0), mul(b, squares.lower, b.emit("Step", [mixed]))), upper: squares.upper };
    }
    return hull(
      b,
      ends(x!).flatMap((p) => ends(y!).map((q) => mul(b, p, q))),
    );
  },
  relax: (b, [x, y], _, rule) => {
    const plane = (p: Value, q: Value, choice: Value | undefined, to: readonly [Value, Value]) => {
      const mixed = (from: Value, other: Value) => (choice ? add(b, from, mul(b, choice, sub(b, other, from))) : from);
      return {
        slopes: [mixed(q, to[1]), mixed(p, to[0])],
        offset: neg(b, mixed(mul(b, p, q), mul(b, to[0], to[1]))),
      };
    };
    return {
      lower: plane(x!.lower, y!.lower, choiceOf(rule, "lower"), [x!.upper, y!.upper]),
      upper: plane(x!.lower, y!.upper, choiceOf(rule, "upper"), [x!.upper, y!.lower]),
    };
  },
  rounding: { kind: "elementwise", ulps: 1 },
  range: ({ inputs: [x, y] }) => (x === y ? NON_NEGATIVE : undefined),
});

export const Div = defineOp<"Div">({
  name: "Div",
  arity: 2,
  infer: inferBroadcast(),
  evaluate: mapElements((x, y) => x / y),
  vjp: (b, { inputs: [x, y], output, wanted }, dy) => [
    wanted[0] ? unbroadcast(b, div(b, dy, y!), x!.shape) : undefined,
    wanted[1] ? unbroadcast(b, neg(b, mul(b, dy, div(b, output, y!))), y!.shape) : undefined,
  ],
  linearity: ([, denominator]) => (denominator ? "none" : "linear"),
  interval: (b, [x, y]) => {
    const ends = hull(b, [
      div(b, x!.lower, y!.lower),
      div(b, x!.upper, y!.lower),
      div(b, x!.lower, y!.upper),
      div(b, x!.upper, y!.upper),
    ]);
    if (isPoint(y!)) return ends;
    return definedWhere(b, b.emit("Not", [containsZero(b, y!)]), ends);
  },
  relax: { unsupported: "the denominator varies: import writes x/y as x·(1/y)" },
  expand: (b, [x, y]) => mul(b, x!, b.emit("Reciprocal", [y!])),
  rounding: { kind: "elementwise", ulps: 1 },
});

/** 1 where x wins, ½ where they tie, so that the cotangents of Max and Min sum to dy. */
const winner = (b: Parameters<typeof add>[0], x: Parameters<typeof add>[1], y: Parameters<typeof add>[1]) =>
  scale(b, add(b, b.emit("Sign", [sub(b, x, y)]), b.constant(1)), 0.5);

export const Max = defineOp<"Max">({
  name: "Max",
  arity: 2,
  infer: inferBroadcast(),
  evaluate: mapElements(Math.max),
  vjp: (b, { inputs: [x, y], wanted }, dy) => [
    wanted[0] ? unbroadcast(b, mul(b, dy, winner(b, x!, y!)), x!.shape) : undefined,
    wanted[1] ? unbroadcast(b, mul(b, dy, winner(b, y!, x!)), y!.shape) : undefined,
  ],
  linearity: neverLinear,
  interval: increasing("Max"),
  relax: { unsupported: "max(x, y) = y + relu(x − y)" },
  expand: (b, [x, y]) => add(b, y!, b.emit("Relu", [sub(b, x!, y!)])),
  rounding: { kind: "exact" },
});

export const Min = defineOp<"Min">({
  name: "Min",
  arity: 2,
  infer: inferBroadcast(),
  evaluate: mapElements(Math.min),
  vjp: (b, { inputs: [x, y], wanted }, dy) => [
    wanted[0] ? unbroadcast(b, mul(b, dy, winner(b, y!, x!)), x!.shape) : undefined,
    wanted[1] ? unbroadcast(b, mul(b, dy, winner(b, x!, y!)), y!.shape) : undefined,
  ],
  linearity: neverLinear,
  interval: increasing("Min"),
  relax: { unsupported: "min(x, y) = x − relu(x − y)" },
  expand: (b, [x, y]) => sub(b, x!, b.emit("Relu", [sub(b, x!, y!)])),
  rounding: { kind: "exact" },
});
