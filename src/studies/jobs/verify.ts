/** @file A query about a network file, decided. One record. */

import { importOnnx, type OnnxModel } from "../../formats/onnx/import.ts";
import { readVnnLib } from "../../formats/vnnlib/read.ts";
import type { Settings } from "../../methods/options.ts";
import { verifierOf } from "../../methods/verify/index.ts";
import type { JobContext } from "../../runtime/jobs.ts";
import type { Arithmetic } from "../../spec/types.ts";
import { decide } from "../verify/decide.ts";
import { pairOf } from "../verify/pair.ts";
import type { Decision } from "../verify/types.ts";
import { filesOf, type ModelBlob } from "./subject.ts";

export interface VerifyInput {
  readonly model: Omit<ModelBlob, "choice">;
  /** For messages, and the hash of its bytes. */
  readonly query: { readonly fileName: string; readonly sha256: string };
  readonly verifiers: readonly { readonly id: string; readonly options: Settings }[];
  readonly arithmetic: Arithmetic;
  readonly attack: boolean;
  readonly seed: number;
  readonly memoryBudget?: number | undefined;
}

export async function verifyJob(input: VerifyInput, host: JobContext): Promise<readonly Decision[]> {
  const { query, model, verifiers, ...options } = input;
  const asked = readVnnLib(await host.blobs.get(query.sha256), query.fileName);
  const bytes = await host.blobs.get(model.model);
  const files = await filesOf(model.external, host.blobs);
  const runtime = host.runtime("cpu");
  const externalData = [...files].map(([path, data]) => ({ path, bytes: data }));
  const session = await runtime.openModel(bytes, { name: model.fileName, externalData });
  const read = readNetwork(bytes, model.fileName, files);
  const pair = pairOf(asked, read, session, model.fileName, model.model);
  const decision = await decide(asked, pair, runtime, {
    ...options,
    verifiers: verifiers.map(({ id, options: stated }) => verifierOf(id).with(stated)),
    left: host.left,
    now: () => performance.now(),
  });
  return [decision];
}

/** Of any batch where all inputs and outputs begin with an axis for it. */
function readNetwork(bytes: Uint8Array, fileName: string, files: ReadonlyMap<string, Uint8Array>): OnnxModel {
  const readExternal = (path: string) => files.get(path)!;
  const declared = importOnnx(bytes, { readExternal, fileName, batch: "as-declared" });
  const ends = [...declared.graph.inputs, ...declared.graph.outputs.map(({ value }) => value)];
  if (!ends.every(({ shape }) => shape[0] === 1)) return declared;
  return importOnnx(bytes, { readExternal, fileName });
}
