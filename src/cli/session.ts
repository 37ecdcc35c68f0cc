/** @file From options to a model and inputs that are ready for a study. */

import type { StatedContract } from "../data/contract.ts";
import type { StatedUnit } from "../data/units.ts";
import { usage } from "../graph/fault.ts";
import type { InputOptions } from "../local/inputs.ts";
import { checkModelFile } from "../local/model-file.ts";
import {
  type ExamineFileOptions,
  examineFile,
  type LocalExamination,
  type LocalOptions,
  STORE,
} from "../local/open.ts";
import type { Inputs } from "../studies/inputs.ts";
import type { Io } from "./io.ts";
import { type Options, readingOptions, statedContract, statedUnit } from "./options.ts";
import { createProgress } from "./progress.ts";

export type SessionOptions = Options<
  | "output"
  | "input"
  | "bind"
  | "data"
  | "labels"
  | "limit"
  | "sample"
  | "seed"
  | "timeout"
  | "jobs"
  | "memory"
  | "device"
  | "resume"
  | "preprocessing"
  | "mean"
  | "std"
  | "range"
  | "layout"
  | "classOrder"
  | "labelColumn"
  | "firstLabel"
  | "dataRange"
  | "channels"
  | "channelOrder"
  | "resize"
  | "crop"
  | "rowOrder"
  | "epsilonUnit"
  | "featureEpsilon"
  | "fixed"
  | "force"
  | "json"
>;

export type Session = LocalExamination;

/** All that the options state of the inputs, but for which data, how much of it, and how it is drawn. */
export const statedInputs = (
  options: SessionOptions,
): Pick<InputOptions, "labels" | "stated" | "reading" | "unit"> & Pick<ExamineFileOptions, "preprocessing"> => ({
  preprocessing: options.preprocessing,
  labels: options.labels,
  stated: statedFor(options),
  reading: readingOptions(options),
  unit: statedUnit(options),
});

/** The class order counted from 0, as labels are after reading. */
function statedFor(options: SessionOptions): StatedContract {
  const stated = statedContract(options);
  const first = options.firstLabel ?? 0;
  return stated.classOrder ? { ...stated, classOrder: stated.classOrder.map((label) => label - first) } : stated;
}

/** How and where is computed. */
export const runOptions = async (
  { jobs: workers, memory, device, resume, seed, timeout, force }: SessionOptions,
  io: Io,
): Promise<LocalOptions> => ({
  workers,
  store: STORE,
  memory,
  device,
  resume,
  seed,
  timeout,
  force,
  signal: io.signal,
  progress: await createProgress(io.stderr, false),
});

/**
 * @param own what the verb adds: a check of the inputs, whether a model of one answer is judged and not refused
 * @throws what reading and `examine` can throw
 */
export async function openSession(
  path: string,
  options: SessionOptions,
  io: Io,
  own: {
    readonly unit?: StatedUnit;
    readonly check?: (inputs: Inputs) => void | Promise<void>;
    readonly judgesOneClass?: boolean;
  } = {},
): Promise<Session> {
  checkModelFile(path);
  const { data, limit, sample, output, input, bind } = options;
  if (data === undefined) throw usage("say with --data what to examine it on: a file, a folder, or mnist");
  const terms = { ...statedInputs(options), data, limit, sample, output, input, bind };
  return examineFile(path, { ...(await runOptions(options, io)), ...terms, ...own });
}
