/** @file The configuration of an evaluation of backdoor detectors, checked before anything is trained. */

import { z } from "zod";
import { usage } from "../../graph/fault.ts";
import { TITRATION } from "../../methods/backdoor/evaluation/outcomes.ts";
import { detectorUse, type PopulationRecipe, parsePopulationRecipe } from "../../methods/population/config.ts";
import { readPopulation } from "../../methods/population/reference.ts";
import { parseTrainConfig } from "../../methods/train/config.ts";
import { canonicalJson } from "../../runtime/hash.ts";
import { plainOf } from "../plain.ts";
import { findDetectors } from "../population/scan.ts";
import type { Control, EvaluationConfig, EvaluationTask, Reference } from "./types.ts";

const schema = z.strictObject({
  tasks: z
    .array(
      z.strictObject({
        /** Names the folder of its populations. */
        name: z.string().regex(/^[a-z0-9][a-z0-9.-]*$/i, "letters, digits, points and hyphens: it names folders"),
        /** As the page calls it. */
        dataset: z.string().min(1),
        /** A recipe, or the population.json that one gave: its clean members set the thresholds. */
        reference: z.string().min(1),
        /** A recipe: its members are judged. */
        evaluation: z.string().min(1),
      }),
    )
    .min(1),
  /** Clean models that are trained otherwise than a task's reference on purpose. */
  controls: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[a-z0-9][a-z0-9.-]*$/i, "letters, digits, points and hyphens: it names folders"),
        /** As the page calls it. */
        title: z.string().min(1),
        /** Name of the task whose reference they are held against. */
        task: z.string(),
        /** A recipe of clean members. */
        recipe: z.string().min(1),
      }),
    )
    .default([]),
  /** Which detectors scan the members that are judged, instead of those in their recipes. */
  detectors: z.array(detectorUse).min(1).optional(),
  /** Rate of false alarms that thresholds aim at. */
  level: z.number().gt(0).lt(1).default(0.05),
  confidence: z.number().gt(0).lt(1).default(0.95),
  /** Of the resamples. */
  seed: z.int().min(0).default(0),
});

/** A piece of JSON, and what messages call it. */
export interface Stated {
  readonly name: string;
  readonly json: unknown;
}

/**
 * @param read what the configuration names: a recipe, or the population.json that one gave
 * @throws UserError (usage), one line naming the file and the key, the seeds that occur twice, or a detector that there is not
 */
export async function parseEvaluation(
  { name: file, json }: Stated,
  read: (name: string) => Stated,
): Promise<EvaluationConfig> {
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const { path: key, message } = parsed.error.issues[0]!;
    throw usage(`${file}: ${key.join(".") || "the whole"}: ${message}`);
  }
  const { detectors, ...rest } = parsed.data;
  refuseTwice(file, "tasks", rest.tasks);
  refuseTwice(file, "controls", rest.controls);
  const tasks = rest.tasks.map(({ name, dataset, reference, evaluation }): EvaluationTask => {
    const recipe = recipeIn(read(evaluation));
    return {
      name,
      dataset,
      reference: referenceIn(read(reference)),
      evaluation: { ...recipe, ...(detectors && { detectors }) },
    };
  });
  for (const task of tasks) checkTask(task, tasks);
  const controls = rest.controls.map(({ recipe, ...control }) => ({ ...control, recipe: recipeIn(read(recipe)) }));
  for (const control of controls) checkControl(control, tasks);
  // before hours of training
  for (const { recipe } of controls) await findDetectors(recipe.detectors);
  for (const { reference, evaluation } of tasks) {
    await findDetectors(evaluation.detectors);
    if (reference.kind === "recipe") await findDetectors(reference.recipe.detectors);
  }
  return { ...rest, tasks, controls };
}

function refuseTwice(file: string, what: string, named: readonly { readonly name: string }[]): void {
  const names = named.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw usage(`${file}: two ${what} are called "${twice}"`);
}

function parsing<T>({ name, json }: Stated, parse: (json: unknown) => T): T {
  try {
    return parse(json);
  } catch (error) {
    throw usage(`${name}: ${(error as Error).message}`, error);
  }
}

const recipeIn = (stated: Stated): PopulationRecipe => parsing(stated, parsePopulationRecipe);

const referenceIn = (stated: Stated): Reference =>
  (stated.json as { readonly members?: unknown } | null)?.members === undefined
    ? { kind: "recipe", recipe: recipeIn(stated) }
    : { kind: "population", population: parsing(stated, readPopulation) };

/** Seeds of the members that a recipe trains. */
export function recipeSeeds({ seed, clean, backdoored }: PopulationRecipe): number[] {
  const count = clean + backdoored.reduce((sum, group) => sum + group.count, 0);
  return Array.from({ length: count }, (_, i) => seed + i);
}

export const referenceSeeds = (reference: Reference): number[] =>
  reference.kind === "recipe" ? recipeSeeds(reference.recipe) : reference.population.members.map(({ seed }) => seed);

const recipeOf = (reference: Reference): { readonly train: unknown; readonly scan: PopulationRecipe["scan"] } =>
  reference.kind === "recipe"
    ? reference.recipe
    : { train: reference.population.recipe, scan: reference.population.scan };

/** Every key of a training recipe in which two differ, defaults filled in. */
export function trainDifferences(theirs: unknown, ours: unknown): string[] {
  const [a, b] = [plainOf(parseTrainConfig(theirs)), plainOf(parseTrainConfig(ours))];
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return keys.filter((key) => canonicalJson(a[key] ?? null) !== canonicalJson(b[key] ?? null));
}

/** A model that set a threshold must not be judged by it, and must be like those that are judged. */
function checkTask({ name, reference, evaluation }: EvaluationTask, tasks: readonly EvaluationTask[]): void {
  const own = new Set(recipeSeeds(evaluation));
  for (const other of tasks) {
    const shared = referenceSeeds(other.reference).find((seed) => own.has(seed));
    if (shared === undefined) continue;
    throw usage(
      `task "${name}": the seed ${shared} of the evaluation also occurs in the reference of "${other.name}"; ` +
        "models that set a threshold are not judged by it: choose other seeds",
    );
  }
  const { train, scan } = recipeOf(reference);
  const [odd] = trainDifferences(train, evaluation.train);
  if (odd !== undefined) {
    throw usage(
      `task "${name}": reference and evaluation differ in train.${odd}; their scores would not be comparable`,
    );
  }
  if (canonicalJson({ ...scan }) !== canonicalJson({ ...evaluation.scan })) {
    throw usage(`task "${name}": reference and evaluation differ in scan; their scores would not be comparable`);
  }
}

/** What a control must share with its task's models: everything but the way in which it is trained. */
const SHARED = ["architecture", "data", "validation", "normalisation"];

function checkControl({ name, task: taskName, recipe }: Control, tasks: readonly EvaluationTask[]): void {
  const task = tasks.find((one) => one.name === taskName);
  if (!task) {
    throw usage(`control "${name}": there is no task "${taskName}"; known are ${tasks.map((one) => one.name)}`);
  }
  if (recipe.backdoored.length > 0) {
    throw usage(`control "${name}": it is of clean models; leave "backdoored" out of its recipe`);
  }
  if (!recipe.detectors.some(({ id }) => id === TITRATION)) {
    throw usage(`control "${name}": add "${TITRATION}" to the detectors of its recipe`);
  }
  const { train, scan } = recipeOf(task.reference);
  const differing = trainDifferences(train, recipe.train);
  const odd = differing.find((key) => SHARED.includes(key));
  if (odd !== undefined) {
    throw usage(`control "${name}": it differs from its task's reference in train.${odd}, as no control may`);
  }
  if (differing.length === 0) throw usage(`control "${name}": its models are trained as those of the reference`);
  if (canonicalJson({ ...scan }) !== canonicalJson({ ...recipe.scan })) {
    throw usage(`control "${name}": it differs from its task's reference in scan; scores would not be comparable`);
  }
}
