/** @file The jobs that worker threads run for the command line. Loaded by each worker: keep it light. */

import type { JobTable } from "../runtime/jobs.ts";

export const tableUrl = import.meta.url;

export const jobs: JobTable = {
  predict: async () => (await import("./job-functions.ts")).predictJob,
  attack: async () => (await import("./job-functions.ts")).attackJob,
  bound: async () => (await import("./job-functions.ts")).boundJob,
  scan: async () => (await import("./patch-jobs.ts")).scanJob,
  fit: async () => (await import("./patch-jobs.ts")).fitJob,
  detect: async () => (await import("./backdoor-jobs.ts")).detectJob,
  look: async () => (await import("./look-jobs.ts")).lookJob,
  member: async () => (await import("./population-jobs.ts")).memberJob,
  "member-scan": async () => (await import("./population-jobs.ts")).memberScanJob,
  "member-inputs": async () => (await import("./bench-jobs.ts")).memberInputsJob,
};
