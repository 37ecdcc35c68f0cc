/**
 * @file What `attack` and `certify` write, in the one form that is both checked and typed. docs/schemas has it as JSON Schema,
 * docs/results.md in words. Fields may be added under the same number; none is lost.
 */

import { z } from "zod";

/** Raised when a reader of the previous version would misread the file. */
export const RESULT_SCHEMA = 1;

/** An object with these keys and no others. */
const record = <S extends z.core.$ZodLooseShape>(shape: S) => z.strictObject(shape).readonly();
const list = <T extends z.ZodType>(item: T) => z.array(item).readonly();

const text = z.string();
const count = z.int().min(0);
const nonNegative = z.number().min(0);
const hash = z.string().regex(/^[0-9a-f]{64}$/, "expected 64 hexadecimal digits");
const setting = z.union([text, z.number(), z.boolean(), z.null()]);

const verdict = z
  .enum(["certified", "bounded", "falsified", "unknown", "misclassified", "already-there"])
  .describe(
    "certified: proved, float32 rounding included; bounded: in real arithmetic only, no proof; already-there: of a targeted attack, inputs of the target's class",
  );
export type VerdictName = z.infer<typeof verdict>;

const reason = z
  .enum([
    "relaxation-too-loose",
    "timeout",
    "time-budget",
    "memory",
    "numerical",
    "unsupported-op",
    "interrupted",
    "internal-error",
    "not-falsified",
  ])
  .describe("why the input is unknown; not-falsified: an attack did not succeed");
export type ResultReason = z.infer<typeof reason>;

const savedState = z
  .enum(["adversarial", "not-adversarial", "outside"])
  .describe(
    "of a saved input as it is read back: still answered wrongly and within its set; no longer answered wrongly (or as the target); no longer within its set",
  );
export type SavedState = z.infer<typeof savedState>;

const saved = record({
  npz: record({ file: text, row: count, state: savedState }),
  png: record({ file: text, state: savedState.describe("after rounding to 8 bits") })
    .nullable()
    .describe("null: the inputs are no grey or coloured pictures"),
});
export type SavedPlace = z.infer<typeof saved>;

const states = record({ adversarial: count, notAdversarial: count, outside: count });

const witness = z.union([list(z.number()), record({ file: text, index: count })]);

export const inputShape = {
  index: count.describe("place in the data set, from 0"),
  label: z.int().describe("as the data counts"),
  output: count.describe("the model's output that stands for the label"),
  predicted: z.int().describe("the model's answer to the input; for a falsified one, its answer to the witness"),
  predictedOutput: count,
  verdict,
  margin: z
    .number()
    .nullable()
    .describe(
      "logit of the label minus the best other one. Certified, bounded, or unknown after a proof was tried: the proved lower bound; otherwise at the worst point seen. null: no finite number",
    ),
  seconds: nonNegative.describe("of compute, on one core"),
  reason: reason.optional(),
  notANumber: z
    .literal(true)
    .optional()
    .describe("the model file's answer to the witness holds what is no number: a wrong answer, without a margin"),
  zeroGradient: z
    .literal(true)
    .optional()
    .describe("the attack's gradient was exactly 0 wherever it looked; it went on without"),
  foundAt: nonNegative
    .optional()
    .describe(
      "the radius within which the witness or the proof was found, where it is not epsilon: what is falsified within a smaller one is falsified, what is proved within a larger one is proved",
    ),
  bracket: record({ proved: nonNegative.nullable(), falsified: nonNegative.nullable() })
    .optional()
    .describe(
      "where the smallest radius within which the input is falsified was looked for: the largest radius that was proved, and the smallest within which a witness was found; null where there is none",
    ),
  witness: witness
    .optional()
    .describe(
      "in the order of the model's input, float32: pixels of 0 to 1, tables in the data's units; or the row of an NPZ file's array images",
    ),
  saved: saved.optional().describe("where --save-inputs wrote the adversarial input as data"),
} as const;
const inputResult = record(inputShape);
export type NamedResult = z.infer<typeof inputResult>;

const counts = record({
  inputs: count,
  correct: count.describe("classified correctly: all others make it up"),
  certified: count,
  falsified: count,
  unknown: count,
  bounded: count.optional().describe("of proofs in real arithmetic only"),
  alreadyThere: count.optional().describe("of targeted attacks only"),
  saved: record({ npz: states, png: states.nullable() })
    .optional()
    .describe(
      "adversarial inputs in files, by what they come to when they are read back; png: after rounding to 8 bits",
    ),
});
export type VerdictCounts = z.infer<typeof counts>;

const methodRun = record({
  id: text,
  version: count,
  settings: z.record(text, setting).readonly().describe("all of them, those left at their defaults, too"),
});
export type MethodRun = z.infer<typeof methodRun>;

const drawn = record({
  how: z.enum(["all", "first", "random", "given"]).describe("random: by class, with the seed; given: by a program"),
  limit: count.nullable(),
  sample: count.nullable(),
});
export type Drawn = z.infer<typeof drawn>;

const data = record({
  name: text,
  source: text,
  sha256: hash.nullable().describe("of the file or files read; null where the data is none"),
  inputsSha256: hash.describe("of the inputs examined, as they stand in the data: float32, little-endian"),
  labelsSha256: hash.nullable().describe("of their labels: int32, little-endian; null without labels"),
  labelled: z.boolean().describe("false: the model's own answers stand for the labels"),
  drawn,
  shape: list(count).describe("of one input"),
  steps: list(text).describe("what was done to the pictures because it was stated"),
  notes: list(text),
});

const contract = record({
  layout: z.enum(["NCHW", "NHWC", "flat"]),
  shape: list(count).describe("of one input, as the model takes it"),
  range: z.tuple([z.number(), z.number()]).readonly().nullable().describe("what black and white are to the model"),
  mean: list(z.number()).describe("subtracted, in units of range"),
  std: list(z.number()).describe("divides what is left"),
  classOrder: list(z.int()).nullable().describe("the data's label for each output; null: the same"),
  scale: list(z.number())
    .nullable()
    .describe("what each value of the data was multiplied by to count in units of epsilon; null: pixels, or 1"),
  fixed: list(count).describe("places in the model's input of values that do not change"),
  basis: list(
    record({
      item: z.enum(["layout", "range", "normalisation", "class order"]),
      value: text,
      basis: z.enum(["stated", "inferred", "assumed"]),
      reason: text,
    }),
  ),
});

const bound = z.record(text, z.union([z.number(), record({ shape: list(count), data: list(z.number()) })]));

export const resultShape = {
  schema: z.literal(RESULT_SCHEMA),
  tool: z.literal("assay"),
  version: text,
  command: text.nullable().describe("null where a program called the study"),
  environment: z.record(text, text).readonly().describe("versions and machine"),
  model: record({
    path: text,
    sha256: hash,
    external: list(record({ path: text, sha256: hash })).describe("files that the model refers to"),
    output: text.nullable().describe("the output that was chosen; null: the only one"),
    input: text.nullable(),
    bound: bound.readonly().optional().describe("the values that its other inputs were given"),
  }),
  data,
  contract,
  method: text.describe("ids, joined by +"),
  methods: list(methodRun).describe("each with all that it was run with; of proofs also the attack held against them"),
  norm: z.enum(["linf", "l2", "l1"]).nullable().describe("null where the sets were given as boxes"),
  epsilon: nonNegative.nullable(),
  unit: text.describe("what one unit of epsilon is, or which file gave the sets"),
  box: record({ name: text, sha256: hash.optional() }).optional(),
  range: z.tuple([z.number(), z.number()]).readonly().nullable().describe("what black and white are in the data"),
  classes: list(text).describe("how each output is called; empty where outputs, labels and names are the same"),
  notices: list(text).describe("what the clean answers say against relying on the numbers"),
  seed: count,
  arithmetic: z.enum(["float32", "real"]).nullable().describe("of proofs; null where none were tried"),
  minimal: record({ bisections: count, tolerance: nonNegative })
    .optional()
    .describe("where the smallest radii were looked for: how; epsilon is then the largest that was tried"),
  target: z.int().nullable().describe("the label that the attack was to reach; null: any wrong one"),
  limits: record({
    timeout: z.number().nullable().describe("seconds for one input"),
    memory: z.number().nullable().describe("bytes of intermediate results; null: the methods' own"),
    device: text,
  }),
  errors: list(text).describe("errors of the program on the way; what they concern is unknown"),
  counts,
  reasons: z.record(text, count).readonly().describe("how many are unknown for which reason"),
  results: list(inputResult),
} as const;

export const resultSchema = record(resultShape);
export type ResultFile = z.infer<typeof resultSchema>;

/** Several radii in one run: a result each, in the order in which they were stated. */
export const sweepSchema = record({
  schema: z.literal(RESULT_SCHEMA),
  tool: z.literal("assay"),
  runs: list(resultSchema),
});
export type SweepFile = z.infer<typeof sweepSchema>;
