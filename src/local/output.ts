/** @file Files of results: whole or not at all, and tried before hours of work depend on them. */

import { accessSync, closeSync, constants, openSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { UserError, usage } from "../graph/fault.ts";
import { makeFolder } from "../runtime/node-folder.ts";
import { systemReason } from "./system.ts";

/** @throws UserError (usage) when a file of that name could not be written */
export function checkOutputFile(path: string, flag = "--out"): void {
  const folder = dirname(resolve(path));
  const found = kindOf(path);
  if (found === "folder") throw usage(`${flag} ${path} is a folder; name a file`);
  if (found !== "other") checkFolder(folder, path, flag);
}

/** Undefined where there is nothing, or nothing that can be reached. */
function kindOf(path: string): "file" | "folder" | "other" | undefined {
  try {
    const found = statSync(path);
    return found.isFile() ? "file" : found.isDirectory() ? "folder" : "other";
  } catch {
    return undefined;
  }
}

/** Makes the folder where it is missing. */
export function checkOutputFolder(path: string, flag?: string): void {
  checkFolder(resolve(path), path, flag);
}

function checkFolder(folder: string, path: string, flag = "--out"): void {
  const probe = join(folder, `.assay-probe-${process.pid}`);
  try {
    makeFolder(folder);
    accessSync(folder, constants.W_OK);
    writeFileSync(probe, "");
    rmSync(probe);
  } catch (error) {
    throw usage(`${flag} ${path} cannot be written: ${systemReason(error)}; choose another place`, error);
  }
}

function writePieces(path: string, pieces: Iterable<string>): void {
  const file = openSync(path, "w");
  try {
    for (const piece of pieces) writeFileSync(file, piece);
  } finally {
    closeSync(file);
  }
}

/** Leaves the old file or the new one, never half of it. What is no file (a pipe, a device) is written to as it is. */
export function writeWhole(path: string, contents: string | Uint8Array | Iterable<string>): void {
  const replaceable = kindOf(path) !== "other";
  const target = replaceable ? `${path}.${process.pid}.tmp` : path;
  try {
    if (typeof contents === "string" || contents instanceof Uint8Array) writeFileSync(target, contents);
    else writePieces(target, contents);
    if (replaceable) renameSync(target, path);
  } catch (error) {
    if (replaceable) rmSync(target, { force: true });
    throw new UserError("stopped", `${path} cannot be written: ${systemReason(error)}`, { cause: error });
  }
}
