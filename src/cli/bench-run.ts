/** @file An evaluation run: populations trained and scanned, poisoned inputs picked, and everything held together. */

import { join } from "node:path";
import { evaluateDetectors, examinedOf, familyOf } from "../methods/backdoor/evaluation/evaluate.ts";
import { inputRows, type PickedInputs } from "../methods/backdoor/evaluation/inputs.ts";
import { detectorOutcomes, TITRATION, titrationOutcomes } from "../methods/backdoor/evaluation/outcomes.ts";
import { groupedBy, spreadOf } from "../methods/backdoor/evaluation/rows.ts";
import type { Examined } from "../methods/backdoor/evaluation/types.ts";
import { JOINT_CLIPPED } from "../methods/backdoor/evaluation/variants.ts";
import { detectorOf } from "../methods/backdoor/index.ts";
import { readDigest, type TitrationDigest } from "../methods/backdoor/titration/digest.ts";
import { poisonSchema } from "../methods/poison/config.ts";
import type { Member, Population } from "../methods/population/types.ts";
import type { CurvePanel, EvaluatedTask, EvaluationFile, GroupFacts, SeedRange } from "../report/evaluation/types.ts";
import { canonicalJson } from "../runtime/hash.ts";
import { type BenchConfig, type BenchTask, recipeSeeds, referenceSeeds } from "./bench-config.ts";
import { INPUT_DETECTORS, type InputDetector, type InputsRecord, type MemberInputsInput } from "./bench-jobs.ts";
import { usage } from "./errors.ts";
import type { KeptRun } from "./kept-run.ts";
import { type PopulationRun, plainOf, runPopulation } from "./population-run.ts";
import { VERSION } from "./version.ts";

/** What one task gave. */
export interface TaskRun {
  readonly task: BenchTask;
  readonly reference: Population;
  readonly evaluation: Population;
  readonly picked: readonly PickedInputs[];
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
  return { task, reference, evaluation: evaluation.population, picked };
}

/** @throws CliError (usage) where titration's scans have nothing to be compared with */
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

export function evaluationFile(runs: readonly TaskRun[], config: BenchConfig, about: About): EvaluationFile {
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
    tasks: runs.map(taskFacts),
    evaluation: evaluateDetectors(models, options),
    variants: evaluateDetectors(single, { ...options, subject: JOINT_CLIPPED }),
    inputs: inputRows(runs.flatMap(({ picked }) => picked)),
    models,
  };
}

const rangeOf = (seeds: readonly number[]): SeedRange => [Math.min(...seeds), Math.max(...seeds)];

function taskFacts({ task, reference, evaluation }: TaskRun): EvaluatedTask {
  const clean = reference.members.filter(({ group }) => group === "clean");
  return {
    name: task.name,
    dataset: task.dataset,
    architecture: evaluation.task.architectureName,
    reference: {
      clean: clean.length,
      seeds: rangeOf(referenceSeeds(task.reference)),
      detectors: Object.keys(clean[0]?.scans ?? {}),
    },
    seeds: rangeOf(recipeSeeds(task.evaluation)),
    images: evaluation.scan.images,
    groups: [...groupedBy(evaluation.members, ({ group }) => group).values()].map(groupFacts),
  };
}

function groupFacts(members: readonly Member[]): GroupFacts {
  const { group, poison } = members[0]!;
  return {
    group,
    family: familyOf(poison),
    poison: poison && poisonText(poison),
    members: members.length,
    accepted: members.filter(({ accepted }) => accepted).length,
    accuracy: spreadOf(members.map(({ cleanAccuracy }) => cleanAccuracy))!,
    success: spreadOf(members.flatMap(({ attackSuccess }) => attackSuccess ?? [])),
  };
}

/** "patch: rate 0.05, size 3": what is not as the kind has it by default, but the target. */
function poisonText(poison: NonNullable<Member["poison"]>): string {
  const { kind, rate } = poison;
  const usual = poisonSchema.parse({ kind, rate }) as Readonly<Record<string, unknown>>;
  const own = Object.entries(poison).filter(
    ([key, value]) =>
      key === "rate" || (key !== "target" && canonicalJson(value ?? null) !== canonicalJson(usual[key] ?? null)),
  );
  return `${kind}: ${own.map(([key, value]) => `${key} ${valueText(value)}`).join(", ")}`;
}

const valueText = (value: unknown): string =>
  typeof value === "number" ? String(Number(value.toPrecision(3))) : JSON.stringify(value).replaceAll('"', "");

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
