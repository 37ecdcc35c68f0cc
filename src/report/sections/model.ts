/** @file The model card. */
import { bytesText, integerText, plural, shapeText } from "../format.ts";
import { html, type Markup } from "../markup.ts";
import type { AuditReport, ModelCard, TensorCard } from "../schema.ts";
import type { ReportPart } from "./contract.ts";
import { type Column, dataTable, fact, fold, nothing } from "./parts.ts";

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
  return dataTable("Layers", "stack", columns, rows);
}

function modelBody({ model }: AuditReport): Markup[] {
  const { opset, producer, layers } = model;
  return [
    html`<dl class="facts">
${fact("File", html`<code>${model.fileName}</code>, ${bytesText(model.bytes)}`)}
${fact("sha256", html`<code class="hash">${model.sha256}</code>`)}
${fact("Format", `${model.format}${opset === null ? "" : `, opset ${opset}`}${producer === null ? "" : `, written by ${producer}`}; ${plural(model.parameters, "parameter")}`)}
</dl>`,
    fold(
      `Inputs, outputs and ${plural(layers.length, "layer")}`,
      [
        html`<dl class="facts">
${fact("Input", tensorText(model.inputs))}
${fact("Output", tensorText(model.outputs))}
${fact("Operations", opsList(model))}
</dl>`,
        layers.length === 0 ? nothing("The list of layers was not kept.") : layersTable(model),
      ],
      "left out",
    ),
  ];
}

export const modelPart = {
  sections: [{ id: "model", name: "Model", title: "The model", body: modelBody }],
} as const satisfies ReportPart;
