/** @file What jobs about one model take and return, for what comes from a store or another machine. */

import { z } from "zod";
import type { PatchRecord, ScanRecord } from "../../methods/audit/patch-screen.ts";
import type { AttackRecord, BoundRecord, Chunk, Prediction } from "../../methods/records.ts";
import type { Parser, PlainRecord } from "../../runtime/jobs.ts";
import type { Arithmetic, Threat } from "../../spec/types.ts";
import type { UnknownReason } from "../../spec/verdict.ts";
import type { Decision } from "../verify/types.ts";
import type { DetectSettings, ExhibitSettings, PartResult } from "./detect.ts";
import type { AttackSettings, BoundSettings, ModelInput } from "./examine.ts";
import type { FitPatchSettings, ScanSettings } from "./patches.ts";
import type { SubjectSpec } from "./subject.ts";
import type { VerifyInput } from "./verify.ts";

const floats = z.instanceof(Float32Array);
const ints = z.instanceof(Int32Array);
const integers = z.array(z.int());
/** Infinities are bounds; NaN is none. */
const real = z.custom<number>((value) => typeof value === "number" && !Number.isNaN(value), "a number");
const plainRecord = z.custom<PlainRecord>((value) => typeof value === "object" && value !== null, "a record");

const normalisation = z.object({ mean: z.array(z.number()), std: z.array(z.number()), axis: z.int() });

const subject = z.object({
  fileName: z.string(),
  model: z.string(),
  external: z.array(z.object({ path: z.string(), sha256: z.string() })),
  choice: z.custom<SubjectSpec["choice"]>((value) => typeof value === "object" && value !== null),
  normalisation: normalisation.nullable(),
  device: z.enum(["cpu", "webgpu"]),
  memoryBudget: z.number().optional(),
}) satisfies z.ZodType<SubjectSpec>;

const chunk: z.ZodType<Chunk> = z
  .looseObject({
    images: floats,
    labels: ints,
    indices: ints,
    targets: ints.optional(),
    box: z.object({ lower: floats, upper: floats }).optional(),
  })
  .transform(({ targets, box, ...rest }) => ({ ...rest, ...(targets && { targets }), ...(box && { box }) }));

const threat: z.ZodType<Threat> = z
  .looseObject({
    norm: z.enum(["linf", "l2", "l1"]),
    epsilon: z.number().min(0),
    domain: z.tuple([real, real]).optional(),
    fixed: integers.optional(),
  })
  .transform(({ fixed, domain, ...rest }) => ({ ...rest, domain, ...(fixed && { fixed }) }));

const input = <S>(settings: z.ZodType<S>): Parser<ModelInput<S>> =>
  z.object({
    subject,
    method: z.string(),
    module: z.object({ url: z.string(), sha256: z.string() }).optional(),
    settings,
    chunk,
    training: chunk.optional(),
  }) as unknown as z.ZodType<ModelInput<S>>;

/** Of scores that may be no numbers. */
const score = z.custom<number>((value) => typeof value === "number", "a number, or NaN");
const prediction = z.object({
  predicted: z.int(),
  margin: score,
  spread: score,
  confidence: z.number(),
}) satisfies z.ZodType<Prediction>;

const attackRecord = z.looseObject({
  falsified: z.boolean(),
  predicted: z.int(),
  margin: score,
  distance: real,
  confidence: real,
  queries: z.int(),
  notANumber: z.boolean(),
  zeroGradient: z.boolean(),
  refuted: z.boolean(),
  witness: floats.optional(),
});

const arithmetic = z.enum(["float32", "real"]) satisfies z.ZodType<Arithmetic>;

const reason = z.enum([
  "relaxation-too-loose",
  "timeout",
  "memory",
  "numerical",
  "unsupported-op",
  "time-budget",
  "interrupted",
  "internal-error",
]) satisfies z.ZodType<UnknownReason>;

/** What real arithmetic bounds is never read as verified, whoever wrote the record. */
const verdict = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("verified"), arithmetic: z.literal("float32"), margin: real }),
  z.object({ kind: z.literal("bounded"), arithmetic: z.literal("real"), margin: real }),
  z.object({ kind: z.literal("unknown"), arithmetic, margin: real, reason, detail: z.string().optional() }),
]);

const boundRecord = z.looseObject({ verdict, sampled: plainRecord.nullable() });

const candidate = z.object({ top: z.int(), left: z.int(), shade: z.number() });
const geometry = z.object({
  channels: z.literal([1, 3]),
  height: z.int(),
  width: z.int(),
  layout: z.enum(["NCHW", "NHWC", "flat"]),
});
const facts: z.ZodType<DetectSettings["facts"]> = z.looseObject({
  classes: z.int(),
  inputShape: integers,
  geometry: geometry.optional() as z.ZodType<DetectSettings["facts"]["geometry"]>,
  domain: z.tuple([real, real]).optional() as z.ZodType<DetectSettings["facts"]["domain"]>,
}) as unknown as z.ZodType<DetectSettings["facts"]>;

const patch = z.looseObject({
  target: z.int(),
  top: z.int(),
  left: z.int(),
  size: z.int(),
  values: floats,
  trials: z.int(),
  hits: z.int(),
  noiseHits: z.int(),
});

const part = z.object({ record: plainRecord, seconds: z.number() }) as unknown as Parser<PartResult>;

/** A record that has these fields is what the type says: what else it holds was plain data when it was written. */
const record = <T>(schema: z.ZodType): Parser<T> => schema as unknown as Parser<T>;

const options = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]));

export const predict = { input: input(z.null()), record: record<Prediction>(prediction) };
export const attack = {
  input: input(z.object({ threat, seed: z.number(), options }) as z.ZodType<AttackSettings>),
  record: record<AttackRecord>(attackRecord),
};
export const bound = {
  input: input(z.object({ threat, arithmetic, options }) as z.ZodType<BoundSettings>),
  record: record<BoundRecord>(boundRecord),
};
export const scan = {
  input: input(z.object({ geometry, candidates: z.array(candidate) }) as z.ZodType<ScanSettings>),
  record: z.looseObject({ hits: ints }) as unknown as Parser<ScanRecord>,
};
export const fit = {
  input: input(
    z.looseObject({
      geometry,
      seed: z.number(),
      target: z.int(),
      start: candidate,
      searched: z.int(),
    }) as z.ZodType<FitPatchSettings>,
  ),
  record: record<PatchRecord>(patch),
};
export const detect = {
  input: input(z.object({ facts, part: plainRecord, seed: z.number() }) as z.ZodType<DetectSettings>),
  record: part,
};
export const exhibit = {
  input: input(
    z.object({
      facts,
      seed: z.number(),
      exhibit: z.discriminatedUnion("kind", [
        z.object({ kind: z.literal("noise"), level: plainRecord }),
        z.object({ kind: z.literal("trigger"), label: z.int() }),
      ]),
    }) as unknown as z.ZodType<ExhibitSettings>,
  ),
  record: part,
};

const blob = z.object({ fileName: z.string(), sha256: z.string() });
const doubles = z.instanceof(Float64Array);
const decision = z.looseObject({
  verdict: z.enum(["sat", "unsat", "unknown", "timed-out"]),
  arithmetic,
  cases: z.int(),
  proved: z.int(),
  empty: z.int(),
  margin: real.nullable(),
  steps: z.array(
    z.looseObject({ what: z.string(), seconds: z.number(), decided: z.int(), failed: z.string().optional() }),
  ),
  assignment: z
    .object({
      inputs: doubles,
      outputs: doubles,
      exact: z.array(z.object({ input: z.int(), value: z.string() })),
    })
    .optional(),
});
export const verify = {
  input: z.object({
    model: blob,
    query: blob,
    verifiers: z.array(z.object({ id: z.string(), options })),
    arithmetic,
    attack: z.boolean(),
    seed: z.number(),
    memoryBudget: z.number().optional(),
    seconds: z.number().nullable(),
  }) as z.ZodType<VerifyInput>,
  // what is proved in real arithmetic is never unsat, whoever wrote the record
  record: record<Decision>(
    decision.refine(
      ({ verdict, arithmetic: kind }) => verdict !== "unsat" || kind === "float32",
      "unsat needs float32",
    ),
  ),
};
