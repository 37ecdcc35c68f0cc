/** @file The jobs of the screen for planted patches. */

import { lossGradientIfAny } from "../../methods/attack/loss-gradient.ts";
import {
  type Candidate,
  type Course,
  type FitSettings,
  fitPatch,
  scanPatches,
} from "../../methods/audit/patch-screen.ts";
import type { Geometry } from "../../methods/picture.ts";
import { rng } from "../../random/rng.ts";
import type { JobContext } from "../../runtime/jobs.ts";
import type { ModelInput } from "./examine.ts";
import { subjectOf } from "./subject.ts";

export interface ScanSettings {
  readonly geometry: Geometry;
  readonly candidates: readonly Candidate[];
}

export interface FitPatchSettings extends FitSettings {
  readonly geometry: Geometry;
  readonly seed: number;
}

const courseOf = ({ left, progress }: JobContext): Course => ({
  left,
  progress: (done, total) => progress({ done, total }),
});

export const scanJob = async ({ subject, settings, chunk }: ModelInput<ScanSettings>, host: JobContext) =>
  scanPatches(await subjectOf(subject, host), settings.geometry, settings.candidates, chunk, courseOf(host));

export async function fitJob({ subject: spec, settings, chunk }: ModelInput<FitPatchSettings>, host: JobContext) {
  const subject = await subjectOf(spec, host);
  // equal graphs share one session of the runtime
  const loss = await lossGradientIfAny(subject.network, host.runtime(spec.device), "margin");
  const random = rng(settings.seed).split(subject.network.hash).split("patch noise");
  return [await fitPatch(subject, loss, settings.geometry, settings, chunk, random, courseOf(host))];
}
