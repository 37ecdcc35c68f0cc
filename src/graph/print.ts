import { topological } from "./traverse.ts";
import type { Graph, Tensor, Value } from "./types.ts";

/**
 * A graph as text, one node a line, in execution order:
 *
 *     x: float[N,4]
 *     h = MatMul(x, f32[4,3]) : [N,3]
 *     return logits = h
 */
export function printGraph(graph: Graph): string {
  const names = new Map<Value, string>();
  const lines: string[] = [];
  for (const input of graph.inputs) {
    names.set(input, input.name);
    lines.push(`${input.name}: ${input.dtype}[${input.shape}]`);
  }
  let count = 0;
  for (const value of topological(graph.outputs.map((output) => output.value))) {
    if (value.kind === "constant") names.set(value, printTensor(value.tensor));
    if (value.kind === "input" && !names.has(value)) names.set(value, value.name);
    if (value.kind !== "node") continue;
    const name = `v${count++}`;
    names.set(value, name);
    const attrs = Object.entries(value.attrs).map(([key, attr]) => ` ${key}=${printAttr(attr)}`);
    const inputs = value.inputs.map((input) => names.get(input)).join(", ");
    const dtype = value.dtype === "float" ? "" : value.dtype;
    lines.push(`${name} = ${value.op}(${inputs})${attrs.join("")} : ${dtype}[${value.shape}]`);
  }
  for (const { name, value } of graph.outputs) lines.push(`return ${name} = ${names.get(value)}`);
  return `${lines.join("\n")}\n`;
}

const printAttr = (attr: unknown): string => (Array.isArray(attr) ? `[${attr}]` : String(attr));

/** Small tensors by value, others by type and shape. */
function printTensor({ dtype, shape, data }: Tensor): string {
  const round = (value: number) => String(Number(value.toPrecision(6)));
  if (data.length === 1 && shape.length === 0) return round(data[0]!);
  if (data.length <= 8) return `${shape.length > 1 ? `(${shape})` : ""}[${Array.from(data, round)}]`;
  return `${dtype}[${shape}]`;
}
