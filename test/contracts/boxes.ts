/** @file Boxes with the corner cases in them, and points inside. */

import type { Rng } from "../../src/random/rng.ts";

export interface Range {
  /** Ends that a box may not pass. */
  readonly least?: number;
  readonly most?: number;
  /** Size of the largest boxes. */
  readonly huge?: number;
}

type Box = readonly [lower: number, upper: number];

/** One kind of box each; `r` draws uniformly from [0, 1). */
const kinds: readonly ((rng: Rng, huge: number) => Box)[] = [
  (r) => around(2 * r.normal(), Math.abs(r.normal())),
  (r) => around(2 * r.normal(), 0),
  (r) => around(3 * r.normal(), 1e-7),
  (r) => around(3 * r.normal(), 1e-4 * r.uniform()),
  (r, huge) => around(huge * r.normal(), huge * r.uniform()),
  (r, huge) => around(0, huge * r.uniform()),
  (r) => around((30 + 40 * r.uniform()) * (r.uniform() < 0.5 ? -1 : 1), 5 * r.uniform()),
  (r) => [-1e-3 * r.uniform(), 1e-3 * r.uniform()],
  (r) => (r.uniform() < 0.5 ? [0, 3 * r.uniform()] : [-3 * r.uniform(), 0]),
  (r) => (r.uniform() < 0.5 ? [-50 * r.uniform(), 3 * r.uniform()] : [-3 * r.uniform(), 50 * r.uniform()]),
  (r) => around(0, 1e-30 * r.uniform()),
  (r) => around(4 * r.normal(), 3 * r.uniform()),
  // far to one side and wide: where the tails of a function are stretched
  (r, huge) => oneSided(r, Math.min(huge, 1e3)),
  (r, huge) => [-huge * r.uniform(), huge * r.uniform()],
];

function oneSided(r: Rng, size: number): Box {
  const [near, far] = [5 * r.uniform(), size * r.uniform() + 5];
  return r.uniform() < 0.5 ? [near, far] : [-far, -near];
}

const around = (centre: number, radius: number): Box => [centre - radius, centre + radius];

/** `count` boxes, the kinds by turns; ends are float32 numbers. */
export function drawBoxes(rng: Rng, count: number, { least, most, huge = 1e6 }: Range = {}) {
  const lower = new Float64Array(count);
  const upper = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let ends = kinds[i % kinds.length]!(rng, huge) as readonly number[];
    if (least !== undefined && least >= 0) ends = ends.map((end) => Math.abs(end)).sort((p, q) => p - q);
    const [low, high] = ends.map((end) =>
      Math.fround(Math.min(Math.max(end, least ?? Number.NEGATIVE_INFINITY), most ?? Number.POSITIVE_INFINITY)),
    );
    lower[i] = low!;
    upper[i] = high!;
  }
  return { lower, upper };
}

/** Points in boxes, float32 numbers: first all lower ends, then all upper ends, the middles, and then a mixture. */
export function drawPoints(rng: Rng, lower: ArrayLike<number>, upper: ArrayLike<number>, round: number): Float64Array {
  return Float64Array.from({ length: lower.length }, (_, i) => {
    const [low, high] = [lower[i]!, upper[i]!];
    const kind = round < 3 ? round : 3 + rng.int(6);
    if (kind === 0 || kind === 3) return low;
    if (kind === 1 || kind === 4) return high;
    // wide boxes: what is special about a function is near 0
    const drawn = kind === 2 ? low / 2 + high / 2 : kind === 5 ? 2 * rng.normal() : low + (high - low) * rng.uniform();
    return Math.min(Math.max(Math.fround(drawn), low), high);
  });
}
