/** @file What the detectors' scans of an evaluation population say against a reference population of the same task. */

import { oneSidedP } from "../../population/p-values.ts";
import { cleanScans } from "../../population/reference.ts";
import type { Member, Population, Scan } from "../../population/types.ts";
import { detectorFor } from "../index.ts";
import { readDigest } from "../titration/digest.ts";
import { judgeLean, type LeanTerms, oneStandsOut } from "../titration/lean.ts";
import type { Outcome } from "./types.ts";
import { variantOutcomes } from "./variants.ts";

export const TITRATION = detectorFor("noise").id;

/** By detector, of one member. */
export type Outcomes = Readonly<Record<string, Outcome>>;

const answerOf = ({ score, flagged, target, seconds }: Scan): Outcome => ({
  score,
  flagged,
  target,
  seconds,
  pValue: null,
});

const digestsOf = (scans: readonly Scan[]) => scans.flatMap(({ evidence }) => readDigest(evidence) ?? []);

/**
 * Every detector: its score, its own rule's answer, and the p-value of its score where the reference was scanned by it.
 * Titration is judged by its combined statistic, which only a reference gives; without one it has no score.
 *
 * @param level rate of false alarms
 */
export function detectorOutcomes({ scans }: Member, reference: Population, level: number): Outcomes {
  const entries = Object.entries(scans).map(([id, scan]): [string, Outcome] => {
    const clean = cleanScans(reference, { id, version: scan.version }, scan.settings);
    if (id === TITRATION) return [id, leanOutcome(scan, clean, { classes: reference.task.classes, level })];
    const comparable = scan.score !== null && clean.length > 0;
    const scores = clean.map(({ score }) => score);
    return [id, { ...answerOf(scan), pValue: comparable ? oneSidedP(scan.score, scores) : null }];
  });
  return Object.fromEntries(entries);
}

function leanOutcome(scan: Scan, clean: readonly Scan[], rule: Pick<LeanTerms, "classes" | "level">): Outcome {
  const own = readDigest(scan.evidence);
  const profiles = digestsOf(clean).map(({ lean }) => lean);
  if (!own || profiles.length === 0) return { ...answerOf(scan), score: null, target: null };
  const lean = judgeLean({ profile: own.lean, reference: profiles, ...rule });
  const { score, pValue, target } = lean;
  return { score, pValue, target, flagged: oneStandsOut(lean, rule.level), seconds: scan.seconds };
}

/** Titration's single scores, and the rules that combine them; nothing where member or reference have no curves. */
export function titrationOutcomes({ scans }: Member, reference: Population): Outcomes {
  const scan = scans[TITRATION];
  const own = scan && readDigest(scan.evidence);
  if (!own) return {};
  const clean = digestsOf(cleanScans(reference, { id: TITRATION, version: scan.version }, scan.settings));
  return clean.length === 0 ? {} : variantOutcomes(own, clean, scan);
}
