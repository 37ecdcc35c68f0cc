/**
 * @file What a score says against the scores of clean models. A p-value here is the share of false alarms at its level,
 * where model and reference are exchangeable: same data, architecture and recipe, other seeds.
 *
 * A score of `null` could not be measured and counts as the least suspicious one.
 */

import { median } from "../../stats/summary.ts";

/** `upper`: high scores are suspicious. `two-sided`: so are low ones. */
export type Tail = "upper" | "two-sided";
type Score = number | null;

/** Makes the median absolute deviation of normal numbers their standard deviation. */
const NORMAL_MAD = 1.4826;

/** (s − med) / (1.4826 · MAD) of the reference. Where that has no spread: 0 at its median, else infinite. */
export function robustZ(score: number, reference: readonly number[]): number {
  const centre = median(reference);
  const mad = median(reference.map((other) => Math.abs(other - centre)));
  return score === centre ? 0 : (score - centre) / (NORMAL_MAD * mad);
}

/** (1 + #{s_j ≥ s}) / (n + 1) */
export const oneSidedP = (score: Score, reference: readonly Score[]): number =>
  rankP(deviations([score, ...reference], "upper"), 0);

/**
 * (1 + #{|s_j − med| ≥ |s − med|}) / (n + 1). The median is that of the reference and the score together: a median of the
 * reference alone lies nearer to its own scores, and would raise more false alarms than stated.
 */
export const twoSidedP = (score: Score, reference: readonly Score[]): number =>
  rankP(deviations([score, ...reference], "two-sided"), 0);

/** What n reference models can show at best. */
export const smallestP = (references: number): number => 1 / (references + 1);

export interface CombinedP {
  /** Of the smallest of the scores' p-values, their number taken into account. */
  readonly pValue: number;
  /** One a score. */
  readonly perScore: readonly number[];
}

/**
 * Several scores as one p-value: how rarely the smallest of a clean model's p-values is as small as this model's.
 *
 * Each reference model is held against the other ones and the model, as the model is held against the reference: then the
 * smallest p-values of all n + 1 are alike where the model is clean. (Held against the other n − 1 alone, no reference
 * model could reach 1 / (n + 1), and k scores would raise up to k times the false alarms stated.)
 *
 * @param scores of the model  @param references scores of each reference model, in the same order
 * @param tails one a score
 * @throws RangeError where the numbers of scores differ, or one is NaN
 */
export function minP(
  scores: readonly Score[],
  references: readonly (readonly Score[])[],
  tails: readonly Tail[],
): CombinedP {
  const rows = [scores, ...references];
  const odd = rows.findIndex((row) => row.length !== tails.length);
  if (odd >= 0) {
    const whose = odd === 0 ? "the model" : `reference model ${odd - 1}`;
    throw new RangeError(`${whose} has ${rows[odd]!.length} scores for ${tails.length} tails.`);
  }
  const columns = tails.map((tail, k) =>
    deviations(
      rows.map((row) => row[k]!),
      tail,
    ),
  );
  const smallest = rows.map((_, i) => Math.min(1, ...columns.map((column) => rankP(column, i))));
  // small p-values are suspicious
  const pValue = rankP(
    smallest.map((p) => -p),
    0,
  );
  return { pValue, perScore: columns.map((column) => rankP(column, 0)) };
}

/** How suspicious each score is among all of them. */
function deviations(scores: readonly Score[], tail: Tail): number[] {
  if (scores.some(Number.isNaN)) throw new RangeError("a score is NaN; where nothing was measured it is null.");
  const known = scores.filter((score) => score !== null);
  const centre = tail === "two-sided" ? median(known) : 0;
  return scores.map((score) => {
    if (score === null) return Number.NEGATIVE_INFINITY;
    return tail === "two-sided" ? Math.abs(score - centre) : score;
  });
}

/** Share of the values that are at least the one at this place, itself included. */
const rankP = (values: readonly number[], place: number): number =>
  values.filter((value) => value >= values[place]!).length / values.length;
