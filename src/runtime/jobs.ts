/**
 * @file Jobs: units of work that may run anywhere, in any order, any number of times, with the same result.
 */

import type { FaultKind } from "../graph/fault.ts";
import type { Digest } from "./hash.ts";
import type { Device, Runtime } from "./session.ts";

/** Plain data: what `structuredClone` copies and the store keeps. Numbers of every kind, typed arrays too. */
export type Plain = null | boolean | number | string | undefined | PlainArray | readonly Plain[] | PlainRecord;
export type PlainArray = Float32Array | Float64Array | Int32Array | Uint8Array;
export interface PlainRecord {
  readonly [key: string]: Plain;
}

/** What the result is a function of. Everything else a job is given must follow from these. */
export interface JobKey {
  readonly model: string;
  readonly method: { readonly id: string; readonly version: number };
  readonly options: Plain;
  /** Hash of the chunk of inputs. */
  readonly chunk: string;
}

/** A piece of work. @typeParam R what its records are */
export interface Job<I = unknown, R = PlainRecord> {
  /** Id of its kind. */
  readonly kind: string;
  /** Names the job in messages: "crown, images 64 to 127". */
  readonly label: string;
  /** Plain data: it is copied to where the job runs. Files are named in it by their hash. */
  readonly input: I;
  /** Never there; it ties the records' type to the job. */
  readonly records?: readonly R[];
}

/** A job whose result can be kept. */
export interface KeyedJob<I = unknown, R = PlainRecord> extends Job<I, R> {
  readonly key: JobKey;
}

/** How a job ended. `done` and `refused` follow from its input; the others may differ between runs. */
export type Outcome<R = PlainRecord> =
  | { readonly kind: "done"; readonly records: readonly R[]; readonly seconds: number }
  /** What was asked cannot be: of this model, with these inputs. */
  | { readonly kind: "refused"; readonly fault: FaultKind; readonly message: string }
  /** A fault of the program. */
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "timeout"; readonly seconds: number }
  | { readonly kind: "aborted" };

/** Steps of one job, in units of its own choosing. */
export interface JobProgress {
  readonly done: number;
  readonly total: number;
}

/** Files by the SHA-256 of their bytes, in hexadecimal, wherever they lie. */
export interface Blobs {
  /** @throws where it is not known, or no longer what it was */
  get(hash: string): Promise<Uint8Array>;
}

/** A JavaScript module of the calling program's: by where it lies, since what it imports lies beside it. */
export interface ModuleFile {
  readonly url: string;
  /** Of the file; what it imports is not in it. */
  readonly sha256: string;
}

export type Exports = Readonly<Record<string, unknown>>;

/** What the place provides where a job runs. */
export interface Host {
  readonly blobs: Blobs;
  readonly digest: Digest;
  /** One a device, shared by all jobs there. */
  runtime(device: Device): Runtime;
  /** Seconds of processor time of the thread so far; only differences mean something. */
  seconds(): number;
  /** Imported once a thread. @throws UserError where the file is no longer what it was, or the place imports none */
  module(file: ModuleFile): Promise<Exports>;
}

export interface JobContext extends Host {
  progress(step: JobProgress): void;
  /** These arrays' memory moves to the caller instead of being copied; the job must not use them afterwards. */
  transfer(...arrays: PlainArray[]): void;
  /** Seconds that are left of the job's time; a job that sees its end coming returns what it has. Infinite without a limit. */
  left(): number;
}

/** A pure function of its input, but for the context. */
export type JobFunction<I, R> = (input: I, context: JobContext) => Promise<readonly R[]> | readonly R[];

/** Makes a precise value of an unknown one, as a zod schema does. */
export interface Parser<T> {
  parse(value: unknown): T;
}

/**
 * One kind of job, with the types of what goes in and what comes out. The function is loaded where it runs, the parsers
 * where something comes from outside this process: from a store, or from another machine.
 */
export interface JobKind<I, R> {
  readonly id: string;
  readonly load: () => Promise<JobFunction<I, R>>;
  /** Whether time ended before the work on a record did: more time may say more, so that it is not kept. */
  readonly isUnfinished?: (record: R) => boolean;
  readonly parsers: () => Promise<{ readonly input: Parser<I>; readonly record: Parser<R> }>;
}

export const defineJob = <I, R>(kind: JobKind<I, R>): JobKind<I, R> => kind;

// biome-ignore lint/suspicious/noExplicitAny: each kind knows its own input; the table cannot
export type JobTable = Readonly<Record<string, () => Promise<JobFunction<any, any>>>>;

/** What a worker needs of all kinds. A table module exports it as `jobs`. */
// biome-ignore lint/suspicious/noExplicitAny: as above
export const tableOf = (kinds: readonly JobKind<any, any>[]): JobTable =>
  Object.fromEntries(kinds.map(({ id, load }) => [id, load]));

/** When jobs may begin and must end, in milliseconds of `performance.now()`. */
export interface TimeWindow {
  readonly startBy: number;
  readonly endBy: number;
}

export interface ExecuteOptions {
  readonly signal?: AbortSignal | undefined;
  /** Counted from when the job's function starts; the job is told, and ended where it does not end by itself. */
  readonly timeoutMs?: number | undefined;
  /** A job that has not begun by then ends as a time-out of 0 seconds; one that runs ends with `endBy`. */
  readonly window?: TimeWindow | undefined;
  readonly onProgress?: ((step: JobProgress) => void) | undefined;
  /** Memory of the input that moves to the job instead of being copied. */
  readonly transfer?: readonly ArrayBuffer[];
}

/** Where jobs run: threads of this machine, this thread, or other machines. */
export interface Executor extends AsyncDisposable {
  /** Jobs at once. */
  readonly workers: number;
  /** Never rejects: a crash, a time-out and an abort are outcomes, and the others go on. First come, first served. */
  run<I, R>(job: Job<I, R>, options?: ExecuteOptions): Promise<Outcome<R>>;
}

export interface Stored {
  readonly records: readonly PlainRecord[];
  /** What computing them took. */
  readonly seconds: number;
}

/** Where results are kept by their keys. */
export interface Store {
  /** Undefined when absent or damaged. */
  get(key: JobKey): Promise<Stored | undefined>;
  /** Once it returns true, the result survives the process. */
  put(key: JobKey, result: Stored): Promise<boolean>;
}

/** Where jobs run and results are kept: this machine, or others. */
export interface Place {
  /** @param count of jobs; @param limited whether a job may have to be ended */
  executor(count: number, limited: boolean): Promise<Executor>;
  store(): Promise<Store | undefined>;
  /** On this thread, for functions that no other has: what a program defines itself. */
  here(jobs: JobTable): Promise<Executor>;
  /** Makes bytes known to the jobs that run there. @returns their hash, by which jobs name them */
  keep(bytes: Uint8Array): Promise<string>;
  readonly digest: Digest;
  /** Of this program: results of others are not taken for its own. */
  readonly version: string;
  /** Milliseconds on a clock that only goes forward. */
  now(): number;
}
