import { describe, expect, test } from "vitest";
import { bindShape, sizeOf } from "../../src/graph/dims.ts";
import type { OpName } from "../../src/graph/signatures.ts";
import type { Builder, Tensor, Value } from "../../src/graph/types.ts";
import { ops, recordOf } from "../../src/ops/index.ts";
import {
  type Interval,
  isUnsupported,
  type LinearBounds,
  type LinearFunction,
  type SlopeRule,
} from "../../src/ops/op.ts";
import { add, broadcastTo, mul } from "../../src/ops/rules.ts";
import { rng } from "../../src/random/rng.ts";
import { imageOf } from "../../src/transforms/interval.ts";
import { lineError } from "../../src/transforms/relax/error.ts";
import { PATIENT } from "../support/patience.ts";
import { type Bench, benchOf, type Feeds, inFloat64, inRuntime, tensorOf, trialOf } from "./op-bench.ts";
import { cases, type OpCase } from "./op-cases.ts";

/** Samples of an op in all its cases together: at least. */
const SAMPLES = 10_000;
const ROUNDS = 20;
/** float64 against float64: a few hundred roundings. */
const FLOAT64_TOLERANCE = 1e-12;
/** ONNX Runtime does not have them in float64: the export says so. */
const NO_FLOAT64: ReadonlySet<string> = new Set(["Erf", "Gelu: none", "Asin", "Atan"]);
/** Lines in float64, relative to what is summed in them. */
const LINE_TOLERANCE = 1e-9;
/** Terms of order ten in sums of products. */
const SUM_SIZE = 1e4;

const names = Object.keys(ops) as OpName[];
const casesOf = (op: OpName): readonly OpCase<OpName>[] => cases[op] as readonly OpCase<OpName>[];
const everyCase = names.flatMap((op) => casesOf(op).map((trial) => ({ op, trial, label: trial.label })));

/** Samples in the batch of one case, so that all cases of the op give SAMPLES. */
function batchFor(op: OpName, bench: Bench): number {
  const elements = sizeOf(bindShape(bench.node.shape, 1));
  return Math.max(12, Math.ceil(SAMPLES / (casesOf(op).length * ROUNDS * elements)));
}

const float = (tensor: Tensor | undefined): ArrayLike<number> => tensor!.data;

/** Reads an array broadcast to `shape`. */
const spread = (b: Builder, value: Value, like: Value): Value => broadcastTo(b, value, like.shape);

test("every op of the table has cases", () => {
  expect(names.filter((op) => casesOf(op).length === 0)).toEqual([]);
});

describe.each(everyCase)("$op: $label", ({ op, trial, label }) => {
  const bench = benchOf(op, trial);
  const record = recordOf(op);
  const batch = batchFor(op, bench);
  const { boxes, points } = trialOf(op, trial, batch);
  const outputs = Array.from({ length: ROUNDS }, (_, round) => {
    const feeds = points(round);
    return { feeds, y: inFloat64({ y: bench.node }, feeds).get("y")! };
  });

  test("its inferred shape and type are those of its value", () => {
    for (const { y } of outputs) {
      expect(y.shape).toEqual(bindShape(bench.node.shape, batch));
      expect(y.dtype).toBe(bench.node.dtype);
    }
  });

  test("ONNX Runtime's float32 value is the reference, within the stated rounding", async () => {
    const { feeds, y } = outputs[4]!;
    const got = (await inRuntime({ y: bench.node }, feeds)).get("y")!;
    const size = sizeOfSum(bench, feeds);
    expect(got.shape).toEqual(y.shape);
    for (let i = 0; i < y.data.length; i++) {
      const error = Math.abs(got.data[i]! - y.data[i]!);
      // a result beyond float32 is infinite there
      if (Number.isNaN(y.data[i]!) || Math.fround(y.data[i]!) === got.data[i]) continue;
      expect(error, at(feeds, i)).toBeLessThanOrEqual(statedError(bench, y.data[i]!, size?.[i]));
    }
  });

  test("ONNX Runtime's float64 value is the reference", async () => {
    const { feeds, y } = outputs[4]!;
    if (NO_FLOAT64.has(op) || NO_FLOAT64.has(`${op}: ${label}`)) {
      expect(() => inRuntime({ y: bench.node }, feeds, "float64")).toThrow(/Erf|Asin|Atan/);
      return;
    }
    const got = (await inRuntime({ y: bench.node }, feeds, "float64")).get("y")!;
    const size = sizeOfSum(bench, feeds);
    y.data.forEach((value, i) => {
      if (Number.isNaN(value) || value === got.data[i]) return;
      const error = Math.abs(got.data[i]! - value);
      expect(error, at(feeds, i)).toBeLessThanOrEqual(FLOAT64_TOLERANCE * (1 + Math.abs(value) + (size?.[i] ?? 0)));
    });
  });

  test("its cotangents are the differences of its value", () => {
    if (trial.noGradient !== undefined) return expect(trial.noGradient).not.toBe("");
    checkCotangents(bench, points(5));
  });

  test("its interval holds its values", async () => {
    if (isUnsupported(record.interval)) return expect(record.interval.unsupported).not.toBe("");
    const rule = record.interval as (b: Builder, x: readonly Interval[], attrs: unknown) => Interval;
    const real = rule(bench.b, bench.boxes, bench.node.attrs);
    const bounds = inFloat64(
      { lower: spread(bench.b, real.lower, bench.node), upper: spread(bench.b, real.upper, bench.node) },
      boxes,
    );
    for (const { feeds, y } of outputs) contains(bounds, y, feeds, FLOAT64_TOLERANCE);
    // in float32, the float32 network's own values as well
    const sound = imageOf(bench.b, bench.node, bench.boxes, "float32");
    const computed = await inRuntime(
      { lower: spread(bench.b, sound.lower, bench.node), upper: spread(bench.b, sound.upper, bench.node) },
      boxes,
    );
    for (const { feeds, y } of outputs) contains(computed, inFloat32(y), feeds, 0);
    const { feeds } = outputs[4]!;
    contains(computed, (await inRuntime({ y: bench.node }, feeds)).get("y")!, feeds, 0);
  });

  test("its lines hold its values", async () => {
    if (isUnsupported(record.relax)) return expect(record.relax.unsupported).not.toBe("");
    if (bench.node.dtype === "bool") return; // Where and Cast of bools: read by their interval
    // where a person waits, a quarter of the rounds
    const tried = outputs.filter((_, round) => PATIENT || round % 4 === 0);
    for (const { lines } of linesOf(bench)) {
      const linear = lineGraph(bench, lines);
      for (const { feeds, y } of tried) {
        const at = inFloat64(linear, new Map([...boxes, ...feeds]));
        withinLines(at, y, feeds, (i) => LINE_TOLERANCE * (at.get("size")!.data[i]! + Math.abs(y.data[i]!)));
      }
      await checkLinesInFloat32(bench, lines, boxes, tried);
    }
  });
});

/** The operands at element i of a round, for messages. */
const at = (feeds: Feeds, i: number): string =>
  [...feeds].map(([name, { data }]) => `${name} = ${data[i] ?? `(${data.length} elements)`}`).join(", ");

// ---------------------------------------------------------------- rounding

const UNIT = 2 ** -24;
const SMALLEST = 2 ** -126;
/** A line's products may underflow, a few of them each. */
const UNDERFLOW = 8 * SMALLEST;

function statedError({ node, operands }: Bench, y: number, size: number | undefined): number {
  const { rounding } = recordOf(node.op);
  if (rounding.kind === "exact") return 0;
  if (rounding.kind === "elementwise")
    return (rounding.ulps * Math.abs(y) + (rounding.absolute ?? 0)) * UNIT * (1 + 1e-6) + SMALLEST;
  const terms = (rounding.terms as (x: readonly Value[], attrs: unknown) => number)(operands, node.attrs);
  return ((terms * UNIT) / (1 - terms * UNIT)) * size! * (1 + 1e-6) + terms * SMALLEST;
}

/** The op on absolute values, where its rounding is that of a sum. */
function sizeOfSum({ b, node, operands }: Bench, feeds: Feeds): ArrayLike<number> | undefined {
  const { rounding } = recordOf(node.op);
  if (rounding.kind !== "sum") return undefined;
  const magnitudes = operands.map((operand) => b.emit("Abs", [operand]));
  const sum = b.emit(node.op, magnitudes, ...([node.attrs] as unknown as []));
  return inFloat64({ sum }, feeds).get("sum")!.data;
}

// ---------------------------------------------------------------- cotangents

const DIRECTIONS = 6;
const STEP = 1e-6;

function checkCotangents(bench: Bench, feeds: Feeds): void {
  const { vjp } = recordOf(bench.node.op);
  if (isUnsupported(vjp)) {
    expect(vjp.unsupported).not.toBe("");
    return;
  }
  if (bench.node.dtype !== "float") return;
  const { b, node, operands } = bench;
  const r = rng(13).split(node.op);
  const rule = vjp as (b: Builder, site: unknown, dy: Value) => readonly (Value | undefined)[];
  const dy = b.input("dy", node.shape);
  const wanted = operands.map((operand, i) => bench.varies[i]! && operand.dtype === "float");
  const parts = rule(b, { inputs: operands, output: node, attrs: node.attrs, wanted }, dy);
  const point = new Map([...feeds].map(([name, x]) => [name, x.dtype === "float" ? tame(bench, x, r) : x]));
  const y = inFloat64({ y: node }, point).get("y")!;
  const seed = tensorOf(
    "float",
    y.shape,
    Array.from(y.data, () => r.normal()),
  );
  const outputs = Object.fromEntries(parts.flatMap((dx, i) => (dx && wanted[i] ? [[`d${i}`, dx]] : [])));
  const found = inFloat64(outputs, new Map([...point, ["dy", seed]]));
  for (let k = 0; k < DIRECTIONS; k++) {
    const direction = new Map(
      [...point]
        .filter(([, x]) => x.dtype === "float")
        .map(([name, x]) => [name, Float64Array.from(x.data, () => r.normal())]),
    );
    const moved = (by: number): Feeds =>
      new Map(
        [...point].map(([name, x]) => {
          const v = direction.get(name);
          return [name, v ? { ...x, data: Float64Array.from(x.data, (value, i) => value + by * v[i]!) } : x];
        }),
      );
    const [ahead, behind] = [STEP, -STEP].map((by) => inFloat64({ y: node }, moved(by)).get("y")!.data);
    let [expected, actual, size] = [0, 0, 0];
    seed.data.forEach((weight, i) => {
      const part = (weight * (ahead![i]! - behind![i]!)) / (2 * STEP);
      expected += part;
      size += Math.abs(part);
    });
    operands.forEach((operand, i) => {
      const dx = found.get(`d${i}`);
      if (!dx || operand.kind !== "input") return;
      expect(dx.shape).toEqual(point.get(operand.name)!.shape);
      dx.data.forEach((value, j) => {
        actual += value * direction.get(operand.name)![j]!;
      });
    });
    expect(Math.abs(actual - expected), `direction ${k}`).toBeLessThanOrEqual(1e-6 * (1 + size));
  }
}

/** Points of order one, so that differences keep their digits; positive where the op is defined only there. */
function tame({ node }: Bench, x: Tensor, r: ReturnType<typeof rng>): Tensor {
  const positive =
    node.op === "Sqrt" || node.op === "Log" || node.op === "Reciprocal" || node.op === "Pow" || node.op === "Div";
  const arc = node.op === "Asin";
  return tensorOf(
    "float",
    x.shape,
    Array.from(x.data, () => (arc ? 1.6 * r.uniform() - 0.8 : positive ? 0.5 + 2 * r.uniform() : 2 * r.normal())),
  );
}

// ---------------------------------------------------------------- intervals

/** The nearest numbers that a float32 network can have: what vanishes there is 0. */
const inFloat32 = (y: Tensor): Tensor => ({ ...y, data: Float32Array.from(y.data) });

function contains(bounds: ReadonlyMap<string, Tensor>, y: Tensor, feeds: Feeds, tolerance: number): void {
  const [lower, upper] = [float(bounds.get("lower")), float(bounds.get("upper"))];
  for (let i = 0; i < y.data.length; i++) {
    const value = y.data[i]!;
    // nothing is claimed: op-domains.test.ts says where that may be
    if (Number.isNaN(lower[i]!) && Number.isNaN(upper[i]!)) continue;
    if (Number.isNaN(value))
      expect.fail(`[${lower[i]}, ${upper[i]}] is claimed where the value is no number, ${at(feeds, i)}`);
    const slack = (end: number) =>
      Number.isFinite(end) ? tolerance * (Math.abs(end) + Math.abs(value)) + tolerance * tolerance * SUM_SIZE * 1e8 : 0;
    if (!(lower[i]! - slack(lower[i]!) <= value && value <= upper[i]! + slack(upper[i]!)))
      expect.fail(`${value} lies outside [${lower[i]}, ${upper[i]}] at element ${i}, ${at(feeds, i)}`);
  }
}

// ---------------------------------------------------------------- lines

/** Of the lower and the upper line: both ends, and between. */
const CHOICES = [
  [0, 0],
  [1, 1],
  [0, 1],
  [0.3, 0.85],
] as const;

const fixedRules = ["zero", "one", "parallel", "adaptive"] as const;

/** The lines for every slope rule; ops that do not look at it answer once. */
function linesOf({ b, node, boxes }: Bench): { readonly rule: string; readonly lines: LinearBounds }[] {
  const relax = recordOf(node.op).relax as (
    b: Builder,
    x: readonly Interval[],
    attrs: unknown,
    rule: SlopeRule,
  ) => LinearBounds;
  const chosen = CHOICES.map(([alpha, upper]) => ({ alpha: b.constant(alpha), upper: b.constant(upper) }));
  const all = [...fixedRules, ...chosen].map((rule) => ({
    rule: typeof rule === "string" ? rule : `alpha ${CHOICES[chosen.indexOf(rule)]}`,
    lines: relax(b, boxes, node.attrs, rule),
  }));
  // values that are equal are one object: what does not look at the rule answers once
  const parts = ({ lower, upper }: LinearBounds) => [...lower.slopes, lower.offset, ...upper.slopes, upper.offset];
  const first = (lines: LinearBounds) =>
    all.findIndex((other) => parts(other.lines).every((part, i) => part === parts(lines)[i]));
  return all.filter(({ lines }, k) => first(lines) === k);
}

/** Slope·x summed as the op sums, plus the offset; and the size of what is summed. */
function lineValue({ b, node, operands }: Bench, { slopes, offset }: LinearFunction): { value: Value; size: Value } {
  let [value, size]: Value[] = [broadcastTo(b, b.constant(0), node.shape), broadcastTo(b, b.constant(0), node.shape)];
  slopes.forEach((slope, i) => {
    if (!slope || operands[i]!.dtype !== "float") return;
    let part: Value = mul(b, slope, operands[i]!);
    let magnitude: Value = b.emit("Abs", [part]);
    if (node.op === "ReduceMax") {
      const attrs = node.attrs as { axes: readonly number[]; keepdims: boolean };
      [part, magnitude] = [b.emit("ReduceSum", [part], attrs), b.emit("ReduceSum", [magnitude], attrs)];
    }
    [value, size] = [add(b, value!, part), add(b, size!, magnitude)];
  });
  if (offset) [value, size] = [add(b, value!, offset), add(b, size!, b.emit("Abs", [offset]))];
  return { value: value!, size: size! };
}

function lineGraph(bench: Bench, { lower, upper }: LinearBounds): Record<string, Value> {
  const [below, above] = [lineValue(bench, lower), lineValue(bench, upper)];
  return { lower: below.value, upper: above.value, size: add(bench.b, below.size, above.size) };
}

function withinLines(at64: ReadonlyMap<string, Tensor>, y: Tensor, feeds: Feeds, slackAt: (i: number) => number): void {
  const [lower, upper] = [float(at64.get("lower")), float(at64.get("upper"))];
  for (let i = 0; i < y.data.length; i++) {
    const value = y.data[i]!;
    if (Number.isNaN(value) || (Number.isNaN(lower[i]!) && Number.isNaN(upper[i]!))) continue;
    const slack = slackAt(i);
    const below = lower[i]! === Number.NEGATIVE_INFINITY || lower[i]! - slack <= value;
    const above = upper[i]! === Number.POSITIVE_INFINITY || value <= upper[i]! + slack;
    if (!below || !above)
      expect.fail(
        `${value} lies outside the lines' [${lower[i]}, ${upper[i]}] ± ${slack} at element ${i}, ${at(feeds, i)}`,
      );
  }
}

/** Slopes and offsets as ONNX Runtime computes them in float32: off by no more than the error that `relax` adds. */
async function checkLinesInFloat32(
  bench: Bench,
  lines: LinearBounds,
  boxes: Feeds,
  outputs: readonly { readonly feeds: Feeds; readonly y: Tensor }[],
): Promise<void> {
  const { b, node } = bench;
  const parts: Record<string, Value> = {};
  const named = (line: LinearFunction, side: string): LinearFunction => {
    const replace = (value: Value | undefined, name: string): Value | undefined => {
      if (!value) return undefined;
      parts[name] = value;
      return b.input(name, value.shape);
    };
    return {
      slopes: line.slopes.map((slope, i) => replace(slope, `${side}/slope${i}`)),
      offset: replace(line.offset, `${side}/offset`),
    };
  };
  const computed = { lower: named(lines.lower, "lower"), upper: named(lines.upper, "upper") };
  const error = broadcastTo(b, reducedError(bench, lines), node.shape);
  const values = await inRuntime({ ...parts, error }, boxes);
  const slack = values.get("error")!.data;
  const graph = lineGraph(bench, computed);
  const known = new Map([...values].filter(([name]) => name !== "error"));
  for (const { feeds, y } of outputs) {
    const at = inFloat64(graph, new Map([...known, ...feeds]));
    withinLines(at, y, feeds, (i) => (Number.isNaN(slack[i]!) ? 0 : slack[i]! + UNDERFLOW));
  }
}

/** The transform's error of the lines; for a maximum over axes its parts are summed as the lines are. */
function reducedError({ b, node, boxes }: Bench, { lower, upper }: LinearBounds): Value {
  if (node.op !== "ReduceMax") return lineError(b, node, boxes, lower, upper, 0);
  const attrs = node.attrs as { axes: readonly number[]; keepdims: boolean };
  const sum = (line: LinearFunction): LinearFunction => ({ slopes: line.slopes, offset: undefined });
  const slopes = lineError(b, node, boxes, sum(lower), sum(upper), 0);
  return b.emit("ReduceSum", [broadcastTo(b, slopes, boxes[0]!.lower.shape)], attrs);
}
