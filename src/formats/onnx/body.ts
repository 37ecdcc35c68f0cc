/**
 * @file The nodes of a graph, a branch or a function in execution order: names resolve, and what no output needs is gone.
 */

import { OnnxError, UnsupportedError } from "./error.ts";
import type { AttributeProto, GraphProto, NodeProto, TensorProto } from "./proto.ts";

/** The largest networks in use have a few ten thousand. */
export const MAX_NODES = 100_000;

/** A node that is needed, with a name to call it by. */
export interface NodeSource {
  readonly proto: NodeProto;
  readonly op: string;
  /** `Conv "conv1"`: its own name, or its output's. */
  readonly place: string;
  readonly name: string;
  readonly inputs: readonly string[];
  /** Tensors from outside that its branches read. */
  readonly captured: readonly string[];
  readonly outputs: readonly string[];
}

export interface Body {
  readonly nodes: readonly NodeSource[];
  readonly initializers: ReadonlyMap<string, TensorProto>;
  readonly outputs: readonly string[];
  /** Tensors that something in it needs. */
  readonly needed: ReadonlySet<string>;
}

type Parts = Pick<GraphProto, "node" | "initializer" | "sparseInitializer">;

/**
 * @param inputs names that are given to it
 * @param outer whether a name that nothing here makes exists outside
 * @throws OnnxError for names that do not resolve, cycles
 */
export function readBody(
  parts: Parts,
  inputs: readonly string[],
  outputs: readonly string[],
  outer: (name: string) => boolean = () => false,
): Body {
  const count = parts.node?.length ?? 0;
  if (count > MAX_NODES) throw new UnsupportedError(`has ${count} nodes; at most ${MAX_NODES} are read`);
  const initializers = readInitializers(parts);
  const nodes = (parts.node ?? []).map(nodeSource);
  const makers = nameMakers(nodes, inputs, initializers);
  return { initializers, outputs, ...order(nodes, makers, outputs, outer) };
}

export function readInitializers({ initializer = [], sparseInitializer }: Parts): Map<string, TensorProto> {
  if (sparseInitializer?.length)
    throw new UnsupportedError("holds sparse weights, which are not supported; save them dense");
  const initializers = new Map<string, TensorProto>();
  for (const tensor of initializer) {
    const name = tensor.name ?? "";
    if (name === "") throw new OnnxError("holds an initializer without a name");
    if (initializers.has(name)) throw new OnnxError(`holds two initializers "${name}"`);
    initializers.set(name, tensor);
  }
  return initializers;
}

export const isDefaultDomain = (domain: string | undefined): boolean => !domain || domain === "ai.onnx";

/** `Conv`, or with the domain `com.example.Conv`. */
export const operatorName = (domain: string | undefined, op: string | undefined): string =>
  isDefaultDomain(domain) ? (op ?? "") : `${domain}.${op ?? ""}`;

function nodeSource(proto: NodeProto, index: number): NodeSource {
  const op = operatorName(proto.domain, proto.opType);
  const outputs = proto.output ?? [];
  const name = proto.name || outputs.find((output) => output !== "") || `number ${index}`;
  const captured = (proto.attribute ?? []).flatMap(({ g }) => (g ? [...outerNames(g)] : []));
  return { proto, op, place: `${op} "${name}"`, name, inputs: proto.input ?? [], captured, outputs };
}

/** Names that a branch takes from outside; as deep as the decoder lets messages nest. */
function outerNames({ node = [], initializer = [], input = [], output = [] }: GraphProto): Set<string> {
  const made = new Set<string | undefined>([...initializer, ...input].map(({ name }) => name));
  for (const { output: names = [] } of node) for (const name of names) made.add(name);
  const found = new Set<string>();
  const use = (name: string | undefined) => {
    if (name && !made.has(name)) found.add(name);
  };
  for (const { input: names = [], attribute = [] } of node) {
    names.forEach(use);
    for (const { g } of attribute) if (g) outerNames(g).forEach(use);
  }
  for (const { name } of output) use(name);
  return found;
}

/** Who makes each tensor; undefined for inputs and initializers. */
function nameMakers(
  nodes: readonly NodeSource[],
  inputs: readonly string[],
  initializers: ReadonlyMap<string, TensorProto>,
): Map<string, NodeSource | undefined> {
  const makers = new Map<string, NodeSource | undefined>();
  const claim = (name: string, maker: NodeSource | undefined) => {
    if (makers.has(name)) throw new OnnxError(`two things make the tensor "${name}"`, { node: maker?.place });
    makers.set(name, maker);
  };
  for (const name of initializers.keys()) claim(name, undefined);
  for (const name of inputs) claim(name, undefined);
  for (const node of nodes) for (const name of node.outputs) if (name !== "") claim(name, node);
  return makers;
}

/** Depth-first from the outputs, without recursion: a hostile file may hold a chain of a million nodes. */
function order(
  nodes: readonly NodeSource[],
  makers: ReadonlyMap<string, NodeSource | undefined>,
  outputs: readonly string[],
  outer: (name: string) => boolean,
): { nodes: NodeSource[]; needed: Set<string> } {
  const needed = new Set<string>(outputs);
  const state = new Map<NodeSource, "open" | "done">();
  const ordered: NodeSource[] = [];
  const stack: { readonly node: NodeSource; readonly reads: readonly string[]; next: number }[] = [];
  const visit = (name: string, user: NodeSource | undefined) => {
    if (name === "") return;
    needed.add(name);
    const maker = makers.get(name);
    if (!maker && !makers.has(name) && !outer(name))
      throw new OnnxError(`nothing makes the tensor "${name}"`, { node: user?.place });
    if (!maker || state.get(maker) === "done") return;
    if (state.get(maker) === "open") throw new OnnxError(`its result depends on itself`, { node: maker.place });
    state.set(maker, "open");
    stack.push({ node: maker, reads: readsOf(maker), next: 0 });
  };
  for (const output of outputs) {
    visit(output, undefined);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      if (top.next < top.reads.length) visit(top.reads[top.next++]!, top.node);
      else {
        state.set(top.node, "done");
        ordered.push(top.node);
        stack.pop();
      }
    }
  }
  return { nodes: inFileOrder(ordered, nodes, makers), needed };
}

const readsOf = ({ inputs, captured }: NodeSource): readonly string[] =>
  captured.length > 0 ? [...inputs, ...captured] : inputs;

/** The file's own order, where it is one: messages then come in an order that readers of the file expect. */
function inFileOrder(
  ordered: NodeSource[],
  nodes: readonly NodeSource[],
  makers: ReadonlyMap<string, NodeSource | undefined>,
): NodeSource[] {
  const position = new Map(nodes.map((node, index) => [node, index]));
  const own = ordered.toSorted((a, b) => position.get(a)! - position.get(b)!);
  const seen = new Set<NodeSource>();
  const sorted = own.every((node) => {
    seen.add(node);
    return readsOf(node).every((name) => !makers.get(name) || seen.has(makers.get(name)!));
  });
  return sorted ? own : ordered;
}

/**
 * Nodes of a function with the attributes that a call gives it: references are replaced, in branches too.
 * What the call leaves out and has no default is left out.
 */
export function withAttributes(
  nodes: readonly NodeProto[],
  given: ReadonlyMap<string, AttributeProto>,
): readonly NodeProto[] {
  return nodes.map((node) =>
    node.attribute?.some(({ refAttrName, g }) => refAttrName || g)
      ? { ...node, attribute: node.attribute.flatMap((attribute) => resolved(attribute, given)) }
      : node,
  );
}

function resolved(attribute: AttributeProto, given: ReadonlyMap<string, AttributeProto>): AttributeProto[] {
  const { refAttrName, g, name } = attribute;
  if (g) return [{ ...attribute, g: { ...g, node: withAttributes(g.node ?? [], given) } }];
  if (!refAttrName) return [attribute];
  const value = given.get(refAttrName);
  return value ? [{ ...value, name: name ?? "" }] : [];
}
