/** @file A few points of a set, chosen without the network: what every set is tried on before anything is said of it. */

import { ballOf, boxBall } from "../spec/ball.ts";
import { pickBox } from "../spec/sets.ts";
import type { Box, Threat } from "../spec/types.ts";
import { streamOf } from "./attack/search.ts";
import { recheck } from "./attack/witness.ts";
import type { Chunk, Sampled, Subject } from "./records.ts";

/** Points of each kind around one input. */
export const CORNERS = 4;
export const INSIDE = 4;

/** By this name in results and reports. */
export const POINTS = { id: "points", title: "Points drawn in the set" } as const;

/**
 * Corners of S(centre) in random directions (the first two are opposite: everything up, everything down), then points drawn
 * inside it; each exactly in the set.
 *
 * @param modelHash and @param index key the random numbers, as for attacks
 * @param box the set, where it is a box and not the threat's
 */
export function pointsOf(
  threat: Threat,
  centre: Float32Array,
  { seed, modelHash, index }: { readonly seed: number; readonly modelHash: string; readonly index: number },
  box?: Box,
): Float32Array[] {
  const ball = box ? boxBall(box) : ballOf(threat);
  const random = streamOf(seed, modelHash, POINTS.id, index, 0);
  const corners = Array.from({ length: CORNERS }, (_, k) => {
    const direction =
      k < 2 ? centre.map(() => (k === 0 ? 1 : -1)) : centre.map(() => (random.uniform() < 0.5 ? -1 : 1));
    return ball.linearMaximum(centre, direction);
  });
  return [...corners, ...Array.from({ length: INSIDE }, () => ball.randomStart(centre, random))];
}

/** The box of input i of a chunk. */
export function boxAt({ box, labels }: Pick<Chunk, "box" | "labels">, i: number): Box | undefined {
  return box && pickBox(box, box.lower.length / labels.length, [i]);
}

/**
 * A few points of every input's set, run through the model file as it is: first to see that file and reading agree there,
 * then for their answers.
 *
 * @returns [n]: the first point that is got wrong (with targets, as the target), or null
 * @throws ReadingError where the network is not what the file computes
 */
export async function sampleSets(
  { network, original, agreement }: Subject,
  threat: Threat,
  chunk: Chunk,
): Promise<(Sampled | null)[]> {
  const { images, labels, indices, targets } = chunk;
  const size = images.length / Math.max(1, labels.length);
  const claims = Array.from(labels, (label, i) => {
    const centre = images.slice(i * size, (i + 1) * size);
    const key = { seed: 0, modelHash: network.hash, index: indices[i]! };
    const box = boxAt(chunk, i);
    return pointsOf(threat, centre, key, box).map((point) => ({ point, centre, label, target: targets?.[i], box }));
  });
  const all = claims.flat();
  const points = new Float32Array(all.length * size);
  for (const [k, { point }] of all.entries()) points.set(point, k * size);
  await agreement.check(points);
  const checks = await recheck(original, threat, all);
  const each = CORNERS + INSIDE;
  return claims.map((_, i) => {
    const wrong = checks.slice(i * each, (i + 1) * each).find(({ holds }) => holds);
    if (!wrong) return null;
    const { point: witness, predicted, margin, distance, confidence } = wrong;
    return {
      falsified: true,
      refuted: false,
      zeroGradient: false,
      notANumber: wrong.notANumber,
      witness,
      predicted,
      margin,
      distance,
      confidence,
      queries: each,
    };
  });
}
