/** @file Queries and network files on this machine, as they are or gzip'ed, made known to the place where they are decided. */

import { existsSync, readFileSync } from "node:fs";
import { FormatError } from "../formats/error.ts";
import { gunzip, isGzip } from "../formats/gzip.ts";
import { unsupportedInput, usage } from "../graph/fault.ts";
import type { Place } from "../runtime/jobs.ts";
import type { NamedBlob } from "../studies/jobs/verify.ts";
import { systemReason } from "./system.ts";

/**
 * The file's bytes; of `NAME` also those of `NAME.gz`, where only that is there.
 * @throws UserError naming the file
 */
export function readPlain(path: string, what: string): Uint8Array {
  const found = existsSync(path) ? path : `${path}.gz`;
  if (!existsSync(found)) throw usage(`${path}: no such file; name ${what}`);
  try {
    const bytes = readFileSync(found);
    return isGzip(bytes) ? gunzip(bytes) : new Uint8Array(bytes);
  } catch (error) {
    if (error instanceof FormatError) throw unsupportedInput(`${found}: ${error.message}`);
    throw usage(`${found}: ${systemReason(error)}; name ${what}`);
  }
}

export const keepFile = async (place: Place, fileName: string, bytes: Uint8Array): Promise<NamedBlob> => ({
  fileName,
  sha256: await place.keep(bytes),
});
