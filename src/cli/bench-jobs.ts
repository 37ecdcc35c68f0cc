/** @file The jobs of an evaluation: how well detectors of poisoned inputs pick those of one backdoored member. */

import { sampleQuality } from "../methods/backdoor/features.ts";
import { detectorOf } from "../methods/backdoor/index.ts";
import { detectorRandom } from "../methods/backdoor/material.ts";
import { stripRates } from "../methods/backdoor/strip.ts";
import { DetectorError, type Material } from "../methods/backdoor/types.ts";
import { isVictim, triggerOf } from "../methods/poison/poison.ts";
import { gather, type Samples } from "../methods/samples.ts";
import type { TrainConfig } from "../methods/train/config.ts";
import type { PlainRecord } from "../runtime/jobs.ts";
import type { Batch } from "../spec/classification.ts";
import {
  type MemberScanInput,
  type ModelFile,
  materialOf,
  openMember,
  scanInputs,
  trainedOn,
} from "./population-jobs.ts";

/** Detectors that pick inputs, by what they are shown: inputs with the trigger, or the poisoned training data. */
export const INPUT_DETECTORS = {
  strip: "triggered inputs",
  "spectral-signatures": "training data",
  "activation-clustering": "training data",
} as const;
export type InputDetector = keyof typeof INPUT_DETECTORS;

export interface MemberInputsInput {
  readonly model: ModelFile;
  readonly detector: InputDetector;
  readonly config: TrainConfig;
  readonly surrogate: ModelFile | null;
  readonly scan: MemberScanInput["scan"];
}

/** Inputs rejected at a threshold that rejects this share of clean ones. */
export interface Rejected extends PlainRecord {
  readonly level: number;
  readonly rejected: number;
  readonly triggered: number;
}

/** Training images suspected, poisoned, and both. */
export interface Picked extends PlainRecord {
  readonly suspects: number;
  readonly poisoned: number;
  readonly hits: number;
}

export interface InputsRecord extends PlainRecord {
  /** STRIP's; empty for the others. */
  readonly rates: readonly Rejected[];
  /** `null` for STRIP, and where the method does not apply. */
  readonly picked: Picked | null;
}

export async function memberInputsJob(input: MemberInputsInput): Promise<InputsRecord[]> {
  const { detector, scan } = input;
  const inputs = await scanInputs(scan);
  const random = detectorRandom(scan.seed, detector);
  const material: Material = { ...materialOf(await openMember(input.model), inputs), training: undefined, random };
  try {
    if (detector === "strip") return [await rejections(material, inputs, input)];
    const { batch, poisoned } = await trainedOn(input);
    return [{ rates: [], picked: await picks({ ...material, training: batch }, detector, poisoned) }];
  } catch (error) {
    // the others are examined all the same
    if (error instanceof DetectorError) return [{ rates: [], picked: null }];
    throw error;
  }
}

/** The scan's inputs of classes that the trigger changes get the trigger. */
async function rejections(
  material: Material,
  inputs: Samples,
  { config: { poison, seed } }: MemberInputsInput,
): Promise<InputsRecord> {
  const victims = Int32Array.from(inputs.labels.keys()).filter((place) => isVictim(poison!, inputs.labels[place]!));
  const chosen = gather(inputs, victims);
  const [channels, height, width] = inputs.shape as [number, number, number];
  const pictures = { images: chosen.images.data as Float32Array, shape: [channels, height, width] as const };
  const data = triggerOf(poison!, inputs.shape, seed).apply(pictures);
  const triggered: Batch = {
    images: { dtype: "float", shape: [victims.length, ...inputs.shape], data },
    labels: victims.map((place) => inputs.labels[place]!),
  };
  const rates = await stripRates(material, material.inputs!, triggered);
  return {
    rates: rates.map(({ threshold: { level }, detected: { successes, trials } }) => ({
      level,
      rejected: successes,
      triggered: trials,
    })),
    picked: null,
  };
}

/** Suspects among the images of the labels that hold poison: what the method removes once it knows the label. */
async function picks(material: Material, id: InputDetector, poisoned: Int32Array): Promise<Picked> {
  const detector = detectorOf(id);
  const labels = new Set(Array.from(poisoned, (place) => material.training!.labels[place]!));
  const suspects: number[] = [];
  for (const part of detector.parts(material)) {
    if (!labels.has(part["label"] as number)) continue;
    const record = await detector.examine(material, part);
    suspects.push(...((record["removed"] ?? record["smaller"]) as Int32Array));
  }
  const { hits } = sampleQuality(suspects, poisoned);
  return { suspects: suspects.length, poisoned: poisoned.length, hits };
}
