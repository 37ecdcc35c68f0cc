/** @file An evaluation of backdoor detectors as its file keeps it, and the curves that are drawn beside it. */

import type { ControlCounts, ControlModel } from "../../methods/backdoor/evaluation/controls.ts";
import type { InputRow } from "../../methods/backdoor/evaluation/inputs.ts";
import type { Deviation } from "../../methods/backdoor/evaluation/published.ts";
import type { BackdoorEvaluation, Examined, Rate, Spread } from "../../methods/backdoor/evaluation/types.ts";

export interface GroupFacts {
  /** `clean`, or the name of the poisoning in the recipe. */
  readonly group: string;
  readonly family: string | null;
  /** In words: kind and rate. */
  readonly poison: string | null;
  /** Settings of the trigger that are not as published. */
  readonly deviations: readonly Deviation[];
  readonly members: number;
  readonly accepted: number;
  readonly accuracy: Spread;
  readonly success: Spread | null;
}

export type SeedRange = readonly [first: number, last: number];

export interface EvaluatedTask {
  readonly name: string;
  readonly dataset: string;
  readonly architecture: string;
  readonly reference: { readonly clean: number; readonly seeds: SeedRange; readonly detectors: readonly string[] };
  readonly seeds: SeedRange;
  readonly images: number;
  /** Accepted models taken for models of another recipe than the reference's, which they are not. */
  readonly otherwise: { readonly clean: Rate; readonly backdoored: Rate };
  readonly groups: readonly GroupFacts[];
}

/** Clean models trained otherwise than the reference of a task. */
export interface ControlRow extends ControlCounts {
  readonly name: string;
  readonly title: string;
  readonly dataset: string;
  readonly architecture: string;
  /** In words: how the recipe differs. */
  readonly changes: string;
  readonly models: readonly ControlModel[];
  readonly seeds: SeedRange;
}

export interface EvaluationFile {
  readonly tool: string;
  readonly version: string;
  readonly command: string;
  readonly config: string;
  readonly tasks: readonly EvaluatedTask[];
  readonly evaluation: BackdoorEvaluation;
  /** Titration's scores one by one, and combined otherwise. */
  readonly variants: BackdoorEvaluation;
  readonly inputs: readonly InputRow[];
  readonly controls: readonly ControlRow[];
  readonly models: readonly Examined[];
}

/** Curves of one task in one mode, on one grid: clean models, and backdoored ones of one family. */
export interface CurvePanel {
  readonly task: string;
  readonly mode: string;
  readonly grid: readonly number[];
  /** [models][points] */
  readonly clean: readonly (readonly number[])[];
  readonly backdoored: readonly (readonly number[])[];
}
