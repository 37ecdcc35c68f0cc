/** @file An evaluation run: populations trained and scanned, poisoned inputs picked, and everything held together. */

import { join } from "node:path";
import { usage } from "../graph/fault.ts";
import { VERSION } from "../local/version.ts";
import { evaluateDetectors, examinedOf, familyOf } from "../methods/backdoor/evaluation/evaluate.ts";
import { inputRows, type PickedInputs } from "../methods/backdoor/evaluation/inputs.ts";
import { detectorOutcomes, TITRATION, titrationOutcomes } from "../methods/backdoor/evaluation/outcomes.ts";
import type { Examined } from "../methods/backdoor/evaluation/types.ts";
import { JOINT_CLIPPED } from "../methods/backdoor/evaluation/variants.ts";
import { detectorOf } from "../methods/backdoor/index.ts";
import { readDigest, type TitrationDigest } from "../methods/backdoor/titration/digest.ts";
import type { Member, Population } from "../methods/population/types.ts";
import type { CurvePanel, EvaluationFile } from "../studies/evaluation/types.ts";
import type { BenchConfig, BenchTask } from "./bench-config.ts";
import { type ControlRun, controlRow, trainedOtherwise } from "./bench-controls.ts";
import { taskFacts } from "./bench-facts.ts";
import { INPUT_DETECTORS, type InputDetector, type InputsRecord, type MemberInputsInput } from "./bench-jobs.ts";
import type { KeptRun } from "./kept-run.ts";
import { type PopulationRun, plainOf, runPopulation } from "./population-run.ts";

/** What one task gave. */
export interface TaskRun {
  readonly task: BenchTask;
  readonly reference: Population;
  readonly evaluation: Population;
  readonly picked: readonly PickedInputs[];
  /** In the order of the evaluation's members: what tells that one was trained otherwise than the reference. */
  readonly otherwise: readonly (string | null)[];
}

/** Raised when the picks of inputs come out differently for another reason than a detector's new version. */
const INPUTS_VERSION = 1;

export async function runTask(task: BenchTask, out: string, run: KeptRun): Promise<TaskRun> {
  const folder = join(out, task.name);
  const reference =
    task.reference.kind === "population"
      ? task.reference.population
      : (await runPopulation(task.reference.recipe, join(folder, "reference"), run)).population;
  const evaluation = await runPopulation(task.evaluation, join(folder, "evaluation"), run);
  checkComparable(task, reference, evaluation.population);
  const picked = await pickInputs(task, evaluation, run);
  const otherwise = await trainedOtherwise(evaluation, reference);
  return { task, reference, evaluation: evaluation.population, picked, otherwise };
}

/** @throws UserError (usage) where titration's scans have nothing to be compared with */
function checkComparable({ name }: BenchTask, reference: Population, { members, task }: Population): void {
  if (reference.task.architecture !== task.architecture) {
    throw usage(`task "${name}": the reference is of another architecture than the evaluation`);
  }
  const scan = members.find(({ scans }) => scans[TITRATION])?.scans[TITRATION];
  const known = reference.members.some(
    ({ group, scans }) => group === "clean" && scan !== undefined && scans[TITRATION]?.version === scan.version,
  );
  if (scan && !known) {
    throw usage(
      `task "${name}": the reference has no clean member scanned by titration, version ${scan.version}; ` +
        `add "${TITRATION}" to its detectors`,
    );
  }
}

/** Backdoored members that the detector scans, by the detectors that pick inputs. */
async function pickInputs(
  { dataset, evaluation: { scan } }: BenchTask,
  { population, members, task }: PopulationRun,
  run: KeptRun,
): Promise<PickedInputs[]> {
  const picked: PickedInputs[] = [];
  for (const detector of Object.keys(INPUT_DETECTORS) as InputDetector[]) {
    const places = population.members.flatMap(({ poison, scans }, i) => (poison && scans[detector] ? [i] : []));
    const jobs = places.map((place) => {
      const { member, model, surrogate } = members[place]!;
      return {
        kind: "member-inputs",
        label: `inputs of ${member.id} by ${detector}`,
        input: { model, detector, config: member.config, surrogate, scan } satisfies MemberInputsInput,
        key: {
          model: model.sha256,
          method: { id: `member-inputs/${detector}`, version: detectorOf(detector).version },
          options: {
            inputs: INPUTS_VERSION,
            seed: scan.seed,
            config: plainOf(member.config),
            surrogate: surrogate?.sha256,
            training: task.trainingHash,
            assay: VERSION,
          },
          chunk: task.scanHash,
        },
      };
    });
    const records = await run.each<MemberInputsInput, InputsRecord>(`inputs picked by ${detector}`, jobs);
    places.forEach((place, i) => {
      const { id, group, accepted, poison } = population.members[place]!;
      const family = familyOf(poison)!;
      const { architectureName: architecture } = population.task;
      picked.push({ detector, model: id, architecture, dataset, group, family, accepted, ...records[i]! });
    });
  }
  return picked;
}

export interface About {
  readonly command: string;
  readonly config: string;
}

/** What has been run so far. */
export interface BenchRuns {
  readonly tasks: readonly TaskRun[];
  readonly controls: readonly ControlRun[];
}

export function evaluationFile(
  { tasks: runs, controls }: BenchRuns,
  config: BenchConfig,
  about: About,
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
    version: VERSION,
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

// ---------------------------------------------------------------- curves

interface CurveKind {
  readonly title: string;
  readonly mode: string;
  readonly curve: "joint" | "modalShare";
}

const CURVES: readonly CurveKind[] = [
  { title: "sure and wrong, clipped", mode: "real-gaussian-clipped", curve: "joint" },
  { title: "sure and wrong, unclipped", mode: "real-gaussian-unclipped", curve: "joint" },
  { title: "most frequent answer, noise alone", mode: "noise-gaussian-clipped", curve: "modalShare" },
];

export interface FamilyCurves {
  readonly family: string;
  readonly panels: readonly CurvePanel[];
}

/** The curves of the models that are judged, for each kind of trigger that works on some of them. */
export function curvesByFamily(runs: readonly TaskRun[]): FamilyCurves[] {
  const members = runs.flatMap(({ evaluation }) => evaluation.members);
  const families = new Set(members.filter(({ accepted }) => accepted).flatMap(({ poison }) => familyOf(poison) ?? []));
  return [...families].map((family) => ({
    family,
    panels: runs.flatMap(({ task, evaluation }) =>
      CURVES.flatMap((kind) =>
        panelOf(`${task.dataset} ${evaluation.task.architectureName}`, kind, evaluation, family),
      ),
    ),
  }));
}

function panelOf(
  task: string,
  { title, mode, curve }: CurveKind,
  { members }: Population,
  family: string,
): CurvePanel[] {
  const digests = (chosen: readonly Member[]): TitrationDigest[] =>
    chosen.flatMap(({ scans }) => readDigest(scans[TITRATION]?.evidence) ?? []);
  const values = (chosen: readonly Member[]) =>
    digests(chosen).flatMap((digest) => [digest[curve][mode] ?? []].filter(({ length }) => length > 0));
  const own = members.filter(({ poison, accepted }) => accepted && familyOf(poison) === family);
  const [backdoored, clean] = [values(own), values(members.filter(({ group }) => group === "clean"))];
  const grid = digests(own)[0]?.grid[mode];
  return grid && backdoored.length > 0 ? [{ task, mode: title, grid, clean, backdoored }] : [];
}
