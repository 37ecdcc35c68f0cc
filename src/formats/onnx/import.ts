/** @file Reads an ONNX model into a graph of Assay's small op set. */

import { type Dim, isBatched, type Shape } from "../../graph/dims.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Graph, InputValue, Tensor, Value } from "../../graph/types.ts";
import { boundTensors } from "./bind.ts";
import type { NodeSource } from "./body.ts";
import { type Choice, chooseInput, chooseOutput, withSizes } from "./choose.ts";
import { Conversion, guard, Scope } from "./conversion.ts";
import { converters } from "./convert/index.ts";
import { toldApart } from "./element.ts";
import { Emitter } from "./emitter.ts";
import { OnnxError, printable, UnsupportedError } from "./error.ts";
import type { MapOutput } from "./maps.ts";
import { finiteMasks } from "./masks.ts";
import { type Declared, functionKey, type ModelSource, type Ports, readModel } from "./model.ts";
import { dataTypeOf } from "./proto.ts";
import { type ExternalData, externalData, type ReadExternal, readTensor } from "./tensor.ts";

export type { Declared, DeclaredDim, Ports } from "./model.ts";
export type { ReadExternal } from "./tensor.ts";

export interface ImportOptions {
  /** Reads external data by a safe relative path. */
  readonly readExternal?: ReadExternal;
  /** Inputs to replace by constants. */
  readonly bind?: ReadonlyMap<string, Tensor>;
  /** Read a classifier: one output of the file, and the one input that it depends on. Without it, all there are. */
  readonly classifier?: Choice;
  /**
   * `symbolic` reads a first axis that the file fixes as any batch where the model treats every sample alone;
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
  /** As the file declares them; tensors of scores in place of maps that are made of them. */
  readonly inputs: readonly Declared[];
  readonly outputs: readonly Declared[];
  /** Of the file's nodes that the outputs need, in order. */
  readonly nodeNames: readonly string[];
  readonly warnings: readonly string[];
  /** What the file calls the classes of its scores, in their order: numbers or words. Undefined where it does not say. */
  readonly classNames?: readonly string[];
  /**
   * The first node that rounds to half precision, such as `Conv "conv1"`: from there on the file computes something else
   * than the graph, which does not. Undefined where none does.
   */
  readonly half?: string;
  /** Inputs that were given a value, as the file is to be fed with them. */
  readonly bound: ReadonlyMap<string, Tensor>;
  /** In the file's order; only where it was asked for. */
  readonly trace?: readonly TraceStep[];
}

/**
 * @throws OnnxError one line with file, node, fact and way out, whatever the bytes
 * @throws UnsupportedError (an OnnxError) for a well-formed model with ops, types or shapes outside the op set
 */
export function importOnnx(bytes: Uint8Array, options: ImportOptions = {}): OnnxModel {
  const { readExternal, bind = new Map(), batch = "symbolic", classifier, fileName, trace = false } = options;
  return naming(fileName, () => {
    const source = classifier ? readClassifier(bytes, classifier) : readModel(bytes);
    checkOps(source);
    const external = readExternal && externalData(readExternal);
    const bound = boundTensors(source, classifier?.bound ?? {});
    const tensors = readTensors(source, new Map([...bind, ...bound]), external);
    const { graph, warnings, steps, half } = convert(source, tensors, batch, external);
    const { opset, irVersion, producer, inputs, outputs, body } = source;
    const all = [...warnings, ...source.maps.map(mapRemark)];
    const [named] = source.maps;
    const nodeNames = body.nodes.map(({ name }) => name);
    const model = {
      graph,
      opset,
      irVersion,
      producer,
      inputs,
      outputs,
      nodeNames,
      warnings: all,
      ...(named && { classNames: named.keys }),
      ...(half && { half }),
      bound,
    };
    return trace ? { ...model, trace: steps } : model;
  });
}

/** What a file says of itself, without reading what it computes. */
export interface OnnxOutline {
  readonly inputs: readonly Declared[];
  readonly outputs: readonly Declared[];
  /** What the choice comes to. */
  readonly input: Declared;
  readonly output: string;
}

/** @throws OnnxError as importOnnx does, where the choice cannot be made */
export const outlineOnnx = (bytes: Uint8Array, choice: Choice = {}, fileName?: string): OnnxOutline =>
  naming(fileName, () => {
    const { inputs, outputs, free, body } = readClassifier(bytes, choice);
    return { inputs, outputs, input: free[0]!, output: body.outputs[0]! };
  });

/** @throws OnnxError as importOnnx does, but for what the file computes */
export const portsOnnx = (bytes: Uint8Array, fileName?: string): Ports =>
  naming(fileName, () => {
    const { inputs, outputs } = readModel(bytes, () => []);
    return { inputs, outputs };
  });

/** What is left out of the file, and what its classes are called where not by their numbers. */
function mapRemark({ output, scores, keys }: MapOutput): string {
  const names = keys.slice(0, 20).join(", ");
  const called = keys.every((key, i) => key === `${i}`)
    ? ""
    : `; its classes are, in this order, ${names}${keys.length > 20 ? ", …" : ""}`;
  return printable(
    `its output "${output}" is a map, which ZipMap makes of the scores "${scores}": those are read, and the file is run up to them${called}`,
    600,
  );
}

export function readClassifier(bytes: Uint8Array, choice: Choice): ModelSource {
  const source = readModel(bytes, (ports) => [chooseOutput(ports, choice)]);
  return { ...source, free: [withSizes(chooseInput(source, choice), choice.sizes)] };
}

/** Errors of one line that begins with the file. */
export function naming<T>(fileName: string | undefined, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof OnnxError)) throw error;
    const Kind = error instanceof UnsupportedError ? UnsupportedError : OnnxError;
    throw new Kind(error.fact, { file: fileName ?? "model", node: error.node }, { cause: error });
  }
}

export interface Tensors {
  readonly values: ReadonlyMap<string, Tensor>;
  readonly types: ReadonlyMap<string, number | undefined>;
}

export function readTensors(
  { body, inputs }: ModelSource,
  bind: ImportOptions["bind"],
  external: ExternalData | undefined,
): Tensors {
  const values = new Map(bind);
  const types = new Map<string, number | undefined>();
  for (const { name, elementType } of inputs) if (values.has(name)) types.set(name, toldApart(dataTypeOf(elementType)));
  for (const [name, proto] of body.initializers) {
    if (!body.needed.has(name)) continue;
    values.set(name, readTensor(proto, name, external));
    types.set(name, toldApart(proto.dataType));
  }
  return { values, types };
}

export const isKnown = ({ functions }: ModelSource, { op, proto }: NodeSource): boolean =>
  converters.has(op) || op === "If" || functions.has(functionKey(op, proto.overload));

/** All unsupported ops of the file in one message. */
function checkOps(source: ModelSource): void {
  const { body, opset } = source;
  const missing = new Map<string, { first: NodeSource; count: number }>();
  for (const node of body.nodes) {
    if (isKnown(source, node)) continue;
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
export interface Reading {
  readonly shapes: ReadonlyMap<string, Shape>;
  /** The batch is read as any where the file fixes it at this: reshapes to it mean the batch. */
  readonly fileBatch?: number | undefined;
  /** Refuse what would mix the samples of a batch. */
  readonly samplesAlone: boolean;
}

interface Converted extends Built {
  readonly warnings: readonly string[];
}

/** Tries to take every sample alone in a batch of any size; a model that does not allow it gets a fixed size. */
function convert(
  source: ModelSource,
  tensors: Tensors,
  batch: "symbolic" | "as-declared",
  external: ExternalData | undefined,
): Converted {
  const declared = declaredShapes(source, tensors.values);
  const read = (reading: Reading): Converted => {
    const built = build(source, tensors, reading, external);
    return { ...built, warnings: precisionOf(source, built.half) };
  };
  if (batch === "as-declared") return read({ shapes: declared, samplesAlone: false });
  const open = [...declared.values()].some(isBatched);
  checkBatchFirst(declared);
  const fileBatch = open ? undefined : fixedBatch(declared);
  const shapes = fileBatch === undefined ? declared : replaceFirst(declared, fileBatch, "N");
  const fixed = { shapes: open ? replaceFirst(declared, "N", 1) : declared, samplesAlone: false };
  if (!open && fileBatch === undefined) return read(fixed);
  try {
    const generalised = read({ shapes, fileBatch, samplesAlone: true });
    // a size that is no batch comes out elsewhere, or not at all
    if (fileBatch === undefined || fileBatch === 1 || generalised.graph.outputs.every(isRows)) return generalised;
    return read(fixed);
  } catch (error) {
    if (!(error instanceof OnnxError)) throw error;
    const alone = readOr(() => read(fixed), open ? error : undefined);
    const [first] = alone.graph.outputs[0]?.value.shape ?? [];
    if (!open && fileBatch !== 1 && first !== fileBatch) return alone;
    const remark = open ? "it is read for one sample at a time" : "the batch size is fixed as the file declares it";
    return {
      ...alone,
      warnings: [...alone.warnings, `not every sample is treated alone (${error.message}): ${remark}`],
    };
  }
}

/** The size of a first axis that may be the batch: 1 where any input has it, else that of the only input. */
function fixedBatch(shapes: ReadonlyMap<string, Shape>): number | undefined {
  const all = [...shapes.values()];
  if (all.some(([first]) => first === 1)) return 1;
  const [only, ...more] = all;
  return only && more.length === 0 && only.length > 1 ? (only[0] as number) : undefined;
}

const isRows = ({ value: { shape } }: { readonly value: Value }): boolean => shape.length > 1 && shape[0] === "N";

function precisionOf({ free, body }: ModelSource, half: string | undefined): string[] {
  const double = free.some(({ elementType }) => elementType === "double");
  const quantised = body.nodes.some(({ op }) => op === "QuantizeLinear" || op === "DequantizeLinear");
  return [
    ...(double ? ["the file computes in double; float32 results differ from its own in their last digits"] : []),
    ...(half
      ? [`the file computes in float16 from ${half} on: attacks run through it, but no bound covers its rounding`]
      : []),
    ...(quantised
      ? [
          "quantised operators are read and run one by one, as the file has them; integer kernels in their place round otherwise",
        ]
      : []),
  ];
}

/** @throws `first` in place of a second OnnxError */
function readOr<T>(run: () => T, first: OnnxError | undefined): T {
  try {
    return run();
  } catch (error) {
    throw error instanceof OnnxError && first ? first : error;
  }
}

export const replaceFirst = (shapes: ReadonlyMap<string, Shape>, from: Dim, to: Dim): Map<string, Shape> =>
  new Map([...shapes].map(([name, shape]) => [name, shape[0] === from ? [to, ...shape.slice(1)] : shape]));

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
export function declaredShapes({ free: all }: ModelSource, tensors: ReadonlyMap<string, Tensor>): Map<string, Shape> {
  const free = all.filter(({ name }) => !tensors.has(name));
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
  readonly half: string | undefined;
}

/** All that stands before the first node. */
export function begin(
  source: ModelSource,
  { values, types }: Tensors,
  reading: Reading,
  external: ExternalData | undefined,
) {
  let stored = 0;
  for (const tensor of values.values()) stored += tensor.data.length;
  const emitter = new Emitter({ ...reading, stored });
  const scope = new Scope();
  const inputs: InputValue[] = [];
  for (const [name, tensor] of values) scope.set(name, emitter.constant(tensor), types.get(name));
  for (const { name, dtype, elementType } of source.free) {
    const shape = reading.shapes.get(name);
    if (!shape) continue;
    const input = guard(() => emitter.input(name, shape, dtype), `input "${name}"`);
    scope.set(name, input, toldApart(dataTypeOf(elementType)));
    inputs.push(input);
  }
  return { emitter, scope, inputs, conversion: new Conversion({ emitter, functions: source.functions, external }) };
}

function build(source: ModelSource, tensors: Tensors, reading: Reading, external: ExternalData | undefined): Built {
  const { body, opset } = source;
  const { emitter, scope, inputs, conversion } = begin(source, tensors, reading, external);
  conversion.convert(body, scope, opset);
  const outputs = body.outputs.map((name) => {
    const { operand } = scope.get(name)!;
    if (operand.kind !== "dims") return { name, value: operand };
    if (operand.entries.some((entry) => typeof entry !== "number"))
      throw new UnsupportedError(`its output "${name}" is the batch size itself, which is not supported`);
    return { name, value: emitter.ints(operand.entries as number[], operand.shape) };
  });
  const steps = body.nodes.flatMap(({ place, outputs: names }) =>
    names.flatMap((tensor): TraceStep[] => {
      const operand = scope.get(tensor)?.operand;
      return operand && operand.kind !== "dims" ? [{ tensor, place, value: operand }] : [];
    }),
  );
  return { graph: finiteMasks(makeGraph(inputs, outputs)), steps, half: conversion.half };
}
