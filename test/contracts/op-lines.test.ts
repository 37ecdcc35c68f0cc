import { describe, expect, test } from "vitest";
import type { OpAttrs, OpName } from "../../src/graph/signatures.ts";
import { makeGraph } from "../../src/graph/traverse.ts";
import type { Builder, Value } from "../../src/graph/types.ts";
import { evaluateGraph } from "../../src/ops/evaluate.ts";
import { builder, ops, recordOf } from "../../src/ops/index.ts";
import { type Interval, isUnsupported, type LinearBounds, type SlopeRule } from "../../src/ops/op.ts";
import { rng } from "../../src/random/rng.ts";
import { gradient } from "../../src/transforms/gradient.ts";
import { benchOf, inFloat64, tensorOf, trialOf } from "./op-bench.ts";
import { cases, type OpCase } from "./op-cases.ts";

type Box = readonly [lower: number, upper: number];

const GRID = 4000;

interface Lines {
  readonly lower: { readonly slope: number; readonly offset: number };
  readonly upper: { readonly slope: number; readonly offset: number };
}

/** The lines of a one-operand op on one box, and the op on a grid of that box. */
function linesOn<K extends OpName>(op: K, [low, high]: Box, attrs = {} as OpAttrs[K], rule: SlopeRule = "adaptive") {
  const b = builder();
  const box = { lower: b.input("l", ["N"]), upper: b.input("u", ["N"]) };
  const relax = recordOf(op).relax as (b: Builder, x: readonly Interval[], a: unknown, r: SlopeRule) => LinearBounds;
  const { lower, upper } = relax(b, op === "Pow" ? [box, exponentOf(b, attrs)] : [box], attrs, rule);
  const zero = b.constant(0);
  const outputs = {
    ls: lower.slopes[0] ?? zero,
    lo: lower.offset ?? zero,
    us: upper.slopes[0] ?? zero,
    uo: upper.offset ?? zero,
  };
  const graph = makeGraph(
    [box.lower, box.upper],
    Object.entries(outputs).map(([name, value]) => ({ name, value })),
  );
  const found = evaluateGraph(
    graph,
    new Map([
      ["l", tensorOf("float", [1], [low])],
      ["u", tensorOf("float", [1], [high])],
    ]),
  );
  const at = (name: string): number => found.get(name)!.data[0]!;
  const lines: Lines = { lower: { slope: at("ls"), offset: at("lo") }, upper: { slope: at("us"), offset: at("uo") } };
  const xs = Float64Array.from({ length: GRID + 1 }, (_, i) => low + ((high - low) * i) / GRID);
  const evaluate = recordOf(op).evaluate as (x: readonly object[], a: unknown) => { data: ArrayLike<number> };
  const operand = { dtype: "float", shape: [xs.length], data: xs };
  const inputs = op === "Pow" ? [operand, { dtype: "float", shape: [], data: [exponentIn(attrs)] }] : [operand];
  return { lines, xs, ys: Array.from(evaluate(inputs, attrs).data) };
}

const exponentIn = (attrs: unknown): number => (attrs as { exponent: number }).exponent;
const exponentOf = (b: Builder, attrs: unknown): Interval => {
  const value = b.constant(exponentIn(attrs));
  return { lower: value, upper: value };
};

/** Least distances of the curve above the lower and below the upper line. */
function gaps({ lines: { lower, upper }, xs, ys }: ReturnType<typeof linesOn>): { below: number; above: number } {
  let [below, above] = [Infinity, Infinity];
  ys.forEach((y, i) => {
    below = Math.min(below, y - (lower.slope * xs[i]! + lower.offset));
    above = Math.min(above, upper.slope * xs[i]! + upper.offset - y);
  });
  return { below, above };
}

const sides: readonly Box[] = [
  [-3, -1],
  [-2.5, 0],
  [0.5, 2],
  [0, 3],
  [-1, 2],
  [-4, 0.25],
  [-0.3, 5],
  [-8, 9],
];
const positive: readonly Box[] = [
  [0.125, 0.5],
  [0.5, 4],
  [2, 30],
];

const touching: readonly { readonly op: OpName; readonly attrs?: object; readonly boxes: readonly Box[] }[] = [
  ...(["Relu", "Abs", "Exp", "Sigmoid", "Tanh", "Softplus", "Softsign", "Erf", "HardSwish"] as const).map((op) => ({
    op,
    boxes: sides,
  })),
  ...[0.2, 1.4, -0.5].map((alpha) => ({ op: "LeakyRelu" as const, attrs: { alpha }, boxes: sides })),
  ...[0.4, 1, 1.67].map((alpha) => ({ op: "Elu" as const, attrs: { alpha }, boxes: sides })),
  { op: "Clip", attrs: { min: -1, max: 1.5 }, boxes: sides },
  ...[2, 3, 4, 5].map((exponent) => ({ op: "Pow" as const, attrs: { exponent }, boxes: sides.slice(0, 7) })),
  ...[0.5, 2.5, -0.5].map((exponent) => ({ op: "Pow" as const, attrs: { exponent }, boxes: positive })),
  ...(["Sqrt", "Log", "Reciprocal"] as const).map((op) => ({ op, boxes: positive })),
  { op: "Reciprocal", boxes: positive.map(([low, high]) => [-high, -low] as const) },
];

describe("lines of functions with a known shape touch the curve and never cross it", () => {
  test.each(touching)("$op $attrs", ({ op, attrs, boxes }) => {
    for (const box of boxes) {
      const trial = linesOn(op, box, attrs as never);
      const { below, above } = gaps(trial);
      const scale = Math.max(1, ...trial.ys.map(Math.abs));
      // a tangent point between two points of the grid is missed by h²·curvature/8
      const reach = 2e-6 * scale * Math.max(1, (box[1] - box[0]) ** 2);
      for (const gap of [below, above]) {
        expect(gap, `on [${box}]`).toBeGreaterThanOrEqual(-1e-12 * scale);
        expect(gap, `on [${box}]`).toBeLessThanOrEqual(reach);
      }
    }
  });
});

describe("lines of sampled functions come close to the curve", () => {
  const sampled = [
    { op: "Sin", attrs: {} },
    { op: "Cos", attrs: {} },
    { op: "Gelu", attrs: { approximate: "none" } },
    { op: "Gelu", attrs: { approximate: "tanh" } },
  ] as const;
  test.each(sampled)("$op $attrs", ({ op, attrs }) => {
    for (const box of [
      [-3, -1],
      [-0.5, 0.25],
      [0, 3],
      [-2, 2],
    ] as const) {
      const { below, above } = gaps(linesOn(op as OpName, box, attrs as never));
      const step = (box[1] - box[0]) / 16;
      for (const gap of [below, above]) {
        expect(gap, `on [${box}]`).toBeGreaterThanOrEqual(0);
        expect(gap, `on [${box}]`).toBeLessThanOrEqual((1.05 * step * step) / 4);
      }
    }
  });

  test("Gelu on a very wide box is bounded through Relu", () => {
    const { below, above } = gaps(linesOn("Gelu", [-200, 300], { approximate: "none" }));
    expect(below).toBeGreaterThanOrEqual(0);
    expect(below).toBeLessThan(0.2);
    expect(above).toBeGreaterThanOrEqual(0);
    expect(above).toBeLessThan(0.2);
  });
});

describe("hand-worked lines", () => {
  test("Relu on [-1, 3]: the chord 3/4·(x + 1); below x, 0 or the chord's slope", () => {
    const { lines } = linesOn("Relu", [-1, 3]);
    expect(lines.upper).toEqual({ slope: 0.75, offset: 0.75 });
    expect(lines.lower).toEqual({ slope: 1, offset: 0 });
    expect(linesOn("Relu", [-1, 3], {}, "zero").lines.lower.slope).toBe(0);
    expect(linesOn("Relu", [-1, 3], {}, "parallel").lines.lower.slope).toBe(0.75);
    expect(linesOn("Relu", [-3, 3]).lines.lower.slope).toBe(0);
  });

  test("Clip to [0, 1] on [-1, 3]: flat above, as the box's middle is past the kink; slope ⅓ below, as it is past 0", () => {
    const { lower, upper } = linesOn("Clip", [-1, 3], { min: 0, max: 1 }).lines;
    expect(upper).toEqual({ slope: 0, offset: 1 });
    expect(lower.slope).toBeCloseTo(1 / 3, 14);
    expect(lower.offset).toBeCloseTo(0, 14);
  });

  test("exp on [0, 2]: the chord through (0, 1) and (2, e²), the tangent e·x at 1", () => {
    const { lower, upper } = linesOn("Exp", [0, 2]).lines;
    expect(upper.slope).toBeCloseTo((Math.E ** 2 - 1) / 2, 12);
    expect(upper.offset).toBeCloseTo(1, 12);
    expect(lower.slope).toBeCloseTo(Math.E, 12);
    expect(lower.offset).toBeCloseTo(0, 12);
  });

  test("tanh on [-4, 2]: the upper line is tangent and passes through the left end within the bisection's step", () => {
    const { lines } = linesOn("Tanh", [-4, 2]);
    const gap = lines.upper.slope * -4 + lines.upper.offset - Math.tanh(-4);
    expect(gap).toBeGreaterThanOrEqual(0);
    expect(gap).toBeLessThan(5e-3);
  });

  test("tanh on [-2, 4]: the tangent at the middle clears the left end, and no line is lower on average", () => {
    const { upper } = linesOn("Tanh", [-2, 4]).lines;
    expect(upper.slope).toBeCloseTo(1 / Math.cosh(1) ** 2, 12);
    expect(upper.slope + upper.offset).toBeCloseTo(Math.tanh(1), 12);
  });

  test("sigmoid on [-0.1, 5], all but concave: the tangent at 2.45, not the steep one near 0", () => {
    const { upper } = linesOn("Sigmoid", [-0.1, 5]).lines;
    expect(upper.slope * 5 + upper.offset).toBeLessThan(1.12);
  });
});

/**
 * The mean of a line over a box is its height at the middle, so the best line above a curve is lowest there: as low as
 * the concave envelope, the highest chord over the middle. Here found by trying all pairs of points of a grid.
 */
describe("lines lie as close to the curve, on average, as any line does", () => {
  /** Points of the grid whose chords are tried. */
  const TRIED = 200;
  const BOXES = 40;

  const random = rng(7).split("boxes");
  /** Widths from 0.2 to 16, around anything within 5 of 0: inflections inside and outside. */
  const anywhere = Array.from({ length: BOXES }, (): Box => {
    const [centre, radius] = [10 * random.uniform() - 5, 0.1 * 80 ** random.uniform()];
    return [centre - radius, centre + radius];
  });
  const within = anywhere.map(([low, high]): Box => [Math.sin(low / 12), Math.sin(high / 12)]);
  const above0 = anywhere.map(([low, high]): Box => [0.05, 0.05 + (high - low)]);

  /** Height of the concave envelope of a curve at the middle of its grid. */
  function envelope(xs: ArrayLike<number>, ys: readonly number[]): number {
    const [step, middle] = [GRID / TRIED, GRID / 2];
    let highest = ys[middle]!;
    for (let i = 0; i < middle; i += step)
      for (let j = middle + step; j <= GRID; j += step) {
        const t = (xs[middle]! - xs[i]!) / (xs[j]! - xs[i]!);
        highest = Math.max(highest, ys[i]! + t * (ys[j]! - ys[i]!));
      }
    return highest;
  }

  /** Mean gap of both lines over the best possible, summed over the boxes: 0 is best. */
  function excess(op: OpName, attrs: object, boxes: readonly Box[]): number {
    let [ours, best] = [0, 0];
    for (const box of boxes) {
      const { lines, xs, ys } = linesOn(op, box, attrs as never);
      const size = ys.reduce((most, y) => Math.max(most, Math.abs(y)), 1e-9);
      const centre = (box[0] + box[1]) / 2;
      const at = ({ slope, offset }: Lines["lower"]) => slope * centre + offset;
      ours += (at(lines.upper) - at(lines.lower)) / size;
      best +=
        (envelope(xs, ys) +
          envelope(
            xs,
            ys.map((y) => -y),
          )) /
        size;
    }
    return ours / best - 1;
  }

  const exact = 2e-3;
  const trials: readonly (readonly [OpName, object, readonly Box[], number])[] = [
    ...(["Relu", "Abs", "Exp", "Softplus", "Sigmoid", "Tanh", "Softsign", "Erf", "Atan"] as const).map(
      (op) => [op, {}, anywhere, exact] as const,
    ),
    ["LeakyRelu", { alpha: 0.2 }, anywhere, exact],
    ["Elu", { alpha: 0.7 }, anywhere, exact],
    ["Elu", { alpha: 1.6 }, anywhere, exact],
    ["Pow", { exponent: 2 }, anywhere, exact],
    ["Pow", { exponent: 3 }, anywhere, exact],
    ...(["Sqrt", "Log", "Reciprocal"] as const).map((op) => [op, {}, above0, exact] as const),
    ["Asin", {}, within, exact],
    ["HardSwish", {}, anywhere, 0.05],
    ["Gelu", { approximate: "none" }, anywhere, 0.06],
    ["Gelu", { approximate: "tanh" }, anywhere, 0.06],
    ["Sin", {}, anywhere, 0.05],
    ["Cos", {}, anywhere, 0.05],
  ];
  test.each(trials)("%s %j", (op, attrs, boxes, most) => {
    const found = excess(op, attrs, boxes);
    // the grid of chords misses the envelope by a little, so that the least excess may be just below 0
    expect(found).toBeGreaterThanOrEqual(-1e-3);
    expect(found).toBeLessThanOrEqual(most);
  });
});

describe("lines are differentiable in the ends of the boxes", () => {
  const relaxed = (Object.keys(ops) as OpName[]).filter((op) => !isUnsupported(recordOf(op).relax));
  const trials = relaxed.flatMap((op) =>
    (cases[op] as readonly OpCase<OpName>[]).map((trial) => ({ op, label: trial.label, trial })),
  );
  test.each(trials)("$op: $label", ({ op, trial }) => {
    const ordinary = trial.operands.map((operand) => ({ ...operand, huge: Math.min(operand.huge ?? 20, 20) }));
    const tried = { ...trial, operands: ordinary };
    const bench = benchOf(op, tried);
    if (bench.node.dtype !== "float") return;
    const { b, node, boxes } = bench;
    const relax = recordOf(op).relax as (b: Builder, x: readonly Interval[], a: unknown, r: SlopeRule) => LinearBounds;
    const { lower, upper } = relax(b, boxes, node.attrs, "parallel");
    const ends = boxes
      .flatMap((box) => [box.lower, box.upper])
      .filter((end) => end.kind === "input" && end.dtype === "float");
    const parts = [lower, upper]
      .flatMap(({ slopes, offset }) => [...slopes, offset])
      .filter((part): part is Value => !!part);
    const feeds = trialOf(op, tried, 12).boxes;
    for (const part of parts)
      for (const cotangent of gradient(b, part, ends))
        if (cotangent) {
          const { data } = inFloat64({ d: cotangent }, feeds).get("d")!;
          expect(data.some(Number.isNaN), `of ${part.kind === "node" ? part.op : "a value"}`).toBe(false);
        }
  });
});

describe("the op set is closed", () => {
  const names = Object.keys(ops) as OpName[];

  /** Every op that a value is made of. */
  function opsIn(values: readonly Value[], known: ReadonlySet<Value>): Set<OpName> {
    const found = new Set<OpName>();
    const seen = new Set<Value>(known);
    const visit = (value: Value): void => {
      if (seen.has(value) || value.kind !== "node") return;
      seen.add(value);
      found.add(value.op);
      value.inputs.forEach(visit);
    };
    values.forEach(visit);
    return found;
  }

  test("what a gradient emits has an interval; what a bound emits has a gradient", () => {
    const missing: string[] = [];
    for (const op of names)
      for (const trial of cases[op] as readonly OpCase<OpName>[]) {
        const { b, node, operands, boxes, varies } = benchOf(op, trial);
        const record = recordOf(op);
        const known = new Set<Value>([...operands, node]);
        if (!isUnsupported(record.vjp) && node.dtype === "float" && trial.noGradient === undefined) {
          const vjp = record.vjp as (b: Builder, site: unknown, dy: Value) => readonly (Value | undefined)[];
          const wanted = operands.map((operand, i) => varies[i]! && operand.dtype === "float");
          const parts = vjp(
            b,
            { inputs: operands, output: node, attrs: node.attrs, wanted },
            b.input("dy", node.shape),
          );
          for (const emitted of opsIn(
            parts.filter((part): part is Value => !!part),
            known,
          ))
            if (isUnsupported(recordOf(emitted).interval)) missing.push(`${op}: ${emitted} has no interval`);
        }
        if (isUnsupported(record.interval)) continue;
        const interval = record.interval as (b: Builder, x: readonly Interval[], a: unknown) => Interval;
        const { lower, upper } = interval(b, boxes, node.attrs);
        for (const emitted of opsIn([lower, upper], known))
          if (isUnsupported(recordOf(emitted).vjp)) missing.push(`${op}: ${emitted} has no gradient`);
      }
    expect([...new Set(missing)]).toEqual([]);
  });

  test("an op without lines of its own is affine, is written in ops that have them, or yields no number", () => {
    const bare = names.filter((op) => {
      const { relax, linearity, expand, arity } = recordOf(op);
      const operands = arity === "any" ? 2 : arity;
      const affine = Array.from({ length: operands }, (_, i) =>
        linearity(Array.from({ length: operands }, (_, k) => k === i)),
      );
      const yieldsNumbers = (cases[op] as readonly OpCase<OpName>[]).some(
        (trial) => benchOf(op, trial).node.dtype === "float",
      );
      return isUnsupported(relax) && !expand && yieldsNumbers && !affine.slice(0, 1).every((kind) => kind !== "none");
    });
    expect(bare).toEqual([]);
  });

  test("an expansion is the same function", () => {
    for (const op of names)
      for (const trial of cases[op] as readonly OpCase<OpName>[]) {
        const { expand } = recordOf(op);
        if (!expand) continue;
        const { b, node, operands } = benchOf(op, trial);
        const rule = expand as (b: Builder, inputs: readonly Value[], a: unknown) => Value;
        const feeds = trialOf(op, trial, 8).points(3);
        const values = inFloat64({ y: node, z: rule(b, operands, node.attrs) }, feeds);
        const [y, z] = [values.get("y")!, values.get("z")!];
        expect(z.shape).toEqual(y.shape);
        y.data.forEach((value, i) => {
          if (Number.isFinite(value))
            expect(Math.abs(z.data[i]! - value)).toBeLessThanOrEqual(1e-9 * (1 + Math.abs(value)));
        });
      }
  });
});
