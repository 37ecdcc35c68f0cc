/** @file Jobs on this thread: one short job is not worth the start of another. */

import { faultOf } from "../graph/fault.ts";
import type { Executor, Job, JobTable, Outcome } from "./jobs.ts";
import { type BlobPlaces, blobsAt } from "./node-blobs.ts";
import { haltMainThread } from "./node-guard.ts";
import { nodeHost } from "./node-host.ts";

/** An abort ends the job at its next call of the engine, for good: nothing may follow it on this thread. */
export function inlineExecutor(table: JobTable, places: BlobPlaces = new Map()): Executor {
  const host = nodeHost(blobsAt(places));
  async function compute<I, R>(job: Job<I, R>): Promise<Outcome<R>> {
    const start = performance.now();
    try {
      const run = await table[job.kind]!();
      const records = await run(job.input, {
        ...host,
        progress: () => {},
        transfer: () => {},
        left: () => Number.POSITIVE_INFINITY,
      });
      return { kind: "done", records: records as readonly R[], seconds: (performance.now() - start) / 1000 };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const fault = faultOf(error);
      return fault === undefined ? { kind: "failed", message } : { kind: "refused", fault, message };
    }
  }
  return {
    workers: 1,
    async run(job, { signal } = {}) {
      if (signal?.aborted) return { kind: "aborted" };
      const ended = new AbortController();
      const interrupted = new Promise<Outcome<never>>((resolve) => {
        const stop = () => {
          haltMainThread();
          resolve({ kind: "aborted" });
        };
        signal?.addEventListener("abort", stop, { once: true, signal: ended.signal });
      });
      try {
        return await Promise.race([compute(job), interrupted]);
      } finally {
        ended.abort();
      }
    },
    async [Symbol.asyncDispose]() {},
  };
}
