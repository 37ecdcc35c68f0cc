/** @file The kinds of jobs about the members of a population. Loaded by each thread: what they compute is not. */

import { defineJob } from "../../../runtime/jobs.ts";
import type { InputsRecord, MemberInputsInput } from "./inputs.ts";
import type { MemberScan, MemberScanInput } from "./scan.ts";
import type { MemberInput, MemberRecord } from "./train.ts";

/** Trains and measures a member. One record. */
export const member = defineJob<MemberInput, MemberRecord>({
  id: "member",
  load: async () => (await import("./train.ts")).memberJob,
  parsers: async () => (await import("./schemas.ts")).member,
});

/** Scans a member with a detector. One record. */
export const memberScan = defineJob<MemberScanInput, MemberScan>({
  id: "member-scan",
  load: async () => (await import("./scan.ts")).memberScanJob,
  parsers: async () => (await import("./schemas.ts")).memberScan,
});

/** What a detector picks of a backdoored member's inputs. One record. */
export const memberInputs = defineJob<MemberInputsInput, InputsRecord>({
  id: "member-inputs",
  load: async () => (await import("./inputs.ts")).memberInputsJob,
  parsers: async () => (await import("./schemas.ts")).memberInputs,
});

export const memberJobs = [member, memberScan, memberInputs] as const;
