/** @file A run of logged jobs in a process of its own: `run.ts DIRECTORY COUNT MILLISECONDS WORKERS`. */

import { join } from "node:path";
import type { KeyedJob } from "../../src/runtime/jobs.ts";
import { createPool } from "../../src/runtime/node-pool.ts";
import { openStore } from "../../src/runtime/node-store.ts";
import { runJobs } from "../../src/runtime/run-jobs.ts";
import { table } from "./jobs.ts";

const [directory = "", ...numbers] = process.argv.slice(2);
const [count = 0, ms = 0, workers = 1] = numbers.map(Number);

const jobs: KeyedJob<unknown, { readonly sum: number; readonly logits: Float32Array }>[] = Array.from(
  { length: count },
  (_, index) => ({
    kind: "logged",
    label: `logged ${index}`,
    input: { log: join(directory, "log"), index, ms },
    key: { model: "net", method: { id: "logged", version: 1 }, options: { ms }, chunk: `${index}` },
  }),
);

const store = await openStore({ directory: join(directory, ".assay") });
await using pool = createPool({ table, workers });
const outcomes = await runJobs(jobs, {
  executor: pool,
  store,
  onProgress: (event) => event.kind === "job" && console.error(`stored ${event.index}`),
});
console.log(
  JSON.stringify(
    outcomes.map((outcome) =>
      outcome.kind === "done" ? outcome.records.map(({ sum, logits }) => [sum, ...logits]) : outcome,
    ),
  ),
);
