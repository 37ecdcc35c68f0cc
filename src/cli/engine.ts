/**
 * @file Sends the chunks of a task to worker threads, keeps their results, and puts the answers in order.
 *
 * A chunk holds the same inputs on any machine, and a job's result does not depend on where it runs.
 */

import type { Answer, Chunk } from "../methods/examine.ts";
import { bytesOf, hashText } from "../runtime/hash.ts";
import type { KeyedJob, Outcome, Plain, PlainRecord } from "../runtime/jobs.ts";
import { nodeDigest } from "../runtime/node-digest.ts";
import type { Pool } from "../runtime/node-pool.ts";
import type { Store } from "../runtime/node-store.ts";
import { CliError, CODES, EXIT } from "./errors.ts";
import type { JobInput, Refusal } from "./job-functions.ts";
import { jobs, tableUrl } from "./jobs.ts";
import type { Progress } from "./progress.ts";
import type { SubjectSpec } from "./subject.ts";
import { VERSION } from "./version.ts";

/** Inputs in a job: enough for efficient batches, few enough for all workers to have something to do. */
const CHUNK = 32;

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
}

/** How a job of its own ended: with its records, or why the method does not apply. */
export type Ending<R> =
  | { readonly kind: "done"; readonly records: readonly R[] }
  | { readonly kind: "refused"; readonly reason: string };

/** A task that is one job. */
export type WholeTask = Omit<Task, "what" | "chunk" | "timed">;

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
  /** Seconds for one input. */
  readonly timeout?: number | undefined;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

export interface Engine extends AsyncDisposable {
  /** Answers in the order of the inputs. @throws RefusedError, CliError */
  run<R>(task: Task): Promise<Answer<R>[]>;
  /** One job for each settings, all on the same inputs; their records. @throws as `run` */
  each<R>(task: Omit<Task, "settings" | "chunk" | "timed">, settings: readonly PlainRecord[]): Promise<R[][]>;
  /** One job for each task, side by side; a method that does not apply ends its own jobs alone. @throws CliError */
  all<R>(what: string, tasks: readonly WholeTask[]): Promise<Ending<R>[]>;
  /** Threads in use; 0: everything ran on the main thread. */
  readonly workers: number;
}

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
    input: { subject, method: task.method.id, settings: task.settings, chunk, training: task.training },
    key: {
      model: options.subjectHash,
      method: { id: `${task.kind}/${task.method.id}`, version: task.method.version },
      options: { settings: task.settings as Plain, device: subject.device, assay: VERSION },
      chunk: task.training ? `${hashChunk(chunk)} ${hashChunk(task.training)}` : hashChunk(chunk),
    },
  });

  /** One short job is not worth the start of a thread; a time limit needs one, to be able to end it. */
  async function runAll(planned: readonly Planned[], seconds: number | undefined): Promise<Outcome[]> {
    const alone = planned.length === 1 && pool === undefined && seconds === undefined;
    if (!alone) pool ??= openPool();
    store ??= openTheStore();
    const { runJobs } = await import("../runtime/node-run.ts");
    return runJobs(planned, {
      pool: alone ? mainThread : await pool!,
      store: await store,
      resume: options.resume,
      signal,
      ...(seconds !== undefined && { timeoutMs: 1000 * seconds * Math.max(...planned.map(({ units }) => units)) }),
      onProgress: (event) => {
        if (event.kind === "job" && event.outcome.kind !== "timeout") progress.advance(planned[event.index]!.units);
      },
    });
  }

  async function run<R>(task: Task): Promise<Answer<R>[]> {
    const chunks = split(task.inputs, task.chunk ?? CHUNK);
    const limit = task.timed === false ? undefined : timeout;
    const plan = (parts: readonly Chunk[]) => parts.map((part) => jobOf(task, part));
    progress.expect(task.inputs.labels.length, task.what);
    const outcomes = await runAll(plan(chunks), limit);
    const answers: Answer<R>[][] = [];
    for (const [k, outcome] of outcomes.entries()) {
      const chunk = chunks[k]!;
      // a chunk shares the budget of its inputs; when that is used up, each gets its own
      if (outcome.kind !== "timeout" || chunk.labels.length === 1) {
        answers.push(answersOf<R>(outcome, chunk.labels.length));
      } else {
        const single = await runAll(plan(split(chunk, 1)), limit);
        answers.push(single.flatMap((one) => answersOf<R>(one, 1)));
      }
    }
    return answers.flat();
  }

  async function each<R>(
    task: Omit<Task, "settings" | "chunk" | "timed">,
    settings: readonly PlainRecord[],
  ): Promise<R[][]> {
    const planned = settings.map((own) => ({ ...jobOf({ ...task, settings: own }, task.inputs), units: 1 }));
    progress.expect(planned.length, task.what);
    return (await runAll(planned, undefined)).map((outcome) => recordsOf(outcome) as R[]);
  }

  async function all<R>(what: string, tasks: readonly WholeTask[]): Promise<Ending<R>[]> {
    const planned = tasks.map((task) => ({ ...jobOf({ ...task, what }, task.inputs), units: 1 }));
    progress.expect(planned.length, what);
    return (await runAll(planned, undefined)).map((outcome) => endingOf<R>(outcome));
  }

  return {
    run,
    each,
    all,
    get workers() {
      return threads;
    },
    async [Symbol.asyncDispose]() {
      await (await pool)?.[Symbol.asyncDispose]();
    },
  };
}

const mainThread: Pool = {
  workers: 1,
  async run(job, { signal } = {}) {
    if (signal?.aborted) return { kind: "aborted" };
    const start = performance.now();
    const compute = await jobs[job.kind]!();
    // errors keep their kind here: the caller explains them
    const records = await compute(job.input, { progress: () => {}, transfer: () => {} });
    return { kind: "done", records, seconds: (performance.now() - start) / 1000 };
  },
  async [Symbol.asyncDispose]() {},
};

function answersOf<R>(outcome: Outcome, count: number): Answer<R>[] {
  if (outcome.kind === "timeout") return Array.from({ length: count }, () => ({ kind: "timeout" }));
  const seconds = outcome.kind === "done" ? outcome.seconds / count : 0;
  return recordsOf(outcome).map((record) => ({ kind: "done", record: record as R, seconds }));
}

function endingOf<R>(outcome: Outcome): Ending<R> {
  try {
    return { kind: "done", records: recordsOf(outcome) as unknown as readonly R[] };
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    return { kind: "refused", reason: error.message };
  }
}

/** What a method throws where it does not apply to the model. */
const NOT_APPLICABLE: readonly string[] = ["UnsupportedReading", "DetectorError"];

/** @throws for everything but records of results */
export function recordsOf(outcome: Outcome): readonly PlainRecord[] {
  switch (outcome.kind) {
    case "done": {
      const refusal = outcome.records[0] as Partial<Refusal> | undefined;
      if (refusal?.refused !== true) return outcome.records;
      if (NOT_APPLICABLE.includes(refusal.name!)) throw new RefusedError(refusal.message!);
      throw new CliError(CODES[refusal.name!] ?? EXIT.internal, refusal.message!);
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
