/** @file Reads the model that a verb is given: which output and input it is about, and sizes that only the data settles. */

import { existsSync } from "node:fs";
import type { StatedContract } from "../data/contract.ts";
import type { Choice } from "../formats/onnx/choose.ts";
import type { LoadedModel } from "../runtime/node-model.ts";
import { unsupportedInput, usage } from "./errors.ts";
import type { Options } from "./options.ts";
import type { InputOptions } from "./subject.ts";

export function checkModelFile(path: string): void {
  if (!existsSync(path)) throw usage(`${path}: no such file; name an ONNX model`);
}

/** What the options say of the model file. */
export const choiceOf = ({ output, input }: Options<"output" | "input">): Choice => ({
  ...(output !== undefined && { output }),
  ...(input !== undefined && { input }),
});

/** The data that is to be examined, where there is any: it settles what the file leaves open. */
export type DataOptions = Pick<InputOptions, "data" | "labels" | "reading"> & { readonly stated: StatedContract };

/** @throws CliError (usage), and what reading a model can throw */
export async function readModel(
  path: string,
  options: Options<"output" | "input">,
  data?: DataOptions,
): Promise<LoadedModel> {
  checkModelFile(path);
  const { loadModel, loadOutline } = await import("../runtime/node-model.ts");
  const { describePort, leavesSizes } = await import("../formats/onnx/choose.ts");
  const choice = choiceOf(options);
  const { input } = await loadOutline(path, choice);
  if (!leavesSizes(input)) return loadModel(path, { classifier: choice });
  if (data === undefined) {
    throw unsupportedInput(
      `${path}: its input ${describePort(input)} leaves sizes open; give inputs with --data, which settle them`,
    );
  }
  const declared = input.shape!.slice(1).map((dim) => (typeof dim === "number" ? dim : ("N" as const)));
  return loadModel(path, { classifier: { ...choice, sizes: await sizesOf(declared, data) } });
}

/** Sizes of one sample in the model's order of axes, as the data has them. */
async function sizesOf(declared: readonly (number | "N")[], options: DataOptions): Promise<readonly number[]> {
  const { loadDataset } = await import("../data/files.ts");
  const { inferContract } = await import("../data/contract.ts");
  const { data, labels, reading, stated } = options;
  const dataset = await loadDataset(data, { ...reading, ...(labels && { labels }), limit: 1 });
  return inferContract({ modelInputShape: ["N", ...declared], dataset, stated }).contract.shape;
}
