/**
 * @file Sends the chunks of a task to worker threads, keeps their results, and puts the answers in order.
 *
 * A chunk holds the same inputs on any machine, and a job's result does not depend on where it runs.
 */

import { printable } from "../formats/onnx/error.ts";
import type { Answer, Chunk, Unanswered } from "../methods/examine.ts";
import { bytesOf, hashText } from "../runtime/hash.ts";
import type { KeyedJob, Outcome, Plain, PlainRecord } from "../runtime/jobs.ts";
import { nodeDigest } from "../runtime/node-digest.ts";
import { haltMainThread } from "../runtime/node-guard.ts";
import type { Pool, TimeWindow } from "../runtime/node-pool.ts";
import type { Store } from "../runtime/node-store.ts";
import { CliError, CODES, EXIT } from "./errors.ts";
import type { JobInput, Refusal } from "./job-functions.ts";
import { jobs, tableUrl } from "./jobs.ts";
import type { Progress } from "./progress.ts";
import type { SubjectSpec } from "./subject.ts";
import { VERSION } from "./version.ts";

/** Inputs in a job: enough for efficient batches, few enough for all workers to have something to do. */
const CHUNK = 32;

/** Where time is short: inputs of the first jobs, which tell how long one takes, and seconds that a later job may take. */
const PROBE = 2;
const CHUNK_SECONDS = 4;
/** Jobs of each round that measures. */
const PROBES = 2;

/** What a job that runs at its deadline is given to end by itself. */
const GRACE_MS = 5000;

export type JobKind = "predict" | "attack" | "bound" | "scan" | "fit" | "detect" | "look";

export interface Task {
  readonly kind: JobKind;
  /** For people: "attacking with PGD". */
  readonly what: string;
  readonly method: { readonly id: string; readonly version: number };
  readonly settings: PlainRecord | null;
  readonly inputs: Chunk;
  /** Training data, for methods that examine it. */
  readonly training?: Chunk | undefined;
  /** Inputs a job; default CHUNK. */
  readonly chunk?: number;
  /** Whether the limit of time for an input holds; by default it does. */
  readonly timed?: boolean;
  /** In milliseconds of `performance.now()`: what has not begun by then is not examined. */
  readonly deadline?: number | undefined;
  /** An interruption is an answer, so that what is finished can be reported; by default it is thrown. */
  readonly partial?: boolean;
}

/** How a job of its own ended: with its records, why the method does not apply, or why there is no answer. */
export type Ending<R> =
  | { readonly kind: "done"; readonly records: readonly R[] }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "unanswered"; readonly reason: Unanswered; readonly message: string };

/** A task that is one job. */
export type WholeTask = Omit<Task, "what" | "chunk" | "timed" | "deadline" | "partial">;

/** When a run of jobs must end, and whether an interruption is an answer. */
export type Limits = Pick<Task, "deadline" | "partial">;

/** An error of one method on some inputs: a fault of this program, to be shown and reported. */
export interface Failure {
  /** "proving with CROWN, input 32 and 31 more" */
  readonly what: string;
  readonly inputs: number;
  readonly reason: "memory" | "internal-error";
  readonly message: string;
}

/** A method that does not apply to this model, with the reason. */
export class RefusedError extends Error {
  override readonly name = "UnsupportedReading";
}

export interface EngineOptions {
  readonly subject: SubjectSpec;
  /** Identifies the subject in keys of stored results. */
  readonly subjectHash: string;
  readonly workers?: number | undefined;
  readonly resume: boolean;
  readonly storeDirectory: string;
  /** Bytes that the intermediate results of one run may take; by default what the methods say. */
  readonly memory?: number | undefined;
  /** Seconds for one input. */
  readonly timeout?: number | undefined;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

export interface Engine extends AsyncDisposable {
  /**
   * Answers in the order of the inputs. Errors of attacks and verifiers are answers, and `failures`.
   * @param receive gets the answers of each job as they come, and says what is kept of them
   * @throws RefusedError, CliError
   */
  run<R>(task: Task, receive?: Receive<R>): Promise<Answer<R>[]>;
  /** One job for each settings, all on the same inputs. @throws CliError */
  each<R>(task: Omit<Task, "settings" | "chunk" | "timed">, settings: readonly PlainRecord[]): Promise<Ending<R>[]>;
  /** One job for each task, side by side; a method that does not apply or fails ends its own jobs alone. @throws CliError */
  all<R>(what: string, tasks: readonly WholeTask[], limits?: Limits): Promise<Ending<R>[]>;
  /** Errors so far. */
  readonly failures: readonly Failure[];
  /** Threads in use; 0: everything ran on the main thread. */
  readonly workers: number;
}

/** @param chunk the inputs of the answers */
export type Receive<R> = (answers: readonly Answer<R>[], chunk: Chunk) => readonly Answer<R>[];

interface Planned extends KeyedJob<JobInput<unknown>> {
  /** Its share of the progress bar, and of the time limit: its inputs. */
  readonly units: number;
}

export function createEngine(options: EngineOptions): Engine {
  const { subject, timeout, signal, progress } = options;
  let pool: Promise<Pool> | undefined;
  let store: Promise<Store> | undefined;
  let threads = 0;

  const openPool = async (): Promise<Pool> => {
    const { createPool } = await import("../runtime/node-pool.ts");
    const made = createPool({ table: tableUrl, ...(options.workers !== undefined && { workers: options.workers }) });
    threads = made.workers;
    return made;
  };
  const openTheStore = async (): Promise<Store> => {
    const { openStore } = await import("../runtime/node-store.ts");
    return openStore({ directory: options.storeDirectory, warn: progress.say });
  };

  const jobOf = (task: Task, chunk: Chunk): Planned => ({
    units: chunk.labels.length,
    kind: task.kind,
    label:
      chunk.indices.length === 0
        ? task.what
        : `${task.what}, input ${chunk.indices[0]} and ${chunk.indices.length - 1} more`,
    input: {
      subject,
      method: task.method.id,
      settings: task.settings,
      chunk,
      training: task.training,
      memoryBudget: options.memory,
    },
    key: {
      model: options.subjectHash,
      method: { id: `${task.kind}/${task.method.id}`, version: task.method.version },
      options: {
        settings: task.settings as Plain,
        device: subject.device,
        assay: VERSION,
        // "unknown for want of memory" is not to be taken for the answer under a larger budget; other jobs only take
        // more or fewer inputs at a time
        ...(task.kind === "bound" && options.memory !== undefined && { memoryBudget: options.memory }),
      },
      chunk: task.training ? `${hashChunk(chunk)} ${hashChunk(task.training)}` : hashChunk(chunk),
    },
  });

  const failures: Failure[] = [];
  const fail = (job: Planned, said: string): Failure => {
    const message = said.replace(`${job.label} (${job.kind}): `, "");
    const failure: Failure = { what: job.label, inputs: job.units, reason: failureReason(message), message };
    failures.push(failure);
    progress.say(failureLine(failure));
    return failure;
  };

  /** One short job is not worth the start of a thread; a limit of time needs one, to be able to end it. */
  async function runAll(
    planned: readonly Planned[],
    seconds: number | undefined,
    { deadline }: Limits = {},
    keep?: (outcome: Outcome, index: number) => Outcome,
  ): Promise<Outcome[]> {
    const alone = planned.length === 1 && pool === undefined && seconds === undefined && deadline === undefined;
    if (!alone) pool ??= openPool();
    store ??= openTheStore();
    const { runJobs } = await import("../runtime/node-run.ts");
    const window: TimeWindow | undefined =
      deadline === undefined ? undefined : { startBy: deadline, endBy: deadline + GRACE_MS };
    return runJobs(planned, {
      pool: alone ? mainThread : await pool!,
      store: await store,
      resume: options.resume,
      signal,
      window,
      ...(keep && { keep }),
      ...(seconds !== undefined && { timeoutMs: 1000 * seconds * Math.max(...planned.map(({ units }) => units)) }),
      onProgress: (event) => {
        if (event.kind === "job" && event.outcome.kind !== "timeout") progress.advance(planned[event.index]!.units);
      },
    });
  }

  async function run<R>(task: Task, receive: Receive<R> = (answers) => answers): Promise<Answer<R>[]> {
    const limit = task.timed === false ? undefined : timeout;
    progress.expect(task.inputs.labels.length, task.what);

    /** Answers of each chunk, and the seconds that one input took. */
    async function answersFor(chunks: readonly Chunk[]): Promise<{ answers: Answer<R>[]; each: number }> {
      const planned = chunks.map((chunk) => jobOf(task, chunk));
      const kept: Answer<R>[][] = [];
      let each = Number.POSITIVE_INFINITY;
      const again: number[] = [];
      const take = (k: number, outcome: Outcome) => {
        const count = chunks[k]!.labels.length;
        if (outcome.kind === "done") each = Math.min(each, outcome.seconds / count);
        kept[k] = [...receive(answersOf<R>(outcome, task, planned[k]!, fail), chunks[k]!)];
      };
      await runAll(planned, limit, task, (outcome, k) => {
        // a chunk shares the budget of its inputs; when that is used up, each gets its own
        const late = task.deadline !== undefined && performance.now() >= task.deadline;
        if (outcome.kind === "timeout" && planned[k]!.units > 1 && !late) again.push(k);
        else take(k, outcome);
        return EMPTY;
      });
      for (const k of again) {
        const { answers } = await answersFor(split(chunks[k]!, 1));
        kept[k] = answers;
      }
      return { answers: kept.flat(), each };
    }

    if (task.deadline === undefined) return (await answersFor(split(task.inputs, task.chunk ?? CHUNK))).answers;
    return inRounds(task.inputs, answersFor);
  }

  async function each<R>(
    task: Omit<Task, "settings" | "chunk" | "timed">,
    settings: readonly PlainRecord[],
  ): Promise<Ending<R>[]> {
    const planned = settings.map((own) => ({ ...jobOf({ ...task, settings: own }, task.inputs), units: 1 }));
    progress.expect(planned.length, task.what);
    const outcomes = await runAll(planned, undefined, task);
    return outcomes.map((outcome, k) => endingOf<R>(outcome, task, planned[k]!, fail));
  }

  async function all<R>(what: string, tasks: readonly WholeTask[], limits: Limits = {}): Promise<Ending<R>[]> {
    const planned = tasks.map((task) => ({
      ...jobOf({ ...task, what: `${what} (${task.method.id})` }, task.inputs),
      units: 1,
    }));
    progress.expect(planned.length, what);
    const outcomes = await runAll(planned, undefined, limits);
    return outcomes.map((outcome, k) => endingOf<R>(outcome, limits, planned[k]!, fail));
  }

  return {
    run,
    each,
    all,
    failures,
    get workers() {
      return threads;
    },
    async [Symbol.asyncDispose]() {
      await (await pool)?.[Symbol.asyncDispose]();
    },
  };
}

/** Stands for what was taken of an outcome. */
const EMPTY: Outcome = { kind: "done", records: [], seconds: 0 };

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

const mainThread: Pool = {
  workers: 1,
  async run(job, { signal } = {}) {
    if (signal?.aborted) return { kind: "aborted" };
    const start = performance.now();
    const compute = await jobs[job.kind]!();
    const ended = new AbortController();
    const interrupted = new Promise<Outcome>((resolve) => {
      const stop = () => {
        haltMainThread();
        resolve({ kind: "aborted" });
      };
      signal?.addEventListener("abort", stop, { once: true, signal: ended.signal });
    });
    const done = (async (): Promise<Outcome> => {
      try {
        const records = await compute(job.input, { progress: () => {}, transfer: () => {} });
        return { kind: "done", records, seconds: (performance.now() - start) / 1000 };
      } catch (error) {
        // errors keep their kind here: the caller explains them
        if (!TOLERANT.includes(job.kind)) throw error;
        return { kind: "failed", message: error instanceof Error ? error.message : String(error) };
      }
    })();
    try {
      return await Promise.race([done, interrupted]);
    } finally {
      ended.abort();
    }
  },
  async [Symbol.asyncDispose]() {},
};

/** Kinds of jobs of which a failure ends nothing else: the clean answers are not among them, all else builds on them. */
const TOLERANT: readonly string[] = ["attack", "bound", "scan", "fit", "detect", "look"];

const MEMORY = /out of memory|memory limit|bad_alloc|bad allocation|allocation failed|allocate memory|memory budget/i;
const failureReason = (message: string): Failure["reason"] => (MEMORY.test(message) ? "memory" : "internal-error");

const failureLine = ({ what, reason, message }: Failure): string =>
  reason === "memory"
    ? `${what}: not enough memory (${printable(message, 300)}); these inputs are unknown`
    : `internal error, ${what}: ${printable(message, 300)}; these inputs are unknown, the rest goes on; please report it`;

type Fail = (job: Planned, message: string) => Failure;

/** What a job that gave no records leaves of its inputs. @throws as `recordsOf` */
function unanswered(
  outcome: Outcome,
  { deadline, partial = false }: Limits,
  job: Planned,
  fail: Fail,
): { readonly reason: Unanswered; readonly message: string } | undefined {
  if (outcome.kind === "timeout") {
    const late = deadline !== undefined && performance.now() >= deadline;
    return late
      ? { reason: "time-budget", message: "the time budget was used up" }
      : { reason: "timeout", message: "the limit of time" };
  }
  if (outcome.kind === "aborted" && partial) return { reason: "interrupted", message: "the run was interrupted" };
  const refusal = outcome.kind === "done" ? refusalOf(outcome) : undefined;
  const tolerant = TOLERANT.includes(job.kind);
  if (!tolerant || (outcome.kind !== "failed" && (!refusal || NOT_APPLICABLE.includes(refusal.name)))) return undefined;
  const { reason, message } = fail(job, outcome.kind === "failed" ? outcome.message : refusal!.message);
  return { reason, message };
}

function answersOf<R>(outcome: Outcome, limits: Limits, job: Planned, fail: Fail): Answer<R>[] {
  const lost = unanswered(outcome, limits, job, fail);
  if (lost) {
    const { reason } = lost;
    const answer: Answer<R> =
      reason === "memory" || reason === "internal-error" ? { kind: "failed", reason } : { kind: "timeout", reason };
    return Array.from({ length: job.units }, () => answer);
  }
  const seconds = outcome.kind === "done" ? outcome.seconds / job.units : 0;
  return recordsOf(outcome).map((record) => ({ kind: "done", record: record as R, seconds }));
}

function endingOf<R>(outcome: Outcome, limits: Limits, job: Planned, fail: Fail): Ending<R> {
  const lost = unanswered(outcome, limits, job, fail);
  if (lost) return { kind: "unanswered", ...lost };
  try {
    return { kind: "done", records: recordsOf(outcome) as unknown as readonly R[] };
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    return { kind: "refused", reason: error.message };
  }
}

function refusalOf({ records }: Extract<Outcome, { readonly kind: "done" }>): Refusal | undefined {
  const first = records[0] as Partial<Refusal> | undefined;
  return first?.refused === true ? (first as Refusal) : undefined;
}

/** What a method throws where it does not apply to the model, or needs more memory than it may take. */
const NOT_APPLICABLE: readonly string[] = ["UnsupportedReading", "DetectorError", "MemoryError"];

/** @throws for everything but records of results */
export function recordsOf(outcome: Outcome): readonly PlainRecord[] {
  switch (outcome.kind) {
    case "done": {
      const refusal = refusalOf(outcome);
      if (!refusal) return outcome.records;
      if (NOT_APPLICABLE.includes(refusal.name)) throw new RefusedError(refusal.message);
      throw new CliError(CODES[refusal.name] ?? EXIT.internal, refusal.message);
    }
    case "timeout":
      throw new Error(`a job took more than ${outcome.seconds} s`);
    case "aborted":
      throw new CliError(
        EXIT.interrupted,
        "interrupted; what is finished is kept in .assay: run the same command with --resume to go on",
      );
    case "failed":
      throw new Error(outcome.message);
    default:
      throw new Error(`unreachable: ${outcome satisfies never}`);
  }
}

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
export function pick({ images, labels, indices, targets }: Chunk, positions: readonly number[]): Chunk {
  const size = labels.length === 0 ? 0 : images.length / labels.length;
  const chosen = new Float32Array(positions.length * size);
  for (const [to, from] of positions.entries()) chosen.set(images.subarray(from * size, (from + 1) * size), to * size);
  const at = (values: Int32Array) => Int32Array.from(positions, (i) => values[i]!);
  return { images: chosen, labels: at(labels), indices: at(indices), ...(targets && { targets: at(targets) }) };
}

/** Several jobs may have the same inputs. */
const chunkHashes = new WeakMap<Chunk, string>();

function hashChunk(chunk: Chunk): string {
  const known = chunkHashes.get(chunk);
  if (known !== undefined) return known;
  const { images, labels, indices, targets } = chunk;
  const parts = [images, labels, indices, ...(targets ? [targets] : [])];
  const hash = hashText(parts.map((array) => nodeDigest(bytesOf(array))).join(), nodeDigest);
  chunkHashes.set(chunk, hash);
  return hash;
}
