/** @file The model under examination, as jobs name it and as they find it on their thread. */

import type { Choice } from "../../formats/onnx/choose.ts";
import type { OnnxModel } from "../../formats/onnx/import.ts";
import type { Network, Normalisation } from "../../methods/network.ts";
import type { Subject } from "../../methods/records.ts";
import type { Digest } from "../../runtime/hash.ts";
import { canonicalJson, hashPlain } from "../../runtime/hash.ts";
import type { Blobs, Host } from "../../runtime/jobs.ts";
import type { Device } from "../../runtime/session.ts";

/** All that is needed to make the same subject anywhere; plain data. */
export interface SubjectSpec {
  /** For messages. */
  readonly fileName: string;
  /** Of the model file, SHA-256. */
  readonly model: string;
  /** Files that the model refers to: the path written in it, and the hash. */
  readonly external: readonly { readonly path: string; readonly sha256: string }[];
  /** Which output and input of the file, and the sizes that it leaves open. */
  readonly choice: Choice;
  readonly normalisation: Normalisation | null;
  readonly device: Device;
  /** Bytes that the intermediate results of one run may take; by default 256 MiB. */
  readonly memoryBudget?: number | undefined;
}

/** A model file, as jobs name it: its blobs, and how it is read. */
export type ModelBlob = Pick<SubjectSpec, "fileName" | "model" | "external" | "choice">;

/** A model file that was read, wherever it came from. */
export interface ReadModel extends OnnxModel {
  /** For messages and results: its path, or whatever it is called. */
  readonly path: string;
  readonly choice: Choice;
  readonly sha256: string;
  readonly external: SubjectSpec["external"];
  readonly bytes: Uint8Array;
}

/** Identifies a model file, its data files and what is done to pixels before it. */
export function subjectHash(
  { sha256: model, external, choice }: Pick<ReadModel, "sha256" | "external" | "choice">,
  normalisation: Normalisation | undefined,
  digest: Digest,
): string {
  const files = external.map(({ path, sha256 }) => [path, sha256]);
  const plain = normalisation && { ...normalisation };
  const stated = Object.keys(choice).length > 0 && { choice: { ...choice } };
  return hashPlain({ model, external: files, normalisation: plain, ...stated }, digest);
}

/** @throws NetworkError */
export async function networkFor(
  model: ReadModel,
  normalisation: Normalisation | undefined,
  digest: Digest,
): Promise<Network> {
  const { networkOf } = await import("../../methods/network.ts");
  const network = networkOf(model.graph, subjectHash(model, normalisation, digest), normalisation);
  return model.half === undefined ? network : { ...network, half: model.half };
}

const subjects = new Map<string, Promise<Subject>>();

/** The subject on this thread, made once. @param read spares a second reading of the file */
export function subjectOf(spec: SubjectSpec, host: Host, read?: ReadModel): Promise<Subject> {
  const key = canonicalJson({ ...spec, normalisation: spec.normalisation && { ...spec.normalisation } });
  const known = subjects.get(key);
  if (known) return known;
  const subject = openSubject(spec, host, read);
  subjects.set(key, subject);
  subject.catch(() => subjects.delete(key));
  return subject;
}

/** @throws OnnxError, and where a file is no longer the one that was hashed */
export async function readBlob({ model, external, choice, fileName }: ModelBlob, blobs: Blobs): Promise<ReadModel> {
  const { importOnnx } = await import("../../formats/onnx/import.ts");
  const { OnnxError } = await import("../../formats/onnx/error.ts");
  const bytes = await blobs.get(model);
  const files = await filesOf(external, blobs);
  const read = importOnnx(bytes, {
    classifier: choice,
    readExternal: (path) => {
      const found = files.get(path);
      if (found) return found;
      throw new OnnxError(`the external data "${path}" is not at hand; export the model as one file`);
    },
    fileName,
  });
  return { ...read, path: fileName, choice, sha256: model, external, bytes };
}

async function filesOf(external: SubjectSpec["external"], blobs: Blobs): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const { path, sha256 } of external) files.set(path, await blobs.get(sha256));
  return files;
}

async function openSubject(spec: SubjectSpec, host: Host, read?: ReadModel): Promise<Subject> {
  const { originalOf } = await import("../../methods/original.ts");
  const { agreementOf } = await import("../../methods/reading/agreement.ts");
  const { locateDifference } = await import("../../methods/reading/locate.ts");
  const model = read ?? (await readBlob(spec, host.blobs));
  const normalisation = spec.normalisation ?? undefined;
  const network = await networkFor(model, normalisation, host.digest);
  const files = await filesOf(spec.external, host.blobs);
  const externalData = [...files].map(([path, bytes]) => ({ path, bytes }));
  // whatever device examines the network: the file itself runs on the processor
  const runtime = host.runtime("cpu");
  const open = (bytes: Uint8Array) => runtime.openModel(bytes, { name: spec.fileName, externalData });
  const original = originalOf(await open(model.bytes), network, normalisation, model.bound, spec.memoryBudget);
  const file = { bytes: model.bytes, readExternal: (path: string) => files.get(path)!, open, choice: spec.choice };
  const locate = (pixels: Float32Array) => locateDifference(file, original, pixels, runtime);
  const agreement = agreementOf(network, original, runtime, locate, spec.memoryBudget);
  return { network, original, agreement };
}
