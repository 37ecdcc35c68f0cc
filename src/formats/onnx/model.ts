/** @file A decoded and checked model: names resolve, nodes are in execution order, what no output needs is gone. */

import type { DType } from "../../graph/types.ts";
import { type Body, isDefaultDomain, operatorName, readBody } from "./body.ts";
import { isNarrow } from "./element.ts";
import { OnnxError, printable, UnsupportedError } from "./error.ts";
import { type MapOutput, mapOutputs, withoutMaps } from "./maps.ts";
import {
  DATA_TYPE,
  dataTypeName,
  decodeModel,
  type FunctionProto,
  type ModelProto,
  type ValueInfoProto,
} from "./proto.ts";

/** Opset 6, of the first PyTorch exports, differs from 7 in how two operands are aligned. */
export const OLDEST_OPSET = 6;
export const NEWEST_OPSET = 25;

/** A dimension as the file declares it: a size, a parameter's name, or nothing. */
export type DeclaredDim = number | string | undefined;

export interface Declared {
  readonly name: string;
  /** What it is read as; whole numbers of fewer than 32 bits as floats. Undefined for what cannot be read. */
  readonly dtype: DType | undefined;
  /** As the file has it: "float", "double", "uint8", …; "no tensor" for sequences, maps and optionals. */
  readonly elementType: string;
  /** undefined where the file gives no shape. */
  readonly shape: readonly DeclaredDim[] | undefined;
  /** The file's own output, where that is a map which it makes of this tensor. */
  readonly map?: string;
}

export interface ModelSource {
  readonly irVersion: number;
  readonly opset: number;
  readonly producer: string;
  /** Inputs without an initializer. */
  readonly inputs: readonly Declared[];
  /** Tensors of scores stand in for the maps that are made of them. */
  readonly outputs: readonly Declared[];
  readonly maps: readonly MapOutput[];
  /** Those of them that the graph is to have. */
  readonly free: readonly Declared[];
  /** What the wanted outputs need. */
  readonly body: Body;
  /** By domain, name and overload: see `functionKey`. */
  readonly functions: ReadonlyMap<string, FunctionProto>;
}

/**
 * @param choose names of the outputs that are wanted, of those there are; all of them where it is missing
 * @throws OnnxError for bytes that are no ONNX model, names that do not resolve, cycles
 * @throws UnsupportedError for opsets that are too old or too new, sparse weights
 */
export function readModel(bytes: Uint8Array, choose?: (source: Ports) => readonly string[]): ModelSource {
  const proto = decode(bytes);
  if (!proto.graph) throw new OnnxError("holds no graph: it is not an ONNX model");
  const maps = mapOutputs(proto.graph);
  const graph = withoutMaps(proto.graph, maps);
  if (!graph.output?.length) throw new OnnxError("its graph has no outputs: it is not a complete ONNX model");
  const names = graph.output.map((output) => output.name ?? "");
  if (names.includes("") || new Set(names).size !== names.length)
    throw new OnnxError("has an output without a name, or two of one name");
  const opset = readOpset(proto);
  const initialized = new Set((graph.initializer ?? []).map(({ name }) => name ?? ""));
  const inputs = (graph.input ?? []).filter((input) => !initialized.has(input.name ?? "")).map(declare);
  const outputs = graph.output.map((port): Declared => {
    const map = maps.find(({ scores }) => scores === port.name)?.output;
    return { ...declare(port), ...(map !== undefined && { map }) };
  });
  const wanted = choose?.({ inputs, outputs }) ?? names;
  const body = readBody(
    graph,
    inputs.map(({ name }) => name),
    wanted,
  );
  for (const port of [...inputs.filter(({ name }) => body.needed.has(name)), ...outputs])
    if (choose === undefined || body.needed.has(port.name)) checkDeclared(port);
  return {
    irVersion: proto.irVersion ?? 0,
    opset,
    producer: [proto.producerName, proto.producerVersion].filter(Boolean).join(" "),
    inputs,
    outputs,
    maps: maps.filter(({ scores }) => wanted.includes(scores)),
    free: inputs,
    body,
    functions: readFunctions(proto),
  };
}

/** The inputs and outputs of a file. */
export interface Ports {
  readonly inputs: readonly Declared[];
  readonly outputs: readonly Declared[];
}

export const functionKey = (op: string, overload: string | undefined): string => `${op}:${overload ?? ""}`;

function readFunctions({ functions = [] }: ModelProto): Map<string, FunctionProto> {
  return new Map(
    functions.map((proto) => [functionKey(operatorName(proto.domain, proto.name), proto.overload), proto]),
  );
}

function decode(bytes: Uint8Array): ModelProto {
  if (bytes.length === 0) throw new OnnxError("is empty; give an ONNX model");
  try {
    return decodeModel(bytes);
  } catch (error) {
    const fact = error instanceof Error ? error.message : String(error);
    throw new OnnxError(`is not an ONNX model, or is damaged (${printable(fact)})`, {}, { cause: error });
  }
}

/** Of a model or a function. @throws OnnxError, UnsupportedError */
export function readOpset({ opsetImport = [], graph }: Pick<ModelProto, "opsetImport" | "graph">): number {
  const versions = opsetImport.filter(({ domain }) => isDefaultDomain(domain)).map(({ version }) => version ?? 0);
  // operators for tables are the same in all their versions, and such files name any standard opset, or none
  if (opsetImport.length > 0 && graph?.node?.length && graph.node.every(({ domain }) => domain === "ai.onnx.ml"))
    return Math.min(NEWEST_OPSET, Math.max(OLDEST_OPSET, ...versions));
  if (versions.length === 0 && opsetImport.length > 0)
    throw new UnsupportedError(`uses no standard ops, only "${opsetImport[0]!.domain}"; such ops are not supported`);
  if (versions.length === 0) throw new OnnxError("names no ONNX opset; export the model again");
  const opset = Math.max(...versions);
  if (!(opset >= OLDEST_OPSET && opset <= NEWEST_OPSET))
    throw new UnsupportedError(
      `uses opset ${opset}; ${OLDEST_OPSET} to ${NEWEST_OPSET} are supported: export or convert it to opset 17`,
    );
  return opset;
}

/** What a type is read as; narrower integers only where they are given as such, as inputs and constants. */
export function dtypeOf(type: number | undefined): DType | undefined {
  switch (type) {
    case DATA_TYPE.FLOAT:
    case DATA_TYPE.DOUBLE:
    case DATA_TYPE.FLOAT16:
      return "float";
    case DATA_TYPE.INT32:
    case DATA_TYPE.INT64:
      return "int";
    case DATA_TYPE.BOOL:
      return "bool";
    default:
      return undefined;
  }
}

function declare({ name = "", type }: ValueInfoProto): Declared {
  const tensor = type?.tensorType;
  const elemType = tensor?.elemType;
  const shape = tensor?.shape?.dim?.map((dim) =>
    dim.value === "dimValue" ? dim.dimValue : dim.value === "dimParam" && dim.dimParam ? dim.dimParam : undefined,
  );
  // some exporters write −1 for an unknown size
  const impossible = shape?.find((dim) => typeof dim === "number" && !(Number.isSafeInteger(dim) && dim >= -1));
  if (impossible !== undefined) throw new OnnxError(`"${name}" has the impossible size ${impossible}`);
  return {
    name,
    dtype: isNarrow(elemType) ? "float" : dtypeOf(elemType),
    elementType: tensor ? dataTypeName(elemType) : "no tensor",
    shape: shape?.map((dim) => (dim === -1 ? undefined : dim)),
  };
}

function checkDeclared({ name, dtype, elementType }: Declared): void {
  if (elementType === "no tensor")
    throw new UnsupportedError(`"${name}" is not a tensor; sequences, maps and optionals are not supported`);
  if (!dtype)
    throw new UnsupportedError(
      `"${name}" holds ${elementType}; supported are floats, integers up to 64 bits and bool: convert the model to float32`,
    );
}
