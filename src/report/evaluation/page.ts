/** @file The page of an evaluation: how it was made, what was found, and what it does not say. */

import { CLAIMS, type Claim, type Row, type Verdict } from "../../methods/backdoor/evaluation/types.ts";
import { detectorFor } from "../../methods/backdoor/index.ts";
import type { EvaluationFile } from "../../studies/evaluation/types.ts";
import { percent } from "../format.ts";
import { claimsSection } from "./claims.ts";
import { controlsSection } from "./controls.ts";
import type { Figure, Figures } from "./figures.ts";
import {
  areaCell,
  areaText,
  countText,
  NOTHING,
  rateCell,
  secondsSpread,
  shareSpread,
  spreadText,
  table,
} from "./markdown.ts";
import { modelsSection } from "./models.ts";
import { rivalsSection } from "./rivals.ts";
import { familiesOf, isFamily, isGroup, isOverall, isSetting, matrix, settingOf, unique } from "./rows.ts";
import { verdictSection } from "./verdict.ts";

export function evaluationPage(file: EvaluationFile, figures: Figures): string {
  const sections = [
    "# How well backdoors are found: an evaluation",
    `Made by \`${file.command}\`; do not edit. Every number is from that run.`,
    inShort(file, figures.scores),
    modelsSection(file),
    claimsSection(file),
    overall(file),
    rivalsSection(file),
    byTrigger(file, figures.areas),
    bySetting(file),
    variants(file),
    curves(figures.curves),
    inputLevel(file),
    controlsSection(file, figures.controls),
    rejected(file),
    limits(file),
  ];
  return `${sections.filter((section) => section !== "").join("\n\n")}\n`;
}

function inShort(file: EvaluationFile, scores: Figure | null): string {
  const { rows, subject, timeRatios, verdicts } = file.evaluation;
  const row = rows.find((candidate) => isOverall(candidate) && candidate.detector === subject);
  if (!row) return "";
  const ratio = timeRatios.find(({ rival }) => rival === detectorFor("trigger").id);
  const lines = [
    ...(Object.keys(CLAIMS) as Claim[]).map((claim) => claimLine(claim, verdicts)),
    ...(ratio
      ? [
          `- Neural Cleanse takes ${spreadText(ratio, timesText)} times as long as \`${subject}\` on the same models (median, range; ` +
            `${ratio.models} models, processor time).`,
        ]
      : []),
  ];
  return `## In short

${verdictSection(file)}
${scores ? `\n![${scores.title}](${scores.path})\n\nEvery judged model: clean ones grey, filled where flagged at p ≤ ${file.evaluation.level}.\n` : ""}
### How the paper's claims fare

${lines.join("\n")}`;
}

function overall({ evaluation: { rows, level, timeRatios } }: EvaluationFile): string {
  const shown = rows.filter(isOverall);
  const found = shown.map((row) => [
    row.detector,
    `${row.clean} + ${row.backdoored}`,
    areaCell(row),
    rateCell(row.detected.own),
    rateCell(row.falseAlarms.own),
    rateCell(row.detected.calibrated),
    rateCell(row.falseAlarms.calibrated),
  ]);
  const costs = shown.map((row) => {
    const ratio = timeRatios.find(({ rival }) => rival === row.detector);
    const times = ratio ? spreadText(ratio, timesText) : NOTHING;
    return [row.detector, rateCell(row.targetHits), secondsSpread(row.seconds), times];
  });
  return `## The detectors side by side

Own rule: the decision of the detector's paper. p ≤ ${level}: the score against the reference's clean models, where the
reference was scanned by the detector; titration has no other rule. AUCs compare models within a task only and are averaged
over the tasks. The target counts as named whether or not the model is flagged.

${table(
  [
    "detector",
    "clean + backdoored",
    "AUC",
    "found, own rule",
    "false alarms, own rule",
    `found, p ≤ ${level}`,
    `false alarms, p ≤ ${level}`,
  ],
  found,
)}

Seconds are processor time of one thread; how many times titration's they are is of the same models. Median and range:

${table(["detector", "target named", "seconds a model", "times titration's time"], costs)}`;
}

/** "0.40", "12", "350" */
const timesText = (times: number): string => {
  if (times < 0.01) return "<0.01";
  return times < 10 ? times.toFixed(2) : times.toFixed(0);
};

/** How a claim fared over the kinds of trigger. */
function claimLine(claim: Claim, verdicts: readonly Verdict[]): string {
  const own = verdicts.filter((verdict) => verdict.claim === claim);
  const outcomes = (["confirmed", "refuted", "not decided"] as const).map((kind) => {
    const families = own.filter(({ verdict }) => verdict === kind).map(({ family }) => family);
    return `${kind} for ${families.length}${families.length === 0 ? "" : ` (${families.join("; ")})`}`;
  });
  return `- Claim "${CLAIMS[claim]}", by the combined score, of ${own.length} kinds of trigger: ${outcomes.join(", ")}.`;
}

/** By the detector's own rule where it has one, else by p ≤ level. */
const ruled = ({ own, calibrated }: Row["detected"]) => own ?? calibrated;

function byTrigger(file: EvaluationFile, areas: Figure | null): string {
  const families = familiesOf(file);
  const rows = file.evaluation.rows.filter(isFamily);
  const keyOf = ({ family }: Row) => family!;
  const found = file.evaluation.rows.filter((row) => isFamily(row) || isOverall(row));
  const judged = found.filter(({ detected }) => ruled(detected) !== null);
  const cleanKey = "clean models";
  return `## By trigger

AUC of each detector on the models of one kind of trigger and the clean models of their tasks:

${matrix(rows, families, keyOf, areaCell)}
${areas ? `\n![${areas.title}](${areas.path})\n` : ""}
Models flagged by the detector's own rule, or by p ≤ ${file.evaluation.level} where it has none:

${matrix(
  judged,
  [cleanKey, ...families],
  (row) => row.family ?? cleanKey,
  (row) => countText(ruled(row.family === null ? row.falseAlarms : row.detected)),
)}

Target class named:

${matrix(rows, families, keyOf, (row) => countText(row.targetHits))}`;
}

function bySetting({ evaluation: { rows, subject } }: EvaluationFile): string {
  const settings = rows.filter(isSetting);
  const places = unique(settings.map(settingOf));
  const groups = rows.filter((row) => isGroup(row) && row.detector === subject);
  const names = unique(groups.map(({ group }) => group!));
  const groupTable = table(
    ["trigger and rate", ...places],
    names.map((name) => [
      name,
      ...places.map((place) => {
        const found = groups.find((row) => row.group === name && settingOf(row) === place);
        return found ? `${areaText(found)}<br>${countText(found.detected.calibrated)} flagged` : NOTHING;
      }),
    ]),
  );
  return `## By architecture and data

AUC over all triggers:

${matrix(settings, places, settingOf, areaCell)}

False alarms at the calibrated threshold:

${matrix(settings, places, settingOf, (row) => countText(row.falseAlarms.calibrated))}

\`${subject}\` by trigger and rate: AUC; models flagged:

${groupTable}`;
}

function variants(file: EvaluationFile): string {
  const { rows, level } = file.variants;
  if (rows.length === 0) return "";
  const families = familiesOf(file);
  const body = rows
    .filter(isOverall)
    .map((row) => [
      row.detector,
      areaText(row),
      rateCell(row.falseAlarms.calibrated),
      rateCell(row.detected.calibrated),
    ]);
  const own = rows.filter(isFamily);
  return `## Titration's scores one by one

The scores of the authors' detector, each against the reference's clean models, and two ways to combine them without looking
at classes. "Joint, smaller p of both × 2" was chosen before any model was scanned. Scores from noise alone are two-sided:
backdoors move them either way.

${table(["score", "AUC", `false alarms, p ≤ ${level}`, `found, p ≤ ${level}`], body)}

AUC by trigger:

${matrix(own, families, ({ family }) => family!, areaCell)}`;
}

function curves(figures: readonly Figure[]): string {
  if (figures.length === 0) return "";
  const pictures = figures.map(({ title, path }) => `### ${title}\n\n![Titration curves: ${title}](${path})`);
  return `## The curves

Clean models that are judged: median and the middle 90 %, grey. Models whose backdoor works: a line each. "High-confidence errors":
share of the images that are answered wrongly with a confidence above 0.99. "Most frequent answer": its share among pictures of
noise.

${pictures.join("\n\n")}`;
}

function inputLevel({ inputs }: EvaluationFile): string {
  if (inputs.length === 0) return "";
  const strip = inputs.filter(({ rejected: rates }) => rates.length > 0);
  const levels = [...new Set(strip.flatMap(({ rejected: rates }) => rates.map(({ level }) => level)))];
  const stripTable = table(
    ["trigger", "models", ...levels.map((level) => `at ${percent(level, 0)} of clean inputs rejected`)],
    strip.map(({ family, rejected: rates }) => [
      family,
      String(rates[0]!.models),
      ...levels.map((level) => shareSpread(rates.find((rate) => rate.level === level) ?? null)),
    ]),
  );
  const searching = inputs.filter(({ recall }) => recall !== null);
  const searchTable = table(
    ["detector", "trigger", "models", "suspects that are poisoned", "poisoned that are suspected"],
    searching.map(({ detector, family, precision, recall }) => [
      detector,
      family,
      String(recall!.models),
      shareSpread(precision),
      shareSpread(recall),
    ]),
  );
  const parts = [
    strip.length > 0
      ? `STRIP: inputs with the trigger that are rejected (median over models, range).\n\n${stripTable}`
      : "",
    searching.length > 0
      ? `Searching the training data: suspects among the images of the labels that hold poison, by each paper's rule for one\nlabel (median over models, range).\n\n${searchTable}`
      : "",
  ];
  return `## Detectors that pick inputs

${parts.filter((part) => part !== "").join("\n\n")}`;
}

function rejected({ evaluation: { rows, subject } }: EvaluationFile): string {
  const own = rows.filter((row) => row.stratum === "rejected" && row.detector === subject);
  if (own.length === 0) return "";
  const body = own.map((row) => [
    settingOf(row),
    row.group!,
    String(row.backdoored),
    areaText(row),
    countText(row.detected.calibrated),
    countText(row.targetHits),
  ]);
  return `## Backdoors that did not take

Models whose trigger works on less than 90 % of the inputs, or that lost accuracy. They count nowhere above. \`${subject}\`:

${table(["task", "group", "models", "AUC", "flagged", "target named"], body)}`;
}

function limits({ tasks, evaluation: { rows, subject, level } }: EvaluationFile): string {
  const fewest = Math.min(...tasks.map(({ reference }) => reference.clean));
  const missed = rows.filter(
    (row) =>
      isFamily(row) && row.detector === subject && row.detected.calibrated && row.detected.calibrated.estimate < 0.5,
  );
  const blind = missed.map(({ family, detected }) => `${family} (${countText(detected.calibrated)})`).join("; ");
  const lines = [
    "These are small networks on 28 × 28 grey pictures. Nothing here says how the detectors do on large networks or colour.",
    blind === ""
      ? "Every kind of trigger that took was flagged in at least half of the models; others may not be."
      : `\`${subject}\` misses more than half of the models with: ${blind}. A clean result does not exclude them.`,
    "Thresholds hold for models of the same architecture, data and recipe as the reference. A model trained otherwise may " +
      "look suspicious, or innocent, for that reason alone: see what else moves the score.",
    `With ${fewest} reference models no p-value is below ${(1 / (fewest + 1)).toFixed(3)}; a threshold at p ≤ ${level} rests on the ` +
      "one or two most extreme of them.",
    "A few models of a kind leave wide intervals; a difference between two numbers with overlapping intervals is not shown.",
    "An attacker who knows the detector was not tried. Input-aware triggers were not tried.",
    "Detectors that search training data were given all of it, poison included; whoever has only the model cannot run them.",
  ];
  return `## What this does not say\n\n${lines.map((line) => `- ${line}`).join("\n")}`;
}
