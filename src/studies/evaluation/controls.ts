/** @file Controls: clean models trained otherwise than a task's reference, held against it as if they were like it. */

import { type ControlModel, controlCounts } from "../../methods/backdoor/evaluation/controls.ts";
import { detectorOutcomes, TITRATION } from "../../methods/backdoor/evaluation/outcomes.ts";
import { matchPopulation } from "../../methods/population/reference.ts";
import type { Population } from "../../methods/population/types.ts";
import { within } from "../files.ts";
import { type Populated, populate } from "../population/populate.ts";
import type { PopulationTerms } from "../population/terms.ts";
import { trainDifferences } from "./config.ts";
import { valueText } from "./facts.ts";
import type { Control, ControlRow, ControlRun, EvaluationConfig, TaskRun } from "./types.ts";

/** Folder of all controls beside those of the tasks. */
const CONTROLS = "controls";

export async function runControl(
  control: Control,
  { task, reference }: TaskRun,
  terms: PopulationTerms,
): Promise<ControlRun> {
  const files = within(terms.files, `${CONTROLS}/${control.name}`);
  const made = await populate(control.recipe, { ...terms, files });
  const otherwise = trainedOtherwise(made, reference);
  return { control, dataset: task.dataset, reference, population: made.population, otherwise };
}

/** Of each member: what tells that it was trained otherwise than the reference, or `null`. */
export function trainedOtherwise(
  { population: { task, scan }, trained }: Populated,
  reference: Population,
): (string | null)[] {
  return trained.map(({ record: { weightScales } }) => {
    const match = matchPopulation(reference, { ...task, weightScales, images: scan.images });
    return match.kind === "matches" ? null : match.reason;
  });
}

export function controlRow(
  { control: { name, title }, dataset, reference, population, otherwise }: ControlRun,
  { level, confidence }: Pick<EvaluationConfig, "level" | "confidence">,
): ControlRow {
  const models = population.members.map((member, i): ControlModel => {
    const { score = null, pValue = null, flagged = null } = detectorOutcomes(member, reference, level)[TITRATION] ?? {};
    return { accuracy: member.cleanAccuracy, otherwise: otherwise[i]!, score, pValue, alarm: flagged === true };
  });
  const seeds = population.members.map(({ seed }) => seed);
  return {
    name,
    title,
    dataset,
    architecture: population.task.architectureName,
    changes: changesText(population.recipe, reference.recipe),
    seeds: [Math.min(...seeds), Math.max(...seeds)],
    models,
    ...controlCounts(models, { level, confidence }),
  };
}

/** "epochs 30 instead of 10" */
function changesText(own: Population["recipe"], reference: Population["recipe"]): string {
  const changes = trainDifferences(reference, own).map((key) => {
    const before = reference[key] === undefined ? "" : ` instead of ${valueText(reference[key])}`;
    return own[key] === undefined ? `no ${key}` : `${key} ${valueText(own[key])}${before}`;
  });
  return changes.join("; ");
}
