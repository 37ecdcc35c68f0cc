/** @file The model card and the data contract. */
import { bytesText, integerText, percent, plural, shapeText } from "../format.ts";
import { html, type Markup } from "../markup.ts";
import type { AuditReport, ContractTerm, ModelCard, TensorCard } from "../schema.ts";
import { type Column, dataTable, lead, nothing, rateCell, section, term } from "./parts.ts";

/** Longer layer lists are folded away. */
const OPEN_LAYERS = 16;

const fact = (name: string, value: Markup | string): Markup => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;

const tensorText = (tensors: readonly TensorCard[]): string =>
  tensors.map(({ name, shape, type }) => `${name}: ${shapeText(shape)}, ${type}`).join("; ");

function opsList({ ops }: ModelCard): Markup {
  return html`<ul class="chips">${ops.map(({ op, count }) => html`<li><code>${op}</code> ${count}</li>`)}</ul>`;
}

function layersTable({ layers }: ModelCard): Markup {
  const columns: readonly Column[] = [
    { heading: "Layer", kind: "words" },
    { heading: "Operation", kind: "words" },
    { heading: "Output", kind: "words" },
    { heading: "Parameters", kind: "number" },
  ];
  const rows = layers.map((layer) => [
    html`<code>${layer.name}</code>`,
    html`<code>${layer.op}</code>`,
    shapeText(layer.outputShape),
    layer.parameters === 0 ? "–" : integerText(layer.parameters),
  ]);
  return dataTable("Layers", "compact", columns, rows);
}

export function modelSection({ model }: AuditReport): Markup {
  const { opset, producer, layers } = model;
  return section("model", "The model", [
    lead(html`What was examined. The sha256 names this very file: a report with another one is about another model.`),
    html`<dl class="facts">
${fact("File", html`<code>${model.fileName}</code>, ${bytesText(model.bytes)}`)}
${fact("sha256", html`<code class="hash">${model.sha256}</code>`)}
${fact("Format", `${model.format}${opset === null ? "" : `, opset ${opset}`}${producer === null ? "" : `, written by ${producer}`}`)}
${fact("Parameters", integerText(model.parameters))}
${fact("Input", tensorText(model.inputs))}
${fact("Output", tensorText(model.outputs))}
${fact("Operations", opsList(model))}
</dl>`,
    layers.length === 0
      ? nothing("The list of layers was not kept.")
      : html`<details${layers.length <= OPEN_LAYERS ? html` open` : null}><summary>${plural(layers.length, "layer")}</summary>${layersTable(model)}</details>`,
  ]);
}

const TERM_WORDS = {
  layout: "Layout",
  range: "Range of values",
  normalisation: "Mean and deviation",
  classes: "Order of the classes",
  labels: "Labels",
} as const satisfies Readonly<Record<ContractTerm["term"], string>>;

export function dataSection({ data }: AuditReport): Markup {
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
  return section("data", "The data and how it was read", [
    lead(
      html`A model is only as good as the way its inputs are prepared. These are the terms the audit worked by, and whether they were stated, inferred or assumed; the ${term("clean", "clean accuracy")} confirms or refutes them.`,
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
    data.terms.length === 0 ? nothing("No terms were recorded.") : dataTable("Data contract", "stack", columns, rows),
  ]);
}
