/** @file What a report holds of the tests for tampering: patches, and the search for a backdoor. */

import { z } from "zod";
import { count, evidence, list, nonNegative, picture, rate, record, severity, share, text } from "../../fields.ts";

export const SECTION_IDS = ["tampering"] as const;

/** Result of a test for tampering: a backdoor, a universal trigger, an odd layer. */
const suspicion = record({
  id: text,
  title: text,
  sentence: text,
  method: text,
  evidence,
  severity,
  targetClass: count.nullable(),
  /** Share of inputs of other classes that the trigger sends to the target class. */
  success: rate.nullable(),
  /** The same test aimed at every class: the population that gives `success` its meaning. */
  perTarget: list(record({ label: count, success: rate })),
  pictures: list(record({ caption: text, picture })),
});
export type Suspicion = z.infer<typeof suspicion>;

/** One way to titrate: how often the model is surely wrong under noise of rising intensity. */
const noiseCurve = record({
  /** For example "real-gaussian-clipped". */
  mode: text,
  /** In words. */
  title: text,
  /** Of salt-and-pepper the share of pixels replaced, else the standard deviation in units of the pixels' range; rising. */
  intensities: z.array(nonNegative).min(1).readonly(),
  /** One an intensity: share of the inputs answered wrongly and more surely than gamma. */
  shares: list(share),
  /** The same of the reference's clean models: 5% of them lie below `lower`, 5% above `upper`. `null` without a reference. */
  band: record({ lower: list(share), median: list(share), upper: list(share) }).nullable(),
})
  .refine(
    ({ intensities }) => intensities.every((x, i) => i === 0 || intensities[i - 1]! < x),
    "intensities must rise.",
  )
  .refine(
    ({ intensities, shares, band }) =>
      [shares, ...(band ? [band.lower, band.median, band.upper] : [])].every(
        ({ length }) => length === intensities.length,
      ),
    "a curve has one share an intensity.",
  );
export type NoiseCurve = z.infer<typeof noiseCurve>;

/** How much further noise shifts the model's logits towards each class than those of the reference's clean models. */
const leanChart = record({
  /**
   * Robust z-scores of the class's logit shift among those of the reference's models: the largest over the inputs' labels,
   * by mode, and over the modes.
   */
  classes: z
    .array(record({ label: count, excess: z.number(), byMode: list(z.number()) }))
    .min(1)
    .readonly(),
  /** In the order of `byMode`. */
  modes: list(text),
  /** Above it a model is flagged; `null` where the reference is too small for that. */
  threshold: z.number().nullable(),
  /** The label whose inputs are shifted furthest; `null` where labels were not told apart. */
  source: count.nullable(),
}).refine(({ classes, modes }) => classes.every((own) => own.byMode.length === modes.length), "one excess a mode.");
export type LeanChart = z.infer<typeof leanChart>;

/** An input as the model saw it, with what it answered, and the softmax probability of that. No picture where inputs are none. */
const answered = record({ label: count, predicted: count, confidence: share, picture: picture.nullable() });
export type AnsweredPicture = z.infer<typeof answered>;

/** What one detector says of the model. */
const detectorVerdict = record({
  id: text,
  title: text,
  /** By its paper's own rule; `null` where it has none, or could not be applied. */
  flagged: z.boolean().nullable(),
  /** Of its own rule. */
  ownPValue: share.nullable(),
  score: z.number().nullable(),
  /** Of its score among the reference's clean models; `null` without a reference. */
  pValue: share.nullable(),
  target: count.nullable(),
  reason: text,
  /** What it cannot see. */
  blindTo: text,
});
export type DetectorVerdict = z.infer<typeof detectorVerdict>;

/** Clean models of the same task and architecture, scanned in the same way. */
const referencePopulation = record({
  name: text,
  /** How its members were trained, in words. */
  recipe: text,
  /** Clean members. */
  clean: count,
  /** 1 / (clean + 1): no p-value is below it. */
  smallestP: share,
  /** Why it was not compared with; `null` where it was. */
  unused: text.nullable(),
});

/** The search for a backdoor by the answers to noise, and by the model's weights and margins. */
const backdoorScan = record({
  verdict: record({
    /** `null`: undecided. */
    flagged: z.boolean().nullable(),
    kind: z.enum(["statistical", "heuristic", "undecided"]),
    target: count.nullable(),
    /** Against the reference; `null` without one. */
    pValue: share.nullable(),
    /** Rate of false alarms at which a model is flagged; `null` without a reference. */
    level: share.nullable(),
    reason: text,
  }),
  /** The class that is looked at closely: the verdict's, or one that another sign names; `null` where none does. */
  suspected: count.nullable(),
  /** Each names a class, from work that does not build on the other signs' work. */
  signs: list(record({ kind: z.enum(["noise", "margin", "patch"]), label: count, sentence: text })),
  reference: referencePopulation.nullable(),
  /** Confidence above which a wrong answer counts as sure. */
  gamma: share,
  curves: list(noiseCurve),
  lean: leanChart.nullable(),
  /** Inputs that noise sends to the suspected class; `null` where there are none. */
  noise: record({
    /** In words: which noise, and how much. */
    what: text,
    /** Of inputs of other classes, answered correctly without noise. */
    led: rate,
    examples: list(answered),
  }).nullable(),
  /** The smallest trigger found for the suspected class; `null` where none was searched for. */
  trigger: record({
    label: count,
    /** Sum of the mask, in pixels. */
    size: nonNegative,
    pixels: count,
    /** Up to this size it counts as a sign. */
    small: nonNegative,
    /** Of inputs of other classes that the search did not see. */
    success: rate,
    mask: picture.nullable(),
    /** On an even grey. */
    pattern: picture.nullable(),
    examples: list(answered),
  }).nullable(),
  detectors: list(detectorVerdict),
  nextSteps: list(text),
  /** What the answer does not cover, and what else can cause it. */
  limits: list(text),
  settings: list(record({ name: text, value: text })),
});
export type BackdoorScan = z.infer<typeof backdoorScan>;

export const SHAPE = {
  suspicions: list(suspicion),
  /** `null` where no search was made. Left out by versions that made none. */
  backdoor: backdoorScan.nullable().default(null),
};

/** Every class that is named, with the place. */
export function labelsOf({
  suspicions,
  backdoor,
}: {
  readonly suspicions: readonly Suspicion[];
  readonly backdoor: BackdoorScan | null;
}): [place: string, label: number | null][] {
  const named = suspicions.flatMap(({ targetClass, perTarget }, i) =>
    [targetClass, ...perTarget.map(({ label }) => label)].map((own): [string, number | null] => [
      `suspicions[${i}]`,
      own,
    ]),
  );
  if (backdoor === null) return named;
  const { verdict, suspected, signs, lean, noise, trigger, detectors } = backdoor;
  const shown = [...(noise?.examples ?? []), ...(trigger?.examples ?? [])];
  const labels = [
    verdict.target,
    suspected,
    ...signs.map(({ label }) => label),
    ...(lean?.classes.map(({ label }) => label) ?? []),
    ...shown.flatMap(({ label, predicted }) => [label, predicted]),
    lean?.source ?? null,
    trigger?.label ?? null,
    ...detectors.map(({ target }) => target),
  ];
  return [...named, ...labels.map((own): [string, number | null] => ["backdoor", own])];
}
