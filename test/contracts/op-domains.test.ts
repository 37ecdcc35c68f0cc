/**
 * @file Where an op is not defined, and what becomes of it: a box that leaves the domain has no ends, a box inside has
 * finite ones, and no op makes a claim of an operand of which nothing is known.
 */

import { describe, expect, test } from "vitest";
import type { Builder, Value } from "../../src/graph/types.ts";
import { builder } from "../../src/ops/index.ts";
import type { Arithmetic } from "../../src/spec/types.ts";
import { interval } from "../../src/transforms/interval.ts";
import { inRuntime, tensorOf } from "./op-bench.ts";

const ARITHMETICS: readonly Arithmetic[] = ["float32", "real"];

type Net = (b: Builder, x: Value) => Value;

/** The box of a network of one input over boxes [lower, upper], marked where nothing is known. */
async function imageOfBoxes(net: Net, boxes: readonly (readonly [number, number])[], arithmetic: Arithmetic) {
  const b = builder();
  const [x, lower, upper] = [b.input("x", ["N", 1]), b.input("lower", ["N", 1]), b.input("upper", ["N", 1])];
  const y = net(b, x);
  const box = interval(b, [y], new Map([[x as Value, { lower, upper }]]), { arithmetic, marked: true }).get(y)!;
  const ends = (k: 0 | 1) =>
    tensorOf(
      "float",
      [boxes.length, 1],
      boxes.map((pair) => pair[k]),
    );
  const found = await inRuntime(
    { low: box.lower, high: box.upper },
    new Map([
      ["lower", ends(0)],
      ["upper", ends(1)],
    ]),
  );
  return boxes.map((_, i) => [found.get("low")!.data[i]!, found.get("high")!.data[i]!] as const);
}

/** Least normal number of float32. */
const TINY = 2 ** -126;

/** Functions of part of the line: boxes that leave it, and boxes inside. */
const partial: Readonly<Record<string, { net: Net; leave: [number, number][]; inside: [number, number][] }>> = {
  "√x": {
    net: (b, x) => b.emit("Sqrt", [x]),
    leave: [
      [-1, 1],
      [-TINY, 4],
      [-3, -2],
      [-1e-3, 0],
    ],
    inside: [
      [0, 1],
      [0, 0],
      [TINY, 9],
      [1e20, 1e30],
    ],
  },
  "ln x": {
    net: (b, x) => b.emit("Log", [x]),
    leave: [
      [-1, 1],
      [0, 1],
      [-TINY, 4],
      [-3, -2],
      [0, 0],
    ],
    inside: [
      [TINY, 1],
      [1, 1],
      [1e-3, 9],
    ],
  },
  "1/x": {
    net: (b, x) => b.emit("Reciprocal", [x]),
    leave: [
      [-1, 1],
      [0, 1],
      [-1, 0],
      [0, 0],
      [-TINY, TINY],
    ],
    inside: [
      [1e-20, 1],
      [-3, -1e-20],
      [2, 2],
    ],
  },
  "1 divided by x": {
    net: (b, x) => b.emit("Div", [b.constant(1), x]),
    leave: [
      [-1, 1],
      [0, 1],
      [-1, 0],
      [0, 0],
    ],
    inside: [
      [1e-20, 1],
      [-3, -1e-20],
    ],
  },
  "x divided by x": {
    net: (b, x) => b.emit("Div", [x, x]),
    leave: [
      [-1, 1],
      [0, 1],
      [0, 0],
    ],
    inside: [[1, 2]],
  },
  "x^½": {
    net: (b, x) => b.emit("Pow", [x, b.constant(0.5)]),
    leave: [
      [-1, 1],
      [-TINY, 4],
      [-3, -2],
    ],
    inside: [
      [0, 1],
      [1, 9],
    ],
  },
  "x^−½": {
    net: (b, x) => b.emit("Pow", [x, b.constant(-0.5)]),
    leave: [
      [-1, 1],
      [0, 1],
      [-3, -2],
    ],
    inside: [
      [1e-3, 1],
      [1, 9],
    ],
  },
  "x^−2": {
    net: (b, x) => b.emit("Pow", [x, b.constant(-2)]),
    leave: [
      [-1, 1],
      [0, 1],
      [-1, 0],
    ],
    inside: [
      [1e-3, 1],
      [-9, -1e-3],
    ],
  },
  "x^x": {
    net: (b, x) => b.emit("Pow", [x, x]),
    leave: [
      [-1, 1],
      [-2, -1],
    ],
    inside: [[0.5, 2]],
  },
  "the arc of a sine": {
    net: (b, x) => b.emit("Asin", [x]),
    leave: [
      [-1.2, 0],
      [0.5, 1.1],
      [2, 3],
    ],
    inside: [
      [-1, 1],
      [0.2, 0.5],
    ],
  },
  "eˣ, which overflows": {
    net: (b, x) => b.emit("Exp", [x]),
    leave: [
      [0, 100],
      [89, 90],
    ],
    inside: [[-200, 80]],
  },
  "eˣ − eˣ": {
    net: (b, x) => b.emit("Sub", [b.emit("Exp", [x]), b.emit("Exp", [x])]),
    leave: [[0, 100]],
    inside: [[-3, 3]],
  },
  "x·10³⁰·10³⁰": {
    net: (b, x) => b.emit("Mul", [b.emit("Mul", [x, b.constant(1e30)]), b.constant(1e30)]),
    leave: [[-1, 1]],
    inside: [[0, 1e-30]],
  },
};

describe.each(Object.entries(partial))("%s", (name, { net, leave, inside }) => {
  test.each(ARITHMETICS)("in %s arithmetic has no ends for a box that leaves its domain", async (arithmetic) => {
    // over the reals nothing overflows in a product
    if (arithmetic === "real" && name.startsWith("x·10")) return;
    for (const [i, ends] of (await imageOfBoxes(net, leave, arithmetic)).entries())
      expect(ends, `${leave[i]}`).toEqual([Number.NaN, Number.NaN]);
  });

  test.each(ARITHMETICS)("in %s arithmetic has finite ends for a box inside", async (arithmetic) => {
    for (const [i, ends] of (await imageOfBoxes(net, inside, arithmetic)).entries())
      expect(ends.every(Number.isFinite), `${inside[i]}: ${ends}`).toBe(true);
  });
});

/** [x, 1]. */
const beside = (b: Builder, x: Value): Value =>
  b.emit("Concat", [x, b.emit("Add", [b.emit("Mul", [x, b.constant(0)]), b.constant(1)])], { axis: 1 });

/** What answers within limits whatever it is given, and so could hide that. */
const squashing: Readonly<Record<string, Net>> = {
  clip: (b, x) => b.emit("Clip", [x], { min: 0, max: 1 }),
  sign: (b, x) => b.emit("Sign", [x]),
  step: (b, x) => b.emit("Step", [x]),
  sigmoid: (b, x) => b.emit("Sigmoid", [x]),
  tanh: (b, x) => b.emit("Tanh", [x]),
  sine: (b, x) => b.emit("Sin", [x]),
  erf: (b, x) => b.emit("Erf", [x]),
  softsign: (b, x) => b.emit("Softsign", [x]),
  softmax: (b, x) =>
    b.emit("ReduceMax", [b.emit("Softmax", [beside(b, x)], { axis: 1 })], { axes: [1], keepdims: true }),
  "minimum of its ReLU and 1": (b, x) => b.emit("Min", [b.emit("Relu", [x]), b.constant(1)]),
  "ReLU of minus its ReLU": (b, x) => b.emit("Relu", [b.emit("Neg", [b.emit("Relu", [x])])]),
  "the larger of it and a number, clipped": (b, x) =>
    b.emit("Clip", [b.emit("ReduceMax", [beside(b, x)], { axes: [1], keepdims: true })], { min: 0, max: 1 }),
  rounded: (b, x) => b.emit("Clip", [b.emit("Round", [x])], { min: 0, max: 1 }),
  "1/(1 + e⁻ˣ)": (b, x) => b.emit("Reciprocal", [b.emit("Add", [b.emit("Exp", [b.emit("Neg", [x])]), b.constant(1)])]),
};

describe.each(Object.entries(squashing))("%s", (_, net) => {
  test.each(ARITHMETICS)("of what may be no number is of nothing known, in %s arithmetic", async (arithmetic) => {
    expect.hasAssertions();
    const spoilt: readonly Net[] = [
      (b, x) => b.emit("Sqrt", [x]),
      (b, x) => b.emit("Log", [x]),
      (b, x) => b.emit("Reciprocal", [x]),
    ];
    for (const inner of spoilt) {
      const [ends, inside] = await imageOfBoxes(
        (b, x) => net(b, inner(b, x)),
        [
          [-0.1, 0.5],
          [0.25, 0.5],
        ],
        arithmetic,
      );
      expect(ends).toEqual(ends!.map(() => Number.NaN));
      expect(inside!.every(Number.isFinite)).toBe(true);
    }
  });
});
