/**
 * @file Sends the chunks of a task to worker threads, keeps their results, and puts the answers in order.
 *
 * A chunk holds the same inputs on any machine, and a job's result does not depend on where it runs.
 */

import { printable } from "../formats/onnx/error.ts";
import { UserError } from "../graph/fault.ts";
import { rowsAt } from "../graph/tensor.ts";
import type { Answer, Chunk, Unanswered } from "../methods/records.ts";
import { bytesOf, type Digest, hashText } from "../runtime/hash.ts";
import {
  defineJob,
  type Executor,
  type JobFunction,
  type KeyedJob,
  type ModuleFile,
  type Outcome,
  type Place,
  type Plain,
  type TimeWindow,
  tableOf,
} from "../runtime/jobs.ts";
import { runJobs } from "../runtime/run-jobs.ts";
import { pickBox } from "../spec/sets.ts";
import type { ModelInput } from "./jobs/examine.ts";
import type { ModelJob } from "./jobs/kinds.ts";
import type { SubjectSpec } from "./jobs/subject.ts";
import type { Progress } from "./progress.ts";

/** Inputs in a job: enough for efficient batches, few enough for all workers to have something to do. */
const CHUNK = 32;

/** Where time is short: inputs of the first jobs, which tell how long one takes, and seconds that a later job may take. */
const PROBE = 2;
const CHUNK_SECONDS = 4;
/** Jobs of each round that measures. */
const PROBES = 2;

/** What a job that runs at its deadline is given to end by itself. */
const GRACE_MS = 5000;

/** @typeParam S the method's settings @typeParam R what comes of an input, or of a job that is one piece of work */
export interface Task<S, R> {
  readonly job: ModelJob<S, R>;
  /** For people: "attacking with PGD". */
  readonly what: string;
  readonly method: { readonly id: string; readonly version: number; readonly module?: ModuleFile | undefined };
  readonly settings: S;
  readonly inputs: Chunk;
  /** Training data, for methods that examine it. */
  readonly training?: Chunk | undefined;
  /** Inputs a job; default CHUNK. */
  readonly chunk?: number;
  /** Whether the limit of time for an input holds; by default it does. */
  readonly timed?: boolean;
  /** All else builds on it: without an answer the run ends. By default a failure of the method ends nothing else. */
  readonly essential?: true;
  /** In milliseconds of `performance.now()`: what has not begun by then is not examined. */
  readonly deadline?: number | undefined;
  /** An interruption is an answer, so that what is finished can be reported; by default it is thrown. */
  readonly partial?: boolean;
  /** Of a method that the calling program defines: it runs on this thread, and its results are not kept (`jobs/own.ts`). */
  readonly own?: OwnJob<S, R>;
}

export type OwnJob<S, R> = JobFunction<ModelInput<S>, R> | undefined;

/** How a job of its own ended: with its records, why the method does not apply, or why there is no answer. */
export type Ending<R> =
  | { readonly kind: "done"; readonly records: readonly R[]; readonly seconds: number }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "unanswered"; readonly reason: Unanswered; readonly message: string };

/** A task that is one job. */
export type WholeTask<S, R> = Omit<Task<S, R>, "what" | "chunk" | "timed" | "essential" | keyof Limits>;

/** When a run of jobs must end, and whether an interruption is an answer. */
export type Limits = Pick<Task<never, never>, "deadline" | "partial">;

/** An error of one method on some inputs: a fault of this program, to be shown and reported. */
export interface Failure {
  /** "proving with CROWN, input 32 and 31 more" */
  readonly what: string;
  readonly inputs: number;
  readonly reason: "memory" | "internal-error";
  readonly message: string;
}

/** A method that does not apply to this model, with the reason. */
export class NotApplicable extends Error {
  override readonly name = "NotApplicable";
  readonly fault = "not-applicable";
}

export interface EngineOptions {
  readonly subject: SubjectSpec;
  /** Identifies the subject in keys of stored results. */
  readonly subjectHash: string;
  readonly place: Place;
  readonly resume: boolean;
  /** Seconds for one input. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress: Progress;
}

export interface Engine {
  /**
   * Answers in the order of the inputs. Errors of attacks and verifiers are answers, and `failures`.
   * @param receive gets the answers of each job as they come, and says what is kept of them
   * @throws NotApplicable, UserError
   */
  run<S, R>(task: Task<S, R>, receive?: Receive<R>): Promise<Answer<R>[]>;
  /** One job for each settings, all on the same inputs. @throws UserError */
  each<S, R>(task: Omit<Task<S, R>, "settings" | "chunk" | "timed">, settings: readonly S[]): Promise<Ending<R>[]>;
  /** One job for each task, side by side; a method that does not apply or fails ends its own jobs alone. @throws UserError */
  all<S, R>(what: string, tasks: readonly WholeTask<S, R>[], limits?: Limits): Promise<Ending<R>[]>;
  /** Errors so far. */
  readonly failures: readonly Failure[];
}

/** @param chunk the inputs of the answers */
export type Receive<R> = (answers: readonly Answer<R>[], chunk: Chunk) => readonly Answer<R>[];

/** Stands for the functions of all methods that the calling program defines. */
const OWN = "own";

const ownJobs = tableOf([
  defineJob<{ readonly run: JobFunction<unknown, unknown>; readonly input: unknown }, unknown>({
    id: OWN,
    load: async () => (call, context) => call.run(call.input, context),
    parsers: () => Promise.reject(new Error("functions are not parsed")),
  }),
]);

interface Planned<S, R> extends KeyedJob<ModelInput<S>, R> {
  readonly own: OwnJob<S, R>;
  /** Its share of the progress bar, and of the time limit: its inputs. */
  readonly units: number;
  readonly essential: boolean;
}

export function createEngine(options: EngineOptions): Engine {
  const { subject, timeout, signal, progress, place } = options;
  const hashes = hasherOf(place.digest);

  const jobOf = <S, R>(task: Task<S, R>, chunk: Chunk): Planned<S, R> => ({
    units: chunk.labels.length,
    essential: task.essential ?? false,
    own: task.own,
    kind: task.job.id,
    label:
      chunk.indices.length === 0
        ? task.what
        : `${task.what}, input ${chunk.indices[0]} and ${chunk.indices.length - 1} more`,
    input: {
      subject,
      method: task.method.id,
      ...(task.method.module && { module: task.method.module }),
      settings: task.settings,
      chunk,
      training: task.training,
    },
    key: {
      model: options.subjectHash,
      method: { id: `${task.job.id}/${task.method.id}`, version: task.method.version },
      options: {
        settings: task.settings as Plain,
        device: subject.device,
        assay: place.version,
        // what had no answer for want of memory may have one under a larger budget
        ...(subject.memoryBudget !== undefined && { memoryBudget: subject.memoryBudget }),
      },
      chunk: task.training ? `${hashes(chunk)} ${hashes(task.training)}` : hashes(chunk),
    },
  });

  const failures: Failure[] = [];
  const fail: Fail = (job, said) => {
    const message = said.replace(`${job.label} (${job.kind}): `, "");
    const failure: Failure = { what: job.label, inputs: job.units, reason: failureReason(message), message };
    failures.push(failure);
    progress.say(failureLine(failure));
    return failure;
  };
  const late = ({ deadline }: Limits): boolean => deadline !== undefined && place.now() >= deadline;

  let thread: Promise<Executor> | undefined;
  const onThisThread = () => {
    thread ??= place.here(ownJobs);
    return thread;
  };

  /** @param planned all of one `sort` */
  async function runAll<S, R>(
    job: ModelJob<S, R>,
    planned: readonly Planned<S, R>[],
    seconds: number | undefined,
    { deadline }: Limits = {},
    { keep, advance = (_, { units }) => units }: Partial<Following<S, R>> = {},
  ): Promise<Outcome<R>[]> {
    const window: TimeWindow | undefined =
      deadline === undefined ? undefined : { startBy: deadline, endBy: deadline + GRACE_MS };
    const { record } = await job.parsers();
    const told = planned.map(() => 0);
    // what was told of a job's steps is part of what it is worth
    const tell = (index: number, units: number) => {
      progress.advance(units - told[index]!);
      told[index] = units;
    };
    const own = planned.some((one) => one.own);
    const listed = planned as readonly KeyedJob<unknown, R>[];
    const called = planned.map(({ own: run, input, ...one }) => ({ ...one, kind: OWN, input: { run, input } }));
    return runJobs<unknown, R>(own ? called : listed, {
      executor: own
        ? await onThisThread()
        : await place.executor(planned.length, seconds !== undefined || deadline !== undefined),
      // nothing says whether a program's function, or what a module imports, is still what made a result
      store: isKept(planned) ? await place.store() : undefined,
      resume: options.resume,
      parse: (value) => record.parse(value),
      isUnfinished: job.isUnfinished,
      signal,
      window,
      ...(keep && { keep }),
      ...(seconds !== undefined && { timeoutMs: 1000 * seconds * Math.max(...planned.map(({ units }) => units)) }),
      onProgress: (event) => {
        const job = planned[event.index]!;
        if (event.kind === "step") tell(event.index, (job.units * event.done) / event.total);
        else tell(event.index, event.outcome.kind === "timeout" ? 0 : advance(event.outcome, job));
      },
    });
  }

  async function run<S, R>(task: Task<S, R>, receive: Receive<R> = (answers) => answers): Promise<Answer<R>[]> {
    const limit = task.timed === false ? undefined : timeout;
    progress.expect(task.inputs.labels.length, task.what);

    /** Answers of each chunk, and the seconds that one input took. */
    async function answersFor(chunks: readonly Chunk[]): Promise<{ answers: Answer<R>[]; each: number }> {
      const planned = chunks.map((chunk) => jobOf(task, chunk));
      const kept: Answer<R>[][] = [];
      let each = Number.POSITIVE_INFINITY;
      const again: { readonly k: number; readonly open: readonly number[] }[] = [];
      // a chunk shares the budget of its inputs; when that is used up, those that are not finished get their own
      const openIn = (outcome: Outcome<R>, { units }: Pick<Planned<S, R>, "units">): number[] => {
        if (units === 1 || late(task) || limit === undefined) return [];
        const places = Array.from({ length: units }, (_, place) => place);
        if (outcome.kind === "timeout") return places;
        return outcome.kind === "done"
          ? places.filter((place) => task.job.isUnfinished?.(outcome.records[place]!))
          : [];
      };
      const take = (k: number, outcome: Outcome<R>, open: readonly number[]) => {
        const [chunk, { units }] = [chunks[k]!, planned[k]!];
        if (outcome.kind === "done") each = Math.min(each, outcome.seconds / units);
        const ending = endingOf(outcome, task, planned[k]!, { fail, late });
        const isUnfinished = task.job.isUnfinished ?? (() => false);
        const reason = limit === undefined || late(task) ? "time-budget" : "timeout";
        const answers = answersOf(ending, units).map(
          (answer): Answer<R> =>
            answer.kind === "done" && isUnfinished(answer.record)
              ? { kind: "timeout", reason, record: answer.record }
              : answer,
        );
        const shut = answers.flatMap((_, place) => (open.includes(place) ? [] : [place]));
        const received = receive(
          shut.map((place) => answers[place]!),
          open.length === 0 ? chunk : pick(chunk, shut),
        );
        kept[k] = answers;
        for (const [j, place] of shut.entries()) kept[k][place] = received[j]!;
      };
      await runAll(task.job, planned, limit, task, {
        keep: (outcome, k) => {
          const open = openIn(outcome, planned[k]!);
          if (open.length < planned[k]!.units) take(k, outcome, open);
          else kept[k] = [];
          if (open.length > 0) again.push({ k, open });
          return TAKEN;
        },
        advance: (outcome, job) => job.units - openIn(outcome, job).length,
      });
      for (const { k, open } of again) {
        const { answers } = await answersFor(split(pick(chunks[k]!, open), 1));
        for (const [j, place] of open.entries()) kept[k]![place] = answers[j]!;
      }
      return { answers: kept.flat(), each };
    }

    if (task.deadline === undefined) return (await answersFor(split(task.inputs, task.chunk ?? CHUNK))).answers;
    return inRounds(task.inputs, answersFor);
  }

  async function endings<S, R>(what: string, tasks: readonly Task<S, R>[], limits: Limits): Promise<Ending<R>[]> {
    const [first] = tasks;
    if (!first) return [];
    const planned = tasks.map((task) => ({ ...jobOf(task, task.inputs), units: 1 }));
    progress.expect(planned.length, what);
    const outcomes: Outcome<R>[] = [];
    const runSome = async (places: readonly number[]) => {
      const some = await runAll(
        first.job,
        places.map((k) => planned[k]!),
        undefined,
        limits,
      );
      for (const [j, k] of places.entries()) outcomes[k] = some[j]!;
    };
    const sorts = new Map<string, number[]>();
    for (const [k, job] of planned.entries()) sorts.set(sortOf(job), [...(sorts.get(sortOf(job)) ?? []), k]);
    await Promise.all([...sorts.values()].map(runSome));
    return outcomes.map((outcome, k) => endingOf(outcome, limits, planned[k]!, { fail, late }));
  }

  return {
    run,
    each: (task, settings) =>
      endings(
        task.what,
        settings.map((own) => ({ ...task, settings: own })),
        task,
      ),
    all: (what, tasks, limits = {}) =>
      endings(
        what,
        tasks.map((task) => ({ ...task, what: `${what} (${task.method.id})` })),
        limits,
      ),
    failures,
  };
}

type Sorted = Pick<Planned<unknown, never>, "input"> & { readonly own: unknown };

/** What runs on this thread, on any without being kept, or on any. */
const sortOf = ({ own, input }: Sorted): "own" | "module" | "listed" =>
  own ? "own" : input.module ? "module" : "listed";

const isKept = (jobs: readonly Sorted[]): boolean => jobs.every((job) => sortOf(job) === "listed");

/** What a run of jobs is followed with. */
interface Following<S, R> {
  /** What is kept of an outcome. */
  readonly keep: (outcome: Outcome<R>, index: number) => Outcome<R>;
  /** Units of the progress bar that an outcome is worth. */
  readonly advance: (outcome: Outcome<R>, job: Planned<S, R>) => number;
}

/** Stands for what was taken of an outcome. */
const TAKEN = { kind: "done", records: [], seconds: 0 } as const;

/**
 * Small jobs first, then as large ones as end in a few seconds: where time runs out, little is lost. Sizes follow from the
 * seconds that the first jobs took, which are kept with their results, so that a resumed run makes the same jobs.
 */
async function inRounds<A>(
  inputs: Chunk,
  answersFor: (chunks: readonly Chunk[]) => Promise<{ readonly answers: readonly A[]; readonly each: number }>,
): Promise<A[]> {
  const count = inputs.labels.length;
  const answers: A[] = [];
  let size = PROBE;
  for (let round = 0; answers.length < count; round++) {
    const from = answers.length;
    const to = round < 2 ? Math.min(count, from + PROBES * size) : count;
    const places = Array.from({ length: to - from }, (_, k) => from + k);
    const done = await answersFor(split(pick(inputs, places), size));
    answers.push(...done.answers);
    size = Number.isFinite(done.each) ? sizeFor(done.each) : 1;
  }
  return answers;
}

/** A power of two, so that times which differ a little give the same jobs. */
const sizeFor = (seconds: number): number =>
  Math.min(CHUNK, Math.max(1, 2 ** Math.floor(Math.log2(CHUNK_SECONDS / Math.max(seconds, 1e-6)))));

const MEMORY = /out of memory|memory limit|bad_alloc|bad allocation|allocation failed|allocate memory|memory budget/i;
const failureReason = (message: string): Failure["reason"] => (MEMORY.test(message) ? "memory" : "internal-error");

const failureLine = ({ what, reason, message }: Failure): string =>
  reason === "memory"
    ? `${what}: not enough memory (${printable(message, 300)}); these inputs are unknown`
    : `internal error, ${what}: ${printable(message, 300)}; these inputs are unknown, the rest goes on; please report it`;

type Fail = (job: Pick<Planned<never, never>, "label" | "kind" | "units">, message: string) => Failure;

interface Telling {
  readonly fail: Fail;
  readonly late: (limits: Limits) => boolean;
}

/**
 * @throws UserError where the run cannot go on: an interruption that is no answer, a refusal for another reason than that the
 *   method does not apply, a failure of what is essential
 */
function endingOf<R>(
  outcome: Outcome<R>,
  limits: Limits,
  job: Pick<Planned<never, never>, "label" | "kind" | "units" | "essential">,
  { fail, late }: Telling,
): Ending<R> {
  switch (outcome.kind) {
    case "done":
      return { kind: "done", records: outcome.records, seconds: outcome.seconds };
    case "timeout":
      return late(limits)
        ? { kind: "unanswered", reason: "time-budget", message: "the time budget was used up" }
        : { kind: "unanswered", reason: "timeout", message: "the limit of time" };
    case "aborted":
      if (!limits.partial) throw new UserError("interrupted", INTERRUPTED);
      return { kind: "unanswered", reason: "interrupted", message: "the run was interrupted" };
    case "refused":
      if (outcome.fault === "not-applicable") return { kind: "refused", reason: outcome.message };
      if (job.essential) throw new UserError(outcome.fault, outcome.message);
      return { kind: "unanswered", ...fail(job, outcome.message) };
    case "failed":
      if (job.essential) throw new Error(outcome.message);
      return { kind: "unanswered", ...fail(job, outcome.message) };
    default:
      throw new Error(`unreachable: ${outcome satisfies never}`);
  }
}

/** @throws NotApplicable */
function answersOf<R>(ending: Ending<R>, count: number): Answer<R>[] {
  if (ending.kind === "refused") throw new NotApplicable(ending.reason);
  if (ending.kind === "done") {
    const seconds = ending.seconds / count;
    return ending.records.map((record) => ({ kind: "done", record, seconds }));
  }
  const { reason } = ending;
  const answer: Answer<R> =
    reason === "memory" || reason === "internal-error" ? { kind: "failed", reason } : { kind: "timeout", reason };
  return Array.from({ length: count }, () => answer);
}

export const INTERRUPTED =
  "interrupted; what is finished is kept in .assay: run the same command with --resume to go on";

function split(inputs: Chunk, size: number): Chunk[] {
  const count = inputs.labels.length;
  return Array.from({ length: Math.ceil(count / size) }, (_, k) =>
    pick(
      inputs,
      Array.from({ length: Math.min(size, count - k * size) }, (_, i) => k * size + i),
    ),
  );
}

/** The inputs at these positions. */
export function pick({ images, labels, indices, targets, box }: Chunk, positions: readonly number[]): Chunk {
  const size = labels.length === 0 ? 0 : images.length / labels.length;
  const at = (values: Int32Array) => Int32Array.from(positions, (i) => values[i]!);
  return {
    images: rowsAt(images, size, positions),
    labels: at(labels),
    indices: at(indices),
    ...(targets && { targets: at(targets) }),
    ...(box && { box: pickBox(box, size, positions) }),
  };
}

/** Several jobs may have the same inputs: each is hashed once. */
function hasherOf(digest: Digest): (chunk: Chunk) => string {
  const known = new WeakMap<Chunk, string>();
  return (chunk) => {
    const found = known.get(chunk);
    if (found !== undefined) return found;
    const { images, labels, indices, targets, box } = chunk;
    const parts = [images, labels, indices, ...(targets ? [targets] : [])];
    const ends = box ? ["box", ...[box.lower, box.upper].map((array) => digest(bytesOf(array)))] : [];
    const hash = hashText([...parts.map((array) => digest(bytesOf(array))), ...ends].join(), digest);
    known.set(chunk, hash);
    return hash;
  };
}
