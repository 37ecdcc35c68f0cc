/** @file Inputs answered, attacked and bounded: what the jobs of one model and a chunk of inputs compute. */

import { attackFamily } from "../../methods/attack/index.ts";
import type { Attack, PreparedAttack } from "../../methods/attack/types.ts";
import { attackChunk, boundChunk, predictChunk } from "../../methods/examine.ts";
import { methodFrom } from "../../methods/modules.ts";
import type { Settings } from "../../methods/options.ts";
import type { Chunk, Subject } from "../../methods/records.ts";
import type { Tell } from "../../methods/time.ts";
import { verifyFamily } from "../../methods/verify/index.ts";
import type { PreparedVerifier, Verifier } from "../../methods/verify/types.ts";
import type { JobContext, ModuleFile } from "../../runtime/jobs.ts";
import type { Runtime } from "../../runtime/session.ts";
import type { Arithmetic, Threat } from "../../spec/types.ts";
import { type SubjectSpec, subjectOf } from "./subject.ts";

export interface AttackSettings {
  readonly threat: Threat;
  readonly seed: number;
  readonly options: Settings;
}

export interface BoundSettings {
  readonly threat: Threat;
  readonly arithmetic: Arithmetic;
  readonly options: Settings;
}

/** What jobs about one model are given. */
export interface ModelInput<Settings> {
  readonly subject: SubjectSpec;
  /** Id of the method. */
  readonly method: string;
  /** Where that is, for a method that is not listed. */
  readonly module?: ModuleFile | undefined;
  readonly settings: Settings;
  readonly chunk: Chunk;
  /** For methods that examine it. */
  readonly training?: Chunk | undefined;
}

interface Compiled {
  /** Whose it is: programs may define methods of one name. */
  readonly definition: object;
  readonly method: Promise<PreparedAttack | PreparedVerifier>;
}

const prepared = new Map<string, Compiled>();

/** Compiled methods kept on a thread; their sessions live in the runtime's cache. */
const KEPT = 8;

async function compiled<P extends PreparedAttack | PreparedVerifier>(
  { definition }: Attack | Verifier,
  input: ModelInput<AttackSettings | BoundSettings>,
  host: JobContext,
  prepare: (subject: Subject, runtime: Runtime) => Promise<P>,
): Promise<{ subject: Subject; method: P }> {
  const subject = await subjectOf(input.subject, host);
  const { method, settings } = input;
  const { device, memoryBudget } = input.subject;
  const key = `${method} ${subject.network.hash} ${device} ${memoryBudget} ${JSON.stringify(settings)}`;
  let found = prepared.get(key);
  if (found?.definition !== definition) {
    found = { definition, method: prepare(subject, host.runtime(input.subject.device)) };
    prepared.set(key, found);
    found.method.catch(() => prepared.delete(key));
    const [oldest] = prepared.keys();
    if (prepared.size > KEPT) prepared.delete(oldest!);
  }
  return { subject, method: (await found.method) as P };
}

const budgetOf = ({ subject: { memoryBudget } }: ModelInput<unknown>) =>
  memoryBudget === undefined ? {} : { memoryBudget };

/** Whole percents, each once: steps may be many, and the message of a thread costs more than some of them. */
function tellOf({ progress }: JobContext): Tell {
  let told = 0;
  return (done, total) => {
    const percent = Math.floor((100 * done) / total);
    if (percent <= told) return;
    told = percent;
    progress({ done: percent, total: 100 });
  };
}

export const predictJob = async (input: ModelInput<null>, host: JobContext) =>
  predictChunk(await subjectOf(input.subject, host), input.chunk);

export const attackJob = async (input: ModelInput<AttackSettings>, host: JobContext) =>
  attackWith(await methodFrom(attackFamily, input, host.module), input, host);

export async function attackWith(attack: Attack, input: ModelInput<AttackSettings>, host: JobContext) {
  const { threat, seed, options } = input.settings;
  const { subject, method } = await compiled(attack, input, host, ({ network }, runtime) =>
    attack.with(options).prepare(network, runtime, { threat, seed, ...budgetOf(input) }),
  );
  return attackChunk(subject, method, threat, input.chunk, host.left, tellOf(host));
}

export const boundJob = async (input: ModelInput<BoundSettings>, host: JobContext) =>
  boundWith(await methodFrom(verifyFamily, input, host.module), input, host);

export async function boundWith(verifier: Verifier, input: ModelInput<BoundSettings>, host: JobContext) {
  const { threat, arithmetic, options } = input.settings;
  const { subject, method } = await compiled(verifier, input, host, ({ network }, runtime) =>
    verifier.with(options).prepare(network, runtime, { norm: threat.norm, arithmetic, ...budgetOf(input) }),
  );
  return boundChunk(subject, method, threat, input.chunk, host.left, tellOf(host));
}
