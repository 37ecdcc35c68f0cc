/** @file What every gradient attack does with its iterates: keep the best, drop what is fooled, stay in the set. */

import type { Rng } from "../../random/rng.ts";
import { rng } from "../../random/rng.ts";
import type { Evaluation, LossGradient } from "./loss-gradient.ts";
import { type AttackBatch, AttackError, type Attempt } from "./types.ts";

/** The place of the largest of `classes` logits that is not `except`; the first of equals. */
export function bestOther(logits: ArrayLike<number>, row: number, classes: number, except: number): number {
  let best = except === 0 ? 1 : 0;
  for (let j = best + 1; j < classes; j++) {
    if (j !== except && logits[row * classes + j]! > logits[row * classes + best]!) best = j;
  }
  return best;
}

/** Logit of `label` minus the best other one; 0 is a tie. */
export const marginOf = (logits: ArrayLike<number>, row: number, classes: number, label: number): number =>
  logits[row * classes + label]! - logits[row * classes + bestOther(logits, row, classes, label)]!;

/** The answer of a classifier: its label counts as right only without a tie, which another class then wins. */
export const predictedOf = (logits: ArrayLike<number>, row: number, classes: number, label: number): number => {
  const other = bestOther(logits, row, classes, label);
  return logits[row * classes + label]! > logits[row * classes + other]! ? label : other;
};

/** The random stream of one input and restart: the same on any number of workers. */
export const streamOf = (seed: number, modelHash: string, method: string, index: number, restart: number): Rng =>
  rng(seed).split(modelHash).split(method).split(`input/${index}`).split(`restart/${restart}`);

/** One input's part of a batch's evaluation. */
export interface Here {
  /** Position in the batch. */
  readonly i: number;
  readonly centre: Float32Array;
  readonly point: Float32Array;
  /** Towards success: uphill for the label's loss, or downhill for the target's. */
  readonly direction: Float32Array;
}

export interface Search {
  readonly attempts: readonly Attempt[];
  /** Positions not fooled yet. */
  open(): number[];
  centre(i: number): Float32Array;
  /** Evaluates a point for each position and records it. @returns those still open, with the way to go from there */
  visit(points: ReadonlyMap<number, Float32Array>): Promise<readonly Here[]>;
}

export function startSearch(loss: LossGradient, batch: AttackBatch, classes: number): Search {
  const { images, labels, targets } = batch;
  const count = labels.length;
  const size = images.data.length / Math.max(1, count);
  const goals = targets ?? labels;
  const centres = Array.from({ length: count }, (_, i) =>
    Float32Array.from(images.data.subarray(i * size, (i + 1) * size)),
  );
  const attempts: Attempt[] = centres.map((adversarial) => ({
    success: false,
    adversarial,
    margin: Number.POSITIVE_INFINITY,
    queries: 0,
  }));

  const record = (i: number, row: number, point: Float32Array, logits: Float32Array): boolean => {
    const own = marginOf(logits, row, classes, goals[i]!);
    const margin = targets ? -own : own;
    if (Number.isNaN(margin)) {
      throw new AttackError(`input ${batch.indices[i]}: the network's output is not a number; check its weights`);
    }
    const before = attempts[i]!;
    const better = margin < before.margin;
    attempts[i] = {
      success: before.success || margin <= 0,
      adversarial: better ? point : before.adversarial,
      margin: better ? margin : before.margin,
      queries: before.queries + 1,
    };
    return attempts[i]!.success;
  };

  return {
    attempts,
    open: () => attempts.flatMap(({ success }, i) => (success ? [] : [i])),
    centre: (i) => centres[i]!,
    async visit(points) {
      if (points.size === 0) return [];
      const places = [...points.keys()];
      const flat = new Float32Array(places.length * size);
      for (const [row, i] of places.entries()) flat.set(points.get(i)!, row * size);
      const { logits, uphill }: Evaluation = await loss.at(
        flat,
        Int32Array.from(places, (i) => goals[i]!),
      );
      return places.flatMap((i, row) => {
        const point = points.get(i)!;
        if (record(i, row, point, logits)) return [];
        const slope = uphill.subarray(row * size, (row + 1) * size);
        return [{ i, centre: centres[i]!, point, direction: targets ? slope.map((value) => -value) : slope }];
      });
    },
  };
}
