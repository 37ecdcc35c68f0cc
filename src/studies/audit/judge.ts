/**
 * @file From measurements to a decision, in codes and numbers. Every threshold is stated in the gate; nothing is decided
 * inside an interval, and nothing by a sentence: the report puts the outcome into words.
 */

import type { Notice } from "../../data/notice.ts";
import type { Arithmetic, Norm } from "../../spec/types.ts";
import type { Proportion } from "../../stats/proportion.ts";
import { type BackdoorSearch, backdoorCondition, backdoorFinding } from "./backdoor-outcome.ts";
import {
  type Answer,
  type Band,
  type Condition,
  type Finding,
  type Gate,
  type Judgement,
  lowerOf,
  type Outcome,
  QUESTIONS,
  type Severity,
  type Side,
} from "./codes.ts";
import { QUESTION_OF } from "./gate.ts";
import { bySuccess, leadOf, type PatchScreen, patchCondition, spreadOf } from "./patches.ts";

export interface Measurements {
  readonly norm: Norm;
  /** At the radius that the gate speaks about. */
  readonly headline: Band;
  /** Bounds in real arithmetic leave rounding out: they prove nothing. */
  readonly arithmetic: Arithmetic;
  /** `null` where there were no labels. */
  readonly accuracy: Proportion | null;
  readonly patches: PatchScreen;
  /** What the clean answers say against relying on the other numbers. */
  readonly notices: readonly Notice[];
  readonly backdoor: BackdoorSearch;
}

/** Where the whole interval lies. */
const sideOf = ({ lower, upper }: Proportion, least: number): Side =>
  lower >= least ? "good" : upper < least ? "bad" : "open";

const OUTCOME_OF = { good: "met", bad: "not-met", open: "undecided" } as const satisfies Record<Side, Outcome>;
const SEVERITY_OF = { good: "good", bad: "critical", open: "warning" } as const satisfies Record<Side, Severity>;

const noticeOutcome = ({ outcome }: Notice): Outcome => (outcome === "failed" ? "not-met" : outcome);

/** Bounds that leave rounding out hold nothing up. */
const isHeld = ({ arithmetic, headline: { certifiedLower } }: Measurements, least: number): boolean =>
  arithmetic === "float32" && certifiedLower !== null && certifiedLower.lower >= least;

const isBroken = ({ headline: { attackedUpper } }: Measurements, least: number): boolean =>
  attackedUpper !== null && attackedUpper.upper < least;

function robustCondition(measured: Measurements, least: number): Condition {
  const { norm, headline, arithmetic } = measured;
  const { epsilon, attackedUpper: attacked } = headline;
  const outcome = isHeld(measured, least) ? "met" : isBroken(measured, least) ? "not-met" : "undecided";
  return { id: "robust", outcome, least, norm, epsilon, arithmetic, bounded: lowerOf(headline), attacked };
}

function conditionsOf(measured: Measurements, gate: Gate): Condition[] {
  const { accuracy } = measured;
  return [
    {
      id: "accuracy",
      outcome: accuracy === null ? "undecided" : OUTCOME_OF[sideOf(accuracy, gate.accuracy)],
      least: gate.accuracy,
      rate: accuracy,
    },
    ...measured.notices.map((notice): Condition => ({ id: "answers", outcome: noticeOutcome(notice), notice })),
    ...patchCondition(measured.patches, gate.patch),
    backdoorCondition(measured.backdoor),
    robustCondition(measured, gate.robust),
  ];
}

// ---------------------------------------------------------------- findings

function accuracyFinding(rate: Proportion, least: number): Finding {
  const side = sideOf(rate, least);
  return { code: "accuracy", side, least, rate, evidence: "statistical", severity: SEVERITY_OF[side] };
}

const noticeFinding = (notice: Notice): Finding => ({
  code: "answers",
  notice,
  evidence: "statistical",
  severity: noticeOutcome(notice) === "not-met" ? "critical" : "warning",
});

/** Grave only where the decision rests on it: few models resist that were not trained to. */
function attackFinding(measured: Measurements, { robust: least, decides }: Gate): Finding[] {
  const { norm, headline } = measured;
  const { attackedUpper: rate, counts, epsilon } = headline;
  if (rate === null) return [];
  const beyond = isBroken(measured, least);
  const grave = beyond && decides.includes("robustness");
  const severity = grave ? "critical" : counts.falsified > 0 ? "warning" : "note";
  return [{ code: "attack", beyond, rate, counts, norm, epsilon, evidence: "attacked", severity }];
}

/** In real arithmetic nothing is proved, so it is never called that. */
export function boundFinding(measured: Measurements, least: number): Finding[] {
  const { norm, headline, arithmetic } = measured;
  const { counts, epsilon } = headline;
  const rate = lowerOf(headline);
  if (rate === null) return [];
  const evidence = arithmetic === "float32" ? "proved" : "bounded";
  const severity = isHeld(measured, least) ? "good" : "note";
  return [{ code: "bound", rate, counts, norm, epsilon, evidence, severity }];
}

const PATCH_SEVERITY = { "one-class": "critical", "several-classes": "warning", none: "note" } as const;

function patchFinding(patches: PatchScreen, most: number): Finding[] {
  if (patches.kind !== "screened") return [];
  const [strongest, next = null] = bySuccess(patches.targets);
  if (strongest === undefined) return [];
  const spread = spreadOf(patches.targets, most);
  const lead = leadOf(patches.targets);
  const severity = PATCH_SEVERITY[spread];
  return [{ code: "patch", spread, strongest, next, lead, evidence: "statistical", severity }];
}

const ORDER: readonly Severity[] = ["critical", "warning", "good", "note"];

function findingsOf(measured: Measurements, gate: Gate): Finding[] {
  const { backdoor, accuracy } = measured;
  const all = [
    ...("unexamined" in backdoor ? [] : [backdoorFinding(backdoor)]),
    ...patchFinding(measured.patches, gate.patch),
    ...attackFinding(measured, gate),
    ...boundFinding(measured, gate.robust),
    ...(accuracy === null ? [] : [accuracyFinding(accuracy, gate.accuracy)]),
    ...measured.notices.map(noticeFinding),
  ];
  return all.toSorted((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity));
}

// ---------------------------------------------------------------- the decision

/** Whatever the gate asks: no model ships that is seen to be tampered with, or that does not tell inputs apart. */
const ALWAYS_STOPS: readonly Condition["id"][] = ["backdoor", "patch", "answers"];

function answersOf(conditions: readonly Condition[], { decides }: Gate): Answer[] {
  return QUESTIONS.map((question) => {
    const own = conditions.filter(({ id }) => QUESTION_OF[id] === question);
    const stops = own.some(({ id, outcome }) => outcome === "not-met" && ALWAYS_STOPS.includes(id));
    return { question, outcome: worst(own), decides: stops || decides.includes(question), conditions: own };
  });
}

const GRAVEST = ["not-met", "undecided", "met"] as const satisfies readonly Outcome[];

/** Of nothing: undecided. */
const worst = (conditions: readonly { readonly outcome: Outcome }[]): Outcome =>
  GRAVEST.find((outcome) => conditions.some((own) => own.outcome === outcome)) ?? "undecided";

const KINDS = { met: "ship", "not-met": "do-not-ship", undecided: "cannot-tell" } as const satisfies Record<
  Outcome,
  Judgement["kind"]
>;

/** The gravest first, by the conditions that failed. */
const GROUNDS = [
  ["backdoor", ["backdoor"]],
  ["patch", ["patch"]],
  ["unreliable", ["accuracy", "answers"]],
  ["robust", ["robust"]],
] as const satisfies readonly (readonly [Judgement["ground"], readonly Condition["id"][]])[];

/** By the questions that decide: ship when every condition of theirs is met, do not ship when one is not, else cannot tell. */
export function judge(measured: Measurements, gate: Gate): Judgement {
  const conditions = conditionsOf(measured, gate);
  const answers = answersOf(conditions, gate);
  const deciding = answers.filter(({ decides }) => decides);
  const failed = deciding.flatMap((own) => own.conditions.filter(({ outcome }) => outcome === "not-met"));
  const failedBy = (id: Condition["id"]) => failed.some((own) => own.id === id);
  return {
    kind: KINDS[worst(deciding)],
    ground: GROUNDS.find(([, ids]) => ids.some(failedBy))?.[0] ?? "robust",
    conditions,
    answers,
    findings: findingsOf(measured, gate),
  };
}
