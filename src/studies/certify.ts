/** @file Proofs for the inputs that a model gets right, held against points of the sets and an attack. */

import { standardAttack } from "../methods/attack/index.ts";
import type { Contradiction } from "../methods/audit/types.ts";
import { type AttackRecord, unansweredReason } from "../methods/records.ts";
import type { Verifier } from "../methods/verify/types.ts";
import type { Arithmetic, Threat } from "../spec/types.ts";
import type { UnknownReason } from "../spec/verdict.ts";
import { raiseAlarm } from "./alarm.ts";
import { type SetTerms, withSets } from "./boxes.ts";
import { NotApplicable, pick } from "./engine.ts";
import type { Examination } from "./examination.ts";
import type { BoundSettings } from "./jobs/examine.ts";
import * as jobs from "./jobs/kinds.ts";
import { finite, type InputResult, type ResultFile, remarksOf, resultFile } from "./results.ts";
import { extentOf, inlineWitnesses, type MakeWitnesses, type Witnesses } from "./witnesses.ts";

/** The attack against what is proved: quick, for its task is to tell broken from unknown. */
const QUICK_ATTACK = { steps: 20, restarts: 1 } as const;

export interface CertifyRequest extends SetTerms {
  /** In the order in which they are tried on what is still unproved. */
  readonly verifiers: readonly Verifier[];
  /** `float32`, the default, encloses the network as it runs; `real` proves nothing of it, and is for comparison. */
  readonly arithmetic?: Arithmetic | undefined;
  /** False: no attack is held against the proofs. */
  readonly attack?: boolean | undefined;
  readonly witnesses?: MakeWitnesses | undefined;
}

export interface Certified {
  readonly file: ResultFile;
  /** What the attack came to, where it had an answer. */
  readonly attacked: readonly AttackRecord[];
  /** Inputs bounded in real arithmetic that are broken in float32. */
  readonly roundingDecides: number;
  readonly witnesses: Witnesses;
}

interface Proof {
  readonly method: string;
  readonly verified: boolean;
  readonly lower: number;
}

/**
 * @throws SoundnessAlarm where an input is proved and broken at once; NotApplicable where no verifier applies; UserError when
 *   it is interrupted
 */
export async function certify(
  opened: Examination,
  { verifiers, arithmetic = "float32", attack = true, witnesses: make, ...sets }: CertifyRequest,
): Promise<Certified> {
  const { examination, threat, box } = await withSets(opened, sets);
  const { proofs, sampled, seconds, reasons } = await prove(examination, verifiers, { threat, arithmetic });
  const { chunk, correct, network } = examination;
  const proved = new Set([...proofs].flatMap(([i, { verified }]) => (verified ? [chunk.indices[i]!] : [])));
  const extent = extentOf(chunk, network, correct.length);
  const witnesses = make?.(extent, (index) => proved.has(index)) ?? inlineWitnesses;
  const searched = attack ? await tryToBreak(examination, threat, seconds, witnesses) : [];
  // a point that was drawn counts where the attack found none
  const broken = new Set(searched.flatMap(([i, { falsified }]) => (falsified ? [i] : [])));
  const attacked = new Map([...searched, ...[...sampled].filter(([i]) => !broken.has(i))]);
  const conflicts = contradictionsOf(proofs, attacked, threat);
  const real = arithmetic === "real";
  if (conflicts.length > 0 && !real) raiseAlarm(examination, threat.norm, conflicts);
  const results = inputResults(examination, { proofs, attacked, seconds, reasons, witnesses, real });
  return {
    file: resultFile(examination, { methods: verifiers, threat, box, arithmetic }, results),
    attacked: searched.map(([, record]) => record),
    roundingDecides: conflicts.length,
    witnesses,
  };
}

/** Verifiers one after the other, each on what is still unproved; the best bound of each input counts. */
async function prove(examination: Examination, verifiers: readonly Verifier[], settings: BoundSettings) {
  const proofs = new Map<number, Proof>();
  const sampled = new Map<number, AttackRecord>();
  const seconds = new Map<number, number>();
  const reasons = new Map<number, UnknownReason>();
  const details = new Set<string>();
  const refused: NotApplicable[] = [];
  for (const verifier of verifiers) {
    const open = examination.correct.filter((i) => !proofs.get(i)?.verified);
    const answers = await examination.engine
      .run({
        job: jobs.bound,
        what: `proving with ${verifier.title}`,
        method: verifier,
        settings,
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
      if (answer.kind !== "done") {
        if (!reasons.has(i)) reasons.set(i, unansweredReason(answer));
        continue;
      }
      seconds.set(i, (seconds.get(i) ?? 0) + answer.seconds);
      const { verified, lower, reason, detail } = answer.record;
      if (detail !== undefined) details.add(`${verifier.id}: ${detail}`);
      reasons.set(i, reason ?? "relaxation-too-loose");
      if (answer.record.sampled) sampled.set(i, answer.record.sampled);
      if (lower > (proofs.get(i)?.lower ?? Number.NEGATIVE_INFINITY)) {
        proofs.set(i, { method: verifier.id, verified, lower });
      }
    }
  }
  for (const detail of details) examination.progress.say(detail);
  return { proofs, sampled, seconds, reasons };
}

/** Attacks all inputs, the proved ones too: a witness against a proof is the alarm that no test may miss. */
async function tryToBreak(
  { engine, chunk, correct, seed, progress }: Examination,
  threat: Threat,
  seconds: Map<number, number>,
  witnesses: Witnesses,
): Promise<[position: number, record: AttackRecord][]> {
  const method = standardAttack;
  const task = { job: jobs.attack, what: "looking for witnesses", method, inputs: pick(chunk, correct) };
  const answers = await engine
    .run({ ...task, settings: { threat, seed, ...QUICK_ATTACK } }, witnesses.receive(method.id))
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

function contradictionsOf(
  proofs: ReadonlyMap<number, Proof>,
  attacked: ReadonlyMap<number, AttackRecord>,
  { epsilon }: Threat,
): Contradiction[] {
  return [...attacked].flatMap(([position, record]) => {
    const proof = proofs.get(position);
    if (!proof?.verified || record.witness === undefined) return [];
    const found = { method: standardAttack.id, epsilon, record: { ...record, witness: record.witness } };
    return [{ position, proof: { method: proof.method, epsilon, lower: proof.lower }, found }];
  });
}

/** By position. */
interface Outcomes {
  readonly proofs: ReadonlyMap<number, Proof>;
  readonly attacked: ReadonlyMap<number, AttackRecord>;
  readonly seconds: ReadonlyMap<number, number>;
  readonly reasons: ReadonlyMap<number, UnknownReason>;
  readonly witnesses: Witnesses;
  readonly real: boolean;
}

function inputResults(
  { chunk, predictions }: Examination,
  { proofs, attacked, seconds, reasons, witnesses, real }: Outcomes,
): InputResult[] {
  return predictions.map(({ predicted, margin }, i) => {
    const base = { index: chunk.indices[i]!, label: chunk.labels[i]!, predicted };
    if (predicted !== base.label) return { ...base, verdict: "misclassified", margin: finite(margin), seconds: 0 };
    const spent = seconds.get(i) ?? 0;
    const broken = attacked.get(i);
    if (broken?.falsified) {
      const witness = witnesses.of(base.index, broken.witness, base.label);
      return {
        ...base,
        predicted: broken.predicted,
        verdict: "falsified",
        margin: finite(broken.margin),
        seconds: spent,
        ...remarksOf(broken),
        ...(witness && { witness }),
      };
    }
    const proof = proofs.get(i);
    const lower = finite(proof?.lower ?? Number.NEGATIVE_INFINITY);
    if (proof?.verified) return { ...base, verdict: real ? "bounded" : "certified", margin: lower, seconds: spent };
    return {
      ...base,
      ...(broken && remarksOf(broken)),
      verdict: "unknown",
      margin: lower,
      seconds: spent,
      reason: reasons.get(i) ?? "unsupported-op",
    };
  });
}
