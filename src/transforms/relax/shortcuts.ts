/**
 * @file Affine ops that keep coefficients sparse. An op absent here goes through its vjp, densely; that is always right.
 */

import { type Dim, fixed, isBatched, multiplyDims, type Shape, sameShape, sizeOf } from "../../graph/dims.ts";
import type { OpName } from "../../graph/signatures.ts";
import type { Builder, NodeValue, Value } from "../../graph/types.ts";
import { transposeLast } from "../../ops/linear.ts";
import { foldWindows } from "../../ops/pool.ts";
import { broadcastTo, div, mul, neg, reshape } from "../../ops/rules.ts";
import {
  asPatches,
  bothSides,
  type Coefficients,
  chooseRows,
  type Identity,
  pickSigned,
  type RowsContext,
  rowPlaces,
} from "./coefficients.ts";
import {
  channelCount,
  channelFactor,
  channelShape,
  fullSample,
  maskPatches,
  type Patches,
  scalePatches,
  spatialSizes,
  touches,
  type Window,
} from "./windows.ts";

/** Coefficients on operand `i` of the node from those on its result; undefined where only the dense way is open. */
type Shortcut<C> = (b: Builder, node: NodeValue, a: C, i: number, context: RowsContext) => Coefficients | undefined;

/** Coefficients on operand `i` by the sparsest way that there is; undefined where only the dense one is open. */
export function sparsely(b: Builder, node: NodeValue, a: Coefficients, i: number, context: RowsContext) {
  if (a.kind === "dense") return undefined;
  if (a.kind === "identity") {
    const short = identityShortcuts[node.op]?.(b, node, a, i, context);
    if (short || !patchShortcuts[node.op]) return short;
  }
  const patches = asPatches(b, a, node, context);
  return patches && patchShortcuts[node.op]?.(b, node, patches, i, context);
}

const keepsShape = (node: NodeValue, i: number): boolean => sameShape(node.inputs[i]!.shape, node.shape);

const other = (node: NodeValue, i: number): Value => node.inputs[1 - i]!;

const scaled = (b: Builder, { factor }: Identity, by: Value): Identity => ({
  kind: "identity",
  factor: factor ? mul(b, factor, by) : by,
});

export const identityShortcuts: Partial<Record<OpName, Shortcut<Identity>>> = {
  Add: (_, node, a, i) => (keepsShape(node, i) ? a : undefined),
  Sub: (b, node, a, i) => (keepsShape(node, i) ? (i === 0 ? a : scaled(b, a, b.constant(-1))) : undefined),
  Neg: (b, _, a) => scaled(b, a, b.constant(-1)),
  Mul: (b, node, a, i) =>
    keepsShape(node, i) && !isBatched(other(node, i).shape) ? scaled(b, a, other(node, i)) : undefined,
  Div: (b, node, a, i) =>
    keepsShape(node, i) && i === 0 && !isBatched(other(node, i).shape)
      ? scaled(b, a, div(b, b.constant(1), other(node, i)))
      : undefined,
  Reshape: (b, node, a) => {
    if (!a.factor) return a;
    const full = fullSample(b, a.factor, node);
    return { kind: "identity", factor: reshape(b, full, [full.shape[0]!, ...node.inputs[0]!.shape.slice(1)]) };
  },
  MatMul: (b, node, { factor }, i, context) => {
    const w = node.inputs[1]!;
    if (i !== 0 || w.shape.length !== 2 || node.shape.length !== 2) return undefined;
    let rows: Value = transposeLast(b, w);
    if (factor) rows = mul(b, rows, reshape(b, fullSample(b, factor, node), [w.shape[1]!, 1]));
    return chooseRows(b, reshape(b, rows, [1, ...rows.shape]), context);
  },
  Conv: (b, node, { factor }, i, context) => {
    const w = node.inputs[1]!;
    const attrs = (node as NodeValue<"Conv">).attrs;
    if (i !== 0 || attrs.group !== 1 || attrs.dilations.some((dilation) => dilation !== 1)) return undefined;
    const kernel = w.shape.slice(2) as number[];
    const window: Window = {
      kernel,
      strides: attrs.strides,
      pads: attrs.pads.slice(0, kernel.length),
      counts: node.shape.slice(2) as number[],
    };
    const channels = fixed(w.shape[0], "channels");
    let rows: Value = reshape(b, w, [channels, fixed(w.shape[1], "channels") * sizeOf(kernel)]);
    if (factor) {
      const perChannel = channelFactor(b, factor, node, window);
      if (perChannel?.shape[0] !== 1) return undefined;
      rows = mul(b, rows, reshape(b, perChannel, [perChannel.shape[1]!, 1]));
    }
    const elementRows = context.rows.kind === "elements" ? context.rows : undefined;
    const places = elementRows && rowPlaces(b, node, elementRows, context, kernel.length);
    if (elementRows) rows = pickSigned(b, rows, places!.channels, elementRows.signs);
    const open = reshape(b, rows, [1, 1, ...rows.shape]);
    if (places) return { kind: "patches", value: open, window, positions: places.positions, masked: false };
    return { kind: "patches", value: bothSides(b, open, 2, context), window, masked: false };
  },
};

// ---------------------------------------------------------------- patches

/** Beyond this share of z's positions, a window is written out: dense rows are simpler to multiply, and hardly larger. */
const LARGEST_SHARE = 0.6;

/** Would rows over all of z be cheaper? Never where all positions share one row. */
const outgrown = (a: Patches, window: Window, z: Value): boolean =>
  (a.positions !== undefined || a.value.shape[1] !== 1) &&
  sizeOf(window.kernel) > LARGEST_SHARE * sizeOf(spatialSizes(z, window));

/** The axes of a node's result beside the batch and those that windows slide over, where its operand has the same. */
const slidesAlike = (x: Value, z: Value, window: Window): boolean =>
  x.shape.length > window.kernel.length &&
  `${x.shape.slice(-window.kernel.length)}` === `${z.shape.slice(-window.kernel.length)}`;

/** Windows of windows: those of `inner` (with its own strides and pads) seen through `outer`. */
const composed = (
  outer: Window,
  inner: {
    readonly kernel: readonly number[];
    readonly strides: readonly number[];
    readonly dilations: readonly number[];
    readonly pads: readonly number[];
  },
): Window => ({
  kernel: outer.kernel.map(
    (size, k) => (size - 1) * inner.strides[k]! + inner.dilations[k]! * (inner.kernel[k]! - 1) + 1,
  ),
  strides: outer.strides.map((stride, k) => stride * inner.strides[k]!),
  pads: outer.pads.map((pad, k) => pad * inner.strides[k]! + inner.pads[k]!),
  counts: outer.counts,
});

/** [n·P·R, …channels, …kernel]: each row an image of its own. */
function asImages(b: Builder, { value, window }: Patches, channels: Shape): Value {
  const [n, p, r] = value.shape as [Dim, Dim, Dim];
  return reshape(b, value, [multiplyDims(multiplyDims(n, p), r), ...channels, ...window.kernel]);
}

const fromImages = (b: Builder, a: Patches, images: Value, window: Window, channels: number): Patches => ({
  ...a,
  window,
  value: reshape(b, images, [...a.value.shape.slice(0, 3), channels * sizeOf(window.kernel)]),
  masked: false,
});

function throughConv(b: Builder, node: NodeValue<"Conv">, a: Patches, i: number): Coefficients | undefined {
  const { attrs } = node;
  const [x, w] = node.inputs as [Value, Value];
  const rank = attrs.strides.length;
  if (i !== 0 || a.window.kernel.length !== rank) return undefined;
  const window = composed(a.window, { ...attrs, kernel: w.shape.slice(2) as number[] });
  if (!touches(window, x) || outgrown(a, window, x)) return undefined;
  const masked = maskPatches(b, a, node);
  const zeros = attrs.strides.map(() => 0);
  const through = b.emit("ConvTranspose", [asImages(b, masked, [node.shape[1]!]), w], {
    strides: attrs.strides,
    dilations: attrs.dilations,
    pads: [...zeros, ...zeros],
    group: attrs.group,
    outputPadding: zeros,
  });
  return fromImages(b, masked, through, window, fixed(x.shape[1], "channels"));
}

function throughUnfold(b: Builder, node: NodeValue<"Unfold">, a: Patches): Coefficients | undefined {
  const { attrs } = node;
  const x = node.inputs[0]!;
  if (a.window.kernel.length !== attrs.kernel.length) return undefined;
  const window = composed(a.window, attrs);
  if (!touches(window, x) || outgrown(a, window, x)) return undefined;
  const channels = fixed(x.shape[1], "channels");
  const masked = maskPatches(b, a, node);
  const images = asImages(b, masked, [channels, sizeOf(attrs.kernel)]);
  const unpadded = { ...attrs, pads: attrs.pads.map(() => 0) };
  const folded = foldWindows(b, images, [images.shape[0]!, channels, ...window.kernel], unpadded);
  return fromImages(b, masked, folded, window, channels);
}

/** A sum over channels repeats the coefficients along them. */
function throughSum(b: Builder, node: NodeValue<"ReduceSum">, a: Patches): Coefficients | undefined {
  const x = node.inputs[0]!;
  const { axes, keepdims } = node.attrs;
  const first = x.shape.length - a.window.kernel.length;
  if (axes.some((axis) => axis < 1 || axis >= first) || !slidesAlike(x, node, a.window)) return undefined;
  const kept = keepdims ? node.shape : x.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
  const [lead, size] = [a.value.shape.slice(0, 3), sizeOf(a.window.kernel)];
  const open = reshape(b, a.value, [...lead, ...kept.slice(1, first), size]);
  const wide = broadcastTo(b, open, [...lead, ...channelShape(x, a.window), size]);
  return { ...a, value: reshape(b, wide, [...lead, channelCount(x, a.window) * size]) };
}

/** Of a concatenation of channels, those of one operand; of one along the image, the windows moved to it. */
function throughConcat(b: Builder, node: NodeValue<"Concat">, a: Patches, i: number): Coefficients | undefined {
  const { axis } = node.attrs;
  const before = node.inputs.slice(0, i).reduce((sum, { shape }) => sum + (shape[axis] as number), 0);
  const x = node.inputs[i]!;
  const first = node.shape.length - a.window.kernel.length;
  if (axis >= first) return moved(b, a, node, x, axis - first, before);
  if (axis !== 1) return undefined;
  const per = sizeOf(channelShape(node, a.window).slice(1)) * sizeOf(a.window.kernel);
  const size = (x.shape[1] as number) * per;
  return { ...a, value: b.emit("Slice", [a.value], { axis: 3, start: before * per, size, step: 1 }) };
}

/** Patches of z seen from an image x whose first element lies at `start` of z along one axis. */
function moved(b: Builder, a: Patches, z: Value, x: Value, axis: number, start: number): Patches | undefined {
  const window = { ...a.window, pads: a.window.pads.map((pad, k) => (k === axis ? pad + start : pad)) };
  if (!touches(window, x)) return undefined;
  // what lies outside z may lie inside x
  return { ...maskPatches(b, a, z), window, masked: false };
}

export const patchShortcuts: Partial<Record<OpName, Shortcut<Patches>>> = {
  Add: (_, node, a, i) => (keepsShape(node, i) ? a : undefined),
  Sub: (b, node, a, i) => (keepsShape(node, i) ? (i === 0 ? a : { ...a, value: neg(b, a.value) }) : undefined),
  Neg: (b, _, a) => ({ ...a, value: neg(b, a.value) }),
  Mul: (b, node, a, i) => (keepsShape(node, i) ? scalePatches(b, a, other(node, i), node) : undefined),
  Div: (b, node, a, i) =>
    keepsShape(node, i) && i === 0 ? scalePatches(b, a, div(b, b.constant(1), other(node, i)), node) : undefined,
  Conv: (b, node, a, i) => throughConv(b, node as NodeValue<"Conv">, a, i),
  Unfold: (b, node, a) => throughUnfold(b, node as NodeValue<"Unfold">, a),
  ReduceSum: (b, node, a) => throughSum(b, node as NodeValue<"ReduceSum">, a),
  Concat: (b, node, a, i) => throughConcat(b, node as NodeValue<"Concat">, a, i),
  // channels may be named otherwise; what windows slide over may not
  Reshape: (_, node, a) => (slidesAlike(node.inputs[0]!, node, a.window) ? a : undefined),
  Pad: (b, node, a) => {
    const [x, { pads }] = [node.inputs[0]!, (node as NodeValue<"Pad">).attrs];
    const first = node.shape.length - a.window.kernel.length;
    const rank = node.shape.length;
    if (pads.some((pad, k) => pad !== 0 && k % rank < first)) return undefined;
    return a.window.kernel.reduce<Patches | undefined>(
      (sum, _, axis) => sum && moved(b, sum, node, x, axis, pads[first + axis]!),
      a,
    );
  },
  Slice: (b, node, a) => {
    const { axis, start, step } = (node as NodeValue<"Slice">).attrs;
    const first = node.shape.length - a.window.kernel.length;
    return axis < first || step !== 1 ? undefined : moved(b, a, node, node.inputs[0]!, axis - first, -start);
  },
};
