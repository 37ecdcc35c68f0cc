/** @file What studies that make models read and leave behind, wherever it lies. */

import type { Dataset } from "../data/dataset.ts";
import type { ModelBlob } from "./jobs/subject.ts";

/** Data sets and models by the names that recipes give. */
export interface Sources {
  /** @param split of data that has two parts; by default the one that is held out */
  dataset(name: string, split?: "train"): Promise<Dataset>;
  /** A model file; from here on jobs find it by its hash. */
  model(name: string): Promise<ModelBlob>;
}

/** Where files go, and are found again by a run that goes on. Names have "/" between folders. */
export interface Files {
  /** Whole or not at all. */
  write(name: string, contents: string | Uint8Array): Promise<void>;
  /** Undefined where there is none of that name. */
  read(name: string): Promise<Uint8Array | undefined>;
}

/** The files in a folder. */
export const within = (files: Files, folder: string): Files => ({
  write: (name, contents) => files.write(`${folder}/${name}`, contents),
  read: (name) => files.read(`${folder}/${name}`),
});
