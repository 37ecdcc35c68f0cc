/** @file Queries about network files, decided on threads: one, or as many as a benchmark has. */

import { UserError } from "../graph/fault.ts";
import type { Verifier } from "../methods/verify/types.ts";
import { hashPlain } from "../runtime/hash.ts";
import type { KeyedJob, Outcome, Place } from "../runtime/jobs.ts";
import { runJobs } from "../runtime/run-jobs.ts";
import type { Arithmetic } from "../spec/types.ts";
import { verify as verifyKind } from "./jobs/kinds.ts";
import type { NamedBlob, VerifyInput } from "./jobs/verify.ts";
import type { Decision } from "./verify/types.ts";

/** A query, the network that it is about, and how long it may take. */
export interface Instance {
  readonly model: NamedBlob;
  readonly query: NamedBlob;
  /** Undefined: as long as it takes. */
  readonly seconds?: number | undefined;
}

export interface VerifyTerms {
  readonly verifiers: readonly Verifier[];
  /** `float32`, the default, encloses the network as it runs; `real` decides nothing but what is broken. */
  readonly arithmetic?: Arithmetic | undefined;
  /** False: no inputs are searched for. */
  readonly attack?: boolean | undefined;
  readonly seed?: number | undefined;
  readonly memory?: number | undefined;
  readonly resume?: boolean | undefined;
  /** A time-out is an answer, and kept for `resume` as others are; by default it is tried again. */
  readonly keepsTimeouts?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How an instance ended, and in how many seconds; an error is told in one line. */
export interface Ended {
  readonly seconds: number;
  readonly decision?: Decision;
  readonly error?: { readonly message: string; readonly refused: boolean };
}

/** Raised whenever a decision or what it says changes. */
const VERSION = 2;

/** What a job that sees its end coming is given to end by itself. */
const GRACE_SECONDS = 2;

/**
 * @param ended told of each as it ends, and whether the store knew it
 * @returns in the order of the instances
 * @throws UserError when it is interrupted
 */
export async function verifyAll(
  place: Place,
  instances: readonly Instance[],
  terms: VerifyTerms,
  ended: (index: number, end: Ended, stored: boolean) => void = () => {},
): Promise<Ended[]> {
  const { verifiers, arithmetic = "float32", attack = true, seed = 0, memory, resume = false, signal } = terms;
  const limited = instances.some(({ seconds }) => seconds !== undefined);
  const executor = await place.executor(instances.length, limited);
  const store = await place.store();
  const longest = Math.max(...instances.map(({ seconds }) => seconds ?? Number.POSITIVE_INFINITY));
  // loaded where something may come from outside
  const parser = store && (await verifyKind.parsers()).record;
  const outcomes = await runJobs(
    instances.map(({ model, query, seconds }): KeyedJob<VerifyInput, Decision> => {
      const chosen = verifiers.map(({ id, settings }) => ({ id, options: settings }));
      const settings = { verifiers: chosen, arithmetic, attack, seed, memoryBudget: memory, seconds: seconds ?? null };
      const versions = verifiers.map(({ id, version }) => `${id}/${version}`);
      const asked = { ...settings, verifiers: chosen.map(({ options }) => ({ ...options })), versions };
      return {
        kind: verifyKind.id,
        label: `${query.fileName} of ${model.fileName}`,
        input: { model, query, ...settings },
        key: {
          model: model.sha256,
          method: { id: verifyKind.id, version: VERSION },
          options: JSON.parse(JSON.stringify(asked)),
          chunk: hashPlain(query.sha256, place.digest),
        },
      };
    }),
    {
      executor,
      store,
      resume,
      signal,
      ...(parser && { parse: parser.parse }),
      ...(!terms.keepsTimeouts && { isUnfinished: verifyKind.isUnfinished }),
      ...(limited && { timeoutMs: 1000 * (longest + GRACE_SECONDS) }),
      onProgress: (event) => event.kind === "job" && ended(event.index, endOf(event.outcome), event.stored),
    },
  );
  if (signal?.aborted) throw new UserError("interrupted", "interrupted; what is decided is kept for --resume");
  return outcomes.map(endOf);
}

function endOf(outcome: Outcome<Decision>): Ended {
  switch (outcome.kind) {
    case "done":
      return { seconds: outcome.seconds, decision: outcome.records[0]! };
    case "timeout":
      return { seconds: outcome.seconds, decision: { ...NOTHING, verdict: "timed-out" } };
    case "aborted":
      return { seconds: 0, decision: { ...NOTHING, detail: "interrupted" } };
    default:
      return { seconds: 0, error: { message: outcome.message, refused: outcome.kind === "refused" } };
  }
}

const NOTHING: Decision = {
  verdict: "unknown",
  arithmetic: "float32",
  cases: 0,
  proved: 0,
  empty: 0,
  margin: null,
  steps: [],
};
