/** @file What an audit knows of backdoors: the detectors' answers, the signs that name a class, and a closer look at it. */

import { proportionLower } from "../../stats/proportion.ts";
import { type Decision, FALSE_ALARMS } from "../backdoor/decision.ts";
import { detectorFor } from "../backdoor/index.ts";
import type { CaseFacts, Detection, Role, TimedDetection } from "../backdoor/types.ts";
import type { Geometry } from "../picture.ts";
import type { Population } from "../population/types.ts";
import type { NoisyInputs, TriggerExhibit } from "./exhibits.ts";
import { patchSize } from "./patch-screen.ts";

export interface ReferenceFacts {
  readonly name: string;
  /** Clean members. */
  readonly clean: number;
  /** 1 / (clean + 1) */
  readonly smallestP: number;
  /** Why it is not compared with; `null` where it is. */
  readonly unused: string | null;
}

/** The detectors' part: what is known before any class is looked at closely. */
export interface DetectorsResult {
  readonly facts: CaseFacts;
  /** Held-out inputs, and whether their labels are the model's own answers. */
  readonly data: string;
  readonly images: number;
  readonly labelled: boolean;
  readonly seed: number;
  readonly reference: ReferenceFacts | null;
  /** The reference, where scores were compared with it. */
  readonly population: Population | undefined;
  readonly examined: readonly TimedDetection[];
  readonly decision: Decision;
  /** What a reader of the results should know. */
  readonly notes: readonly string[];
}

/** A look at one class, with the processor time that it took. */
export type Timed<T> = T & { readonly took: number };

export interface BackdoorResult extends DetectorsResult {
  readonly noisy: Timed<NoisyInputs> | null;
  readonly trigger: Timed<TriggerExhibit> | null;
}

/**
 * Something that names a class. Signs of different kinds come from work of different kinds: answers to noise, margins of
 * the model alone, and a patch that succeeds on inputs. That two of them name one class by chance is unlikely.
 */
export interface Sign {
  readonly kind: "noise" | "margin" | "patch";
  readonly label: number;
}

const detectionBy = (examined: readonly TimedDetection[], role: Role): Detection | undefined =>
  examined.find(({ detector }) => detector.id === detectorFor(role).id)?.detection;

/** By the margins of the model's classes. */
export const marginsOf = (examined: readonly TimedDetection[]): Detection | undefined =>
  detectionBy(examined, "margins");

/** By the answers to noise. */
export const noiseOf = (examined: readonly TimedDetection[]): Detection | undefined => detectionBy(examined, "noise");

/** Of the margins against clean models; `null` where they were not compared. */
export const marginPValue = ({ perDetector }: Pick<Decision, "perDetector">): number | null =>
  perDetector[detectorFor("margins").id] ?? null;

/**
 * Signs that can be had without a closer look. Noise counts against a reference only: without one nothing is known of
 * where noise leads clean models. MM-BD's own test, which alarms at a tenth to a third of clean models, counts only where
 * there is no reference.
 *
 * @param patched the class that a patch of the screen leads to, and to no other
 */
export function signsOf(
  { examined, decision }: Pick<DetectorsResult, "examined" | "decision">,
  patched?: number,
): Sign[] {
  const signs: Sign[] = [];
  if (decision.kind === "statistical" && decision.flagged === true && decision.target !== null)
    signs.push({ kind: "noise", label: decision.target });
  const margins = marginsOf(examined);
  const calibrated = marginPValue(decision);
  const outlying = calibrated === null ? margins?.flagged === true : calibrated <= FALSE_ALARMS;
  const named = margins && (margins.target ?? largestMargin(margins));
  if (outlying && named !== null && named !== undefined) signs.push({ kind: "margin", label: named });
  if (patched !== undefined) signs.push({ kind: "patch", label: patched });
  return signs;
}

/** MM-BD names no class where its own rule does not flag. */
function largestMargin({ evidence }: Detection): number | null {
  const { largest } = evidence;
  return typeof largest === "number" ? largest : null;
}

/** The class to look at: the verdict's, else the one that most signs name, else the first sign's. */
export function suspectedClass(decision: Decision, signs: readonly Sign[]): number | null {
  if (decision.flagged === true && decision.target !== null) return decision.target;
  const votes = (label: number) => signs.filter((sign) => sign.label === label).length;
  return signs.toSorted((a, b) => votes(b.label) - votes(a.label))[0]?.label ?? null;
}

/** A trigger of a mask up to this many pixels is small: the area of the screen's patch, a 49th of the picture. */
export const smallMask = (geometry: Geometry): number => patchSize(geometry) ** 2;

/** Least share of unseen inputs that a trigger has to move to count. */
const LEAST_SUCCESS = 0.5;
const CONFIDENCE = 0.95;

/**
 * Does a small trigger lead to its class? Measured on digits, 200 inputs: 8 pixels for the backdoor's class, 36 to 63 for
 * other classes and clean networks.
 */
export const isSmallTrigger = ({ l1, hits, trials }: TriggerExhibit, geometry: Geometry | undefined): boolean =>
  geometry !== undefined &&
  l1 <= smallMask(geometry) &&
  trials > 0 &&
  proportionLower(hits, trials, CONFIDENCE) > LEAST_SUCCESS;

/** All signs, the closer look's included: a small trigger is a patch, found in another way. */
export function allSigns(result: BackdoorResult, patched?: number): Sign[] {
  const signs = signsOf(result, patched);
  const { trigger, facts } = result;
  const known = trigger === null || signs.some(({ kind, label }) => kind === "patch" && label === trigger.label);
  if (!known && isSmallTrigger(trigger, facts.geometry)) signs.push({ kind: "patch", label: trigger.label });
  return signs;
}
