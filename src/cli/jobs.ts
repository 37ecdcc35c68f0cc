/** @file The jobs that worker threads run for the command line. Loaded by each worker: keep it light. */

import { type JobTable, tableOf } from "../runtime/jobs.ts";
import { modelJobs } from "../studies/jobs/kinds.ts";

export const tableUrl = import.meta.url;

export const jobs: JobTable = {
  ...tableOf(modelJobs),
  member: async () => (await import("./population-jobs.ts")).memberJob,
  "member-scan": async () => (await import("./population-jobs.ts")).memberScanJob,
  "member-inputs": async () => (await import("./bench-jobs.ts")).memberInputsJob,
};
