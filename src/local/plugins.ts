/** @file Methods of one's own from modules on this machine: attacks, verifiers and detectors that take part like the listed ones. */

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { usage } from "../graph/fault.ts";
import { methodsIn, NO_METHODS, type OwnMethods } from "../methods/modules.ts";
import { nodeDigest } from "../runtime/node-digest.ts";
import { importModule } from "../runtime/node-module.ts";
import { systemReason } from "./system.ts";

/**
 * What modules export that `defineAttack`, `defineVerifier` and `defineDetector` made. Such a method runs on all threads, each of
 * which imports its module; results name the module and its hash.
 *
 * @param paths of JavaScript modules
 * @throws UserError (usage): one line with the file, the export and the way out
 */
export async function loadMethods(paths: readonly string[]): Promise<OwnMethods> {
  let all = NO_METHODS;
  for (const path of paths) {
    const { attacks, verifiers, detectors } = await loadModuleAt(path);
    all = {
      attacks: [...all.attacks, ...attacks],
      verifiers: [...all.verifiers, ...verifiers],
      detectors: [...all.detectors, ...detectors],
    };
  }
  return all;
}

async function loadModuleAt(path: string): Promise<OwnMethods> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw usage(`${path}: ${systemReason(error)}; name a JavaScript module that exports methods`);
  });
  const file = { url: pathToFileURL(resolve(path)).href, sha256: nodeDigest(bytes) };
  const exports = await importModule(file).catch((error: unknown) => {
    const [reason] = String((error as Error)?.message ?? error).split("\n");
    throw usage(
      `${path}: the module cannot be imported: ${reason}; it must be JavaScript that Node imports, with what it imports installed beside it`,
    );
  });
  return methodsIn(exports, file, path);
}
