import type { ResultFile, SweepFile } from "./result-schema.ts";

/** What is written of them: of one radius, its result as it is. */
export const resultsFile = (files: readonly ResultFile[]): ResultFile | SweepFile =>
  files.length === 1 ? files[0]! : { schema: 1, tool: "assay", runs: files };

/** Each once, the smallest first; sets that are given otherwise have none. */
export const rising = (epsilons: readonly (number | undefined)[]): (number | undefined)[] =>
  [...new Set(epsilons)].sort((a, b) => (a ?? 0) - (b ?? 0));
