/** @file What each rival does on the patch that its paper shows, and where it fails. */

import { CAUGHT_LEVEL, CAUGHT_POISON, CAUGHT_REJECTED } from "../../methods/backdoor/evaluation/inputs.ts";
import {
  type Failure,
  failuresOf,
  judgePatch,
  type OnPatch,
  PATCH,
  type Rival,
  type RivalOnFamily,
  rivalsOf,
} from "../../methods/backdoor/evaluation/rivals.ts";
import { detectors } from "../../methods/backdoor/index.ts";
import type { EvaluationFile } from "../../studies/evaluation/types.ts";
import { percent } from "../format.ts";
import { areaText, countText, NOTHING, rateCell, table } from "./markdown.ts";

export function rivalsSection({ evaluation: { rows, subject, level }, inputs }: EvaluationFile): string {
  const rivals = rivalsOf(rows, inputs, subject).filter(({ families }) => families.length > 0);
  if (rivals.length === 0) return "";
  const rules = { "own rule": "its own rule", calibrated: `p ≤ ${level}`, inputs: "inputs caught" } as const;
  const body = rivals.map((rival) => {
    const patch = patchOf(rival);
    const [least] = failuresOf(rival);
    return [
      rival.detector,
      rules[rival.rule],
      patch ? rateCell(patch.rate) : NOTHING,
      rival.falseAlarms ? rateCell(rival.falseAlarms) : NOTHING,
      patch ? areaText(patch) : NOTHING,
      least ? `${least.family}: ${rateCell(least.rate)}` : NOTHING,
    ];
  });
  const head = ["detector", "judged by", "patch found", "clean models flagged", "AUC on the patch", "least found"];
  return `## The rivals: their papers' result, and where they fail

The papers show their detectors on a BadNets patch: \`${PATCH}\` below, from 1 % to 10 % of poison. Confirmed is what flags at
least half of the patched models, and more than of the clean ones (Fisher's exact test, p ≤ 0.05); by its score where the rule
misses that but the AUC's whole interval lies above ½. A failure is a trigger of which less than half of the models are found,
and shown where the whole interval lies below a half or fewer are found than of the patched models (the same test).

${table(head, body)}

Inputs caught: models of which STRIP rejects at least ${percent(CAUGHT_REJECTED, 0)} of the inputs with the trigger, while it rejects
${percent(CAUGHT_LEVEL, 0)} of the clean ones; or whose poison makes up at least ${percent(CAUGHT_POISON, 0)} of what the suspects in the training data
could hold.

${rivals.map(sentence).join("\n")}`;
}

const patchOf = ({ families }: Rival): RivalOnFamily | undefined => families.find(({ family }) => family === PATCH);

const ON_PATCH: Readonly<Record<OnPatch, string>> = {
  confirmed: "confirmed on the patch",
  "confirmed by its score alone": "confirmed on the patch by its score, not by its rule",
  "not confirmed": "not confirmed on the patch",
  "not decided": "not decided on the patch",
};

/** One line a rival. */
export function sentence(rival: Rival): string {
  const patch = patchOf(rival);
  const numbers = patch
    ? ` (${rateCell(patch.rate)}${clean(rival)}; AUC ${areaText(patch).replace(/ \((.*)\)/, ", $1")})`
    : " (no patched model was examined)";
  const known = detectors.find(({ id }) => id === rival.detector)?.blindTo;
  const limits = known === undefined ? "" : ` Its stated limits: ${known}.`;
  return `- \`${rival.detector}\`: **${ON_PATCH[judgePatch(rival)]}**${numbers}. ${failureText(rival)}${limits}`;
}

const clean = ({ falseAlarms }: Rival): string => (falseAlarms ? `; clean models: ${rateCell(falseAlarms)}` : "");

function failureText(rival: Rival): string {
  const failures = failuresOf(rival);
  const list = (chosen: readonly Failure[]) =>
    chosen.map(({ family, rate }) => `${family} (${countText(rate)})`).join("; ");
  const [sure, unsure] = [failures.filter((one) => one.sure), failures.filter((one) => !one.sure)];
  if (sure.length > 0) {
    const more = unsure.length === 0 ? "" : `; fewer than half, of too few models to be sure: ${list(unsure)}`;
    return `**Known failure shown**: ${list(sure)}${more}.`;
  }
  if (unsure.length > 0) return `Failure suggested, of too few models to be sure: ${list(unsure)}.`;
  const [least] = rival.families
    .filter(({ family }) => family !== PATCH)
    .toSorted((a, b) => a.rate.estimate - b.rate.estimate);
  return `No failure shown${least ? `: the least found trigger is ${least.family} (${rateCell(least.rate)})` : ""}.`;
}
