/** @file How far a curve would move with other inputs: bootstrap over inputs, from the counts alone. */

import { rng } from "../../../random/rng.ts";
import type { PlainRecord } from "../../../runtime/jobs.ts";
import { proportion } from "../../../stats/proportion.ts";
import { quantiles } from "../../../stats/summary.ts";
import { GAMMAS, type TitrationCurve } from "./types.ts";

/** One value a point of the curve. */
export interface Band extends PlainRecord {
  readonly lower: readonly number[];
  readonly upper: readonly number[];
}

/** Each interval covers its own point; the band as a whole covers the curve less often. */
export interface CurveBands extends PlainRecord {
  /** Probability that an interval covers what an endless supply of such inputs would give. */
  readonly level: number;
  /** T_γ at the last gamma. */
  readonly joint: Band;
  readonly flip: Band;
  /** Of the class that is the most frequent answer here. */
  readonly modalShare: Band;
  /** Of the primary score, the area of T_γ; `null` where the grid has no intensity in the primary range. */
  readonly jointArea: readonly [lower: number, upper: number] | null;
}

export interface BandOptions {
  readonly level?: number;
  readonly resamples?: number;
  readonly seed?: number;
}

/**
 * Percentile bootstrap over inputs. A resample's count at one intensity is Binomial(inputs, share), so the intervals of
 * single points are taken from that distribution, without drawing. The area's comes from resamples of whole inputs, since
 * an input's answers at different intensities go together.
 */
export function bandsOf(curve: TitrationCurve, options: BandOptions = {}): CurveBands {
  const { level = 0.95, resamples = 1000, seed = 0 } = options;
  const bandOf = (countOf: (point: TitrationCurve["points"][number]) => number): Band => {
    const intervals = curve.points.map((point) => shareInterval(countOf(point), curve.inputs, level));
    return { lower: intervals.map(([lower]) => lower), upper: intervals.map(([, upper]) => upper) };
  };
  return {
    level,
    joint: bandOf(({ wrongConfident }) => wrongConfident[GAMMAS.length - 1]!),
    flip: bandOf(({ flips }) => flips),
    modalShare: bandOf(({ answers }) => Math.max(...answers)),
    jointArea: areaInterval(curve.timesSurelyWrong, { level, resamples, seed }),
  };
}

/** With fewer inputs of a kind than this, resamples vary too little: the exact interval is used. */
const FEW = 5;

function shareInterval(count: number, inputs: number, level: number): [lower: number, upper: number] {
  if (Math.min(count, inputs - count) < FEW) {
    const { lower, upper } = proportion(count, inputs, level);
    return [lower, upper];
  }
  const tail = (1 - level) / 2;
  return [binomialQuantile(inputs, count, tail) / inputs, binomialQuantile(inputs, count, 1 - tail) / inputs];
}

/** The smallest j with P(Binomial(n, k/n) ≤ j) ≥ p, for 0 < k < n. */
function binomialQuantile(n: number, k: number, p: number): number {
  // weights relative to the mode, which is k, so that nothing overflows
  const odds = k / (n - k);
  const weights = new Float64Array(n + 1);
  weights[k] = 1;
  for (let j = k; j < n; j++) weights[j + 1] = ((weights[j]! * (n - j)) / (j + 1)) * odds;
  for (let j = k; j > 0; j--) weights[j - 1] = (weights[j]! * j) / (n - j + 1) / odds;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let below = 0;
  for (let j = 0; j < n; j++) {
    below += weights[j]!;
    if (below >= p * total) return j;
  }
  return n;
}

/** @param times as in `TitrationCurve.timesSurelyWrong` */
function areaInterval(
  times: readonly number[],
  { level, resamples, seed }: Required<BandOptions>,
): [lower: number, upper: number] | null {
  const points = times.length - 1;
  if (points === 0) return null;
  const inputs = times.flatMap((count, often) => new Array<number>(count).fill(often));
  // the area is at most the share of inputs that are ever counted, and at least that of those always counted
  if (times[0] === inputs.length) return [0, proportion(0, inputs.length, level).upper];
  if (times[points] === inputs.length) return [proportion(inputs.length, inputs.length, level).lower, 1];
  const random = rng(seed).split("bands");
  const areas = Float64Array.from({ length: resamples }, () => {
    let sum = 0;
    for (let i = 0; i < inputs.length; i++) sum += inputs[random.int(inputs.length)]!;
    return sum / (points * inputs.length);
  });
  const [lower, upper] = quantiles(areas, [(1 - level) / 2, (1 + level) / 2]);
  return [lower!, upper!];
}
