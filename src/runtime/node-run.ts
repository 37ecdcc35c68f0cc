/** @file A list of jobs, run on a pool and remembered in a store. */

import type { KeyedJob, Outcome } from "./jobs.ts";
import type { Pool, TimeWindow } from "./node-pool.ts";
import type { Store } from "./node-store.ts";

export type RunEvent =
  | { readonly kind: "step"; readonly index: number; readonly done: number; readonly total: number }
  | {
      readonly kind: "job";
      readonly index: number;
      readonly outcome: Outcome;
      /** Whether the result came from the store. */
      readonly stored: boolean;
      /** Jobs that have ended, of `total`. */
      readonly finished: number;
      readonly total: number;
    };

export interface RunJobsOptions {
  readonly pool: Pool;
  readonly store?: Store | undefined;
  /** False: compute everything again, and store that. */
  readonly resume?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Per job, counted while it computes. */
  readonly timeoutMs?: number | undefined;
  readonly window?: TimeWindow | undefined;
  /** What is kept of an outcome until all have ended; by default all of it. */
  readonly keep?: (outcome: Outcome, index: number) => Outcome | Promise<Outcome>;
  readonly onProgress?: (event: RunEvent) => void;
}

/**
 * Runs the jobs that the store does not know, and stores each result before it is reported: what was reported is not
 * lost, whatever happens next.
 *
 * @returns an outcome for each job, in the order of the jobs; after an abort the unfinished ones are "aborted"
 * @throws StoreError when the store was opened to insist on being written
 */
export async function runJobs(
  jobs: readonly KeyedJob[],
  { pool, store, resume = true, signal, timeoutMs, window, keep = (outcome) => outcome, onProgress }: RunJobsOptions,
): Promise<Outcome[]> {
  let finished = 0;

  async function runOne(job: KeyedJob, index: number): Promise<Outcome> {
    const known = resume && !signal?.aborted ? await store?.get(job.key) : undefined;
    const outcome: Outcome = known
      ? { kind: "done", ...known }
      : await pool.run(job, {
          signal,
          timeoutMs,
          window,
          onProgress: (step) => onProgress?.({ kind: "step", index, ...step }),
        });
    if (!known && outcome.kind === "done") await store?.put(job.key, outcome);
    finished++;
    onProgress?.({ kind: "job", index, outcome, stored: known !== undefined, finished, total: jobs.length });
    return keep(outcome, index);
  }

  return mapInOrder(jobs, 2 * pool.workers, runOne);
}

/**
 * Calls `run` for each item, at most `limit` at a time; results in the items' order. At the first throw it starts no more,
 * and throws when those that were started have ended.
 */
async function mapInOrder<T, R>(
  items: readonly T[],
  limit: number,
  run: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const errors: unknown[] = [];
  const lane = async () => {
    while (next < items.length && errors.length === 0) {
      const index = next++;
      try {
        results[index] = await run(items[index]!, index);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  if (errors.length > 0) throw errors[0];
  return results;
}
