/**
 * @file Backward linear bounds: ⟨A, z⟩ + d is carried from a value back to the inputs.
 *
 * Affine ops transpose exactly (their vjp); an activation replaces A by [A]₊·a_L + [A]₋·a_U and adds the offsets.
 * Everything is written for lower bounds; an upper bound is −(lower bound of −A), computed as further rows.
 *
 * @source Zhang et al. 2018, arXiv:1811.00866 (CROWN); verification.md §4.3
 */

import { bindDim, type Dim, isBatched, multiplyDims } from "../../graph/dims.ts";
import { dependents, topological } from "../../graph/traverse.ts";
import type { Builder, NodeValue, Value } from "../../graph/types.ts";
import { recordOf } from "../../ops/index.ts";
import { type Interval, isUnsupported, type LinearBounds, type LinearFunction, type SlopeRule } from "../../ops/op.ts";
import { abs, add, broadcastTo, min, mul, reemit, reshape, scale, sub, unbroadcast } from "../../ops/rules.ts";
import type { Arithmetic } from "../../spec/types.ts";
import { UnsupportedReading } from "../unsupported.ts";
import {
  asDense,
  asPatches,
  type Coefficients,
  combine,
  type Dense,
  perRow,
  type Rows,
  type RowsContext,
  sampleElements,
} from "./coefficients.ts";
import { affineError, lineError, underflow, unknownResult } from "./error.ts";
import { sparsely } from "./shortcuts.ts";
import { bends, channelFactor, channelSums, fullSample, type Patches, slopedPatches, windowRows } from "./windows.ts";

export interface BackwardOptions {
  readonly rows: Rows;
  readonly twoSided: boolean;
  /** Boxes of the values that are relaxed; of all values for float32 arithmetic. */
  readonly boxes: ReadonlyMap<Value, Interval>;
  readonly slope: (node: NodeValue) => SlopeRule;
  readonly arithmetic: Arithmetic;
  /**
   * By value z, [n, …z]: what is added to the coefficients of z in every row. Sound where ⟨multiplier, z⟩ ≤ 0 for all points
   * that are asked of: −β·S for values whose signs S are fixed, β ≥ 0.
   * @source Wang et al. 2021, arXiv:2103.06624 (β-CROWN), eq. 7
   */
  readonly multipliers?: ReadonlyMap<Value, Value>;
  /** Values whose coefficients are kept, as they were before the value was replaced by its operands. */
  readonly watched?: ReadonlySet<Value>;
}

/** ⟨A, x⟩ summed over the inputs, plus d, less the error: a lower bound of every row. */
export interface LinearForm {
  readonly coefficients: ReadonlyMap<Value, Coefficients>;
  /** Contributions to d and to the error, each in the layout of the coefficients it came from. */
  readonly terms: readonly RowTerm[];
  readonly errors: readonly RowTerm[];
  /** Errors that do not depend on the row, each [n] or []. */
  readonly floor: readonly Value[];
  /** Contributions to d and to the coefficients: how often anything is rounded beside its own sum. */
  readonly steps: number;
  /** Elements of the largest value on the way: the longest product with rows. */
  readonly largest: number;
  readonly context: RowsContext;
  /** Of the watched values that some row reads. */
  readonly passed: ReadonlyMap<Value, Coefficients>;
}

/** `identity`: [n|1, elements of the target], before rows are chosen. `dense`: [n, S]. `patches`: [n, P, R]. */
export interface RowTerm {
  readonly layout: Coefficients["kind"];
  readonly value: Value;
}

/**
 * The linear form of `target` in `inputs`.
 * @throws UnsupportedReading naming the node that has neither a relaxation nor is affine
 */
export function backward(b: Builder, target: Value, inputs: ReadonlySet<Value>, options: BackwardOptions): LinearForm {
  const context: RowsContext = { target, rows: options.rows, twoSided: options.twoSided };
  const varying = dependents([target], inputs);
  const pending = new Map<Value, Coefficients>([[target, startOf(options.rows)]]);
  const { multipliers = new Map<Value, Value>(), watched } = options;
  const steps = stepsOf(target, varying) + multipliers.size;
  const pass: Pass = { b, context, options, varying, steps, terms: [], errors: [], floor: [] };
  const reached = new Map<Value, Coefficients>();
  const passed = new Map<Value, Coefficients>();
  for (const value of topological([target]).reverse()) {
    const found = pending.get(value);
    if (!found || !varying.has(value)) continue;
    const multiplier = multipliers.get(value);
    const a = multiplier ? plusMultiplier(b, found, multiplier, value, context) : found;
    if (watched?.has(value)) passed.set(value, a);
    if (value.kind !== "node" || inputs.has(value)) {
      reached.set(value, a);
      continue;
    }
    through(pass, value, a).forEach((contribution, i) => {
      if (!contribution) return;
      const operand = value.inputs[i]!;
      const sum = pending.get(operand);
      pending.set(operand, sum ? combine(b, sum, contribution, operand, context) : contribution);
    });
    pending.delete(value);
  }
  const { terms, floor } = pass;
  const errors = pass.errors.map(({ a, value, z }) => absoluteDot(pass, a, value, z));
  const largest = Math.max(...[...varying].map(sampleElements));
  return { coefficients: reached, terms, errors, floor, steps, largest, context, passed };
}

/** One more contribution to the coefficients, the same for all rows; its rounding is one step of the pass. */
const plusMultiplier = (b: Builder, a: Coefficients, multiplier: Value, z: Value, context: RowsContext): Dense => ({
  kind: "dense",
  value: add(b, asDense(b, a, z, context).value, perRow(b, multiplier, z.shape.length)),
});

/** At most two terms of d a node, and a contribution to the coefficients of every operand. */
function stepsOf(target: Value, varying: ReadonlySet<Value>): number {
  const nodes = topological([target]).filter((value) => value.kind === "node" && varying.has(value)) as NodeValue[];
  return nodes.reduce((sum, { inputs }) => sum + 2 + inputs.filter((input) => varying.has(input)).length, 2);
}

const startOf = (rows: Rows): Coefficients =>
  rows.kind === "spec" ? { kind: "dense", value: rows.matrix } : { kind: "identity" };

interface Pass {
  readonly b: Builder;
  readonly context: RowsContext;
  readonly options: BackwardOptions;
  readonly varying: ReadonlySet<Value>;
  readonly steps: number;
  readonly terms: RowTerm[];
  readonly errors: PendingError[];
  readonly floor: Value[];
}

/** ⟨|A|, value⟩, not yet multiplied: ops that leave A as it is share one product. */
interface PendingError {
  readonly a: Coefficients;
  readonly z: Value;
  value: Value;
}

function addError({ b, errors }: Pass, a: Coefficients, value: Value, z: Value): void {
  const same = errors.find((error) => error.a === a && sameSample(error.z, z));
  if (same) same.value = add(b, same.value, value);
  else errors.push({ a, value, z });
}

function through(pass: Pass, node: NodeValue, a: Coefficients): readonly (Coefficients | undefined)[] {
  const varies = node.inputs.map((input) => pass.varying.has(input));
  const linearity = recordOf(node.op).linearity(varies);
  return linearity === "none"
    ? throughRelaxation(pass, node, a, varies)
    : throughAffine(pass, node, a, varies, linearity === "affine");
}

// ---------------------------------------------------------------- affine ops

function throughAffine(
  pass: Pass,
  node: NodeValue,
  a: Coefficients,
  varies: readonly boolean[],
  offset: boolean,
): readonly (Coefficients | undefined)[] {
  const { b, options } = pass;
  const bias = offset ? atZero(b, node, varies) : undefined;
  if (bias) pass.terms.push(dot(pass, a, bias, node));
  if (options.arithmetic === "float32") {
    const error = affineError(b, node, varies, options.boxes, bias, pass.steps);
    if (error) addError(pass, a, error, node);
    pass.floor.push(...underflow(b, node, varies, options.boxes));
  }
  return node.inputs.map((_, i) => {
    if (!varies[i]) return undefined;
    return sparsely(b, node, a, i, pass.context) ?? transposed(pass, node, asDense(b, a, node, pass.context), i);
  });
}

/** The op where everything that varies is zero: its bias, of shape [n|1, …z]. */
function atZero(b: Builder, node: NodeValue, varies: readonly boolean[]): Value {
  // beside a constant that is written out for the batch, so are the zeros
  const batched = node.inputs.some((input, i) => !varies[i] && isBatched(input.shape));
  // element by element, a bias that is the same all over a channel stays a number a channel
  const alone = !batched && recordOf(node.op).rounding.kind === "elementwise";
  const inputs = node.inputs.map((input, i) => {
    if (!varies[i]) return input;
    if (alone) return b.constant(0);
    const shape = input.shape.map((dim, axis) => (axis === 0 ? 1 : bindDim(dim, 1)));
    const zero = b.constant(0, shape);
    return batched ? broadcastTo(b, zero, [input.shape[0]!, ...shape.slice(1)]) : zero;
  });
  return reemit(b, node, inputs);
}

/** Dense rows through the vjp, with the rows folded into the batch axis. */
function transposed({ b }: Pass, node: NodeValue, a: Dense, i: number): Dense {
  const { vjp } = recordOf(node.op);
  if (isUnsupported(vjp)) throw new UnsupportedReading(node, "linear bound", vjp.unsupported);
  const pull = vjp as (b: Builder, site: unknown, dy: Value) => readonly (Value | undefined)[];
  // an operand that does not vary may still differ between samples (a cotangent, a second input)
  const rows = a.value;
  const perSample = node.inputs.some((input, k) => k !== i && isBatched(input.shape));
  const value = perSample ? broadcastTo(b, rows, [node.shape[0]!, ...rows.shape.slice(1)]) : rows;
  const [n, s] = value.shape as [Dim, Dim];
  const lead = multiplyDims(n, s);
  const operand = node.inputs[i]!;
  // the rule reads only shapes of what varies: a stand-in with the rows in the batch axis
  const standIn = b.input("rows", [lead, ...operand.shape.slice(1)]);
  const inputs = node.inputs.map((input, k) => (k === i ? standIn : forEveryRow(b, input, s)));
  const output = b.input("rows", [lead, ...node.shape.slice(1)]);
  const dy = reshape(b, value, output.shape);
  const wanted = node.inputs.map((_, k) => k === i);
  const dx = pull(b, { inputs, output, attrs: node.attrs, wanted }, dy)[i]!;
  if (dx === dy && value === rows && sameSample(operand, node)) return a;
  return { kind: "dense", value: reshape(b, dx, [n, s, ...operand.shape.slice(1)]) };
}

/** A value with a batch axis, repeated for the rows folded into that axis; others broadcast by themselves. */
function forEveryRow(b: Builder, value: Value, rows: Dim): Value {
  const [n, ...sample] = value.shape;
  if (!isBatched(value.shape)) return value;
  const repeated = broadcastTo(b, reshape(b, value, [n!, 1, ...sample]), [n!, rows, ...sample]);
  return reshape(b, repeated, [multiplyDims(n!, rows), ...sample]);
}

// ---------------------------------------------------------------- relaxed ops

function throughRelaxation(
  pass: Pass,
  node: NodeValue,
  a: Coefficients,
  varies: readonly boolean[],
): readonly (Coefficients | undefined)[] {
  const { b, options } = pass;
  const record = recordOf(node.op);
  if (isUnsupported(record.relax)) throw new UnsupportedReading(node, "linear bound", record.relax.unsupported);
  const boxes = node.inputs.map((input) => options.boxes.get(input) ?? { lower: input, upper: input });
  const relax = record.relax as (...args: unknown[]) => LinearBounds;
  const lines = relax(b, boxes, node.attrs, options.slope(node));
  const [lower, upper] = [lines.lower, lines.upper].map((line) => withoutConstants(b, node, line, varies)) as [
    LinearFunction,
    LinearFunction,
  ];
  const operands = node.inputs.filter((_, i) => varies[i]);
  const sparse = a.kind === "dense" ? undefined : asPatches(b, a, node, pass.context);
  const patched = sparse && bends(sparse, node, operands) ? sparse : undefined;
  const rows = patched ?? asDense(b, a, node, pass.context);
  const negative: Dense | Patches = { ...rows, value: min(b, rows.value, b.constant(0)) };
  if (lower.offset) pass.terms.push(dot(pass, rows, lower.offset, node));
  const rise = difference(b, upper.offset, lower.offset);
  if (rise) pass.terms.push(dot(pass, negative, rise, node));
  if (options.arithmetic === "float32") {
    const error = lineError(b, node, boxes, lines.lower, lines.upper, pass.steps);
    addError(pass, rows, error, node);
    pass.floor.push(...underflow(b, node, varies, options.boxes));
  }
  // what bends at kinks alone is defined everywhere, and its lines are not numbers where its box is not
  if (record.rounding.kind !== "exact" || (options.arithmetic === "real" && !record.kinks))
    pass.floor.push(unknownResult(b, node, options.boxes));
  return node.inputs.map((operand, i) => {
    if (!varies[i]) return undefined;
    const base = lower.slopes[i] && timesSlope(b, rows, lower.slopes[i], node, operand);
    const gap = difference(b, upper.slopes[i], lower.slopes[i]);
    const bend = gap && timesSlope(b, negative, gap, node, operand);
    const sum = base && bend ? add(b, base, bend) : (base ?? bend);
    if (!sum) return undefined;
    if (patched) return { ...patched, value: sum, masked: true };
    return { kind: "dense", value: fitOperand(b, sum, operand) };
  });
}

/** The line with what it says of operands that do not vary moved into its offset. */
function withoutConstants(
  b: Builder,
  node: NodeValue,
  line: LinearFunction,
  varies: readonly boolean[],
): LinearFunction {
  let { offset } = line;
  const slopes = line.slopes.map((slope, i) => {
    if (!slope || varies[i]) return slope;
    const part = mul(b, slope, node.inputs[i]!);
    offset = offset ? add(b, offset, part) : part;
    return undefined;
  });
  return { slopes, offset };
}

const sameSample = (x: Value, z: Value): boolean => `${x.shape.slice(1)}` === `${z.shape.slice(1)}`;

const difference = (b: Builder, x: Value | undefined, y: Value | undefined): Value | undefined =>
  x === y ? undefined : x && y ? sub(b, x, y) : x ? x : scale(b, y!, -1);

const timesSlope = (b: Builder, a: Dense | Patches, slope: Value, z: Value, operand: Value): Value =>
  a.kind === "dense" ? mul(b, a.value, perRow(b, slope, z.shape.length)) : slopedPatches(b, a, slope, z, operand);

/** Sums rows over the axes along which an operand was broadcast. */
function fitOperand(b: Builder, value: Value, operand: Value): Value {
  const [n, s] = value.shape as [Dim, Dim];
  return unbroadcast(b, value, [n, s, ...operand.shape.slice(1)]);
}

// ---------------------------------------------------------------- products with rows

/** ⟨A, v⟩ for every row; v broadcasts to [n, …z]. */
export function dot({ b, context }: Pick<Pass, "b" | "context">, a: Coefficients, v: Value, z: Value): RowTerm {
  switch (a.kind) {
    case "identity":
      return elementTerm(b, a.factor ? mul(b, v, a.factor) : v, z);
    case "dense":
      return { layout: "dense", value: denseDot(b, a.value, fullSample(b, v, z), sampleElements(z)) };
    case "patches": {
      const apart = a.masked || a.positions !== undefined;
      const perChannel = apart ? channelFactor(b, v, z, a.window) : undefined;
      const value = perChannel ? channelDot(b, channelSums(b, a, z), perChannel) : undefined;
      return { layout: "patches", value: value ?? patchDot(b, a, windowRows(b, a, v, z)) };
    }
    default:
      throw new Error(`unreachable: ${a satisfies never} ${context}`);
  }
}

/** ⟨|A|, v⟩ for v ≥ 0. */
export function absoluteDot(pass: Pick<Pass, "b" | "context">, a: Coefficients, v: Value, z: Value): RowTerm {
  const { b } = pass;
  if (a.kind === "identity") return elementTerm(b, a.factor ? mul(b, v, abs(b, a.factor)) : v, z);
  return dot(pass, { ...a, value: abs(b, a.value) }, v, z);
}

/** z has the target's elements in the same order, but may have another shape. */
function elementTerm(b: Builder, value: Value, z: Value): RowTerm {
  const full = fullSample(b, value, z);
  return { layout: "identity", value: reshape(b, full, [full.shape[0]!, sampleElements(z)]) };
}

/** [n, S, …z]·[m, …z] → [n, S]; one matrix product where A is the same for all samples. */
function denseDot(b: Builder, a: Value, v: Value, size: number): Value {
  const [n, s] = a.shape as [Dim, Dim];
  const lead = v.shape[0]!;
  if (n === 1) {
    const rows = reshape(b, a, [s, size]);
    return b.emit("MatMul", [reshape(b, v, [lead, size]), b.emit("Transpose", [rows], { perm: [1, 0] })]);
  }
  const product = b.emit("MatMul", [reshape(b, a, [n, s, size]), reshape(b, v, [lead, size, 1])]);
  return reshape(b, product, [n, s]);
}

/** Sums by channel [n, P, R, C] with [m, C or 1]: [n|m, P, R]. */
function channelDot(b: Builder, sums: Value, v: Value): Value {
  const product = mul(b, sums, reshape(b, v, [v.shape[0]!, 1, 1, v.shape[1]!]));
  return b.emit("ReduceSum", [product], { axes: [3], keepdims: false });
}

/** Each row with its window, [n, P, R]; windows are [m, P, 1, K], or [1, 1, R, K] at positions of their own. */
function patchDot(b: Builder, { value: a, positions: own }: Patches, windows: Value): Value {
  const [n, p, r, size] = a.shape as [Dim, Dim, Dim, number];
  const [lead, positions] = windows.shape as [Dim, Dim];
  if (own) {
    // a product and a sum: a thousand matrix products of one row each are ten times slower
    const product = mul(b, reshape(b, a, [r, size]), reshape(b, windows, [r, size]));
    const sums = b.emit("ReduceSum", [product], { axes: [1], keepdims: false });
    return reshape(b, sums, [1, 1, r]);
  }
  if (n === 1 && p === 1) {
    const columns = b.emit("Transpose", [reshape(b, a, [r, size])], { perm: [1, 0] });
    return b.emit("MatMul", [reshape(b, windows, [lead, positions, size]), columns]);
  }
  const product = b.emit("MatMul", [a, reshape(b, windows, [lead, positions, size, 1])]);
  return reshape(b, product, [product.shape[0]!, product.shape[1]!, r]);
}
