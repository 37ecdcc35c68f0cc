/** @file No attack is believed: a witness is run again through the model file as it is, and measured against its set. */

import { type Original, type Representable, representable, runOriginal } from "../original.ts";
import type { Threat } from "../problem.ts";
import { distances } from "./ball.ts";
import { bestOther, marginOf, notANumber, predictedOf } from "./search.ts";

/** A point that is claimed to be in S(centre) and to be got wrong. */
export interface Claim {
  readonly point: Float32Array;
  readonly centre: Float32Array;
  readonly label: number;
  /** The class that was to be reached, if any. */
  readonly target?: number | undefined;
}

export interface Recheck {
  /** In the set, and misclassified (as the target) by the model file. */
  readonly holds: boolean;
  /** What was run: the claimed point, or the one next to it that the file can be given. */
  readonly point: Float32Array;
  readonly predicted: number;
  /** Logit of the label minus the best other one, by the file's own output (probabilities, where it ends in Softmax). */
  readonly margin: number;
  readonly distance: number;
  /** Some output is not a number: wrong, whatever was asked for. */
  readonly notANumber: boolean;
  /** Softmax probability of `predicted`. */
  readonly confidence: number;
}

/** Room for a distance added up in doubles; the point itself is in the set. */
export const DISTANCE_TOLERANCE = 1e-6;

/**
 * The claims against the file. Where the file takes fewer values than pixels have (whole numbers, half precision), what is
 * checked is the point next to the claimed one that it can be given, and it must lie in the set itself.
 */
export async function recheck(
  original: Original,
  threat: Threat,
  claims: readonly Claim[],
): Promise<readonly Recheck[]> {
  const found: (Recheck | undefined)[] = claims.map(() => undefined);
  const choices = claims.map(({ point, centre }) => representable(original, point, centre));
  for (let k = 0; k < (choices[0]?.length ?? 0); k++) {
    const open = claims.flatMap((_, i) => (found[i]?.holds ? [] : [i]));
    const checks = await checkPoints(
      original,
      threat,
      open.map((i) => ({ ...claims[i]!, ...choices[i]![k]! })),
    );
    for (const [row, i] of open.entries()) if (found[i] === undefined || checks[row]!.holds) found[i] = checks[row]!;
  }
  return found as Recheck[];
}

async function checkPoints(
  original: Original,
  threat: Threat,
  claims: readonly (Omit<Claim, "centre"> & Representable)[],
): Promise<readonly Recheck[]> {
  const { classes } = original;
  const size = claims[0]?.point.length ?? 0;
  const points = new Float32Array(claims.length * size);
  for (const [i, { point }] of claims.entries()) points.set(point, i * size);
  const logits = await runOriginal(original, points);
  return claims.map(({ point, place, centre, label, target }, row) => {
    const distance = distances[threat.norm](place, centre);
    const margin = marginOf(logits, row, classes, label);
    const broken = notANumber(logits, row, classes);
    const [own, best] = [target ?? label, logits[row * classes + bestOther(logits, row, classes, target ?? label)]!];
    const wrong = target === undefined ? margin <= 0 : logits[row * classes + own]! >= best;
    const predicted = target !== undefined && wrong ? target : predictedOf(logits, row, classes, label);
    return {
      holds: wrong && isInside(point, centre, distance, threat),
      point,
      predicted,
      margin,
      distance,
      notANumber: broken,
      confidence: probability(logits.subarray(row * classes, (row + 1) * classes), predicted),
    };
  });
}

/** A file that ends in Softmax gives probabilities already: no row of logits has only shares that sum to 1. */
function probability(outputs: Float32Array, at: number): number {
  const total = outputs.reduce((sum, value) => sum + value, 0);
  if (Math.abs(total - 1) < SUM_TOLERANCE && outputs.every((value) => value >= 0)) return outputs[at]!;
  // of what is no number, and of infinities, no share can be told
  if (!outputs.every(Number.isFinite)) return 0;
  const largest = outputs.reduce((a, b) => Math.max(a, b));
  const weights = Float64Array.from(outputs, (value) => Math.exp(value - largest));
  return weights[at]! / weights.reduce((sum, value) => sum + value, 0);
}

/** Rounding of a float32 sum of probabilities. */
const SUM_TOLERANCE = 1e-4;

const isInside = (
  point: Float32Array,
  centre: ArrayLike<number>,
  distance: number,
  { epsilon, domain, fixed = [] }: Threat,
): boolean =>
  distance <= epsilon * (1 + DISTANCE_TOLERANCE) &&
  fixed.every((i) => point[i] === Math.fround(centre[i]!)) &&
  (domain === undefined || point.every((value) => value >= domain[0] && value <= domain[1]));
