import { bindDim, bindShape, type Dim } from "../graph/dims.ts";
import type { OpAttrs, OpName } from "../graph/signatures.ts";
import { topological } from "../graph/traverse.ts";
import type { Graph, Tensor, Value } from "../graph/types.ts";
import { recordOf } from "./index.ts";

/**
 * Every output by name, computed op by op with the float64 references: the oracle that ONNX Runtime is compared with.
 *
 * @param feeds one tensor for each input by name; their batch sizes must agree
 */
export function evaluateGraph(graph: Graph, feeds: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const batch = batchSize(graph, feeds);
  const values = new Map<Value, Tensor>();
  for (const value of topological(graph.outputs.map((output) => output.value))) {
    if (value.kind === "constant") values.set(value, value.tensor);
    else if (value.kind === "input") values.set(value, feed(feeds, value.name));
    else {
      const inputs = value.inputs.map((input) => values.get(input)!);
      values.set(value, recordOf(value.op).evaluate(inputs, bindAttrs(value.attrs, batch) as never));
    }
  }
  return new Map(graph.outputs.map(({ name, value }) => [name, values.get(value)!]));
}

function feed(feeds: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const tensor = feeds.get(name);
  if (!tensor) throw new Error(`no value for input "${name}"; given: ${[...feeds.keys()].join(", ") || "none"}`);
  return tensor;
}

function batchSize(graph: Graph, feeds: ReadonlyMap<string, Tensor>): number {
  let batch: number | undefined;
  for (const input of graph.inputs) {
    const { shape } = feed(feeds, input.name);
    const axis = input.shape.findIndex((dim) => typeof dim !== "number");
    const size = axis < 0 ? batch : shape[axis]! / bindDim(input.shape[axis]!, 1);
    const fits = size === undefined || bindShape(input.shape, size).every((dim, i) => dim === shape[i]);
    if (!fits || shape.length !== input.shape.length || (batch !== undefined && size !== batch))
      throw new Error(`input "${input.name}": [${shape}] does not fit [${input.shape}]`);
    batch = size;
  }
  return batch ?? 1;
}

/** Attributes that hold dimensions, at this batch size. */
const bindAttrs = (attrs: OpAttrs[OpName], batch: number): object =>
  Object.fromEntries(
    Object.entries(attrs).map(([key, value]: [string, unknown]) => [
      key,
      Array.isArray(value) ? value.map((entry) => bind(entry, batch)) : key === "size" ? bind(value, batch) : value,
    ]),
  );

const bind = (value: unknown, batch: number): unknown =>
  typeof value === "string" ? bindDim(value as Dim, batch) : value;
