/** @file Scans the members of a population with detectors. */

import { usage } from "../../graph/fault.ts";
import { didYouMean } from "../../graph/suggest.ts";
import { detectors as known } from "../../methods/backdoor/index.ts";
import type { Detector } from "../../methods/backdoor/types.ts";
import { readSetting } from "../../methods/method-choice.ts";
import { type Declared, parseOptions, type Settings } from "../../methods/options.ts";
import type { DetectorUse, PopulationRecipe } from "../../methods/population/config.ts";
import type { Scan } from "../../methods/population/types.ts";
import { shortEvidence, shortNumber, shortSeconds } from "../../methods/population/write.ts";
import type { KeyedJob } from "../../runtime/jobs.ts";
import { recordOfEach } from "../each.ts";
import { memberScan } from "../jobs/members/kinds.ts";
import type { Training } from "../jobs/members/material.ts";
import type { MemberScan, MemberScanInput } from "../jobs/members/scan.ts";
import { plainOf } from "../plain.ts";
import type { PopulationTerms, TaskData, Trained } from "./terms.ts";

export interface UsedDetector {
  readonly detector: Detector;
  readonly use: DetectorUse;
}

/** @throws UserError (usage) for a detector that there is not, or is named twice, or has no such setting */
export async function findDetectors(uses: readonly DetectorUse[]): Promise<readonly UsedDetector[]> {
  const ids = known.map(({ id }) => id);
  const used: UsedDetector[] = [];
  for (const use of uses) {
    const detector = known.find(({ id }) => id === use.id);
    if (!detector) {
      throw usage(`detectors: no detector "${use.id}"; known are ${ids.join(", ")}.${didYouMean(use.id, ids)}`);
    }
    if (used.some((one) => one.use.id === use.id)) throw usage(`detectors: ${use.id} is named twice; it scans once`);
    used.push({ detector: detector.with(await parseOptions(detector, use.options, readSetting)), use });
  }
  return used;
}

/** Settings in which a detector runs otherwise than by itself; nothing where there are none, so that files and keys stay. */
export function ownSettings({ settings, definition }: Detector): { readonly settings?: Settings } {
  const { settings: standard } = definition as Declared;
  const own = Object.entries(settings).filter(([name, value]) => value !== standard[name]);
  return own.length === 0 ? {} : { settings: Object.fromEntries(own) };
}

/** How a member was trained, as jobs are told. */
export const trainingOf = ({ member: { config }, surrogate }: Trained, { samples }: TaskData): Training => ({
  config,
  samples,
  surrogate,
});

/** @returns the scans of each member, in the order of the members */
export async function scanMembers(
  trained: readonly Trained[],
  detectors: readonly UsedDetector[],
  { scan: { seed } }: PopulationRecipe,
  data: TaskData,
  terms: PopulationTerms,
): Promise<Record<string, Scan>[]> {
  const scans = trained.map((): Record<string, Scan> => ({}));
  for (const { detector, use } of detectors) {
    const { id } = detector;
    const places = scanned(trained, use);
    const jobs = places.map((place) => jobOf(trained[place]!, detector, seed, data, terms));
    const records = await recordOfEach(`scanning by ${id}`, memberScan, jobs, terms);
    places.forEach((place, i) => {
      scans[place]![id] = scanOf(records[i]!, detector);
    });
  }
  return scans;
}

/** The members that a detector scans: the first ones of each group. */
function scanned(trained: readonly Trained[], { perGroup, clean }: DetectorUse): number[] {
  const seen = new Map<string, number>();
  return trained.flatMap(({ member: { group } }, i) => {
    const before = seen.get(group) ?? 0;
    seen.set(group, before + 1);
    return before < (group === "clean" ? clean : perGroup) ? [i] : [];
  });
}

function jobOf(
  trained: Trained,
  detector: Detector,
  seed: number,
  data: TaskData,
  { place }: PopulationTerms,
): KeyedJob<MemberScanInput, MemberScan> {
  const { member, model } = trained;
  const { id, version, needs } = detector;
  const own = ownSettings(detector);
  // what looks at inputs also looks at those that the member was trained on
  const training = needs === "nothing" ? null : trainingOf(trained, data);
  return {
    kind: memberScan.id,
    label: `scanning ${member.id} by ${id}`,
    input: { model, detector: id, ...own, inputs: data.inputs, seed, training },
    key: {
      model: model.model,
      method: { id: `${memberScan.id}/${id}`, version },
      options: {
        ...own,
        seed,
        training: training && [plainOf(training.config), training.surrogate?.model, data.samples],
        assay: place.version,
      },
      chunk: data.inputs,
    },
  };
}

const scanOf = ({ flagged, score, pValue, target, evidence, seconds }: MemberScan, detector: Detector): Scan => ({
  version: detector.version,
  ...ownSettings(detector),
  flagged,
  score: score === null ? null : shortNumber(score),
  pValue: pValue === null ? null : shortNumber(pValue),
  target,
  seconds: shortSeconds(seconds),
  evidence: shortEvidence(evidence),
});
