/** @file Reference populations in files: those that users name, and those that come with the program. */

import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { unsupportedInput, usage } from "../graph/fault.ts";
import { readPopulation } from "../methods/population/reference.ts";
import { naming, type Reference } from "../studies/backdoor/reference.ts";
import { systemReason } from "./system.ts";

/** Populations that come with the program. `index.json` names files by the architecture's hash: { hash: [file, …] }. */
export const BUNDLED = fileURLToPath(new URL("../../zoo/populations", import.meta.url));

/** @throws UserError, PopulationError naming the file and what is wrong with it */
export function readReference(path: string): Reference {
  return { path, population: naming(path, () => readPopulation(readJson(path))) };
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) throw unsupportedInput(`${path}: not JSON: ${error.message}`, error);
    throw usage(`the population ${path} cannot be read: ${systemReason(error)}`, error);
  }
}

/** Those of an architecture, by its hash. */
export function bundledReferences(architecture: string, folder = BUNDLED): Reference[] {
  const index = join(folder, "index.json");
  if (!existsSync(index)) return [];
  const files = z.record(z.string(), z.array(z.string())).parse(readJson(index));
  return (files[architecture] ?? []).map((file) => readReference(join(folder, basename(file))));
}
