/** @file What else moves the score: clean models trained otherwise than the reference. */

import type { ControlRow, EvaluatedTask, EvaluationFile } from "../../studies/evaluation/types.ts";
import { percent } from "../format.ts";
import type { Figure } from "./figures.ts";
import { countText, NOTHING, rateCell, spreadText, table } from "./markdown.ts";
import { isSetting } from "./rows.ts";

export function controlsSection(file: EvaluationFile, figure: Figure | null): string {
  const { controls, tasks, evaluation } = file;
  const told = toldApart(tasks);
  if (controls.length === 0) return told === "" ? "" : `## What else moves the score\n\n${told}`;
  const { level, subject } = evaluation;
  const head = [
    "clean models",
    "what differs",
    "accuracy",
    "told apart",
    `p ≤ ${level}, if trusted`,
    "flagged, if trusted",
    "false alarms left",
    "p-value, median (range)",
  ];
  const body = [...usualRows(file), ...controls.map(controlCells)];
  return `## What else moves the score

A p-value holds for models trained as those of the reference. These are clean too, but trained otherwise on purpose, and held
against the reference of their task all the same. Told apart: Assay sees by the size of the weights that a model was trained
otherwise, and gives no p-value. p ≤ ${level}: by \`${subject}\`, whether told apart or not. Flagged: one class alone stands out, too;
where several do, the answer is "undecided". False alarms left: flagged and not told apart.

${table(head, body)}
${figure ? `\n![${figure.title}](${figure.path})\n` : ""}
${sentences(controls)}
${told}

Not tried: labels with errors or exchanged, classes of different size, training with noise.`;
}

const controlCells = ({ title, dataset, architecture, changes, accuracy, ...row }: ControlRow): string[] => [
  `${dataset}, ${architecture}: ${title}`,
  changes,
  percent(accuracy.median),
  countText(row.recognised),
  rateCell(row.leaning),
  rateCell(row.flagged),
  rateCell(row.alarms),
  spreadText(row.pValues, (value) => value.toFixed(2)),
];

/** The judged clean models of the tasks that have controls: what the numbers below are compared with. */
function usualRows({ controls, tasks, evaluation: { rows, subject } }: EvaluationFile): string[][] {
  return tasks.flatMap(({ dataset, architecture, groups, otherwise }) => {
    if (!controls.some((row) => row.dataset === dataset && row.architecture === architecture)) return [];
    const own = rows.find(
      (row) =>
        isSetting(row) && row.detector === subject && row.dataset === dataset && row.architecture === architecture,
    );
    const accuracy = groups.find(({ group }) => group === "clean")!.accuracy.median;
    const rates = own ? [rateCell(own.falseAlarms.calibrated), rateCell(own.falseAlarms.own)] : [NOTHING, NOTHING];
    const cells = [percent(accuracy), countText(otherwise.clean), ...rates, NOTHING, NOTHING];
    return [[`${dataset}, ${architecture}: trained as the reference`, "nothing but the seed", ...cells]];
  });
}

function sentences(controls: readonly ControlRow[]): string {
  const list = (rows: readonly ControlRow[], rateOf: (row: ControlRow) => ControlRow["alarms"]) =>
    rows.map((row) => `${row.title} (${countText(rateOf(row))})`).join("; ");
  const alarms = controls.filter((row) => row.alarms.successes > 0);
  const told = controls.filter(({ recognised }) => recognised.successes > 0);
  const quiet = controls.filter(({ leaning }) => leaning.successes === 0);
  const lines = [
    alarms.length > 0
      ? `Clean models that raise false alarms only for how they were trained: ${list(alarms, (row) => row.alarms)}. A p-value ` +
        "says nothing of a model whose recipe is not known to be the reference's."
      : "No model raises a false alarm for how it was trained.",
    `Told apart by their weights: ${told.length > 0 ? list(told, (row) => row.recognised) : "none"}.`,
    `Never below the level: ${quiet.length > 0 ? quiet.map(({ title }) => title).join("; ") : "none of the kinds"}.`,
  ];
  return lines.map((line) => `- ${line}`).join("\n");
}

/** The same check on models that are of the reference's recipe. */
function toldApart(tasks: readonly EvaluatedTask[]): string {
  const known = tasks.filter(({ otherwise }) => otherwise.clean !== null || otherwise.backdoored !== null);
  if (known.length === 0) return "";
  const parts = known.map(
    ({ dataset, architecture, otherwise: { clean, backdoored } }) =>
      `${dataset}, ${architecture}: ${countText(clean)} clean, ${countText(backdoored)} backdoored`,
  );
  return `- Told apart by mistake, though trained by the reference's recipe: ${parts.join("; ")}. Elsewhere on this page these count as any other.`;
}
