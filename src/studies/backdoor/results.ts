/** @file What a search for backdoors found, as plain data. */

import { type ClassNaming, classText, labelOf, namesToShow, PLAIN_CLASSES, sayingClasses } from "../../data/classes.ts";
import type { Decision } from "../../methods/backdoor/decision.ts";
import type { TimedDetection } from "../../methods/backdoor/types.ts";
import { statedSettings } from "../../methods/method.ts";
import type { Settings } from "../../methods/options.ts";
import type { Plain } from "../../runtime/jobs.ts";
import { floats } from "../floats.ts";

export interface DetectorResult {
  readonly name: string;
  readonly version: number;
  /** All that it was run with, beside the inputs and the seed. */
  readonly settings: Settings;
  /** By the detector's own rule; `null` where it has none, or did not run. */
  readonly flagged: boolean | null;
  readonly score: number | null;
  /** Against the reference population where there is one, else by the detector's own null distribution. */
  readonly pValue: number | null;
  /** By the data's label, and the model's output that stands for it. */
  readonly target: number | null;
  readonly targetOutput: number | null;
  readonly seconds: number;
  /** One sentence: what was seen, or why nothing was. */
  readonly reason: string;
  /** By the detector's own null distribution, where its paper has one. */
  readonly ownPValue: number | null;
  readonly evidence: unknown;
}

/** The population that scores were compared with, or why they could not be. */
export interface ReferenceResult {
  readonly name: string;
  readonly path: string;
  /** Clean members. */
  readonly clean: number;
  /** 1 / (clean + 1): no p-value is below it. */
  readonly smallestP: number;
  readonly used: boolean;
  readonly reason: string | null;
}

export interface BackdoorFile {
  readonly tool: string;
  readonly version: string;
  readonly model: { readonly path: string; readonly sha256: string };
  readonly data: { readonly name: string; readonly images: number; readonly labels: "data" | "model" } | null;
  readonly training: { readonly name: string; readonly images: number } | null;
  readonly seed: number;
  readonly reference: ReferenceResult | null;
  readonly detectors: readonly DetectorResult[];
  readonly verdict: Omit<Decision, "perDetector"> & { readonly targetOutput: number | null };
  /** How each output is called; empty where outputs, labels and names are the same. */
  readonly classes: readonly string[];
  /** What a reader of the results should know. */
  readonly notes: readonly string[];
}

export interface Scanned
  extends Pick<BackdoorFile, "tool" | "version" | "model" | "data" | "training" | "seed" | "reference" | "notes"> {
  /** How the data calls the model's classes, where it calls them otherwise. */
  readonly naming?: ClassNaming | undefined;
  readonly examined: readonly TimedDetection[];
  readonly decision: Decision;
}

export function backdoorFile({ examined, decision, naming = PLAIN_CLASSES, ...rest }: Scanned): BackdoorFile {
  const label = (output: number | null): number | null => (output === null ? null : labelOf(naming, output));
  const words = (sentence: string): string => sayingClasses(sentence, (output) => classText(naming, output));
  const { perDetector, ...verdict } = decision;
  const { tool, version, model, data, training, seed, reference, notes } = rest;
  return {
    tool,
    version,
    model,
    data,
    training,
    seed,
    reference,
    detectors: examined.map(({ detector, detection, seconds }) => ({
      name: detector.id,
      version: detector.version,
      settings: statedSettings(detector),
      flagged: detection.flagged,
      score: finite(detection.score),
      pValue: finite(perDetector[detector.id] ?? detection.pValue),
      target: label(detection.target),
      targetOutput: detection.target,
      seconds,
      reason: words(detection.reason),
      ownPValue: finite(detection.pValue),
      evidence: asJson(detection.evidence),
    })),
    verdict: {
      ...verdict,
      lean: verdict.lean && {
        ...verdict.lean,
        target: label(verdict.lean.target)!,
        source: label(verdict.lean.source),
      },
      target: label(verdict.target),
      targetOutput: verdict.target,
      reason: words(verdict.reason),
    },
    classes: namesToShow(naming),
    notes,
  };
}

const finite = (value: number | null): number | null => (value !== null && Number.isFinite(value) ? value : null);

/** Typed arrays as lists; what JSON cannot say as null. */
function asJson(value: Plain): unknown {
  if (typeof value === "number") return finite(value);
  if (value instanceof Float32Array) return floats(value).map(finite);
  if (ArrayBuffer.isView(value)) return Array.from(value as Float64Array, finite);
  if (Array.isArray(value)) return value.map(asJson);
  if (typeof value !== "object" || value === null) return value ?? null;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, asJson(entry as Plain)]));
}
