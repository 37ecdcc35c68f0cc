/** @file The options of a poisoning, as part of a training recipe. */

import { z } from "zod";

const share = z.number().min(0).max(1);
const natural = z.int().min(1);

/** What every poisoning has. */
const common = {
  target: z.int().min(0).default(0).describe("the class that the trigger leads to; not used by `all-to-all`"),
  rate: share.describe(
    "share of the training images that are poisoned; for clean-label kinds: of the target class's images, as only those can be; what it comes to of the whole set is recorded",
  ),
  mapping: z
    .enum(["all-to-one", "all-to-all"])
    .default("all-to-one")
    .describe("`all-to-one`: every trigger leads to the target. `all-to-all`: label y leads to (y + 1) mod K"),
};

/** Where a block stands: its distance from the lower and right edge, or its upper left pixel. */
const place = {
  margin: z.int().min(0).default(1).describe("distance from the lower and right edge"),
  at: z
    .tuple([z.int().min(0), z.int().min(0)])
    .optional()
    .describe("[row, column] of the upper left pixel; wins over `margin`"),
};

const kinds = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("patch"),
    ...common,
    ...place,
    size: natural.default(4).describe("side of the block, in pixels"),
    value: share.default(1).describe("brightness"),
    source: z.int().min(0).optional().describe("source-specific (TaCT): only images of this class are poisoned"),
    coverRate: share
      .default(0)
      .describe("TaCT: share of the training images, of other classes, that get the patch and keep their label"),
  }),
  z.strictObject({
    kind: z.literal("checkerboard"),
    ...common,
    ...place,
    size: natural.default(4).describe("side of the block, in pixels"),
  }),
  z.strictObject({
    kind: z.literal("pixels"),
    ...common,
    pattern: z
      .enum(["single", "corner"])
      .default("single")
      .describe("one bright pixel, or the four of a pattern in the corner"),
    margin: z.int().min(0).default(1).describe("distance from the lower and right edge"),
    value: share.default(1).describe("brightness"),
  }),
  z.strictObject({
    kind: z.literal("blended"),
    ...common,
    alpha: share.default(0.2).describe("weight of the pattern"),
  }),
  z.strictObject({
    kind: z.literal("adaptive-blend"),
    ...common,
    alpha: share.default(0.2).describe("weight of the pattern"),
    pieces: natural.default(4).describe("the pattern is cut into pieces × pieces parts"),
    masked: share.default(0.5).describe("share of the parts left out of each training image"),
    coverRate: share.default(0.01).describe("share of the training images that are covers"),
  }),
  z.strictObject({
    kind: z.literal("sig"),
    ...common,
    amplitude: share.default(40 / 255).describe("Δ, in pixels of [0, 1]"),
    frequency: z.number().positive().default(6).describe("waves across a picture"),
  }),
  z.strictObject({
    kind: z.literal("label-consistent"),
    ...common,
    epsilon: share.default(16 / 255).describe("l∞ radius of the perturbation that makes the images hard"),
    steps: natural.default(20).describe("steps of the perturbation"),
    amplitude: share.default(1).describe("how far the marks change pixels"),
    surrogate: z.string().optional().describe("ONNX file of the clean model that the perturbation is computed on"),
  }),
  z.strictObject({
    kind: z.literal("wanet"),
    ...common,
    grid: z.int().min(2).default(4).describe("control points a side"),
    strength: z.number().positive().default(0.5).describe("of the warp"),
    cross: z
      .number()
      .min(0)
      .default(2)
      .describe("images with a random extra warp that keep their label, as a multiple of `rate`"),
  }),
  z.strictObject({
    kind: z.literal("bpp"),
    ...common,
    levels: z.int().min(2).default(8).describe("brightnesses that are left"),
    negatives: share
      .default(0.1)
      .describe("share of the training images that get another picture's rounding error and keep their label"),
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

/** What a kind takes beside its name. @throws Error for a name that is not listed */
export function poisonOptions(kind: PoisonConfig["kind"]): z.ZodObject {
  const { kind: _, ...options } = kinds.options.find(({ shape }) => shape.kind.value === kind)!.shape;
  return z.strictObject(options);
}

/** The keys that a kind takes, "kind" first; of an unknown kind, none. */
export function poisonKeys(kind: unknown): readonly string[] {
  const option = kinds.options.find(({ shape }) => shape.kind.value === kind);
  return option ? Object.keys(option.shape) : [];
}

export const POISON_KINDS: readonly string[] = kinds.options.map(({ shape }) => shape.kind.value);

export type PoisonConfig = z.output<typeof kinds>;
export type PoisonOf<K extends PoisonConfig["kind"]> = Extract<PoisonConfig, { kind: K }>;
