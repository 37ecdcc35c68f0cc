/** @file Model and data put together: what must be known before anything can be said of them. */

import { basename, dirname } from "node:path";
import type { Contract, InferredContract, StatedContract } from "../data/contract.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Chunk, Subject } from "../methods/examine.ts";
import { type Network, type Normalisation, networkOf } from "../methods/network.ts";
import type { Threat } from "../methods/problem.ts";
import type { LoadedModel } from "../runtime/node-model.ts";
import type { Device } from "../runtime/session.ts";

/** All that a worker needs to make the same subject; plain data. */
export interface SubjectSpec {
  readonly path: string;
  readonly sha256: string;
  readonly normalisation: Normalisation | null;
  readonly device: Device;
}

export interface Inputs {
  readonly dataset: Dataset;
  readonly contract: InferredContract;
  /** Pixels in the network's layout. Labels are −1 where the data has none. */
  readonly chunk: Chunk;
  readonly domain: Threat["domain"];
  readonly normalisation: Normalisation | undefined;
}

/** Identifies a model file, its data files and what is done to pixels before it. */
export const subjectHash = async (model: LoadedModel, normalisation: Normalisation | undefined): Promise<string> => {
  const { hashPlain } = await import("../runtime/hash.ts");
  const { nodeDigest } = await import("../runtime/node-digest.ts");
  const external = model.external.map(({ path, sha256 }) => [path, sha256]);
  const plain = normalisation && { ...normalisation };
  return hashPlain({ model: model.sha256, external, normalisation: plain }, nodeDigest);
};

export async function networkFor(model: LoadedModel, normalisation?: Normalisation): Promise<Network> {
  return networkOf(model.graph, await subjectHash(model, normalisation), normalisation);
}

export interface InputOptions {
  readonly data: string;
  readonly labels?: string | undefined;
  readonly limit?: number | undefined;
  readonly sample?: number | undefined;
  readonly seed: number;
  readonly stated: StatedContract;
  /** Of data that has two parts; by default the one that is held out. */
  readonly split?: "test" | "train" | undefined;
}

/** @throws DataError, ContractError, NetworkError */
export async function loadInputs(model: LoadedModel, options: InputOptions): Promise<Inputs> {
  const { loadDataset } = await import("../data/files.ts");
  const { inferContract, prepare } = await import("../data/contract.ts");
  const { data, labels, limit, sample: drawn, seed, stated, split } = options;
  const whole = await loadDataset(data, {
    ...(labels && { labels }),
    ...(limit && { limit }),
    ...(split && { split }),
  });
  const dataset = drawn === undefined ? whole : await drawSample(whole, drawn, seed);
  const input = networkOf(model.graph, "").input;
  const shape = input.shape.map((dim) => (typeof dim === "number" ? dim : "N"));
  const contract = inferContract({ modelInputShape: shape, dataset, stated });
  // Methods work on pixels of 0 to 1, whatever the model takes: stretching and normalising move into the network.
  const { contract: terms } = contract;
  const channels = dataset.shape[0] ?? 1;
  const pixels = terms.range !== undefined;
  const plain: Contract = {
    ...terms,
    ...(pixels && { range: [0, 1] }),
    mean: Array<number>(channels).fill(0),
    std: Array<number>(channels).fill(1),
  };
  const prepared = prepare(dataset, plain);
  return {
    dataset,
    contract,
    chunk: {
      images: prepared.images,
      labels: prepared.labels ?? new Int32Array(dataset.indices.length).fill(-1),
      indices: dataset.indices,
    },
    domain: pixels ? [0, 1] : undefined,
    normalisation: normalisationOf(terms, dataset.shape, input.shape.length),
  };
}

async function drawSample(dataset: Dataset, count: number, seed: number): Promise<Dataset> {
  const { sample } = await import("../data/dataset.ts");
  const { rng } = await import("../random/rng.ts");
  return sample(dataset, count, rng(seed).split("sample"));
}

/** (low + x·(high − low) − mean) / std as (x − m) / s; nothing where that is x itself. */
export function normalisationOf(
  { range = [0, 1], mean, std, layout, shape }: Contract,
  sampleShape: readonly number[],
  rank: number,
): Normalisation | undefined {
  const [low, high] = range;
  const m = mean.map((value) => (value - low) / (high - low));
  const s = std.map((value) => value / (high - low));
  if (m.every((value) => value === 0) && s.every((value) => value === 1)) return undefined;
  const same = (values: readonly number[]) => values.every((value) => value === values[0]);
  if (same(m) && same(s)) return { mean: m.slice(0, 1), std: s.slice(0, 1), axis: 1 };
  const channels = sampleShape[0]!;
  if (layout !== "flat") return { mean: m, std: s, axis: layout === "NHWC" ? rank - 1 : shape.indexOf(channels) + 1 };
  const plane = sampleShape.slice(1).reduce((product, size) => product * size, 1);
  const spread = (values: readonly number[]) => values.flatMap((value) => Array<number>(plane).fill(value));
  return { mean: spread(m), std: spread(s), axis: shape.indexOf(plane * channels) + 1 };
}

/** The subject on this thread. @throws OnnxError when the file is no longer the one that was hashed */
export async function openSubject(spec: SubjectSpec, loaded?: LoadedModel): Promise<Subject> {
  const { openModel } = await import("../runtime/node.ts");
  const { originalOf } = await import("../methods/original.ts");
  const { OnnxError } = await import("../formats/onnx/error.ts");
  const { folderReader, loadModel } = await import("../runtime/node-model.ts");
  const model = loaded ?? (await loadModel(spec.path));
  if (model.sha256 !== spec.sha256) {
    throw new OnnxError("the file was changed while it was being examined", { file: spec.path });
  }
  const network = await networkFor(model, spec.normalisation ?? undefined);
  const read = folderReader(dirname(spec.path));
  const externalData = model.external.map(({ path }) => ({ path, bytes: read(path) }));
  const session = await openModel(model.bytes, { name: basename(spec.path), externalData });
  return { network, original: originalOf(session, network, spec.normalisation ?? undefined) };
}
