/** @file What jobs about members take and return, for what comes from a store or another machine. */

import { z } from "zod";
import { parseTrainConfig } from "../../../methods/train/config.ts";
import type { Parser, PlainRecord } from "../../../runtime/jobs.ts";
import type { ModelBlob } from "../subject.ts";
import type { InputsRecord, MemberInputsInput } from "./inputs.ts";
import type { MemberScan, MemberScanInput } from "./scan.ts";
import type { MemberInput, MemberRecord } from "./train.ts";

const plainRecord = z.custom<PlainRecord>((value) => typeof value === "object" && value !== null, "a record");
const nullable = z.number().nullable();

const model: z.ZodType<ModelBlob> = z.object({
  fileName: z.string(),
  model: z.string(),
  external: z.array(z.object({ path: z.string(), sha256: z.string() })),
  choice: z.custom<ModelBlob["choice"]>((value) => typeof value === "object" && value !== null),
});

const training = z.object({
  config: z.unknown().transform(parseTrainConfig),
  samples: z.string(),
  surrogate: model.nullable(),
});

const setting = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const scan = z.object({
  model,
  detector: z.string(),
  settings: z.record(z.string(), setting).optional(),
  inputs: z.string(),
  seed: z.int(),
});

export const member = {
  input: training.extend({ name: z.string(), test: z.string(), like: model.nullable() }) satisfies Parser<MemberInput>,
  record: z.object({
    onnx: z.instanceof(Uint8Array).nullable(),
    sha256: z.string(),
    cleanAccuracy: z.number(),
    attackSuccess: nullable,
    seconds: z.number(),
    architecture: z.string(),
    weightScales: z.array(z.number()),
  }) satisfies Parser<MemberRecord>,
};

export const memberScan = {
  input: scan.extend({ training: training.nullable() }) satisfies Parser<MemberScanInput>,
  record: z.object({
    flagged: z.boolean().nullable(),
    // a score may be infinite
    score: z.custom<number>((value) => typeof value === "number").nullable(),
    pValue: nullable,
    target: nullable,
    evidence: plainRecord,
    seconds: z.number(),
  }) satisfies Parser<MemberScan>,
};

export const memberInputs = {
  input: scan.extend({ training }) satisfies Parser<MemberInputsInput>,
  record: z.object({
    rates: z.array(z.object({ level: z.number(), rejected: z.int(), triggered: z.int() })),
    picked: z.object({ suspects: z.int(), poisoned: z.int(), hits: z.int() }).nullable(),
  }) satisfies Parser<InputsRecord>,
};
