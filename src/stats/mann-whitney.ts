/** @file How surprising is an order of two groups' scores, if both groups were the same? */

import { normalDistribution } from "./normal-distribution.ts";
import { orderScores, type ScoreOrder, tieSizes, weightedArea } from "./scores.ts";

export interface RankTest {
  /** Of positives not scoring higher: P(an AUC at least this large | no difference). */
  readonly pValue: number;
  readonly kind: "exact" | "normal approximation";
}

/** Ways to choose k of n. Exact below 2⁵³, else to about 14 digits. */
export function choose(n: number, k: number): number {
  let ways = 1;
  for (let i = 1; i <= Math.min(k, n - k); i++) ways = (ways * (n - Math.min(k, n - k) + i)) / i;
  return ways;
}

/** P(all positives above all negatives) if every order is equally likely. */
export const separationPValue = (positives: number, negatives: number): number =>
  1 / choose(positives + negatives, positives);

/** Larger groups are close to normal; counting takes pairs² steps. */
const EXACT_UP_TO = 400;

/**
 * One-sided test that positives score higher. Exact (by counting orders) for up to 400 pairs without ties, and for separated
 * groups of any size; else by the normal approximation with the correction for ties and continuity.
 * @source Mann and Whitney 1947
 */
export function mannWhitney(positives: ArrayLike<number>, negatives: ArrayLike<number>): RankTest {
  const scores = orderScores(positives, negatives);
  const [m, n] = [positives.length, negatives.length];
  const area = weightedArea(scores, new Float64Array(m + n).fill(1));
  if (area === 1) return { pValue: separationPValue(m, n), kind: "exact" };
  const tied = tieSizes(scores).some((size) => size > 1);
  if (!tied && m * n <= EXACT_UP_TO) return { pValue: exactTail(m, n, Math.round(area * m * n)), kind: "exact" };
  return { pValue: normalTail(scores, area * m * n), kind: "normal approximation" };
}

/** P(U ≥ u), from the number of orders with each U: an order of (m, n) ends in a positive or a negative. */
function exactTail(m: number, n: number, u: number): number {
  // Probabilities instead of counts, which would overflow: counts(m, n) / C(m + n, m).
  let rows: Float64Array[] = Array.from({ length: n + 1 }, () => Float64Array.of(1));
  for (let i = 1; i <= m; i++) {
    const next: Float64Array[] = [Float64Array.of(1)];
    for (let j = 1; j <= n; j++) {
      const out = new Float64Array(i * j + 1);
      // The highest is a positive, which beats all j negatives; or a negative, which beats none.
      for (const [v, p] of rows[j]!.entries()) out[v + j]! += (p * i) / (i + j);
      for (const [v, p] of next[j - 1]!.entries()) out[v]! += (p * j) / (i + j);
      next.push(out);
    }
    rows = next;
  }
  return Math.min(
    1,
    rows[n]!.subarray(u).reduce((sum, p) => sum + p, 0),
  );
}

function normalTail(scores: ScoreOrder, u: number): number {
  const [m, n] = [scores.positives, scores.negatives];
  const total = m + n;
  const ties = tieSizes(scores).reduce((sum, t) => sum + t ** 3 - t, 0);
  const spread = Math.sqrt(((m * n) / 12) * (total + 1 - ties / (total * (total - 1))));
  // All scores equal: nothing is surprising.
  return spread > 0 ? normalDistribution(-(u - (m * n) / 2 - 0.5) / spread) : 1;
}
