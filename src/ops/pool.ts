/** @file Windows and maxima over windows or axes. */

import { bindShape, type Dim, fixed, type Shape, ShapeError, sizeOf } from "../graph/dims.ts";
import type { OpAttrs, PoolAttrs } from "../graph/signatures.ts";
import { allocate, floatTensor, forEachIndex, stridesOf } from "../graph/tensor.ts";
import type { Builder, Tensor, Value } from "../graph/types.ts";
import { windowCount } from "./conv.ts";
import { noCotangent } from "./elementwise.ts";
import { defineOp, type Interval, unsupported } from "./op.ts";
import { maxPlanes } from "./relax-max.ts";
import { add, alwaysLinear, div, increasing, max, mul, neverLinear, reshape, scale, sub } from "./rules.ts";

const exact = { kind: "exact" } as const;

// ---------------------------------------------------------------- windows

const spatial = (shape: Shape): number[] => shape.slice(2).map((dim, i) => fixed(dim, `spatial axis ${i}`));

/** @throws ShapeError where attributes do not cover the spatial axes or a window does not fit */
function windowCounts(shape: Shape, attrs: PoolAttrs): number[] {
  const axes = shape.length - 2;
  const { kernel, strides, dilations, pads } = attrs;
  if (axes < 1) throw new ShapeError("windows need at least one spatial axis; channels come first (NCHW)");
  if ([kernel, strides, dilations].some((list) => list.length !== axes) || pads.length !== 2 * axes)
    throw new ShapeError(`kernel, strides, dilations and pads must cover ${axes} spatial axes`);
  const counts = spatial(shape).map((size, axis) => windowCount(size, kernel[axis]!, axis, attrs));
  if (counts.some((count) => count < 1)) throw new ShapeError(`kernel [${kernel}] is larger than the padded input`);
  return counts;
}

/** For every element of every window, row-major in (window element, window): its place in the image, −1 in the padding. */
function windowPlaces(sizes: readonly number[], attrs: PoolAttrs): Int32Array {
  const { kernel, strides, dilations, pads } = attrs;
  const counts = sizes.map((size, axis) => windowCount(size, kernel[axis]!, axis, attrs));
  const own = stridesOf(sizes);
  const rank = sizes.length;
  const shape = [...kernel, ...counts];
  const places = new Int32Array(sizeOf(shape));
  // one operand per spatial axis: its coordinate, which moves by dilation in the window and by stride between windows
  const moves = sizes.map((_, axis) =>
    shape.map((_, k) => (k === axis ? dilations[axis]! : k === rank + axis ? strides[axis]! : 0)),
  );
  forEachIndex(shape, moves, (index, at) => {
    const coordinates = at.map((value, axis) => value - pads[axis]!);
    const inside = coordinates.every((value, axis) => value >= 0 && value < sizes[axis]!);
    places[index] = inside ? coordinates.reduce((sum, value, axis) => sum + value * own[axis]!, 0) : -1;
  });
  return places;
}

function evaluateUnfold(x: Tensor, attrs: PoolAttrs, padding: number): Tensor {
  const sizes = x.shape.slice(2);
  const places = windowPlaces(sizes, attrs);
  const counts = windowCounts(x.shape, attrs);
  const out = allocate("float", [...x.shape.slice(0, 2), sizeOf(attrs.kernel), ...counts]);
  const [images, size] = [sizeOf(x.shape.slice(0, 2)), sizeOf(sizes)];
  for (let image = 0; image < images; image++)
    for (let i = 0; i < places.length; i++)
      out.data[image * places.length + i] = places[i]! < 0 ? padding : x.data[image * size + places[i]!]!;
  return out;
}

/** Kernels of a grouped convolution that each pick one element of a window: [C·K, 1, …kernel]. */
function oneHotKernels(b: Builder, channels: number, kernel: readonly number[]): Value {
  const size = sizeOf(kernel);
  const data = new Float32Array(channels * size * size);
  for (let i = 0; i < channels * size; i++) data[i * size + (i % size)] = 1;
  return b.constant({ dtype: "float", shape: [channels * size, 1, ...kernel], data });
}

/** x [N, C, …] → [N, C, K, …windows], zero-padded. */
export const Unfold = defineOp<"Unfold">({
  name: "Unfold",
  arity: 1,
  infer: ([x], attrs) => ({
    shape: [x!.shape[0]!, x!.shape[1]!, sizeOf(attrs.kernel), ...windowCounts(x!.shape, attrs)],
    dtype: x!.dtype,
  }),
  evaluate: ([x], attrs) => evaluateUnfold(x!, attrs, 0),
  vjp: (b, { inputs: [x], attrs }, dy) => [foldWindows(b, dy, x!.shape, attrs)],
  linearity: alwaysLinear,
  interval: increasing("Unfold"),
  relax: { unsupported: "linear: its vjp is its relaxation" },
  rounding: exact,
  fanOut: (_, { kernel }) => sizeOf(kernel),
});

/** The adjoint of Unfold: every window element is added back to its place. */
export function foldWindows(b: Builder, dy: Value, shape: Shape, attrs: PoolAttrs): Value {
  const { kernel, strides, dilations, pads } = attrs;
  const [sizes, counts] = [spatial(shape), spatial(dy.shape.slice(1))];
  const outputPadding = sizes.map((size, i) => {
    const reached =
      (counts[i]! - 1) * strides[i]! - pads[i]! - pads[i + sizes.length]! + dilations[i]! * (kernel[i]! - 1) + 1;
    return size - reached;
  });
  const channels = fixed(shape[1], "channels of a window");
  const folded = reshape(b, dy, [shape[0]!, channels * sizeOf(kernel), ...counts]);
  const kernels = oneHotKernels(b, channels, kernel);
  return b.emit("ConvTranspose", [folded, kernels], { strides, dilations, pads, group: channels, outputPadding });
}

// ---------------------------------------------------------------- maxima

/** Shares of dy among the elements equal to the maximum: ties split it evenly. `valid` masks the padding. */
function shareAmongEqual(b: Builder, x: Value, y: Value, axes: readonly number[], valid?: Value): Value {
  const equal = b.emit("Cast", [b.emit("Equal", [x, y])], { to: "float" });
  const winners = valid ? mul(b, equal, valid) : equal;
  const count = b.emit("ReduceSum", [winners], { axes, keepdims: true });
  // at least one wins: said for the readings that bound the count
  return div(b, winners, max(b, count, b.constant(1)));
}

const keepShape = (shape: Shape, axes: readonly number[]): Shape => shape.map((dim, i) => (axes.includes(i) ? 1 : dim));

export const ReduceMax = defineOp<"ReduceMax">({
  name: "ReduceMax",
  arity: 1,
  infer: ([x], { axes, keepdims }) => {
    if (axes.some((axis) => axis < 0 || axis >= x!.shape.length)) throw new ShapeError(`axes [${axes}] do not exist`);
    const kept = keepShape(x!.shape, axes);
    return { shape: keepdims ? kept : kept.filter((_, i) => !axes.includes(i)), dtype: x!.dtype };
  },
  evaluate: ([x], attrs) => evaluateReduceMax(x!, attrs),
  vjp: (b, { inputs: [x], output, attrs: { axes } }, dy) => {
    const kept = keepShape(x!.shape, axes);
    const shares = shareAmongEqual(b, x!, reshape(b, output, kept), axes);
    return [mul(b, shares, reshape(b, dy, kept))];
  },
  linearity: neverLinear,
  interval: increasing("ReduceMax"),
  // slopes have the operand's shape: the planes are summed over the reduced axes
  relax: (b, [x], attrs) => maxPlanes(b, x!, attrs),
  rounding: exact,
  fanOut: () => 1,
});

function evaluateReduceMax(x: Tensor, { axes, keepdims }: OpAttrs["ReduceMax"]): Tensor {
  const kept = bindShape(keepShape(x.shape, axes), 1);
  const out = allocate(x.dtype, keepdims ? kept : kept.filter((_, i) => !axes.includes(i)));
  out.data.fill(-Infinity);
  const strides = stridesOf(kept).map((stride, i) => (axes.includes(i) ? 0 : stride));
  forEachIndex(x.shape, [strides], (index, [at]) => {
    const value = x.data[index]!;
    if (value > out.data[at!]! || Number.isNaN(value)) out.data[at!] = value;
  });
  return out;
}

/** Does each window hold an element of the image along this axis? */
function everyWindowReaches(
  size: number,
  count: number,
  axis: number,
  { kernel, strides, dilations, pads }: PoolAttrs,
): boolean {
  for (let window = 0; window < count; window++) {
    let at = window * strides[axis]! - pads[axis]!;
    for (let k = 1; k < kernel[axis]! && at < 0; k++) at += dilations[axis]!;
    if (at < 0 || at >= size) return false;
  }
  return true;
}

/**
 * The largest element of every window; the padding never wins. [N, C, …] → [N, C, …windows].
 */
export const MaxPool = defineOp<"MaxPool">({
  name: "MaxPool",
  arity: 1,
  infer: ([x], attrs) => {
    const counts = windowCounts(x!.shape, attrs);
    if (spatial(x!.shape).some((size, axis) => !everyWindowReaches(size, counts[axis]!, axis, attrs)))
      throw new ShapeError(`pads [${attrs.pads}] leave a window with nothing but padding`);
    return { shape: [x!.shape[0]!, x!.shape[1]!, ...counts], dtype: x!.dtype };
  },
  evaluate: ([x], attrs) => evaluateReduceMax(evaluateUnfold(x!, attrs, -Infinity), { axes: [2], keepdims: false }),
  vjp: (b, { inputs: [x], output, attrs }, dy) => {
    const windows = b.emit("Unfold", [x!], attrs);
    const rows: Dim[] = [...output.shape.slice(0, 2), 1, ...output.shape.slice(2)];
    const padded = attrs.pads.some((pad) => pad > 0);
    const valid = padded ? b.constant(validMask(spatial(x!.shape), attrs)) : undefined;
    const shares = shareAmongEqual(b, windows, reshape(b, output, rows), [2], valid);
    return [foldWindows(b, mul(b, shares, reshape(b, dy, rows)), x!.shape, attrs)];
  },
  linearity: neverLinear,
  interval: increasing("MaxPool"),
  relax: unsupported("the largest of each window: ReduceMax over Unfold"),
  expand: (b, [x], attrs) => {
    const largest = b.emit("ReduceMax", [inWindows(b, x!, attrs)], { axes: [2], keepdims: true });
    return reshape(b, largest, largest.shape.toSpliced(2, 1));
  },
  rounding: exact,
  fanOut: (_, { kernel }) => sizeOf(kernel),
});

/** 1 where an element of a window lies in the image, 0 in the padding: [1, 1, K, …windows]. */
function validMask(sizes: readonly number[], attrs: PoolAttrs): Tensor {
  const places = windowPlaces(sizes, attrs);
  const counts = sizes.map((size, axis) => windowCount(size, attrs.kernel[axis]!, axis, attrs));
  return floatTensor(
    [1, 1, sizeOf(attrs.kernel), ...counts],
    Array.from(places, (place) => (place < 0 ? 0 : 1)),
  );
}

/**
 * The windows, with elements of the image in place of the padding, which leaves every maximum as it is. Without dilation
 * the edge is repeated outwards: a window that reaches the padding holds that edge. Otherwise by index.
 */
function inWindows(b: Builder, x: Value, attrs: PoolAttrs): Value {
  const { kernel, pads, dilations } = attrs;
  const rank = kernel.length;
  if (dilations.some((dilation) => dilation > 1) && pads.some((pad) => pad > 0)) return gatherWindows(b, x, attrs);
  let padded = x;
  for (let i = 0; i < rank; i++) padded = repeatEdge(b, padded, i + 2, pads[i]!, pads[i + rank]!);
  return b.emit("Unfold", [padded], { ...attrs, pads: pads.map(() => 0) });
}

function repeatEdge(b: Builder, x: Value, axis: number, before: number, after: number): Value {
  if (before === 0 && after === 0) return x;
  const size = fixed(x.shape[axis], "a padded axis");
  const edge = (start: number): Value => b.emit("Slice", [x], { axis, start, size: 1, step: 1 });
  const parts = [...Array<Value>(before).fill(edge(0)), x, ...Array<Value>(after).fill(edge(size - 1))];
  return b.emit("Concat", parts, { axis });
}

function gatherWindows(b: Builder, x: Value, attrs: PoolAttrs): Value {
  const sizes = spatial(x.shape);
  const places = windowPlaces(sizes, attrs);
  const counts = windowCounts(x.shape, attrs);
  const windows = sizeOf(counts);
  const indices = Array.from(places, (place, i) => {
    // an element of the same window that lies in the image
    for (let k = i % windows; place < 0 && k < places.length; k += windows) if (places[k]! >= 0) return places[k]!;
    return place;
  });
  const flat = reshape(b, x, [...x.shape.slice(0, 2), sizeOf(sizes)]);
  const gathered = b.emit("Gather", [flat, b.ints(indices)], { axis: 2 });
  return reshape(b, gathered, [...x.shape.slice(0, 2), sizeOf(attrs.kernel), ...counts]);
}

/** Index of the first largest element along an axis, as an int. */
export const ArgMax = defineOp<"ArgMax">({
  name: "ArgMax",
  arity: 1,
  infer: ([x], { axis, keepdims }) => {
    if (axis < 0 || axis >= x!.shape.length) throw new ShapeError(`there is no axis ${axis}`);
    const kept = keepShape(x!.shape, [axis]);
    return { shape: keepdims ? kept : kept.filter((_, i) => i !== axis), dtype: "int" };
  },
  evaluate: ([x], { axis, keepdims }) => {
    const best = evaluateReduceMax(x!, { axes: [axis], keepdims: true });
    const out = allocate("int", keepdims ? best.shape : best.shape.filter((_, i) => i !== axis));
    out.data.fill(-1);
    const strides = stridesOf(best.shape).with(axis, 0);
    const inner = stridesOf(x!.shape)[axis]!;
    forEachIndex(x!.shape, [strides], (index, [at]) => {
      if (out.data[at!] === -1 && x!.data[index] === best.data[at!])
        out.data[at!] = Math.floor(index / inner) % x!.shape[axis]!;
    });
    return out;
  },
  vjp: noCotangent,
  linearity: neverLinear,
  interval: (b, [x], { axis, keepdims }): Interval => argMaxInterval(b, x!, axis, keepdims),
  relax: unsupported("an index: compare scores instead (output only)"),
  rounding: exact,
  fanOut: () => 1,
});

/**
 * From the first to the last index that can win: those whose upper end reaches every lower end; any beside a score of which
 * nothing is known, for what wins over a NaN is not defined.
 */
function argMaxInterval(b: Builder, x: Interval, axis: number, keepdims: boolean): Interval {
  const size = fixed(x.lower.shape[axis], "the axis of ArgMax");
  const spoils = b.emit("ReduceSum", [scale(b, sub(b, x.upper, x.lower), 0)], { axes: [axis], keepdims: true });
  const bar = add(b, b.emit("ReduceMax", [x.lower], { axes: [axis], keepdims: true }), spoils);
  const can = b.emit("Not", [b.emit("Less", [x.upper, bar])]);
  const shape = x.lower.shape.map((_, i) => (i === axis ? size : 1));
  const index = b.constant(
    floatTensor(
      shape,
      Array.from({ length: size }, (_, i) => i),
    ),
  );
  const last = (scores: Value): Value =>
    b.emit("ReduceMax", [b.emit("Where", [can, scores, b.constant(-size)])], { axes: [axis], keepdims });
  const asInt = (value: Value): Value => b.emit("Cast", [value], { to: "int" });
  return { lower: asInt(b.emit("Neg", [last(b.emit("Neg", [index]))])), upper: asInt(last(index)) };
}
