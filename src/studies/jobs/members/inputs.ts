/** @file How well a detector that picks inputs picks those of one backdoored member. */

import { faultOf } from "../../../graph/fault.ts";
import { sampleQuality } from "../../../methods/backdoor/features.ts";
import { detectorOf } from "../../../methods/backdoor/index.ts";
import { detectorRandom } from "../../../methods/backdoor/material.ts";
import type { Detector, Material, Picks, Rejected } from "../../../methods/backdoor/types.ts";
import type { PoisonConfig } from "../../../methods/poison/config.ts";
import { isVictim, triggerOf } from "../../../methods/poison/poison.ts";
import { gather, type Samples } from "../../../methods/samples.ts";
import type { JobContext } from "../../../runtime/jobs.ts";
import type { Batch } from "../../../spec/classification.ts";
import { samplesAt } from "../samples.ts";
import { materialOf, openMember, type TrainedOn, type Training, trainedOn } from "./material.ts";
import type { MemberScanInput } from "./scan.ts";

export interface MemberInputsInput extends MemberScanInput {
  readonly training: Training;
}

/** Training images suspected, poisoned, and both. */
export interface Picked {
  readonly suspects: number;
  readonly poisoned: number;
  readonly hits: number;
}

export interface InputsRecord {
  /** Of inputs with the trigger; empty for detectors that search the training data. */
  readonly rates: readonly Rejected[];
  /** Of the training data; `null` for the others, and where the method does not apply. */
  readonly picked: Picked | null;
}

export async function memberInputsJob(input: MemberInputsInput, host: JobContext): Promise<InputsRecord[]> {
  const detector = detectorOf(input.detector).with(input.settings ?? {});
  const picks = detector.picks!;
  const { config } = input.training;
  const inputs = await samplesAt(input.inputs, host.blobs);
  const network = await openMember(input.model, host);
  const random = detectorRandom(input.seed, detector.id);
  const material: Material = { ...materialOf(network, host.runtime("cpu"), inputs), training: undefined, random };
  try {
    if (picks.from === "triggered inputs") {
      const triggered = triggeredOf(inputs, config.poison!, config.seed);
      return [{ rates: await picks.rejected(material, triggered), picked: null }];
    }
    const trained = await trainedOn(input.training, host);
    return [{ rates: [], picked: await picked(material, detector, picks, trained) }];
  } catch (error) {
    // the others are examined all the same
    if (faultOf(error) === "not-applicable") return [{ rates: [], picked: null }];
    throw error;
  }
}

/** Inputs of classes that the trigger changes, with the trigger. */
function triggeredOf(inputs: Samples, poison: PoisonConfig, seed: number): Batch {
  const victims = Int32Array.from(inputs.labels.keys()).filter((place) => isVictim(poison, inputs.labels[place]!));
  const { images, labels } = gather(inputs, victims);
  const [channels, height, width] = inputs.shape as [number, number, number];
  const pictures = { images: images.data as Float32Array, shape: [channels, height, width] as const };
  return { images: { ...images, data: triggerOf(poison, inputs.shape, seed).apply(pictures) }, labels };
}

/** Suspects among the images of the labels that hold poison: what the method removes once it knows the label. */
async function picked(
  clean: Material,
  detector: Detector,
  { suspects: suspectsOf }: Extract<Picks, { readonly from: "training data" }>,
  { batch, poisoned }: TrainedOn,
): Promise<Picked> {
  const material = { ...clean, training: batch };
  const labels = new Set(Array.from(poisoned, (place) => batch!.labels[place]!));
  const suspects: number[] = [];
  for (const part of detector.parts(material))
    if (labels.has(part["label"] as number)) suspects.push(...suspectsOf(await detector.examine(material, part)));
  const { hits } = sampleQuality(suspects, poisoned);
  return { suspects: suspects.length, poisoned: poisoned.length, hits };
}
