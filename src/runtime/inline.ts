/** @file Jobs on this thread, one after the other: where there are no others, or where what runs cannot leave it. */

import { faultOf } from "../graph/fault.ts";
import type { ExecuteOptions, Executor, Host, Job, JobTable, Outcome } from "./jobs.ts";

/** Lets what waits outside have its turn: a key, an alarm clock. */
const breathe = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/**
 * A job is told what is left of its time, which is none after an abort, and ends by itself: nothing can end it.
 * @param halt ends what is computed on this thread at an abort, for good
 */
export function inlineExecutor(table: JobTable, host: Host, halt: () => void = () => {}): Executor {
  let last: Promise<unknown> = Promise.resolve();

  async function compute<I, R>(
    job: Job<I, R>,
    { signal, timeoutMs, window, onProgress }: ExecuteOptions,
  ): Promise<Outcome<R>> {
    const start = performance.now();
    if (signal?.aborted) return { kind: "aborted" };
    if (window && start >= window.startBy) return { kind: "timeout", seconds: 0 };
    const ends = Math.min(start + (timeoutMs ?? Number.POSITIVE_INFINITY), window?.endBy ?? Number.POSITIVE_INFINITY);
    try {
      const run = await table[job.kind]!();
      const records = await run(job.input, {
        ...host,
        progress: (step) => onProgress?.(step),
        transfer: () => {},
        left: () => (signal?.aborted ? 0 : (ends - performance.now()) / 1000),
      });
      return { kind: "done", records: records as readonly R[], seconds: (performance.now() - start) / 1000 };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const fault = faultOf(error);
      return fault === undefined ? { kind: "failed", message } : { kind: "refused", fault, message };
    }
  }

  function inTurn<I, R>(job: Job<I, R>, options: ExecuteOptions): Promise<Outcome<R>> {
    const turn = last.then(breathe).then(() => compute(job, options));
    last = turn;
    return turn;
  }

  return {
    workers: 1,
    async run(job, options = {}) {
      const { signal } = options;
      if (signal?.aborted) return { kind: "aborted" };
      const ended = new AbortController();
      const interrupted = new Promise<Outcome<never>>((resolve) => {
        const stop = () => {
          halt();
          resolve({ kind: "aborted" });
        };
        signal?.addEventListener("abort", stop, { once: true, signal: ended.signal });
      });
      try {
        return await Promise.race([inTurn(job, options), interrupted]);
      } finally {
        ended.abort();
      }
    },
    async [Symbol.asyncDispose]() {},
  };
}
