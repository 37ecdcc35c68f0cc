/** @file What an evaluation of detectors is made from, and what it says: plain data, as in its JSON file. */

import type { Proportion } from "../../../stats/proportion.ts";
import type { Interval } from "../../../stats/roc.ts";
import type { Area } from "../../../stats/stratified-auc.ts";

/** What a detector said of a model. */
export interface Outcome {
  readonly score: number | null;
  /** By the rule of the detector's own paper. */
  readonly flagged: boolean | null;
  /** Against the reference population; `null` without one. */
  readonly pValue: number | null;
  /** `null`: no answer. Absent where the detector names no targets. */
  readonly target?: number | null;
  readonly seconds: number;
  /** Of a backdoor, where one is stated. */
  readonly probability?: number | null;
}

/** A model that is judged; none of them set a threshold. */
export interface Examined {
  readonly id: string;
  readonly architecture: string;
  readonly dataset: string;
  readonly classes: number;
  /** `clean`, or the name of the poisoning in its recipe. */
  readonly group: string;
  /** The kind of trigger, whatever its rate; `null` for clean models. */
  readonly family: string | null;
  /** The class that the trigger leads to, where there is one. */
  readonly target: number | null;
  /** Backdoored models: the backdoor works and accuracy is kept. The others are a stratum of their own. */
  readonly accepted: boolean;
  /** By detector. */
  readonly outcomes: Readonly<Record<string, Outcome>>;
}

/** A rate with its exact interval; `null` where nothing was counted. */
export type Rate = Proportion | null;

/** What a row is about; `null` means all. Scores are compared only between models of one architecture and data set. */
export interface Scope {
  readonly detector: string;
  readonly group: string | null;
  readonly family: string | null;
  readonly architecture: string | null;
  readonly dataset: string | null;
  /** Which backdoored models: those whose backdoor works, or the others. */
  readonly stratum: "accepted" | "rejected";
}

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly models: number;
}

export interface Row extends Scope {
  readonly clean: number;
  readonly backdoored: number;
  /** `null` where there are no scores of one kind. */
  readonly area: Area | null;
  /** Of clean models, by the detector's own rule and at p ≤ `level`. */
  readonly falseAlarms: { readonly own: Rate; readonly calibrated: Rate };
  /** Of backdoored models, likewise. */
  readonly detected: { readonly own: Rate; readonly calibrated: Rate };
  /** Backdoored models with one target: how many were told it; no answer is a miss. */
  readonly targetHits: Rate;
  /** 1 / classes; `null` where data sets differ in it. */
  readonly chance: number | null;
  readonly seconds: Spread | null;
  /** Costs of stated probabilities, where the detector states them. */
  readonly crossEntropy: number | null;
  readonly brier: number | null;
}

/** Seconds of a rival divided by seconds of the subject on the same model. */
export interface TimeRatio extends Spread {
  readonly rival: string;
  readonly subject: string;
}

export const CLAIMS = {
  sensitivity: "backdoored networks make more high-confidence errors under noise than clean ones",
  target: "the answers to noise reveal the backdoor's target class",
  speed: "detection is as accurate as by trigger inversion, and far faster",
} as const;
export type Claim = keyof typeof CLAIMS;

export interface Verdict {
  readonly claim: Claim;
  readonly family: string;
  readonly verdict: "confirmed" | "refuted" | "not decided";
  /** The numbers in a sentence. */
  readonly reason: string;
}

/** The subject on all models of one data set, or of all. */
export interface Summary {
  readonly dataset: string | null;
  /** `single`: without backdoors that lead to many classes. */
  readonly targets: "any" | "single";
  readonly row: Row;
}

export interface BackdoorEvaluation {
  readonly confidence: number;
  /** Calibrated threshold: p ≤ level. */
  readonly level: number;
  readonly seed: number;
  readonly subject: string;
  readonly rows: readonly Row[];
  /** All data sets first, then each. */
  readonly summary: readonly Summary[];
  readonly timeRatios: readonly TimeRatio[];
  /** AUC of the subject minus AUC of a rival on the same models, by family. */
  readonly differences: readonly { readonly family: string; readonly rival: string; readonly difference: Interval }[];
  readonly verdicts: readonly Verdict[];
}
