/** @file The jobs of the screen for planted patches. */

import { lossGradientIfAny } from "../methods/attack/loss-gradient.ts";
import { type Candidate, type FitSettings, fitPatch, scanPatches } from "../methods/audit/patch-screen.ts";
import type { Geometry } from "../methods/audit/picture.ts";
import { rng } from "../random/rng.ts";
import { answering, type JobInput, runtimeOn, subjectOf } from "./job-functions.ts";

export interface ScanJobSettings {
  readonly geometry: Geometry;
  readonly candidates: readonly Candidate[];
}

export interface FitJobSettings extends FitSettings {
  readonly geometry: Geometry;
  readonly seed: number;
}

export const scanJob = answering(async ({ subject, settings, chunk }: JobInput<ScanJobSettings>) =>
  scanPatches(await subjectOf(subject), settings.geometry, settings.candidates, chunk),
);

export const fitJob = answering(async ({ subject: spec, settings, chunk }: JobInput<FitJobSettings>) => {
  const subject = await subjectOf(spec);
  // equal graphs share one session of the runtime
  const loss = await lossGradientIfAny(subject.network, runtimeOn(spec.device), "margin");
  const random = rng(settings.seed).split(subject.network.hash).split("patch noise");
  return [await fitPatch(subject, loss, settings.geometry, settings, chunk, random)];
});
