/** @file The jobs that worker threads run for the command line. Loaded by each worker: keep it light. */

import { type JobTable, tableOf } from "../runtime/jobs.ts";
import { modelJobs } from "../studies/jobs/kinds.ts";

export const tableUrl = import.meta.url;

export const jobs: JobTable = {
  ...tableOf(modelJobs),
  member: async () => (await import("../cli/population-jobs.ts")).memberJob,
  "member-scan": async () => (await import("../cli/population-jobs.ts")).memberScanJob,
  "member-inputs": async () => (await import("../cli/bench-jobs.ts")).memberInputsJob,
};
