import type { MethodRun } from "../../methods/audit/types.ts";
import type { Run } from "../schema.ts";

/** Runs as the report lists them, numbered in their order. */
export const methodRuns = (runs: readonly MethodRun[], seed: number): Run[] =>
  runs.map(({ title, method, purpose, options, seconds, counts, arithmetic }, k) => ({
    id: `${method}-${k + 1}`,
    method: title,
    purpose,
    options,
    seed,
    seconds,
    counts,
    arithmetic,
  }));
