/** @file Attacks on the inputs that a model gets right, one after the other on what still stands. */

import { outputOf } from "../data/classes.ts";
import { usage } from "../graph/fault.ts";
import { attackFamily } from "../methods/attack/index.ts";
import type { Attack, AttackLoss } from "../methods/attack/types.ts";
import { checkMethods } from "../methods/family.ts";
import { withShared } from "../methods/options.ts";
import { type Answer, type AttackRecord, type Chunk, unansweredReason } from "../methods/records.ts";
import type { Threat } from "../spec/types.ts";
import { withSets } from "./boxes.ts";
import { pick } from "./engine.ts";
import type { Examination } from "./examination.ts";
import * as jobs from "./jobs/kinds.ts";
import { ownAttack } from "./jobs/own.ts";
import type { ResultFile } from "./result-schema.ts";
import { type Asked, falsified, finite, type Outcome, remarksOf, resultFile, resultsOf } from "./results.ts";
import { type Bisection, bisect, rising } from "./sweep.ts";
import { NOT_YET, type SearchTerms, settled, type Witnesses, witnessesFor } from "./witnesses.ts";

export interface AttackRequest extends SearchTerms {
  /** In the order in which they are tried on what still stands. */
  readonly attacks: readonly Attack[];
  /** Options of all attacks that have them; what an attack was given by `with` stays. */
  readonly steps?: number | undefined;
  readonly restarts?: number | undefined;
  readonly loss?: AttackLoss | undefined;
  /** Of a gradient step, in radii of the set. */
  readonly relativeStep?: number | undefined;
  /** The label to reach; without it any wrong answer will do. */
  readonly target?: number | undefined;
}

export interface Attacked {
  readonly file: ResultFile;
  /** The best that was found for each input that was attacked. */
  readonly attacked: readonly AttackRecord[];
  readonly witnesses: Witnesses;
}

/** @throws NotApplicable, UserError: a target that is no class, an interruption */
export const attack = async (opened: Examination, request: AttackRequest): Promise<Attacked> =>
  (await attackEach(opened, request, [request.epsilon]))[0]!;

/** What fell, and within which radius. */
interface Fallen {
  readonly record: AttackRecord;
  readonly epsilon: number;
}

/**
 * The same within several radii, from the smallest to the largest: what falls within one has fallen within all larger ones, which
 * contain it, and is not attacked there again.
 *
 * @returns in the order of `epsilons`
 * @throws as `attack`
 */
export async function attackEach(
  opened: Examination,
  request: AttackRequest,
  epsilons: readonly (number | undefined)[],
): Promise<Attacked[]> {
  const { target: label, steps, restarts, loss, relativeStep } = request;
  const attacks = withShared(request.attacks, { steps, restarts, loss, relativeStep });
  await checkMethods(attackFamily, attacks);
  const target = label === undefined ? undefined : targetOf(opened, label);
  const witnesses = witnessesFor(opened, request);
  const fallen = new Map<number, Fallen>();
  const done = new Map<number | undefined, Attacked>();
  for (const epsilon of rising(epsilons)) {
    const { examination, threat, box } = await withSets(opened, { ...request, epsilon });
    const { best, seconds } = await attackOnce(examination, { attacks, threat, target, witnesses, fallen });
    const found = { best, seconds, witnesses, target, fallen };
    const results = resultsOf(examination, (asked) => resultOf(asked, found));
    const { provenance } = request;
    const run = { provenance, methods: attacks, threat, box, arithmetic: null, target: label };
    const records = [...best.values()].flatMap((answer) => (answer.kind === "done" ? [answer.record] : []));
    done.set(epsilon, { file: resultFile(examination, run, results), attacked: records, witnesses });
    for (const [i, answer] of best)
      if (answer.kind === "done" && answer.record.falsified)
        fallen.set(i, { record: answer.record, epsilon: threat.epsilon });
  }
  return epsilons.map((epsilon) => done.get(epsilon)!);
}

/**
 * For each input the smallest radius up to epsilon within which an attack finds a witness: an upper bound of the smallest that there
 * is. The witness is the one found there.
 *
 * @throws as `attack`; UserError (usage) without an epsilon
 */
export async function attackMinimal(
  opened: Examination,
  request: AttackRequest,
  minimal: Bisection,
): Promise<Attacked> {
  const { target: label, steps, restarts, loss, relativeStep, epsilon: top, provenance } = request;
  if (top === undefined) throw usage("the smallest radius is looked for up to an epsilon; state it");
  const attacks = withShared(request.attacks, { steps, restarts, loss, relativeStep });
  await checkMethods(attackFamily, attacks);
  const { examination, threat } = await withSets(opened, request);
  const target = label === undefined ? undefined : targetOf(opened, label);
  const fallen = new Map<number, Fallen>();
  const best = new Map<number, Answer<AttackRecord>>();
  const seconds = new Map<number, number>();
  await bisect(examination.correct, top, minimal, async (epsilon, correct) => {
    const terms = { attacks, threat: { ...threat, epsilon }, target, witnesses: NOT_YET, fallen: NONE };
    const found = await attackOnce({ ...examination, correct }, terms);
    for (const [i, spent] of found.seconds) seconds.set(i, (seconds.get(i) ?? 0) + spent);
    for (const [i, answer] of found.best) {
      if (epsilon === top) best.set(i, answer);
      if (answer.kind === "done" && answer.record.falsified) fallen.set(i, { record: answer.record, epsilon });
    }
    return new Set(correct.filter((i) => isFalsified(found.best.get(i))));
  });
  const witnesses = witnessesFor(opened, request);
  const smallest = settled(fallen, witnesses, (positions) => pick(opened.chunk, positions));
  const found = { best, seconds, witnesses, target, fallen: smallest };
  const results = resultsOf(examination, (asked) => {
    if (asked.label === target) return resultOf(asked, found);
    const falsified = smallest.get(asked.position)?.epsilon ?? null;
    const spent = seconds.get(asked.position) ?? 0;
    return { ...resultOf(asked, found), seconds: spent, bracket: { proved: null, falsified } };
  });
  const run = { provenance, methods: attacks, threat, box: undefined, arithmetic: null, target: label, minimal };
  return {
    file: resultFile(examination, run, results),
    attacked: [...best.values()].flatMap((answer) => (answer.kind === "done" ? [answer.record] : [])),
    witnesses,
  };
}

const NONE: ReadonlyMap<number, Fallen> = new Map();

/** All attacks within one radius, on what has not fallen within a smaller one. */
async function attackOnce(
  { chunk, correct, engine, seed }: Examination,
  {
    attacks,
    threat,
    target,
    witnesses,
    fallen,
  }: {
    readonly attacks: readonly Attack[];
    readonly threat: Threat;
    readonly target: number | undefined;
    readonly witnesses: Pick<Witnesses, "receive">;
    readonly fallen: ReadonlyMap<number, Fallen>;
  },
) {
  const best = new Map<number, Answer<AttackRecord>>();
  const seconds = new Map<number, number>();
  for (const method of attacks) {
    const open = correct.filter((i) => !fallen.has(i) && !isFalsified(best.get(i)) && chunk.labels[i] !== target);
    const answers = await engine.run(
      {
        job: jobs.attack,
        what: `attacking with ${method.title}`,
        method,
        own: ownAttack(method),
        settings: { threat, seed, options: method.settings },
        inputs: withTarget(pick(chunk, open), target),
      },
      witnesses.receive(method.id),
    );
    for (const [k, answer] of answers.entries()) {
      const i = open[k]!;
      best.set(i, better(best.get(i), answer));
      seconds.set(i, (seconds.get(i) ?? 0) + (answer.kind === "done" ? answer.seconds : 0));
    }
  }
  return { best, seconds };
}

/** The output that stands for a label. @throws UserError (usage) */
function targetOf({ inputs: { naming }, network }: Examination, label: number): number {
  const target = outputOf(naming, label);
  if (target >= 0 && target < network.classes) return target;
  const known = naming.labels ? `the labels ${naming.labels}` : `the classes 0 to ${network.classes - 1}`;
  throw usage(`--target ${label}: the model has ${known}`);
}

const isFalsified = (answer: Answer<AttackRecord> | undefined): boolean =>
  answer?.kind === "done" && answer.record.falsified;

function better(before: Answer<AttackRecord> | undefined, now: Answer<AttackRecord>): Answer<AttackRecord> {
  if (before?.kind !== "done") return now;
  if (now.kind !== "done") return before;
  const wins = now.record.falsified || now.record.margin < before.record.margin;
  return wins ? now : before;
}

const withTarget = (inputs: Chunk, target: number | undefined): Chunk =>
  target === undefined ? inputs : { ...inputs, targets: new Int32Array(inputs.labels.length).fill(target) };

/** By position. */
interface Found {
  readonly best: ReadonlyMap<number, Answer<AttackRecord>>;
  readonly seconds: ReadonlyMap<number, number>;
  readonly witnesses: Witnesses;
  readonly target: number | undefined;
  /** Within smaller radii. */
  readonly fallen: ReadonlyMap<number, Fallen>;
}

function resultOf(asked: Asked, { best, seconds, witnesses, target, fallen }: Found): Outcome {
  if (asked.label === target) return { verdict: "already-there", margin: asked.clean, seconds: 0 };
  const before = fallen.get(asked.position);
  if (before) return { ...falsified(asked, before.record, 0, witnesses), foundAt: before.epsilon };
  const answer = best.get(asked.position);
  const spent = seconds.get(asked.position) ?? 0;
  const unknown = { verdict: "unknown", seconds: spent } as const;
  if (answer?.kind !== "done")
    return { ...unknown, margin: asked.clean, reason: answer ? unansweredReason(answer) : "not-falsified" };
  const { record } = answer;
  if (record.falsified) return falsified(asked, record, spent, witnesses);
  return { ...unknown, ...remarksOf(record), margin: finite(record.margin), reason: "not-falsified" };
}
