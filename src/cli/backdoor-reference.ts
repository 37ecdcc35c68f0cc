/** @file Which population a model's scores are compared with: the one that the user names, or a bundled one that fits. */

import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { type Population, populationSchema } from "../methods/population/types.ts";
import type { ReferenceResult } from "./backdoor-results.ts";
import { systemReason, unsupportedInput, usage } from "./errors.ts";
import { type ModelFacts, matchReference } from "./match-reference.ts";

export interface Reference {
  readonly path: string;
  readonly population: Population;
}

/** Populations that come with the program. `index.json` names files by the architecture's hash: { hash: [file, …] }. */
const BUNDLED = fileURLToPath(new URL("../../zoo/populations", import.meta.url));

/** @throws CliError naming the file and what is wrong with it */
export function readReference(path: string): Reference {
  const parsed = populationSchema.safeParse(readJson(path));
  if (parsed.success) return { path, population: parsed.data };
  const [issue] = parsed.error.issues;
  throw unsupportedInput(
    `${path}: not a population as \`assay population\` writes it: ${issue!.path.join(".") || "the whole"}: ${issue!.message}`,
  );
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
 * @throws CliError (unsupported) where the stated one is of another task
 */
export function compareWith(stated: Reference | undefined, facts: ModelFacts): Compared {
  if (stated) {
    const match = matchReference(stated.population, facts);
    if (match.kind === "other task") {
      throw unsupportedInput(
        `${stated.path}: a population of another task: ${match.reason} Leave --reference away, or make one of this task with \`assay population\`.`,
      );
    }
    const used = match.kind === "fits";
    return { population: used ? stated.population : undefined, result: resultOf(stated, used ? null : match.reason) };
  }
  for (const reference of bundled(facts.architecture)) {
    if (matchReference(reference.population, facts).kind !== "fits") continue;
    return { population: reference.population, result: resultOf(reference, null) };
  }
  return { population: undefined, result: null };
}

function bundled(architecture: string): Reference[] {
  const index = join(BUNDLED, "index.json");
  if (!existsSync(index)) return [];
  const files = z.record(z.string(), z.array(z.string())).parse(readJson(index));
  return (files[architecture] ?? []).map((file) => readReference(join(BUNDLED, basename(file))));
}

function resultOf({ path, population: { name, members } }: Reference, reason: string | null): ReferenceResult {
  const clean = members.filter(({ group }) => group === "clean").length;
  return { name, path, clean, smallestP: 1 / (clean + 1), used: reason === null, reason };
}
