/** @file What the values of samples tell of their scale: where black and white lie, or how far each feature spreads. */

import { FormatError } from "../formats/error.ts";
import type { Dataset, PixelRange, ValueFacts } from "./dataset.ts";

export interface Extent {
  readonly min: number;
  readonly max: number;
  /** All are whole numbers, or so near to them that only rounding is between. */
  readonly whole: boolean;
  /** Stored as bytes. */
  readonly bytes: boolean;
}

/** How far beyond an end a value may lie, relative to the range, to be taken for a rounding error of whoever made it. */
const ROUNDING = 1e-5;
/** Whole numbers that are no bytes and stay below it may as well be of 0 … 16 or another scale. */
const LEAST_BYTES = 64;

/** @throws FormatError for values that are not finite */
export function examineValues(values: Float32Array | Uint8Array): Extent {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let whole = true;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) throw new FormatError("array", `value ${i} is ${value}; values must be finite.`);
    if (value < min) min = value;
    if (value > max) max = value;
    if (whole && Math.abs(value - Math.round(value)) > ROUNDING * Math.max(1, Math.abs(value))) whole = false;
  }
  return { min, max, whole, bytes: values instanceof Uint8Array };
}

/**
 * Whole numbers that reach beyond what fewer bits hold are 0 … 255; all that lies within [0, 1] is 0 … 1, rounding errors
 * aside. Anything else is not told by the values.
 *
 * @throws FormatError where the values contradict what is stated
 */
export function rangeOf({ min, max, whole, bytes }: Extent, stated: PixelRange | undefined): PixelRange {
  if (stated === "unknown") return stated;
  if (stated !== undefined) {
    const [black, white] = stated === "0..255" ? [0, 255] : stated === "0..1" ? [0, 1] : stated;
    const [low, high] = [Math.min(black, white), Math.max(black, white)];
    const room = ROUNDING * (high - low);
    if (min < low - room || max > high + room) {
      const name = typeof stated === "string" ? stated : `${black},${white}`;
      throw new FormatError("array", `the range ${name} is stated, but values lie between ${min} and ${max}.`);
    }
    return stated;
  }
  if (min < -ROUNDING) return "unknown";
  if (max <= 1 + ROUNDING) return "0..1";
  return whole && (bytes || max >= LEAST_BYTES) && max <= 255 * (1 + ROUNDING) ? "0..255" : "unknown";
}

/** With what lies beyond an end by a rounding error put onto the end, and a note where that changed anything. */
export function clipRounding(
  images: Float32Array,
  { min, max }: Pick<Extent, "min" | "max">,
  ends: readonly [number, number],
): { readonly images: Float32Array; readonly notes: readonly string[] } {
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  if (min >= low && max <= high) return { images, notes: [] };
  let count = 0;
  const clipped = images.map((value) => {
    if (value >= low && value <= high) return value;
    count++;
    return value < low ? low : high;
  });
  const beyond = Math.max(low - min, max - high).toPrecision(2);
  const note = `${count} ${count === 1 ? "value" : "values"} beyond ${low} … ${high} by at most ${beyond}, a rounding error, put on the end of it.`;
  return { images: clipped, notes: count === 0 ? [] : [note] };
}

/** The standard deviation of each value over the samples, and whether it is always a whole number. */
export function spreadOf(
  values: Float32Array | Uint8Array,
  size: number,
): Required<Pick<ValueFacts, "spread" | "whole">> {
  const total = values.length / size;
  const mean = new Float64Array(size);
  const squares = new Float64Array(size);
  const whole = Array<boolean>(size).fill(true);
  for (let k = 0; k < values.length; k++) mean[k % size]! += values[k]! / total;
  for (let k = 0; k < values.length; k++) {
    const i = k % size;
    squares[i]! += (values[k]! - mean[i]!) ** 2;
    if (!Number.isInteger(values[k]!)) whole[i] = false;
  }
  // what a constant column is away from its computed mean is rounding
  const spread = Float32Array.from(squares, (sum, i) => {
    const deviation = Math.sqrt(sum / total);
    return deviation <= 1e-9 * Math.abs(mean[i]!) ? 0 : deviation;
  });
  return { spread, whole };
}

/** Shapes of samples that are pictures, or stacks of them; rows are pictures only where the model says so. */
const isPicture = (shape: readonly number[], flat: boolean): boolean => shape.length >= 3 || flat;

/**
 * Undefined where the scale is known or the values are no pictures; else one line on what to state.
 * @param flat whether rows are pictures
 */
export function doubtfulScale({ name, shape, range, values }: Dataset, flat: boolean): string | undefined {
  if (range !== "unknown" || !values || !isPicture(shape, flat)) return undefined;
  const { min, max } = values;
  const guess =
    min < 0 && min >= -1 && max <= 1
      ? "-1,1"
      : min >= 0 && max <= 255
        ? "0,255"
        : min >= 0 && max <= 65535
          ? "0,65535"
          : undefined;
  const likely = guess === undefined ? "" : `, such as ${guess}`;
  const short = (value: number) => Number(value.toPrecision(6));
  return `${name}: its values lie between ${short(min)} and ${short(max)}, which does not tell what black and white are; state them with --data-range black,white${likely}, or --data-range none where the values are no pixels`;
}
