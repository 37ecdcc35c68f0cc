/** @file A list of jobs, run by an executor and remembered in a store. */

import type { Executor, KeyedJob, Outcome, PlainRecord, Store, Stored, TimeWindow } from "./jobs.ts";

export type RunEvent<R = PlainRecord> =
  | { readonly kind: "step"; readonly index: number; readonly done: number; readonly total: number }
  | {
      readonly kind: "job";
      readonly index: number;
      readonly outcome: Outcome<R>;
      /** Whether the result came from the store. */
      readonly stored: boolean;
      /** Jobs that have ended, of `total`. */
      readonly finished: number;
      readonly total: number;
    };

export interface RunJobsOptions<R = PlainRecord> {
  readonly executor: Executor;
  readonly store?: Store | undefined;
  /** False: compute everything again, and store that. */
  readonly resume?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Per job, counted while it computes. */
  readonly timeoutMs?: number | undefined;
  readonly window?: TimeWindow | undefined;
  /** What is stored and reported in the place of computed records: what does not belong in a store is taken out here. */
  readonly settle?: (records: readonly R[], index: number) => readonly R[] | Promise<readonly R[]>;
  /** Whether time ended before the work on a record did: such a result is not stored. */
  readonly isUnfinished?: ((record: R) => boolean) | undefined;
  /** What is kept of an outcome until all have ended; by default all of it. */
  readonly keep?: (outcome: Outcome<R>, index: number) => Outcome<R> | Promise<Outcome<R>>;
  /** Of records from the store, which another version may have written: what throws is computed again. */
  readonly parse?: (record: unknown) => R;
  readonly onProgress?: (event: RunEvent<R>) => void;
}

/**
 * Runs the jobs that the store does not know, and stores each result before it is reported: what was reported is not
 * lost, whatever happens next.
 *
 * @returns an outcome for each job, in the order of the jobs; after an abort the unfinished ones are "aborted"
 * @throws StoreError when the store was opened to insist on being written; what `settle` throws
 */
export async function runJobs<I, R>(
  jobs: readonly KeyedJob<I, R>[],
  options: RunJobsOptions<R>,
): Promise<Outcome<R>[]> {
  const { executor, store, resume = true, signal, timeoutMs, window, onProgress } = options;
  const { keep = (outcome) => outcome, parse = (record) => record as R, settle, isUnfinished = () => false } = options;
  let finished = 0;

  async function computed(job: KeyedJob<I, R>, index: number): Promise<Outcome<R>> {
    const ended = await executor.run(job, {
      signal,
      timeoutMs,
      window,
      onProgress: (step) => onProgress?.({ kind: "step", index, ...step }),
    });
    if (ended.kind !== "done") return ended;
    const outcome = settle ? { ...ended, records: await settle(ended.records, index) } : ended;
    if (!outcome.records.some(isUnfinished)) await store?.put(job.key, stored(outcome));
    return outcome;
  }

  async function runOne(job: KeyedJob<I, R>, index: number): Promise<Outcome<R>> {
    const known = resume && !signal?.aborted ? parsed(await store?.get(job.key), parse) : undefined;
    const outcome: Outcome<R> = known ? { kind: "done", ...known } : await computed(job, index);
    finished++;
    onProgress?.({ kind: "job", index, outcome, stored: known !== undefined, finished, total: jobs.length });
    return keep(outcome, index);
  }

  return mapInOrder(jobs, 2 * executor.workers, runOne);
}

/** Jobs return plain data, whatever their type says of it. */
const stored = <R>({ records, seconds }: { readonly records: readonly R[]; readonly seconds: number }): Stored => ({
  records: records as readonly PlainRecord[],
  seconds,
});

/** Undefined also for records of another form. */
function parsed<R>(
  known: Stored | undefined,
  parse: (record: unknown) => R,
): { readonly records: readonly R[]; readonly seconds: number } | undefined {
  try {
    return known && { records: known.records.map(parse), seconds: known.seconds };
  } catch {
    return undefined;
  }
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
