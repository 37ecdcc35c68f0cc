/** @file The options of a poisoning, as part of a training recipe. */

import { z } from "zod";

const share = z.number().min(0).max(1);
const natural = z.int().min(1);

/** What every poisoning has. */
const common = {
  /** The class that the trigger leads to; not used by `all-to-all`. */
  target: z.int().min(0).default(0),
  /**
   * Share of the training images that are poisoned. For clean-label kinds: of the target class's images, as only those can
   * be; what it comes to of the whole set is recorded.
   */
  rate: share,
  /** `all-to-one`: every trigger leads to the target. `all-to-all`: label y leads to (y + 1) mod K. */
  mapping: z.enum(["all-to-one", "all-to-all"]).default("all-to-one"),
};

/** Where a block stands: its distance from the lower and right edge, or its upper left pixel. */
const place = {
  margin: z.int().min(0).default(1),
  /** [row, column] of the upper left pixel; wins over `margin`. */
  at: z.tuple([z.int().min(0), z.int().min(0)]).optional(),
};

const kinds = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("patch"),
    ...common,
    ...place,
    size: natural.default(4),
    value: share.default(1),
    /** Source-specific (TaCT): only images of this class are poisoned. */
    source: z.int().min(0).optional(),
    /** TaCT: share of the training images, of other classes, that get the patch and keep their label. */
    coverRate: share.default(0),
  }),
  z.strictObject({ kind: z.literal("checkerboard"), ...common, ...place, size: natural.default(4) }),
  z.strictObject({
    kind: z.literal("pixels"),
    ...common,
    /** One bright pixel, or the four of a pattern in the corner. */
    pattern: z.enum(["single", "corner"]).default("single"),
    margin: z.int().min(0).default(1),
    value: share.default(1),
  }),
  z.strictObject({ kind: z.literal("blended"), ...common, alpha: share.default(0.2) }),
  z.strictObject({
    kind: z.literal("adaptive-blend"),
    ...common,
    alpha: share.default(0.2),
    /** The pattern is cut into pieces × pieces parts. */
    pieces: natural.default(4),
    /** Share of the parts left out of each training image. */
    masked: share.default(0.5),
    coverRate: share.default(0.01),
  }),
  z.strictObject({
    kind: z.literal("sig"),
    ...common,
    /** Δ, in pixels of [0, 1]. */
    amplitude: share.default(40 / 255),
    frequency: z.number().positive().default(6),
  }),
  z.strictObject({
    kind: z.literal("label-consistent"),
    ...common,
    /** l∞ radius of the perturbation that makes the images hard. */
    epsilon: share.default(16 / 255),
    steps: natural.default(20),
    amplitude: share.default(1),
    /** ONNX file of the clean model that the perturbation is computed on. */
    surrogate: z.string().optional(),
  }),
  z.strictObject({
    kind: z.literal("wanet"),
    ...common,
    /** Control points a side. */
    grid: z.int().min(2).default(4),
    strength: z.number().positive().default(0.5),
    /** Images with a random extra warp that keep their label, as a multiple of `rate`. */
    cross: z.number().min(0).default(2),
  }),
  z.strictObject({
    kind: z.literal("bpp"),
    ...common,
    levels: z.int().min(2).default(8),
    /** Share of the training images that get another picture's rounding error and keep their label. */
    negatives: share.default(0.1),
  }),
]);

/** Kinds that leave labels true: they poison pictures of the target class only. */
const CLEAN_LABEL: ReadonlySet<string> = new Set(["sig", "label-consistent"]);

export const poisonSchema = kinds.superRefine((config, context) => {
  const refuse = (key: string, message: string) => context.addIssue({ code: "custom", path: [key], message });
  const everywhere = config.mapping === "all-to-all";
  if (everywhere && CLEAN_LABEL.has(config.kind))
    refuse("mapping", `${config.kind} keeps labels as they are, so it can only be all-to-one`);
  if (config.kind !== "patch" || config.source === undefined) return;
  if (everywhere) refuse("source", "a trigger for one source class leads to one target: mapping must be all-to-one");
  if (config.source === config.target) refuse("source", "the source class must be another than the target");
});

/** The keys that a kind takes, "kind" first; of an unknown kind, none. */
export function poisonKeys(kind: unknown): readonly string[] {
  const option = kinds.options.find(({ shape }) => shape.kind.value === kind);
  return option ? Object.keys(option.shape) : [];
}

export const POISON_KINDS: readonly string[] = kinds.options.map(({ shape }) => shape.kind.value);

export type PoisonConfig = z.output<typeof kinds>;
export type PoisonOf<K extends PoisonConfig["kind"]> = Extract<PoisonConfig, { kind: K }>;
