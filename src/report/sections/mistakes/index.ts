/** @file Wrong answers to unchanged inputs: which classes are taken for which, and the errors the model is surest of. */
import type { AuditFacts } from "../../audit/facts.ts";
import { integerText, percent, plural } from "../../format.ts";
import { html, type Markup } from "../../markup.ts";
import { pictureUri } from "../../pictures.ts";
import { className } from "../../read.ts";
import type { AuditReport } from "../../schema.ts";
import type { ReportPart } from "../contract.ts";
import { COMMON_TERMS, termOf } from "../glossary.ts";
import { type Column, dataTable, fold, lead, nothing } from "../parts.ts";
import { mistakesCard } from "./measured.ts";
import type { AnswersOfClass, Mistake, MistakesCard } from "./schema.ts";

const GLOSSARY = {
  confidence: {
    term: "Confidence",
    text: "The share that the model itself gives to its answer (softmax). It is no probability of being right: high-confidence errors are common.",
  },
  confusion: {
    term: "Confusion matrix",
    text: "A table of the true classes against the answered ones: right answers stand on the diagonal, each kind of mistake in a cell of its own.",
  },
} as const;

const term = termOf({ ...COMMON_TERMS, ...GLOSSARY });

/** More classes are shown as a list of pairs alone. */
const LARGEST_MATRIX = 12;
/** Pairs of classes that stand open, and that are listed at all. */
const OPEN_PAIRS = 4;
const MOST_PAIRS = 30;

const pairsOf = ({ classes }: MistakesCard) =>
  classes
    .flatMap(({ label, inputs, taken }) => taken.map(({ predicted, count }) => ({ label, predicted, count, inputs })))
    .sort((a, b) => b.count - a.count || b.count / b.inputs - a.count / a.inputs || a.label - b.label);

type Pair = ReturnType<typeof pairsOf>[number];

const pairChip = (report: AuditReport, { label, predicted, count, inputs }: Pair): Markup =>
  html`<li><strong>${className(report, label)}</strong> answered <strong class="alarming">${className(report, predicted)}</strong>: ${integerText(count)} of ${integerText(inputs)}</li>`;

function pairsTable(report: AuditReport, pairs: readonly Pair[]): Markup {
  const columns: readonly Column[] = [
    { heading: "True class", kind: "words" },
    { heading: "Answered", kind: "words" },
    { heading: "Inputs", kind: "number" },
    { heading: "Of the class", kind: "number" },
  ];
  const rows = pairs.map(({ label, predicted, count, inputs }) => [
    className(report, label),
    className(report, predicted),
    integerText(count),
    `${percent(count / inputs)} of ${integerText(inputs)}`,
  ]);
  return dataTable("Classes taken for others", "compact", columns, rows);
}

/** Names above narrow columns. */
const LONGEST_NAME = 14;
const shortName = (name: string): string =>
  name.length <= LONGEST_NAME ? name : `${name.slice(0, LONGEST_NAME - 1)}…`;

function matrix(report: AuditReport, { classes }: MistakesCard): Markup {
  const all = [...new Set(classes.flatMap(({ label, taken }) => [label, ...taken.map((own) => own.predicted)]))].sort(
    (a, b) => a - b,
  );
  const heading = (label: number, scope: "row" | "col"): Markup => {
    const name = className(report, label);
    return html`<th scope="${scope}" title="${name}"><span>${shortName(name)}</span></th>`;
  };
  const cell = ({ label, inputs, right, taken }: AnswersOfClass, predicted: number): Markup => {
    const count = label === predicted ? right : (taken.find((own) => own.predicted === predicted)?.count ?? 0);
    const kind = label === predicted ? "right" : "mistaken";
    if (count === 0) return html`<td class="none">0</td>`;
    return html`<td class="${kind}" style="--share:${(count / inputs).toFixed(3)}">${integerText(count)}</td>`;
  };
  const rows = classes.map(
    (row) => html`<tr>${heading(row.label, "row")}${all.map((predicted) => cell(row, predicted))}</tr>`,
  );
  return html`<table class="matrix short"><caption>${term("confusion", "Confusion matrix")}. Rows: the true class. Columns: the answer.</caption><thead><tr><td></td>${all.map((label) => heading(label, "col"))}</tr></thead><tbody>${rows}</tbody></table>`;
}

function confusionBody(report: AuditReport, card: MistakesCard): Markup[] {
  const pairs = pairsOf(card);
  const folded: Markup[] = [];
  if (card.classes.length <= LARGEST_MATRIX && report.data.classNames.length <= LARGEST_MATRIX) {
    folded.push(fold("All classes", matrix(report, card)));
  } else if (pairs.length > OPEN_PAIRS) {
    const listed = pairs.slice(OPEN_PAIRS, MOST_PAIRS);
    const all = pairs.length <= MOST_PAIRS ? "" : `; the ${MOST_PAIRS} most frequent of ${pairs.length} are listed`;
    folded.push(fold(`${listed.length} more pairs${all}`, pairsTable(report, listed)));
  }
  return [html`<ul class="chips">${pairs.slice(0, OPEN_PAIRS).map((pair) => pairChip(report, pair))}</ul>`, ...folded];
}

function mistakeCard(report: AuditReport, mistake: Mistake): Markup {
  const { index, label, predicted, confidence, picture, features } = mistake;
  const [is, answered] = [className(report, label), className(report, predicted)];
  const words = html`<strong>${is}</strong> answered <strong class="alarming">${answered}</strong>, confidence ${percent(confidence)}. Input ${index}`;
  if (picture) {
    const alt = `Input ${index}: ${is}, answered ${answered}`;
    return html`<li><figure><img src="${pictureUri(picture)}" alt="${alt}"><figcaption>${words}</figcaption></figure></li>`;
  }
  return html`<li class="example"><p class="example-title">${words}</p>${features && featuresTable({ index, features }, [is, answered])}</li>`;
}

const valueText = (value: number | null): string =>
  value === null ? "–" : String(Number(value.toPrecision(4))).replace("-", "\u2212");

function featuresTable(
  { index, features }: { readonly index: number; readonly features: NonNullable<Mistake["features"]> },
  [is, answered]: readonly [string, string],
): Markup {
  const columns: readonly Column[] = [
    { heading: "Feature", kind: "words" },
    { heading: "Here", kind: "number" },
    { heading: `Median of ${is}`, kind: "number" },
    { heading: `Median of ${answered}`, kind: "number" },
  ];
  const rows = features.map(({ name, value, ofLabel, ofPredicted }) => [
    name,
    valueText(value),
    valueText(ofLabel),
    valueText(ofPredicted),
  ]);
  return dataTable(`Where input ${index} lies farthest from its class`, "compact", columns, rows);
}

function mistakesBody(report: AuditReport): (Markup | null)[] {
  const { mistakes } = report;
  if (mistakes === null)
    return [nothing("Not known: the inputs carry no labels, or the report is of an older version.")];
  const inputs = mistakes.classes.reduce((sum, own) => sum + own.inputs, 0);
  const right = mistakes.classes.reduce((sum, own) => sum + own.right, 0);
  if (right === inputs) return [nothing(`None: all answers to ${plural(inputs, "unchanged input")} are right.`)];
  const shown = mistakes.surest;
  const list = shown.map((mistake) => mistakeCard(report, mistake));
  const pictures = shown.every(({ picture }) => picture !== null);
  return [
    lead(
      html`${integerText(inputs - right)} of ${plural(inputs, "answer")} to unchanged inputs ${inputs - right === 1 ? "is" : "are"} wrong. Most often mistaken:`,
    ),
    ...confusionBody(report, mistakes),
    ...(shown.length === 0
      ? []
      : [
          html`<h3>High-confidence errors</h3>`,
          html`<p class="lead">Wrong answers with the highest ${term("confidence", "confidence")}. Look at them: some may be wrong labels.</p>`,
          html`<ul class="${pictures ? "mistakes" : "examples"}">${list}</ul>`,
        ]),
  ];
}

export const mistakesPart = {
  fill: (facts: AuditFacts) => ({ mistakes: mistakesCard(facts) }),
  sections: [{ id: "mistakes", name: "Mistakes", title: "Mistakes on unchanged inputs", body: mistakesBody }],
  glossary: GLOSSARY,
} as const satisfies ReportPart;
