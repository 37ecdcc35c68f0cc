/** @file The small pieces that the sections share. */
import type { Proportion } from "../../stats/proportion.ts";
import type { EvidenceClass, Severity } from "../../studies/audit/codes.ts";
import type { Chart } from "../charts/chart.ts";
import type { Figure, Quantity } from "../fields.ts";
import { intervalText, numberText, percent, plural } from "../format.ts";
import { html, type Markup, trusted } from "../markup.ts";
import { glossaryAnchor } from "./glossary.ts";

/** Icons on a 24 × 24 grid, drawn with a 2-wide round pen. */
const ICONS = {
  check: "M5 12.5l4.5 4.5L19 7.5",
  cross: "M6.5 6.5l11 11M17.5 6.5l-11 11",
  question: "M8.8 9a3.3 3.3 0 1 1 4.9 2.9c-1.1.6-1.7 1.2-1.7 2.6M12 18.2v.1",
  shield: "M12 3l7.5 2.8v5.4c0 4.7-3 8-7.5 9.8-4.5-1.8-7.5-5.1-7.5-9.8V5.8zM8.6 12l2.5 2.5 4.5-4.7",
  target: "M12 5a7 7 0 1 0 0 14a7 7 0 0 0 0-14M12 2v5M12 17v5M2 12h5M17 12h5",
  bars: "M5 20v-6M12 20V4M19 20v-9",
  bulb: "M9 18h6M10 21.2h4M12 3a6.2 6.2 0 0 0-3.6 11.2c.6.5.9 1 .9 1.8h5.4c0-.8.3-1.3.9-1.8A6.2 6.2 0 0 0 12 3",
  alert: "M12 4.5l9 15.5H3zM12 10v4.2M12 17.2v.1",
  info: "M12 3.2a8.8 8.8 0 1 0 0 17.6a8.8 8.8 0 0 0 0-17.6M12 11v5.2M12 7.8v.1",
} as const;

export const icon = (name: keyof typeof ICONS): Markup =>
  trusted(
    `<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="${ICONS[name]}" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/></svg>`,
  );

const EVIDENCE = {
  proved: { word: "Proved", icon: "shield", meaning: "A mathematical proof covers every case in the stated range." },
  bounded: {
    word: "Bounded (real arithmetic)",
    icon: "bulb",
    meaning: "A bound that leaves out rounding: no proof about the model as it runs.",
  },
  attacked: { word: "Attacked", icon: "target", meaning: "A concrete input shows it, checked on the original model." },
  statistical: { word: "Statistical", icon: "bars", meaning: "Measured on a sample; the interval says how exactly." },
  heuristic: { word: "Heuristic", icon: "bulb", meaning: "A rule of thumb: a hint where to look, no evidence." },
} as const satisfies Readonly<Record<EvidenceClass, object>>;

export function evidenceBadge(evidence: EvidenceClass): Markup {
  const { word, icon: picture, meaning } = EVIDENCE[evidence];
  const href = `#${glossaryAnchor(evidence)}`;
  return html`<a class="badge badge-${evidence}" href="${href}" title="${meaning}">${icon(picture)}${word}</a>`;
}

const SEVERITY = {
  critical: { word: "Critical", icon: "cross" },
  warning: { word: "Warning", icon: "alert" },
  note: { word: "Note", icon: "info" },
  good: { word: "Good", icon: "check" },
} as const satisfies Readonly<Record<Severity, object>>;

export function severityMark(severity: Severity): Markup {
  const { word, icon: picture } = SEVERITY[severity];
  return html`<span class="severity severity-${severity}">${icon(picture)}${word}</span>`;
}

/** Evidence behind a conclusion, closed until it is asked for. What `print` says is printed all the same. */
export const fold = (summary: string, body: Body, print: "printed" | "left out" = "printed"): Markup =>
  html`<details${print === "printed" ? null : html` class="screen-only"`}><summary>${summary}</summary>${body}</details>`;

type Body = Markup | readonly (Markup | null)[];

/** Text in which commands stand between backquotes. */
export const prose = (text: string): Markup =>
  html`${text.split("`").map((part, i) => (i % 2 === 1 ? html`<code>${part}</code>` : part))}`;

/** "52.1% 49.0–55.2%": a share over its interval; `prefix` is "≤" or "≥" for one-sided knowledge. */
export const rateCell = (rate: Proportion | null, prefix = ""): Markup =>
  rate === null
    ? html`<span class="absent">not measured</span>`
    : html`<span class="rate">${prefix}${percent(rate.estimate)}</span> <span class="interval">${intervalText(rate)}</span>`;

function quantityText({ value, unit, interval }: Quantity): Markup {
  const range = interval === null ? null : html` <span class="interval">${interval.map(numberText).join("–")}</span>`;
  return html`<span class="rate">${numberText(value)}${unit === "" ? "" : ` ${unit}`}</span>${range}`;
}

/** ", 40 samples": what a figure rests on, after its label. */
export function sampleText(figure: Figure): string {
  if ("rate" in figure) return `, ${figure.rate.successes} of ${figure.rate.trials}`;
  const { samples } = figure.quantity;
  return samples === null ? "" : `, ${plural(samples, "sample")}`;
}

export function figureText(figure: Figure): Markup {
  const number = "rate" in figure ? rateCell(figure.rate) : quantityText(figure.quantity);
  return html`<div class="figure"><div class="figure-number">${number}</div><div class="figure-label">${figure.label}${sampleText(figure)}</div></div>`;
}

/** Both drawings of a chart, of which the style sheet shows the one that fits, with the words that explain it. */
export const chartFigure = ({ wide, narrow }: Chart, caption: Markup): Markup =>
  html`<figure class="chart"><div class="chart-wide">${trusted(wide)}</div><div class="chart-narrow">${trusted(narrow)}</div><figcaption>${caption}</figcaption></figure>`;

export interface Column {
  readonly heading: string;
  readonly kind: "words" | "number";
}

/** Rows of a table that keeps to one printed page; longer ones go on with their head repeated. */
const MOST_UNBROKEN = 14;

/**
 * @param onPhone "stack" turns each row into a list of its own, for cells with sentences; "compact" keeps the table
 * @param rows the first cell names the row
 */
export function dataTable(
  label: string,
  onPhone: "stack" | "compact",
  columns: readonly Column[],
  rows: readonly (readonly (Markup | string)[])[],
): Markup {
  const head = columns.map(({ heading }, i) => html`<th scope="col" class="${columns[i]!.kind}">${heading}</th>`);
  const cell = (value: Markup | string, i: number): Markup =>
    i === 0
      ? html`<th scope="row" class="${columns[i]!.kind}">${value}</th>`
      : html`<td class="${columns[i]!.kind}" data-label="${columns[i]!.heading}"><div>${value}</div></td>`;
  const body = rows.map((row) => html`<tr>${row.map(cell)}</tr>`);
  return html`<table class="${onPhone}${rows.length <= MOST_UNBROKEN ? " short" : null}"><caption class="hidden">${label}</caption><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table>`;
}

export const lead = (text: Markup): Markup => html`<p class="lead">${text}</p>`;
export const nothing = (text: string): Markup => html`<p class="empty">${icon("info")}<span>${text}</span></p>`;

/** One entry of a list of facts. */
export const fact = (name: string, value: Markup | string): Markup =>
  html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
