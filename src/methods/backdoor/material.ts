/** @file What every scan has in common, of one model or of a population: only then are their scores comparable. */

import { type Rng, rng } from "../../random/rng.ts";
import type { Batch } from "../../spec/classification.ts";

/** Inputs of a scan where nothing else is stated, drawn by class. */
export const DEFAULT_IMAGES = 400;
/** Fewer inputs say nothing. */
export const LEAST_IMAGES = 20;

/** A detector's random numbers: the same for every model. */
export const detectorRandom = (seed: number, detector: string): Rng => rng(seed).split(detector);

/**
 * @param shape of one input, without the batch axis
 * @returns undefined for no inputs
 */
export function batchOf(
  { images, labels }: { readonly images: Float32Array; readonly labels: Int32Array },
  shape: readonly number[],
): Batch | undefined {
  if (labels.length === 0) return undefined;
  return { images: { dtype: "float", shape: [labels.length, ...shape], data: images }, labels };
}
