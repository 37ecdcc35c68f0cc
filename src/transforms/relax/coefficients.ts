/**
 * @file The coefficients A of a backward linear bound ⟨A, z⟩ + d, one row a bounded quantity.
 *
 * Three representations, because most of A is zero when the rows are the elements of a layer:
 * - identity: row i is element i (times a factor); nothing is stored until an op makes it something else.
 * - patches: rows are (position p, channel r) of a convolution; each touches one window of z (`windows.ts`).
 * - dense: everything.
 */

import { bindDim, elements, fixed, type Shape, sizeOf } from "../../graph/dims.ts";
import type { Builder, Value } from "../../graph/types.ts";
import { add, mul, neg, reshape } from "../../ops/rules.ts";
import {
  addPatches,
  fullSample,
  oneWhereEqual,
  type Patches,
  patchesWrittenOut,
  sampleShape,
  scalePatches,
  type Window,
} from "./windows.ts";

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

export const sampleElements = (value: { readonly shape: Shape }): number => bindDim(elements(sampleShape(value)), 1);

/** A stacked on −A along `axis` when both sides are wanted. */
export const bothSides = (b: Builder, value: Value, axis: number, { twoSided }: RowsContext): Value =>
  twoSided ? b.emit("Concat", [value, neg(b, value)], { axis }) : value;

/** A per-element quantity of z, [n, …z], as [n, 1, …z]; lower ranks broadcast as they are. */
export function perRow(b: Builder, value: Value, rank: number): Value {
  if (value.shape.length < rank) return value;
  return reshape(b, value, [value.shape[0]!, 1, ...value.shape.slice(1)]);
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

// ---------------------------------------------------------------- the identity, written out

const counting = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** What each row of the identity has at its element: its sign times the factor there, [R]. */
function elementFactors(b: Builder, z: Value, { factor }: Identity, { indices, signs }: ElementRows): Value {
  if (!factor) return signs;
  return pickSigned(b, reshape(b, fullSample(b, factor, z), [sampleElements(z)]), indices, signs);
}

/** The identity as a matrix: row i has `factor` at element i. Made when it runs, of constants as long as a sample. */
export function identityRows(b: Builder, z: Value, identity: Identity, context: RowsContext): Dense {
  const size = sampleElements(z);
  const { rows } = context;
  const open = (value: Value): Value => reshape(b, value, [1, value.shape[0]!, ...sampleShape(z)]);
  const columns = b.ints(counting(size), [1, size]);
  if (rows.kind === "elements") {
    const count = rows.indices.shape[0]!;
    const ones = oneWhereEqual(b, reshape(b, rows.indices, [count, 1]), columns);
    return {
      kind: "dense",
      value: open(mul(b, ones, reshape(b, elementFactors(b, z, identity, rows), [count, 1]))),
    };
  }
  const matrix = open(oneWhereEqual(b, b.ints(counting(size), [size, 1]), columns));
  const { factor } = identity;
  const scaled = factor ? mul(b, matrix, perRow(b, factor, z.shape.length)) : matrix;
  return { kind: "dense", value: bothSides(b, scaled, 1, context) };
}

/** Channel and position of each element that is asked for, in z, which has the target's elements in the same order. */
export function rowPlaces(b: Builder, z: Value, rows: ElementRows, { target }: RowsContext, spatial: number) {
  const given = spatial === target.shape.length - 2 && `${z.shape.slice(1)}` === `${target.shape.slice(1)}`;
  if (given && rows.channels && rows.positions) return { channels: rows.channels, positions: rows.positions };
  const per = sizeOf(z.shape.slice(-spatial).map((dim) => fixed(dim, "spatial axis")));
  const table = (of: (index: number) => number): Value =>
    b.emit("Gather", [b.ints(counting(sampleElements(z)).map(of)), rows.indices], { axis: 0 });
  return { channels: table((index) => Math.floor(index / per)), positions: table((index) => index % per) };
}

/** The identity as patches of one element each; undefined where z has no spatial axes. */
export function identityPatches(b: Builder, z: Value, identity: Identity, context: RowsContext): Patches | undefined {
  const spatial = Math.min(2, z.shape.length - 2);
  if (spatial < 1) return undefined;
  const ones = Array<number>(spatial).fill(1);
  const counts = z.shape.slice(-spatial).map((dim) => fixed(dim, "spatial axis"));
  const window: Window = { kernel: ones, strides: ones, pads: ones.map(() => 0), counts };
  const channels = sampleElements(z) / sizeOf(counts);
  const columns = b.ints(counting(channels), [1, channels]);
  const { rows } = context;
  if (rows.kind === "elements") {
    const places = rowPlaces(b, z, rows, context, spatial);
    const count = rows.indices.shape[0]!;
    const chosen = oneWhereEqual(b, reshape(b, places.channels, [count, 1]), columns);
    const value = mul(b, chosen, reshape(b, elementFactors(b, z, identity, rows), [count, 1]));
    const open = reshape(b, value, [1, 1, count, channels]);
    return { kind: "patches", value: open, window, positions: places.positions, masked: true };
  }
  const matrix = oneWhereEqual(b, b.ints(counting(channels), [channels, 1]), columns);
  const plain: Patches = {
    kind: "patches",
    value: reshape(b, matrix, [1, 1, channels, channels]),
    window,
    masked: true,
  };
  const scaled = identity.factor ? scalePatches(b, plain, identity.factor, z) : plain;
  return { ...scaled, value: bothSides(b, scaled.value, 2, context) };
}

// ---------------------------------------------------------------- sums and conversions

/** Two contributions to the coefficients of one node, in the sparsest common form. */
export function combine(b: Builder, x: Coefficients, y: Coefficients, z: Value, context: RowsContext): Coefficients {
  if (x.kind === "identity" && y.kind === "identity") {
    const one = b.constant(1);
    return { kind: "identity", factor: add(b, x.factor ?? one, y.factor ?? one) };
  }
  if (x.kind !== "dense" && y.kind !== "dense") {
    const [p, q] = [asPatches(b, x, z, context), asPatches(b, y, z, context)];
    const sum = p && q && addPatches(b, p, q, z);
    if (sum) return sum;
  }
  return { kind: "dense", value: add(b, asDense(b, x, z, context).value, asDense(b, y, z, context).value) };
}

/** What is sparse, as patches; undefined where it is not, or where z has no spatial axes. */
export const asPatches = (b: Builder, a: Coefficients, z: Value, context: RowsContext): Patches | undefined =>
  a.kind === "identity" ? identityPatches(b, z, a, context) : a.kind === "patches" ? a : undefined;

export function asDense(b: Builder, a: Coefficients, z: Value, context: RowsContext): Dense {
  switch (a.kind) {
    case "dense":
      return a;
    case "patches":
      return { kind: "dense", value: patchesWrittenOut(b, a, z) };
    case "identity":
      return identityRows(b, z, a, context);
  }
}
