/** @file The options of a training run, as JSON: parsed once here, trusted everywhere else. */

import { z } from "zod";
import { POISON_KINDS, poisonKeys, poisonSchema } from "../poison/config.ts";
import { ARCHITECTURE_NAMES } from "./architectures.ts";
import { INITIALISATIONS } from "./initialise.ts";
import type { Optimiser } from "./optimisers.ts";
import type { LearningRateSchedule } from "./schedules.ts";

const natural = z.int().min(1);
const nonNegative = z.number().min(0);
const share = z.number().min(0).max(1);

/** A number from 0, or a fraction such as "8/255". */
const radius = z
  .union([
    nonNegative,
    z.string().regex(/^\s*\d+(\.\d+)?\s*\/\s*\d+(\.\d+)?\s*$/, 'a number or a fraction such as "8/255"'),
  ])
  .transform((value) => {
    if (typeof value === "number") return value;
    const [numerator, denominator] = value.split("/").map(Number) as [number, number];
    return numerator / denominator;
  })
  .refine(Number.isFinite, "must be finite");

/** Epochs in which epsilon grows from 0 to its full size. */
const ramp = z
  .strictObject({ kind: z.enum(["linear", "smoothed"]).default("linear"), start: nonNegative, end: nonNegative })
  .refine(({ start, end }) => end >= start, "a ramp ends after it starts");

const method = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("plain") }),
  z.strictObject({
    kind: z.literal("pgd"),
    norm: z.enum(["linf", "l2"]).default("linf"),
    epsilon: radius,
    steps: natural.default(7),
    /** In pixels, as epsilon; default 2.5·epsilon / steps. */
    stepSize: radius.optional(),
    restarts: natural.default(1),
    randomStart: z.boolean().default(true),
    ramp: ramp.optional(),
  }),
  z.strictObject({
    kind: z.literal("ibp"),
    epsilon: radius,
    /** Weight of the clean loss when epsilon has its full size; it falls from 1. */
    kappa: share.default(0.5),
    ramp: ramp.optional(),
  }),
]);

const optimiser = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("sgd"),
    momentum: share.default(0),
    nesterov: z.boolean().default(false),
    weightDecay: nonNegative.default(0),
  }),
  z.strictObject({
    kind: z.enum(["adam", "adamw"]),
    beta1: share.default(0.9),
    beta2: share.default(0.999),
    epsilon: z.number().positive().default(1e-8),
    weightDecay: nonNegative.default(0),
  }),
]) satisfies z.ZodType<Optimiser>;

const schedule = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("constant") }),
  z.strictObject({ kind: z.literal("step"), milestones: z.array(nonNegative), factor: z.number().positive() }),
  z.strictObject({ kind: z.literal("cosine"), final: share.default(0) }),
  z.strictObject({
    kind: z.literal("cyclic"),
    peak: z.number().gt(0).lt(1).default(0.5),
    final: share.default(0),
  }),
]) satisfies z.ZodType<LearningRateSchedule>;

const config = z.strictObject({
  /** Names the model in the exported file. */
  name: z.string().optional(),
  architecture: z.enum(ARCHITECTURE_NAMES as [string, ...string[]]),
  /** Data set to train on: what `--data` takes. */
  data: z.string().default("mnist:train"),
  /** Data set whose accuracy is stated after each epoch. */
  validation: z.string().optional(),
  /** Train on the first so many images. */
  limit: natural.optional(),
  normalisation: z
    .strictObject({ mean: z.array(z.number()).min(1), std: z.array(z.number().positive()).min(1) })
    .optional(),
  initialisation: z.enum(INITIALISATIONS).default("default"),
  method: method.default({ kind: "plain" }),
  epochs: natural,
  batch: natural.default(128),
  optimiser: optimiser.default({ kind: "adam", beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 }),
  learningRate: z.number().positive().default(5e-4),
  schedule: schedule.default({ kind: "constant" }),
  /** Epochs in which the learning rate rises from 0. */
  warmup: nonNegative.default(0),
  /** Largest Euclidean length of the gradient. */
  clipNorm: z.number().positive().optional(),
  seed: z.int().min(0).default(0),
  augmentation: z
    .strictObject({
      /** Pixels of zero padding of which a window of the image's size is cut. */
      crop: z.int().min(0).default(0),
      flip: z.boolean().default(false),
    })
    .optional(),
  poison: poisonSchema.optional(),
});

export type TrainConfig = z.output<typeof config>;
export type Method = TrainConfig["method"];
export type Augmentation = NonNullable<TrainConfig["augmentation"]>;

export class TrainConfigError extends Error {
  override readonly name = "TrainConfigError";
  readonly fault = "usage";
}

/**
 * The training options in a piece of JSON, defaults filled in.
 * @throws TrainConfigError, one line naming every key that is wrong, missing or unknown
 */
export function parseTrainConfig(raw: unknown): TrainConfig {
  const result = config.safeParse(raw);
  if (result.success) return result.data;
  const facts = result.error.issues.map((issue) => {
    const place = issue.path.join(".") || "options";
    return issue.code === "unrecognized_keys"
      ? `${place}: unknown ${issue.keys.map((key) => `"${key}"`).join(", ")}; known are ${knownKeys(issue.path, raw)}`
      : `${place}: ${place === "poison.kind" ? `is one of ${POISON_KINDS.join(", ")}` : issue.message}`;
  });
  throw new TrainConfigError(`training options: ${facts.join("; ")}`);
}

const sections: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  augmentation: { crop: 0, flip: 0 },
  normalisation: { mean: 0, std: 0 },
};

/** The keys that a section takes; of sections with several kinds, the way to find out. */
function knownKeys(path: readonly PropertyKey[], raw: unknown): string {
  if (path.length === 0) return Object.keys(config.shape).join(", ");
  // only an object with a known kind gets as far as unknown keys
  if (path[0] === "poison") return poisonKeys((raw as { poison: { kind: unknown } }).poison.kind).join(", ");
  const section = sections[String(path[0])];
  return section ? Object.keys(section).join(", ") : `listed in docs/training.md under "${String(path[0])}"`;
}
