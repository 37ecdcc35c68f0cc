/** @file Reads a model from the disk: the bytes, their hash, and external data from the model's own folder alone. */

import { createHash } from "node:crypto";
import { readFileSync, realpathSync, statSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import type { Choice } from "../formats/onnx/choose.ts";
import { OnnxError } from "../formats/onnx/error.ts";
import {
  type ImportOptions,
  importOnnx,
  type OnnxModel,
  type OnnxOutline,
  outlineOnnx,
  type Ports,
  portsOnnx,
  type ReadExternal,
} from "../formats/onnx/import.ts";
import { type OnnxSurvey, surveyOnnx } from "../formats/onnx/survey.ts";

/** Protocol buffers end at 2 GiB; larger models keep their weights in external files. */
const MAX_FILE_BYTES = 2 ** 31 - 1;

export interface LoadedModel extends OnnxModel {
  readonly path: string;
  /** What was stated of its outputs, inputs and sizes. */
  readonly choice: Choice;
  /** Of the model file, in hexadecimal. */
  readonly sha256: string;
  /** Files beside the model that hold weights, in the order they were read. */
  readonly external: readonly { readonly path: string; readonly sha256: string }[];
  readonly bytes: Uint8Array;
}

/**
 * @param path of an .onnx file
 * @throws OnnxError for files that cannot be read, and whatever importOnnx refuses
 */
export async function loadModel(
  path: string,
  options: Omit<ImportOptions, "readExternal" | "fileName"> = {},
): Promise<LoadedModel> {
  const bytes = await readModelFile(path);
  const external: { path: string; sha256: string }[] = [];
  const readExternal = folderReader(dirname(path), (name, data) => external.push({ path: name, sha256: sha256(data) }));
  const model = importOnnx(bytes, { ...options, readExternal, fileName: path });
  return { ...model, path, choice: options.classifier ?? {}, sha256: sha256(bytes), external, bytes };
}

/**
 * What a model file says of itself.
 * @throws as loadModel, but for what the file computes
 */
export const loadOutline = async (path: string, choice: Choice = {}): Promise<OnnxOutline> =>
  outlineOnnx(await readModelFile(path), choice, path);

/** All inputs and outputs of a model file. @throws as loadModel, but for what the file computes */
export const loadPorts = async (path: string): Promise<Ports> => portsOnnx(await readModelFile(path), path);

/** What can be read of a model that cannot be read whole. @throws as loadModel, where nothing can */
export const loadSurvey = async (path: string, classifier?: Choice): Promise<OnnxSurvey> =>
  surveyOnnx(await readModelFile(path), {
    readExternal: folderReader(dirname(path)),
    fileName: path,
    ...(classifier && { classifier }),
  });

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

async function readModelFile(path: string): Promise<Uint8Array> {
  try {
    const status = await stat(path);
    if (!status.isFile()) throw new OnnxError("is not a file; give the path of an ONNX model", { file: path });
    if (status.size > MAX_FILE_BYTES)
      throw new OnnxError(
        `has ${status.size} bytes; a model file of 2 GiB or more must keep its weights in external files`,
        { file: path },
      );
    return await readFile(path);
  } catch (error) {
    if (error instanceof OnnxError) throw error;
    throw new OnnxError(`cannot be read (${reason(error)})`, { file: path }, { cause: error });
  }
}

const reason = (error: unknown): string =>
  error instanceof Error && "code" in error ? String(error.code) : String(error);

/**
 * Reads files inside one folder, each once; links that lead out of it are refused.
 *
 * @param onRead told of every file when it is first read
 */
export function folderReader(
  folder: string,
  onRead: (path: string, bytes: Uint8Array) => void = () => {},
): ReadExternal {
  const files = new Map<string, Uint8Array>();
  return (path) => {
    const known = files.get(path);
    if (known) return known;
    const bytes = readInside(folder, path);
    files.set(path, bytes);
    onRead(path, bytes);
    return bytes;
  };
}

function readInside(folder: string, path: string): Uint8Array {
  try {
    const root = realpathSync(folder);
    const target = realpathSync(join(root, path));
    if (!target.startsWith(root.endsWith(sep) ? root : root + sep))
      throw new OnnxError(`the external data "${path}" is a link out of the model's folder; put the file itself there`);
    if (!statSync(target).isFile()) throw new OnnxError(`the external data "${path}" is not a file`);
    return readFileSync(target);
  } catch (error) {
    if (error instanceof OnnxError) throw error;
    throw new OnnxError(
      `the external data "${path}" cannot be read (${reason(error)}); put it beside the model`,
      {},
      {
        cause: error,
      },
    );
  }
}
