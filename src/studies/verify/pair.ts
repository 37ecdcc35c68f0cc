/** @file A network file and a query about it, matched: which variable is which input or output, and how the file is run. */

import type { OnnxModel } from "../../formats/onnx/import.ts";
import { VnnLibError } from "../../formats/vnnlib/error.ts";
import type { Variable, VnnLib } from "../../formats/vnnlib/types.ts";
import type { Dim } from "../../graph/dims.ts";
import { unsupportedInput } from "../../graph/fault.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Graph, Value } from "../../graph/types.ts";
import { type Network, substitute } from "../../methods/network.ts";
import { builder } from "../../ops/index.ts";
import { reshape } from "../../ops/rules.ts";
import type { Feeds, Port as FilePort, Session } from "../../runtime/session.ts";
import type { Port } from "./questions.ts";

export interface Pair {
  /** All outputs as one, flattened; axis 0 is the batch. */
  readonly network: Network;
  /** The same of one input [N, all inputs], one after the other. */
  readonly flat: Graph;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Variable[];
  /** The file's outputs, one after the other, for one input: all its inputs, one after the other. */
  run(point: Float32Array): Promise<Float64Array>;
}

const product = (shape: readonly number[]): number => shape.reduce((size, dim) => size * dim, 1);

/**
 * @param file for messages
 * @throws VnnLibError where variables and the file's inputs and outputs do not match
 */
export function pairOf(query: VnnLib, model: OnnxModel, session: Session, file: string, hash: string): Pair {
  const [declared, ...more] = query.networks;
  if (more.length > 0) throw misfit(query, more[0]!, "asks of several networks; only queries of one are decided");
  const { variables } = declared!;
  const hidden = variables.find(({ role }) => role === "hidden");
  if (hidden) throw misfit(query, hidden, "declares a hidden variable; only inputs and outputs are decided");
  const inputs = matched(
    query,
    variables.filter(({ role }) => role === "input"),
    session.inputs,
    file,
  );
  const outputs = matched(
    query,
    variables.filter(({ role }) => role === "output"),
    session.outputs,
    file,
  );
  const graph = batched(model.graph);
  const network = networkIn(graph, model.half, hash);
  const read = inputs.map(([{ name }]) => graph.inputs.some((input) => input.name === name));
  if (read.includes(false))
    throw unsupportedInput(
      `${file}: its input "${inputs[read.indexOf(false)]![0].name}" is read by nothing; remove it`,
    );
  return {
    network,
    flat: flattened(
      network.graph,
      inputs.map(([{ name }]) => name),
    ),
    inputs: inputs.map(([{ name }, variable]) => ({ name, variable })),
    outputs: outputs.map(([, variable]) => variable),
    async run(point) {
      const feeds: Record<string, Feeds[string]> = {};
      let from = 0;
      for (const [port, { size }] of inputs) {
        feeds[port.name] = { dtype: "float", shape: shapeOf(port), data: point.slice(from, from + size) };
        from += size;
      }
      const found = await session.run(feeds);
      return Float64Array.from(outputs.flatMap(([{ name }]) => Array.from(found[name]!.data)));
    },
  };
}

const misfit = ({ file }: VnnLib, { position }: Pick<Variable, "position">, fact: string): VnnLibError =>
  new VnnLibError(file, position, fact);

/** One sample: every size that the file leaves open is 1. */
const shapeOf = ({ shape }: FilePort): number[] => shape.map((dim) => (typeof dim === "number" ? dim : 1));

function matched(query: VnnLib, variables: readonly Variable[], ports: readonly FilePort[], file: string) {
  const [first] = variables;
  const role = first!.role;
  if (variables.length !== ports.length)
    throw misfit(
      query,
      first!,
      `declares ${variables.length} ${role}s, but ${file} has ${ports.length} (${ports.map(({ name }) => `"${name}"`).join(", ")}); declare each of them, in that order, as VNN-LIB 2 does`,
    );
  return variables.map((variable, k): readonly [FilePort, Variable] => {
    const port = ports[k]!;
    const shape = shapeOf(port);
    const named = `"${port.name}" of ${file}`;
    if (port.element !== "float32")
      throw misfit(query, variable, `${named} holds ${port.element}; only float32 is decided: export it in float32`);
    if (!["float32", "real", "Real"].includes(variable.type))
      throw misfit(query, variable, `${variable.name} is ${variable.type}, but ${named} is float32`);
    const same =
      query.version.major === 1
        ? variable.size === product(shape)
        : variable.shape.length === shape.length && variable.shape.every((dim, axis) => dim === shape[axis]);
    if (!same)
      throw misfit(
        query,
        variable,
        `${variable.name} has the shape [${variable.shape}], but ${named} has [${port.shape}]; is it the right network?`,
      );
    return [port, variable];
  });
}

/** The graph with a batch along axis 0 of every input and output: its own, or a new one of size 1. */
function batched(graph: Graph): Graph {
  const ends = [...graph.inputs, ...graph.outputs.map(({ value }) => value)];
  const [lead] = ends[0]!.shape;
  if ((lead === "N" || lead === 1) && ends.every(({ shape }) => shape[0] === lead)) return graph;
  if (ends.some(({ shape }) => shape.some((dim) => typeof dim === "string")))
    throw unsupportedInput("its batch is not the first axis of all inputs and outputs; export it with fixed sizes");
  const b = builder();
  const inputs = graph.inputs.map(({ name, shape }) => b.input(name, [1, ...shape]));
  const by = new Map(graph.inputs.map((input, k): [Value, Value] => [input, reshape(b, inputs[k]!, input.shape)]));
  const { outputs } = substitute(graph, by, inputs);
  return makeGraph(
    inputs,
    outputs.map(({ name, value }) => ({ name, value: reshape(b, value, [1, ...value.shape]) })),
  );
}

const sizeOf = (shape: readonly Dim[]): number => product(shape.slice(1) as number[]);

/** What methods take for a network: one output [N, numbers]. */
function networkIn(graph: Graph, half: string | undefined, hash: string): Network {
  const b = builder();
  const flat = graph.outputs.map(({ value }) => reshape(b, value, [value.shape[0]!, sizeOf(value.shape)]));
  const value = flat.length === 1 ? flat[0]! : b.emit("Concat", flat, { axis: 1 });
  const whole = makeGraph(graph.inputs, [{ name: "outputs", value }]);
  return {
    graph: whole,
    input: graph.inputs[0]!,
    logits: value,
    classes: Number(value.shape[1]),
    output: graph.outputs[0]!.name,
    answer: "scores",
    replica: whole,
    leastMargin: 0,
    ...(half !== undefined && { half }),
    hash,
  };
}

function flattened(graph: Graph, names: readonly string[]): Graph {
  const b = builder();
  const inputs = names.map((name) => graph.inputs.find((input) => input.name === name)!);
  const lead = inputs[0]!.shape[0]!;
  const total = inputs.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const x = b.input("x", [lead, total]);
  let start = 0;
  const by = new Map<Value, Value>();
  for (const input of inputs) {
    const size = sizeOf(input.shape);
    const part = size === total ? x : b.emit("Slice", [x], { axis: 1, start, size, step: 1 });
    by.set(input, reshape(b, part, input.shape));
    start += size;
  }
  return substitute(graph, by, [x]);
}
