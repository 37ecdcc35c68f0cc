/**
 * @file From what the detectors say of a model to one answer, by a rule that is fixed in advance.
 *
 * With a reference population: the share of clean members whose titration score is at least as high decides, at a stated
 * rate of false alarms. Without one nothing is known of clean models, and the answer is a heuristic: MM-BD's own test,
 * and whether titration's curves lead to the same class.
 */

import { oneSidedP } from "../population/p-values.ts";
import { cleanScans } from "../population/reference.ts";
import type { Population } from "../population/types.ts";
import type { Detection, Detector } from "./types.ts";

/** The rate of false alarms that is aimed at. */
export const FALSE_ALARMS = 0.05;

const TITRATION = "titration";

export interface Reading {
  readonly detector: Pick<Detector, "id" | "version">;
  readonly detection: Detection;
}

export interface Decision {
  /** `null`: undecided. */
  readonly flagged: boolean | null;
  readonly target: number | null;
  readonly kind: "statistical" | "heuristic" | "undecided";
  /** Against the reference population; `null` without one. */
  readonly pValue: number | null;
  /** Flagged at a p-value of at most this. */
  readonly threshold: number | null;
  /** One sentence for people. */
  readonly reason: string;
  /** By detector: the p-value of its score against the clean members. */
  readonly perDetector: Readonly<Record<string, number | null>>;
}

export interface Case {
  readonly detections: readonly Reading[];
  /** Of this task and architecture. */
  readonly reference: Population | undefined;
  /** Whether the model was scanned with inputs, as the members were: titration's score means something else without. */
  readonly inputs: boolean;
}

export function decide({ detections, reference, inputs }: Case): Decision {
  const perDetector: Record<string, number | null> = {};
  for (const { detector, detection } of detections) {
    const comparable = reference !== undefined && (inputs || detector.id !== TITRATION);
    perDetector[detector.id] = comparable ? againstClean(detector, detection, reference) : null;
  }
  const titration = detections.find(({ detector }) => detector.id === TITRATION)?.detection;
  const pValue = perDetector[TITRATION] ?? null;
  if (titration && pValue !== null) {
    const flagged = pValue <= FALSE_ALARMS;
    const seen = `${Math.round(100 * pValue)}% of clean models respond to noise as strongly`;
    return {
      flagged,
      target: flagged ? titration.target : null,
      kind: "statistical",
      pValue,
      threshold: FALSE_ALARMS,
      reason: `At most ${seen} (p = ${pValue.toPrecision(2)}).`,
      perDetector,
    };
  }
  return { ...heuristic(detections), pValue: null, threshold: null, perDetector };
}

function againstClean(detector: Reading["detector"], { score }: Detection, reference: Population): number | null {
  const clean = cleanScans(reference, detector).map((scan) => scan.score);
  return score === null || clean.length === 0 ? null : oneSidedP(score, clean);
}

function heuristic(detections: readonly Reading[]): Pick<Decision, "flagged" | "target" | "kind" | "reason"> {
  const of = (id: string) => detections.find(({ detector }) => detector.id === id)?.detection;
  const [mmbd, titration] = [of("mm-bd"), of(TITRATION)];
  if (mmbd?.flagged === undefined || mmbd.flagged === null) {
    const reason = "No reference population, and no detector with a rule of its own that holds for every model.";
    return { flagged: null, target: null, kind: "undecided", reason };
  }
  const agree = mmbd.target !== null && titration?.target === mmbd.target;
  if (!mmbd.flagged) {
    return { flagged: false, target: null, kind: "heuristic", reason: "MM-BD finds no class that stands out." };
  }
  if (agree) {
    const reason = `MM-BD flags class ${mmbd.target}, and noise leads to the same class.`;
    return { flagged: true, target: mmbd.target, kind: "heuristic", reason };
  }
  const reason = `MM-BD flags class ${mmbd.target}, but noise does not lead there.`;
  return { flagged: null, target: mmbd.target, kind: "undecided", reason };
}
