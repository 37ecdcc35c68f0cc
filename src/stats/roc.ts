/** @file The area under the ROC curve (AUC) of a score, and what can be said of it from few models. */

import type { Rng } from "../random/rng.ts";
import { normalQuantile } from "./normal.ts";
import { orderScores, placements, type ScoreOrder, weightedArea } from "./scores.ts";
import { quantiles } from "./summary.ts";

type Numbers = ArrayLike<number>;

/** An estimate with its interval. */
export interface Interval {
  readonly estimate: number;
  readonly lower: number;
  readonly upper: number;
  readonly confidence: number;
}

export const BOOTSTRAP_RESAMPLES = 2000;

/**
 * P(a positive's score > a negative's), ties counted half.
 * @throws RangeError for an empty group or a NaN
 */
export function auc(positives: Numbers, negatives: Numbers): number {
  return areaOf(orderScores(positives, negatives));
}

const areaOf = (scores: ScoreOrder): number =>
  weightedArea(scores, new Float64Array(scores.positives + scores.negatives).fill(1));

/**
 * Variance of the AUC, without assumptions on the scores' distributions.
 * @returns NaN when a group has fewer than two scores; 0 when the groups are separated
 * @source DeLong, DeLong and Clarke-Pearson 1988
 */
export function delongVariance(positives: Numbers, negatives: Numbers): number {
  const all = placements(orderScores(positives, negatives));
  return variance(all.subarray(0, positives.length)) + variance(all.subarray(positives.length));
}

/** Of the mean of a group. */
function variance(values: Float64Array): number {
  const n = values.length;
  const mean = values.reduce((sum, v) => sum + v, 0) / n;
  return n < 2 ? Number.NaN : values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (n - 1) / n;
}

/** The AUC ± z standard errors by DeLong, cut to [0, 1]. Collapses to a point when the groups are separated. */
export function delong(positives: Numbers, negatives: Numbers, confidence = 0.95): Interval {
  const estimate = auc(positives, negatives);
  return around(estimate, Math.sqrt(delongVariance(positives, negatives)), confidence);
}

/**
 * AUC of one score minus AUC of another of the same models, with DeLong's interval.
 * @param first, second [positives, negatives], in the same order of models
 */
export function delongDifference(first: Pair, second: Pair, confidence = 0.95): Interval {
  checkPaired(first, second);
  const [a, b] = [placements(orderScores(...first)), placements(orderScores(...second))];
  const difference = a.map((v, i) => v - b[i]!);
  const n = first[0].length;
  const spread = variance(difference.subarray(0, n)) + variance(difference.subarray(n));
  return around(auc(...first) - auc(...second), Math.sqrt(spread), confidence, [-1, 1]);
}

/** Scores of [positives, negatives]. */
export type Pair = readonly [positives: Numbers, negatives: Numbers];

function checkPaired(first: Pair, second: Pair): void {
  if (first.some((group, i) => group.length !== second[i]!.length))
    throw new RangeError("a paired difference needs both scores of the same models.");
}

function around(estimate: number, error: number, confidence: number, [low, high] = [0, 1]): Interval {
  const z = normalQuantile(1 - (1 - confidence) / 2);
  const lower = Math.max(low!, estimate - z * error);
  return { estimate, lower, upper: Math.min(high!, estimate + z * error), confidence };
}

/**
 * Standard error of an AUC under exponentially distributed scores: a check on the others.
 * @source Hanley and McNeil 1982
 */
export function hanleyMcNeil(area: number, positives: number, negatives: number): number {
  const [q1, q2] = [area / (2 - area), (2 * area * area) / (1 + area)];
  const square = area * (1 - area) + (positives - 1) * (q1 - area * area) + (negatives - 1) * (q2 - area * area);
  // At A = 1 all terms are 0, but for rounding.
  return Math.sqrt(Math.max(0, square) / (positives * negatives));
}

/**
 * Where the groups are separated, other intervals collapse: Hanley and McNeil's around A = (n₁n₂ + ½) / (n₁n₂ + 1), half a
 * discordant pair short of 1. The estimate stays 1.
 */
export function separatedInterval(positives: number, negatives: number, confidence = 0.95): Interval {
  const pairs = positives * negatives;
  const short = (pairs + 0.5) / (pairs + 1);
  const { lower } = around(short, hanleyMcNeil(short, positives, negatives), confidence);
  return { estimate: 1, lower, upper: 1, confidence };
}

export interface Resampling {
  readonly random: Rng;
  readonly resamples?: number;
  readonly confidence?: number;
}

/** Percentile interval of the AUC over resampled models, positives and negatives apart. */
export function bootstrapAuc(positives: Numbers, negatives: Numbers, options: Resampling): Interval {
  const scores = orderScores(positives, negatives);
  return percentiles(areaOf(scores), [positives.length, negatives.length], options, (weights) =>
    weightedArea(scores, weights),
  );
}

/**
 * AUC of one score minus AUC of another of the same models: the models are resampled, so what they share cancels.
 * @param first, second [positives, negatives], in the same order of models
 */
export function bootstrapDifference(first: Pair, second: Pair, options: Resampling): Interval {
  checkPaired(first, second);
  const [a, b] = [orderScores(...first), orderScores(...second)];
  return percentiles(areaOf(a) - areaOf(b), [first[0].length, first[1].length], options, (weights) => {
    return weightedArea(a, weights) - weightedArea(b, weights);
  });
}

function percentiles(
  estimate: number,
  [positives, negatives]: readonly [number, number],
  { random, resamples = BOOTSTRAP_RESAMPLES, confidence = 0.95 }: Resampling,
  statistic: (weights: Int32Array) => number,
): Interval {
  const values = Float64Array.from({ length: resamples }, () => {
    const weights = new Int32Array(positives + negatives);
    for (let k = 0; k < positives; k++) weights[random.int(positives)]!++;
    for (let k = 0; k < negatives; k++) weights[positives + random.int(negatives)]!++;
    return statistic(weights);
  });
  const tail = (1 - confidence) / 2;
  const [lower, upper] = quantiles(values, [tail, 1 - tail]);
  return { estimate, lower: lower!, upper: upper!, confidence };
}
