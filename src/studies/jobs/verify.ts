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

export interface VerifyInput {
  readonly model: NamedBlob;
  readonly query: NamedBlob;
  readonly verifiers: readonly { readonly id: string; readonly options: Settings }[];
  readonly arithmetic: Arithmetic;
  readonly attack: boolean;
  readonly seed: number;
  readonly memoryBudget?: number | undefined;
  /** Most time in all; null: as much as it takes. */
  readonly seconds: number | null;
}

/** A file by the hash of its bytes, and what it is called in messages. */
export interface NamedBlob {
  readonly fileName: string;
  readonly sha256: string;
}

export async function verifyJob(input: VerifyInput, host: JobContext): Promise<readonly Decision[]> {
  const { query, model, verifiers, seconds, ...options } = input;
  const began = performance.now();
  const left = () =>
    Math.min(host.left(), seconds === null ? Number.POSITIVE_INFINITY : seconds - (performance.now() - began) / 1000);
  const asked = readVnnLib(await host.blobs.get(query.sha256), query.fileName);
  const bytes = await host.blobs.get(model.sha256);
  const runtime = host.runtime("cpu");
  const read = readNetwork(bytes, model.fileName);
  await using session = await runtime.openModel(bytes, { name: model.fileName });
  const pair = pairOf(asked, read, session, model.fileName, model.sha256);
  const decision = await decide(asked, pair, runtime, {
    ...options,
    verifiers: verifiers.map(({ id, options: stated }) => verifierOf(id).with(stated)),
    left,
    now: () => performance.now(),
  });
  return [decision];
}

/** Of any batch where all inputs and outputs begin with an axis for it. */
function readNetwork(bytes: Uint8Array, fileName: string): OnnxModel {
  const declared = importOnnx(bytes, { fileName, batch: "as-declared" });
  const ends = [...declared.graph.inputs, ...declared.graph.outputs.map(({ value }) => value)];
  return ends.every(({ shape }) => shape[0] === 1) ? importOnnx(bytes, { fileName }) : declared;
}
