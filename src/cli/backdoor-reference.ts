/** @file Which population a model's scores are compared with: the one that the user names, or a bundled one that fits. */

import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { unsupportedInput, usage } from "../graph/fault.ts";
import { smallestP } from "../methods/population/p-values.ts";
import {
  type ModelFacts,
  matchPopulation,
  PopulationError,
  type PopulationMatch,
  readPopulation,
} from "../methods/population/reference.ts";
import type { Population } from "../methods/population/types.ts";
import type { ReferenceResult } from "./backdoor-results.ts";
import { systemReason } from "./errors.ts";

export interface Reference {
  readonly path: string;
  readonly population: Population;
}

/** Populations that come with the program. `index.json` names files by the architecture's hash: { hash: [file, …] }. */
export const BUNDLED = fileURLToPath(new URL("../../zoo/populations", import.meta.url));

/** @throws UserError, PopulationError naming the file and what is wrong with it */
export function readReference(path: string): Reference {
  return { path, population: naming(path, () => readPopulation(readJson(path))) };
}

/** Puts the file's name before what is wrong with a population. */
function naming<T>(path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof PopulationError)) throw error;
    throw new PopulationError(`${path}: ${error.message}`, { cause: error });
  }
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) throw unsupportedInput(`${path}: not JSON: ${error.message}`, error);
    throw usage(`the population ${path} cannot be read: ${systemReason(error)}`, error);
  }
}

export interface Compared {
  /** Undefined where scores are compared with nothing. */
  readonly population: Population | undefined;
  readonly result: ReferenceResult | null;
}

/**
 * The stated population, or a bundled one.
 * @param folder of the bundled ones
 * @throws PopulationError where the stated one is of another task
 */
export function compareWith(stated: Reference | undefined, facts: ModelFacts, folder = BUNDLED): Compared {
  if (stated) {
    const match = naming(stated.path, () => matchPopulation(stated.population, facts));
    const reason = match.kind === "matches" ? null : match.reason;
    return { population: reason === null ? stated.population : undefined, result: resultOf(stated, reason) };
  }
  // digits and clothes can have one architecture: only inputs tell which task it is
  const candidates = facts.data === undefined ? [] : bundled(folder, facts.architecture);
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

function bundled(folder: string, architecture: string): Reference[] {
  const index = join(folder, "index.json");
  if (!existsSync(index)) return [];
  const files = z.record(z.string(), z.array(z.string())).parse(readJson(index));
  return (files[architecture] ?? []).map((file) => readReference(join(folder, basename(file))));
}

function resultOf({ path, population: { name, members } }: Reference, reason: string | null): ReferenceResult {
  const clean = members.filter(({ group }) => group === "clean").length;
  return { name, path, clean, smallestP: smallestP(clean), used: reason === null, reason };
}
