/** @file One part of a detector's work, and closer looks at one class. */

import { type NoiseLevel, noisyInputs, triggerExhibit } from "../../methods/audit/exhibits.ts";
import { backdoorFamily, detectorFor } from "../../methods/backdoor/index.ts";
import { batchOf, detectorRandom } from "../../methods/backdoor/material.ts";
import type { CaseFacts, Detector, Material } from "../../methods/backdoor/types.ts";
import { methodFrom } from "../../methods/modules.ts";
import type { Rng } from "../../random/rng.ts";
import type { JobContext, PlainRecord } from "../../runtime/jobs.ts";
import type { ModelInput } from "./examine.ts";
import { subjectOf } from "./subject.ts";

export interface DetectSettings {
  readonly facts: CaseFacts;
  readonly part: PlainRecord;
  readonly seed: number;
}

export interface ExhibitSettings {
  readonly facts: CaseFacts;
  readonly seed: number;
  readonly exhibit:
    | { readonly kind: "noise"; readonly level: NoiseLevel }
    | { readonly kind: "trigger"; readonly label: number };
}

/** A part's record, with the processor time that it took. */
export interface PartResult {
  readonly record: PlainRecord;
  readonly seconds: number;
}

async function timed(host: JobContext, run: () => Promise<PlainRecord>): Promise<PartResult[]> {
  const began = host.seconds();
  const record = await run();
  return [{ record, seconds: host.seconds() - began }];
}

export const detectJob = async (input: ModelInput<DetectSettings>, host: JobContext): Promise<PartResult[]> =>
  detectWith(await methodFrom(backdoorFamily, input, host.module), input, host);

export async function detectWith(
  detector: Detector,
  input: ModelInput<DetectSettings>,
  host: JobContext,
): Promise<PartResult[]> {
  const { facts, part, seed } = input.settings;
  const material = await materialFor(input, host, facts, detectorRandom(seed, detector.id));
  return timed(host, () => detector.examine(material, part));
}

export async function exhibitJob(input: ModelInput<ExhibitSettings>, host: JobContext): Promise<PartResult[]> {
  const { facts, seed, exhibit } = input.settings;
  const noise = exhibit.kind === "noise";
  // the numbers of the detector whose work is looked at
  const random = detectorRandom(seed, detectorFor(noise ? "noise" : "trigger").id);
  const material = await materialFor(input, host, facts, random);
  return timed(
    host,
    async (): Promise<PlainRecord> => ({
      ...(noise ? await noisyInputs(material, exhibit.level) : await triggerExhibit(material, exhibit.label)),
    }),
  );
}

/** What a detector works on, from a job's input. */
async function materialFor(
  { subject: spec, chunk, training }: ModelInput<unknown>,
  host: JobContext,
  facts: CaseFacts,
  random: Rng,
): Promise<Material> {
  const { network } = await subjectOf(spec, host);
  return {
    ...facts,
    network,
    runtime: host.runtime(spec.device),
    memoryBudget: spec.memoryBudget,
    inputs: batchOf(chunk, facts.inputShape),
    training: training && batchOf(training, facts.inputShape),
    random,
    left: host.left,
    progress: (done, total) => host.progress({ done, total }),
  };
}
