/** @file A model file and data on this machine, opened for studies. */

import { dirname, join } from "node:path";
import { nodeHost } from "../runtime/node-host.ts";
import { type LocalPlace, localPlace } from "../runtime/node-place.ts";
import { type Examination, type ExamineOptions, examine, type OpenModel, openModel } from "../studies/examination.ts";
import type { Inputs } from "../studies/inputs.ts";
import type { ReadModel } from "../studies/jobs/subject.ts";
import { SILENT } from "../studies/progress.ts";
import { type InputOptions, loadInputs } from "./inputs.ts";
import { jobs, tableUrl } from "./jobs.ts";
import { type ModelTerms, readModel } from "./model-file.ts";
import { VERSION } from "./version.ts";

/** Where finished jobs are kept, in the current folder. */
export const STORE = ".assay";

export interface LocalOptions extends Omit<ExamineOptions, "place" | "host"> {
  /** Most threads at once; default: one per core. */
  readonly workers?: number | undefined;
  /** Folder where finished jobs are kept, for `resume`; by default they are not kept. */
  readonly store?: string | undefined;
}

/** The threads of this machine, and its store. */
export const openPlace = ({
  workers,
  store,
  progress = SILENT,
}: Pick<LocalOptions, "workers" | "store" | "progress">): LocalPlace =>
  localPlace({
    jobs,
    table: tableUrl,
    version: VERSION,
    workers,
    directory: store,
    warn: (line) => progress.say(line),
  });

/** @param open uses the place and hands it back with what it made */
async function here<T extends object>(
  model: ReadModel,
  { workers, store, ...options }: LocalOptions,
  open: (options: ExamineOptions) => Promise<T>,
): Promise<T & { readonly place: LocalPlace } & AsyncDisposable> {
  const { progress = SILENT } = options;
  const place = openPlace({ workers, store, progress });
  place.know(model.sha256, model.path);
  for (const { path, sha256 } of model.external) place.know(sha256, join(dirname(model.path), path));
  const dispose = async () => {
    progress.end();
    await place[Symbol.asyncDispose]();
  };
  try {
    const opened = await open({ ...options, place, host: nodeHost(place.blobs) });
    return { ...opened, place, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** A model on threads of this machine. */
export type LocalModel = OpenModel & { readonly place: LocalPlace } & AsyncDisposable;

/** A model and inputs on threads of this machine; disposing of it ends them. */
export type LocalExamination = Examination & { readonly place: LocalPlace } & AsyncDisposable;

export const openLocalModel = (
  model: ReadModel,
  normalisation: Inputs["normalisation"],
  options: LocalOptions,
): Promise<LocalModel> => here(model, options, (own) => openModel(model, normalisation, own));

export type ExamineFileOptions = LocalOptions &
  ModelTerms &
  Omit<InputOptions, "seed" | "stated"> &
  Partial<Pick<InputOptions, "stated">> & {
    /** May refuse inputs before anything is computed. */
    readonly check?: ((inputs: Inputs) => void | Promise<void>) | undefined;
    /** Have the preprocessing found that clearly fits best; by default it is as stated. */
    readonly preprocessing?: "stated" | "auto" | undefined;
  };

/**
 * Reads a model file and data, and asks the model for its answers, as the command line does.
 *
 * @param path of an .onnx file
 * @throws what reading can throw, and `examine`
 */
export async function examineFile(path: string, options: ExamineFileOptions): Promise<LocalExamination> {
  const { seed = 0, stated = {}, check } = options;
  const loading = { ...options, seed, stated };
  const model = await readModel(path, options, loading);
  if (options.preprocessing !== "auto") {
    const inputs = await loadInputs(model, loading);
    await check?.(inputs);
    return here(model, options, (own) => examine(model, inputs, own));
  }
  const { foundInputs, loadSized } = await import("./preprocessing.ts");
  const sized = await loadSized(model, loading);
  await check?.(sized.inputs);
  return here(model, options, async (own) => examine(model, await foundInputs(model, sized, loading, own), own));
}
