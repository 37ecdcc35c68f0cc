import { afterAll, describe, expect, test } from "vitest";
import { float32Tensor, floatTensor } from "../graph/tensor.ts";
import { makeGraph } from "../graph/traverse.ts";
import type { Builder, Graph, Tensor, Value } from "../graph/types.ts";
import { evaluateGraph } from "../ops/evaluate.ts";
import { builder } from "../ops/index.ts";
import type { Interval } from "../ops/op.ts";
import { simplify } from "../ops/simplify.ts";
import { createRuntime } from "../runtime/node.ts";
import { interval } from "./interval.ts";
import { backwardBoxes, type Domain, linearBounds } from "./relax/index.ts";
import { gamma } from "./rounding.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const vector = (...values: number[]): Tensor => float32Tensor([1, values.length], Float32Array.from(values));

interface Boxed {
  readonly inputs: Graph["inputs"];
  readonly x: Value;
  readonly box: Interval;
}

function boxed(b: Builder, size: number): Boxed {
  const [x, lower, upper] = [b.input("x", ["N", size]), b.input("lower", ["N", size]), b.input("upper", ["N", size])];
  return { inputs: [lower, upper], x, box: { lower, upper } };
}

async function run(graph: Graph, feeds: Record<string, Tensor>): Promise<Record<string, number[]>> {
  const session = await runtime.compile(simplify(graph), { float: "float32" });
  const wanted = Object.fromEntries(session.inputs.map(({ name }) => [name, feeds[name]!]));
  return Object.fromEntries(Object.entries(await session.run(wanted)).map(([name, { data }]) => [name, [...data]]));
}

type Net = (b: Builder, x: Value) => Value;

/** Default bounds of every element of a network's output, by intervals and backwards, over a box in float32. */
async function bounds(net: Net, lower: Tensor, upper: Tensor, ball?: (b: Builder) => NonNullable<Domain["ball"]>) {
  const b = builder();
  const { inputs, x, box } = boxed(b, lower.shape[1]!);
  const y = net(b, x);
  const image = interval(b, [y], new Map([[x, box]])).get(y)!;
  const domains = new Map([[x, { box, ...(ball && { ball: ball(b) }) }]]);
  const lines = linearBounds(b, y, { kind: "all" }, domains, backwardBoxes(b, y, domains), { twoSided: true });
  const outputs = { low: image.lower, high: image.upper, from: lines.lower, to: lines.upper! };
  const graph = makeGraph(
    inputs,
    Object.entries(outputs).map(([name, value]) => ({ name, value })),
  );
  return await run(graph, { lower, upper });
}

/** The exact value at a point (in float64). */
const exact = (net: Net, x: Tensor): number[] => {
  const b = builder();
  const input = b.input("x", ["N", x.shape[1]!]);
  return [
    ...evaluateGraph(makeGraph([input], [{ name: "y", value: net(b, input) }]), new Map([["x", x]])).get("y")!.data,
  ];
};

const matrix = (b: Builder, rows: readonly (readonly number[])[]): Value =>
  b.constant(floatTensor([rows.length, rows[0]!.length], rows.flat()));

async function expectContains(net: Net, lower: Tensor, upper: Tensor): Promise<Record<string, number[]>> {
  const found = await bounds(net, lower, upper);
  for (const x of [lower, upper])
    exact(net, x).forEach((y, i) => {
      for (const name of ["low", "from"]) expect(found[name]![i]!, name).toBeLessThanOrEqual(y);
      for (const name of ["high", "to"]) expect(found[name]![i]!, name).toBeGreaterThanOrEqual(y);
    });
  return found;
}

describe("overflow", () => {
  // the network's own numbers reach 1e38 · 8: no bound of it is known in float32
  const big: Net = (b, x) => {
    const h = b.emit("Relu", [
      b.emit("MatMul", [
        x,
        matrix(b, [
          [2e38, -2e38],
          [2e38, 2e38],
        ]),
      ]),
    ]);
    return b.emit("MatMul", [h, matrix(b, [[-1], [1e-3]])]);
  };

  test("leaves no finite claim, and no NaN", async () => {
    const found = await expectContains(big, vector(-2, -2), vector(3, 3));
    for (const values of Object.values(found)) expect(values.some(Number.isNaN)).toBe(false);
    expect(found["from"]).toEqual([Number.NEGATIVE_INFINITY]);
  });

  test("in one window of a maximum is not taken for the others'", async () => {
    const pooled: Net = (b, x) => {
      const h = b.emit("MatMul", [
        x,
        matrix(b, [
          [3e38, 1, 0, 1],
          [-3e38, 0, 1, 1],
        ]),
      ]);
      return b.emit("ReduceMax", [h], { axes: [1], keepdims: true });
    };
    const found = await bounds(pooled, vector(-4, -4), vector(4, 4));
    expect(found["high"]).toEqual([Number.POSITIVE_INFINITY]);
  });

  test("in the width of a ReLU's box leaves no line", async () => {
    const wide: Net = (b, x) => b.emit("Neg", [b.emit("Relu", [b.emit("Mul", [x, b.constant(1)])])]);
    const found = await bounds(wide, vector(-3e38), vector(3e38));
    expect(found["from"]![0]!).toBeLessThanOrEqual(-3e38);
  });
});

describe("underflow", () => {
  test("in the squares of a dual norm does not make the ball a point", async () => {
    const tiny: Net = (b, x) => {
      // active, but not a constant: the coefficients are computed in float32
      const h = b.emit("Relu", [b.emit("Add", [x, b.constant(3)])]);
      return b.emit("MatMul", [h, matrix(b, [[1e-30], [2e-30]])]);
    };
    const ball = (b: Builder) => ({ norm: "l2" as const, centre: b.constant(vector(0, 0)), radius: b.constant(1) });
    const found = await bounds(tiny, vector(-1, -1), vector(1, 1), ball);
    expect(found["from"]![0]!).toBeLessThanOrEqual((9 - Math.sqrt(5)) * 1e-30);
    expect(found["to"]![0]!).toBeGreaterThanOrEqual((9 + Math.sqrt(5)) * 1e-30);
  });

  test("of a product is counted", async () => {
    const net: Net = (b, x) =>
      b.emit("MatMul", [b.emit("MatMul", [x, matrix(b, [[1e-30, -2e-30]])]), matrix(b, [[1e-16], [1e-16]])]);
    await expectContains(net, vector(0.3), vector(0.9));
  });
});

describe("cancellation", () => {
  test("in a difference of two varying terms is counted with the terms, not with the difference", async () => {
    const net: Net = (b, x) =>
      b.emit(
        "Sub",
        [b.emit("MatMul", [x, matrix(b, [[123457.3]])]), b.emit("MatMul", [x, matrix(b, [[123457.3]])])].map((v, i) =>
          i === 0 ? v : b.emit("Add", [v, b.constant(0.001)]),
        ),
      );
    const found = await expectContains(net, vector(0.1), vector(0.9));
    expect(found["to"]![0]! - found["from"]![0]!).toBeGreaterThan(2 ** -24 * 1e5);
  });

  test("among constants is left to the runtime, with its error", async () => {
    // exactly 3.5; float32 has 0 or 8
    const lost = (b: Builder) => b.emit("Sub", [b.emit("Add", [b.constant(1e8), b.constant(3.5)]), b.constant(1e8)]);
    const added = await bounds((b, x) => b.emit("Add", [x, lost(b)]), vector(1), vector(1));
    const scaled = await bounds((b, x) => b.emit("Mul", [x, lost(b)]), vector(1), vector(2));
    for (const [found, inside] of [
      [added, [1, 4.5, 9]],
      [scaled, [0, 3.5, 16]],
    ] as const)
      for (const y of inside) {
        for (const name of ["low", "from"]) expect(found[name]![0]!).toBeLessThanOrEqual(y);
        for (const name of ["high", "to"]) expect(found[name]![0]!).toBeGreaterThanOrEqual(y);
      }
  });
});

test("a constant branch of a choice that varies is part of its bounds", async () => {
  const net: Net = (b, x) => {
    const y = b.emit("Slice", [x], { axis: 1, start: 0, size: 1, step: 1 });
    const c = b.emit("Slice", [x], { axis: 1, start: 1, size: 1, step: 1 });
    return b.emit("Where", [b.emit("Less", [c, b.constant(0)]), b.constant(5), y]);
  };
  // the condition is certain: the constant; then uncertain
  const sure = await expectContains(net, vector(-1, -2), vector(1, -1));
  expect(sure["from"]![0]!).toBeCloseTo(5, 4);
  await expectContains(net, vector(-1, -2), vector(1, 1));
});

describe("γ", () => {
  test.each([1, 10, 4096, 300_000])("of %d terms bounds the error of any order of summation", (n) => {
    expect(gamma(n)).toBeGreaterThanOrEqual(n * 2 ** -24);
    expect(gamma(n)).toBeLessThan(1.04 * n * 2 ** -24);
  });
  test("of a sum too long to be bounded in float32 is infinite", () => {
    expect(gamma(2 ** 23)).toBe(Number.POSITIVE_INFINITY);
  });
});
