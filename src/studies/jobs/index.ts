/** @file The table of all kinds of jobs. Loaded by each thread: keep it light. */

import { modelJobs } from "./kinds.ts";
import { memberJobs } from "./members/kinds.ts";

export const jobKinds = [...modelJobs, ...memberJobs] as const;
