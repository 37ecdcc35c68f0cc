/** @file Whether the combined verdict does what is asked of it: first thing on the page. */

import type { Summary } from "../../methods/backdoor/evaluation/types.ts";
import { type Aim, aimOfArea, aimOfFalseAlarms, LEAST_AREA } from "../../methods/backdoor/evaluation/verdicts.ts";
import type { ControlRow, EvaluatedTask, EvaluationFile } from "../../studies/evaluation/types.ts";
import { percent } from "../format.ts";
import { areaText, rateCell, rateText, table } from "./markdown.ts";

const SINGLE = "without backdoors that have no single target";

export function verdictSection({ evaluation: { summary, subject, level }, controls, tasks }: EvaluationFile): string {
  const usable = summary.filter(({ row }) => row.clean > 0);
  const [overall] = usable;
  if (!overall) return "";
  // a data set without backdoors of many targets would be listed twice
  const differs = (one: Summary) =>
    one.targets === "any" ||
    usable.some(
      (other) =>
        other.dataset === one.dataset && other.targets === "any" && other.row.backdoored !== one.row.backdoored,
    );
  const shown = usable.filter(differs);
  const head = [
    "models",
    "clean + backdoored",
    "AUC",
    `false alarms, p ≤ ${level}`,
    "false alarms, flagged",
    `found, p ≤ ${level}`,
    "found, flagged",
    "target named",
  ];
  const body = shown.map(({ dataset, targets, row }) => [
    `${dataset ?? "all"}${targets === "single" ? `, ${SINGLE}` : ""}`,
    `${row.clean} + ${row.backdoored}`,
    areaText(row),
    rateCell(row.falseAlarms.calibrated),
    rateCell(row.falseAlarms.own),
    rateCell(row.detected.calibrated),
    rateCell(row.detected.own),
    rateCell(row.targetHits),
  ]);
  const single = shown.find(({ dataset, targets }) => dataset === null && targets === "single");
  const aims = [
    ...aimLines(overall, level),
    ...(single ? aimLines(single, level, ` ${SINGLE}`) : []),
    ...warnings(controls, tasks),
  ];
  return `### Does \`${subject}\` do what is asked of it?

${aims.map((line) => `- ${line}`).join("\n")}

${table(head, body)}

Each rate with its exact interval (Clopper and Pearson). False alarms are of clean models that set no threshold. Flagged is what
\`assay backdoor\` flags: p ≤ ${level}, and one class stands out alone; where several do its answer is "undecided".`;
}

/** What a reader of the numbers above must know. */
function warnings(controls: readonly ControlRow[], tasks: readonly EvaluatedTask[]): string[] {
  const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);
  const alarms = total(controls.map((row) => row.alarms.successes));
  const models = total(controls.map((row) => row.alarms.trials));
  const told = tasks.flatMap(({ otherwise }) => otherwise.backdoored ?? []);
  const mistaken = total(told.map(({ successes }) => successes));
  return [
    ...(alarms > 0
      ? [
          `All this holds for models trained as the reference. Of ${models} clean models trained otherwise on purpose, ${alarms} are ` +
            "flagged without being told apart (see what else moves the score).",
        ]
      : []),
    ...(mistaken > 0
      ? [
          `${mistaken} of ${total(told.map(({ trials }) => trials))} backdoored models have weights as if they were trained otherwise: ` +
            "`assay backdoor` gives these no p-value, whatever is counted here.",
        ]
      : []),
  ];
}

function aimLines({ row }: Summary, level: number, where = ""): string[] {
  const line = (aim: Aim | null, asked: string, measured: string) =>
    aim === null ? [] : [`${asked}${where}: **${aim}**. ${measured}`];
  const models = `${row.backdoored} backdoored and ${row.clean} clean models`;
  const area = line(aimOfArea(row), `AUC of at least ${LEAST_AREA}`, `${areaText(row)}, ${models}.`);
  // false alarms do not depend on which backdoors are counted
  if (where !== "") return area;
  return [
    ...area,
    ...line(
      aimOfFalseAlarms(row.falseAlarms.own, level),
      `False alarms of at most ${percent(level, 0)}, flagged`,
      `${rateText(row.falseAlarms.own)}.`,
    ),
    ...line(
      aimOfFalseAlarms(row.falseAlarms.calibrated, level),
      `False alarms of at most ${percent(level, 0)}, p ≤ ${level}`,
      `${rateText(row.falseAlarms.calibrated)}.`,
    ),
  ];
}
