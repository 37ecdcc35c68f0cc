/** @file Reference populations from model files on this machine: of clean ones, or of the architecture of one. */

import { basename, join } from "node:path";
import { usage } from "../graph/fault.ts";
import { standardDetectors } from "../methods/backdoor/index.ts";
import type { Detector } from "../methods/backdoor/types.ts";
import { parsePopulationRecipe } from "../methods/population/config.ts";
import type { Population } from "../methods/population/types.ts";
import { populationText } from "../methods/population/write.ts";
import type { TrainConfig } from "../methods/train/config.ts";
import { checkInputs, drawFor } from "../studies/backdoor/case.ts";
import { populationOfModels, type ScannedModel, scanModel } from "../studies/population/from-files.ts";
import { POPULATION_FILE } from "../studies/population/populate.ts";
import type { PopulationTerms } from "../studies/population/terms.ts";
import { checkModelFile } from "./model-file.ts";
import { type ExamineFileOptions, examineFile } from "./open.ts";
import { checkOutputFolder, writeWhole } from "./output.ts";
import { openStudy, type StudyOptions } from "./studies.ts";

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
  checkStandard(options.detectors);
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

export interface LikeOptions extends StudyOptions {
  /** What members are trained on. */
  readonly training: string;
  /** Held-out inputs: what members are tested and scanned with. */
  readonly data: string;
  /** Default 20: with fewer no p-value is below 0.05. */
  readonly members?: number | undefined;
  readonly epochs?: number | undefined;
  readonly images?: number | undefined;
  /** Of the first member and of the inputs drawn; default 0. */
  readonly seed?: number | undefined;
  /** Of pixels in [0, 1], where the model does not hold it. */
  readonly normalisation?: TrainConfig["normalisation"];
  readonly detectors?: readonly Detector[] | undefined;
  /** What else a recipe says: of training, of backdoored members. */
  readonly recipe?: Readonly<Record<string, unknown>> | undefined;
  readonly onTrained?: PopulationTerms["onTrained"];
}

const MEMBERS = 20;
const EPOCHS = 10;

/**
 * Trains clean models of a file's architecture, each from weights of its own, scans them and writes population.json into the folder.
 * Members take pixels of 0 to 1 and have the normalisation inside.
 *
 * @throws what reading and training can throw; UserError naming what cannot be trained
 */
export async function populationLike(path: string, out: string, options: LikeOptions): Promise<Population> {
  checkModelFile(path);
  checkStandard(options.detectors);
  const { training, data, members, epochs, images, normalisation, recipe = {}, onTrained } = options;
  const { seed, images: drawn } = drawFor(undefined, { images, seed: options.seed });
  const { train = {}, ...stated } = recipe;
  const parsed = parsePopulationRecipe({
    name: basename(out),
    detectors: (options.detectors ?? standardDetectors(false)).map(({ id }) => id),
    ...stated,
    ...(members === undefined && "clean" in stated ? {} : { clean: members ?? MEMBERS }),
    seed,
    scan: { data, images: drawn, seed },
    train: {
      epochs: EPOCHS,
      ...TRAINING,
      ...(train as object),
      ...(epochs !== undefined && { epochs }),
      ...(normalisation && { normalisation }),
      architecture: { like: path },
      data: training,
      validation: data,
    },
  });
  await using study = openStudy(out, options);
  return (await populated(parsed, { ...study, onTrained })).population;
}

/** What trains most small and middling networks, with or without normalisation of batches. */
const TRAINING = { learningRate: 1e-3, schedule: { kind: "cosine" }, warmup: 0.5, clipNorm: 5 };

/** Apart, because the compiler does not rewrite an import beside an `await using`. */
async function populated(...given: Parameters<typeof import("../studies/population/populate.ts").populate>) {
  const { populate } = await import("../studies/population/populate.ts");
  return populate(...given);
}

/** @throws UserError (usage) */
function checkStandard(detectors: readonly Detector[] = []): void {
  const other = detectors.find(({ isStandard }) => !isStandard);
  if (other) throw usage(`${other.id}: a reference is scanned with standard settings; leave its options out`);
}
