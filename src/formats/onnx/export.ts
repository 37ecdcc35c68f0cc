/** @file Writes a graph as a standard ONNX file. */

import { batchFactor, isBatched, type Shape, ShapeError } from "../../graph/dims.ts";
import { topological } from "../../graph/traverse.ts";
import type { ConstantValue, DType, Graph, NodeValue, Tensor, Value } from "../../graph/types.ts";
import { recordOf } from "../../ops/index.ts";
import type { Lowering, OnnxAttr } from "../../ops/op.ts";
import { OnnxError } from "./error.ts";
import { float64Lowerings, type GraphEmitter, lowerings, onnxAttributes, WITHOUT_FLOAT64 } from "./lowerings.ts";
import {
  ATTRIBUTE_TYPE,
  type AttributeProto,
  DATA_TYPE,
  encodeModel,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from "./proto.ts";

export type Float = "float32" | "float64";

export interface ExportOptions {
  readonly float?: Float;
  /** Of the graph in the file. */
  readonly name?: string;
  readonly producer?: string;
}

/** Newest opset whose ReduceMax still takes its axes as an attribute, as WebGPU providers expect. */
export const EXPORT_OPSET = 17;
const EXPORT_IR_VERSION = 8;

/**
 * The graph as the bytes of an ONNX model. Inputs keep their names; a symbolic dimension is the dim_param "N" or "9N".
 *
 * @throws OnnxError naming the node that cannot be written for the target
 */
export function exportOnnx(
  graph: Graph,
  { float = "float32", name = "graph", producer = "assay" }: ExportOptions = {},
): Uint8Array {
  const writer = new Writer(graph, float);
  const outputs = writer.write();
  return encodeModel({
    irVersion: EXPORT_IR_VERSION,
    producerName: producer,
    opsetImport: [{ domain: "", version: EXPORT_OPSET }],
    graph: {
      name,
      node: writer.nodes,
      initializer: writer.initializers,
      input: graph.inputs.map((input) => valueInfo(input.name, input.dtype, input.shape, float)),
      output: outputs,
    },
  });
}

/** One export: collects nodes and initializers in execution order. */
class Writer implements GraphEmitter {
  readonly float: Float;
  readonly nodes: NodeProto[] = [];
  readonly initializers: TensorProto[] = [];
  readonly #graph: Graph;
  readonly #names = new Map<Value, string>();
  readonly #taken: Set<string>;
  readonly #shared = new Map<string, string>();
  #count = 0;

  constructor(graph: Graph, float: Float) {
    this.#graph = graph;
    this.float = float;
    this.#taken = new Set([...graph.inputs.map((input) => input.name), ...graph.outputs.map((output) => output.name)]);
    for (const input of graph.inputs) this.#names.set(input, input.name);
  }

  write(): ValueInfoProto[] {
    for (const value of topological(this.#graph.outputs.map((output) => output.value))) {
      if (value.kind === "node") this.#names.set(value, this.#writeNode(value));
      else if (value.kind === "constant") this.#names.set(value, this.#writeConstant(value));
      else if (!this.#names.has(value))
        throw new OnnxError(
          `the graph uses the input "${value.name}" but does not list it; add it to the graph's inputs`,
        );
    }
    return this.#nameOutputs();
  }

  /** The node that makes an output takes its name; an output that is an input, a constant or another output is copied. */
  #nameOutputs(): ValueInfoProto[] {
    const made = new Set(this.nodes.flatMap((node) => node.output ?? []));
    const renamed = new Map<string, string>();
    const copies: NodeProto[] = [];
    for (const { name, value } of this.#graph.outputs) {
      const current = this.#names.get(value)!;
      if (made.has(current) && !renamed.has(current)) renamed.set(current, name);
      else if (current !== name) copies.push({ opType: "Identity", input: [current], output: [name] });
    }
    const rename = (name: string) => renamed.get(name) ?? name;
    const nodes = [...this.nodes, ...copies].map(({ input, output, ...node }) => ({
      ...node,
      input: input!.map(rename),
      output: output!.map(rename),
    }));
    this.nodes.splice(0, this.nodes.length, ...nodes);
    return this.#graph.outputs.map(({ name, value }) => valueInfo(name, value.dtype, value.shape, this.float));
  }

  #writeNode(node: NodeValue): string {
    const inputs = node.inputs.map((input) => this.#names.get(input)!);
    try {
      const lower = this.#loweringOf(node);
      return lower ? lower(this, inputs, node as never) : this.node(node.op, inputs, onnxAttributes(node.attrs));
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      const place = node.name === undefined ? node.op : `${node.op} "${node.name}"`;
      throw new OnnxError(error.message, { node: place }, { cause: error });
    }
  }

  #loweringOf({ op }: NodeValue): Lowering<never> | undefined {
    const special = this.float === "float64" ? float64Lowerings[op] : undefined;
    return (special ?? recordOf(op).lower ?? lowerings[op]) as Lowering<never> | undefined;
  }

  #writeConstant({ tensor }: ConstantValue): string {
    return this.#initializer(tensorProto(tensor, this.float));
  }

  #fresh(prefix: string): string {
    let name: string;
    do name = `${prefix}_${this.#count++}`;
    while (this.#taken.has(name));
    return name;
  }

  #initializer(tensor: TensorProto): string {
    const name = this.#fresh("c");
    this.initializers.push({ name, ...tensor });
    return name;
  }

  /** Small constants that lowerings ask for, once each. */
  #once(key: string, make: () => string): string {
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const name = make();
    this.#shared.set(key, name);
    return name;
  }

  node(op: string, inputs: readonly string[], attrs: Readonly<Record<string, OnnxAttr>> = {}): string {
    if (this.float === "float64" && WITHOUT_FLOAT64.has(op))
      throw new OnnxError(`ONNX Runtime computes ${op} in float32 only; choose the float32 target`, { node: op });
    const name = this.#fresh(op);
    const attribute = Object.entries(attrs).map(([key, value]) => attributeProto(key, value));
    this.nodes.push({ opType: op, name, input: inputs, output: [name], attribute });
    return name;
  }

  ints(values: readonly number[]): string {
    return this.#once(`ints ${values}`, () =>
      this.#initializer({
        dims: [values.length],
        dataType: DATA_TYPE.INT64,
        rawData: bytesOf(BigInt64Array.from(values, BigInt)),
      }),
    );
  }

  scalar(value: number): string {
    const key = `scalar ${Object.is(value, -0) ? "-0" : value}`;
    return this.#once(key, () => this.floats([], [value]));
  }

  floats(shape: readonly number[], values: readonly number[]): string {
    return this.#initializer(tensorProto({ dtype: "float", shape, data: Float64Array.from(values) }, this.float));
  }

  batchSize(): string {
    return this.#once("batch size", () => {
      const input = this.#graph.inputs.find((candidate) => isBatched(candidate.shape));
      if (!input) throw new ShapeError("cannot be written: the batch size is wanted, but no input has a batch axis");
      const axis = input.shape.findIndex((dim) => typeof dim !== "number");
      const size = this.node("Shape", [input.name], { start: BigInt(axis), end: BigInt(axis + 1) });
      const factor = batchFactor(input.shape[axis]!)!;
      return factor === 1 ? size : this.node("Div", [size, this.ints([factor])]);
    });
  }
}

const ELEMENT_TYPE = { float32: DATA_TYPE.FLOAT, float64: DATA_TYPE.DOUBLE } satisfies Record<Float, number>;

const elementType = (dtype: DType, float: Float): number =>
  dtype === "int" ? DATA_TYPE.INT64 : dtype === "bool" ? DATA_TYPE.BOOL : ELEMENT_TYPE[float];

const valueInfo = (name: string, dtype: DType, shape: Shape, float: Float): ValueInfoProto => ({
  name,
  type: {
    tensorType: {
      elemType: elementType(dtype, float),
      shape: { dim: shape.map((dim) => (typeof dim === "number" ? { dimValue: dim } : { dimParam: dim })) },
    },
  },
});

function tensorProto({ dtype, shape, data }: Tensor, float: Float): TensorProto {
  return { dims: shape, dataType: elementType(dtype, float), rawData: bytesOf(typedData(dtype, data, float)) };
}

function typedData(dtype: DType, data: Tensor["data"], float: Float): ArrayBufferView {
  if (dtype === "int") return BigInt64Array.from(data, BigInt);
  if (dtype === "bool") return data instanceof Uint8Array ? data : Uint8Array.from(data);
  if (float === "float64") return data instanceof Float64Array ? data : Float64Array.from(data);
  return data instanceof Float32Array ? data : Float32Array.from(data);
}

/** A view: ONNX raw data is little-endian, as is every machine that ONNX Runtime runs on. */
const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

function attributeProto(name: string, value: OnnxAttr): AttributeProto {
  if (typeof value === "bigint") return { name, type: ATTRIBUTE_TYPE.INT, i: Number(value) };
  if (typeof value === "number") return { name, type: ATTRIBUTE_TYPE.FLOAT, f: value };
  if (typeof value === "string") return { name, type: ATTRIBUTE_TYPE.STRING, s: new TextEncoder().encode(value) };
  if (value.every((entry) => typeof entry === "bigint"))
    return { name, type: ATTRIBUTE_TYPE.INTS, ints: value.map(Number) };
  return { name, type: ATTRIBUTE_TYPE.FLOATS, floats: value as readonly number[] };
}
