/**
 * @file Jobs: units of work that may run anywhere, in any order, any number of times, with the same result.
 */

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

export interface Job<Input = unknown> {
  /** Its function's name in the job table. */
  readonly kind: string;
  /** Names the job in messages: "crown, images 64 to 127". */
  readonly label: string;
  /** Copied to the worker, so it must be plain data. */
  readonly input: Input;
}

/** A job whose result can be kept. */
export interface KeyedJob<Input = unknown> extends Job<Input> {
  readonly key: JobKey;
}

/** How a job ended. Only `done` is a result; the others may differ between runs. */
export type Outcome =
  | { readonly kind: "done"; readonly records: readonly PlainRecord[]; readonly seconds: number }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "timeout"; readonly seconds: number }
  | { readonly kind: "aborted" };

/** Steps of one job, in units of its own choosing. */
export interface JobProgress {
  readonly done: number;
  readonly total: number;
}

export interface JobContext {
  progress(step: JobProgress): void;
  /** These arrays' memory moves to the caller instead of being copied; the job must not use them afterwards. */
  transfer(...arrays: PlainArray[]): void;
}

/** A pure function of its input, but for the context. */
// biome-ignore lint/suspicious/noExplicitAny: each function knows its own input; the table cannot
export type JobFunction<Input = any> = (
  input: Input,
  context: JobContext,
) => Promise<readonly PlainRecord[]> | readonly PlainRecord[];

/** Every kind of job, loaded when first needed. A table module exports one as `jobs`. */
export type JobTable = Readonly<Record<string, () => Promise<JobFunction>>>;
