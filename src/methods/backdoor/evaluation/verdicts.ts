/** @file Rules, fixed before any model was scanned, by which the paper's claims are judged. */

import type { Interval } from "../../../stats/roc.ts";
import { intervalOf } from "../../../stats/stratified-auc.ts";
import type { Rate, Row, TimeRatio, Verdict } from "./types.ts";

/** The rival must take so many times as long. */
export const FASTER = 10;
/** And the AUC may be so much lower. */
export const AS_ACCURATE = 0.05;

/** What is asked of the combined verdict: an AUC of at least this, and false alarms of at most the threshold's level. */
export const LEAST_AREA = 0.95;

/** Whether an aim is met: by the whole interval, or by the estimate alone. */
export type Aim = "met" | "met, but the interval reaches beyond" | "missed, but the interval reaches it" | "missed";

const aim = (met: boolean, sure: boolean): Aim => {
  if (met) return sure ? "met" : "met, but the interval reaches beyond";
  return sure ? "missed" : "missed, but the interval reaches it";
};

/** `null` without scores of both kinds. */
export function aimOfArea({ area }: Pick<Row, "area">): Aim | null {
  if (!area) return null;
  const { lower, upper } = intervalOf(area);
  const met = area.estimate >= LEAST_AREA;
  return aim(met, met ? lower >= LEAST_AREA : upper < LEAST_AREA);
}

/** At the calibrated threshold; `null` where there is none. */
export function aimOfFalseAlarms(rate: Rate, level: number): Aim | null {
  if (!rate) return null;
  const met = rate.estimate <= level;
  return aim(met, met ? rate.upper <= level : rate.lower > level);
}

const two = (value: number): string => value.toFixed(2);
const range = ({ lower, upper }: { readonly lower: number; readonly upper: number }) => `${two(lower)}–${two(upper)}`;
const percent = (value: number): string => `${(100 * value).toFixed(0)} %`;

/** Confirmed: the AUC's whole interval lies above ½; refuted: below. */
export function judgeSensitivity(family: string, row: Row): Verdict {
  const claim = "sensitivity";
  if (!row.area) return { claim, family, verdict: "not decided", reason: "no scores of clean and backdoored models." };
  const interval = intervalOf(row.area);
  const verdict = interval.lower > 0.5 ? "confirmed" : interval.upper < 0.5 ? "refuted" : "not decided";
  const relation = { confirmed: "above", refuted: "below", "not decided": "around" }[verdict];
  const reason =
    `AUC ${two(row.area.estimate)} (${range(interval)}) on ${row.area.positives} backdoored and ${row.area.negatives} ` +
    `clean models: the interval lies ${relation} ½.`;
  return { claim, family, verdict, reason };
}

/** Confirmed: the hit rate's whole interval lies above chance; refuted: below. */
export function judgeTarget(family: string, { targetHits, chance }: Row): Verdict {
  const claim = "target";
  if (!targetHits || chance === null)
    return { claim, family, verdict: "not decided", reason: "these backdoors have no single target class." };
  const { lower, upper, successes, trials } = targetHits;
  const verdict = lower > chance ? "confirmed" : upper < chance ? "refuted" : "not decided";
  const reason =
    `the target was named in ${successes} of ${trials} backdoored models (${percent(lower)} to ${percent(upper)}); ` +
    `chance is ${percent(chance)}.`;
  return { claim, family, verdict, reason };
}

/**
 * Confirmed: at least 10 times as fast, at an AUC that is not lower by more than .05. Refuted: not so fast, or the
 * difference's whole interval lies below −.05.
 */
export function judgeSpeed(family: string, ratio: TimeRatio | undefined, difference: Interval | undefined): Verdict {
  const claim = "speed";
  if (!ratio || !difference)
    return { claim, family, verdict: "not decided", reason: "no models were examined by both methods." };
  const fast = ratio.median >= FASTER;
  const verdict =
    !fast || difference.upper < -AS_ACCURATE
      ? "refuted"
      : difference.estimate >= -AS_ACCURATE
        ? "confirmed"
        : "not decided";
  const reason =
    `${ratio.rival} took ${ratio.median.toPrecision(3)} times as long as ${ratio.subject} (${ratio.least.toPrecision(3)} to ` +
    `${ratio.most.toPrecision(3)}, ${ratio.models} models); AUC ${signed(difference.estimate)} ` +
    `(${signed(difference.lower)} to ${signed(difference.upper)}) against it.`;
  return { claim, family, verdict, reason };
}

const signed = (value: number): string => `${value < 0 ? "−" : "+"}${two(Math.abs(value))}`;
