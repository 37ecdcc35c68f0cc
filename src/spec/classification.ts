/**
 * @file Labels, and what they ask of scores: the only place that knows them. What a classifier may not do becomes queries
 * here, which attacks, verifiers and witnesses read without labels.
 */

import type { Tensor } from "../graph/types.ts";
import type { Box, FloatArray, InputSet, LinearSpec, Queries, Threat } from "./types.ts";

/** Labelled inputs in the network's layout. */
export interface Batch {
  /** float, [n, …input]. */
  readonly images: Tensor;
  /** Length n. */
  readonly labels: Int32Array;
  /** Boxes of its own instead of the threat's, in the network's input: each of the images' length. */
  readonly box?: Box;
}

/** Images from … to − 1 of a batch. */
export function sliceBatch({ images, labels, box }: Batch, from: number, to: number): Batch {
  const per = images.data.length / labels.length;
  const part = <T extends Tensor["data"]>(data: T): T => data.subarray(from * per, to * per) as T;
  return {
    images: { ...images, shape: [to - from, ...images.shape.slice(1)], data: part(images.data) },
    labels: labels.subarray(from, to),
    ...(box && { box: { lower: part(box.lower), upper: part(box.upper) } }),
  };
}

/** What of a network a question about classes needs. */
export interface Classifier {
  readonly input: { readonly name: string };
  readonly classes: number;
  /** What the margin of two scores must exceed, so that what follows them in the file cannot round it to a tie; ≥ 0. */
  readonly leastMargin: number;
}

/** Does any point of S(image) get another answer than its label? A tie is one: margins f_y − f_j must be above 0. */
export function classification(network: Classifier, batch: Batch, threat: Threat): Queries {
  return {
    count: batch.labels.length,
    sets: new Map([[network.input.name, setOf(batch, threat)]]),
    spec: marginSpec(batch.labels, network.classes, network.leastMargin),
  };
}

function setOf({ images, box }: Batch, threat: Threat): InputSet {
  if (box && threat.norm === "linf") return { kind: "box", ...box };
  return { kind: "ball", ...threat, centre: images.data as FloatArray, ...(box && { within: box }) };
}

/** Rows e_y − e_j for every class j ≠ y in increasing order, each a disjunct of its own: one tie is enough. */
export function marginSpec(labels: ArrayLike<number>, classes: number, clearance = 0): LinearSpec {
  return differences(labels, classes, clearance, (label, other) => [label, other]);
}

/** Unsafe where the target's score is at least every other one: one disjunct of rows e_j − e_t, j ≠ t in increasing order. */
export function targetSpec(targets: ArrayLike<number>, classes: number): LinearSpec {
  const spec = differences(targets, classes, 0, (target, other) => [other, target]);
  return { ...spec, disjuncts: [classes - 1] };
}

function differences(
  own: ArrayLike<number>,
  classes: number,
  clearance: number,
  pair: (own: number, other: number) => readonly [number, number],
): LinearSpec {
  const size = classes - 1;
  const [first, second] = [new Int32Array(own.length * size), new Int32Array(own.length * size)];
  for (let i = 0, k = 0; i < own.length; i++) {
    for (let r = 0; r < size; r++, k++)
      [first[k], second[k]] = pair(own[i]!, r < own[i]! ? r : r + 1) as [number, number];
  }
  return { outputs: classes, size, rows: { kind: "differences", first, second }, clearance };
}

// ---------------------------------------------------------------- answers

/** The place of the largest of `classes` logits that is not `except`; the first of equals. */
export function bestOther(logits: ArrayLike<number>, row: number, classes: number, except: number): number {
  let best = except === 0 ? 1 : 0;
  for (let j = best + 1; j < classes; j++) {
    if (j !== except && logits[row * classes + j]! > logits[row * classes + best]!) best = j;
  }
  return best;
}

/** Is some logit not a number? That is a wrong answer, whatever the others say. */
export function notANumber(logits: ArrayLike<number>, row: number, classes: number): boolean {
  for (let j = row * classes; j < (row + 1) * classes; j++) if (Number.isNaN(logits[j]!)) return true;
  return false;
}

/** Logit of `label` minus the best other one; 0 is a tie. −∞ where a logit is no number, or both are the same infinity. */
export function marginOf(logits: ArrayLike<number>, row: number, classes: number, label: number): number {
  if (notANumber(logits, row, classes)) return Number.NEGATIVE_INFINITY;
  const margin = logits[row * classes + label]! - logits[row * classes + bestOther(logits, row, classes, label)]!;
  return Number.isNaN(margin) ? Number.NEGATIVE_INFINITY : margin;
}

/**
 * The answer of a classifier: its label counts as right only without a tie, which another class then wins, and where every
 * logit is a number.
 */
export const predictedOf = (logits: ArrayLike<number>, row: number, classes: number, label: number): number => {
  const other = bestOther(logits, row, classes, label);
  if (notANumber(logits, row, classes)) return other;
  return logits[row * classes + label]! > logits[row * classes + other]! ? label : other;
};
