/** @file Training a member of a population, and measuring it. */

import { attackSuccess, cleanAccuracy, predictorOf } from "../../../methods/poison/measure.ts";
import { architectureHash, weightScales } from "../../../methods/population/facts.ts";
import { runTraining, type TrainDependencies, type TrainResult } from "../../../methods/train/train.ts";
import type { JobContext } from "../../../runtime/jobs.ts";
import { samplesAt } from "../samples.ts";
import { type ModelBlob, networkFor, readBlob } from "../subject.ts";
import { openMember, surrogateOf, type Training } from "./material.ts";

export interface MemberInput extends Training {
  /** For messages. */
  readonly name: string;
  /** Samples that accuracy and attack success are measured on, by their hash. */
  readonly test: string;
  /** The file whose architecture it has, where it is not one by name. */
  readonly like: ModelBlob | null;
}

export interface MemberRecord {
  /** The model file; `null` once it lies where models go. */
  readonly onnx: Uint8Array | null;
  readonly sha256: string;
  readonly cleanAccuracy: number;
  readonly attackSuccess: number | null;
  /** Processor time of the training. */
  readonly seconds: number;
  /** By `architectureHash` and `weightScales`, of the file as it is read. */
  readonly architecture: string;
  readonly weightScales: readonly number[];
}

export async function memberJob(input: MemberInput, host: JobContext): Promise<MemberRecord[]> {
  const { config, name } = input;
  const runtime = host.runtime("cpu");
  const [samples, test] = [await samplesAt(input.samples, host.blobs), await samplesAt(input.test, host.blobs)];
  const surrogate = (await surrogateOf(input, host, runtime))?.network;
  const pretrained = await likeOf(input, host);
  const began = host.seconds();
  const { compile } = runtime;
  const { graph, onnx } = await trained(
    input,
    { compile, train: samples, surrogate, pretrained, now: () => 1000 * host.seconds() },
    host,
  );
  const seconds = host.seconds() - began;
  const predict = predictorOf(await compile(graph, { float: "float32", name: "member" }));
  const clean = await cleanAccuracy(test, predict);
  const success = config.poison && (await attackSuccess(test, { poison: config.poison, seed: config.seed }, predict));
  const sha256 = host.digest(onnx);
  const file = { fileName: name, model: sha256, external: [], choice: {} };
  const network = await openMember(file, { ...host, blobs: { get: async () => onnx } });
  host.transfer(onnx);
  return [
    {
      onnx,
      sha256,
      cleanAccuracy: clean.estimate,
      attackSuccess: success?.estimate ?? null,
      seconds,
      architecture: architectureHash(network.graph, host.digest),
      weightScales: weightScales(network.graph),
    },
  ];
}

async function likeOf({ like, config: { normalisation } }: MemberInput, host: JobContext) {
  if (!like) return undefined;
  const before = normalisation && { ...normalisation, axis: 1 };
  return networkFor(await readBlob(like, host.blobs), before, host.digest);
}

/** Steps of a training of which progress is told. */
const TOLD = 100;

async function trained(
  { config }: MemberInput,
  dependencies: TrainDependencies,
  { progress }: JobContext,
): Promise<TrainResult> {
  let told = 0;
  for await (const event of runTraining(config, dependencies)) {
    if (event.kind === "done") return event.result;
    if (event.kind !== "step") continue;
    const done = Math.floor((TOLD * (event.epoch - 1 + event.step / event.steps)) / event.epochs);
    if (done > told) progress({ done, total: TOLD });
    told = done;
  }
  throw new Error("the training ended without a result");
}
