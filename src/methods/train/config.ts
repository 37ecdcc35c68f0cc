/** @file The options of a training run, as JSON: parsed once here, trusted everywhere else. */

import { z } from "zod";
import { POISON_KINDS, poisonKeys, poisonSchema } from "../poison/config.ts";
import type { Augmentation } from "../samples.ts";
import { ARCHITECTURE_NAMES } from "./architectures.ts";
import { methodChoice } from "./index.ts";
import { INITIALISATIONS } from "./initialise.ts";
import type { Optimiser } from "./optimisers.ts";
import { natural, nonNegative, share } from "./options.ts";
import type { LearningRateSchedule } from "./schedules.ts";

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

/** A network by name, or the classifier in a file: to go on from its weights, or to begin with others. */
const architecture = z.union(
  [
    z.enum(ARCHITECTURE_NAMES as [string, ...string[]]),
    z.strictObject({ onnx: z.string() }),
    z.strictObject({ like: z.string() }),
  ],
  {
    error: `is one of ${ARCHITECTURE_NAMES.join(", ")}, { "onnx": FILE } to go on from a file's weights, or { "like": FILE } to draw them anew`,
  },
);

const augmentation = z.strictObject({
  crop: z.int().min(0).default(0),
  flip: z.boolean().default(false),
}) satisfies z.ZodType<Augmentation>;

const config = z.strictObject({
  /** Names the model in the exported file. */
  name: z.string().optional(),
  architecture,
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
  method: methodChoice.default({ kind: "plain" }),
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
  augmentation: augmentation.optional(),
  poison: poisonSchema.optional(),
});

export type TrainConfig = z.output<typeof config>;

/** For messages and records. */
export const architectureName = ({ architecture }: Pick<TrainConfig, "architecture">): string =>
  typeof architecture === "string"
    ? architecture
    : "like" in architecture
      ? `that of ${architecture.like}`
      : architecture.onnx;

/** The file that the architecture is in. */
export const architectureFile = ({ architecture }: Pick<TrainConfig, "architecture">): string | undefined =>
  typeof architecture === "string" ? undefined : "like" in architecture ? architecture.like : architecture.onnx;

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
