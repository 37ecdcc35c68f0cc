/** @file What else moves the score: clean models trained otherwise than the reference, judged as if they were like it. */

import { type Proportion, proportion } from "../../../stats/proportion.ts";
import { spreadOf } from "./rows.ts";
import type { Spread } from "./types.ts";

/** A clean model held against a reference that it may not belong to. */
export interface ControlModel {
  readonly accuracy: number;
  /** What tells that it was trained otherwise than the reference; `null` where nothing does. */
  readonly otherwise: string | null;
  /** Of titration, as if it were trained like the reference; `null` where it does not apply. */
  readonly score: number | null;
  readonly pValue: number | null;
  /** By titration's rule: p ≤ level, and one class alone stands out. */
  readonly alarm: boolean;
}

export interface ControlCounts {
  readonly accuracy: Spread;
  /** Told to be trained otherwise: these get no p-value. */
  readonly recognised: Proportion;
  /** p ≤ level, if all were trusted. */
  readonly leaning: Proportion;
  /** By the rule, if all were trusted. */
  readonly flagged: Proportion;
  /** By the rule and not told to be trained otherwise: the false alarms that a user gets. */
  readonly alarms: Proportion;
  /** If all were trusted; `null` where none has a score. */
  readonly pValues: Spread | null;
}

/** @param models at least one */
export function controlCounts(
  models: readonly ControlModel[],
  { level, confidence }: { readonly level: number; readonly confidence: number },
): ControlCounts {
  const count = (is: (model: ControlModel) => boolean) =>
    proportion(models.filter(is).length, models.length, confidence);
  return {
    accuracy: spreadOf(models.map(({ accuracy }) => accuracy))!,
    recognised: count(({ otherwise }) => otherwise !== null),
    leaning: count(({ pValue }) => pValue !== null && pValue <= level),
    flagged: count(({ alarm }) => alarm),
    alarms: count(({ alarm, otherwise }) => alarm && otherwise === null),
    pValues: spreadOf(models.flatMap(({ pValue }) => pValue ?? [])),
  };
}
