/** @file The geometry of input sets: their boxes, distances, and what lies in them. */

import { rowsAt } from "../graph/tensor.ts";
import type { BallSet, Box, FloatArray, InputSet, Norm, Threat } from "./types.ts";

/** The next float32 below (or above) a double that float32 may not hold: ends of boxes are rounded outward. */
export function roundDown(value: number): number {
  const near = Math.fround(value);
  return near <= value ? near : step32(near, -1);
}

export function roundUp(value: number): number {
  const near = Math.fround(value);
  return near >= value ? near : step32(near, 1);
}

const float = new Float32Array(1);
/** The same four bytes; a view of each kind is several times faster than a DataView. */
const bits = new Int32Array(float.buffer);
/** A power of two that lifts the product of a rounding error with a difference above the smallest double. */
const LIFT = 2 ** 600;

/**
 * Every value rounded to the float32 nearest to it among those between it and its centre: `roundDown` above the centre,
 * `roundUp` below.
 *
 * Attacks ask it of every pixel in every step. Which way a value is rounded is a matter of chance, so that a processor
 * guesses half of such branches wrong: comparisons are computed with in their place.
 * @param into may not share memory with the centres
 */
export function roundTowards(values: Float64Array, centres: Float32Array, into: Float32Array): Float32Array {
  const patterns = new Int32Array(into.buffer, into.byteOffset, into.length);
  for (let i = 0; i < into.length; i++) {
    const value = values[i]!;
    const near = Math.fround(value);
    const away = value - centres[i]!;
    // beyond the value: both differences have one sign; then the neighbour, nearer to zero or further from it
    const beyond = +((near - value) * LIFT * away > 0);
    into[i] = near;
    patterns[i]! += beyond - ((beyond & +(near * away > 0)) << 1);
  }
  return into;
}

/** The neighbouring float32 in a direction. */
function step32(value: number, direction: 1 | -1): number {
  if (value === 0) return direction * 2 ** -149;
  float[0] = value;
  bits[0]! += value > 0 === direction > 0 ? 1 : -1;
  return float[0];
}

/**
 * The smallest float32 box that contains the l∞ ball within the domain (for every norm: ‖·‖_∞ ≤ ‖·‖_p).
 * @param size elements of one input, where there are several
 */
export function boxOf(
  images: FloatArray,
  { epsilon, domain, fixed = [] }: Omit<Threat, "norm">,
  size = images.length,
): { lower: Float32Array; upper: Float32Array } {
  const lower = new Float32Array(images.length);
  const upper = new Float32Array(images.length);
  const [low, high] = domain ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let i = 0; i < images.length; i++) {
    lower[i] = roundDown(Math.max(images[i]! - epsilon, low));
    upper[i] = roundUp(Math.min(images[i]! + epsilon, high));
  }
  for (let start = 0; fixed.length > 0 && start < images.length; start += size) {
    for (const i of fixed) {
      lower[start + i] = roundDown(images[start + i]!);
      upper[start + i] = roundUp(images[start + i]!);
    }
  }
  return { lower, upper };
}

/** The box of a set of n inputs, as it is given where it is one; the part of a ball that is outside `within` is cut off. */
export function boxOfSet(set: InputSet, count: number): Box {
  if (set.kind === "box") return set;
  const box = boxOf(set.centre, set, set.centre.length / Math.max(1, count));
  return set.within ? overlap(box, set.within) : box;
}

/** What two boxes have in common, element by element; ends that cross where they have nothing. */
export function overlap(a: Box, b: Box): Box {
  const like = a.lower instanceof Float64Array || b.lower instanceof Float64Array ? Float64Array : Float32Array;
  const [lower, upper] = [like.from(a.lower), like.from(a.upper)];
  for (let i = 0; i < lower.length; i++) {
    lower[i] = Math.max(lower[i]!, b.lower[i]!);
    upper[i] = Math.min(upper[i]!, b.upper[i]!);
  }
  return { lower, upper };
}

/** The part of the sets that lies in these boxes: an input split is a question of its own. */
export const within = (set: InputSet, box: Box): InputSet =>
  set.kind === "box"
    ? { kind: "box", ...overlap(set, box) }
    : { ...set, within: set.within ? overlap(set.within, box) : box };

const partOfBox = ({ lower, upper }: Box, from: number, to: number): Box => ({
  lower: lower.subarray(from, to),
  upper: upper.subarray(from, to),
});

/** The boxes at these positions, each of `size` elements. */
export function pickBox({ lower, upper }: Box, size: number, positions: readonly number[]): Box {
  return { lower: rowsAt(lower, size, positions), upper: rowsAt(upper, size, positions) };
}

/** The inputs at these positions of a set of `count`. */
export function pickSet(set: InputSet, count: number, positions: readonly number[]): InputSet {
  if (set.kind === "box") return { kind: "box", ...pickBox(set, set.lower.length / count, positions) };
  const size = set.centre.length / count;
  return {
    ...set,
    centre: rowsAt(set.centre, size, positions),
    ...(set.within && { within: pickBox(set.within, size, positions) }),
  };
}

/** Inputs from … to − 1 of a set of `count`. */
export function sliceSet(set: InputSet, count: number, from: number, to: number): InputSet {
  const per = (set.kind === "box" ? set.lower : set.centre).length / Math.max(1, count);
  const [start, end] = [from * per, to * per];
  if (set.kind === "box") return { kind: "box", ...partOfBox(set, start, end) };
  return {
    ...set,
    centre: set.centre.subarray(start, end),
    ...(set.within && { within: partOfBox(set.within, start, end) }),
  };
}

export const distances: Readonly<Record<Norm, (x: ArrayLike<number>, y: ArrayLike<number>) => number>> = {
  linf: (x, y) => {
    let largest = 0;
    for (let i = 0; i < x.length; i++) largest = Math.max(largest, Math.abs(x[i]! - y[i]!));
    return largest;
  },
  l2: (x, y) => {
    let squares = 0;
    for (let i = 0; i < x.length; i++) squares += (x[i]! - y[i]!) ** 2;
    return Math.sqrt(squares);
  },
  l1: (x, y) => {
    let sum = 0;
    for (let i = 0; i < x.length; i++) sum += Math.abs(x[i]! - y[i]!);
    return sum;
  },
};

/** Room for a distance added up in doubles; the point itself is in the set. */
export const DISTANCE_TOLERANCE = 1e-6;

/** A point of one input, and where it lies before it was rounded to float32: for distances. */
export interface Located {
  readonly point: ArrayLike<number>;
  /** Default: the point. */
  readonly place?: ArrayLike<number>;
  /** In place of the ball's own. */
  readonly centre?: ArrayLike<number>;
}

/** How far from its ball's centre a point lies; 0 in a box, which has none. @param i which of the `count` inputs */
export function distanceIn(set: InputSet, count: number, i: number, { point, place = point, centre }: Located): number {
  return set.kind === "box" ? 0 : distances[set.norm](place, centre ?? centreOf(set, count, i));
}

/** Does a point lie in input i of a set of `count`? What is no number lies nowhere. */
export function isInside(set: InputSet, count: number, i: number, at: Located): boolean {
  const { point, place = point } = at;
  // the ends of a box are float32 as the point is
  if (set.kind === "box") return inBox(set, count, i, point);
  const { epsilon, domain, fixed = [] } = set;
  const centre = at.centre ?? centreOf(set, count, i);
  return (
    distanceIn(set, count, i, at) <= epsilon * (1 + DISTANCE_TOLERANCE) &&
    fixed.every((k) => point[k] === Math.fround(centre[k]!)) &&
    (domain === undefined || every(point, (value) => value >= domain[0] && value <= domain[1])) &&
    (set.within === undefined || inBox(set.within, count, i, place))
  );
}

const inBox = ({ lower, upper }: Box, count: number, i: number, point: ArrayLike<number>): boolean => {
  const start = (i * lower.length) / count;
  return every(point, (value, k) => value >= lower[start + k]! && value <= upper[start + k]!);
};

function every(values: ArrayLike<number>, test: (value: number, k: number) => boolean): boolean {
  for (let k = 0; k < values.length; k++) if (!test(values[k]!, k)) return false;
  return true;
}

const centreOf = ({ centre }: BallSet, count: number, i: number): FloatArray => {
  const size = centre.length / count;
  return centre.subarray(i * size, (i + 1) * size);
};
