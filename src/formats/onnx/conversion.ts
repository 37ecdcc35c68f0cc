/**
 * @file Node by node, from the file to the small op set. A branch whose condition is known and a function of the file's own
 * are converted in place: neither exists in the graph.
 */

import { ShapeError } from "../../graph/dims.ts";
import { type Body, MAX_NODES, type NodeSource, readBody, withAttributes } from "./body.ts";
import { converters } from "./convert/index.ts";
import { toldApart, typingOf } from "./element.ts";
import type { Emitter } from "./emitter.ts";
import { OnnxError, UnsupportedError } from "./error.ts";
import { functionKey, readOpset } from "./model.ts";
import { OnnxNode } from "./node.ts";
import type { Operand } from "./operand.ts";
import type { AttributeProto, FunctionProto, GraphProto } from "./proto.ts";
import { type ExternalData, readTensor } from "./tensor.ts";

/** Functions and branches inside each other. */
const MAX_DEPTH = 32;

/** What a name stands for, and what it is made of where that matters (element.ts). */
interface Named {
  readonly operand: Operand;
  readonly type: number | undefined;
}

/** Names of a graph, a branch or a function. A branch also sees those around it. */
export class Scope {
  readonly #names = new Map<string, Named>();
  readonly #outer: Scope | undefined;

  constructor(outer?: Scope) {
    this.#outer = outer;
  }

  get(name: string): Named | undefined {
    return this.#names.get(name) ?? this.#outer?.get(name);
  }

  set(name: string, operand: Operand, type?: number): void {
    this.#names.set(name, { operand, type });
  }
}

export interface ConversionOptions {
  readonly emitter: Emitter;
  readonly functions: ReadonlyMap<string, FunctionProto>;
  readonly external?: ExternalData | undefined;
}

export class Conversion {
  readonly #options: ConversionOptions;
  /** Functions and branches that are being converted, the innermost last. */
  readonly #inside: string[] = [];
  #nodes = 0;
  /** The first node that rounds to half precision. */
  half: string | undefined;

  constructor(options: ConversionOptions) {
    this.#options = options;
  }

  /** Every node of the body; its results go into the scope. */
  convert(body: Body, scope: Scope, opset: number): void {
    for (const node of body.nodes) this.#node(node, body, scope, opset);
  }

  #node(node: NodeSource, { needed }: Body, scope: Scope, opset: number): void {
    this.#options.emitter.name = node.name;
    const results = guard(() => this.#results(node, scope, opset, needed), node.place);
    node.outputs.forEach((name, i) => {
      const result = results[i];
      if (result) scope.set(name, result.operand, result.type);
      else if (name !== "" && needed.has(name))
        throw new UnsupportedError(`its output ${i} is used, which is not supported`, { node: node.place });
    });
  }

  #results(node: NodeSource, scope: Scope, opset: number, needed: ReadonlySet<string>): (Named | undefined)[] {
    const proto = this.#options.functions.get(functionKey(node.op, node.proto.overload));
    if (proto) return this.#call(proto, node, scope);
    if (node.op === "If") return this.#branch(node, scope, opset);
    const convertOp = converters.get(node.op);
    if (!convertOp) throw new UnsupportedError("is not supported; replace it before export", { node: node.place });
    const named = node.inputs.map((name) => scope.get(name));
    // trailing inputs may be left out by an empty name
    while (named.length > 0 && named.at(-1) === undefined) named.pop();
    const types = named.map((input) => input?.type);
    const { result: type, half } = typingOf(node, types);
    if (half) this.half ??= node.place;
    const operands = named.map((input) => input?.operand);
    const n = new OnnxNode(node, operands, { opset, emitter: this.#options.emitter, needed, types });
    return [convertOp(n)]
      .flat()
      .map(
        (operand) =>
          operand && { operand, type: operand.kind !== "dims" && operand.dtype === "float" ? type : undefined },
      );
  }

  // ---------------------------------------------------------------- branches

  #branch(node: NodeSource, scope: Scope, opset: number): (Named | undefined)[] {
    const condition = this.#condition(node, scope);
    const side = condition ? "then_branch" : "else_branch";
    const graph = node.proto.attribute?.find(({ name }) => name === side)?.g;
    if (!graph) throw new OnnxError(`has no ${side}`, { node: node.place });
    return this.#within(`${node.place} ${side}`, node, () => this.#body(graph, new Scope(scope), opset));
  }

  #condition(node: NodeSource, scope: Scope): boolean {
    const operand = scope.get(node.inputs[0] ?? "")?.operand;
    if (!operand) throw new OnnxError("its condition is missing", { node: node.place });
    const data = operand.kind === "dims" ? operand.entries : this.#options.emitter.constantOf(operand)?.data;
    const value = data?.length === 1 ? data[0] : undefined;
    if (typeof value === "number") return value !== 0;
    const why = operand.kind === "dims" ? "the batch size" : "the data";
    throw new UnsupportedError(`its condition depends on ${why}; export the model with one branch alone`, {
      node: node.place,
    });
  }

  #body(graph: GraphProto, scope: Scope, opset: number): (Named | undefined)[] {
    this.#count(graph.node?.length ?? 0);
    const outputs = (graph.output ?? []).map(({ name }) => name ?? "");
    const body = readBody(graph, [], outputs, (name) => scope.get(name) !== undefined);
    this.#initialize(body, scope);
    this.convert(body, scope, opset);
    return outputs.map((name) => scope.get(name));
  }

  #initialize(body: Body, scope: Scope): void {
    const { emitter, external } = this.#options;
    for (const [name, proto] of body.initializers) {
      if (!body.needed.has(name)) continue;
      const tensor = readTensor(proto, name, external);
      emitter.claim(tensor.data.length);
      scope.set(name, emitter.constant(tensor), toldApart(proto.dataType));
    }
  }

  // ---------------------------------------------------------------- functions

  #call(proto: FunctionProto, node: NodeSource, scope: Scope): (Named | undefined)[] {
    const key = functionKey(node.op, node.proto.overload);
    const { input = [], output = [], node: nodes = [] } = proto;
    if (node.inputs.length > input.length || node.outputs.length > output.length)
      throw new OnnxError(`its function takes ${input.length} inputs and gives ${output.length} outputs`, {
        node: node.place,
      });
    this.#count(nodes.length);
    const inner = new Scope();
    for (const [i, name] of input.entries()) {
      const given = scope.get(node.inputs[i] ?? "");
      if (given) inner.set(name, given.operand, given.type);
    }
    return this.#within(key, node, () => {
      const body = readBody({ node: withAttributes(nodes, attributesOf(proto, node)) }, input, output);
      this.convert(body, inner, readOpset(proto));
      return output.map((name) => inner.get(name));
    });
  }

  /** Bounds what a small file may ask for by calling its functions again and again. */
  #count(nodes: number): void {
    this.#nodes += nodes;
    if (this.#nodes > MAX_NODES)
      throw new UnsupportedError(`has over ${MAX_NODES} nodes with its functions written out; no more are read`);
  }

  #within<T>(what: string, { place }: NodeSource, run: () => T): T {
    if (this.#inside.includes(what)) throw new OnnxError("its function calls itself", { node: place });
    if (this.#inside.length >= MAX_DEPTH)
      throw new UnsupportedError(`lies ${MAX_DEPTH} functions or branches deep; no more are read`, { node: place });
    this.#inside.push(what);
    const result = run();
    this.#inside.pop();
    return result;
  }
}

/** What the function's body may refer to: what the call gives, and defaults. */
function attributesOf({ attributeProto = [] }: FunctionProto, { proto }: NodeSource): Map<string, AttributeProto> {
  return new Map([...attributeProto, ...(proto.attribute ?? [])].map((attribute) => [attribute.name ?? "", attribute]));
}

/** Shape errors become errors of the node. */
export function guard<T>(run: () => T, place: string): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    // the builder's own place is that of an op of this program, not of the file
    const inner = error.cause instanceof ShapeError ? error.cause.message : "";
    throw new OnnxError(error.message.slice(error.message.indexOf(inner)), { node: place }, { cause: error });
  }
}
