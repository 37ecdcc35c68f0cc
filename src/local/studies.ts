/** @file This machine for studies that make models: its threads, its data, and a folder for what comes of it. */

import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { loadDataset } from "../data/files.ts";
import { makeFolder } from "../runtime/node-folder.ts";
import { loadModel } from "../runtime/node-model.ts";
import type { LocalPlace } from "../runtime/node-place.ts";
import type { RunTerms } from "../studies/each.ts";
import type { Stated } from "../studies/evaluation/config.ts";
import type { Files, Sources } from "../studies/files.ts";
import { SILENT } from "../studies/progress.ts";
import { checkModelFile } from "./model-file.ts";
import { type LocalOptions, openPlace } from "./open.ts";
import { checkOutputFolder, writeWhole } from "./output.ts";
import { readJson } from "./read-json.ts";

export type StudyOptions = Pick<LocalOptions, "workers" | "store" | "resume" | "signal" | "progress">;

export interface LocalStudy extends RunTerms, AsyncDisposable {
  readonly sources: Sources;
  readonly files: Files;
}

/**
 * What `populate` and `evaluate` work with; disposing of it ends the threads.
 * @param folder of the files that come of it
 * @throws UserError (usage) where the folder cannot be written
 */
export function openStudy(folder: string, { workers, store, progress = SILENT, ...options }: StudyOptions): LocalStudy {
  checkOutputFolder(folder);
  const place = openPlace({ workers, store, progress });
  return {
    ...options,
    progress,
    place,
    sources: sourcesAt(place),
    files: filesIn(folder, place),
    async [Symbol.asyncDispose]() {
      progress.end();
      await place[Symbol.asyncDispose]();
    },
  };
}

const sourcesAt = (place: LocalPlace): Sources => ({
  dataset: (name, split) => loadDataset(name, split && { split }),
  async model(path) {
    checkModelFile(path);
    const { sha256, external, choice } = await loadModel(path);
    place.know(sha256, path);
    for (const file of external) place.know(file.sha256, join(dirname(path), file.path));
    return { fileName: path, model: sha256, external, choice };
  },
});

/** Jobs read the files where they lie. */
const filesIn = (folder: string, place: LocalPlace): Files => ({
  async write(name, contents) {
    const path = join(folder, name);
    makeFolder(dirname(path));
    writeWhole(path, contents);
    if (typeof contents !== "string") place.know(place.digest(contents), path);
  },
  async read(name) {
    const path = join(folder, name);
    if (!existsSync(path)) return undefined;
    const bytes = readFileSync(path);
    place.know(place.digest(bytes), path);
    return bytes;
  },
});

/** @throws UserError (usage) naming the file */
export const readStated = (path: string, what = "the recipe"): Stated => ({ name: path, json: readJson(path, what) });

/** Reads what the file at a path names, from its own folder. */
export const besides =
  (path: string) =>
  (name: string): Stated =>
    readStated(resolve(dirname(path), name));
