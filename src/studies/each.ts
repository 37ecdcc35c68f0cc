/** @file Jobs about many models, each kept when it is finished: what the engine is for one model. */

import { UserError } from "../graph/fault.ts";
import type { JobKind, KeyedJob, Outcome, Place } from "../runtime/jobs.ts";
import { runJobs } from "../runtime/run-jobs.ts";
import { INTERRUPTED } from "./engine.ts";
import { type Progress, SILENT } from "./progress.ts";

/** Where and how the jobs of a study run. */
export interface RunTerms {
  readonly place: Place;
  /** Take what an earlier run has finished. */
  readonly resume?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: Progress | undefined;
}

/** A job that has just ended. */
export interface Ended<R> {
  readonly label: string;
  readonly record: R;
  /** Of `total` that had to be computed. */
  readonly finished: number;
  readonly total: number;
  /** Of all of them, at the pace so far. */
  readonly secondsLeft: number;
}

export interface Handling<R> {
  /** Whether a stored record still holds; by default it does. */
  readonly holds?: (record: R, index: number) => Promise<boolean>;
  /** What is stored and returned in the place of a computed record. */
  readonly settle?: (record: R, index: number) => Promise<R>;
  readonly onEnd?: ((ended: Ended<R>) => void) | undefined;
}

/** Units of the progress bar that a job is worth. */
const UNITS = 100;

/**
 * The one record of each job, in the order of the jobs. All jobs run, even where one is refused or fails.
 * @throws UserError for the first job that was refused, failed or interrupted
 */
export async function recordOfEach<I, R>(
  what: string,
  { parsers }: JobKind<I, R>,
  jobs: readonly KeyedJob<I, R>[],
  { place, resume = false, signal, progress = SILENT }: RunTerms,
  { holds = async () => true, settle, onEnd }: Handling<R> = {},
): Promise<readonly R[]> {
  const store = await place.store();
  const { record: parser } = await parsers();
  const found = new Map<number, R>();
  for (const [index, { key }] of resume ? jobs.entries() : []) {
    const record = parsed((await store?.get(key))?.records[0], (value) => parser.parse(value));
    if (record !== undefined && (await holds(record, index))) found.set(index, record);
  }
  if (found.size > 0) progress.say(`${what}: ${found.size} of ${jobs.length} are finished already`);
  const open = [...jobs.keys()].filter((index) => !found.has(index));
  if (open.length === 0) return jobs.map((_, index) => found.get(index)!);
  progress.expect(UNITS * open.length, what);
  const advanced = open.map(() => 0);
  const advance = (k: number, share: number) => {
    const units = Math.round(UNITS * share);
    progress.advance(units - advanced[k]!);
    advanced[k] = units;
  };
  const began = place.now();
  const outcomes = await runJobs(
    open.map((index) => jobs[index]!),
    {
      // whoever interrupts does not wait for the end of a training: threads can be ended
      executor: await place.executor(open.length, true),
      store,
      resume: false,
      signal,
      ...(settle && { settle: async ([record], k) => [await settle(record!, open[k]!)] }),
      onProgress: (event) => {
        if (event.kind === "step") return advance(event.index, event.done / event.total);
        advance(event.index, 1);
        const { outcome, finished, total } = event;
        if (outcome.kind !== "done") return;
        const secondsLeft = ((place.now() - began) / 1000 / finished) * (total - finished);
        onEnd?.({ label: jobs[open[event.index]!]!.label, record: outcome.records[0]!, finished, total, secondsLeft });
      },
    },
  );
  for (const [k, outcome] of outcomes.entries()) found.set(open[k]!, recordOf(jobs[open[k]!]!.label, outcome));
  return jobs.map((_, index) => found.get(index)!);
}

/** Undefined also for a record of another form. */
function parsed<R>(value: unknown, parse: (value: unknown) => R): R | undefined {
  try {
    return value === undefined ? undefined : parse(value);
  } catch {
    return undefined;
  }
}

/** @throws UserError naming the job where it was refused */
function recordOf<R>(label: string, outcome: Outcome<R>): R {
  switch (outcome.kind) {
    case "done":
      return outcome.records[0]!;
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
