/** @file A population from its recipe: members trained, scanned, and written down. */

import { isAccepted } from "../../methods/population/acceptance.ts";
import { type PopulationRecipe, planMembers } from "../../methods/population/config.ts";
import { type Member, POPULATION_SCHEMA, type Population, type Scan } from "../../methods/population/types.ts";
import { populationText, shortNumber, shortSeconds } from "../../methods/population/write.ts";
import { architectureName } from "../../methods/train/config.ts";
import { median } from "../../stats/summary.ts";
import { plainOf } from "../plain.ts";
import { loadData } from "./data.ts";
import { findDetectors, scanMembers } from "./scan.ts";
import type { PopulationTerms, TaskData, Trained } from "./terms.ts";
import { trainMembers } from "./train.ts";

/** Of a population, among its files. */
export const POPULATION_FILE = "population.json";

export interface Populated {
  readonly population: Population;
  /** In the order of the population's members. */
  readonly trained: readonly Trained[];
  readonly data: TaskData;
}

/**
 * Trains and scans the members, and writes them and population.json.
 * @throws UserError, and what training and reading of data throw
 */
export async function populate(recipe: PopulationRecipe, terms: PopulationTerms): Promise<Populated> {
  const detectors = await findDetectors(recipe.detectors);
  const data = await loadData(recipe, terms);
  const trained = await trainMembers(planMembers(recipe, data.classes), data, terms);
  const scans = await scanMembers(trained, detectors, recipe, data, terms);
  const population = populationOf(recipe, data, trained, scans);
  await terms.files.write(POPULATION_FILE, populationText(population));
  return { population, trained, data };
}

function populationOf(
  recipe: PopulationRecipe,
  { shape, classes, facts }: TaskData,
  trained: readonly Trained[],
  scans: readonly Record<string, Scan>[],
): Population {
  const clean = trained.flatMap(({ member, record }) => (member.group === "clean" ? [record] : []));
  const first = trained[0]!;
  return {
    schema: POPULATION_SCHEMA,
    name: recipe.name,
    task: {
      shape: [...shape],
      classes,
      architecture: first.record.architecture,
      architectureName: architectureName(first.member.config),
      weightScales: clean[0]!.weightScales.map(
        (_, layer) => shortNumber(median(clean.map(({ weightScales }) => weightScales[layer]!)))!,
      ),
      data: facts,
    },
    scan: { ...recipe.scan },
    recipe: { ...recipe.train },
    members: trained.map(({ member, record }, i): Member => {
      const { poison = null } = member.config;
      return {
        id: member.id,
        group: member.group,
        seed: member.seed,
        poison: poison && plainOf(poison),
        target: member.target,
        sha256: record.sha256,
        cleanAccuracy: shortNumber(record.cleanAccuracy)!,
        attackSuccess: record.attackSuccess === null ? null : shortNumber(record.attackSuccess),
        accepted: isAccepted(record, clean),
        trainSeconds: shortSeconds(record.seconds),
        scans: scans[i]!,
      };
    }),
  };
}
