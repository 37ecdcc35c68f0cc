/** @file Which population a model's scores are compared with: the one that the user names, or a bundled one that fits. */

import { smallestP } from "../../methods/population/p-values.ts";
import {
  type ModelFacts,
  matchPopulation,
  PopulationError,
  type PopulationMatch,
} from "../../methods/population/reference.ts";
import type { Population } from "../../methods/population/types.ts";
import type { ReferenceResult } from "./results.ts";

export interface Reference {
  readonly path: string;
  readonly population: Population;
}

/** Puts the file's name before what is wrong with a population. */
export function naming<T>(path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof PopulationError)) throw error;
    throw new PopulationError(`${path}: ${error.message}`, { cause: error });
  }
}

export interface Compared {
  /** Undefined where scores are compared with nothing. */
  readonly population: Population | undefined;
  readonly result: ReferenceResult | null;
}

/**
 * The stated population, or a bundled one.
 * @param bundled populations that come with the program for an architecture, by its hash
 * @throws PopulationError where the stated one is of another task
 */
export function compareWith(
  stated: Reference | undefined,
  facts: ModelFacts,
  bundled: (architecture: string) => readonly Reference[],
): Compared {
  if (stated) {
    const match = naming(stated.path, () => matchPopulation(stated.population, facts));
    const reason = match.kind === "matches" ? null : match.reason;
    return { population: reason === null ? stated.population : undefined, result: resultOf(stated, reason) };
  }
  // digits and clothes can have one architecture: only inputs tell which task it is
  const candidates = facts.data === undefined ? [] : bundled(facts.architecture);
  const matches = candidates.flatMap((reference) => {
    const match = matchOf(reference, facts);
    return match ? [{ reference, match }] : [];
  });
  const found = matches.find(({ match }) => match.kind === "matches") ?? matches[0];
  if (!found) return { population: undefined, result: null };
  const { reference, match } = found;
  const reason = match.kind === "matches" ? null : match.reason;
  return { population: reason === null ? reference.population : undefined, result: resultOf(reference, reason) };
}

/** Undefined for populations of other tasks. */
function matchOf({ population }: Reference, facts: ModelFacts): PopulationMatch | undefined {
  try {
    return matchPopulation(population, facts);
  } catch (error) {
    if (error instanceof PopulationError) return undefined;
    throw error;
  }
}

function resultOf({ path, population: { name, members } }: Reference, reason: string | null): ReferenceResult {
  const clean = members.filter(({ group }) => group === "clean").length;
  return { name, path, clean, smallestP: smallestP(clean), used: reason === null, reason };
}
