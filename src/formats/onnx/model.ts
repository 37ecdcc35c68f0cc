/** @file A decoded and checked model: names resolve, nodes are in execution order, what no output needs is gone. */

import type { DType } from "../../graph/types.ts";
import { OnnxError, printable, UnsupportedError } from "./error.ts";
import {
  DATA_TYPE,
  dataTypeName,
  decodeModel,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from "./proto.ts";

/** Opset 6, of the first PyTorch exports, differs from 7 in how two operands are aligned. */
export const OLDEST_OPSET = 6;
export const NEWEST_OPSET = 21;

/** The largest networks in use have a few ten thousand. */
const MAX_NODES = 100_000;

/** A dimension as the file declares it: a size, a parameter's name, or nothing. */
export type DeclaredDim = number | string | undefined;

export interface Declared {
  readonly name: string;
  readonly dtype: DType;
  /** As the file has it: "float", "double", "int32", "int64" or "bool". */
  readonly elementType: string;
  /** undefined where the file gives no shape. */
  readonly shape: readonly DeclaredDim[] | undefined;
}

/** A node that is needed, with a name to call it by. */
export interface NodeSource {
  readonly proto: NodeProto;
  readonly op: string;
  /** `Conv "conv1"`: its own name, or its output's. */
  readonly place: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

export interface ModelSource {
  readonly irVersion: number;
  readonly opset: number;
  readonly producer: string;
  /** Inputs without an initializer. */
  readonly inputs: readonly Declared[];
  readonly outputs: readonly Declared[];
  readonly initializers: ReadonlyMap<string, TensorProto>;
  readonly nodes: readonly NodeSource[];
  /** Tensors that something needs. */
  readonly needed: ReadonlySet<string>;
}

/**
 * @throws OnnxError for bytes that are no ONNX model, names that do not resolve, cycles
 * @throws UnsupportedError for opsets outside 6 to 21, other domains, sparse weights
 */
export function readModel(bytes: Uint8Array): ModelSource {
  const proto = decode(bytes);
  const { graph } = proto;
  if (!graph) throw new OnnxError("holds no graph: it is not an ONNX model");
  if (!graph.output?.length) throw new OnnxError("its graph has no outputs: it is not a complete ONNX model");
  const outputNames = graph.output.map((output) => output.name ?? "");
  if (outputNames.includes("") || new Set(outputNames).size !== outputNames.length)
    throw new OnnxError("has an output without a name, or two of one name");
  const count = graph.node?.length ?? 0;
  if (count > MAX_NODES) throw new UnsupportedError(`has ${count} nodes; at most ${MAX_NODES} are read`);
  const opset = readOpset(proto);
  const initializers = readInitializers(graph);
  const inputs = (graph.input ?? []).filter((input) => !initializers.has(input.name ?? "")).map(declare);
  const nodes = (graph.node ?? []).map(nodeSource);
  const makers = nameMakers(nodes, inputs, initializers);
  const ordered = order(nodes, makers, outputNames);
  return {
    irVersion: proto.irVersion ?? 0,
    opset,
    producer: [proto.producerName, proto.producerVersion].filter(Boolean).join(" "),
    inputs,
    outputs: graph.output.map(declare),
    initializers,
    ...ordered,
  };
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

function readOpset({ opsetImport = [] }: ModelProto): number {
  const versions = opsetImport.filter(({ domain }) => isDefaultDomain(domain)).map(({ version }) => version ?? 0);
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

const isDefaultDomain = (domain: string | undefined): boolean => !domain || domain === "ai.onnx";

function readInitializers(graph: GraphProto): Map<string, TensorProto> {
  if (graph.sparseInitializer?.length)
    throw new UnsupportedError("holds sparse weights, which are not supported; save them dense");
  const initializers = new Map<string, TensorProto>();
  for (const tensor of graph.initializer ?? []) {
    const name = tensor.name ?? "";
    if (name === "") throw new OnnxError("holds an initializer without a name");
    if (initializers.has(name)) throw new OnnxError(`holds two initializers "${name}"`);
    initializers.set(name, tensor);
  }
  return initializers;
}

/** Element types of inputs and outputs; narrower integers are read as int. */
export function dtypeOf(type: number | undefined): DType | undefined {
  switch (type) {
    case DATA_TYPE.FLOAT:
    case DATA_TYPE.DOUBLE:
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
  if (!tensor) throw new UnsupportedError(`"${name}" is not a tensor; sequences, maps and optionals are not supported`);
  const dtype = dtypeOf(tensor.elemType);
  if (!dtype)
    throw new UnsupportedError(
      `"${name}" holds ${dataTypeName(tensor.elemType)}; supported are float, double, int32, int64 and bool: convert the model to float32`,
    );
  const shape = tensor.shape?.dim?.map((dim) =>
    dim.value === "dimValue" ? dim.dimValue : dim.value === "dimParam" && dim.dimParam ? dim.dimParam : undefined,
  );
  // some exporters write −1 for an unknown size
  const impossible = shape?.find((dim) => typeof dim === "number" && !(Number.isSafeInteger(dim) && dim >= -1));
  if (impossible !== undefined) throw new OnnxError(`"${name}" has the impossible size ${impossible}`);
  return {
    name,
    dtype,
    elementType: dataTypeName(tensor.elemType),
    shape: shape?.map((dim) => (dim === -1 ? undefined : dim)),
  };
}

function nodeSource(proto: NodeProto, index: number): NodeSource {
  const op = proto.opType ?? "";
  const outputs = proto.output ?? [];
  const name = proto.name || outputs.find((output) => output !== "") || `number ${index}`;
  const domain = isDefaultDomain(proto.domain) ? "" : `${proto.domain}.`;
  return { proto, op: domain + op, place: `${domain}${op} "${name}"`, name, inputs: proto.input ?? [], outputs };
}

/** Who makes each tensor; undefined for inputs and initializers. */
function nameMakers(
  nodes: readonly NodeSource[],
  inputs: readonly Declared[],
  initializers: ReadonlyMap<string, TensorProto>,
): Map<string, NodeSource | undefined> {
  const makers = new Map<string, NodeSource | undefined>();
  const claim = (name: string, maker: NodeSource | undefined) => {
    if (makers.has(name)) throw new OnnxError(`two things make the tensor "${name}"`, { node: maker?.place });
    makers.set(name, maker);
  };
  for (const name of initializers.keys()) claim(name, undefined);
  for (const { name } of inputs) claim(name, undefined);
  for (const node of nodes) for (const name of node.outputs) if (name !== "") claim(name, node);
  return makers;
}

/** Depth-first from the outputs, without recursion: a hostile file may hold a chain of a million nodes. */
function order(
  nodes: readonly NodeSource[],
  makers: ReadonlyMap<string, NodeSource | undefined>,
  outputs: readonly string[],
): { nodes: NodeSource[]; needed: Set<string> } {
  const needed = new Set<string>(outputs);
  const state = new Map<NodeSource, "open" | "done">();
  const ordered: NodeSource[] = [];
  const stack: { readonly node: NodeSource; next: number }[] = [];
  const visit = (name: string, user: NodeSource | undefined) => {
    if (name === "") return;
    needed.add(name);
    const maker = makers.get(name);
    if (!maker && !makers.has(name)) throw new OnnxError(`nothing makes the tensor "${name}"`, { node: user?.place });
    if (!maker || state.get(maker) === "done") return;
    if (state.get(maker) === "open") throw new OnnxError(`its result depends on itself`, { node: maker.place });
    state.set(maker, "open");
    stack.push({ node: maker, next: 0 });
  };
  for (const output of outputs) {
    visit(output, undefined);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      if (top.next < top.node.inputs.length) visit(top.node.inputs[top.next++]!, top.node);
      else {
        state.set(top.node, "done");
        ordered.push(top.node);
        stack.pop();
      }
    }
  }
  // the file's own order, where it is one: messages then come in an order that readers of the file expect
  const position = new Map(nodes.map((node, index) => [node, index]));
  const inFileOrder = ordered.toSorted((a, b) => position.get(a)! - position.get(b)!);
  const seen = new Set<NodeSource>();
  const sorted = inFileOrder.every((node) => {
    seen.add(node);
    return node.inputs.every((name) => !makers.get(name) || seen.has(makers.get(name)!));
  });
  return { nodes: sorted ? inFileOrder : ordered, needed };
}
