/** @file Detectors that pick inputs rather than models: what they reject of triggered inputs, and suspect of poisoned data. */

import { groupedBy, spreadOf } from "./rows.ts";
import type { Spread } from "./types.ts";

/** What a detector picked of one backdoored model's inputs. */
export interface PickedInputs {
  readonly detector: string;
  readonly model: string;
  readonly architecture: string;
  readonly dataset: string;
  readonly group: string;
  readonly family: string;
  readonly accepted: boolean;
  /** Of the triggered inputs, at thresholds that reject a share `level` of clean ones. */
  readonly rates: readonly { readonly level: number; readonly rejected: number; readonly triggered: number }[];
  /** Of the training images with a label that holds poison. */
  readonly picked: { readonly suspects: number; readonly poisoned: number; readonly hits: number } | null;
}

export interface InputRow {
  readonly detector: string;
  readonly family: string;
  /** Share of the triggered inputs that are rejected, over models. */
  readonly rejected: readonly (Spread & { readonly level: number })[];
  /** Share of the suspects that are poisoned, over models that have suspects. */
  readonly precision: Spread | null;
  /** Share of the poisoned that are suspected. */
  readonly recall: Spread | null;
}

/** A row for each detector and family, over models whose backdoor works. */
export function inputRows(all: readonly PickedInputs[]): InputRow[] {
  const kept = all.filter(({ accepted }) => accepted);
  const groups = groupedBy(kept, ({ detector, family }) => JSON.stringify([detector, family]));
  return [...groups.values()].map((models) => {
    const { detector, family } = models[0]!;
    const levels = [...new Set(models.flatMap(({ rates }) => rates.map(({ level }) => level)))];
    const rejected = levels.flatMap((level) => {
      const rates = models.flatMap((model) => model.rates.filter((rate) => rate.level === level));
      const spread = spreadOf(rates.map((rate) => rate.rejected / rate.triggered));
      return spread ? [{ level, ...spread }] : [];
    });
    const picks = models.flatMap(({ picked }) => picked ?? []);
    const share = (part: number, of: number) => (of === 0 ? [] : [part / of]);
    return {
      detector,
      family,
      rejected,
      precision: spreadOf(picks.flatMap(({ hits, suspects }) => share(hits, suspects))),
      recall: spreadOf(picks.flatMap(({ hits, poisoned }) => share(hits, poisoned))),
    };
  });
}
