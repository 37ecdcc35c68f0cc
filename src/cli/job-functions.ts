/** @file What the jobs do: find the subject and the compiled method on this thread, and examine one chunk. */

import type { AttackLoss, PreparedAttack } from "../methods/attack/types.ts";
import { attackChunk, boundChunk, type Chunk, predictChunk, type Subject } from "../methods/examine.ts";
import { attackOf, verifierOf } from "../methods/index.ts";
import type { Threat } from "../methods/problem.ts";
import type { PreparedVerifier } from "../methods/verify/types.ts";
import { canonicalJson } from "../runtime/hash.ts";
import type { Plain, PlainRecord } from "../runtime/jobs.ts";
import { createRuntime } from "../runtime/node.ts";
import type { LoadedModel } from "../runtime/node-model.ts";
import type { Device, Runtime } from "../runtime/session.ts";
import type { Arithmetic } from "../transforms/interval.ts";
import { CODES } from "./errors.ts";
import { openSubject, type SubjectSpec } from "./subject.ts";

export interface AttackSettings {
  readonly threat: Threat;
  readonly seed: number;
  readonly steps?: number | undefined;
  readonly restarts?: number | undefined;
  readonly loss?: AttackLoss | undefined;
}

export interface BoundSettings {
  readonly threat: Threat;
  readonly arithmetic: Arithmetic;
}

export interface JobInput<Settings> {
  readonly subject: SubjectSpec;
  /** Id of the attack or verifier. */
  readonly method: string;
  readonly settings: Settings;
  readonly chunk: Chunk;
  /** For methods that examine it. */
  readonly training?: Chunk | undefined;
  /** Bytes that the intermediate results of one run may take; by default what the methods say. */
  readonly memoryBudget?: number | undefined;
}

/** The answer of a method that does not apply to the model: known beforehand, and the same on every run. */
export interface Refusal {
  readonly refused: true;
  readonly name: string;
  readonly message: string;
}

type Settled = PlainRecord;

/** Runs a job; errors that a user can act on become its result, since only text crosses from a worker. */
export const answering =
  <A extends readonly unknown[]>(run: (...input: A) => Promise<Settled[]>) =>
  async (...input: A): Promise<Settled[]> => {
    try {
      return await run(...input);
    } catch (error) {
      if (!(error instanceof Error) || CODES[error.name] === undefined) throw error;
      return [{ refused: true, name: error.name, message: error.message } satisfies Refusal];
    }
  };

const subjects = new Map<string, Promise<Subject>>();
const runtimes = new Map<Device, Runtime>();
const prepared = new Map<string, Promise<PreparedAttack | PreparedVerifier>>();

/** Compiled methods kept on a thread; their sessions live in the runtime's cache. */
const KEPT = 8;

export function subjectOf(spec: SubjectSpec, loaded?: LoadedModel): Promise<Subject> {
  const key = canonicalJson({ ...spec, normalisation: spec.normalisation && { ...spec.normalisation } });
  const known = subjects.get(key);
  if (known) return known;
  const subject = openSubject(spec, loaded);
  subjects.set(key, subject);
  subject.catch(() => subjects.delete(key));
  return subject;
}

/** Spares the main thread a second reading of a model that it has read. */
export const adoptModel = (spec: SubjectSpec, model: LoadedModel): Promise<Subject> => subjectOf(spec, model);

export function runtimeOn(device: Device): Runtime {
  const runtime = runtimes.get(device) ?? createRuntime({ device });
  runtimes.set(device, runtime);
  return runtime;
}

async function methodOf<P extends PreparedAttack | PreparedVerifier>(
  input: JobInput<Plain | AttackSettings | BoundSettings>,
  prepare: (subject: Subject, runtime: Runtime) => Promise<P>,
): Promise<{ subject: Subject; method: P }> {
  const subject = await subjectOf(input.subject);
  const { method, settings, memoryBudget } = input;
  const key = `${method} ${subject.network.hash} ${input.subject.device} ${memoryBudget} ${JSON.stringify(settings)}`;
  let found = prepared.get(key) as Promise<P> | undefined;
  if (!found) {
    found = prepare(subject, runtimeOn(input.subject.device));
    prepared.set(key, found);
    found.catch(() => prepared.delete(key));
    const [oldest] = prepared.keys();
    if (prepared.size > KEPT) prepared.delete(oldest!);
  }
  return { subject, method: await found };
}

const budgetOf = ({ memoryBudget }: JobInput<unknown>) => (memoryBudget === undefined ? {} : { memoryBudget });

export const predictJob = answering(async (input: JobInput<null>) =>
  predictChunk(await subjectOf(input.subject), input.chunk),
);

export const attackJob = answering(async (input: JobInput<AttackSettings>) => {
  const { threat, seed, ...rest } = input.settings;
  const stated = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  const { subject, method } = await methodOf(input, ({ network }, runtime) =>
    attackOf(input.method).prepare(network, runtime, { threat, seed, ...stated, ...budgetOf(input) }),
  );
  return attackChunk(subject, method, threat, input.chunk);
});

export const boundJob = answering(async (input: JobInput<BoundSettings>) => {
  const { subject, method } = await methodOf(input, ({ network }, runtime) =>
    verifierOf(input.method).prepare(network, runtime, { ...input.settings, ...budgetOf(input) }),
  );
  return boundChunk(subject, method, input.settings.threat, input.chunk);
});
