/** @file What was run, on what machine, and what was not checked. */

import { epsilonText } from "../../stats/epsilon-text.ts";
import { type Bar, barChart } from "../charts/bars.ts";
import type { ChartKit } from "../charts/chart.ts";
import { numberText, plural, secondsText } from "../format.ts";
import { html, type Markup } from "../markup.ts";
import type { AuditReport, OptionValue, Run } from "../schema.ts";
import type { ReportPart } from "./contract.ts";
import { termOf } from "./glossary.ts";
import { type Column, chartFigure, dataTable, fold, lead, nothing } from "./parts.ts";
import { GLOSSARY } from "./robustness/glossary.ts";

const term = termOf(GLOSSARY);

const PURPOSE = {
  attack: "attack",
  verify: "proof",
  tampering: "search for tampering",
  accuracy: "clean accuracy",
} as const satisfies Readonly<Record<Run["purpose"], string>>;

const optionText = (name: string, value: OptionValue): string => {
  if (typeof value !== "number") return String(value);
  return /epsilon$/i.test(name) ? epsilonText(value) : numberText(value);
};

/** "movedByNoise" as "moved by noise". */
const spaced = (name: string): string =>
  name.replaceAll(/([a-z\d])([A-Z])/g, (_, end: string, first: string) => `${end} ${first.toLowerCase()}`);

const pairs = (record: Readonly<Record<string, OptionValue>>): Markup =>
  html`${Object.entries(record).map(([name, value]) => html`<span class="pair">${spaced(name)} <strong>${optionText(name, value)}</strong></span> `)}`;

function purposeText({ purpose, arithmetic }: Run): string {
  if (arithmetic === null) return PURPOSE[purpose];
  return arithmetic === "real" ? "bound in real arithmetic, no proof" : `${PURPOSE[purpose]}, float32-safe`;
}

function runsTable(runs: readonly Run[]): Markup {
  const columns: readonly Column[] = [
    { heading: "Method", kind: "words" },
    { heading: "Options", kind: "words" },
    { heading: "Result", kind: "words" },
    { heading: "Time", kind: "number" },
  ];
  const rows = runs.map((run) => [
    html`${run.method}<span class="fine purpose">${purposeText(run)}<br>seed <code>${run.seed}</code></span>`,
    pairs(run.options),
    pairs(run.counts),
    secondsText(run.seconds),
  ]);
  return dataTable("Runs", "stack", columns, rows);
}

/** All runs of a method together. */
function timeBars(runs: readonly Run[]): Bar[] {
  const times = new Map<string, number>();
  for (const { method, seconds } of runs) times.set(method, (times.get(method) ?? 0) + seconds);
  return [...times].map(([name, value]) => ({
    name,
    value,
    text: secondsText(value),
    detail: "",
    interval: null,
    marked: false,
  }));
}

function runsBody(report: AuditReport, kit: ChartKit): Markup[] {
  const { runs, environment } = report;
  const command = html`<pre><code>${report.command}</code></pre><p class="fine">Seed ${report.seed}. With the same seed the numbers are the same on any number of cores; the whole audit, loading and reporting included, took ${secondsText(report.seconds)}.</p>`;
  const again = fold("The same again: the command, machine and versions", [
    command,
    html`<dl class="facts">${environment.map(({ name, value }) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`,
  ]);
  if (runs.length === 0) return [nothing("Nothing was run on the model."), again];
  const total = runs.reduce((sum, run) => sum + run.seconds, 0);
  return [
    lead(
      html`Every method with its options and seed. Proofs marked ${term("floatsafe", "float32-safe")} also cover the rounding of the computer.`,
    ),
    fold(
      `${plural(runs.length, "run")}, ${secondsText(total)} of computing`,
      [
        runsTable(runs),
        chartFigure(
          barChart(kit, timeBars(runs), { id: "run-times", title: "Run times" }),
          html`<p>Time of each method.</p>`,
        ),
      ],
      "left out",
    ),
    again,
  ];
}

function limitsBody({ limits }: AuditReport): Markup[] {
  return limits.length === 0
    ? [nothing("No limits were recorded. That does not mean there are none.")]
    : [
        lead(html`What this report does not say. Absence of a finding here is not evidence.`),
        html`<ul class="limits">${limits.map(({ title, sentence }) => html`<li><strong>${title}.</strong> ${sentence}</li>`)}</ul>`,
      ];
}

export const runsPart = {
  limits: ({ own }) =>
    own.length === 0
      ? []
      : [
          {
            title: "Methods of its own",
            sentence: `Defined by the program that made this report, and not covered by Assay's tests: ${own.join(", ")}. What they prove is as right as they are.`,
          },
        ],
  sections: [
    { id: "runs", name: "What was run", title: "What was run", body: runsBody },
    { id: "limits", name: "Not checked", title: "What was not checked", body: limitsBody },
  ],
} as const satisfies ReportPart;
