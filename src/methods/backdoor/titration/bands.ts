/** @file How far a curve would move with other inputs: bootstrap over inputs, from the counts alone. */

import type { PlainRecord } from "../../../runtime/jobs.ts";
import { proportion } from "../../../stats/proportion.ts";
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

/**
 * Percentile bootstrap over inputs, in its limit of endlessly many resamples: nothing is drawn. A resample's count at one
 * intensity is Binomial(inputs, share). The area's sum is over whole inputs, since an input's answers at different
 * intensities go together: as many draws from the inputs' own numbers, whose distribution is their convolution.
 */
export function bandsOf(curve: TitrationCurve, { level = 0.95 } = {}): CurveBands {
  const bandOf = (countOf: (point: TitrationCurve["points"][number]) => number): Band => {
    const intervals = curve.points.map((point) => shareInterval(countOf(point), curve.inputs, level));
    return { lower: intervals.map(([lower]) => lower), upper: intervals.map(([, upper]) => upper) };
  };
  return {
    level,
    joint: bandOf(({ wrongConfident }) => wrongConfident[GAMMAS.length - 1]!),
    flip: bandOf(({ flips }) => flips),
    modalShare: bandOf(({ answers }) => Math.max(...answers)),
    jointArea: areaInterval(curve.timesSurelyWrong, level),
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
function areaInterval(times: readonly number[], level: number): [lower: number, upper: number] | null {
  const points = times.length - 1;
  if (points === 0) return null;
  const inputs = times.reduce((sum, count) => sum + count, 0);
  // the area is at most the share of inputs that are ever counted, and at least that of those always counted
  if (times[0] === inputs) return [0, proportion(0, inputs, level).upper];
  if (times[points] === inputs) return [proportion(inputs, inputs, level).lower, 1];
  const total = sumOfDraws({ from: 0, chances: Float64Array.from(times, (count) => count / inputs) }, inputs);
  const tail = (1 - level) / 2;
  return [quantileOf(total, tail) / (points * inputs), quantileOf(total, 1 - tail) / (points * inputs)];
}

/** Of whole numbers: `from` has the first chance, and so on. */
interface Distribution {
  readonly from: number;
  readonly chances: Float64Array;
}

/** Of the sum of so many independent draws, at least one; by squaring. */
function sumOfDraws(one: Distribution, draws: number): Distribution {
  if (draws === 1) return one;
  const half = sumOfDraws(one, draws >> 1);
  const even = added(half, half);
  return draws & 1 ? added(even, one) : even;
}

function added(a: Distribution, b: Distribution): Distribution {
  const chances = new Float64Array(a.chances.length + b.chances.length - 1);
  for (let i = 0; i < a.chances.length; i++) {
    const chance = a.chances[i]!;
    for (let j = 0; j < b.chances.length; j++) chances[i + j]! += chance * b.chances[j]!;
  }
  return withoutTails({ from: a.from + b.from, chances });
}

/** Ends less likely than this are dropped: thousands of them change no probability that is asked for. */
const NEGLIGIBLE = 1e-20;

function withoutTails({ from, chances }: Distribution): Distribution {
  const first = chances.findIndex((chance) => chance > NEGLIGIBLE);
  const last = chances.findLastIndex((chance) => chance > NEGLIGIBLE);
  return { from: from + first, chances: chances.subarray(first, last + 1) };
}

/** The smallest value that is not exceeded with the probability. */
function quantileOf({ from, chances }: Distribution, probability: number): number {
  let below = 0;
  for (const [i, chance] of chances.entries()) {
    below += chance;
    if (below >= probability) return from + i;
  }
  return from + chances.length - 1;
}
