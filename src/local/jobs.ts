/** @file The jobs that worker threads run. Loaded by each worker: keep it light. */

import { type JobTable, tableOf } from "../runtime/jobs.ts";
import { jobKinds } from "../studies/jobs/index.ts";

export const tableUrl = import.meta.url;

export const jobs: JobTable = tableOf(jobKinds);
