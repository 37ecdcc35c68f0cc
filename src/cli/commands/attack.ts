import { outputOf } from "../../data/classes.ts";
import { usage } from "../../graph/fault.ts";
import { type Answer, type AttackRecord, type Chunk, unansweredReason } from "../../methods/examine.ts";
import { epsilonText, intervalText, percent, secondsText } from "../../report/format.ts";
import { unknownText } from "../../report/read.ts";
import { proportion } from "../../stats/proportion.ts";
import { pick } from "../../studies/engine.ts";
import type { AttackSettings } from "../../studies/jobs/examine.ts";
import * as jobs from "../../studies/jobs/kinds.ts";
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
import { ATTACK_OPTIONS, type Io } from "../verbs.ts";
import { createWitnesses, extentOf, type Witnesses } from "../witness-files.ts";

type AttackVerbOptions = Options<(typeof ATTACK_OPTIONS)[number]>;

const DEFAULT_METHOD = "pgd";

export async function attack(path: string, raw: Readonly<Record<string, unknown>>, io: Io): Promise<number> {
  const options: AttackVerbOptions = readOptions(ATTACK_OPTIONS, raw);
  const norm = options.norm ?? "linf";
  const chosen = chooseMethods("attack", options.method ?? [DEFAULT_METHOD], norm);
  const epsilon = requiredEpsilon(options);
  if (options.out !== undefined) checkOutputFile(options.out);
  await using session = await openSession(path, options, io);
  const threat = threatOf(session.inputs, norm, epsilon);
  const { chunk, correct, network } = session;
  const target = options.target === undefined ? undefined : outputOf(session.inputs.naming, options.target);
  if (target !== undefined && (target < 0 || target >= network.classes)) {
    const { labels } = session.inputs.naming;
    const known = labels ? `the labels ${labels}` : `the classes 0 to ${network.classes - 1}`;
    throw usage(`--target ${options.target}: the model has ${known}`);
  }

  const witnesses = createWitnesses(options, session.inputs, extentOf(chunk, network, correct.length));
  const best = new Map<number, Answer<AttackRecord>>();
  const seconds = new Map<number, number>();
  for (const method of chosen) {
    const open = correct.filter((i) => !isFalsified(best.get(i)) && chunk.labels[i] !== target);
    const settings: AttackSettings = {
      threat,
      seed: session.seed,
      steps: options.steps,
      restarts: options.restarts,
      loss: options.loss,
    };
    const answers = await session.engine.run(
      {
        job: jobs.attack,
        what: `attacking with ${method.title}`,
        method,
        settings,
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
  session.progress.end();

  const file = resultFile(
    {
      path,
      sha256: session.model.sha256,
      bound: session.model.choice.bound,
      method: chosen.map(({ id }) => id).join("+"),
      seed: session.seed,
      inputs: session.inputs,
      notices: session.notices,
      arithmetic: null,
      failures: session.engine.failures,
      targeted: target !== undefined,
    },
    threat,
    inputResults(session, best, seconds, { witnesses, target }),
  );
  warnOfRefuted(session, best);
  const lost = witnesses.lost();
  if (lost !== undefined) session.progress.say(lost);
  await deliver(file, options, summary(file, session), io);
  const { inputs, correct: right, falsified } = file.counts;
  // an attack proves nothing: what it leaves standing may still fall
  const there = alreadyThere(file);
  return gateCode(options.gate, { least: 0, most: right - falsified - there, inputs: inputs - there });
}

export function requiredEpsilon({
  epsilon,
  featureEpsilon,
}: Pick<AttackVerbOptions, "epsilon" | "featureEpsilon">): number {
  if (epsilon === undefined && featureEpsilon) return 1;
  if (epsilon === undefined) throw usage("say with --epsilon how large a change may be, such as 0.1 or 8/255");
  return epsilon;
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

function inputResults(
  { chunk, predictions }: ExaminationSession,
  best: ReadonlyMap<number, Answer<AttackRecord>>,
  seconds: ReadonlyMap<number, number>,
  { witnesses, target }: { readonly witnesses: Witnesses; readonly target: number | undefined },
): InputResult[] {
  return predictions.map(({ predicted, margin }, i) => {
    const base = { index: chunk.indices[i]!, label: chunk.labels[i]!, predicted };
    if (predicted !== base.label) return { ...base, verdict: "misclassified", margin: finite(margin), seconds: 0 };
    if (base.label === target) return { ...base, verdict: "already-there", margin: finite(margin), seconds: 0 };
    const answer = best.get(i);
    const spent = seconds.get(i) ?? 0;
    const unknown = { ...base, verdict: "unknown", seconds: spent } as const;
    if (answer?.kind !== "done") {
      return { ...unknown, margin: finite(margin), reason: answer ? unansweredReason(answer) : "not-broken" };
    }
    const { record } = answer;
    const remarks = remarksOf(record);
    if (!record.falsified) return { ...unknown, ...remarks, margin: finite(record.margin), reason: "not-broken" };
    const witness = witnesses.of(base.index, record.witness, base.label);
    return {
      ...base,
      predicted: record.predicted,
      verdict: "falsified",
      margin: finite(record.margin),
      seconds: spent,
      ...remarks,
      ...(witness && { witness }),
    };
  });
}

/** Inputs that an attack on a class had nothing to do on. */
const alreadyThere = ({ counts }: ResultFile): number => counts.alreadyThere ?? 0;

function warnOfRefuted({ progress }: ExaminationSession, best: ReadonlyMap<number, Answer<AttackRecord>>): void {
  const refuted = [...best.values()].filter((answer) => answer.kind === "done" && answer.record.refuted).length;
  if (refuted > 0) progress.say(`${refuted} witnesses did not hold on the model file and were dropped`);
  const records = [...best.values()].flatMap((answer) => (answer.kind === "done" ? [answer.record] : []));
  for (const line of attackRemarks(records)) progress.say(line);
}

/** "93.4% (95% interval 89.1–96.3%, 187 of 200)" */
export function rateText(successes: number, trials: number): string {
  const rate = proportion(successes, trials);
  return `${percent(rate.estimate)} (95% interval ${intervalText(rate)}, ${successes} of ${trials})`;
}

/** How many are unknown for which reason, where one of them is not that an attack failed. */
export function unknownLine({ reasons }: ResultFile): string[] {
  const others = Object.keys(reasons).filter((reason) => reason !== "not-broken");
  return others.length === 0 ? [] : [`unknown because    ${unknownText(reasons)}`];
}

/** With the unit of epsilon, and the range of the data that it is a share of. */
export function threatText({
  norm,
  epsilon,
  unit,
  range,
}: Pick<ResultFile, "norm" | "epsilon" | "unit" | "range">): string {
  return `${norm} ${epsilonText(epsilon)} (${unit}${range ? `; data ${range[0]} … ${range[1]}` : ""})`;
}

function summary(file: ResultFile, session: ExaminationSession): string[] {
  const { inputs, correct, falsified } = file.counts;
  const there = alreadyThere(file);
  const seconds = file.results.reduce((sum, result) => sum + result.seconds, 0);
  return [
    `${file.method} on ${file.model.path}, ${threatText(file)}, ${session.inputs.dataset.name}`,
    session.labelled
      ? `clean accuracy     ${rateText(correct, inputs)}, error ${percent(1 - correct / inputs, 2)}`
      : `inputs             ${inputs}, without labels: the model's own answers are to be kept`,
    ...(there > 0 ? [`already there      ${there} of the target's class, not attacked and not counted below`] : []),
    ...(inputs > there
      ? [
          `after the attack   ${rateText(correct - there - falsified, inputs - there)}, error ${percent(1 - (correct - there - falsified) / (inputs - there), 2)}`,
        ]
      : []),
    `changed answers    ${falsified} of ${correct - there}, each re-run on the model file`,
    ...unknownLine(file),
    `compute            ${secondsText(seconds)}`,
  ];
}
