/** @file The data: how it was read, and what the clean answers say. */
import { bytesOf, sha256 } from "../../runtime/hash.ts";
import { type AuditFacts, correctOf } from "../audit/facts.ts";
import { measuredRate, percent, plural } from "../format.ts";
import { html, type Markup } from "../markup.ts";
import type { AuditReport, ContractTerm, Run, WaysTried } from "../schema.ts";
import type { ReportPart } from "./contract.ts";
import { COMMON_TERMS, termOf } from "./glossary.ts";
import { type Column, dataTable, fact, fold, lead, nothing, rateCell } from "./parts.ts";

const term = termOf(COMMON_TERMS);

const TERM_WORDS = {
  layout: "Layout",
  range: "Range of values",
  normalisation: "Mean and standard deviation",
  classes: "Order of the classes",
  labels: "Labels",
} as const satisfies Readonly<Record<ContractTerm["term"], string>>;

function dataBody({ data }: AuditReport): Markup[] {
  const columns: readonly Column[] = [
    { heading: "Term", kind: "words" },
    { heading: "Value", kind: "words" },
    { heading: "Basis", kind: "words" },
    { heading: "Reason", kind: "words" },
  ];
  const rows = data.terms.map(({ term: name, value, basis, reason }) => [
    TERM_WORDS[name],
    value,
    html`<span class="basis basis-${basis}">${basis}</span>`,
    reason,
  ]);
  const { cleanAccuracy, chance } = data;
  return [
    lead(
      html`How the inputs were made the model's, and whether that was stated, inferred or assumed. The ${term("clean", "clean accuracy")} confirms or refutes it.`,
    ),
    html`<dl class="facts">
${fact("Source", `${data.source}; ${plural(data.count, "input")}, ${data.selection}`)}
${fact(
  "Clean accuracy",
  cleanAccuracy === null
    ? "not measured: the inputs carry no labels"
    : html`${rateCell(cleanAccuracy)} (${cleanAccuracy.successes} of ${cleanAccuracy.trials}${chance === null ? "" : `; always answering the most frequent class would reach ${percent(chance)}`})`,
)}
</dl>`,
    data.terms.length === 0
      ? nothing("No terms were recorded.")
      : fold("The terms, one by one", dataTable("Data contract", "stack", columns, rows)),
    ...(data.preprocessing === null ? [] : waysBody(data.preprocessing)),
  ];
}

/** The way the audit fed the model among the others that were tried, the one that gets most right first. */
function waysBody({ inputs, right, ways }: WaysTried): Markup[] {
  const columns: readonly Column[] = [
    { heading: "Preprocessing", kind: "words" },
    { heading: "Right", kind: "number" },
    { heading: "Stated by", kind: "words" },
  ];
  const own = { name: html`<strong>as in this audit</strong>`, option: "the terms above", right };
  const all = [own, ...ways].toSorted((a, b) => b.right - a.right);
  const table = dataTable(
    "Preprocessing tried",
    "stack",
    columns,
    all.map((way) => [way.name, percent(way.right / inputs), way.option]),
  );
  const text = html`<p>Tried on the same ${plural(inputs, "input")}. None of them was used for what this report says.</p>`;
  return [fold("Other usual ways to prepare the inputs", [text, table])];
}

const ACCURACY_TITLES = {
  good: "Accurate on ordinary inputs",
  bad: "Not accurate enough on ordinary inputs",
  open: "Accuracy near the gate",
} as const;

/** Which inputs, and how they were made the model's. */
function inputSettings({ dataset, contract, chunk, selection }: AuditFacts): Run["options"] {
  const termValue = (wanted: AuditFacts["contract"]["items"][number]["item"]) =>
    contract.items.find(({ item }) => item === wanted)?.value ?? null;
  const hash = dataset.sha256
    ? { dataSha256: dataset.sha256 }
    : { inputsSha256: sha256(bytesOf(chunk.images)), labelsSha256: sha256(bytesOf(chunk.labels)) };
  return {
    data: dataset.name,
    ...hash,
    selection,
    range: termValue("range"),
    normalisation: termValue("normalisation"),
  };
}

const cleanRun = (facts: AuditFacts): Run => ({
  id: "clean",
  method: "forward pass of the model file",
  purpose: "accuracy",
  options: inputSettings(facts),
  seed: facts.seed,
  seconds: facts.predictSeconds,
  counts: { inputs: facts.predictions.length, correct: correctOf(facts).length },
  arithmetic: null,
});

const NO_LABELS = {
  title: "No labels",
  sentence: "Without labels nothing is known of right and wrong: all shares are about keeping the model's own answer.",
};

export const dataPart = {
  runs: (facts) => [cleanRun(facts)],
  limits: ({ labelled, dataset }) => [
    ...(labelled ? [] : [NO_LABELS]),
    ...dataset.notes.map((sentence) => ({ title: "The data", sentence })),
  ],
  sections: [{ id: "data", name: "Data", title: "The data and how it was read", body: dataBody }],
  conditions: {
    accuracy: ({ least, rate }) => ({
      sentence: `Clean accuracy is at least ${percent(least, 0)}`,
      measured: rate === null ? "not measured: the data has no labels" : measuredRate(rate),
    }),
    answers: ({ notice: { condition: sentence, measured } }) => ({ sentence, measured }),
  },
  findings: {
    accuracy: ({ side, least, rate }) => ({
      id: "clean",
      title: ACCURACY_TITLES[side],
      sentence: `On unchanged inputs ${percent(rate.estimate)} of the answers are right; the gate asks for ${percent(least, 0)}.`,
      figures: [{ label: "clean accuracy", rate }],
      section: "data",
    }),
    answers: ({ notice: { id, title, sentence } }) => ({ id, title, sentence, figures: [], section: "data" }),
  },
} as const satisfies ReportPart;
