/** @file How each op is said in ONNX, where it is not the ONNX op of the same name with the same attributes. */

import { batchFactor, type Dim, divideDims, elements, multiplyDims, type Shape, ShapeError } from "../../graph/dims.ts";
import type { OpName, WindowAttrs } from "../../graph/signatures.ts";
import type { NodeValue } from "../../graph/types.ts";
import type { OnnxAttr, OnnxEmitter } from "../../ops/op.ts";

/** What a lowering may also ask of the exporter. */
export interface GraphEmitter extends OnnxEmitter {
  /** The batch size at run time: int64 of shape [1]. */
  batchSize(): string;
  floats(shape: readonly number[], values: readonly number[]): string;
}

type Site<K extends OpName> = Pick<NodeValue<K>, "attrs" | "inputs" | "shape" | "dtype">;
type GraphLowering<K extends OpName> = (e: GraphEmitter, inputs: readonly string[], node: Site<K>) => string;
export type LoweringTable = { readonly [K in OpName]?: GraphLowering<K> };

export const attrName = (name: string): string =>
  name === "kernel" ? "kernel_shape" : name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Attributes that ONNX types as float: an integer there must not be written as an int. */
const FLOAT_ATTRIBUTES: ReadonlySet<string> = new Set(["alpha"]);

/** Attributes as ONNX spells and types them. */
export function onnxAttributes(attrs: object): Record<string, OnnxAttr> {
  const result: Record<string, OnnxAttr> = {};
  for (const [name, value] of Object.entries(attrs) as [string, unknown][]) {
    if (typeof value === "boolean") result[attrName(name)] = value ? 1n : 0n;
    else if (Array.isArray(value)) result[attrName(name)] = value.map((entry) => BigInt(entry));
    else if (typeof value === "number") result[attrName(name)] = FLOAT_ATTRIBUTES.has(name) ? value : BigInt(value);
    else if (typeof value === "string") result[attrName(name)] = value;
  }
  return result;
}

// ---------------------------------------------------------------- shapes

/** Reshape; the batch dimension is written −1. */
function reshapeTo(e: GraphEmitter, x: string, shape: Shape): string {
  const symbolic = shape.filter((dim) => typeof dim !== "number").length;
  if (symbolic > 1) throw new ShapeError(`cannot be written: shape [${shape}] has ${symbolic} symbolic dimensions`);
  const target = shape.map((dim) => (typeof dim === "number" ? dim : -1));
  return e.node("Reshape", [x, e.ints(target)], target.includes(0) ? { allowzero: 1n } : {});
}

/** A shape as int64 of one axis, with the batch size of the run. */
function runtimeShape(e: GraphEmitter, shape: Shape): string {
  if (shape.every((dim) => typeof dim === "number")) return e.ints(shape as readonly number[]);
  const parts = shape.map((dim) => runtimeSize(e, dim));
  return parts.length === 1 ? parts[0]! : e.node("Concat", parts, { axis: 0n });
}

function runtimeSize(e: GraphEmitter, dim: Dim): string {
  const factor = batchFactor(dim);
  if (factor === undefined) return e.ints([dim as number]);
  return factor === 1 ? e.batchSize() : e.node("Mul", [e.batchSize(), e.ints([factor])]);
}

function expand(e: GraphEmitter, [x]: readonly string[], { attrs, inputs }: Site<"Expand">): string {
  // Expand broadcasts both ways, so 1 keeps an axis that already has its size
  const lead = attrs.shape.length - inputs[0]!.shape.length;
  const target = attrs.shape.map((dim, axis) => (dim === inputs[0]!.shape[axis - lead] ? 1 : dim));
  return e.node("Expand", [x!, runtimeShape(e, target)]);
}

/** The batch axis is only ever taken whole. */
function slice(e: GraphEmitter, [x]: readonly string[], { attrs: { axis, start, size, step } }: Site<"Slice">): string {
  if (typeof size !== "number") return e.node("Identity", [x!]);
  const end = start + (size - 1) * step + 1;
  return e.node("Slice", [x!, e.ints([start]), e.ints([end]), e.ints([axis]), e.ints([step])]);
}

// ---------------------------------------------------------------- windows

/** Pad by zeros and take the window's elements apart: one strided slice for each. */
function windowSlices(
  e: GraphEmitter,
  x: string,
  outer: number,
  kernel: readonly number[],
  { strides, dilations, pads }: WindowAttrs,
  outputs: readonly number[],
): string[] {
  const rank = kernel.length;
  const zeros = new Array<number>(outer).fill(0);
  const padded = pads.some((pad) => pad !== 0)
    ? e.node("Pad", [x, e.ints([...zeros, ...pads.slice(0, rank), ...zeros, ...pads.slice(rank)])])
    : x;
  const axes = e.ints(kernel.map((_, i) => outer + i));
  return offsets(kernel).map((offset) => {
    const starts = offset.map((at, i) => at * dilations[i]!);
    const ends = starts.map((start, i) => start + (outputs[i]! - 1) * strides[i]! + 1);
    return e.node("Slice", [padded, e.ints(starts), e.ints(ends), axes, e.ints(strides)]);
  });
}

/** All positions in a window, row-major. */
function offsets(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>(
    (positions, size) => positions.flatMap((at) => Array.from({ length: size }, (_, i) => [...at, i])),
    [[]],
  );
}

/** x [N, C, …] → [N, C, K, …outputs]. */
function stackWindows(e: GraphEmitter, slices: readonly string[]): string {
  const axis = e.ints([2]);
  const columns = slices.map((part) => e.node("Unsqueeze", [part, axis]));
  return columns.length === 1 ? columns[0]! : e.node("Concat", columns, { axis: 2n });
}

function unfold(e: GraphEmitter, [x]: readonly string[], { attrs, shape }: Site<"Unfold">): string {
  const { kernel, strides, dilations, pads } = attrs;
  return stackWindows(e, windowSlices(e, x!, 2, kernel, { strides, dilations, pads }, shape.slice(3) as number[]));
}

/**
 * The windows by a grouped convolution with one-hot kernels: several times faster than slices where there is a
 * convolution kernel. Exact for finite inputs.
 */
function unfoldByConvolution(e: GraphEmitter, [x]: readonly string[], node: Site<"Unfold">): string {
  const [, channels] = node.inputs[0]!.shape;
  if (typeof channels !== "number") return unfold(e, [x!], node);
  const { kernel } = node.attrs;
  const size = kernel.reduce((a, b) => a * b, 1);
  const oneHot = Array.from({ length: channels * size * size }, (_, i) =>
    i % size === Math.floor(i / size) % size ? 1 : 0,
  );
  const weight = e.floats([channels * size, 1, ...kernel], oneHot);
  const { strides, dilations, pads } = onnxAttributes(node.attrs);
  const windows = e.node("Conv", [x!, weight], {
    strides: strides!,
    dilations: dilations!,
    pads: pads!,
    group: BigInt(channels),
  });
  return reshapeTo(e, windows, node.shape);
}

const product = (shape: Shape): Dim => elements(shape);

/** Channels [G·c] as [G, c]; a batch dimension among the channels is allowed when there is one group. */
function perGroup(channels: Dim, group: number): Dim {
  const size = divideDims(channels, group);
  if (size === undefined) throw new ShapeError(`${channels} channels do not divide into ${group} groups`);
  return size;
}

/** Windows [N, C, K, …P] times weights [G, M/G, C/G·K], as matrix products: [N, M, …P]. */
function multiplyWindows(
  e: GraphEmitter,
  windows: string,
  weights: string,
  { batch, inner, group, shape }: { batch: Dim; inner: Dim; group: number; shape: Shape },
): string {
  const places = product(shape.slice(2));
  const columns = reshapeTo(e, windows, [batch, group, inner, places]);
  return reshapeTo(e, e.node("MatMul", [weights, columns]), shape);
}

/** Convolution where the target has no kernel for it: slices and matrix products. */
function convByProducts(e: GraphEmitter, [x, w]: readonly string[], { attrs, inputs, shape }: Site<"Conv">): string {
  const [batch, channels] = inputs[0]!.shape as [Dim, Dim];
  const [features, , ...kernel] = inputs[1]!.shape as [Dim, Dim, ...number[]];
  const inner = multiplyDims(perGroup(channels, attrs.group), product(kernel));
  const windows = stackWindows(e, windowSlices(e, x!, 2, kernel, attrs, shape.slice(2) as number[]));
  const weights = reshapeTo(e, w!, [1, attrs.group, perGroup(features, attrs.group), inner]);
  return multiplyWindows(e, windows, weights, { batch, inner, group: attrs.group, shape });
}

/** Transposed convolution as a convolution of the zero-interleaved input with the mirrored kernel. */
function convTransposeByProducts(
  e: GraphEmitter,
  [x, w]: readonly string[],
  { attrs, inputs, shape }: Site<"ConvTranspose">,
): string {
  const { group, strides, dilations, pads, outputPadding } = attrs;
  const [batch, channels, ...sizes] = inputs[0]!.shape as [Dim, Dim, ...number[]];
  const [, features, ...kernel] = inputs[1]!.shape as [Dim, Dim, ...number[]];
  const rank = kernel.length;
  const begin = kernel.map((size, i) => dilations[i]! * (size - 1) - pads[i]!);
  // interleaving leaves stride − 1 zeros behind the last element
  const end = kernel.map(
    (size, i) => dilations[i]! * (size - 1) - pads[rank + i]! + outputPadding[i]! - (strides[i]! - 1),
  );
  const spread = interleave(e, x!, [batch, channels, ...sizes], strides);
  const window = { strides: kernel.map(() => 1), dilations, pads: [...begin, ...end] };
  const slices = windowSlices(e, spread, 2, kernel, window, shape.slice(2) as number[]);
  const windows = stackWindows(e, slices.reverse());
  const [c, m, k] = [perGroup(channels, group), features, product(kernel)];
  const grouped = e.node("Transpose", [reshapeTo(e, w!, [group, c, m, k])], { perm: [0n, 2n, 1n, 3n] });
  const inner = multiplyDims(c, k);
  const weights = reshapeTo(e, grouped, [1, group, m, inner]);
  return multiplyWindows(e, windows, weights, { batch, inner, group, shape });
}

/** Each spatial axis of n elements becomes n·stride: the element, then stride − 1 zeros. */
function interleave(e: GraphEmitter, x: string, shape: Shape, strides: readonly number[]): string {
  if (strides.every((stride) => stride === 1)) return x;
  const [batch, channels, ...sizes] = shape as [Dim, Dim, ...number[]];
  const apart = reshapeTo(e, x, [batch, channels, ...sizes.flatMap((size) => [size, 1])]);
  const ends = strides.flatMap((stride) => [0, stride - 1]);
  const padded = e.node("Pad", [apart, e.ints([...new Array(ends.length + 2).fill(0), 0, 0, ...ends])]);
  return reshapeTo(e, padded, [batch, channels, ...sizes.map((size, i) => size * strides[i]!)]);
}

// ---------------------------------------------------------------- element-wise

const half = (e: GraphEmitter, x: string): string => e.node("Mul", [x, e.scalar(0.5)]);

/** x·Φ(x), by erf or by Hendrycks and Gimpel's tanh (arXiv:1606.08415). */
function gelu(e: GraphEmitter, [x]: readonly string[], { attrs }: Site<"Gelu">): string {
  const one = e.scalar(1);
  if (attrs.approximate === "none") {
    const erf = e.node("Erf", [e.node("Mul", [x!, e.scalar(Math.SQRT1_2)])]);
    return half(e, e.node("Mul", [x!, e.node("Add", [erf, one])]));
  }
  const cube = e.node("Mul", [e.node("Mul", [x!, x!]), x!]);
  const sum = e.node("Add", [x!, e.node("Mul", [cube, e.scalar(0.044715)])]);
  const tanh = e.node("Tanh", [e.node("Mul", [sum, e.scalar(Math.sqrt(2 / Math.PI))])]);
  return half(e, e.node("Mul", [x!, e.node("Add", [tanh, one])]));
}

function clip(e: GraphEmitter, [x]: readonly string[], { attrs: { min, max } }: Site<"Clip">): string {
  const bound = (value: number) => (Number.isFinite(value) ? e.scalar(value) : "");
  return e.node("Clip", [x!, bound(min), bound(max)]);
}

/** The runtime's Where has no kernel for bool. */
function where(e: GraphEmitter, [condition, x, y]: readonly string[], { dtype }: Site<"Where">): string {
  if (dtype !== "bool") return e.node("Where", [condition!, x!, y!]);
  const otherwise = e.node("And", [e.node("Not", [condition!]), y!]);
  return e.node("Or", [e.node("And", [condition!, x!]), otherwise]);
}

function pad(e: GraphEmitter, [x]: readonly string[], { attrs, dtype }: Site<"Pad">): string {
  if (attrs.value === 0) return e.node("Pad", [x!, e.ints(attrs.pads)]);
  const value =
    dtype === "float" ? e.scalar(attrs.value) : e.node("Cast", [e.scalar(attrs.value)], { to: code(e, dtype) });
  return e.node("Pad", [x!, e.ints(attrs.pads), value]);
}

const code = (e: GraphEmitter, dtype: "float" | "int" | "bool"): bigint =>
  dtype === "int" ? 7n : dtype === "bool" ? 9n : e.float === "float64" ? 11n : 1n;

const toFloat = (e: GraphEmitter, x: string): string => e.node("Cast", [x], { to: code(e, "float") });

// ---------------------------------------------------------------- tables

/** For every target. */
export const lowerings: LoweringTable = {
  Step: (e, [x]) => toFloat(e, e.node("Greater", [x!, e.scalar(0)])),
  Gelu: gelu,
  Clip: clip,
  Where: where,
  Cast: (e, [x], { attrs }) => e.node("Cast", [x!], { to: code(e, attrs.to) }),
  ReduceSum: (e, [x], { attrs }) =>
    attrs.axes.length === 0
      ? e.node("Identity", [x!])
      : e.node("ReduceSum", [x!, e.ints(attrs.axes)], { keepdims: attrs.keepdims ? 1n : 0n }),
  ReduceMax: (e, [x], { attrs }) =>
    attrs.axes.length === 0 ? e.node("Identity", [x!]) : e.node("ReduceMax", [x!], onnxAttributes(attrs)),
  Reshape: (e, [x], { attrs }) => reshapeTo(e, x!, attrs.shape),
  Expand: expand,
  Slice: slice,
  Pad: pad,
  Unfold: unfoldByConvolution,
};

/** In addition, where the runtime has no float64 kernel. */
export const float64Lowerings: LoweringTable = {
  Conv: convByProducts,
  ConvTranspose: convTransposeByProducts,
  Unfold: unfold,
  Elu: (e, [x], { attrs }) => {
    const below = e.node("Sub", [e.node("Exp", [e.node("Min", [x!, e.scalar(0)])]), e.scalar(1)]);
    return e.node("Add", [e.node("Relu", [x!]), e.node("Mul", [below, e.scalar(attrs.alpha)])]);
  },
  // max(x, 0) + log(1 + e^−|x|)
  Softplus: (e, [x]) => {
    const tail = e.node("Exp", [e.node("Neg", [e.node("Abs", [x!])])]);
    return e.node("Add", [e.node("Relu", [x!]), e.node("Log", [e.node("Add", [tail, e.scalar(1)])])]);
  },
  Softsign: (e, [x]) => e.node("Div", [x!, e.node("Add", [e.node("Abs", [x!]), e.scalar(1)])]),
  HardSwish: (e, [x]) => {
    const line = e.node("Add", [e.node("Mul", [x!, e.scalar(1 / 6)]), e.scalar(0.5)]);
    return e.node("Mul", [x!, e.node("Clip", [line, e.scalar(0), e.scalar(1)])]);
  },
};

/** ONNX ops without a float64 kernel and without a closed form in others. */
export const WITHOUT_FLOAT64: ReadonlySet<string> = new Set(["Erf", "Asin", "Atan"]);
