/** @file Does each rival do on these models what its paper says: find the BadNets patch, and where does it fail? */

import { fisher } from "../../../stats/fisher.ts";
import { type Area, intervalOf } from "../../../stats/stratified-auc.ts";
import type { InputRow } from "./inputs.ts";
import type { Rate, Row } from "./types.ts";

/** The family of BadNets patches: all to one, from every class, whatever the share of poison. */
export const PATCH = "patch";

/** `inputs`: how many models' poisoned or triggered inputs are caught; the others count models that are flagged. */
export type RivalRule = "own rule" | "calibrated" | "inputs";

export interface RivalOnFamily {
  readonly family: string;
  readonly rate: NonNullable<Rate>;
  /** Of the detector's score for models. */
  readonly area: Area | null;
}

export interface Rival {
  readonly detector: string;
  readonly rule: RivalRule;
  /** By the same rule; `null` where inputs are picked. */
  readonly falseAlarms: Rate;
  /** In the order of the rows. */
  readonly families: readonly RivalOnFamily[];
}

export type OnPatch = "confirmed" | "confirmed by its score alone" | "not confirmed" | "not decided";

const isFamilyRow = ({ group, family, architecture, dataset, stratum }: Row): boolean =>
  group === null && family !== null && architecture === null && dataset === null && stratum === "accepted";
const isOverallRow = ({ group, family, architecture, dataset, stratum }: Row): boolean =>
  group === null && family === null && architecture === null && dataset === null && stratum === "accepted";

/** All detectors but the subject, in the order of the rows. */
export function rivalsOf(rows: readonly Row[], inputs: readonly InputRow[], subject: string): Rival[] {
  const names = [...new Set(rows.map(({ detector }) => detector))].filter((detector) => detector !== subject);
  return names.map((detector): Rival => {
    const own = rows.filter((row) => row.detector === detector);
    const caught = inputs.filter((row) => row.detector === detector && row.caught !== null);
    const overall = own.find(isOverallRow);
    const families = own.filter(isFamilyRow);
    const areaOf = (family: string) => families.find((row) => row.family === family)?.area ?? null;
    if (caught.length > 0) {
      const found = caught.map(({ family, caught: rate }) => ({ family, rate: rate!, area: areaOf(family) }));
      return { detector, rule: "inputs", falseAlarms: null, families: found };
    }
    const key = overall?.detected.own ? "own" : "calibrated";
    const flagged = families.flatMap(({ family, detected, area }) => {
      const rate = detected[key];
      return rate ? [{ family: family!, rate, area }] : [];
    });
    const rule = key === "own" ? "own rule" : "calibrated";
    return { detector, rule, falseAlarms: overall?.falseAlarms[key] ?? null, families: flagged };
  });
}

/** Of Fisher's exact test, one-sided. */
const SURE = 0.05;

/**
 * Confirmed: at least half of the patched models are found, and more of them than of the clean ones beyond chance; where
 * inputs are picked, the rate's whole interval lies above that level. By its score alone: else, where the whole interval of
 * the AUC lies above ½. Not confirmed: else, where the rate's whole interval lies below a half, or no more are found than
 * of the clean ones.
 */
export function judgePatch({ families, falseAlarms }: Rival): OnPatch {
  const patch = families.find(({ family }) => family === PATCH);
  if (!patch) return "not decided";
  const { estimate, lower, upper, successes, trials } = patch.rate;
  const sure = falseAlarms
    ? fisher([successes, trials], [falseAlarms.successes, falseAlarms.trials]) <= SURE
    : lower > SURE;
  if (estimate >= 0.5 && sure) return "confirmed";
  if (patch.area && intervalOf(patch.area).lower > 0.5) return "confirmed by its score alone";
  return upper < 0.5 || estimate <= (falseAlarms?.estimate ?? 0) ? "not confirmed" : "not decided";
}

export interface Failure extends RivalOnFamily {
  /** The rate's whole interval lies below a half, or fewer are found than of the patched models beyond chance. */
  readonly sure: boolean;
}

/** Kinds of trigger of which less than half of the models are found, fewest first. */
export function failuresOf({ families }: Rival): Failure[] {
  const patch = families.find(({ family }) => family === PATCH)?.rate;
  const fewer = ({ successes, trials }: Failure["rate"]) =>
    patch !== undefined && fisher([patch.successes, patch.trials], [successes, trials]) <= SURE;
  return families
    .filter(({ family, rate }) => family !== PATCH && rate.estimate < 0.5)
    .map((one) => ({ ...one, sure: one.rate.upper < 0.5 || fewer(one.rate) }))
    .toSorted((a, b) => a.rate.estimate - b.rate.estimate || a.rate.upper - b.rate.upper);
}
