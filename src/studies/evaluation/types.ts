/** @file An evaluation of backdoor detectors as its file keeps it, and the curves that are drawn beside it. */

import type { ControlCounts, ControlModel } from "../../methods/backdoor/evaluation/controls.ts";
import type { InputRow, PickedInputs } from "../../methods/backdoor/evaluation/inputs.ts";
import type { Deviation } from "../../methods/backdoor/evaluation/published.ts";
import type { BackdoorEvaluation, Examined, Rate, Spread } from "../../methods/backdoor/evaluation/types.ts";
import type { PopulationRecipe } from "../../methods/population/config.ts";
import type { Population } from "../../methods/population/types.ts";

export type Reference =
  | { readonly kind: "recipe"; readonly recipe: PopulationRecipe }
  | { readonly kind: "population"; readonly population: Population };

export interface EvaluationTask {
  readonly name: string;
  /** As the page calls it. */
  readonly dataset: string;
  /** Its clean members set the thresholds. */
  readonly reference: Reference;
  /** Its members are judged. */
  readonly evaluation: PopulationRecipe;
}

/** Clean models trained otherwise: what else moves a score. */
export interface Control {
  readonly name: string;
  readonly title: string;
  /** Name of the task whose reference they are held against. */
  readonly task: string;
  readonly recipe: PopulationRecipe;
}

export interface EvaluationConfig {
  readonly tasks: readonly EvaluationTask[];
  readonly controls: readonly Control[];
  /** Rate of false alarms that thresholds aim at. */
  readonly level: number;
  readonly confidence: number;
  /** Of the resamples. */
  readonly seed: number;
}

/** What one task gave. */
export interface TaskRun {
  readonly task: EvaluationTask;
  readonly reference: Population;
  readonly evaluation: Population;
  readonly picked: readonly PickedInputs[];
  /** In the order of the evaluation's members: what tells that one was trained otherwise than the reference. */
  readonly otherwise: readonly (string | null)[];
}

export interface ControlRun {
  readonly control: Control;
  readonly dataset: string;
  readonly reference: Population;
  readonly population: Population;
  /** In the order of the members. */
  readonly otherwise: readonly (string | null)[];
}

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

/** Of the models with one kind of trigger that works. */
export interface FamilyCurves {
  readonly family: string;
  readonly panels: readonly CurvePanel[];
}
