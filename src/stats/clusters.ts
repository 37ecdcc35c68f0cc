/** @file Groups of points that lie close together, and how well they are apart. */

import type { Rng } from "../random/rng.ts";
import type { Matrix } from "./principal-axes.ts";

export interface Clustering {
  /** One a point: 0 … k − 1. */
  readonly assignment: Int32Array;
  /** Points in each cluster. */
  readonly sizes: readonly number[];
  /** Sum of squared distances to the own centre. */
  readonly inertia: number;
}

const MAX_ROUNDS = 300;

/**
 * k-means: the best of several runs, each from k-means++ starts.
 * @throws RangeError for fewer points than clusters
 * @source Lloyd 1982; Arthur and Vassilvitskii 2007 (starts)
 */
export function kMeans(points: Matrix, k: number, random: Rng, restarts = 10): Clustering {
  if (points.rows < k) throw new RangeError(`${k} clusters need at least ${k} points, got ${points.rows}.`);
  let best: Clustering | undefined;
  for (let run = 0; run < restarts; run++) {
    const found = lloyd(points, starts(points, k, random.split(`start/${run}`)));
    if (!best || found.inertia < best.inertia) best = found;
  }
  return best!;
}

const squaredDistance = (a: Float64Array, i: number, b: Float64Array, j: number, columns: number): number => {
  let sum = 0;
  for (let c = 0; c < columns; c++) sum += (a[i * columns + c]! - b[j * columns + c]!) ** 2;
  return sum;
};

/** Each next centre is a point drawn with probability in proportion to its squared distance from the nearest one. */
function starts({ rows, columns, values }: Matrix, k: number, random: Rng): Float64Array {
  const centres = new Float64Array(k * columns);
  const nearest = new Float64Array(rows).fill(Number.POSITIVE_INFINITY);
  let chosen = random.int(rows);
  for (let centre = 0; ; centre++) {
    centres.set(values.subarray(chosen * columns, (chosen + 1) * columns), centre * columns);
    if (centre === k - 1) return centres;
    for (let i = 0; i < rows; i++)
      nearest[i] = Math.min(nearest[i]!, squaredDistance(values, i, centres, centre, columns));
    const total = nearest.reduce((sum, d) => sum + d, 0);
    let rest = random.uniform() * total;
    // All points equal: any point will do.
    chosen = total > 0 ? 0 : random.int(rows);
    while (total > 0 && chosen < rows - 1 && rest >= nearest[chosen]!) rest -= nearest[chosen++]!;
  }
}

function lloyd(points: Matrix, centres: Float64Array): Clustering {
  const { rows, columns, values } = points;
  const k = centres.length / columns;
  const assignment = new Int32Array(rows).fill(-1);
  const sizes = new Array<number>(k).fill(0);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    let moved = false;
    for (let i = 0; i < rows; i++) {
      const nearest = nearestOf(points, i, centres, k);
      if (assignment[i] !== nearest) moved = true;
      assignment[i] = nearest;
    }
    if (!moved) break;
    sizes.fill(0);
    const sums = new Float64Array(centres.length);
    for (let i = 0; i < rows; i++) {
      const own = assignment[i]!;
      sizes[own]!++;
      for (let c = 0; c < columns; c++) sums[own * columns + c]! += values[i * columns + c]!;
    }
    // A cluster that lost all its points keeps its centre.
    for (let j = 0; j < sums.length; j++) {
      const size = sizes[Math.floor(j / columns)]!;
      if (size > 0) centres[j] = sums[j]! / size;
    }
  }
  let inertia = 0;
  for (let i = 0; i < rows; i++) inertia += squaredDistance(values, i, centres, assignment[i]!, columns);
  return { assignment, sizes, inertia };
}

function nearestOf({ columns, values }: Matrix, i: number, centres: Float64Array, k: number): number {
  let [best, least] = [0, Number.POSITIVE_INFINITY];
  for (let j = 0; j < k; j++) {
    const distance = squaredDistance(values, i, centres, j, columns);
    if (distance < least) [best, least] = [j, distance];
  }
  return best;
}

/**
 * Mean silhouette: (b − a) / max(a, b), a the mean distance to the own cluster's other points, b to the nearest other
 * cluster's; 0 for a point that is alone in its cluster.
 *
 * @returns in [−1, 1]; NaN for a single cluster. Takes rows² · columns steps: give it a sample of many points
 * @source Rousseeuw 1987
 */
export function silhouette({ rows, columns, values }: Matrix, assignment: Int32Array): number {
  const clusters = [...new Set(assignment)];
  if (clusters.length < 2) return Number.NaN;
  const k = Math.max(...clusters) + 1;
  const sizes = new Float64Array(k);
  for (const own of assignment) sizes[own]!++;
  let sum = 0;
  const distances = new Float64Array(k);
  for (let i = 0; i < rows; i++) {
    const own = assignment[i]!;
    if (sizes[own] === 1) continue;
    distances.fill(0);
    for (let j = 0; j < rows; j++)
      distances[assignment[j]!]! += Math.sqrt(squaredDistance(values, i, values, j, columns));
    const a = distances[own]! / (sizes[own]! - 1);
    const b = Math.min(...clusters.filter((c) => c !== own).map((c) => distances[c]! / sizes[c]!));
    const larger = Math.max(a, b);
    if (larger > 0) sum += (b - a) / larger;
  }
  return sum / rows;
}
