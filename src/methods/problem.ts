/** @file The perturbation set that attacks and verifiers share: one object, so that they answer the same question. */

import type { Tensor } from "../graph/types.ts";

export type Norm = "linf" | "l2" | "l1";

/** S(x) = {x′ : ‖x′ − x‖_p ≤ epsilon} ∩ [low, high]ⁿ, in pixels; normalisation is inside the network. */
export interface Threat {
  readonly norm: Norm;
  /** ≥ 0, in units of the pixels. */
  readonly epsilon: number;
  /** The pixels' range; [0, 1] unless the data contract says otherwise; undefined: unbounded. */
  readonly domain: readonly [low: number, high: number] | undefined;
  /** Places in an input of values that do not change. */
  readonly fixed?: readonly number[];
}

export type FloatArray = Float32Array | Float64Array;

/** Labelled inputs in the network's layout. */
export interface Batch {
  /** float, [n, …input]. */
  readonly images: Tensor;
  /** Length n. */
  readonly labels: Int32Array;
  /** Boxes of its own instead of the threat's, in the network's input: each of the images' length. */
  readonly box?: { readonly lower: FloatArray; readonly upper: FloatArray };
}

/** Images from … to − 1 of a batch. */
export function sliceBatch({ images, labels, box }: Batch, from: number, to: number): Batch {
  const per = images.data.length / labels.length;
  const part = <T extends Tensor["data"]>(data: T): T => data.subarray(from * per, to * per) as T;
  return {
    images: { ...images, shape: [to - from, ...images.shape.slice(1)], data: part(images.data) },
    labels: labels.subarray(from, to),
    ...(box && { box: { lower: part(box.lower), upper: part(box.upper) } }),
  };
}

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
const double = new Float64Array(1);
/** Of the double, the half with the sign. */
const halves = new Int32Array(double.buffer);
const SIGN_HALF = 1;

/**
 * `roundDown` for a value above the centre, `roundUp` for one below: the float32 nearest to it among those between them.
 *
 * Attacks ask it of every pixel in every step. Which way a value is rounded is a matter of chance, so that a processor
 * guesses half of such branches wrong: signs are computed with in their place.
 */
export function roundTowards(value: number, centre: number): number {
  float[0] = value;
  const near = float[0];
  const pattern = bits[0]!;
  if (near === value) return near;
  double[0] = near - value;
  const moved = halves[SIGN_HALF]!;
  double[0] = value - centre;
  const away = halves[SIGN_HALF]!;
  // 1 where the nearest float32 is beyond the value
  const beyond = ~(moved ^ away) >>> 31;
  if (near === 0) return beyond ? step32(near, value > centre ? -1 : 1) : near;
  // 0 where it is further from zero than its neighbour towards the centre, else −1
  const side = (away ^ pattern) >> 31;
  bits[0] = pattern - (beyond ^ side) + side;
  return float[0];
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
  images: Float32Array | Float64Array,
  { epsilon, domain, fixed = [] }: Threat,
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
