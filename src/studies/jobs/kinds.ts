/** @file The kinds of jobs about one model. Loaded by each thread: what they compute and how they parse is not. */

import type { PatchRecord, ScanRecord } from "../../methods/audit/patch-screen.ts";
import type { AttackRecord, BoundRecord, Prediction } from "../../methods/records.ts";
import { defineJob, type JobKind } from "../../runtime/jobs.ts";
import type { Decision } from "../verify/types.ts";
import type { DetectSettings, ExhibitSettings, PartResult } from "./detect.ts";
import type { AttackSettings, BoundSettings, ModelInput } from "./examine.ts";
import type { FitPatchSettings, ScanSettings } from "./patches.ts";
import type { VerifyInput } from "./verify.ts";

/** A kind of job about one model and a chunk of inputs. */
export type ModelJob<Settings, R> = JobKind<ModelInput<Settings>, R>;

/** The model file's answers, [n]. */
export const predict = defineJob<ModelInput<null>, Prediction>({
  id: "predict",
  load: async () => (await import("./examine.ts")).predictJob,
  parsers: async () => (await import("./schemas.ts")).predict,
});

/** [n] */
export const attack = defineJob<ModelInput<AttackSettings>, AttackRecord>({
  id: "attack",
  load: async () => (await import("./examine.ts")).attackJob,
  parsers: async () => (await import("./schemas.ts")).attack,
  isUnfinished: ({ unfinished = false }) => unfinished,
});

/** [n] */
export const bound = defineJob<ModelInput<BoundSettings>, BoundRecord>({
  id: "bound",
  load: async () => (await import("./examine.ts")).boundJob,
  parsers: async () => (await import("./schemas.ts")).bound,
  isUnfinished: ({ verdict }) => verdict.kind === "unknown" && verdict.reason === "timeout",
});

/** One a candidate, as many as there was time for. */
export const scan = defineJob<ModelInput<ScanSettings>, ScanRecord>({
  id: "scan",
  load: async () => (await import("./patches.ts")).scanJob,
  parsers: async () => (await import("./schemas.ts")).scan,
  isUnfinished: ({ unfinished = false }) => unfinished,
});

/** One. */
export const fit = defineJob<ModelInput<FitPatchSettings>, PatchRecord>({
  id: "fit",
  load: async () => (await import("./patches.ts")).fitJob,
  parsers: async () => (await import("./schemas.ts")).fit,
  isUnfinished: ({ unfinished = false }) => unfinished,
});

/** One. */
export const detect = defineJob<ModelInput<DetectSettings>, PartResult>({
  id: "detect",
  load: async () => (await import("./detect.ts")).detectJob,
  parsers: async () => (await import("./schemas.ts")).detect,
  isUnfinished: ({ record }) => record["unfinished"] === true,
});

/** One. */
export const exhibit = defineJob<ModelInput<ExhibitSettings>, PartResult>({
  id: "exhibit",
  load: async () => (await import("./detect.ts")).exhibitJob,
  parsers: async () => (await import("./schemas.ts")).exhibit,
});

/** A query about a network file. One. */
export const verify = defineJob<VerifyInput, Decision>({
  id: "verify",
  load: async () => (await import("./verify.ts")).verifyJob,
  parsers: async () => (await import("./schemas.ts")).verify,
  isUnfinished: ({ verdict }) => verdict === "timed-out",
});

export const modelJobs = [predict, attack, bound, scan, fit, detect, exhibit, verify] as const;
