/** @file Answers counted: from here on a titration is counts, and the answers are forgotten. */

import type { Answers } from "./graph.ts";
import { GAMMAS, type Tally } from "./types.ts";

const SUREST = GAMMAS.length - 1;

/**
 * @param plain the answers without noise  @param labels [n]: the reference
 * @param timesSurelyWrong [n]: one more for each input that is answered wrongly and surer than the last gamma, where given
 */
export function tallyOf(
  sigma: number,
  { classes, confidences, logits }: Answers,
  plain: Answers,
  labels: Int32Array,
  timesSurelyWrong?: Int32Array,
): Tally {
  const count = logits.length / labels.length;
  const zeros = (length: number): number[] => new Array<number>(length).fill(0);
  const [confident, wrongConfident] = [zeros(GAMMAS.length), zeros(GAMMAS.length)];
  const [answers, right, wrongAnswers, wrongLabels] = [zeros(count), zeros(count), zeros(count), zeros(count)];
  let wrong = 0;
  let flips = 0;
  for (let i = 0; i < labels.length; i++) {
    const [answer, label, confidence] = [classes[i]!, labels[i]!, confidences[i]!];
    answers[answer]!++;
    if (answer !== plain.classes[i]) flips++;
    if (answer === label) right[answer]!++;
    else wrong++;
    for (let g = 0; g < GAMMAS.length && confidence > GAMMAS[g]!; g++) {
      confident[g]!++;
      if (answer !== label) wrongConfident[g]!++;
    }
    if (answer === label || !(confidence > GAMMAS[SUREST]!)) continue;
    wrongAnswers[answer]!++;
    wrongLabels[label]!++;
    if (timesSurelyWrong) timesSurelyWrong[i]!++;
  }
  const leanings = means(leaningsOf(logits, count), labels.length);
  return { sigma, wrong, flips, confident, wrongConfident, answers, right, wrongAnswers, wrongLabels, leanings };
}

/**
 * Adds each input's leanings to the row of its label.
 * @param sums [K · K]: label, class  @param logits [n · K]  @param labels [n]
 */
export function addLeanings(sums: Float64Array, logits: Float32Array, labels: Int32Array): void {
  const classes = logits.length / labels.length;
  for (let i = 0; i < labels.length; i++) lean(logits, i * classes, classes, sums, labels[i]! * classes);
}

/** @returns [K], sums over the inputs */
function leaningsOf(logits: Float32Array, classes: number): Float64Array {
  const sums = new Float64Array(classes);
  for (let from = 0; from < logits.length; from += classes) lean(logits, from, classes, sums, 0);
  return sums;
}

/** Adds (logit − mean) / standard deviation of one input's logits. */
function lean(logits: Float32Array, from: number, classes: number, sums: Float64Array, to: number): void {
  let sum = 0;
  for (let k = from; k < from + classes; k++) sum += logits[k]!;
  const mean = sum / classes;
  let squares = 0;
  for (let k = from; k < from + classes; k++) squares += (logits[k]! - mean) ** 2;
  const spread = Math.sqrt(squares / classes);
  // equal logits lean nowhere
  if (spread > 0) for (let k = 0; k < classes; k++) sums[to + k]! += (logits[from + k]! - mean) / spread;
}

const LEANING_STEPS = 1e4;

/** Sums as means, rounded. */
export const means = (sums: Float64Array, count: number): number[] =>
  Array.from(sums, (sum) => Math.round((LEANING_STEPS * sum) / count) / LEANING_STEPS);

/**
 * Inputs answered wrongly and surer than the last gamma when logits are divided by a temperature: no second run is needed,
 * since the answers stay what they are.
 */
export function surelyWrongAt(
  temperature: number,
  { classes, logits }: Pick<Answers, "classes" | "logits">,
  labels: Int32Array,
): number {
  const count = logits.length / labels.length;
  let surelyWrong = 0;
  for (let i = 0; i < labels.length; i++) {
    if (classes[i] === labels[i]) continue;
    const largest = logits[i * count + classes[i]!]!;
    let sum = 0;
    for (let k = i * count; k < (i + 1) * count; k++) sum += Math.exp((logits[k]! - largest) / temperature);
    if (1 / sum > GAMMAS[SUREST]!) surelyWrong++;
  }
  return surelyWrong;
}

export function histogram(values: Int32Array, length: number): number[] {
  const counts = new Array<number>(length).fill(0);
  for (const value of values) counts[value]!++;
  return counts;
}
