/** @file A reference population from model files on this machine. */

import { basename, join } from "node:path";
import { usage } from "../graph/fault.ts";
import type { Detector } from "../methods/backdoor/types.ts";
import type { Population } from "../methods/population/types.ts";
import { populationText } from "../methods/population/write.ts";
import { checkInputs, drawFor } from "../studies/backdoor/case.ts";
import { populationOfModels, type ScannedModel, scanModel } from "../studies/population/from-files.ts";
import { POPULATION_FILE } from "../studies/population/populate.ts";
import { type ExamineFileOptions, examineFile } from "./open.ts";
import { checkOutputFolder, writeWhole } from "./output.ts";

export type ModelsOptions = Omit<ExamineFileOptions, "limit" | "sample" | "check" | "judgesOneClass"> & {
  /** Of held-out inputs that every model is scanned with, drawn by class. */
  readonly images?: number | undefined;
  readonly detectors?: readonly Detector[] | undefined;
};

/**
 * Scans models that are taken to be clean, one after another, and writes population.json into the folder.
 * @throws what reading can throw; UserError (unsupported) naming a model that is not like the first
 */
export async function populationFromFiles(
  paths: readonly [string, ...string[]],
  out: string,
  options: ModelsOptions,
): Promise<Population> {
  checkOutputFolder(out);
  const other = options.detectors?.find(({ isStandard }) => !isStandard);
  if (other) throw usage(`${other.id}: a reference is scanned with standard settings; leave its options out`);
  const { images, seed } = drawFor(undefined, options);
  const scanned: ScannedModel[] = [];
  for (const path of paths) scanned.push(await scanFile(path, { ...options, images, seed }));
  const [first, ...others] = scanned as [ScannedModel, ...ScannedModel[]];
  const population = populationOfModels(basename(out), { data: options.data, images, seed }, [first, ...others]);
  writeWhole(join(out, POPULATION_FILE), populationText(population));
  return population;
}

async function scanFile(path: string, { images, ...options }: ModelsOptions): Promise<ScannedModel> {
  await using examination = await examineFile(path, { ...options, sample: images, check: checkInputs });
  return await scanModel(examination, basename(path).replace(/\.onnx$/, ""), options.detectors);
}
