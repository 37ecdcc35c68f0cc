/** @file Controls: clean models trained otherwise than a task's reference, held against it as if they were like it. */

import { join } from "node:path";
import { type ControlModel, controlCounts } from "../methods/backdoor/evaluation/controls.ts";
import { detectorOutcomes, TITRATION } from "../methods/backdoor/evaluation/outcomes.ts";
import { weightScales } from "../methods/population/facts.ts";
import { matchPopulation } from "../methods/population/reference.ts";
import type { Population } from "../methods/population/types.ts";
import type { ControlRow } from "../studies/evaluation/types.ts";
import { type BenchConfig, type BenchControl, trainDifferences } from "./bench-config.ts";
import { valueText } from "./bench-facts.ts";
import type { TaskRun } from "./bench-run.ts";
import type { KeptRun } from "./kept-run.ts";
import { type PopulationRun, runPopulation } from "./population-run.ts";

/** Folder of all controls beside those of the tasks. */
const CONTROLS = "controls";

export interface ControlRun {
  readonly control: BenchControl;
  readonly dataset: string;
  readonly reference: Population;
  readonly population: Population;
  /** In the order of the members. */
  readonly otherwise: readonly (string | null)[];
}

export async function runControl(
  control: BenchControl,
  { task, reference }: TaskRun,
  out: string,
  run: KeptRun,
): Promise<ControlRun> {
  const trained = await runPopulation(control.recipe, join(out, CONTROLS, control.name), run);
  const otherwise = await trainedOtherwise(trained, reference);
  return { control, dataset: task.dataset, reference, population: trained.population, otherwise };
}

/** Of each member: what tells that it was trained otherwise than the reference, or `null`. */
export async function trainedOtherwise(
  { population: { task, scan }, members }: PopulationRun,
  reference: Population,
): Promise<(string | null)[]> {
  const { openMember } = await import("./population-jobs.ts");
  const told: (string | null)[] = [];
  for (const { model } of members) {
    const { graph } = await openMember(model);
    const facts = { ...task, weightScales: weightScales(graph), images: scan.images };
    const match = matchPopulation(reference, facts);
    told.push(match.kind === "matches" ? null : match.reason);
  }
  return told;
}

export function controlRow(
  { control: { name, title }, dataset, reference, population, otherwise }: ControlRun,
  { level, confidence }: Pick<BenchConfig, "level" | "confidence">,
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
