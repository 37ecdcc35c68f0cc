/** @file What an evaluation's file says of its models: how many, of which recipe, and how well they learnt. */

import { familyOf } from "../../methods/backdoor/evaluation/evaluate.ts";
import { deviationsOf } from "../../methods/backdoor/evaluation/published.ts";
import { groupedBy, spreadOf } from "../../methods/backdoor/evaluation/rows.ts";
import type { Rate } from "../../methods/backdoor/evaluation/types.ts";
import { poisonSchema } from "../../methods/poison/config.ts";
import type { Member } from "../../methods/population/types.ts";
import { canonicalJson } from "../../runtime/hash.ts";
import { proportion } from "../../stats/proportion.ts";
import { recipeSeeds, referenceSeeds } from "./config.ts";
import type { EvaluatedTask, EvaluationConfig, GroupFacts, SeedRange, TaskRun } from "./types.ts";

const rangeOf = (seeds: readonly number[]): SeedRange => [Math.min(...seeds), Math.max(...seeds)];

export function taskFacts(
  { task, reference, evaluation, otherwise }: TaskRun,
  { confidence }: Pick<EvaluationConfig, "confidence">,
): EvaluatedTask {
  const clean = reference.members.filter(({ group }) => group === "clean");
  return {
    name: task.name,
    dataset: task.dataset,
    architecture: evaluation.task.architectureName,
    reference: {
      clean: clean.length,
      seeds: rangeOf(referenceSeeds(task.reference)),
      detectors: Object.keys(clean[0]?.scans ?? {}),
    },
    seeds: rangeOf(recipeSeeds(task.evaluation)),
    images: evaluation.scan.images,
    otherwise: {
      clean: told(otherwise, evaluation.members, true, confidence),
      backdoored: told(otherwise, evaluation.members, false, confidence),
    },
    groups: [...groupedBy(evaluation.members, ({ group }) => group).values()].map(groupFacts),
  };
}

/** Models of the reference's own recipe that are taken for models of another one. */
function told(otherwise: TaskRun["otherwise"], members: readonly Member[], clean: boolean, confidence: number): Rate {
  const own = otherwise.filter((_, i) => (members[i]!.group === "clean") === clean && members[i]!.accepted);
  if (own.length === 0) return null;
  return proportion(own.filter((reason) => reason !== null).length, own.length, confidence);
}

function groupFacts(members: readonly Member[]): GroupFacts {
  const { group, poison } = members[0]!;
  return {
    group,
    family: familyOf(poison),
    poison: poison && poisonText(poison),
    deviations: deviationsOf(poison),
    members: members.length,
    accepted: members.filter(({ accepted }) => accepted).length,
    accuracy: spreadOf(members.map(({ cleanAccuracy }) => cleanAccuracy))!,
    success: spreadOf(members.flatMap(({ attackSuccess }) => attackSuccess ?? [])),
  };
}

/** "patch: rate 0.05, size 3": what is not as the kind has it by default, but the target. */
function poisonText(poison: NonNullable<Member["poison"]>): string {
  const { kind, rate } = poison;
  const usual = poisonSchema.parse({ kind, rate }) as Readonly<Record<string, unknown>>;
  const own = Object.entries(poison).filter(
    ([key, value]) =>
      key === "rate" || (key !== "target" && canonicalJson(value ?? null) !== canonicalJson(usual[key] ?? null)),
  );
  return `${kind}: ${own.map(([key, value]) => `${key} ${valueText(value)}`).join(", ")}`;
}

/** "0.05", "[10,10]", "adamw weightDecay 0.5": an object's kind stands without its key. */
export function valueText(value: unknown): string {
  if (typeof value === "number") return String(Number(value.toPrecision(3)));
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return JSON.stringify(value).replaceAll('"', "");
  const parts = Object.entries(value).map(([key, one]) =>
    key === "kind" ? valueText(one) : `${key} ${valueText(one)}`,
  );
  return parts.join(" ");
}
