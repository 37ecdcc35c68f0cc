/** @file The page of an evaluation: how it was made, what was found, and what it does not say. */

import { CLAIMS, type Claim, type Row, type Verdict } from "../../methods/backdoor/evaluation/types.ts";
import { JOINT_CLIPPED, JOINT_UNCLIPPED } from "../../methods/backdoor/evaluation/variants.ts";
import { AS_ACCURATE, FASTER, judgeSensitivity, judgeTarget } from "../../methods/backdoor/evaluation/verdicts.ts";
import { percent } from "../format.ts";
import { areaText, countText, NOTHING, rateText, secondsSpread, shareSpread, spreadText, table } from "./markdown.ts";
import type { EvaluatedTask, EvaluationFile, SeedRange } from "./types.ts";

export interface Figure {
  /** From the page. */
  readonly path: string;
  readonly title: string;
}

export interface Figures {
  readonly areas: Figure | null;
  readonly curves: readonly Figure[];
}

export function evaluationPage(file: EvaluationFile, figures: Figures): string {
  const sections = [
    "# How well backdoors are found: an evaluation",
    `Made by \`${file.command}\`; do not edit. Every number is from that run.`,
    inShort(file),
    models(file),
    claims(file),
    overall(file),
    byTrigger(file, figures.areas),
    bySetting(file),
    variants(file),
    curves(figures.curves),
    inputLevel(file),
    rejected(file),
    limits(file),
  ];
  return `${sections.filter((section) => section !== "").join("\n\n")}\n`;
}

// ---------------------------------------------------------------- which rows

/** Everything of one detector. */
const isOverall = (row: Row): boolean =>
  row.group === null && row.family === null && row.architecture === null && row.stratum === "accepted";
const isFamily = (row: Row): boolean =>
  row.group === null && row.family !== null && row.architecture === null && row.stratum === "accepted";
const isSetting = (row: Row): boolean =>
  row.group === null && row.family === null && row.architecture !== null && row.stratum === "accepted";
const isGroup = (row: Row): boolean => row.group !== null && row.stratum === "accepted";

const unique = (values: readonly string[]): string[] => [...new Set(values)];
const detectorsOf = (rows: readonly Row[]): string[] => unique(rows.map(({ detector }) => detector));
const familiesOf = ({ evaluation }: EvaluationFile): string[] =>
  unique(evaluation.rows.filter(isFamily).flatMap(({ family }) => family ?? []));
const settingOf = ({ dataset, architecture }: Row): string => `${dataset}, ${architecture}`;

/** A row a detector, a column a key. */
function matrix(
  rows: readonly Row[],
  columns: readonly string[],
  keyOf: (row: Row) => string,
  text: (row: Row) => string,
): string {
  return table(
    ["detector", ...columns],
    detectorsOf(rows).map((detector) => [
      detector,
      ...columns.map((column) => {
        const found = rows.find((row) => row.detector === detector && keyOf(row) === column);
        return found ? text(found) : NOTHING;
      }),
    ]),
  );
}

// ---------------------------------------------------------------- sections

function inShort({ evaluation: { rows, subject, level, timeRatios } }: EvaluationFile): string {
  const row = rows.find((candidate) => isOverall(candidate) && candidate.detector === subject);
  if (!row) return "";
  const ratio = timeRatios.find(({ rival }) => rival === "neural-cleanse");
  const lines = [
    `- Over all triggers, architectures and data sets, \`${subject}\` tells ${row.backdoored} backdoored from ${row.clean} ` +
      `clean models with an AUC of ${areaText(row)}.`,
    `- At its threshold (p ≤ ${level}) it raises ${rateText(row.falseAlarms.calibrated)} false alarms on clean models that ` +
      `did not set it, and flags ${rateText(row.detected.calibrated)} of the backdoored ones.`,
    `- It names the target class of ${rateText(row.targetHits)} of the backdoored models that have one.`,
    ...(ratio
      ? [
          `- Neural Cleanse takes ${spreadText(ratio)} times as long on the same models (median, range; ` +
            `${ratio.models} models, processor time).`,
        ]
      : []),
  ];
  return `## In short\n\n${lines.join("\n")}`;
}

const seedText = ([first, last]: SeedRange): string => `${first}–${last}`;

function models({ tasks, version, config, evaluation }: EvaluationFile): string {
  const head = ["task", "reference: clean models, seeds", "judged: models, seeds", "inputs of a scan"];
  const overview = tasks.map((task) => [
    taskText(task),
    `${task.reference.clean}, ${seedText(task.reference.seeds)}`,
    `${task.groups.reduce((sum, { members }) => sum + members, 0)}, ${seedText(task.seeds)}`,
    String(task.images),
  ]);
  const groups = tasks.flatMap((task) =>
    task.groups.map(({ group, poison, members, accepted, accuracy, success }) => [
      taskText(task),
      group,
      poison ?? NOTHING,
      String(members),
      shareSpread(accuracy),
      shareSpread(success),
      success ? String(accepted) : NOTHING,
    ]),
  );
  return `## The models

Assay ${version}, configuration \`${config}\`. The clean models of a task's reference population set the thresholds; the models
that are judged were trained by the same recipe with seeds that occur in no reference. Targets are balanced over classes. A
backdoored model counts where at least 90 % of the inputs with the trigger go where they should and accuracy is at most 2
points below that of the clean models ("accepted"); the others are listed at the end. Intervals are at ${percent(evaluation.confidence, 0)}.

${table(head, overview)}

${table(["task", "group", "poison", "models", "accuracy", "attack success", "accepted"], groups)}

Accuracy and attack success: median and range.`;
}

const taskText = ({ dataset, architecture }: EvaluatedTask): string => `${dataset}, ${architecture}`;

function claims(file: EvaluationFile): string {
  const { evaluation, variants: single } = file;
  const family = (rows: readonly Row[], detector: string, name: string) =>
    rows.find((row) => isFamily(row) && row.detector === detector && row.family === name);
  const judged = (score: string, verdicts: readonly Verdict[]) =>
    verdicts.map(({ claim, family: trigger, verdict, reason }) => ({ claim, trigger, score, verdict, reason }));
  const all = familiesOf(file).flatMap((name) => {
    const own = evaluation.verdicts.filter((verdict) => verdict.family === name);
    const clipped = family(single.rows, JOINT_CLIPPED, name);
    const unclipped = family(single.rows, JOINT_UNCLIPPED, name);
    return [
      ...judged("combined", own),
      ...(clipped ? judged(JOINT_CLIPPED, [judgeSensitivity(name, clipped), judgeTarget(name, clipped)]) : []),
      ...(unclipped ? judged(JOINT_UNCLIPPED, [judgeSensitivity(name, unclipped)]) : []),
    ];
  });
  const parts = (Object.keys(CLAIMS) as Claim[]).map((claim) => {
    const rows = all.filter((row) => row.claim === claim);
    const body = rows.map(({ trigger, score, verdict, reason }) => [trigger, score, `**${verdict}**`, reason]);
    return `### "${CLAIMS[claim][0]!.toUpperCase()}${CLAIMS[claim].slice(1)}"\n\n${rule(claim)}\n\n${table(["trigger", "score", "verdict", "numbers"], body)}`;
  });
  return `## The paper's claims, trigger by trigger

The claims are those of Erichson, Taylor, Wu and Mahoney (arXiv:2008.00123). "Joint" is the score of the authors' published
detector: the share of inputs that are answered wrongly and with a confidence above 0.99, averaged over σ from 0.4 to 3.
"Combined" is what Assay decides by: the class that noise pulls a network towards beyond what it does to clean networks.

${parts.join("\n\n")}`;
}

function rule(claim: Claim): string {
  switch (claim) {
    case "sensitivity":
      return "Confirmed where the whole interval of the AUC lies above ½, refuted where it lies below.";
    case "target":
      return "Confirmed where the whole interval of the hit rate lies above chance, refuted where it lies below.";
    case "speed":
      return (
        `Confirmed where Neural Cleanse takes at least ${FASTER} times as long and titration's AUC is not lower by more than ` +
        `${AS_ACCURATE}; refuted where it is not so much slower, or the AUC is surely lower.`
      );
    default:
      throw new Error(`unreachable: ${claim satisfies never}`);
  }
}

function overall({ evaluation: { rows, level, timeRatios } }: EvaluationFile): string {
  const head = [
    "detector",
    "models, clean + backdoored",
    "AUC",
    "false alarms, own rule",
    `false alarms, p ≤ ${level}`,
    "found, own rule",
    `found, p ≤ ${level}`,
    "target named",
    "seconds a model",
  ];
  const body = rows
    .filter(isOverall)
    .map((row) => [
      row.detector,
      `${row.clean} + ${row.backdoored}`,
      areaText(row),
      rateText(row.falseAlarms.own),
      rateText(row.falseAlarms.calibrated),
      rateText(row.detected.own),
      rateText(row.detected.calibrated),
      rateText(row.targetHits),
      secondsSpread(row.seconds),
    ]);
  const times = timeRatios.map((ratio) => [ratio.rival, spreadText(ratio), String(ratio.models)]);
  return `## The detectors side by side

Own rule: the decision of the detector's paper. p ≤ ${level}: the score against the reference's clean models, where the
reference was scanned by the detector; titration has no other rule. AUCs compare models within a task only and are averaged
over the tasks. The target counts as named whether or not the model is flagged.

${table(head, body)}

Seconds are processor time of one thread, median and range. How many times titration's time they are, on the same models:

${table(["detector", "times as long as titration", "models"], times)}`;
}

function byTrigger(file: EvaluationFile, areas: Figure | null): string {
  const families = familiesOf(file);
  const rows = file.evaluation.rows.filter(isFamily);
  const keyOf = ({ family }: Row) => family!;
  const alarms = file.evaluation.rows.filter(isOverall);
  const found = (row: Row) => countText(row.detected.own ?? row.detected.calibrated);
  const clean = new Map(
    alarms.map((row) => [row.detector, countText(row.falseAlarms.own ?? row.falseAlarms.calibrated)]),
  );
  const founds = table(
    ["detector", ...families, "clean models flagged"],
    detectorsOf(rows).map((detector) => [
      detector,
      ...families.map((family) => {
        const row = rows.find((candidate) => candidate.detector === detector && candidate.family === family);
        return row ? found(row) : NOTHING;
      }),
      clean.get(detector) ?? NOTHING,
    ]),
  );
  return `## By trigger

AUC of each detector on the models of one kind of trigger and the clean models of their tasks:

${matrix(rows, families, keyOf, areaText)}
${areas ? `\n![${areas.title}](${areas.path})\n` : ""}
What each detector finds, and what escapes it: models flagged by its own rule (titration: p ≤ ${file.evaluation.level}) of
the models with the trigger:

${founds}

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
        return found ? `${areaText(found)}; ${countText(found.detected.calibrated)}` : NOTHING;
      }),
    ]),
  );
  return `## By architecture and data

AUC over all triggers:

${matrix(settings, places, settingOf, areaText)}

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
      rateText(row.falseAlarms.calibrated),
      rateText(row.detected.calibrated),
    ]);
  const own = rows.filter(isFamily);
  return `## Titration's scores one by one

The scores of the authors' detector, each against the reference's clean models, and two ways to combine them without looking
at classes. "Joint, smaller p of both × 2" was chosen before any model was scanned. Scores from noise alone are two-sided:
backdoors move them either way.

${table(["score", "AUC", `false alarms, p ≤ ${level}`, `found, p ≤ ${level}`], body)}

AUC by trigger:

${matrix(own, families, ({ family }) => family!, areaText)}`;
}

function curves(figures: readonly Figure[]): string {
  if (figures.length === 0) return "";
  const pictures = figures.map(({ title, path }) => `### ${title}\n\n![Titration curves: ${title}](${path})`);
  return `## The curves

Clean models that are judged: median and the middle 90 %, grey. Models whose backdoor works: a line each. "Sure and wrong":
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
  const blind = missed.map(({ family, detected }) => `${family} (${countText(detected.calibrated)})`).join(", ");
  const lines = [
    "These are small networks on 28 × 28 grey pictures. Nothing here says how the detectors do on large networks or colour.",
    blind === ""
      ? "Every kind of trigger tried was flagged in at least half of the models; others may not be."
      : `\`${subject}\` misses more than half of the models with: ${blind}. A clean result does not exclude them.`,
    "Thresholds hold for models of the same architecture, data and recipe as the reference. A model trained with other noise, " +
      "augmentation or class balance may look suspicious, or innocent, for that reason alone.",
    `With ${fewest} reference models no p-value is below ${(1 / (fewest + 1)).toFixed(3)}; a threshold at p ≤ ${level} rests on the ` +
      "one or two most extreme of them.",
    "A few models of a kind leave wide intervals; a difference between two numbers with overlapping intervals is not shown.",
    "An attacker who knows the detector was not tried. Input-aware triggers were not tried.",
    "Detectors that search training data were given all of it, poison included; whoever has only the model cannot run them.",
  ];
  return `## What this does not say\n\n${lines.map((line) => `- ${line}`).join("\n")}`;
}
