/** @file A search for a backdoor in a model file, with what data there is on this machine. */

import { usage } from "../graph/fault.ts";
import { standardDetectors } from "../methods/backdoor/index.ts";
import { besideOwn } from "../methods/family.ts";
import { type BackdoorRequest, backdoor, type Searched } from "../studies/backdoor/backdoor.ts";
import { checkInputs, drawFor, type ModelAlone } from "../studies/backdoor/case.ts";
import type { Examination } from "../studies/examination.ts";
import { type InputOptions, loadInputs } from "./inputs.ts";
import { readModel } from "./model-file.ts";
import { type ExamineFileOptions, examineFile, openLocalModel } from "./open.ts";
import { loadMethods } from "./plugins.ts";
import { bundledReferences, readReference } from "./reference.ts";

export type BackdoorFileOptions = Omit<ExamineFileOptions, "data" | "limit" | "sample" | "check" | "judgesOneClass"> &
  Pick<BackdoorRequest, "detectors"> & {
    /** Held-out inputs: a file, a folder, or the name of a data set. Without, the model is looked at by itself. */
    readonly data?: string | undefined;
    /** How many are drawn; by default as many as the reference's models saw. */
    readonly images?: number | undefined;
    /** What the model was trained on, as `data`. */
    readonly training?: string | undefined;
    /** Clean models that scores are compared with: a population's file. By default a bundled one that fits. */
    readonly reference?: string | undefined;
    /** Modules whose detectors take part beside those that are stated, or run by default. */
    readonly plugins?: readonly string[] | undefined;
  };

/**
 * Reads a model file and data, and searches the model for a backdoor, as the command line does.
 *
 * @param path of an .onnx file
 * @throws what reading can throw, `examine` and `backdoor`
 */
export async function searchFile(path: string, options: BackdoorFileOptions = {}): Promise<Searched> {
  const { training, plugins = [] } = options;
  const { detectors: own } = await loadMethods(plugins);
  const detectors = besideOwn(options.detectors, standardDetectors(training !== undefined), own);
  const reference = options.reference === undefined ? undefined : readReference(options.reference);
  const { images, seed } = drawFor(reference, options);
  await using opened = await open(path, { ...options, seed }, images);
  const trained = training === undefined ? undefined : await loadTraining(opened, { ...options, data: training, seed });
  return await backdoor(opened, { detectors, training: trained, reference, bundled: bundledReferences });
}

async function open(
  path: string,
  options: BackdoorFileOptions,
  images: number,
): Promise<(Examination | ModelAlone) & AsyncDisposable> {
  const { data, stated = {} } = options;
  if (data !== undefined) return examineFile(path, { ...options, data, sample: images, check: checkInputs });
  if (options.preprocessing === "auto")
    throw usage("--preprocessing auto needs inputs with labels; give them with --data");
  const { assumeInputs } = await import("../studies/assumed-inputs.ts");
  const model = await readModel(path, options);
  const assumed = await assumeInputs(model, stated);
  return { ...(await openLocalModel(model, assumed.normalisation, options)), assumed };
}

/** Whole, and in the units of the other inputs. */
function loadTraining(
  opened: Examination | ModelAlone,
  options: BackdoorFileOptions & Pick<InputOptions, "data" | "seed">,
) {
  const { labels: _, stated = {}, ...rest } = options;
  const like = "inputs" in opened ? opened.inputs : undefined;
  return loadInputs(opened.model, { ...rest, stated, split: "train", like, found: like?.found });
}
