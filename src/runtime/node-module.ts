/** @file Modules of the calling program, imported on the thread that needs them. */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { UserError } from "../graph/fault.ts";
import type { Exports, ModuleFile } from "./jobs.ts";
import { nodeDigest } from "./node-digest.ts";

/** @throws UserError (unsupported) where the file is another by now, and what importing it throws */
export async function importModule({ url, sha256 }: ModuleFile): Promise<Exports> {
  const path = fileURLToPath(url);
  if (nodeDigest(await readFile(path)) !== sha256)
    throw new UserError("unsupported", `${path}: the module was changed while it was in use; run it again`);
  // another file under the same name is another module
  return (await import(`${url}?sha256=${sha256}`)) as Exports;
}
