/** @file What a report holds of attacks and proofs. */

import { z } from "zod";
import { heldCount } from "../../../studies/audit/codes.ts";
import { base64ByteLength } from "../../base64.ts";
import { count, list, nonNegative, picture, rate, record, share, text } from "../../fields.ts";

export const SECTION_IDS = ["robustness", "classes", "examples"] as const;

/**
 * What is known about every input at one epsilon.
 * `correct` = certified + bounded + falsified + unknown: wrong inputs are neither certified nor attacked. Without labels every
 * input counts as correct, and the verdicts are about keeping the model's own answer. `bounded`: in real arithmetic only,
 * where nothing is certified.
 */
const verdictCounts = record({
  inputs: count,
  correct: count,
  certified: count,
  falsified: count,
  unknown: count,
  bounded: count.optional(),
})
  .refine((c) => c.correct <= c.inputs, "more correct inputs than inputs.")
  .refine((c) => heldCount(c) + c.falsified + c.unknown === c.correct, "the verdicts do not add up to correct.");
export type VerdictCounts = z.infer<typeof verdictCounts>;

const band = {
  clean: rate.nullable(),
  /** Accuracy left after every attack: robust accuracy is at most this. `null` when no attack ran. */
  attackedUpper: rate.nullable(),
  /** Share proved: robust accuracy is at least this. `null` when no verifier ran, or in real arithmetic. */
  certifiedLower: rate.nullable(),
  /** Share bounded in real arithmetic, which proves nothing. */
  boundedLower: rate.optional(),
};

/** The two-sided estimate of robust accuracy at one epsilon. */
const bandPoint = record({
  epsilon: nonNegative,
  ...band,
  counts: verdictCounts,
  /** Of the unknown ones that a proof was tried for: how many for which reason. Empty in older reports. */
  unknownBy: z.record(text, count).readonly().default({}),
});
export type BandPoint = z.infer<typeof bandPoint>;

/** `label`: index in `DataCard.classNames`. */
const classRow = record({ label: count, ...band });
export type ClassRow = z.infer<typeof classRow>;

/**
 * A signed change per pixel and channel, in the order of `Picture`: int8 values, base64, −127…127 standing for
 * −scale…scale in the units of epsilon. Kept apart from the two pictures, whose bytes would round small changes away.
 */
const pictureChange = record({ scale: nonNegative, values: text });
export type PictureChange = z.infer<typeof pictureChange>;

const examplePictures = record({ original: picture, adversarial: picture, change: pictureChange }).refine(
  ({ original, adversarial, change: { values } }) =>
    original.width === adversarial.width &&
    original.height === adversarial.height &&
    original.channels === adversarial.channels &&
    base64ByteLength(values) === base64ByteLength(original.pixels),
  "the original, the change and the adversarial picture differ in size.",
);

/** Of a row of features, in the data's own units: those that changed, most in the unit of epsilon first. */
const featureChanges = record({
  of: count,
  changed: count,
  /** `allowed`: how far epsilon lets the feature move. */
  shown: list(record({ name: text, before: z.number(), after: z.number(), allowed: nonNegative })),
});

const adversarialExample = record({
  /** Position in the data source. */
  index: count,
  label: count,
  predicted: count,
  /** The class the attack aimed for; `null` when any wrong class would do. */
  target: count.nullable(),
  epsilon: nonNegative,
  distance: nonNegative,
  method: text,
  /** Logit of the true class minus the best other logit, before and after; negative is misclassified. */
  marginBefore: z.number(),
  marginAfter: z.number(),
  /** Softmax probability of the predicted class after the attack. */
  confidence: share,
  /** `null` when the inputs are not pictures. */
  picture: examplePictures.nullable(),
  /** `null` when the inputs are no rows of features; left out by older versions. */
  features: featureChanges.nullable().default(null),
});
export type AdversarialExample = z.infer<typeof adversarialExample>;

const robustness = record({
  norm: z.enum(["linf", "l2", "l1"]),
  /** What one unit of epsilon is, for example "pixel values scaled to 0…1". */
  unit: text,
  /** One of the epsilons in `points`: the one the gate and the class table speak about. */
  headlineEpsilon: nonNegative,
  /** By rising epsilon. */
  points: z.array(bandPoint).min(1, "needs at least one epsilon.").readonly(),
  classes: list(classRow),
  examples: list(adversarialExample),
})
  .refine((r) => r.points.some((p) => p.epsilon === r.headlineEpsilon), "no point at the headline epsilon.")
  .refine((r) => r.points.every((p, i) => i === 0 || r.points[i - 1]!.epsilon < p.epsilon), "epsilons must rise.");
export type Robustness = z.infer<typeof robustness>;

/** One entry a norm, the headline norm first. */
export const SHAPE = { robustness: list(robustness) };

/** Every class that is named, with the place. */
export const labelsOf = ({
  robustness: parts,
}: {
  readonly robustness: readonly Robustness[];
}): [place: string, label: number | null][] =>
  parts.flatMap(({ classes, examples }, i) => [
    ...classes.map(({ label }, j): [string, number] => [`robustness[${i}].classes[${j}]`, label]),
    ...examples.flatMap(({ label, predicted, target }, j) =>
      [label, predicted, target].map((own): [string, number | null] => [`robustness[${i}].examples[${j}]`, own]),
    ),
  ]);
