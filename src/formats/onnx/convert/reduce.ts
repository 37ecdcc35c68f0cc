/** @file Reductions and pools. */

import { elements, sizeOf } from "../../../graph/dims.ts";
import type { Tensor, Value } from "../../../graph/types.ts";
import { abs, add, mul, neg, reshape, scale, sub } from "../../../ops/rules.ts";
import { doubles } from "../fold.ts";
import type { OnnxNode } from "../node.ts";
import { asDims, dimArithmetic, dims, type Operand } from "../operand.ts";
import { multiplyAxis, sliceAxis, takeAxis } from "./movement.ts";
import type { Converter, ConverterTable } from "./types.ts";
import { padsFor, planar, readWindow, type Window, windowCounts } from "./window.ts";

// ---------------------------------------------------------------- reductions

interface Reduction {
  readonly x: Value;
  readonly axes: readonly number[];
  readonly keepdims: boolean;
}

/**
 * Axes are an attribute in older opsets (ReduceSum before 13, the others before 18), an input since. None at all with
 * noop_with_empty_axes: every element is a sum of its own, and what is done before and after the sum is done to it.
 */
function reduction(n: OnnxNode): Reduction {
  const x = n.value(0);
  const listed = n.listAt(1, "axes") ?? [];
  if (listed.length === 0 && n.int("noop_with_empty_axes", 0) !== 0) return { x, axes: [], keepdims: true };
  const axes = listed.length === 0 ? x.shape.map((_, axis) => axis) : n.axes(listed, x.shape.length);
  return { x, axes, keepdims: n.int("keepdims", 1) !== 0 };
}

/** Elements that one result sums. */
function count(n: OnnxNode, { x, axes }: Reduction): number {
  const size = elements(axes.map((axis) => x.shape[axis]!));
  if (typeof size !== "number") throw n.unsupported("averages over the batch");
  return size;
}

const reduce = (n: OnnxNode, op: "ReduceSum" | "ReduceMax", { x, axes, keepdims }: Reduction): Value =>
  axes.length === 0 ? x : n.b.emit(op, [x], { axes, keepdims });

function mean(n: OnnxNode, r: Reduction): Value {
  const terms = count(n, r);
  return terms === 1 ? reduce(n, "ReduceSum", r) : scale(n.b, reduce(n, "ReduceSum", r), 1 / terms);
}

const reducing =
  (build: (n: OnnxNode, r: Reduction) => Value): Converter =>
  (n) =>
    build(n, reduction(n));

/** log Σ eˣ, with the largest x taken out. */
function logSumExp(n: OnnxNode, r: Reduction): Value {
  if (r.axes.length === 0) return r.x;
  const largest = reduce(n, "ReduceMax", { ...r, keepdims: true });
  const sum = reduce(n, "ReduceSum", { ...r, x: n.b.emit("Exp", [sub(n.b, r.x, largest)]) });
  return add(n.b, n.b.emit("Log", [sum]), reshape(n.b, largest, sum.shape));
}

/** Beyond this many factors, a product written out one by one is no part of a network. */
const MAX_FACTORS = 64;

/** The number of elements, of a shape; else the factors multiplied one after the other, as the runtime does. */
function reduceProd(n: OnnxNode): Operand {
  const known = n.operand(0).kind === "dims" ? asDims(n.operand(0)) : undefined;
  if (known) {
    const product = known.entries.reduce(dimArithmetic.Mul, 1);
    return dims([product], n.int("keepdims", 1) !== 0 ? known.shape.map(() => 1) : []);
  }
  const { x, axes, keepdims } = reduction(n);
  let result: Value = x;
  for (const axis of axes) {
    const size = n.fixed(x.shape, axis);
    if (size < 1 || size > MAX_FACTORS)
      throw n.unsupported(`multiplies ${size} elements; 1 to ${MAX_FACTORS} are supported`);
    const factors = Array.from({ length: size }, (_, i) => n.toValue(sliceAxis(n, result, axis, i, 1)));
    result = factors.reduce((product, factor) => mul(n.b, product, factor));
  }
  return keepdims
    ? result
    : reshape(
        n.b,
        result,
        result.shape.filter((_, axis) => !axes.includes(axis)),
      );
}

/** The place of the first largest (or smallest) element; of the last one by looking from the other end. */
const arg =
  (prepare: (n: OnnxNode, x: Value) => Value): Converter =>
  (n) => {
    const x = prepare(n, n.value(0));
    const axis = n.axis(n.int("axis", 0), x.shape.length);
    const keepdims = n.int("keepdims", 1) !== 0;
    if (n.int("select_last_index", 0) === 0) return n.b.emit("ArgMax", [x], { axis, keepdims });
    const size = n.fixed(x.shape, axis);
    n.b.claim(size);
    const backwards = takeAxis(
      n,
      x,
      axis,
      Array.from({ length: size }, (_, i) => size - 1 - i),
    );
    return sub(n.b, n.b.ints([size - 1], []), n.b.emit("ArgMax", [n.toValue(backwards)], { axis, keepdims }));
  };

/** Running sums along an axis: a product with a triangle of ones. */
function cumSum(n: OnnxNode): Value {
  const x = n.value(0);
  const axis = n.axis(n.scalar(1), x.shape.length);
  const size = n.fixed(x.shape, axis);
  const [exclusive, reverse] = [n.int("exclusive", 0) !== 0, n.int("reverse", 0) !== 0];
  n.b.claim(size, size);
  const triangle = Float64Array.from({ length: size * size }, (_, at) => {
    const [from, to] = [Math.floor(at / size), at % size];
    const distance = reverse ? from - to : to - from;
    return distance > 0 || (distance === 0 && !exclusive) ? 1 : 0;
  });
  return multiplyAxis(n, x, axis, n.b.constant(doubles([size, size], triangle)));
}

// ---------------------------------------------------------------- pools

const spatialAxes = (x: Value): number[] => x.shape.slice(2).map((_, i) => i + 2);

function globalPool(n: OnnxNode): Reduction {
  const x = n.value(0);
  if (x.shape.length < 3) throw n.error(`needs an input with spatial axes, got [${x.shape}]`);
  return { x, axes: spatialAxes(x), keepdims: true };
}

function maxPool(n: OnnxNode): Value {
  if (n.wants(1)) throw n.unsupported("its Indices are used, which is not supported");
  const x = n.value(0);
  const window = readWindow(n, x.shape, n.ints("kernel_shape"));
  const counts = windowCounts(window, n.int("ceil_mode", 0) === 1);
  const { kernel, strides, dilations } = window;
  return n.b.emit("MaxPool", [x], { kernel, strides, dilations, pads: padsFor(window, counts) });
}

/** A depthwise convolution with ones, divided by how many elements each window counts. */
function averagePool(n: OnnxNode): Value {
  const x = n.value(0);
  const window = readWindow(n, x.shape, n.ints("kernel_shape"));
  const counts = windowCounts(window, n.int("ceil_mode", 0) === 1);
  const { kernel, sizes } = window;
  const pads = padsFor(window, counts);
  if (pads.every((pad) => pad === 0) && kernel.every((size, i) => size === sizes[i]))
    return mean(n, { x, axes: spatialAxes(x), keepdims: true });
  planar(n, window);
  const weights = share(n, window, counts);
  const uniform = weights.data.every((value) => value === weights.data[0]);
  const sums = windowSums(n, x, { ...window, pads }, uniform ? weights.data[0]! : 1);
  return uniform ? sums : mul(n.b, sums, n.b.constant(weights));
}

/** The sum of each window, times a weight: a depthwise convolution. */
function windowSums(n: OnnxNode, x: Value, { kernel, strides, dilations, pads }: Window, weight: number): Value {
  const group = n.fixed(x.shape, 1, "its channel axis");
  const shape = [group, 1, ...kernel];
  n.b.claim(...shape);
  const weights = doubles(shape, new Float64Array(sizeOf(shape)).fill(weight));
  return n.b.emit("Conv", [x, n.b.constant(weights)], { strides, dilations, pads, group });
}

/** 1 / the number of elements that a window at each place averages; padding counts where the node says so. */
function share(n: OnnxNode, { kernel, sizes, strides, dilations, pads }: Window, counts: readonly number[]): Tensor {
  const includePad = n.int("count_include_pad", 0) !== 0;
  n.b.claim(...counts);
  const perAxis = counts.map((windows, i) => {
    const low = includePad ? -pads[i]! : 0;
    const high = sizes[i]! + (includePad ? pads[i + sizes.length]! : 0);
    return Array.from({ length: windows }, (_, place) => {
      const start = place * strides[i]! - pads[i]!;
      // places start, start + d, … below start + k·d that lie in [low, high)
      const first = Math.max(0, Math.ceil((low - start) / dilations[i]!));
      const last = Math.min(kernel[i]! - 1, Math.ceil((high - start) / dilations[i]!) - 1);
      return Math.max(0, last - first + 1);
    });
  });
  const totals = perAxis.reduce<number[]>(
    (products, axis) => products.flatMap((product) => axis.map((size) => product * size)),
    [1],
  );
  if (totals.includes(0)) throw n.unsupported("averages windows that lie in the padding alone");
  return doubles(
    [1, 1, ...counts],
    totals.map((total) => 1 / total),
  );
}

/** (Σ|x|^p)^(1/p), whatever the sum goes over. */
function powerNorm(n: OnnxNode, x: Value, sum: (terms: Value) => Value): Value {
  const p = n.int("p", 2);
  if (!(p >= 1)) throw n.error(`its p is ${p}: a norm needs 1 or more`);
  if (p === 1) return sum(abs(n.b, x));
  if (p === 2) return n.b.emit("Sqrt", [sum(mul(n.b, x, x))]);
  const power = (value: Value, exponent: number): Value => n.b.emit("Pow", [value, n.b.constant(exponent)]);
  return power(sum(power(abs(n.b, x), p)), 1 / p);
}

const globalLpPool = (n: OnnxNode): Value => {
  const r = globalPool(n);
  return powerNorm(n, r.x, (x) => reduce(n, "ReduceSum", { ...r, x }));
};

/** Padding adds nothing to a norm. */
function lpPool(n: OnnxNode): Value {
  const x = n.value(0);
  const window = readWindow(n, x.shape, n.ints("kernel_shape"));
  planar(n, window);
  const pads = padsFor(window, windowCounts(window, n.int("ceil_mode", 0) === 1));
  return powerNorm(n, x, (terms) => windowSums(n, terms, { ...window, pads }, 1));
}

export const reductions: ConverterTable = {
  ReduceSum: reducing((n, r) => reduce(n, "ReduceSum", r)),
  ReduceMean: reducing(mean),
  ReduceMax: reducing((n, r) => reduce(n, "ReduceMax", r)),
  ReduceMin: reducing((n, r) => neg(n.b, reduce(n, "ReduceMax", { ...r, x: neg(n.b, r.x) }))),
  ReduceL1: reducing((n, r) => reduce(n, "ReduceSum", { ...r, x: abs(n.b, r.x) })),
  ReduceL2: reducing((n, r) => n.b.emit("Sqrt", [reduce(n, "ReduceSum", { ...r, x: mul(n.b, r.x, r.x) })])),
  ReduceSumSquare: reducing((n, r) => reduce(n, "ReduceSum", { ...r, x: mul(n.b, r.x, r.x) })),
  ReduceLogSum: reducing((n, r) => n.b.emit("Log", [reduce(n, "ReduceSum", r)])),
  ReduceLogSumExp: reducing(logSumExp),
  ReduceProd: reduceProd,
  CumSum: cumSum,
  ArgMax: arg((_, x) => x),
  ArgMin: arg((n, x) => neg(n.b, x)),
  MaxPool: maxPool,
  AveragePool: averagePool,
  LpPool: lpPool,
  GlobalLpPool: globalLpPool,
  GlobalMaxPool: (n) => reduce(n, "ReduceMax", globalPool(n)),
  GlobalAveragePool: (n) => mean(n, globalPool(n)),
};
