/**
 * @file Patches: rows that each touch one window of a value z, and what can be done with them without writing out zeros.
 *
 * z is [n, channels…, spatial…]: the last one or two axes are those that windows slide over, and everything between the
 * batch and them counts as channels.
 */

import { type Dim, fixed, multiplyDims, type Shape, sizeOf } from "../../graph/dims.ts";
import { floatTensor } from "../../graph/tensor.ts";
import type { Builder, Value } from "../../graph/types.ts";
import { broadcastTo, mul, reshape } from "../../ops/rules.ts";

/** Windows over [H, W] (or [L]): window p starts at p·strides − pads. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  /** Beginnings only; the ends follow from the number of windows. Negative where the first elements are not read. */
  readonly pads: readonly number[];
  readonly counts: readonly number[];
}

export interface Patches {
  readonly kind: "patches";
  /** [n, P or 1, R, C·kernel], positions numbered row-major. */
  readonly value: Value;
  readonly window: Window;
  /** Rows at positions of their own, [R]; P is then 1. Absent: every row at every position. */
  readonly positions?: Value | undefined;
  /** Zero outside z already (padding), so that an op may be pulled through. */
  readonly masked: boolean;
}

type Shaped = { readonly shape: Shape };

export const sampleShape = (value: Shaped): Shape => value.shape.slice(1);

/** `value`, which broadcasts to [n, …z], with all sample axes written out. */
export function fullSample(b: Builder, value: Value, z: Shaped): Value {
  const lead = value.shape.length === z.shape.length ? value.shape[0]! : 1;
  return broadcastTo(b, value, [lead, ...sampleShape(z)]);
}

export const spatialSizes = (z: Shaped, { kernel }: Window): number[] =>
  z.shape.slice(-kernel.length).map((dim) => fixed(dim, "spatial axis"));

export const channelShape = (z: Shaped, { kernel }: Window): number[] =>
  z.shape.slice(1, -kernel.length).map((dim) => fixed(dim, "channels"));

export const channelCount = (z: Shaped, window: Window): number => sizeOf(channelShape(z, window));

/** The elements from…to of axis i of z that windows read, and the padding beyond its ends. */
function reach({ kernel, strides, pads, counts }: Window, size: number, i: number) {
  const end = (counts[i]! - 1) * strides[i]! + kernel[i]! - pads[i]!;
  return {
    from: Math.max(0, -pads[i]!),
    to: Math.min(size, end),
    before: Math.max(0, pads[i]!),
    after: Math.max(0, end - size),
  };
}

/** Is there an element of z in any window at all? */
export const touches = (window: Window, z: Shaped): boolean =>
  spatialSizes(z, window).every((size, i) => {
    const { from, to } = reach(window, size, i);
    return from < to;
  });

const staysInside = (window: Window, z: Shaped): boolean =>
  spatialSizes(z, window).every((size, i) => {
    const { before, after } = reach(window, size, i);
    return before === 0 && after === 0;
  });

/** Elements of a window beyond which its two axes are unfolded one after the other: K products each, or their sum. */
const SEPARATELY = 16;

/** The windows of a value that broadcasts to z's elements: [n, P, channels·kernel], zero where a window leaves z. */
export function windowsOf(b: Builder, value: Value, z: Shaped, window: Window): Value {
  const { kernel, strides } = window;
  const full = fullSample(b, value, z);
  const sizes = spatialSizes(z, window);
  let open = reshape(b, full, [full.shape[0]!, channelCount(z, window), ...sizes]);
  const ends = sizes.map((size, i) => reach(window, size, i));
  ends.forEach(({ from, to }, i) => {
    // what a stride leaves unread at the end, if another window would fit there
    const unread = sizes[i]! - to >= strides[i]!;
    if (from === 0 && !unread) return;
    const size = (unread ? to : sizes[i]!) - from;
    open = b.emit("Slice", [open], { axis: i + 2, start: from, size, step: 1 });
  });
  const unfold = (x: Value, axes: readonly boolean[]): Value => {
    const pick = (values: readonly number[], other: number) => values.map((v, i) => (axes[i] ? v : other));
    const pads = [...ends.map(({ before }) => before), ...ends.map(({ after }) => after)];
    const attrs = {
      kernel: pick(kernel, 1),
      strides: pick(strides, 1),
      dilations: kernel.map(() => 1),
      pads: pads.map((pad, i) => (axes[i % axes.length] ? pad : 0)),
    };
    const windows = b.emit("Unfold", [x], attrs); // [n, C, K, …]
    const [n, channels, size, ...rest] = windows.shape as [Dim, number, number, ...number[]];
    return reshape(b, windows, [n, channels * size, ...rest]);
  };
  const apart = kernel.length === 2 && sizeOf(kernel) > SEPARATELY;
  const unfolded = apart
    ? unfold(unfold(open, [true, false]), [false, true])
    : unfold(
        open,
        kernel.map(() => true),
      );
  const [n, size] = unfolded.shape as [Dim, number];
  const rows = reshape(b, unfolded, [n, size, sizeOf(window.counts)]);
  return b.emit("Transpose", [rows], { perm: [0, 2, 1] });
}

/** The windows that each row of the patches meets: [n, P, 1, C·kernel], or [1, 1, R, C·kernel] at positions of their own. */
export function windowRows(b: Builder, { window, positions: own }: Patches, value: Value, z: Shaped): Value {
  const windows = windowsOf(b, value, z, window);
  const [n, positions, size] = windows.shape as [Dim, Dim, Dim];
  if (!own) return reshape(b, windows, [n, positions, 1, size]);
  const picked = b.emit("Gather", [reshape(b, windows, [positions, size]), own], { axis: 0 });
  return reshape(b, picked, [1, 1, ...picked.shape]);
}

/** [n, P, R, C·kernel] as [n, P, R, C, kernel]. */
const byChannel = (b: Builder, value: Value, channels: Dim): Value => {
  const [n, p, r, size] = value.shape as [Dim, Dim, Dim, number];
  return reshape(b, value, [n, p, r, channels, size / (channels as number)]);
};

/** A factor that is the same at all positions of a channel, as [m, C or 1]; undefined where it differs. */
export function channelFactor(b: Builder, factor: Value, z: Shaped, window: Window): Value | undefined {
  const rank = z.shape.length;
  const shape = [...Array<Dim>(rank - factor.shape.length).fill(1), ...factor.shape];
  if (shape.slice(-window.kernel.length).some((dim, i) => dim !== 1 && z.shape.at(i - window.kernel.length) !== 1))
    return undefined;
  const channels = shape.slice(1, -window.kernel.length);
  const [lead, open] = [shape[0]!, reshape(b, factor, shape)];
  if (channels.every((dim) => dim === 1)) return reshape(b, open, [lead, 1]);
  const wide = broadcastTo(b, open, [lead, ...channelShape(z, window), ...window.kernel.map(() => 1)]);
  return reshape(b, wide, [lead, channelCount(z, window)]);
}

/** Patches times a factor that broadcasts to z. */
export function scalePatches(b: Builder, a: Patches, factor: Value, z: Shaped): Patches {
  const perChannel = channelFactor(b, factor, z, a.window);
  // the windows of z are zero outside, so the result is masked
  if (!perChannel) return { ...a, value: mul(b, a.value, windowRows(b, a, factor, z)), masked: true };
  const [lead, channels] = perChannel.shape as [Dim, Dim];
  if (lead === 1 && channels === 1) return { ...a, value: mul(b, a.value, reshape(b, perChannel, [1, 1, 1, 1])) };
  const open = byChannel(b, a.value, channelCount(z, a.window));
  const product = mul(b, open, reshape(b, perChannel, [lead, 1, 1, channels, 1]));
  return { ...a, value: reshape(b, product, [...product.shape.slice(0, 3), a.value.shape[3]!]) };
}

/** The same patches, with zeros where their windows leave z. */
export function maskPatches(b: Builder, a: Patches, z: Shaped): Patches {
  if (a.masked || staysInside(a.window, z)) return { ...a, masked: true };
  const sizes = spatialSizes(z, a.window);
  // [1, P, R, kernel]
  const inside = a.positions
    ? insideOwn(b, a.positions, a.window, sizes)
    : windowRows(b, a, b.constant(1), { shape: [1, 1, ...sizes] });
  const [, p, r, size] = inside.shape as [Dim, Dim, Dim, Dim];
  const product = mul(b, byChannel(b, a.value, channelCount(z, a.window)), reshape(b, inside, [1, p, r, 1, size]));
  return { ...a, value: reshape(b, product, [...product.shape.slice(0, 3), a.value.shape[3]!]), masked: true };
}

/** Where the window of each row starts along one axis: [R]. */
function startsAlong(b: Builder, own: Value, { counts, strides, pads }: Window, axis: number): Value {
  const below = sizeOf(counts.slice(axis + 1));
  const starts = Float64Array.from(
    { length: sizeOf(counts) },
    (_, p) => (Math.floor(p / below) % counts[axis]!) * strides[axis]! - pads[axis]!,
  );
  return b.emit("Gather", [b.constant(floatTensor([starts.length], starts)), own], { axis: 0 });
}

/** 1 where an element of a row's window lies in z, else 0: [1, 1, R, kernel]. */
function insideOwn(b: Builder, own: Value, window: Window, sizes: readonly number[]): Value {
  const { kernel } = window;
  const rows = own.shape[0]!;
  const along = kernel.map((count, axis) => {
    const starts = reshape(b, startsAlong(b, own, window, axis), [rows, 1]);
    const places = b.emit("Add", [starts, countFrom(b, 0, 1, count, [1, count])]);
    const from = b.emit("GreaterOrEqual", [places, b.constant(0)]);
    const to = b.emit("Less", [places, b.constant(sizes[axis]!)]);
    const inside = b.emit("Cast", [b.emit("And", [from, to])], { to: "float" });
    return reshape(b, inside, [rows, ...kernel.map((_, i) => (i === axis ? count : 1))]);
  });
  return reshape(
    b,
    along.reduce((x, y) => mul(b, x, y)),
    [1, 1, rows, sizeOf(kernel)],
  );
}

// ---------------------------------------------------------------- relaxed ops

/** Do an op's operands have its windows: its own spatial axes, and its channels, or more of them where it takes one? */
export const bends = ({ window }: Patches, node: Shaped, operands: readonly Shaped[]): boolean =>
  operands.every(
    (x) =>
      x.shape.length === node.shape.length &&
      node.shape.every((dim, axis) => {
        const slides = axis >= node.shape.length - window.kernel.length;
        return dim === x.shape[axis] || (axis > 0 && !slides && dim === 1);
      }),
  );

/** Patches of z times slopes that broadcast to z, or to an operand with more channels: [n, P, R, C·kernel] of the operand. */
export function slopedPatches(b: Builder, a: Patches, slope: Value, z: Shaped, operand: Shaped): Value {
  const slopes = windowRows(b, a, slope, operand);
  const [from, to] = [channelShape(z, a.window), channelShape(operand, a.window)];
  if (`${from}` === `${to}`) return mul(b, a.value, slopes);
  const size = sizeOf(a.window.kernel);
  const open = (value: Value, channels: readonly number[]): Value =>
    reshape(b, value, [...value.shape.slice(0, 3), ...channels, size]);
  const product = mul(b, open(a.value, from), open(slopes, to));
  return reshape(b, product, [...product.shape.slice(0, 3), sizeOf(to) * size]);
}

/** Σ over a window of what is masked, by channel: [n, P, R, C]. */
export function channelSums(b: Builder, a: Patches, z: Shaped): Value {
  const open = byChannel(b, maskPatches(b, a, z).value, channelCount(z, a.window));
  return b.emit("ReduceSum", [open], { axes: [4], keepdims: false });
}

// ---------------------------------------------------------------- sums

/** The sum of patches on the smallest window that covers both, where strides and counts agree. */
export function addPatches(b: Builder, x: Patches, y: Patches, z: Shaped): Patches | undefined {
  const [p, q] = [x.window, y.window];
  if (`${p.strides} ${p.counts}` !== `${q.strides} ${q.counts}` || x.positions !== y.positions) return undefined;
  const pads = p.pads.map((pad, i) => Math.max(pad, q.pads[i]!));
  const kernel = p.kernel.map((size, i) => Math.max(size - p.pads[i]!, q.kernel[i]! - q.pads[i]!) + pads[i]!);
  const window: Window = { kernel, strides: p.strides, pads, counts: p.counts };
  const channels = channelCount(z, window);
  const grow = (a: Patches): Value => {
    const own = a.window;
    const lead = a.value.shape.slice(0, 3);
    const before = kernel.map((_, i) => pads[i]! - own.pads[i]!);
    const after = kernel.map((size, i) => size - own.kernel[i]! - before[i]!);
    if ([...before, ...after].every((pad) => pad === 0)) return a.value;
    const open = reshape(b, a.value, [...lead, channels, ...own.kernel]);
    const padded = b.emit("Pad", [open], { pads: [0, 0, 0, 0, ...before, 0, 0, 0, 0, ...after], value: 0 });
    return reshape(b, padded, [...lead, channels * sizeOf(kernel)]);
  };
  const sum = b.emit("Add", [grow(x), grow(y)]);
  return { kind: "patches", value: sum, window, positions: x.positions, masked: x.masked && y.masked };
}

// ---------------------------------------------------------------- written out

/** Integers from `start` on, as floats of a shape with `count` elements. */
const countFrom = (b: Builder, start: number, step: number, count: number, shape: readonly number[]): Value =>
  b.constant(
    floatTensor(
      shape,
      Float64Array.from({ length: count }, (_, i) => start + i * step),
    ),
  );

/** Where x = y, 1, else 0. */
export const oneWhereEqual = (b: Builder, x: Value, y: Value): Value =>
  b.emit("Cast", [b.emit("Equal", [x, y])], { to: "float" });

/**
 * Patches as rows over all of z [n, S, …z], rows ordered (r, p) like a convolution's output: one axis after the other is
 * placed by a product with zeros and ones, which is exact.
 */
export function patchesWrittenOut(b: Builder, a: Patches, z: Shaped): Value {
  const { value, window, positions: own } = a;
  const channels = channelCount(z, window);
  const [n, , r] = value.shape as [Dim, Dim, Dim];
  const placed = own ? placeOwn(b, value, own, window, z) : placeEverywhere(b, value, window, z);
  if (own) return reshape(b, placed, [1, r, ...sampleShape(z)]);
  // [n, …counts, R·C, …sizes]
  const [positions, sizes] = [sizeOf(window.counts), spatialSizes(z, window)];
  const rows = reshape(b, placed, [n, positions, r, channels * sizeOf(sizes)]);
  const turned = b.emit("Transpose", [rows], { perm: [0, 2, 1, 3] });
  return reshape(b, turned, [n, multiplyDims(r, positions), ...sampleShape(z)]);
}

/** [1, 1, R, C·kernel] → [R, C, …sizes]. */
function placeOwn(b: Builder, value: Value, own: Value, window: Window, z: Shaped): Value {
  const { kernel } = window;
  const [sizes, channels, r] = [spatialSizes(z, window), channelCount(z, window), value.shape[2]!];
  /** [R, kernel, size]: 1 where element k of the row's window lies at s. */
  const places = (axis: number): Value => {
    const start = startsAlong(b, own, window, axis);
    const [k, size] = [kernel[axis]!, sizes[axis]!];
    const offsets = Float64Array.from({ length: k * size }, (_, i) => (i % size) - Math.floor(i / size));
    return oneWhereEqual(b, reshape(b, start, [r, 1, 1]), b.constant(floatTensor([1, k, size], offsets)));
  };
  const last = kernel.length - 1;
  const lead = channels * sizeOf(kernel.slice(0, last));
  const across = b.emit("MatMul", [reshape(b, value, [r, lead, kernel[last]!]), places(last)]);
  if (last === 0) return across;
  const down = b.emit("Transpose", [places(0)], { perm: [0, 2, 1] });
  const columns = reshape(b, across, [r, channels, kernel[0]!, sizes[1]!]);
  return b.emit("MatMul", [reshape(b, down, [r, 1, sizes[0]!, kernel[0]!]), columns]);
}

/** [n, P or 1, R, C·kernel] → [n, …counts, R·C, …sizes]. */
function placeEverywhere(b: Builder, value: Value, window: Window, z: Shaped): Value {
  const { kernel, strides, pads, counts } = window;
  const [sizes, channels] = [spatialSizes(z, window), channelCount(z, window)];
  const [n, p, r] = value.shape as [Dim, Dim, number];
  const over = p === 1 ? counts.map(() => 1) : counts;
  /** [count, 1, kernel, size]: 1 where element k of the window lies at s. */
  const places = (axis: number): Value => {
    const [count, k, size] = [counts[axis]!, kernel[axis]!, sizes[axis]!];
    const starts = countFrom(b, -pads[axis]!, strides[axis]!, count, [count, 1, 1, 1]);
    const offsets = Float64Array.from({ length: k * size }, (_, i) => (i % size) - Math.floor(i / size));
    return oneWhereEqual(b, starts, b.constant(floatTensor([1, 1, k, size], offsets)));
  };
  const last = kernel.length - 1;
  const lead = r * channels * sizeOf(kernel.slice(0, last));
  const across = b.emit("MatMul", [
    reshape(b, value, [n, ...over, lead, kernel[last]!]),
    reshape(b, places(last), [1, ...counts.slice(0, last).map(() => 1), counts[last]!, kernel[last]!, sizes[last]!]),
  ]);
  if (last === 0) return across;
  const down = b.emit("Transpose", [places(0)], { perm: [0, 1, 3, 2] });
  // axes [n, p₀ or 1, p₁, R·C, kernel, size]
  const columns = reshape(b, across, [n, over[0]!, counts[1]!, r * channels, kernel[0]!, sizes[1]!]);
  const wide = b.emit("MatMul", [reshape(b, down, [1, counts[0]!, 1, 1, sizes[0]!, kernel[0]!]), columns]);
  return reshape(b, wide, [n, counts[0]!, counts[1]!, r * channels, ...sizes]);
}
