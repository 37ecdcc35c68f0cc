/**
 * @file The coefficients A of a backward linear bound ⟨A, z⟩ + d, one row a bounded quantity.
 *
 * Three representations, because most of A is zero when the rows are the elements of a layer:
 * - identity: row i is element i (times a factor); nothing is stored until an op makes it something else.
 * - patches: rows are (position p, channel r) of a convolution; each touches one window of z.
 * - dense: everything.
 */

import { bindDim, elements, fixed, multiplyDims, sizeOf } from "../../graph/dims.ts";
import { floatTensor } from "../../graph/tensor.ts";
import type { Builder, Dim, Shape, Value } from "../../graph/types.ts";
import { foldWindows } from "../../ops/pool.ts";
import { add, broadcastTo, mul, neg, reshape } from "../../ops/rules.ts";

/** Windows over [H, W] (or [L]): window p starts at p·strides − pads. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  /** Beginnings only; the ends follow from the number of windows. */
  readonly pads: readonly number[];
  readonly counts: readonly number[];
}

export interface Identity {
  readonly kind: "identity";
  /** Broadcasts to [1, …z]; 1 where absent. */
  readonly factor?: Value | undefined;
}

export interface Dense {
  readonly kind: "dense";
  /** [n, S, …z] with n the batch or 1. */
  readonly value: Value;
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

export type Coefficients = Identity | Dense | Patches;

/** Which quantities are bounded. */
export type Rows =
  /** ⟨C_s, z⟩ for each row of C [n, S, …z]. */
  | { readonly kind: "spec"; readonly matrix: Value }
  /** Every element of the target. */
  | { readonly kind: "all" }
  /** ± some elements of the target of a one-sample network. */
  | ({ readonly kind: "elements" } & ElementRows);

/** Which element each row is, and its sign: all [R], R symbolic. */
export interface ElementRows {
  /** Into the flattened target. */
  readonly indices: Value;
  readonly signs: Value;
  /** For a target [1, C, …]: `indices` taken apart into channel and position. */
  readonly channels?: Value;
  readonly positions?: Value;
}

/** Where the backward pass stands apart from A: the same for all nodes. */
export interface RowsContext {
  readonly target: Value;
  readonly rows: Rows;
  /** Rows A and −A, so that one pass yields lower and upper bounds. */
  readonly twoSided: boolean;
}

export const sampleShape = (value: { readonly shape: Shape }): Shape => value.shape.slice(1);
export const sampleElements = (value: { readonly shape: Shape }): number => bindDim(elements(sampleShape(value)), 1);

/** A stacked on −A along `axis` when both sides are wanted. */
export const bothSides = (b: Builder, value: Value, axis: number, { twoSided }: RowsContext): Value =>
  twoSided ? b.emit("Concat", [value, neg(b, value)], { axis }) : value;

/** A per-element quantity of z, [n, …z], as [n, 1, …z]; lower ranks broadcast as they are. */
export function perRow(b: Builder, value: Value, rank: number): Value {
  if (value.shape.length < rank) return value;
  return reshape(b, value, [value.shape[0]!, 1, ...value.shape.slice(1)]);
}

/** `value`, which broadcasts to [n, …z], with all sample axes written out. */
export function fullSample(b: Builder, value: Value, z: Value): Value {
  const lead = value.shape.length === z.shape.length ? value.shape[0]! : 1;
  return broadcastTo(b, value, [lead, ...sampleShape(z)]);
}

/** Of rows for every element of the target, the same for all samples [1, S, …], those asked for, with both signs. */
export function chooseRows(b: Builder, all: Value, context: RowsContext): Dense {
  const { rows } = context;
  if (rows.kind !== "elements") return { kind: "dense", value: bothSides(b, all, 1, context) };
  const picked = pickSigned(b, reshape(b, all, all.shape.slice(1)), rows.indices, rows.signs);
  return { kind: "dense", value: reshape(b, picked, [1, ...picked.shape]) };
}

/** Chosen entries of axis 0, times their signs. */
export function pickSigned(b: Builder, value: Value, indices: Value, signs: Value): Value {
  const picked = b.emit("Gather", [value, indices], { axis: 0 });
  return mul(b, picked, reshape(b, signs, [signs.shape[0]!, ...value.shape.slice(1).map(() => 1)]));
}

/** The identity as a matrix: row i has `factor` at element i. */
export function identityRows(b: Builder, z: Value, { factor }: Identity, context: RowsContext): Dense {
  const size = sampleElements(z);
  const eye = new Float64Array(size * size);
  for (let i = 0; i < size; i++) eye[i * size + i] = 1;
  let matrix: Value = b.constant(floatTensor([1, size, ...(sampleShape(z) as number[])], eye));
  if (factor) matrix = mul(b, matrix, perRow(b, factor, z.shape.length));
  return chooseRows(b, matrix, context);
}

/** The windows of z's elements as patches see them: [n, P, C·kernel], zero where a window leaves z. */
export function windowsOf(b: Builder, value: Value, z: Value, window: Window): Value {
  const full = fullSample(b, value, z);
  const unfolded = b.emit("Unfold", [full], unfoldAttrs(window, z)); // [n, C, K, …counts]
  const [n, channels] = [full.shape[0]!, fixed(z.shape[1], "channels")];
  const positions = sizeOf(window.counts);
  const size = channels * sizeOf(window.kernel);
  const rows = reshape(b, unfolded, [n, size, positions]);
  return b.emit("Transpose", [rows], { perm: [0, 2, 1] });
}

/** The windows that each row of the patches meets: [n, P, 1, C·kernel], or [1, 1, R, C·kernel] at positions of their own. */
export function windowRows(b: Builder, a: Patches, value: Value, z: Value): Value {
  const windows = windowsOf(b, value, z, a.window);
  const [n, positions, size] = windows.shape as [Dim, Dim, Dim];
  if (!a.positions) return reshape(b, windows, [n, positions, 1, size]);
  const picked = b.emit("Gather", [reshape(b, windows, [positions, size]), a.positions], { axis: 0 });
  return reshape(b, picked, [1, 1, ...picked.shape]);
}

/** Unfold's attributes for a window; pads at the ends chosen so that exactly the counted windows fit. */
export function unfoldAttrs({ kernel, strides, pads, counts }: Window, z: { readonly shape: Shape }) {
  const ends = counts.map((count, i) => {
    const size = fixed(z.shape[i + 2], "spatial axis");
    return Math.max(0, (count - 1) * strides[i]! + kernel[i]! - size - pads[i]!);
  });
  return { kernel, strides, dilations: kernel.map(() => 1), pads: [...pads, ...ends] };
}

/** Do exactly `counts` windows fit? A stride may leave rows unread at the end, and then one more may. */
export const windowFits = ({ kernel, strides, pads, counts }: Window, z: { readonly shape: Shape }): boolean =>
  counts.every((count, i) => {
    const size = fixed(z.shape[i + 2], "spatial axis");
    const end = Math.max(0, (count - 1) * strides[i]! + kernel[i]! - size - pads[i]!);
    return Math.floor((size + pads[i]! + end - kernel[i]!) / strides[i]!) + 1 === count;
  });

/** Patches written out as rows over all of z, rows ordered (r, p) like a convolution's output. */
export function toDense(b: Builder, { value, window, positions: own }: Patches, z: Value): Dense {
  const positions = sizeOf(window.counts);
  const [n, , r, size] = value.shape as [Dim, Dim, Dim, number];
  const eye = new Float64Array(positions * positions);
  for (let p = 0; p < positions; p++) eye[p * positions + p] = 1;
  const at = b.constant(floatTensor([positions, positions], eye));
  let rows: Dim;
  let placed: Value;
  if (own) {
    // [R, C·K, 1] × [R, 1, P]: each row's window at its own position
    rows = r;
    const chosen = b.emit("Gather", [at, own], { axis: 0 });
    placed = mul(b, reshape(b, value, [r, size, 1]), reshape(b, chosen, [r, 1, positions]));
  } else {
    // [n, R, P, C·K, 1] × [1, 1, P, 1, P′]
    rows = multiplyDims(r, positions);
    const full = broadcastTo(b, value, [n, positions, r, size]);
    const turned = reshape(b, b.emit("Transpose", [full], { perm: [0, 2, 1, 3] }), [n, r, positions, size, 1]);
    placed = mul(b, turned, reshape(b, at, [1, 1, positions, 1, positions]));
  }
  const lead = multiplyDims(n, rows);
  const windows = reshape(b, placed, [lead, fixed(z.shape[1], "channels"), sizeOf(window.kernel), ...window.counts]);
  const folded = foldWindows(b, windows, [lead, ...sampleShape(z)], unfoldAttrs(window, z));
  return { kind: "dense", value: reshape(b, folded, [n, rows, ...sampleShape(z)]) };
}

/** Two contributions to the coefficients of one node. */
export function combine(b: Builder, x: Coefficients, y: Coefficients, z: Value, context: RowsContext): Coefficients {
  if (x.kind === "identity" && y.kind === "identity") {
    const one = b.constant(1);
    return { kind: "identity", factor: add(b, x.factor ?? one, y.factor ?? one) };
  }
  if (x.kind === "patches" && y.kind === "patches") {
    const aligned = align(b, x, y, z);
    if (aligned) return aligned;
  }
  return { kind: "dense", value: add(b, asDense(b, x, z, context).value, asDense(b, y, z, context).value) };
}

export function asDense(b: Builder, a: Coefficients, z: Value, context: RowsContext): Dense {
  switch (a.kind) {
    case "dense":
      return a;
    case "patches":
      return toDense(b, a, z);
    case "identity":
      return identityRows(b, z, a, context);
  }
}

/** The sum of patches on the smallest window that covers both, where strides and counts agree. */
function align(b: Builder, x: Patches, y: Patches, z: Value): Patches | undefined {
  const [p, q] = [x.window, y.window];
  if (`${p.strides} ${p.counts}` !== `${q.strides} ${q.counts}`) return undefined;
  const pads = p.pads.map((pad, i) => Math.max(pad, q.pads[i]!));
  const kernel = p.kernel.map((size, i) => Math.max(size - p.pads[i]!, q.kernel[i]! - q.pads[i]!) + pads[i]!);
  const window: Window = { kernel, strides: p.strides, pads, counts: p.counts };
  if (!windowFits(window, z)) return undefined;
  const channels = fixed(z.shape[1], "channels");
  const grow = (a: Patches): Value => {
    const own = a.window;
    const lead = a.value.shape.slice(0, 3);
    const open = reshape(b, a.value, [...lead, channels, ...own.kernel]);
    const before = kernel.map((_, i) => pads[i]! - own.pads[i]!);
    const after = kernel.map((size, i) => size - own.kernel[i]! - before[i]!);
    const padded = b.emit("Pad", [open], { pads: [0, 0, 0, 0, ...before, 0, 0, 0, 0, ...after], value: 0 });
    return reshape(b, padded, [...lead, channels * sizeOf(kernel)]);
  };
  return { ...x, window, value: add(b, grow(x), grow(y)), masked: x.masked && y.masked };
}
