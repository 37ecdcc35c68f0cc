/** @file Scanning a member of a population with a detector. */

import { faultOf } from "../../../graph/fault.ts";
import { detectorOf } from "../../../methods/backdoor/index.ts";
import { detectorRandom } from "../../../methods/backdoor/material.ts";
import { type Detection, detect, type Material } from "../../../methods/backdoor/types.ts";
import type { Settings } from "../../../methods/options.ts";
import type { JobContext, PlainRecord } from "../../../runtime/jobs.ts";
import { samplesAt } from "../samples.ts";
import type { ModelBlob } from "../subject.ts";
import { materialOf, openMember, type Training, trainedOn } from "./material.ts";

export interface MemberScanInput {
  readonly model: ModelBlob;
  readonly detector: string;
  /** Those in which it runs otherwise than by itself. */
  readonly settings?: Settings | undefined;
  /** Held-out inputs, by their hash. */
  readonly inputs: string;
  readonly seed: number;
  /** How the member was trained, for detectors that search its training data. */
  readonly training: Training | null;
}

/** A detection with the processor time that it took. */
export interface MemberScan extends Pick<Detection, "flagged" | "score" | "pValue" | "target"> {
  readonly evidence: PlainRecord;
  readonly seconds: number;
}

export async function memberScanJob(input: MemberScanInput, host: JobContext): Promise<MemberScan[]> {
  const detector = detectorOf(input.detector).with(input.settings ?? {});
  const network = await openMember(input.model, host);
  const material: Material = {
    ...materialOf(network, host.runtime("cpu"), await samplesAt(input.inputs, host.blobs)),
    training: input.training ? (await trainedOn(input.training, host)).batch : undefined,
    random: detectorRandom(input.seed, detector.id),
  };
  const began = host.seconds();
  const detection = await detect(detector, material).catch(notApplicable);
  const seconds = host.seconds() - began;
  const { flagged, score, pValue, target, evidence } = detection;
  const kept = score === null ? evidence : (detector.digest?.(evidence) ?? evidence);
  return [{ flagged, score, pValue, target, evidence: kept, seconds }];
}

/** A detector that cannot judge one member says so there, and the others are scanned all the same. */
function notApplicable(error: unknown): Omit<Detection, "reason"> {
  if (faultOf(error) !== "not-applicable") throw error;
  const nothing = { flagged: null, score: null, pValue: null, target: null };
  return { ...nothing, evidence: { notApplicable: (error as Error).message } };
}
