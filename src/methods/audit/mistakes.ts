/** @file What a model gets wrong on unchanged inputs: which classes it takes for which, and where it is surest of a wrong answer. */

import type { Prediction } from "../records.ts";

/** How the inputs of one class are answered. */
export interface AnswersOfClass {
  readonly label: number;
  readonly inputs: number;
  readonly right: number;
  /** By falling count: the wrong answers. */
  readonly taken: readonly { readonly predicted: number; readonly count: number }[];
}

export interface Mistakes {
  /** Of the classes that occur, rising. */
  readonly classes: readonly AnswersOfClass[];
  /** Positions of the wrong answers, the surest first. */
  readonly surest: readonly number[];
}

/** @param labels [n] of the same inputs */
export function mistakesOf(
  predictions: readonly Pick<Prediction, "predicted" | "confidence" | "margin">[],
  labels: ArrayLike<number>,
): Mistakes {
  const counts = new Map<number, Map<number, number>>();
  for (const [i, { predicted }] of predictions.entries()) {
    const row = counts.get(labels[i]!) ?? new Map<number, number>();
    row.set(predicted, (row.get(predicted) ?? 0) + 1);
    counts.set(labels[i]!, row);
  }
  const classes = [...counts]
    .sort(([a], [b]) => a - b)
    .map(([label, row]) => ({
      label,
      inputs: [...row.values()].reduce((sum, count) => sum + count, 0),
      right: row.get(label) ?? 0,
      taken: [...row]
        .filter(([predicted]) => predicted !== label)
        .map(([predicted, count]) => ({ predicted, count }))
        .sort((a, b) => b.count - a.count || a.predicted - b.predicted),
    }));
  const surest = [...predictions.keys()]
    .filter((i) => predictions[i]!.predicted !== labels[i])
    .sort((i, j) => {
      const [a, b] = [predictions[i]!, predictions[j]!];
      // where confidence is rounded to 1, margins still tell; NaN compares as equal
      return b.confidence - a.confidence || a.margin - b.margin || i - j;
    });
  return { classes, surest };
}
