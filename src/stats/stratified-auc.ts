/** @file Areas under ROC curves where scores may be compared only within a stratum (models of one task). */

import type { Rng } from "../random/rng.ts";
import { mannWhitney, separationPValue } from "./mann-whitney.ts";
import { normalQuantile } from "./normal.ts";
import {
  BOOTSTRAP_RESAMPLES,
  delongVariance,
  type Interval,
  type Pair,
  type Resampling,
  separatedInterval,
} from "./roc.ts";
import { orderScores, weightedArea } from "./scores.ts";
import { quantiles } from "./summary.ts";

/** What few models say of an AUC. Of several strata: the mean of their areas, weighted by their pairs. */
export interface Area {
  readonly estimate: number;
  readonly positives: number;
  readonly negatives: number;
  /** `null` where a stratum has fewer than two of a kind. */
  readonly delong: Interval | null;
  readonly bootstrap: Interval;
  /** Where every stratum is separated, in order or inverted, and the two above collapse: by Hanley and McNeil. */
  readonly separated: Interval | null;
  /** One-sided, of no difference; `null` for several strata of which one is not separated. */
  readonly pValue: number | null;
}

/** The interval to judge by: the one for separated groups where they are, else DeLong's, else the bootstrap's. */
export const intervalOf = ({ separated, delong, bootstrap }: Area): Interval => separated ?? delong ?? bootstrap;

const usable = (strata: readonly Pair[]): Pair[] => strata.filter(([p, n]) => p.length > 0 && n.length > 0);

/** Share of all comparable pairs that lie in each stratum. */
function pairShares(strata: readonly Pair[]): number[] {
  const pairs = strata.map(([p, n]) => p.length * n.length);
  const all = pairs.reduce((sum, count) => sum + count, 0);
  return pairs.map((count) => count / all);
}

/** @returns undefined where no stratum has both positives and negatives */
export function stratifiedArea(strata: readonly Pair[], options: Resampling): Area | undefined {
  const kept = usable(strata);
  if (kept.length === 0) return undefined;
  const { confidence = 0.95 } = options;
  const shares = pairShares(kept);
  const resampled = resampledAreas(kept, options);
  const count = (side: 0 | 1) => kept.reduce((sum, pair) => sum + pair[side].length, 0);
  const variance = kept.reduce((sum, pair, s) => sum + shares[s]! ** 2 * delongVariance(...pair), 0);
  const half = normalQuantile(1 - (1 - confidence) / 2) * Math.sqrt(variance);
  const { estimate } = resampled;
  const cut = (lower: number, upper: number): Interval => ({
    estimate,
    lower: Math.max(0, lower),
    upper: Math.min(1, upper),
    confidence,
  });
  // Of the areas, not of their mean: the weights do not sum to 1 exactly.
  const separated = resampled.areas.every((area) => area === 1);
  const inverted = resampled.areas.every((area) => area === 0);
  return {
    estimate: separated ? 1 : estimate,
    positives: count(0),
    negatives: count(1),
    delong: Number.isNaN(half) ? null : cut(estimate - half, estimate + half),
    bootstrap: cut(...resampled.limits),
    separated: separated || inverted ? separatedStrata(kept, shares, confidence, inverted) : null,
    pValue: separated
      ? kept.reduce((product, [p, n]) => product * separationPValue(p.length, n.length), 1)
      : kept.length === 1
        ? mannWhitney(...kept[0]!).pValue
        : null,
  };
}

/** The strata's distances from 1 (inverted: from 0) combine as independent errors do. */
function separatedStrata(
  strata: readonly Pair[],
  shares: readonly number[],
  confidence: number,
  inverted: boolean,
): Interval {
  const short = strata.map(([p, n], s) => shares[s]! * (1 - separatedInterval(p.length, n.length, confidence).lower));
  const width = Math.hypot(...short);
  return inverted
    ? { estimate: 0, lower: 0, upper: width, confidence }
    : { estimate: 1, lower: 1 - width, upper: 1, confidence };
}

/** Counts of each model in a resample of a stratum, positives and negatives apart. */
function resample([p, n]: Pair, random: Rng): Int32Array {
  const weights = new Int32Array(p.length + n.length);
  for (let k = 0; k < p.length; k++) weights[random.int(p.length)]!++;
  for (let k = 0; k < n.length; k++) weights[p.length + random.int(n.length)]!++;
  return weights;
}

interface Resampled {
  readonly estimate: number;
  /** Of each stratum. */
  readonly areas: readonly number[];
  readonly limits: readonly [lower: number, upper: number];
}

function resampledAreas(
  strata: readonly Pair[],
  { random, resamples = BOOTSTRAP_RESAMPLES, confidence = 0.95 }: Resampling,
): Resampled {
  const shares = pairShares(strata);
  const orders = strata.map((pair) => orderScores(...pair));
  const combined = (areas: readonly number[]) => areas.reduce((sum, area, s) => sum + shares[s]! * area, 0);
  const areas = strata.map(([p, n], s) => weightedArea(orders[s]!, new Int32Array(p.length + n.length).fill(1)));
  const values = Float64Array.from({ length: resamples }, () =>
    combined(strata.map((pair, s) => weightedArea(orders[s]!, resample(pair, random)))),
  );
  const tail = (1 - confidence) / 2;
  const [lower, upper] = quantiles(values, [tail, 1 - tail]);
  return { estimate: combined(areas), areas, limits: [lower!, upper!] };
}

/** Scores of the same models by two methods. */
export interface PairedStratum {
  readonly first: Pair;
  readonly second: Pair;
}

/**
 * AUC of the first method minus AUC of the second, models resampled within strata.
 * @returns undefined where no stratum has both positives and negatives
 */
export function stratifiedDifference(
  strata: readonly PairedStratum[],
  { random, resamples = BOOTSTRAP_RESAMPLES, confidence = 0.95 }: Resampling,
): Interval | undefined {
  const kept = strata.filter(({ first: [p, n] }) => p.length > 0 && n.length > 0);
  if (kept.length === 0) return undefined;
  const shares = pairShares(kept.map(({ first }) => first));
  const orders = kept.map(({ first, second }) => [orderScores(...first), orderScores(...second)] as const);
  const difference = (weightsOf: (pair: Pair) => Int32Array) =>
    kept.reduce((sum, { first }, s) => {
      const weights = weightsOf(first);
      const [a, b] = orders[s]!;
      return sum + shares[s]! * (weightedArea(a, weights) - weightedArea(b, weights));
    }, 0);
  const values = Float64Array.from({ length: resamples }, () => difference((pair) => resample(pair, random)));
  const tail = (1 - confidence) / 2;
  const [lower, upper] = quantiles(values, [tail, 1 - tail]);
  const estimate = difference(([p, n]) => new Int32Array(p.length + n.length).fill(1));
  return { estimate, lower: lower!, upper: upper!, confidence };
}
