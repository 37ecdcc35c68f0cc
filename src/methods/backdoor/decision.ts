/**
 * @file From what the detectors say of a model to one answer, by a rule that is fixed in advance.
 *
 * With a reference population: titration decides, by how far noise pulls the model towards one class beyond what it does to
 * the population's clean members (`titration/lean.ts`), at a stated rate of false alarms. Without one nothing is known of
 * clean models, and the answer is a heuristic: MM-BD's own test, and whether titration's curves lead to the same class.
 */

import { pText } from "../../stats/p-text.ts";
import { oneSidedP } from "../population/p-values.ts";
import { cleanScans } from "../population/reference.ts";
import type { Population } from "../population/types.ts";
import { detectorFor } from "./index.ts";
import { digestOf, readDigest } from "./titration/digest.ts";
import { commonModes, type JudgedLean, judgeLean, oneStandsOut } from "./titration/lean.ts";
import type { TitrationCurve } from "./titration/types.ts";
import type { Detection, NamedDetection } from "./types.ts";

/** The rate of false alarms that is aimed at. */
export const FALSE_ALARMS = 0.05;

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
  /** Towards which class noise pulls the model, against the clean members; `null` without a reference. */
  readonly lean: JudgedLean | null;
}

export interface DecisionTerms {
  readonly detections: readonly NamedDetection[];
  /** Of this task and architecture. */
  readonly reference: Population | undefined;
}

/** What a detector says under other settings than the standard ones takes no part: nothing is known of its false alarms. */
export function decide({ detections: all, reference }: DecisionTerms): Decision {
  const detections = all.filter(({ detector }) => detector.isStandard !== false);
  const titration = detections.find(({ detector }) => detector.id === detectorFor("noise").id);
  const lean = (reference && titration && leanAgainst(titration, reference)) ?? null;
  const perDetector: Record<string, number | null> = Object.fromEntries(all.map(({ detector }) => [detector.id, null]));
  for (const { detector, detection } of detections)
    perDetector[detector.id] = reference ? againstClean(detector, detection, reference) : null;
  if (!lean) return { ...heuristic(detections, reference), pValue: null, threshold: null, perDetector, lean };
  perDetector[detectorFor("noise").id] = lean.pValue;
  return { ...statistical(lean), perDetector, lean };
}

/** Undefined where the titration failed, or the population was not titrated by this version, or in other modes. */
function leanAgainst({ detector, detection }: NamedDetection, reference: Population): JudgedLean | undefined {
  const digests = cleanScans(reference, detector).flatMap(({ evidence }) => readDigest(evidence) ?? []);
  const { curves } = detection.evidence as { readonly curves?: readonly TitrationCurve[] };
  if (curves === undefined) return undefined;
  const profile = digestOf(curves).lean;
  const leans = digests.map(({ lean }) => lean);
  if (commonModes(profile, leans).length === 0) return undefined;
  return judgeLean({
    profile,
    reference: leans,
    classes: curves[0]!.labels.length,
    level: FALSE_ALARMS,
  });
}

type Answer = Omit<Decision, "perDetector" | "lean">;

function statistical(lean: JudgedLean): Answer {
  const { pValue, target, source, threshold: limit, clean } = lean;
  const answer = { kind: "statistical", pValue, threshold: FALSE_ALARMS } as const;
  if (limit === null) {
    const reason = `${clean} clean models cannot tell an alarm from chance at ${FALSE_ALARMS}: at least ${fewestFor(FALSE_ALARMS)} are needed.`;
    return { ...answer, kind: "undecided", flagged: null, target, reason };
  }
  if (pValue <= FALSE_ALARMS && !oneStandsOut(lean, FALSE_ALARMS)) {
    const reason = `Noise pulls it further than ${clean} clean models (${pText(pValue)}), but towards several classes at once: so do models that were trained in another way, and backdoors into several classes.`;
    return { ...answer, kind: "undecided", flagged: null, target: null, reason };
  }
  const flagged = pValue <= FALSE_ALARMS;
  const as = Math.round(pValue * (clean + 1)) - 1;
  const seen = as === 0 ? `none of ${clean} clean models leans` : `${as} of ${clean} clean models lean`;
  const inputs = source === null ? "inputs" : `inputs of class ${source}`;
  const reason = `Noise pulls ${inputs} towards class ${target}; ${seen} as far to any class (${pText(pValue)}).`;
  return { ...answer, flagged, target: flagged ? target : null, reason };
}

/** Clean models without which no p-value reaches the level. */
const fewestFor = (level: number): number => Math.ceil(1 / level) - 1;

function againstClean(
  detector: NamedDetection["detector"],
  { score }: Detection,
  reference: Population,
): number | null {
  const clean = cleanScans(reference, detector).map((scan) => scan.score);
  return score === null || clean.length === 0 ? null : oneSidedP(score, clean);
}

function heuristic(
  detections: readonly NamedDetection[],
  reference: Population | undefined,
): Pick<Decision, "flagged" | "target" | "kind" | "reason"> {
  const of = (id: string) => detections.find(({ detector }) => detector.id === id)?.detection;
  const [mmbd, titration] = [of(detectorFor("margins").id), of(detectorFor("noise").id)];
  if (mmbd?.flagged === undefined || mmbd.flagged === null) {
    const lacking = reference ? "No titration that the reference can be compared with" : "No reference population";
    const reason = `${lacking}, and no detector with a rule of its own that holds for every model.`;
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
  const noise = titration ? "but noise does not lead there" : "and titration was not run to confirm it";
  const reason = `MM-BD flags class ${mmbd.target}, ${noise}.`;
  return { flagged: null, target: mmbd.target, kind: "undecided", reason };
}
