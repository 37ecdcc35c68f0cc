/** @file The jobs of a population: training a member and writing its file, and scanning one with a detector. */

import { OnnxError } from "../formats/onnx/error.ts";
import { faultOf } from "../graph/fault.ts";
import { writeWhole } from "../local/output.ts";
import { detectorOf } from "../methods/backdoor/index.ts";
import { batchOf, detectorRandom } from "../methods/backdoor/material.ts";
import { type Detection, detect, type Material } from "../methods/backdoor/types.ts";
import type { Network } from "../methods/network.ts";
import { geometryOf } from "../methods/picture.ts";
import { attackSuccess, cleanAccuracy, predictorOf } from "../methods/poison/measure.ts";
import { poisonSamples, poisonStream } from "../methods/poison/poison.ts";
import { type Samples, samplesOf } from "../methods/samples.ts";
import type { TrainConfig } from "../methods/train/config.ts";
import { runTraining, type TrainResult } from "../methods/train/train.ts";
import { rng } from "../random/rng.ts";
import { bytesOf, hashText } from "../runtime/hash.ts";
import type { JobContext, PlainRecord } from "../runtime/jobs.ts";
import { compile, cpuRuntime } from "../runtime/node.ts";
import { threadSeconds } from "../runtime/node-cpu-time.ts";
import { nodeDigest } from "../runtime/node-digest.ts";
import { loadModel } from "../runtime/node-model.ts";
import type { Batch } from "../spec/classification.ts";
import { networkFor } from "../studies/jobs/subject.ts";

/** A model file that was written, and what is in it. */
export interface ModelFile {
  readonly path: string;
  readonly sha256: string;
}

export interface MemberInput {
  /** Where the model goes. */
  readonly path: string;
  readonly config: TrainConfig;
  /** Data that accuracy and attack success are measured on. */
  readonly test: string;
  /** A clean model of the task, where the poisoning needs one. */
  readonly surrogate: ModelFile | null;
}

export interface MemberRecord extends PlainRecord {
  readonly sha256: string;
  readonly cleanAccuracy: number;
  readonly attackSuccess: number | null;
  readonly seconds: number;
}

export interface MemberScanInput {
  readonly model: ModelFile;
  readonly detector: string;
  /** How the member was trained, for detectors that search its training data. */
  readonly training: Pick<MemberInput, "config" | "surrogate"> | null;
  readonly scan: { readonly data: string; readonly images: number; readonly seed: number };
}

/** A detection with the time it took. */
export interface ScanRecord extends PlainRecord {
  readonly flagged: boolean | null;
  readonly score: number | null;
  readonly pValue: number | null;
  readonly target: number | null;
  readonly evidence: PlainRecord;
  readonly seconds: number;
}

/** Data sets on this thread: read once. */
const dataSets = new Map<string, Promise<unknown>>();

function once<T>(key: string, load: () => Promise<T>): Promise<T> {
  const known = dataSets.get(key) as Promise<T> | undefined;
  if (known) return known;
  const loading = load();
  dataSets.set(key, loading);
  loading.catch(() => dataSets.delete(key));
  return loading;
}

export const trainingData = (source: string): Promise<Samples> =>
  once(`training ${source}`, async () => {
    const { loadDataset } = await import("../data/files.ts");
    return samplesOf(await loadDataset(source, { split: "train" }));
  });

export const testData = (source: string, classes: number): Promise<Samples> =>
  once(`test ${source} ${classes}`, async () => {
    const { loadDataset } = await import("../data/files.ts");
    return samplesOf(await loadDataset(source), classes);
  });

/** Held-out inputs drawn by class: the same ones as `--sample` with this seed draws. */
export const scanInputs = ({ data, images, seed }: MemberScanInput["scan"]): Promise<Samples> =>
  once(`scan ${data} ${images} ${seed}`, async () => {
    const { loadDataset } = await import("../data/files.ts");
    const { sample } = await import("../data/dataset.ts");
    return samplesOf(sample(await loadDataset(data), images, rng(seed).split("sample")));
  });

/** Identifies the pixels and labels of data sets. */
export const hashSamples = (...sets: readonly Samples[]): string =>
  hashText(
    sets.map(({ images, labels }) => nodeDigest(bytesOf(images)) + nodeDigest(bytesOf(labels))).join(),
    nodeDigest,
  );

export async function memberJob(input: MemberInput, context: JobContext): Promise<MemberRecord[]> {
  const { config } = input;
  const train = await trainingData(config.data);
  const test = await testData(input.test, train.classes);
  const surrogate = input.surrogate ? await openMember(input.surrogate) : undefined;
  const began = threadSeconds();
  const result = await trained(config, train, surrogate, context);
  const seconds = threadSeconds() - began;
  const predict = predictorOf(await compile(result.graph, { float: "float32", name: "member" }));
  const clean = await cleanAccuracy(test, predict);
  const success = config.poison && (await attackSuccess(test, { poison: config.poison, seed: config.seed }, predict));
  writeWhole(input.path, result.onnx);
  return [
    {
      sha256: nodeDigest(result.onnx),
      cleanAccuracy: clean.estimate,
      attackSuccess: success?.estimate ?? null,
      seconds,
    },
  ];
}

/** @throws OnnxError when the file is not the one that was written */
export async function openMember({ path, sha256 }: ModelFile): Promise<Network> {
  const model = await loadModel(path);
  if (model.sha256 !== sha256) throw new OnnxError("the file was changed since it was trained", { file: path });
  return networkFor(model, undefined, nodeDigest);
}

/** Steps of a training of which progress is told. */
const TOLD = 100;

async function trained(
  config: TrainConfig,
  train: Samples,
  surrogate: Network | undefined,
  context: JobContext,
): Promise<TrainResult> {
  let told = 0;
  for await (const event of runTraining(config, { compile, train, surrogate, now: () => 1000 * threadSeconds() })) {
    if (event.kind === "done") return event.result;
    if (event.kind !== "step") continue;
    const done = Math.floor((TOLD * (event.epoch - 1 + event.step / event.steps)) / event.epochs);
    if (done > told) context.progress({ done, total: TOLD });
    told = done;
  }
  throw new Error("the training ended without a result");
}

export async function memberScanJob(input: MemberScanInput): Promise<ScanRecord[]> {
  const detector = detectorOf(input.detector);
  const material: Material = {
    ...materialOf(await openMember(input.model), await scanInputs(input.scan)),
    training: input.training ? (await trainedOn(input.training)).batch : undefined,
    random: detectorRandom(input.scan.seed, detector.id),
  };
  const began = threadSeconds();
  const { reason: _, ...detection } = await detect(detector, material).catch(notApplicable);
  const seconds = threadSeconds() - began;
  const { evidence } = detection;
  const kept = detection.score === null ? evidence : (detector.digest?.(evidence) ?? evidence);
  return [{ ...detection, evidence: kept, seconds }];
}

/** A detector that cannot judge one member says so there, and the others are scanned all the same. */
function notApplicable(error: unknown): Detection {
  if (faultOf(error) !== "not-applicable") throw error;
  const { message } = error as Error;
  const nothing = { flagged: null, score: null, pValue: null, target: null };
  return { ...nothing, reason: message, evidence: { notApplicable: message } };
}

export function materialOf(network: Network, inputs: Samples): Omit<Material, "training" | "random"> {
  const { shape } = inputs;
  return {
    network,
    runtime: cpuRuntime(),
    inputs: batchOf(inputs, shape),
    classes: network.classes,
    inputShape: shape,
    geometry: geometryOf(shape, "NCHW"),
    domain: [0, 1],
  };
}

/** What a member was trained on. */
export interface TrainedOn {
  readonly batch: Batch | undefined;
  /** Places of the samples with the trigger. */
  readonly poisoned: Int32Array;
}

/** The training set of a member, its poison put in again. */
export async function trainedOn({ config, surrogate }: Pick<MemberInput, "config" | "surrogate">): Promise<TrainedOn> {
  const { limit, poison, seed } = config;
  const all = await trainingData(config.data);
  const size = all.images.length / all.labels.length;
  const limited =
    limit === undefined
      ? all
      : { ...all, images: all.images.subarray(0, limit * size), labels: all.labels.subarray(0, limit) };
  if (!poison) return { batch: batchOf(limited, all.shape), poisoned: new Int32Array(0) };
  const helper = surrogate ? { network: await openMember(surrogate), compile } : undefined;
  const { samples, poisoned } = await poisonSamples(limited, poison, poisonStream(seed), helper);
  return { batch: batchOf(samples, all.shape), poisoned };
}
