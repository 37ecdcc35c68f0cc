/** @file What jobs about members work on: the model, its data, and the training set with its poison put in again. */

import { batchOf } from "../../../methods/backdoor/material.ts";
import type { Material } from "../../../methods/backdoor/types.ts";
import type { Network } from "../../../methods/network.ts";
import { geometryOf } from "../../../methods/picture.ts";
import { poisonSamples, poisonStream } from "../../../methods/poison/poison.ts";
import type { Surrogate } from "../../../methods/poison/types.ts";
import type { Samples } from "../../../methods/samples.ts";
import type { TrainConfig } from "../../../methods/train/config.ts";
import type { Host } from "../../../runtime/jobs.ts";
import type { Runtime } from "../../../runtime/session.ts";
import type { Batch } from "../../../spec/classification.ts";
import { samplesAt } from "../samples.ts";
import { type ModelBlob, networkFor, readBlob } from "../subject.ts";

/** How a member is trained. Samples are named by the hash of `encodeSamples`. */
export interface Training {
  readonly config: TrainConfig;
  /** The samples, cut to the config's limit. */
  readonly samples: string;
  /** A clean model of the task, where the poisoning needs one. */
  readonly surrogate: ModelBlob | null;
}

/** @throws OnnxError, NetworkError */
export const openMember = async (model: ModelBlob, { blobs, digest }: Host): Promise<Network> =>
  networkFor(await readBlob(model, blobs), undefined, digest);

export async function surrogateOf(
  { surrogate }: Pick<Training, "surrogate">,
  host: Host,
  { compile }: Runtime,
): Promise<Surrogate | undefined> {
  return surrogate ? { network: await openMember(surrogate, host), compile } : undefined;
}

export function materialOf(network: Network, runtime: Runtime, inputs: Samples): Omit<Material, "training" | "random"> {
  const { shape } = inputs;
  return {
    network,
    runtime,
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
export async function trainedOn(training: Training, host: Host): Promise<TrainedOn> {
  const { poison, seed } = training.config;
  const clean = await samplesAt(training.samples, host.blobs);
  if (!poison) return { batch: batchOf(clean, clean.shape), poisoned: new Int32Array(0) };
  const surrogate = await surrogateOf(training, host, host.runtime("cpu"));
  const { samples, poisoned } = await poisonSamples(clean, poison, poisonStream(seed), surrogate);
  return { batch: batchOf(samples, clean.shape), poisoned };
}
