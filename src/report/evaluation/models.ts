/** @file The models of an evaluation: how they were made, and how well they learnt. */

import type { EvaluatedTask, EvaluationFile, GroupFacts, SeedRange } from "../../studies/evaluation/types.ts";
import { percent } from "../format.ts";
import { NOTHING, table } from "./markdown.ts";
import { unique } from "./rows.ts";

const seedText = ([first, last]: SeedRange): string => `${first}–${last}`;
const taskText = ({ dataset, architecture }: EvaluatedTask): string => `${dataset}, ${architecture}`;

function groupText({ members, accepted, accuracy, success }: GroupFacts): string {
  if (!success) return `${members} models; ${percent(accuracy.median)}`;
  return `${accepted} of ${members}; ${percent(success.median)}; ${percent(accuracy.median)}`;
}

export function modelsSection({ tasks, version, config, evaluation }: EvaluationFile): string {
  const overview = tasks.map((task) => [
    taskText(task),
    `${task.reference.clean}, ${seedText(task.reference.seeds)}`,
    `${task.groups.reduce((sum, { members }) => sum + members, 0)}, ${seedText(task.seeds)}`,
    String(task.images),
  ]);
  const all = tasks.flatMap(({ groups }) => groups);
  const rows = unique(all.map(({ group }) => group)).map((name) => [
    name,
    all.find(({ group }) => group === name)!.poison ?? NOTHING,
    ...tasks.map(({ groups }) => {
      const own = groups.find(({ group }) => group === name);
      return own ? groupText(own) : NOTHING;
    }),
  ]);
  return `## The models

Assay ${version}, configuration \`${config}\`. The clean models of a task's reference population set the thresholds; the models
that are judged were trained by the same recipe with seeds that occur in no reference. Targets are balanced over classes.
Intervals are at ${percent(evaluation.confidence, 0)}.

${table(["task", "reference: clean models, seeds", "judged: models, seeds", "inputs of a scan"], overview)}

A backdoored model is accepted where at least 90 % of the inputs with the trigger go where they should and its accuracy is at
most 2 points below the median of the clean models; the others are listed at the end. In each cell: accepted models of all;
median attack success; median accuracy. What a poison states beyond its kind's defaults is named.

${table(["group", "poison", ...tasks.map(taskText)], rows)}${settings(all)}`;
}

/** What is not as published. */
function settings(groups: readonly GroupFacts[]): string {
  const found = groups.flatMap(({ family, deviations }) =>
    deviations.map(({ key, published, used, why }) => [
      family!,
      key,
      published,
      String(Number(used.toPrecision(3))),
      why,
    ]),
  );
  const rows = unique(found.map((row) => JSON.stringify(row))).map((row) => JSON.parse(row) as string[]);
  if (rows.length === 0) return "";
  return `

### Settings that differ from the papers

What is found of these triggers says nothing of the published, weaker ones.

${table(["trigger", "setting", "published", "here", "why"], rows)}`;
}
