/**
 * Every transform after every other, on small networks with one op in the middle: what a gradient or a bound emits is a
 * graph that the next transform reads, and the result is compared with sampled values or differences.
 */

import { describe, expect, test } from "vitest";
import { makeGraph } from "../../src/graph/traverse.ts";
import type { Builder, Graph, InputValue, Tensor, Value } from "../../src/graph/types.ts";
import { evaluateGraph } from "../../src/ops/evaluate.ts";
import { builder } from "../../src/ops/index.ts";
import { simplify } from "../../src/ops/simplify.ts";
import { type Rng, rng } from "../../src/random/rng.ts";
import type { Arithmetic } from "../../src/spec/types.ts";
import { gradient } from "../../src/transforms/gradient.ts";
import { backwardBoxes, expandForRelax, intervalBoxes, linearBounds } from "../../src/transforms/relax/index.ts";
import { PATIENT } from "../support/patience.ts";
import { inRuntime } from "./op-bench.ts";

const [INPUTS, HIDDEN, OUTPUTS, BATCH] = [4, 6, 2, 4];
const EPSILON = 0.25;
const SAMPLES = 60;

type Middle = (b: Builder, h: Value) => Value;

const away: Middle = (b, h) => b.emit("Add", [b.emit("Abs", [h]), b.constant(0.5)]);
const halves = (b: Builder, h: Value): [Value, Value] => {
  const part = (start: number): Value => b.emit("Slice", [h], { axis: 1, start, size: 3, step: 1 });
  return [part(0), part(3)];
};
const doubled = (b: Builder, value: Value): Value => b.emit("Concat", [value, value], { axis: 1 });
const paired =
  (op: "Mul" | "Min" | "Max" | "Add" | "Sub"): Middle =>
  (b, h) =>
    doubled(b, b.emit(op, halves(b, h)));
const asImage = (b: Builder, h: Value): Value => b.emit("Reshape", [h], { shape: ["N", 1, 2, 3] });
const flat = (b: Builder, value: Value): Value => {
  const size = value.shape.slice(1).reduce<number>((product, dim) => product * (dim as number), 1);
  const rows = b.emit("Reshape", [value], { shape: ["N", size] });
  return b.emit("MatMul", [rows, b.constant(weights(rng(31).split(`flat/${size}`), [size, HIDDEN]))]);
};
const window = { kernel: [2, 2], strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] };

const simple = [
  "Relu",
  "Abs",
  "Sigmoid",
  "Tanh",
  "Softplus",
  "Softsign",
  "Erf",
  "HardSwish",
  "Exp",
  "Sin",
  "Cos",
  "Atan",
  "Neg",
] as const;

const middles: Readonly<Record<string, Middle>> = {
  ...Object.fromEntries(simple.map((op) => [op, ((b, h) => b.emit(op, [h])) satisfies Middle])),
  Sqrt: (b, h) => b.emit("Sqrt", [away(b, h)]),
  Asin: (b, h) => b.emit("Asin", [b.emit("Clip", [h], { min: -0.9, max: 0.9 })]),
  Log: (b, h) => b.emit("Log", [away(b, h)]),
  Reciprocal: (b, h) => b.emit("Reciprocal", [away(b, h)]),
  LeakyRelu: (b, h) => b.emit("LeakyRelu", [h], { alpha: 0.1 }),
  PRelu: (b, h) => b.emit("PRelu", [h, b.constant({ dtype: "float", shape: [1], data: Float64Array.of(0.3) })]),
  Elu: (b, h) => b.emit("Elu", [h], { alpha: 1 }),
  "Elu, steep": (b, h) => b.emit("Elu", [h], { alpha: 1.7 }),
  Gelu: (b, h) => b.emit("Gelu", [h], { approximate: "none" }),
  "Gelu, tanh form": (b, h) => b.emit("Gelu", [h], { approximate: "tanh" }),
  Clip: (b, h) => b.emit("Clip", [h], { min: -0.5, max: 0.75 }),
  "Pow 2": (b, h) => b.emit("Pow", [h, b.constant(2)]),
  "Pow 3": (b, h) => b.emit("Pow", [h, b.constant(3)]),
  "Pow ½": (b, h) => b.emit("Pow", [away(b, h), b.constant(0.5)]),
  h·h: (b, h) => b.emit("Mul", [h, h]),
  ...Object.fromEntries((["Mul", "Min", "Max", "Add", "Sub"] as const).map((op) => [op, paired(op)])),
  Div: (b, h) => {
    const [x, y] = halves(b, h);
    return doubled(b, b.emit("Div", [x, away(b, y)]));
  },
  MatMul: (b, h) => {
    const matrix = b.emit("Reshape", [h], { shape: ["N", 2, 3] });
    return flat(b, b.emit("MatMul", [matrix, b.emit("Transpose", [matrix], { perm: [0, 2, 1] })]));
  },
  Softmax: (b, h) => b.emit("Softmax", [h], { axis: 1 }),
  LogSoftmax: (b, h) => b.emit("LogSoftmax", [h], { axis: 1 }),
  ReduceMax: (b, h) => flat(b, b.emit("ReduceMax", [asImage(b, h)], { axes: [3], keepdims: false })),
  MaxPool: (b, h) => flat(b, b.emit("MaxPool", [asImage(b, h)], window)),
  "MaxPool with pads": (b, h) =>
    flat(b, b.emit("MaxPool", [asImage(b, h)], { ...window, pads: [1, 1, 1, 0], strides: [2, 1] })),
  Unfold: (b, h) => flat(b, b.emit("Unfold", [asImage(b, h)], window)),
  Where: (b, h) => {
    const positive = b.emit("Greater", [h, b.constant(0.2)]);
    return b.emit("Where", [positive, h, b.emit("Tanh", [h])]);
  },
  "Cast of a comparison": (b, h) =>
    b.emit("Mul", [h, b.emit("Cast", [b.emit("Less", [h, b.constant(0.1)])], { to: "float" })]),
};

/** Middles whose value jumps, so that no difference quotient tells a derivative near the jump. */
const JUMPS: ReadonlySet<string> = new Set(["Where", "Cast of a comparison"]);

const LINEAR: ReadonlySet<string> = new Set(["Neg", "Add", "Sub", "Unfold"]);

function weights(r: Rng, shape: readonly number[]): Tensor {
  const data = new Float64Array(shape.reduce((p, q) => p * q, 1));
  r.fillNormal(data, 0, 0.8);
  return { dtype: "float", shape, data: data.map(Math.fround) };
}

interface Network {
  readonly graph: Graph;
  readonly x: InputValue;
  readonly y: Value;
}

/** x [N, 4] → affine → the op → affine → y [N, 2], ready for every transform. */
function networkOf(name: string): Network {
  const b = builder();
  const r = rng(30).split(name);
  const x = b.input("x", ["N", INPUTS]);
  const dense = (value: Value, label: string, from: number, to: number): Value => {
    const product = b.emit("MatMul", [value, b.constant(weights(r.split(`${label}/w`), [from, to]))]);
    return b.emit("Add", [product, b.constant(weights(r.split(`${label}/b`), [to]))]);
  };
  const y = dense(middles[name]!(b, dense(x, "in", INPUTS, HIDDEN)), "out", HIDDEN, OUTPUTS);
  return withOutput(expandForRelax(simplify(makeGraph([x], [{ name: "y", value: y }]))));
}

const withOutput = (graph: Graph): Network => ({ graph, x: graph.inputs[0]!, y: graph.outputs[0]!.value });

/** The derivative of the outputs' sum in x, [N, 4], as a network. */
function gradientNetwork({ x, y }: Network): Network {
  const dx = gradient(builder(), y, [x])[0]!;
  return withOutput(expandForRelax(simplify(makeGraph([x], [{ name: "dx", value: dx }]))));
}

interface Feeds {
  readonly box: ReadonlyMap<string, Tensor>;
  readonly points: readonly ReadonlyMap<string, Tensor>[];
}

function feedsFor(name: string): Feeds {
  const r = rng(32).split(name);
  const shape = [BATCH, INPUTS];
  const centre = weights(r.split("centre"), shape).data as Float64Array;
  const tensor = (data: Float64Array): Tensor => ({ dtype: "float", shape, data: data.map(Math.fround) });
  const [lower, upper] = [tensor(centre.map((c) => c - EPSILON)), tensor(centre.map((c) => c + EPSILON))];
  const points = Array.from({ length: SAMPLES }, (_, k) => {
    const s = r.split(`point/${k}`);
    const data = centre.map((_, i) => {
      const t = k % 2 === 0 ? s.int(2) : s.uniform();
      return Math.min(
        Math.max(Math.fround(lower.data[i]! * (1 - t) + upper.data[i]! * t), lower.data[i]!),
        upper.data[i]!,
      );
    });
    return new Map([["x", { dtype: "float" as const, shape, data }]]);
  });
  return {
    box: new Map([
      ["l", lower],
      ["u", upper],
    ]),
    points,
  };
}

interface Bounded {
  readonly inputs: readonly InputValue[];
  readonly lower: Value;
  readonly upper: Value;
}

function boundsOf({ x, y }: Network, reading: "interval" | "relax", arithmetic: Arithmetic): Bounded {
  const b = builder();
  const ends = { lower: b.input("l", x.shape), upper: b.input("u", x.shape) };
  const domains = new Map([[x as Value, { box: ends }]]);
  if (reading === "interval") {
    const box = intervalBoxes(b, [y], domains, { arithmetic }).get(y)!;
    return { inputs: [ends.lower, ends.upper], ...box };
  }
  const boxes = backwardBoxes(b, y, domains, { arithmetic });
  const { lower, upper } = linearBounds(b, y, { kind: "all" }, domains, boxes, { twoSided: true, arithmetic });
  return { inputs: [ends.lower, ends.upper], lower, upper: upper! };
}

const evaluate = (
  inputs: readonly InputValue[],
  outputs: Readonly<Record<string, Value>>,
  feeds: ReadonlyMap<string, Tensor>,
) =>
  evaluateGraph(
    makeGraph(
      inputs,
      Object.entries(outputs).map(([name, value]) => ({ name, value })),
    ),
    feeds,
  );

function expectContained(bounds: ReadonlyMap<string, Tensor>, values: Tensor, tolerance: number): void {
  const [lower, upper] = [bounds.get("lower")!.data, bounds.get("upper")!.data];
  values.data.forEach((value, i) => {
    expect(lower[i]!).toBeLessThanOrEqual(value + tolerance * (1 + Math.abs(value)));
    expect(upper[i]!).toBeGreaterThanOrEqual(value - tolerance * (1 + Math.abs(value)));
  });
}

async function checkContains(network: Network, name: string, reading: "interval" | "relax"): Promise<void> {
  const { box, points } = feedsFor(name);
  const real = boundsOf(network, reading, "real");
  const exact = evaluate(real.inputs, { lower: real.lower, upper: real.upper }, box);
  const values = points.map((feeds) => evaluate([network.x], { y: network.y }, feeds).get("y")!);
  for (const value of values) expectContained(exact, value, 1e-9);
  const sound = boundsOf(network, reading, "float32");
  const computed = await inRuntime({ lower: sound.lower, upper: sound.upper }, box);
  for (const value of values) expectContained(computed, value, 0);
  for (const feeds of points.slice(0, 4))
    expectContained(computed, (await inRuntime({ y: network.y }, feeds)).get("y")!, 0);
}

const STEP = 1e-6;

/** The derivative of Σ lower − 2·Σ upper in both ends of the box, against differences along random directions. */
function checkGradient(name: string, { inputs, lower, upper }: Bounded): void {
  const b = builder();
  const axes = lower.shape.map((_, axis) => axis);
  const total = (value: Value): Value => b.emit("ReduceSum", [value], { axes, keepdims: false });
  const loss = b.emit("Sub", [total(lower), b.emit("Mul", [total(upper), b.constant(2)])]);
  const cotangents = gradient(b, loss, inputs);
  const { box } = feedsFor(name);
  const r = rng(33).split(name);
  for (let k = 0; k < 4; k++) {
    const direction = new Map(
      inputs.map((input) => [input.name, Float64Array.from(box.get(input.name)!.data, () => r.normal())]),
    );
    const at = (by: number): number => {
      const moved = new Map(
        [...box].map(([key, x]) => [
          key,
          { ...x, data: Float64Array.from(x.data, (v, i) => v + by * direction.get(key)![i]!) },
        ]),
      );
      return evaluate(inputs, { loss }, moved).get("loss")!.data[0]!;
    };
    const expected = (at(STEP) - at(-STEP)) / (2 * STEP);
    let actual = 0;
    inputs.forEach((input, i) => {
      const cotangent = cotangents[i];
      if (!cotangent) return;
      evaluate(inputs, { d: cotangent }, box)
        .get("d")!
        .data.forEach((d, j) => {
          actual += d * direction.get(input.name)![j]!;
        });
    });
    expect(Math.abs(actual - expected), `${actual} against ${expected}`).toBeLessThanOrEqual(
      2e-5 * (1 + Math.abs(expected)),
    );
  }
}

/** Every op in continuous integration; a fifth of them where a person waits. */
const tried = Object.keys(middles).filter((_, k) => PATIENT || k % 5 === 0);

describe.each(tried)("with %s", (name) => {
  const network = networkOf(name);

  test("interval holds the network", () => checkContains(network, name, "interval"));
  test("relax holds the network", () => checkContains(network, name, "relax"));
  test("gradient ∘ interval is the difference quotient", () =>
    checkGradient(name, boundsOf(network, "interval", "real")));
  test("gradient ∘ relax is the difference quotient", () => checkGradient(name, boundsOf(network, "relax", "real")));

  // the derivative of a jump is no function of its neighbourhood, that of a linear network is a constant
  const skipped = JUMPS.has(name) || LINEAR.has(name);
  test.skipIf(skipped)("interval ∘ gradient holds the Jacobian", () =>
    checkContains(gradientNetwork(network), name, "interval"),
  );
  test.skipIf(skipped)("relax ∘ gradient holds the Jacobian", () =>
    checkContains(gradientNetwork(network), name, "relax"),
  );
});
