/** @file Many jobs on the worker threads, each kept when it is finished: what the engine is for one model, for many. */

import { UserError } from "../graph/fault.ts";
import { tableUrl } from "../local/jobs.ts";
import { STORE } from "../local/open.ts";
import { secondsText } from "../report/format.ts";
import type { KeyedJob, Outcome } from "../runtime/jobs.ts";
import { INTERRUPTED } from "../studies/engine.ts";
import type { Progress } from "../studies/progress.ts";
import type { Io } from "./io.ts";
import type { Options } from "./options.ts";

export interface EachOptions<I, R> {
  /** Whether a stored record still holds; by default it does. */
  readonly holds?: (job: KeyedJob<I, R>, record: R) => boolean;
  /** Says of a finished job what a person wants to know. */
  readonly describe?: (record: R) => string;
}

export interface KeptRun extends AsyncDisposable {
  /**
   * The one record of each job, in the order of the jobs. All jobs run, even where one fails.
   * @throws UserError for the first job that was refused, failed or interrupted
   */
  each<I, R>(what: string, jobs: readonly KeyedJob<I, R>[], options?: EachOptions<I, R>): Promise<readonly R[]>;
}

/** @throws UserError naming the job where it was refused */
function recordsOf<R>(label: string, outcome: Outcome<R>): readonly R[] {
  switch (outcome.kind) {
    case "done":
      return outcome.records;
    case "refused":
      throw new UserError(outcome.fault, `${label}: ${outcome.message}`);
    case "aborted":
      throw new UserError("interrupted", INTERRUPTED);
    case "failed":
      throw new Error(outcome.message);
    case "timeout":
      throw new Error(`${label}: a job took more than ${outcome.seconds} s`);
    default:
      throw new Error(`unreachable: ${outcome satisfies never}`);
  }
}

/** Units of the progress bar that a job is worth. */
const UNITS = 100;

export async function createKeptRun(
  { jobs: workers, resume = false }: Options<"jobs" | "resume">,
  { signal }: Pick<Io, "signal">,
  progress: Progress,
): Promise<KeptRun> {
  const { createPool } = await import("../runtime/node-pool.ts");
  const { openStore } = await import("../runtime/node-store.ts");
  const { runJobs } = await import("../runtime/run-jobs.ts");
  const pool = createPool({ table: tableUrl, ...(workers !== undefined && { workers }) });
  const store = await openStore({ directory: STORE, warn: progress.say });

  async function each<I, R>(
    what: string,
    jobs: readonly KeyedJob<I, R>[],
    { holds = () => true, describe }: EachOptions<I, R> = {},
  ): Promise<readonly R[]> {
    const known = new Map<KeyedJob<I, R>, R>();
    for (const job of resume ? jobs : []) {
      const record = (await store.get(job.key))?.records[0] as R | undefined;
      if (record !== undefined && holds(job, record)) known.set(job, record);
    }
    if (known.size > 0) progress.say(`${what}: ${known.size} of ${jobs.length} are finished already`);
    const open = jobs.filter((job) => !known.has(job));
    progress.expect(UNITS * open.length, what);
    const advanced = open.map(() => 0);
    const advance = (index: number, share: number) => {
      const units = Math.round(UNITS * share);
      progress.advance(units - advanced[index]!);
      advanced[index] = units;
    };
    const began = performance.now();
    const outcomes = await runJobs(open, {
      executor: pool,
      store,
      resume: false,
      signal,
      onProgress: (event) => {
        if (event.kind === "step") return advance(event.index, event.done / event.total);
        advance(event.index, 1);
        const record = event.outcome.kind === "done" ? event.outcome.records[0] : undefined;
        if (!describe || record === undefined) return;
        const { finished, total } = event;
        const left = ((performance.now() - began) / 1000 / finished) * (total - finished);
        const rest = finished === total ? "" : `; ${secondsText(left)} left`;
        progress.say(`${open[event.index]!.label} (${finished} of ${total}): ${describe(record)}${rest}`);
      },
    });
    for (const [i, outcome] of outcomes.entries()) known.set(open[i]!, recordsOf(open[i]!.label, outcome)[0] as R);
    return jobs.map((job) => known.get(job)!);
  }

  return {
    each,
    async [Symbol.asyncDispose]() {
      progress.end();
      await pool[Symbol.asyncDispose]();
    },
  };
}
