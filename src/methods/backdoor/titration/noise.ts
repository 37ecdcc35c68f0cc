/** @file The noise, and the pictures that are noise themselves: the same numbers for every model and intensity. */

import type { Rng } from "../../../random/rng.ts";
import type { Geometry } from "../../picture.ts";
import type { NoiseKind } from "./types.ts";

/** What noise is drawn for: so many inputs of so many values. */
export interface NoiseSize {
  readonly count: number;
  /** Values of one input. */
  readonly size: number;
  /** Where the inputs are pictures: salt-and-pepper replaces all channels of a pixel at once. */
  readonly geometry: Geometry | undefined;
}

/** Half the width of the uniform distribution whose standard deviation is 1. */
const UNIFORM_HALF_WIDTH = Math.sqrt(3);

/**
 * Noise of unit intensity, [count, size]; the first inputs' noise does not depend on the count. Not to be changed: the
 * array is kept and given out again.
 *
 * Gaussian: N(0, 1). Uniform: on ±√3, so that sigma is the standard deviation there too. Salt-and-pepper: ±u, where u is
 * uniform on (0, 1) and a random sign says the colour; a pixel is replaced at share sigma when u < sigma, by the upper end
 * of the range for +u and by the lower end for −u. So the set of replaced pixels only grows with sigma.
 */
export function drawNoise(kind: NoiseKind, random: Rng, size: NoiseSize): Float32Array {
  return remembered(kind, random.split(`noise/${kind}`), size, (stream, out) => {
    switch (kind) {
      case "gaussian":
        return stream.fillNormal(out);
      case "uniform":
        return stream.fillUniform(out, -UNIFORM_HALF_WIDTH, UNIFORM_HALF_WIDTH);
      case "salt-and-pepper":
        return fillSalt(stream, out, size);
      default:
        throw new Error(`unreachable: ${kind satisfies never}`);
    }
  });
}

/**
 * Pictures of noise, [count, size]: N(0, 1) in every value, stretched to [0, 1] in each picture.
 */
export function drawBases(random: Rng, size: NoiseSize): Float32Array {
  return remembered("bases", random.split("bases"), size, (stream, out) => {
    stream.fillNormal(out);
    for (let i = 0; i < size.count; i++) stretch(out.subarray(i * size.size, (i + 1) * size.size));
  });
}

/** To [0, 1]; values that are all equal become 0. */
function stretch(values: Float32Array): void {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < values.length; k++) {
    low = Math.min(low, values[k]!);
    high = Math.max(high, values[k]!);
  }
  const width = high > low ? high - low : 1;
  for (let k = 0; k < values.length; k++) values[k] = (values[k]! - low) / width;
}

/** u is the middle of one of 2²³ cells: exact in float32, never 0 and never 1. */
function fillSalt(stream: Rng, out: Float32Array, { count, size, geometry }: NoiseSize): void {
  const channels = geometry?.channels ?? 1;
  const pixels = size / channels;
  const [pixelStep, channelStep] = geometry?.layout === "NHWC" ? [channels, 1] : [1, pixels];
  for (let i = 0; i < count; i++) {
    for (let p = 0; p < pixels; p++) {
      const cell = Math.floor(stream.uniform() * 2 ** 24);
      const u = ((cell >>> 1) + 0.5) * 2 ** -23;
      const value = cell & 1 ? u : -u;
      for (let c = 0; c < channels; c++) out[i * size + p * pixelStep + c * channelStep] = value;
    }
  }
}

/** Enough for a few kinds of noise for 500 pictures of 3 × 64 × 64 values. */
const MOST_KEPT_BYTES = 64 * 2 ** 20;

/** Least recently used first. A pure function's results: drawing them takes longer than a small network's answers. */
const kept = new Map<string, Float32Array>();

function remembered(
  what: string,
  stream: Rng,
  { count, size, geometry }: NoiseSize,
  fill: (stream: Rng, out: Float32Array) => void,
): Float32Array {
  // a stream does not show its identity, but what a split of it yields identifies it: 106 bits
  const mark = stream.split("identity");
  const form = geometry ? `${geometry.channels} ${geometry.layout}` : "";
  const key = `${what} ${size} ${form} ${mark.uniform()} ${mark.uniform()}`;
  const known = kept.get(key);
  const enough = known !== undefined && known.length >= count * size;
  const values = enough ? known : new Float32Array(count * size);
  if (!enough) fill(stream, values);
  kept.delete(key);
  if (values.byteLength <= MOST_KEPT_BYTES) kept.set(key, values);
  let bytes = 0;
  for (const array of kept.values()) bytes += array.byteLength;
  for (const [oldest, array] of kept) {
    if (bytes <= MOST_KEPT_BYTES) break;
    kept.delete(oldest);
    bytes -= array.byteLength;
  }
  return values.subarray(0, count * size);
}
