/** @file What every gradient attack does with its iterates: keep the best, drop what is fooled, stay in the set. */

import type { Rng } from "../../random/rng.ts";
import { rng } from "../../random/rng.ts";
import { marginOf } from "../../spec/classification.ts";
import { pickBox } from "../../spec/sets.ts";
import { partOf } from "../samples.ts";
import { type Time, timeOf } from "../time.ts";
import type { Evaluation, LossGradient, Scores } from "./loss-gradient.ts";
import type { AttackBatch, Attempt } from "./types.ts";

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
  /** Whether time suffices for another visit; where it does not, what is still open stays unfinished. */
  goesOn(): boolean;
  /** Positions not fooled yet. */
  open(): number[];
  centre(i: number): Float32Array;
  /** Evaluates a point for each position and records it. @returns those still open where a slope is not 0, with the way to go from there */
  visit(points: ReadonlyMap<number, Float32Array>): Promise<readonly Here[]>;
}

/** Share of the time in which witnesses are run again through the model file. */
const KEPT_FOR_CHECKS = 0.1;

/** A slope that is no number says nothing of the way to go: 0; an infinite one only its sign. */
function numbers(slope: Float32Array): Float32Array {
  // the sum of nothing but numbers is one, and a look at each is ten times slower
  let sum = 0;
  for (let i = 0; i < slope.length; i++) sum += slope[i]!;
  if (Number.isFinite(sum)) return slope;
  return slope.map((value) => (Number.isNaN(value) ? 0 : Number.isFinite(value) ? 0 : Math.sign(value)));
}

/** @param loss what gives the slopes too, or the logits alone */
export function startSearch(
  loss: LossGradient | Scores,
  batch: AttackBatch,
  classes: number,
  time: Time = timeOf(),
): Search {
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
    flat: true,
  }));

  const record = (i: number, row: number, point: Float32Array, logits: Float32Array): boolean => {
    const own = marginOf(logits, row, classes, goals[i]!);
    // what is no number is wrong, but it is no class that could be aimed at
    const margin = targets && own !== Number.NEGATIVE_INFINITY ? -own : targets ? Number.POSITIVE_INFINITY : own;
    const before = attempts[i]!;
    const better = margin < before.margin;
    attempts[i] = {
      success: before.success || margin <= 0,
      adversarial: better ? point : before.adversarial,
      margin: better ? margin : before.margin,
      queries: before.queries + 1,
      flat: before.flat,
    };
    return attempts[i]!.success;
  };

  const evaluate = async (
    points: Float32Array,
    places: readonly number[],
  ): Promise<Partial<Evaluation> & Pick<Evaluation, "logits">> =>
    "at" in loss
      ? loss.at(
          points,
          Int32Array.from(places, (i) => goals[i]!),
        )
      : { logits: await loss.logits(points) };

  return {
    attempts,
    goesOn() {
      if (time.fits(KEPT_FOR_CHECKS)) return true;
      for (const [i, attempt] of attempts.entries())
        if (!attempt.success) attempts[i] = { ...attempt, unfinished: true };
      return false;
    },
    open: () => attempts.flatMap(({ success }, i) => (success ? [] : [i])),
    centre: (i) => centres[i]!,
    async visit(points) {
      if (points.size === 0) return [];
      const places = [...points.keys()];
      const flat = new Float32Array(places.length * size);
      for (const [row, i] of places.entries()) flat.set(points.get(i)!, row * size);
      const { logits, uphill } = await time.run(() => evaluate(flat, places));
      return places.flatMap((i, row) => {
        const point = points.get(i)!;
        if (record(i, row, point, logits)) return [];
        if (!uphill) return [];
        const slope = numbers(uphill.subarray(row * size, (row + 1) * size));
        if (!slope.some((value) => value !== 0)) return [];
        attempts[i] = { ...attempts[i]!, flat: false };
        return [{ i, centre: centres[i]!, point, direction: targets ? slope.map((value) => -value) : slope }];
      });
    },
  };
}

/**
 * What a search came to, or where its gradient was exactly 0 throughout, the search without gradients that takes its place.
 * @param others the attack on the inputs at these positions
 */
export async function withoutSlopes(
  batch: AttackBatch,
  attempts: readonly Attempt[],
  others: (batch: AttackBatch) => Promise<readonly Attempt[]>,
): Promise<readonly Attempt[]> {
  const flat = attempts.flatMap((attempt, i) => (attempt.flat && !attempt.success ? [i] : []));
  if (flat.length === 0) return attempts;
  const size = batch.images.data.length / batch.labels.length;
  const at = (values: Int32Array) => Int32Array.from(flat, (i) => values[i]!);
  const found = await others({
    ...partOf(batch, flat),
    indices: at(batch.indices),
    ...(batch.targets && { targets: at(batch.targets) }),
    ...(batch.box && { box: pickBox(batch.box, size, flat) }),
  });
  return attempts.map((attempt, i) => {
    const other = found[flat.indexOf(i)];
    if (!other) return attempt;
    return {
      ...(other.margin < attempt.margin ? other : attempt),
      queries: attempt.queries + other.queries,
      flat: true,
      ...(other.unfinished && { unfinished: other.unfinished }),
    };
  });
}
