/** @file One row of an evaluation: a detector on clean models and some backdoored ones. */

import type { Rng } from "../../../random/rng.ts";
import { brier, crossEntropy } from "../../../stats/probability-scores.ts";
import { proportion } from "../../../stats/proportion.ts";
import type { Pair } from "../../../stats/roc.ts";
import { stratifiedArea } from "../../../stats/stratified-auc.ts";
import { median } from "../../../stats/summary.ts";
import type { Examined, Outcome, Rate, Row, Scope, Spread } from "./types.ts";

export interface RowOptions {
  readonly confidence: number;
  readonly level: number;
  /** Keyed by the row. */
  readonly random: Rng;
}

export const isClean = ({ family }: Examined): boolean => family === null;

/** Models whose scores may be compared. */
export const settingOf = ({ architecture, dataset }: Examined): string => JSON.stringify([architecture, dataset]);

export const groupedBy = <T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
};

/** Scores of [backdoored, clean] models in each setting. */
export function scoresBySetting(models: readonly Examined[], scoreOf: (model: Examined) => number | null): Pair[] {
  return [...groupedBy(models, settingOf).values()].map((setting) => {
    const scores = (clean: boolean) =>
      setting
        .filter((model) => isClean(model) === clean)
        .map(scoreOf)
        .filter((score) => score !== null);
    return [scores(false), scores(true)];
  });
}

const rate = (answers: readonly (boolean | null)[], confidence: number): Rate => {
  const given = answers.filter((answer) => answer !== null);
  return given.length > 0 ? proportion(given.filter(Boolean).length, given.length, confidence) : null;
};

export function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  return { median: median(values), least: Math.min(...values), most: Math.max(...values), models: values.length };
}

/**
 * @param models clean and backdoored; models without an outcome of the detector are left out
 * @param scope what is written on the row: it selects nothing
 */
export function rowOf(models: readonly Examined[], scope: Scope, { confidence, level, random }: RowOptions): Row {
  const seen = models.filter(({ outcomes }) => Object.hasOwn(outcomes, scope.detector));
  const outcomeOf = ({ outcomes }: Examined): Outcome => outcomes[scope.detector]!;
  const clean = seen.filter(isClean);
  const backdoored = seen.filter((model) => !isClean(model));
  const own = (of: readonly Examined[]) =>
    rate(
      of.map((model) => outcomeOf(model).flagged),
      confidence,
    );
  const calibrated = (of: readonly Examined[]) =>
    rate(
      of.map(outcomeOf).map(({ pValue }) => (pValue === null ? null : pValue <= level)),
      confidence,
    );
  const classes = new Set(seen.map((model) => model.classes));
  const stated = seen.filter((model) => typeof outcomeOf(model).probability === "number");
  const cost = (measure: typeof brier) =>
    stated.length > 0
      ? measure(
          stated.map((model) => outcomeOf(model).probability!),
          stated.map((model) => !isClean(model)),
        )
      : null;
  return {
    ...scope,
    clean: clean.length,
    backdoored: backdoored.length,
    area:
      stratifiedArea(
        scoresBySetting(seen, (model) => outcomeOf(model).score),
        { random, confidence },
      ) ?? null,
    falseAlarms: { own: own(clean), calibrated: calibrated(clean) },
    detected: { own: own(backdoored), calibrated: calibrated(backdoored) },
    targetHits: rate(
      backdoored
        .filter((model) => model.target !== null && outcomeOf(model).target !== undefined)
        .map((model) => outcomeOf(model).target === model.target),
      confidence,
    ),
    chance: classes.size === 1 ? 1 / [...classes][0]! : null,
    seconds: spreadOf(seen.map((model) => outcomeOf(model).seconds)),
    crossEntropy: cost(crossEntropy),
    brier: cost(brier),
  };
}
