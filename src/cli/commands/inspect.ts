import { describePort } from "../../formats/onnx/bind.ts";
import { type Choice, leavesSizes, openAxes } from "../../formats/onnx/choose.ts";
import { printable, UnsupportedError } from "../../formats/onnx/error.ts";
import type { Declared, Ports } from "../../formats/onnx/import.ts";
import type { UnreadNode } from "../../formats/onnx/survey.ts";
import { checkModelFile, choiceOf, type ModelTerms } from "../../local/model-file.ts";
import { checkOutputFile, writeWhole } from "../../local/output.ts";
import { describeModel, type NodeReport } from "../../methods/inspect.ts";
import type { LoadedModel } from "../../runtime/node-model.ts";
import { readOptions } from "../config.ts";
import type { Io } from "../io.ts";
import { inspectVerb } from "../verbs/inspect.ts";

interface Ways {
  readonly json: boolean | undefined;
  readonly out: string | undefined;
}

const plainPorts = (ports: readonly Declared[]) =>
  ports.map(({ name, shape, elementType }) => ({ name, shape: shape?.map((dim) => dim ?? null) ?? null, elementType }));

/** Where the data settles the sizes, nothing can be said of the nodes before. */
async function sayOpen(
  path: string,
  { inputs, outputs }: Ports,
  open: Declared,
  { json, out }: Ways,
  io: Io,
): Promise<number> {
  const axes = openAxes(open);
  const description = {
    model: { path },
    inputs: plainPorts(inputs),
    outputs: plainPorts(outputs),
    open: { input: open.name, axes },
  };
  if (out !== undefined) writeWhole(out, `${JSON.stringify(description, null, 1)}\n`);
  const lines = [
    `inputs  ${inputs.map(describePort).join(", ")}`,
    `outputs ${outputs.map(describePort).join(", ")}`,
    `open    ${axes.length > 1 ? "axes" : "axis"} ${axes.join(", ")} of "${open.name}": the data settles ${axes.length > 1 ? "them" : "it"}, and so what each node does`,
  ];
  await io.print(json ? `${JSON.stringify(description)}\n` : `${path}\n${lines.join("\n")}\n`);
  return 0;
}

const NO_METHOD = "none: each of them reads the whole graph";

/** What can be read of a model with nodes that cannot; the error that says so is the caller's to tell. */
async function sayUnread(path: string, options: ModelTerms, { json, out }: Ways, io: Io): Promise<void> {
  const { loadSurvey } = await import("../../runtime/node-model.ts");
  const stated = choiceOf(options);
  const choice = Object.keys(stated).length > 0 ? stated : undefined;
  // what cannot even be begun has its own message
  const survey = await loadSurvey(path, choice).catch(() => undefined);
  if (!survey?.unread.some(({ reason }) => reason !== null)) return;
  const { graph, unread, without, inputs, outputs, opset } = survey;
  const nodes = describeModel(graph);
  const description = {
    model: { path, opset },
    inputs: plainPorts(inputs),
    outputs: plainPorts(outputs),
    nodes,
    unsupported: unread.filter(({ reason }) => reason !== null),
    behind: unread.filter(({ reason }) => reason === null).map(({ name, op }) => ({ name, op })),
    methods: [],
    readableOutputs: without,
  };
  if (out !== undefined) writeWhole(out, `${JSON.stringify(description, null, 1)}\n`);
  const advice = without.map((name) => `; --output ${name} does without them`).join("");
  const lines = [
    `${path}  opset ${opset}; ${unread.length} of its nodes are not read`,
    `inputs  ${inputs.map(describePort).join(", ")}`,
    `outputs ${outputs.map(describePort).join(", ")}`,
    `methods ${NO_METHOD}${advice}`,
    "",
    ...tableOf(nodes, unread),
  ];
  await io.print(
    json ? `${JSON.stringify(description)}\n` : `${lines.map((line) => printable(line, 1000)).join("\n")}\n`,
  );
}

export async function inspect(path: string, raw: Readonly<Record<string, unknown>>, io: Io): Promise<number> {
  const { json, out, ...options } = readOptions(inspectVerb.options, raw);
  checkModelFile(path);
  if (out !== undefined) checkOutputFile(out);
  const { loadPorts } = await import("../../runtime/node-model.ts");
  const ports = await loadPorts(path);
  const open = ports.inputs.find((input) => leavesSizes(input));
  if (open) return sayOpen(path, ports, open, { json, out }, io);
  const choice = choiceOf(options);
  const model = await loadFor(path, ports, choice).catch(async (error: unknown) => {
    if (error instanceof UnsupportedError) await sayUnread(path, options, { json, out }, io);
    throw error;
  });
  const nodes = describeModel(model.graph);
  const total = nodes.reduce((sum, { parameters }) => sum + parameters, 0);
  const description = {
    model: { path, sha256: model.sha256, bytes: model.bytes.length, opset: model.opset, producer: model.producer },
    inputs: model.graph.inputs.map(({ name, shape, dtype }) => ({ name, shape, dtype })),
    outputs: model.graph.outputs.map(({ name, value }) => ({ name, shape: value.shape, dtype: value.dtype })),
    parameters: total,
    nodes,
    warnings: model.warnings,
  };
  if (out !== undefined) writeWhole(out, `${JSON.stringify(description, null, 1)}\n`);
  if (json) await io.print(`${JSON.stringify(description)}\n`);
  else {
    const ports = (values: readonly { name: string; shape: readonly unknown[] }[]) =>
      values.map(({ name, shape }) => `${name} [${shape}]`).join(", ");
    const head = [
      `${path}  sha256 ${model.sha256.slice(0, 16)}…, ${model.bytes.length} bytes, opset ${model.opset}, ${total} parameters`,
      `inputs  ${ports(description.inputs)}`,
      `outputs ${ports(description.outputs)}`,
      ...model.warnings.map((warning) => `note    ${warning}`),
    ];
    await io.print(`${[...head, "", ...tableOf(nodes)].join("\n")}\n`);
  }
  return 0;
}

/**
 * All that the file puts out; of one output where it is stated, or where the others are what exporters for tables write
 * before the scores, labels that are not computed with.
 */
async function loadFor(path: string, { inputs, outputs }: Ports, choice: Choice): Promise<LoadedModel> {
  const { loadModel } = await import("../../runtime/node-model.ts");
  const ofOne = () => loadModel(path, { classifier: choice });
  if (Object.keys(choice).length > 0 || outputs.some(({ map }) => map !== undefined)) return ofOne();
  const [labels, scores, ...more] = outputs;
  const labelled = labels?.elementType === "string" || labels?.elementType === "int64";
  const classifies = inputs.length === 1 && labelled && scores?.dtype === "float" && more.length === 0;
  return loadModel(path).catch((error: unknown) => {
    if (error instanceof UnsupportedError && classifies) return ofOne();
    throw error;
  });
}

/** Aligned columns; the reasons for what is missing stand below a node. */
function tableOf(nodes: readonly NodeReport[], unread: readonly UnreadNode[] = []): string[] {
  const mark = (reason: string | null) => (reason === null ? "yes" : "no");
  const rows = nodes.map(({ name, op, shape, parameters, gradient, interval, relax }) => [
    name,
    op,
    `[${shape}]`,
    parameters === 0 ? "" : `${parameters}`,
    mark(gradient),
    mark(interval),
    mark(relax),
  ]);
  const others = unread.map(({ name, op }) => [name, op, "", "", "", "", ""]);
  const header = ["node", "op", "shape", "parameters", "gradient", "interval", "relax"];
  const widths = header.map((title, k) =>
    Math.min(40, Math.max(title.length, ...[...rows, ...others].map((row) => row[k]!.length))),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, k) => (k === 3 ? cell.padStart(widths[k]!) : cell.padEnd(widths[k]!)))
      .join("  ")
      .trimEnd();
  return [
    line(header),
    ...nodes.flatMap((node, i) => [
      line(rows[i]!),
      ...(["gradient", "interval", "relax"] as const).flatMap((reading) =>
        node[reading] === null ? [] : [`    no ${reading}: ${node[reading]}`],
      ),
    ]),
    ...unread.flatMap(({ reason }, i) => [
      line(others[i]!),
      reason === null ? "    takes the result of a node that is not read" : `    not read: ${reason}`,
    ]),
  ];
}
