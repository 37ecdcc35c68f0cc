/** @file A category of the competitions on this machine: its folder read, its files made known to the place. */

import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { FormatError } from "../formats/error.ts";
import { unsupportedInput } from "../graph/fault.ts";
import type { Place } from "../runtime/jobs.ts";
import type { NamedBlob } from "../studies/jobs/verify.ts";
import { type Listed, readListed, readTruth } from "../studies/verify/category.ts";
import type { Instance } from "../studies/verify.ts";
import { keepFile, readPlain } from "./query-files.ts";

export interface Category {
  readonly name: string;
  readonly folder: string;
  readonly listed: readonly Listed[];
  /** Verdicts that are known, where `truth.csv` lists any. */
  readonly truth: ((instance: Listed) => string | undefined) | undefined;
}

/** @throws UserError naming the file */
export function readCategory(folder: string): Category {
  const read = <T>(name: string, what: string, parse: (bytes: Uint8Array) => T): T => {
    const path = join(folder, name);
    try {
      return parse(readPlain(path, what));
    } catch (error) {
      if (error instanceof FormatError) throw unsupportedInput(`${path}: ${error.message}`);
      throw error;
    }
  };
  const listed = read("instances.csv", "the folder of a category, which has one", readListed);
  const known = ["", ".gz"].some((end) => existsSync(join(folder, `truth.csv${end}`)));
  const truth = known ? read("truth.csv", "a list of verdicts", readTruth) : undefined;
  return { name: basename(resolve(folder)), folder, listed, truth };
}

/**
 * The instances as they are run, each file read once, its contents in memory until the end.
 * @param most seconds, where the category's own limit is longer
 * @throws UserError naming a file that is not there
 */
export async function openInstances(
  { folder }: Category,
  listed: readonly Listed[],
  place: Place,
  most: number,
): Promise<Instance[]> {
  const known = new Map<string, NamedBlob>();
  const open = async (name: string, what: string): Promise<NamedBlob> => {
    const path = join(folder, name);
    const found = known.get(name) ?? (await keepFile(place, path, readPlain(path, what)));
    known.set(name, found);
    return found;
  };
  const instances: Instance[] = [];
  for (const { onnx, vnnlib, limit } of listed) {
    const model = await open(onnx, "an ONNX model");
    const query = await open(vnnlib, "a VNN-LIB query");
    instances.push({ model, query, seconds: Math.min(limit, most) });
  }
  return instances;
}
