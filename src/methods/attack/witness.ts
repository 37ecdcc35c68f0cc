/** @file No attack is believed: a witness is run again through the model file as it is, and measured against its set. */

import type { Session } from "../../runtime/session.ts";
import type { Network, Normalisation } from "../network.ts";
import type { Threat } from "../problem.ts";
import { distances } from "./ball.ts";
import { bestOther, marginOf, predictedOf } from "./search.ts";

/** The model file itself, and what is done to pixels before they go in. */
export interface Original {
  readonly session: Session;
  readonly normalisation?: Normalisation | undefined;
  /** Of one input, without the batch axis. */
  readonly shape: readonly number[];
  readonly classes: number;
}

export const originalOf = (session: Session, network: Network, normalisation?: Normalisation): Original => ({
  session,
  normalisation,
  shape: network.input.shape.slice(1) as readonly number[],
  classes: network.classes,
});

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
  readonly predicted: number;
  /** Logit of the label minus the best other one, by the file's own output (probabilities, where it ends in Softmax). */
  readonly margin: number;
  readonly distance: number;
  /** Softmax probability of `predicted`. */
  readonly confidence: number;
}

/** Room for a distance added up in doubles; the point itself is in the set. */
export const DISTANCE_TOLERANCE = 1e-6;

/** Pixels as the model file takes them, rounded to float32 step by step as the network's own graph does. */
export function modelInput(
  pixels: Float32Array,
  { shape, normalisation }: Pick<Original, "shape" | "normalisation">,
): Float32Array {
  if (!normalisation) return pixels;
  const { mean, std, axis } = normalisation;
  const inner = shape.slice(axis).reduce((product, size) => product * size, 1);
  const means = Float32Array.from(mean);
  const stds = Float32Array.from(std);
  return pixels.map((value, i) => {
    const channel = means.length === 1 ? 0 : Math.floor(i / inner) % means.length;
    return Math.fround(Math.fround(value - means[channel]!) / stds[channel]!);
  });
}

/**
 * First outputs of the model file.
 * @param pixels [n, …input]
 * @returns [n, classes]
 */
export async function runOriginal(original: Original, pixels: Float32Array): Promise<Float32Array> {
  const { session, shape, classes } = original;
  const size = shape.reduce((product, dim) => product * dim, 1);
  const count = pixels.length / size;
  const [input, output] = [session.inputs[0]!, session.outputs[0]!];
  const batch = typeof input.shape[0] === "number" ? input.shape[0] : MAX_BATCH;
  const logits = new Float32Array(count * classes);
  for (let i = 0; i < count; i += batch) {
    const n = Math.min(batch, count - i);
    const data = modelInput(pixels.slice(i * size, (i + n) * size), original);
    const results = await session.run({ [input.name]: { dtype: "float", shape: [n, ...shape], data } });
    logits.set(results[output.name]!.data, i * classes);
  }
  return logits;
}

const MAX_BATCH = 256;

export async function recheck(
  original: Original,
  threat: Threat,
  claims: readonly Claim[],
): Promise<readonly Recheck[]> {
  const { classes } = original;
  const size = claims[0]?.point.length ?? 0;
  const points = new Float32Array(claims.length * size);
  for (const [i, { point }] of claims.entries()) points.set(point, i * size);
  const logits = await runOriginal(original, points);
  return claims.map(({ point, centre, label, target }, row) => {
    const distance = distances[threat.norm](point, centre);
    const margin = marginOf(logits, row, classes, label);
    const [own, best] = [target ?? label, logits[row * classes + bestOther(logits, row, classes, target ?? label)]!];
    const wrong = target === undefined ? margin <= 0 : logits[row * classes + own]! >= best;
    const predicted = target !== undefined && wrong ? target : predictedOf(logits, row, classes, label);
    return {
      holds: wrong && isInside(point, distance, threat),
      predicted,
      margin,
      distance,
      confidence: probability(logits.subarray(row * classes, (row + 1) * classes), predicted),
    };
  });
}

/** A file that ends in Softmax gives probabilities already: no row of logits has only shares that sum to 1. */
function probability(outputs: Float32Array, at: number): number {
  const total = outputs.reduce((sum, value) => sum + value, 0);
  if (Math.abs(total - 1) < SUM_TOLERANCE && outputs.every((value) => value >= 0)) return outputs[at]!;
  const largest = outputs.reduce((a, b) => Math.max(a, b));
  const weights = Float64Array.from(outputs, (value) => Math.exp(value - largest));
  return weights[at]! / weights.reduce((sum, value) => sum + value, 0);
}

/** Rounding of a float32 sum of probabilities. */
const SUM_TOLERANCE = 1e-4;

const isInside = (point: Float32Array, distance: number, { epsilon, domain }: Threat): boolean =>
  distance <= epsilon * (1 + DISTANCE_TOLERANCE) &&
  (domain === undefined || point.every((value) => value >= domain[0] && value <= domain[1]));
