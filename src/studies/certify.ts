/** @file Proofs for the inputs that a model gets right, held against points of the sets and an attack. */

import { standardAttack } from "../methods/attack/index.ts";
import type { Contradiction } from "../methods/audit/types.ts";
import { checkMethods } from "../methods/family.ts";
import { type AttackRecord, recordOf, unansweredReason } from "../methods/records.ts";
import { verifyFamily } from "../methods/verify/index.ts";
import type { Verifier } from "../methods/verify/types.ts";
import type { Arithmetic, Threat } from "../spec/types.ts";
import type { UnknownReason, Verdict } from "../spec/verdict.ts";
import { raiseAlarm } from "./alarm.ts";
import { withSets } from "./boxes.ts";
import { NotApplicable, pick } from "./engine.ts";
import type { Examination } from "./examination.ts";
import type { BoundSettings } from "./jobs/examine.ts";
import * as jobs from "./jobs/kinds.ts";
import { ownVerifier } from "./jobs/own.ts";
import type { ResultFile } from "./result-schema.ts";
import { type Asked, falsified, finite, type Outcome, remarksOf, resultFile, resultsOf } from "./results.ts";
import { type SearchTerms, type Witnesses, witnessesFor } from "./witnesses.ts";

/** The attack against what is proved: its task is to tell broken from unknown. */
const QUICK_ATTACK = standardAttack.with(standardAttack.quick ?? {});

export interface CertifyRequest extends SearchTerms {
  /** In the order in which they are tried on what is still unproved. */
  readonly verifiers: readonly Verifier[];
  /** `float32`, the default, encloses the network as it runs; `real` proves nothing of it, and is for comparison. */
  readonly arithmetic?: Arithmetic | undefined;
  /** False: no attack is held against the proofs. */
  readonly attack?: boolean | undefined;
}

export interface Certified {
  readonly file: ResultFile;
  /** What the attack came to, where it had an answer. */
  readonly attacked: readonly AttackRecord[];
  /** Inputs bounded in real arithmetic that are broken in float32. */
  readonly roundingDecides: number;
  readonly witnesses: Witnesses;
}

/** The best that verifiers say of an input. */
interface Bound {
  readonly method: string;
  readonly verdict: Verdict;
}

const holds = (bound: Bound | undefined): boolean => bound !== undefined && bound.verdict.kind !== "unknown";

/**
 * @throws SoundnessAlarm where an input is proved and broken at once; NotApplicable where no verifier applies; UserError when
 *   it is interrupted
 */
export async function certify(opened: Examination, request: CertifyRequest): Promise<Certified> {
  const { verifiers, arithmetic = "float32", attack = true } = request;
  await checkMethods(verifyFamily, verifiers);
  const { examination, threat, box } = await withSets(opened, request);
  const { bounds, sampled, seconds, reasons } = await prove(examination, verifiers, { threat, arithmetic });
  const { chunk } = examination;
  const held = new Set([...bounds].flatMap(([i, bound]) => (holds(bound) ? [chunk.indices[i]!] : [])));
  const witnesses = witnessesFor(examination, request, (index) => held.has(index));
  const searched = attack ? await tryToBreak(examination, threat, seconds, witnesses) : [];
  // a point that was drawn counts where the attack found none
  const broken = new Set(searched.flatMap(([i, { falsified }]) => (falsified ? [i] : [])));
  const attacked = new Map([...searched, ...[...sampled].filter(([i]) => !broken.has(i))]);
  const conflicts = contradictionsOf(bounds, attacked, threat);
  if (conflicts.length > 0) raiseAlarm(examination, threat.norm, conflicts);
  const found = { bounds, attacked, seconds, reasons, witnesses };
  const results = resultsOf(examination, (asked) => resultOf(asked, found));
  return {
    file: resultFile(
      examination,
      {
        provenance: request.provenance,
        methods: verifiers,
        against: attack ? [QUICK_ATTACK] : [],
        threat,
        box,
        arithmetic,
      },
      results,
    ),
    attacked: searched.map(([, record]) => record),
    roundingDecides: [...attacked].filter(([i, { witness }]) => witness !== undefined && holds(bounds.get(i))).length,
    witnesses,
  };
}

/** Verifiers one after the other, each on what is still unproved; the best bound of each input counts. */
async function prove(
  examination: Examination,
  verifiers: readonly Verifier[],
  settings: Omit<BoundSettings, "options">,
) {
  const bounds = new Map<number, Bound>();
  const sampled = new Map<number, AttackRecord>();
  const seconds = new Map<number, number>();
  const reasons = new Map<number, UnknownReason>();
  const details = new Set<string>();
  const refused: NotApplicable[] = [];
  for (const verifier of verifiers) {
    const open = examination.correct.filter((i) => !holds(bounds.get(i)));
    const answers = await examination.engine
      .run({
        job: jobs.bound,
        what: `proving with ${verifier.title}`,
        method: verifier,
        own: ownVerifier(verifier),
        settings: { ...settings, options: verifier.settings },
        inputs: pick(examination.chunk, open),
      })
      .catch((error: unknown) => {
        if (!(error instanceof NotApplicable)) throw error;
        refused.push(error);
        if (refused.length === verifiers.length) throw error;
        examination.progress.say(`${verifier.id} does not apply: ${error.message}`);
        return [];
      });
    for (const [k, answer] of answers.entries()) {
      const i = open[k]!;
      if (answer.kind === "done") seconds.set(i, (seconds.get(i) ?? 0) + answer.seconds);
      else if (!reasons.has(i)) reasons.set(i, unansweredReason(answer));
      const record = recordOf(answer);
      if (!record) continue;
      const { verdict, sampled: point } = record;
      if (verdict.kind === "unknown") {
        if (verdict.detail !== undefined) details.add(`${verifier.id}: ${verdict.detail}`);
        if (answer.kind === "done") reasons.set(i, verdict.reason);
      }
      if (point) sampled.set(i, point);
      const bound = { method: verifier.id, verdict };
      const best = bounds.get(i)?.verdict.margin ?? Number.NEGATIVE_INFINITY;
      if (holds(bound) || verdict.margin > best) bounds.set(i, bound);
    }
  }
  for (const detail of details) examination.progress.say(detail);
  return { bounds, sampled, seconds, reasons };
}

/** Attacks all inputs, the proved ones too: a witness against a proof is the alarm that no test may miss. */
async function tryToBreak(
  { engine, chunk, correct, seed, progress }: Examination,
  threat: Threat,
  seconds: Map<number, number>,
  witnesses: Witnesses,
): Promise<[position: number, record: AttackRecord][]> {
  const method = QUICK_ATTACK;
  const task = { job: jobs.attack, what: "looking for witnesses", method, inputs: pick(chunk, correct) };
  const answers = await engine
    .run({ ...task, settings: { threat, seed, options: method.settings } }, witnesses.receive(method.id))
    .catch((error: unknown) => {
      // proofs stand without an attack; what is not proved stays unknown
      if (!(error instanceof NotApplicable)) throw error;
      progress.say(`no attack: ${error.message}`);
      return [];
    });
  return answers.flatMap((answer, k): [number, AttackRecord][] => {
    if (answer.kind !== "done") return [];
    const position = correct[k]!;
    seconds.set(position, (seconds.get(position) ?? 0) + answer.seconds);
    return [[position, answer.record]];
  });
}

/** Of proofs alone: what is bounded over the reals may be broken by rounding. */
function contradictionsOf(
  bounds: ReadonlyMap<number, Bound>,
  attacked: ReadonlyMap<number, AttackRecord>,
  { epsilon }: Threat,
): Contradiction[] {
  return [...attacked].flatMap(([position, record]) => {
    const bound = bounds.get(position);
    if (bound?.verdict.kind !== "verified" || record.witness === undefined) return [];
    const found = { method: standardAttack.id, epsilon, record: { ...record, witness: record.witness } };
    return [{ position, proof: { method: bound.method, epsilon, lower: bound.verdict.margin }, found }];
  });
}

/** By position. */
interface Found {
  readonly bounds: ReadonlyMap<number, Bound>;
  readonly attacked: ReadonlyMap<number, AttackRecord>;
  readonly seconds: ReadonlyMap<number, number>;
  readonly reasons: ReadonlyMap<number, UnknownReason>;
  readonly witnesses: Witnesses;
}

/** What is certified is verified: no other bound is called so. */
const NAMES = { verified: "certified", bounded: "bounded", unknown: "unknown" } as const;

function resultOf(asked: Asked, { bounds, attacked, seconds, reasons, witnesses }: Found): Outcome {
  const { position } = asked;
  const spent = seconds.get(position) ?? 0;
  const record = attacked.get(position);
  if (record?.falsified) return falsified(asked, record, spent, witnesses);
  const { kind, margin } = bounds.get(position)?.verdict ?? { kind: "unknown", margin: Number.NEGATIVE_INFINITY };
  const said = { verdict: NAMES[kind], margin: finite(margin), seconds: spent };
  if (kind !== "unknown") return said;
  return { ...said, ...(record && remarksOf(record)), reason: reasons.get(position) ?? "unsupported-op" };
}
