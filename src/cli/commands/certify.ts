import type { Contradiction } from "../../methods/audit/types.ts";
import { type Answer, type AttackRecord, unansweredReason } from "../../methods/examine.ts";
import { attackOf } from "../../methods/index.ts";
import type { Verifier } from "../../methods/verify/types.ts";
import { percent, secondsText } from "../../report/format.ts";
import { unknownText } from "../../report/read.ts";
import type { Threat } from "../../spec/types.ts";
import type { UnknownReason } from "../../spec/verdict.ts";
import { NotApplicable, pick } from "../../studies/engine.ts";
import type { AttackSettings, BoundSettings } from "../../studies/jobs/examine.ts";
import * as jobs from "../../studies/jobs/kinds.ts";
import { raiseAlarm } from "../alarm.ts";
import { readOptions } from "../config.ts";
import { chooseMethods } from "../method-names.ts";
import type { Options } from "../options.ts";
import { checkOutputFile } from "../output.ts";
import {
  attackRemarks,
  deliver,
  finite,
  gateCode,
  type InputResult,
  type ResultFile,
  remarksOf,
  resultFile,
} from "../results.ts";
import { type ExaminationSession, openSession } from "../session.ts";
import { threatOf } from "../subject.ts";
import { CERTIFY_OPTIONS, type Io } from "../verbs.ts";
import { createWitnesses, extentOf, type Witnesses } from "../witness-files.ts";
import { rateText, requiredEpsilon, threatText } from "./attack.ts";

type CertifyOptions = Options<(typeof CERTIFY_OPTIONS)[number]>;

const DEFAULT_METHOD = "crown";

/** The attack against what is proved: quick, for its task is to tell broken from unknown. */
const QUICK_ATTACK = { steps: 20, restarts: 1 } as const;

interface Proof {
  readonly method: string;
  readonly verified: boolean;
  readonly lower: number;
}

export async function certify(path: string, raw: Readonly<Record<string, unknown>>, io: Io): Promise<number> {
  const options: CertifyOptions = readOptions(CERTIFY_OPTIONS, raw);
  const norm = options.norm ?? "linf";
  const verifiers = chooseMethods("verify", options.method ?? [DEFAULT_METHOD], norm);
  const epsilon = requiredEpsilon(options);
  if (options.out !== undefined) checkOutputFile(options.out);
  await using session = await openSession(path, options, io);
  const threat = threatOf(session.inputs, norm, epsilon);
  const arithmetic = options.arithmetic ?? "float32";
  const { proofs, sampled, seconds, reasons } = await prove(session, verifiers, { threat, arithmetic });
  const { chunk, correct } = session;
  const proved = new Set([...proofs].flatMap(([i, { verified }]) => (verified ? [chunk.indices[i]!] : [])));
  const extent = extentOf(chunk, session.network, correct.length);
  const witnesses = createWitnesses(options, session.inputs, extent, (index) => proved.has(index));
  const searched = options.attack === false ? [] : await tryToBreak(session, threat, seconds, witnesses);
  // a point that was drawn counts where the attack found none
  const broken = new Set(searched.flatMap(([i, { falsified }]) => (falsified ? [i] : [])));
  const attacked = new Map([...searched, ...[...sampled].filter(([i]) => !broken.has(i))]);
  session.progress.end();
  const conflicts = contradictionsOf(proofs, attacked, threat);
  const real = arithmetic === "real";
  if (conflicts.length > 0 && !real) raiseAlarm(path, session, norm, conflicts);
  if (conflicts.length > 0) {
    session.progress.say(
      `${conflicts.length} inputs bounded in real arithmetic are broken in float32: rounding decides them; they count as falsified`,
    );
  }
  const file = resultFile(
    {
      path,
      sha256: session.model.sha256,
      bound: session.model.choice.bound,
      method: verifiers.map(({ id }) => id).join("+"),
      seed: session.seed,
      inputs: session.inputs,
      notices: session.notices,
      arithmetic,
      failures: session.engine.failures,
    },
    threat,
    inputResults(session, { proofs, attacked, seconds, reasons, witnesses, real }),
  );
  const lost = witnesses.lost();
  if (lost !== undefined) session.progress.say(lost);
  await deliver(file, options, summary(file, session, real), io);
  const { inputs, certified, falsified } = file.counts;
  return gateCode(options.gate, { least: certified, most: file.counts.correct - falsified, inputs });
}

/** Verifiers one after the other, each on what is still unproved; the best bound of each input counts. */
async function prove(session: ExaminationSession, verifiers: readonly Verifier[], settings: BoundSettings) {
  const proofs = new Map<number, Proof>();
  const sampled = new Map<number, AttackRecord>();
  const seconds = new Map<number, number>();
  const reasons = new Map<number, UnknownReason>();
  const details = new Set<string>();
  const refused: NotApplicable[] = [];
  for (const verifier of verifiers) {
    const open = session.correct.filter((i) => !proofs.get(i)?.verified);
    const answers = await session.engine
      .run({
        job: jobs.bound,
        what: `proving with ${verifier.title}`,
        method: verifier,
        settings,
        inputs: pick(session.chunk, open),
      })
      .catch((error: unknown) => {
        if (!(error instanceof NotApplicable)) throw error;
        refused.push(error);
        if (refused.length === verifiers.length) throw error;
        session.progress.say(`${verifier.id} does not apply: ${error.message}`);
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
  for (const detail of details) session.progress.say(detail);
  return { proofs, sampled, seconds, reasons };
}

/** Attacks all inputs, the proved ones too: a witness against a proof is the alarm that no test may miss. */
async function tryToBreak(
  session: ExaminationSession,
  threat: Threat,
  seconds: Map<number, number>,
  witnesses: Witnesses,
): Promise<[position: number, record: AttackRecord][]> {
  const { engine, chunk, correct, seed, progress } = session;
  const settings: AttackSettings = { threat, seed, ...QUICK_ATTACK };
  const answers: Answer<AttackRecord>[] = await engine
    .run(
      {
        job: jobs.attack,
        what: "looking for witnesses",
        method: attackOf("pgd"),
        settings,
        inputs: pick(chunk, correct),
      },
      witnesses.receive("pgd"),
    )
    .catch((error: unknown) => {
      // proofs stand without an attack; what is not proved stays unknown
      if (!(error instanceof NotApplicable)) throw error;
      progress.say(`no attack: ${error.message}`);
      return [];
    });
  const found = answers.flatMap((answer, k): [number, AttackRecord][] => {
    if (answer.kind !== "done") return [];
    const position = correct[k]!;
    seconds.set(position, (seconds.get(position) ?? 0) + answer.seconds);
    return [[position, answer.record]];
  });
  for (const line of attackRemarks(found.map(([, record]) => record))) progress.say(line);
  return found;
}

function contradictionsOf(
  proofs: ReadonlyMap<number, Proof>,
  attacked: ReadonlyMap<number, AttackRecord>,
  { epsilon }: Threat,
): Contradiction[] {
  return [...attacked].flatMap(([position, record]) => {
    const proof = proofs.get(position);
    if (!proof?.verified || record.witness === undefined) return [];
    const found = { method: "pgd", epsilon, record: { ...record, witness: record.witness } };
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
  { chunk, predictions }: ExaminationSession,
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

function summary(file: ResultFile, session: ExaminationSession, real: boolean): string[] {
  const { inputs, correct, certified, falsified, unknown, bounded = 0 } = file.counts;
  const seconds = file.results.reduce((sum, result) => sum + result.seconds, 0);
  const claim = real ? "real arithmetic, for comparison only" : "float32, rounding included";
  return [
    `${file.method} on ${file.model.path}, ${threatText(file)}, ${session.inputs.dataset.name} (${claim})`,
    session.labelled
      ? `clean accuracy     ${rateText(correct, inputs)}, error ${percent(1 - correct / inputs, 2)}`
      : `inputs             ${inputs}, without labels: the model's own answers are to be kept`,
    real
      ? `bounded (real arithmetic)  ${rateText(bounded, inputs)}; no proof: rounding is left out`
      : `certified          ${rateText(certified, inputs)}, error ${percent(1 - certified / inputs, 2)}`,
    `falsified          ${falsified} of ${correct}, each re-run on the model file`,
    `unknown            ${unknown}${unknown > 0 ? ` (${unknownText(file.reasons)})` : ""}`,
    `compute            ${secondsText(seconds)}`,
  ];
}
