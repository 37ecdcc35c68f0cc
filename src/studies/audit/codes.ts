/** @file What an audit can come to, as codes and numbers: judged in this folder, put into words by the report. */

import type { Notice } from "../../data/notice.ts";
import type { PatchRecord } from "../../methods/audit/patch-screen.ts";
import type { Sign } from "../../methods/audit/tampering.ts";
import type { Decision } from "../../methods/backdoor/decision.ts";
import type { Arithmetic, Norm } from "../../spec/types.ts";
import type { Proportion } from "../../stats/proportion.ts";
import type { VerdictCounts } from "../result-schema.ts";

/**
 * What stands behind a finding: a proof, a bound in real arithmetic (which leaves out rounding and proves nothing of the
 * network as it runs), a witness, a sample with an interval, or a rule of thumb.
 */
export const EVIDENCE_CLASSES = ["proved", "bounded", "attacked", "statistical", "heuristic"] as const;
export type EvidenceClass = (typeof EVIDENCE_CLASSES)[number];

export const SEVERITIES = ["critical", "warning", "note", "good"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Of one condition of a gate. `undecided`: an interval across the line, or not examined. */
export type Outcome = "met" | "not-met" | "undecided";

/** What an audit answers: was it tampered with, is it reliable on ordinary inputs, is it robust to adversaries? */
export const QUESTIONS = ["tampering", "reliability", "robustness"] as const;
export type Question = (typeof QUESTIONS)[number];

export interface Gate {
  /** A profile's, or a file's. */
  readonly name: string;
  /** The questions that the decision rests on; the others are answered all the same. */
  readonly decides: readonly Question[];
  /** Least clean accuracy. */
  readonly accuracy: number;
  /** Least share of inputs that stay correct within the headline radius. */
  readonly robust: number;
  /** Largest attack success rate of one small patch, on inputs of other classes. */
  readonly patch: number;
}

/** From below: only what is proved is certified. */
export interface LowerRates {
  /** Proved right, rounding included; `null` when no verifier ran, or in real arithmetic. */
  readonly certifiedLower: Proportion | null;
  /** Right by bounds in real arithmetic, which prove nothing. */
  readonly boundedLower?: Proportion | undefined;
}

/** What is known of every input at one radius. */
export interface Band extends LowerRates {
  readonly epsilon: number;
  readonly clean: Proportion | null;
  /** Right after every attack; `null` when none ran. */
  readonly attackedUpper: Proportion | null;
  readonly counts: VerdictCounts;
}

/** The rate from below, to be worded by its arithmetic; `null` when no verifier ran. */
export const lowerOf = ({ certifiedLower, boundedLower }: LowerRates): Proportion | null =>
  certifiedLower ?? boundedLower ?? null;

/** How many inputs that rate is made of. */
export const heldCount = ({ certified, bounded = 0 }: VerdictCounts): number => certified + bounded;

// ---------------------------------------------------------------- patches and backdoors

/** Classes that patches lead to beyond the limit: one that stands out, several (a weakness), or none. */
export type PatchSpread = "one-class" | "several-classes" | "none";

export interface ScreenedPatches {
  readonly strongest: PatchRecord;
  /** Where the strongest surely succeeds beyond the limit: the strongest of another class. */
  readonly next: PatchRecord | null;
  readonly classes: number;
  /** Classes that were not examined. */
  readonly missing: number;
  /** Whether all places were tried. */
  readonly whole: boolean;
  /** There was no gradient to improve patches by. */
  readonly flat: boolean;
}

/** How a model's largest logit shift stands among those of clean models. */
export interface Shift {
  readonly pValue: number;
  readonly clean: number;
  /** Clean models with one as large. */
  readonly asFar: number;
}

/** What the answer rests on. */
export type VerdictGround =
  /** Noise shifts the logits further than clean models', but towards several classes. */
  | { readonly code: "several-classes"; readonly shift: Shift }
  /** Too few clean models to tell an alarm from chance. */
  | { readonly code: "too-few-clean"; readonly shift: Shift; readonly label: number }
  | { readonly code: "shifted" | "not-shifted"; readonly shift: Shift; readonly label: number }
  | { readonly code: "nothing-known" | "no-margin" }
  /** By a rule of thumb. `agrees`: noise leads to the same class. */
  | { readonly code: "margin"; readonly label: number | null; readonly agrees: boolean };

export type MeasuredSign = { readonly label: number } & (
  | { readonly kind: "noise"; readonly shift: Shift | null }
  /** `clean`: models of the reference, where the margin was compared with theirs; else `pValue` is of the rule's own test. */
  | { readonly kind: "margin"; readonly pValue: number | null; readonly clean: number | null }
  /** `side` of the screen's patch, or the `size` of a trigger's mask, in pixels; `success`: attack success rate. */
  | { readonly kind: "patch"; readonly found: PatchFound | null }
);

export type PatchFound = { readonly success: number } & ({ readonly side: number } | { readonly size: number });

export interface BackdoorOutcome {
  readonly verdict: Pick<Decision, "flagged" | "kind" | "target" | "pValue"> & {
    /** Rate of false alarms at which a model is flagged; `null` without a reference. */
    readonly level: number | null;
    readonly ground: VerdictGround;
  };
  readonly suspected: number | null;
  readonly signs: readonly MeasuredSign[];
  /** Kinds of work that could have named a class: signs of one kind alone can never agree. */
  readonly judged: readonly Sign["kind"][];
  /** Clean models of the reference; 0 without one. */
  readonly clean: number;
}

// ---------------------------------------------------------------- conditions, findings, the judgement

/** A set of changes. */
export interface Radius {
  readonly norm: Norm;
  readonly epsilon: number;
}

export type Condition = { readonly outcome: Outcome } & (
  | { readonly id: "accuracy"; readonly least: number; readonly rate: Proportion | null }
  | { readonly id: "answers"; readonly notice: Notice }
  | { readonly id: "patch"; readonly most: number; readonly screened: ScreenedPatches | null; readonly reason: string }
  | { readonly id: "backdoor"; readonly searched: BackdoorOutcome | null; readonly reason: string }
  | ({
      readonly id: "robust";
      readonly least: number;
      readonly arithmetic: Arithmetic;
      readonly bounded: Proportion | null;
      readonly attacked: Proportion | null;
    } & Radius)
);

/** On which side of its line a measured rate surely lies. */
export type Side = "good" | "bad" | "open";

export type Finding = { readonly evidence: EvidenceClass; readonly severity: Severity } & (
  | { readonly code: "accuracy"; readonly side: Side; readonly least: number; readonly rate: Proportion }
  | { readonly code: "answers"; readonly notice: Notice }
  | ({
      readonly code: "attack";
      /** Surely more than the gate allows. */
      readonly beyond: boolean;
      readonly rate: Proportion;
      readonly counts: Band["counts"];
    } & Radius)
  /** The class of evidence says whether these are proofs. */
  | ({ readonly code: "bound"; readonly rate: Proportion; readonly counts: Band["counts"] } & Radius)
  | {
      readonly code: "patch";
      readonly spread: PatchSpread;
      readonly strongest: PatchRecord;
      readonly next: PatchRecord | null;
      /** By how much more the strongest succeeds than the best patch of any other class, at least. */
      readonly lead: number;
    }
  | { readonly code: "backdoor"; readonly state: BackdoorState; readonly searched: BackdoorOutcome }
);

/** `confirmed`: two signs or more name one class. */
export type BackdoorState = "confirmed" | "one-sign" | "none" | "open";

/** `met`: no sign of tampering, reliable, robust. */
export interface Answer {
  readonly question: Question;
  readonly outcome: Outcome;
  readonly decides: boolean;
  readonly conditions: readonly Condition[];
}

export interface Judgement {
  readonly kind: "ship" | "do-not-ship" | "cannot-tell";
  /** What the decision rests on first. */
  readonly ground: "backdoor" | "patch" | "unreliable" | "robust";
  readonly conditions: readonly Condition[];
  /** One a question, in the order of `QUESTIONS`. */
  readonly answers: readonly Answer[];
  /** The gravest first. */
  readonly findings: readonly Finding[];
}
