/** @file An evaluation of detectors: populations trained and scanned, poisoned inputs picked, and everything held together. */

import { usage } from "../../graph/fault.ts";
import { evaluateDetectors, examinedOf } from "../../methods/backdoor/evaluation/evaluate.ts";
import { inputRows } from "../../methods/backdoor/evaluation/inputs.ts";
import { detectorOutcomes, TITRATION, titrationOutcomes } from "../../methods/backdoor/evaluation/outcomes.ts";
import type { Examined } from "../../methods/backdoor/evaluation/types.ts";
import { JOINT_CLIPPED } from "../../methods/backdoor/evaluation/variants.ts";
import { cleanScans } from "../../methods/population/reference.ts";
import type { Member, Population } from "../../methods/population/types.ts";
import { within } from "../files.ts";
import { populate } from "../population/populate.ts";
import type { PopulationTerms } from "../population/terms.ts";
import { controlRow, runControl, trainedOtherwise } from "./controls.ts";
import { curvesOf } from "./curves.ts";
import { taskFacts } from "./facts.ts";
import { pickInputs } from "./inputs.ts";
import type { ControlRun, EvaluationConfig, EvaluationFile, EvaluationTask, FamilyCurves, TaskRun } from "./types.ts";

export interface EvaluationTerms extends PopulationTerms {
  /** How the evaluation was called for, as its file and page say. */
  readonly about: About;
  /** Told of what there is so far after each task: hours may lie between them. */
  readonly onTask?: ((evaluated: Evaluated) => void | Promise<void>) | undefined;
}

export interface About {
  readonly command: string;
  readonly config: string;
}

export interface Evaluated {
  readonly file: EvaluationFile;
  /** For plots. */
  readonly curves: readonly FamilyCurves[];
}

/** Of an evaluation, among its files. */
export const EVALUATION_FILE = "evaluation.json";

/**
 * Makes the populations, a folder each, and evaluation.json, which is written anew after each task.
 * @throws UserError, and what training and reading of data throw
 */
export async function evaluate(config: EvaluationConfig, terms: EvaluationTerms): Promise<Evaluated> {
  const tasks: TaskRun[] = [];
  const controls: ControlRun[] = [];
  let evaluated: Evaluated | undefined;
  for (const task of config.tasks) {
    const run = await runTask(task, terms);
    tasks.push(run);
    for (const control of config.controls)
      if (control.task === task.name) controls.push(await runControl(control, run, terms));
    const file = fileOf(tasks, controls, config, terms);
    await terms.files.write(EVALUATION_FILE, `${JSON.stringify(file)}\n`);
    evaluated = { file, curves: curvesOf(tasks) };
    await terms.onTask?.(evaluated);
  }
  return evaluated!;
}

async function runTask(task: EvaluationTask, terms: PopulationTerms): Promise<TaskRun> {
  const folder = (name: string) => ({ ...terms, files: within(terms.files, `${task.name}/${name}`) });
  const reference =
    task.reference.kind === "population"
      ? task.reference.population
      : (await populate(task.reference.recipe, folder("reference"))).population;
  const judged = await populate(task.evaluation, folder("evaluation"));
  const evaluation = judged.population;
  checkComparable(task, reference, evaluation);
  const picked = await pickInputs(task, judged, terms);
  return { task, reference, evaluation, picked, otherwise: trainedOtherwise(judged, reference) };
}

/** @throws UserError (usage) where titration's scans have nothing to be compared with */
function checkComparable({ name }: EvaluationTask, reference: Population, { members, task }: Population): void {
  if (reference.task.architecture !== task.architecture) {
    throw usage(`task "${name}": the reference is of another architecture than the evaluation`);
  }
  const scan = members.find(({ scans }) => scans[TITRATION])?.scans[TITRATION];
  if (scan && cleanScans(reference, { id: TITRATION, version: scan.version }, scan.settings).length === 0) {
    throw usage(
      `task "${name}": the reference has no clean member scanned by titration, version ${scan.version}, with the same settings; ` +
        `add "${TITRATION}" to its detectors`,
    );
  }
}

function fileOf(
  runs: readonly TaskRun[],
  controls: readonly ControlRun[],
  config: EvaluationConfig,
  { about, place }: EvaluationTerms,
): EvaluationFile {
  const options = { level: config.level, confidence: config.confidence, seed: config.seed };
  const modelsOf = (outcomesOf: (member: Member, reference: Population) => Examined["outcomes"]): Examined[] =>
    runs.flatMap(({ task, reference, evaluation }) =>
      examinedOf(evaluation, (member) => outcomesOf(member, reference)).map((model) => ({
        ...model,
        id: `${task.name}/${model.id}`,
        dataset: task.dataset,
      })),
    );
  const models = modelsOf((member, reference) => detectorOutcomes(member, reference, config.level));
  const single = modelsOf(titrationOutcomes);
  return {
    tool: "assay",
    version: place.version,
    ...about,
    tasks: runs.map((run) => taskFacts(run, config)),
    evaluation: evaluateDetectors(models, options),
    variants: evaluateDetectors(single, { ...options, subject: JOINT_CLIPPED }),
    inputs: inputRows(
      runs.flatMap(({ picked }) => picked),
      config.confidence,
    ),
    controls: controls.map((control) => controlRow(control, config)),
    models,
  };
}
