/** @file Reads an ONNX model into a graph of Assay's small op set. */

import { isBatched, ShapeError } from "../../graph/dims.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Dim, Graph, InputValue, Shape, Tensor, Value } from "../../graph/types.ts";
import { converters } from "./convert/index.ts";
import { Emitter } from "./emitter.ts";
import { OnnxError, printable, UnsupportedError } from "./error.ts";
import { type Declared, type ModelSource, type NodeSource, readModel } from "./model.ts";
import { OnnxNode } from "./node.ts";
import type { Operand } from "./operand.ts";
import { externalData, type ReadExternal, readTensor } from "./tensor.ts";

export type { Declared, DeclaredDim } from "./model.ts";
export type { ReadExternal } from "./tensor.ts";

export interface ImportOptions {
  /** Reads external data by a safe relative path. */
  readonly readExternal?: ReadExternal;
  /** Inputs to replace by constants. */
  readonly bind?: ReadonlyMap<string, Tensor>;
  /**
   * `symbolic` reads a first axis that the file fixes at 1 as any batch where the model treats every sample alone;
   * `as-declared` takes only an axis that the file leaves open as the batch.
   */
  readonly batch?: "symbolic" | "as-declared";
  /** For messages. */
  readonly fileName?: string;
  /** Keep what every tensor of the file was read as: for finding where a reading goes astray. */
  readonly trace?: boolean;
}

/** A tensor that a node of the file computes, and what it was read as. */
export interface TraceStep {
  readonly tensor: string;
  /** Of the node: `Conv "conv1"`. */
  readonly place: string;
  readonly value: Value;
}

export interface OnnxModel {
  readonly graph: Graph;
  readonly opset: number;
  readonly irVersion: number;
  readonly producer: string;
  /** As the file declares them. */
  readonly inputs: readonly Declared[];
  readonly outputs: readonly Declared[];
  /** Of the file's nodes that the outputs need, in order. */
  readonly nodeNames: readonly string[];
  readonly warnings: readonly string[];
  /** In the file's order; only where it was asked for. */
  readonly trace?: readonly TraceStep[];
}

/**
 * @throws OnnxError one line with file, node, fact and way out, whatever the bytes
 * @throws UnsupportedError (an OnnxError) for a well-formed model with ops, types or shapes outside the op set
 */
export function importOnnx(
  bytes: Uint8Array,
  { readExternal, bind = new Map(), batch = "symbolic", fileName, trace = false }: ImportOptions = {},
): OnnxModel {
  try {
    const source = readModel(bytes);
    checkOps(source);
    const tensors = new Map(bind);
    const external = readExternal && externalData(readExternal);
    for (const [name, proto] of source.initializers)
      if (source.needed.has(name)) tensors.set(name, readTensor(proto, name, external));
    const { graph, warnings, steps } = convert(source, tensors, batch);
    const { opset, irVersion, producer, inputs, outputs, nodes } = source;
    const nodeNames = nodes.map(({ name }) => name);
    const model = { graph, opset, irVersion, producer, inputs, outputs, nodeNames, warnings };
    return trace ? { ...model, trace: steps } : model;
  } catch (error) {
    if (!(error instanceof OnnxError)) throw error;
    const Kind = error instanceof UnsupportedError ? UnsupportedError : OnnxError;
    throw new Kind(error.fact, { file: fileName ?? "model", node: error.node }, { cause: error });
  }
}

/** All unsupported ops of the file in one message. */
function checkOps({ nodes, opset }: ModelSource): void {
  const missing = new Map<string, { first: NodeSource; count: number }>();
  for (const node of nodes) {
    if (converters.has(node.op)) continue;
    const known = missing.get(node.op) ?? { first: node, count: 0 };
    known.count++;
    missing.set(node.op, known);
  }
  if (missing.size === 0) return;
  const list = [...missing].map(([op, { first, count }]) => {
    const more = count > 1 ? ` and ${count - 1} more` : "";
    return `${printable(op, 40)} (${printable(first.name, 60)}${more})`;
  });
  throw new UnsupportedError(
    `uses ops of opset ${opset} that are not supported: ${list.slice(0, 12).join(", ")}${list.length > 12 ? ", …" : ""}; replace them before export`,
  );
}

// ---------------------------------------------------------------- the batch axis

/** One way to take the batch axis. */
interface Reading {
  readonly shapes: ReadonlyMap<string, Shape>;
  /** The batch is read where the file fixes it at 1: reshapes to that 1 mean the batch. */
  readonly generalised: boolean;
  /** Refuse what would mix the samples of a batch. */
  readonly samplesAlone: boolean;
}

/** Tries to take every sample alone in a batch of any size; a model that does not allow it gets a fixed size. */
function convert(
  source: ModelSource,
  tensors: ReadonlyMap<string, Tensor>,
  batch: "symbolic" | "as-declared",
): { graph: Graph; steps: readonly TraceStep[]; warnings: string[] } {
  const declared = declaredShapes(source, tensors);
  const read = (shapes: ReadonlyMap<string, Shape>, generalised: boolean, samplesAlone: boolean) =>
    build(source, tensors, { shapes, generalised, samplesAlone });
  const warnings = declaresDouble(source)
    ? ["the file computes in double; float32 results differ from its own in their last digits"]
    : [];
  if (batch === "as-declared") return { ...read(declared, false, false), warnings };
  const open = [...declared.values()].some(isBatched);
  checkBatchFirst(declared);
  const shapes = open ? declared : replaceFirst(declared, 1, "N");
  const fixed = open ? replaceFirst(declared, "N", 1) : declared;
  const remark = open ? "it is read for one sample at a time" : "the batch size is fixed as the file declares it";
  if (![...shapes.values()].some(isBatched)) {
    if (declared.size > 0) warnings.push(`no input begins with a batch axis of size 1: ${remark}`);
    return { ...read(fixed, false, false), warnings };
  }
  try {
    return { ...read(shapes, !open, true), warnings };
  } catch (error) {
    if (!(error instanceof OnnxError)) throw error;
    warnings.push(`not every sample is treated alone (${error.message}): ${remark}`);
    return { ...readOr(() => read(fixed, false, false), open ? error : undefined), warnings };
  }
}

/** @throws `first` in place of a second OnnxError */
function readOr<T>(run: () => T, first: OnnxError | undefined): T {
  try {
    return run();
  } catch (error) {
    throw error instanceof OnnxError && first ? first : error;
  }
}

const replaceFirst = (shapes: ReadonlyMap<string, Shape>, from: Dim, to: Dim): Map<string, Shape> =>
  new Map([...shapes].map(([name, shape]) => [name, shape[0] === from ? [to, ...shape.slice(1)] : shape]));

const declaresDouble = ({ inputs }: ModelSource): boolean => inputs.some(({ elementType }) => elementType === "double");

function checkBatchFirst(shapes: ReadonlyMap<string, Shape>): void {
  for (const [name, shape] of shapes) {
    const axis = shape.findLastIndex((dim) => typeof dim !== "number");
    if (axis > 0)
      throw new UnsupportedError(
        `axis ${axis} of its input "${name}" is open; only the first, the batch, may be: export it with a fixed size`,
      );
  }
}

/** Sizes as declared; the one axis that is left open is the batch. */
function declaredShapes({ inputs }: ModelSource, tensors: ReadonlyMap<string, Tensor>): Map<string, Shape> {
  const free = inputs.filter(({ name }) => !tensors.has(name));
  let batchName: string | undefined;
  const shapes = free.map(({ name, shape }): [string, Shape] => {
    if (!shape) throw new UnsupportedError(`its input "${name}" declares no shape; export it with one`);
    const dims = shape.map((dim, axis): Dim => {
      if (typeof dim === "number") return dim;
      // an axis without a name can only be taken for the batch where batches are
      batchName ??= dim ?? (axis === 0 ? "" : undefined);
      if ((dim ?? (axis === 0 ? batchName : undefined)) === batchName && batchName !== undefined) return "N";
      throw new UnsupportedError(
        `axis ${axis} of its input "${name}" is open${dim === undefined ? "" : ` ("${dim}")`}; only the batch may be: export it with a fixed size`,
      );
    });
    if (dims.filter((dim) => dim === "N").length > 1)
      throw new UnsupportedError(
        `its input "${name}" has two open axes; only the batch may be: export it with fixed sizes`,
      );
    return [name, dims];
  });
  return new Map(shapes);
}

// ---------------------------------------------------------------- conversion

interface Built {
  readonly graph: Graph;
  readonly steps: readonly TraceStep[];
}

function build(source: ModelSource, tensors: ReadonlyMap<string, Tensor>, reading: Reading): Built {
  let stored = 0;
  for (const tensor of tensors.values()) stored += tensor.data.length;
  const emitter = new Emitter({ ...reading, stored });
  const operands = new Map<string, Operand>();
  const inputs: InputValue[] = [];
  for (const [name, tensor] of tensors) operands.set(name, emitter.constant(tensor));
  for (const { name, dtype } of source.inputs) {
    const shape = reading.shapes.get(name);
    if (!shape) continue;
    const input = guard(() => emitter.input(name, shape, dtype), `input "${name}"`);
    operands.set(name, input);
    inputs.push(input);
  }
  for (const node of source.nodes) convertNode(source, node, operands, emitter);
  const outputs = source.outputs.map(({ name }) => {
    const operand = operands.get(name)!;
    if (operand.kind !== "dims") return { name, value: operand };
    if (operand.entries.some((entry) => typeof entry !== "number"))
      throw new UnsupportedError(`its output "${name}" is the batch size itself, which is not supported`);
    return { name, value: emitter.ints(operand.entries as number[], operand.shape) };
  });
  const steps = source.nodes.flatMap(({ place, outputs: names }) =>
    names.flatMap((tensor): TraceStep[] => {
      const operand = operands.get(tensor);
      return operand && operand.kind !== "dims" ? [{ tensor, place, value: operand }] : [];
    }),
  );
  return { graph: makeGraph(inputs, outputs), steps };
}

function convertNode(source: ModelSource, node: NodeSource, operands: Map<string, Operand>, emitter: Emitter): void {
  emitter.name = node.name;
  const inputs = node.inputs.map((name) => operands.get(name));
  // trailing inputs may be left out by an empty name
  while (inputs.length > 0 && inputs.at(-1) === undefined) inputs.pop();
  const convertOp = converters.get(node.op)!;
  const context = { opset: source.opset, emitter, needed: source.needed };
  const results = guard(() => [convertOp(new OnnxNode(node, inputs, context))].flat(), node.place);
  node.outputs.forEach((name, i) => {
    const result = results[i];
    if (result) operands.set(name, result);
    else if (name !== "" && source.needed.has(name))
      throw new UnsupportedError(`its output ${i} is used, which is not supported`, { node: node.place });
  });
}

/** Shape errors become errors of the node. */
function guard<T>(run: () => T, place: string): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    // the builder's own place is that of an op of this program, not of the file
    const inner = error.cause instanceof ShapeError ? error.cause.message : "";
    throw new OnnxError(error.message.slice(error.message.indexOf(inner)), { node: place }, { cause: error });
  }
}
