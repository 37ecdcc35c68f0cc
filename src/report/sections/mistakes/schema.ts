/** @file What a report holds of wrong answers to unchanged inputs. */

import { z } from "zod";
import { count, list, picture, record, share, text } from "../../fields.ts";

export const SECTION_IDS = ["mistakes"] as const;

/** `label`, `predicted`: index in `DataCard.classNames`. */
const answersOfClass = record({
  label: count,
  inputs: count,
  right: count,
  /** The wrong answers, most frequent first. */
  taken: list(record({ predicted: count, count })),
}).refine(
  ({ inputs, right, taken }) => inputs === right + taken.reduce((sum, { count }) => sum + count, 0),
  "right and wrong answers do not add up to the inputs.",
);
export type AnswersOfClass = z.infer<typeof answersOfClass>;

/** One feature of a row, in the data's units; medians are over the inputs of the audit, `null` where there are none. */
const unusualFeature = record({
  name: text,
  value: z.number(),
  ofLabel: z.number().nullable(),
  ofPredicted: z.number().nullable(),
});
export type UnusualFeature = z.infer<typeof unusualFeature>;

const mistake = record({
  /** Position in the data source. */
  index: count,
  label: count,
  predicted: count,
  /** Softmax probability of the wrong answer. */
  confidence: share,
  /** `null` when the inputs are not pictures. */
  picture: picture.nullable(),
  /** Where it lies farthest from its class; `null` when the inputs are no rows of features. */
  features: list(unusualFeature).nullable(),
});
export type Mistake = z.infer<typeof mistake>;

const mistakes = record({
  /** Of the classes that occur, rising. */
  classes: list(answersOfClass),
  /** High-confidence errors, the surest first. */
  surest: list(mistake),
});
export type MistakesCard = z.infer<typeof mistakes>;

/** `null` without labels; left out by older versions. */
export const SHAPE = { mistakes: mistakes.nullable().default(null) };

/** Every class that is named, with the place. */
export const labelsOf = ({
  mistakes: card,
}: {
  readonly mistakes: MistakesCard | null;
}): [place: string, label: number | null][] => [
  ...(card?.classes ?? []).flatMap(({ label, taken }, i) =>
    [label, ...taken.map(({ predicted }) => predicted)].map((own): [string, number] => [`mistakes.classes[${i}]`, own]),
  ),
  ...(card?.surest ?? []).flatMap(({ label, predicted }, i) =>
    [label, predicted].map((own): [string, number] => [`mistakes.surest[${i}]`, own]),
  ),
];
