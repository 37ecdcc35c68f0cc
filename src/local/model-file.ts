/** @file Reads the model that is to be examined: which output and input it is about, and sizes that only the data settles. */

import { existsSync, readFileSync } from "node:fs";
import type { StatedContract } from "../data/contract.ts";
import { FormatError } from "../formats/error.ts";
import { readNpy } from "../formats/npy.ts";
import type { Bound } from "../formats/onnx/bind.ts";
import type { Choice } from "../formats/onnx/choose.ts";
import { unsupportedInput, usage } from "../graph/fault.ts";
import type { LoadedModel } from "../runtime/node-model.ts";
import type { InputOptions } from "./inputs.ts";
import { systemReason } from "./system.ts";

export function checkModelFile(path: string): void {
  if (!existsSync(path)) throw usage(`${path}: no such file; name an ONNX model`);
}

/** What is stated of a model file. */
export interface ModelTerms {
  /** The output that holds the class scores. */
  readonly output?: string | undefined;
  /** The input that takes the data. */
  readonly input?: string | undefined;
  /** Other inputs and their values, NAME=VALUE: a number, true, false or a .npy file. */
  readonly bind?: readonly string[] | undefined;
}

export const choiceOf = ({ output, input, bind }: ModelTerms): Choice => ({
  ...(output !== undefined && { output }),
  ...(input !== undefined && { input }),
  ...(bind && { bound: Object.fromEntries(bind.map(boundBy)) }),
});

/** @throws UserError (usage) for what is neither a number nor a readable .npy file */
function boundBy(stated: string): [name: string, value: Bound[string]] {
  const at = stated.indexOf("=");
  const [name, value] = [stated.slice(0, at), stated.slice(at + 1)];
  if (value === "true" || value === "false") return [name, value === "true" ? 1 : 0];
  const number = Number(value);
  if (value.trim() !== "" && Number.isFinite(number)) return [name, number];
  try {
    const { shape, data } = readNpy(readFileSync(value));
    return [name, { shape, data: Array.from(data as ArrayLike<number | bigint>, Number) }];
  } catch (error) {
    const reason = error instanceof FormatError ? error.message : systemReason(error);
    throw usage(`--bind ${stated}: "${value}" is no number and cannot be read as a .npy file (${reason})`);
  }
}

/** The data that is to be examined, where there is any: it settles what the file leaves open. */
export type DataOptions = Pick<InputOptions, "data" | "labels" | "reading"> & { readonly stated: StatedContract };

/** @throws UserError (usage), and what reading a model can throw */
export async function readModel(path: string, options: ModelTerms, data?: DataOptions): Promise<LoadedModel> {
  checkModelFile(path);
  const { loadModel, loadOutline } = await import("../runtime/node-model.ts");
  const { describePort } = await import("../formats/onnx/bind.ts");
  const { leavesSizes } = await import("../formats/onnx/choose.ts");
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
