/** @file A classifier from a file as a network to train: its weights become parameters, which begin as the file has them. */

import { sizeOf } from "../../graph/dims.ts";
import { dependents, makeGraph, nodesOf, outputOf, rewriteGraph, topological } from "../../graph/traverse.ts";
import type { ConstantValue, Graph, NodeValue, Value } from "../../graph/types.ts";
import { builder, recordOf } from "../../ops/index.ts";
import { reemit } from "../../ops/rules.ts";
import type { Rng } from "../../random/rng.ts";
import { openBatch } from "../../transforms/batch-first.ts";
import { gradient } from "../../transforms/gradient.ts";
import type { Network } from "../network.ts";
import { ArchitectureError } from "./architectures.ts";
import { type Initialisation, initialParameters } from "./initialise.ts";
import type { Parameter, TrainableModel } from "./model.ts";

/** A network, and the values of its parameters to begin with: [size]. */
export interface Start {
  readonly model: TrainableModel;
  readonly theta: Float32Array;
}

/**
 * Parameters are the float32 weights of products that are summed (convolutions, dense layers) and the biases that are
 * added to those; each use of a tensor that layers share becomes one of its own. Everything else stays as it is, batch
 * normalisation in its form for inference included.
 *
 * @throws ArchitectureError where there is none, or the file fixes the size of its batch above 1
 */
export function trainable(network: Network, name: string): Start {
  const { model, theta } = withParameters(network, name, weightsOf);
  return { model, theta };
}

/**
 * The same network with all weights drawn anew, by a random stream of its own each: those that `trainable` finds, and the scales and
 * shifts behind a product, as batch and layer normalisation have them (1 and 0; statistics of a batch are part of them, and are not
 * estimated again). `default` is `he` where there are such, or branches that are added up, as in `initialise.ts`. What stands before the
 * first product prepares inputs, and stays.
 *
 * @throws ArchitectureError as `trainable`, and where weights of the file would stay: what is made of it would not be independent of it
 */
export function drawnAnew(network: Network, name: string, kind: Initialisation, random: Rng): Start {
  const { model, roles } = withParameters(network, name, allWeightsOf);
  checkGradients(model);
  const last = roles.findLast(({ role }) => role === "weight");
  const drawn = model.parameters.map((parameter, i) => {
    const { role, fanIn } = roles[i]!;
    return {
      ...parameter,
      role: role === "weight" ? role : ("bias" as const),
      fanIn,
      last: roles[i] === last,
      gain: 1,
    };
  });
  const scaled = roles.some(({ role }) => role === "scale");
  const branches = scaled || hasBranches(network.graph) ? 1 : 0;
  const theta = initialParameters({ parameters: drawn, size: model.size, branches }, kind, random);
  for (const [i, { offset, size }] of model.parameters.entries()) {
    const { role } = roles[i]!;
    if (role === "scale" || role === "shift") theta.fill(role === "scale" ? 1 : 0, offset, offset + size);
  }
  return { model, theta };
}

/** Weights that no gradient reaches stay as they were drawn: what is made so was not trained. */
function checkGradients({ name, graph, parameters }: TrainableModel): void {
  const b = builder();
  const sum = b.emit("ReduceSum", [outputOf(graph)], { axes: [0, 1], keepdims: false });
  const reached = gradient(
    b,
    sum,
    parameters.map(({ input }) => input),
  );
  const lost = parameters[reached.indexOf(undefined)];
  if (lost)
    throw new ArchitectureError(
      `${name}: no gradient reaches ${lost.name}, weights [${lost.shape}]: between it and the answer lies a step such as Round or Sign, so it cannot be trained`,
    );
}

/** The network with some of its constants as parameters, and what each is. */
function withParameters(network: Network, name: string, operandsOf: (graph: Graph, name: string) => Operands) {
  const batch = network.input.shape[0];
  if (typeof batch === "number" && batch !== 1)
    throw new ArchitectureError(`${name} takes ${batch} samples at a time; export it with an open batch axis`);
  const graph = openBatch(network.graph);
  const operands = operandsOf(graph, name);
  if (operands.size === 0)
    throw new ArchitectureError(`${name} has no float32 weights of convolutions or dense layers: nothing to train`);
  const b = builder();
  const parameters: Parameter[] = [];
  const roles: Drawn[] = [];
  const values: Float32Array[] = [];
  let size = 0;
  const declare = (operand: Value, node: NodeValue, drawn: Drawn): Value => {
    const shape = operand.shape as readonly number[];
    // what the graph computes of constants has no values yet; it is only ever drawn anew
    const data = operand.kind === "constant" ? (operand.tensor.data as Float32Array) : new Float32Array(sizeOf(shape));
    const label = `${parameters.length + 1}.${node.name ?? node.op}`;
    const parameter = { name: label, shape, offset: size, size: data.length, input: b.input(label, shape) };
    parameters.push(parameter);
    roles.push(drawn);
    values.push(data);
    size += data.length;
    return parameter.input;
  };
  const rewritten = rewriteGraph(
    graph,
    (node, inputs) => {
      const own = operands.get(node);
      return (
        own &&
        reemit(
          b,
          node,
          inputs.map((input, i) => (own.has(i) ? declare(input, node, own.get(i)!) : input)),
        )
      );
    },
    (node, inputs) => reemit(b, node, inputs),
  );
  const [images] = graph.inputs as [Graph["inputs"][number]];
  const theta = new Float32Array(size);
  for (const [i, { offset }] of parameters.entries()) theta.set(values[i]!, offset);
  const logits = { name: graph.outputs[0]!.name, value: outputOf(rewritten) };
  const model: TrainableModel = {
    name,
    graph: makeGraph([images, ...parameters.map(({ input }) => input)], [logits]),
    inputShape: images.shape.slice(1) as number[],
    classes: network.classes,
    parameters,
    size,
  };
  return { model, theta, roles };
}

/** What a parameter is, and inputs of one unit of its layer. */
interface Drawn {
  readonly role: "weight" | "bias" | "scale" | "shift";
  readonly fanIn: number;
}

/** Which operands of which nodes are trained. */
type Operands = ReadonlyMap<NodeValue, ReadonlyMap<number, Drawn>>;

const varyingOf = (graph: Graph): ReadonlySet<Value> =>
  dependents(
    graph.outputs.map(({ value }) => value),
    new Set(graph.inputs),
  );

function weightsOf(graph: Graph): Operands {
  const varying = varyingOf(graph);
  const found = new Map<NodeValue, ReadonlyMap<number, Drawn>>();
  for (const node of nodesOf(graph)) {
    if (!varying.has(node)) continue;
    const product = isProduct(node) ? node : node.op === "Add" ? productUnder(node, found) : undefined;
    const role = isProduct(node) ? "weight" : "bias";
    const places = product ? [...node.inputs.keys()].filter((i) => isWeight(node.inputs[i]!)) : [];
    if (places.length > 0) found.set(node, new Map(places.map((i) => [i, { role, fanIn: fanInOf(product!) }])));
  }
  return found;
}

/** What per-element operations behind a product do with a tensor of their own. */
const ROLES = { Add: "shift", Sub: "shift", Mul: "scale", Div: "scale" } as const satisfies Record<
  string,
  Drawn["role"]
>;

function allWeightsOf(graph: Graph, name: string): Operands {
  const found = new Map(weightsOf(graph));
  const behind = dependents(
    graph.outputs.map(({ value }) => value),
    new Set<Value>(found.keys()),
  );
  for (const node of nodesOf(graph)) {
    if (!behind.has(node) || isProduct(node)) continue;
    const own = new Map(found.get(node));
    for (const [i, input] of node.inputs.entries()) {
      if (own.has(i) || behind.has(input) || !carriesWeights(input)) continue;
      const role = ROLES[node.op as keyof typeof ROLES];
      if (role === undefined)
        throw new ArchitectureError(
          `${name}: ${node.op}${node.name === undefined ? "" : ` "${node.name}"`} takes a tensor of the file that is no weight of a product, scale or shift; it cannot be drawn anew`,
        );
      own.set(i, { role, fanIn: 1 });
    }
    if (own.size > 0) found.set(node, own);
  }
  return found;
}

/**
 * Values that differ are taken for weights; of one value are thresholds and numbers of the architecture. Scales that import makes of
 * a normalisation are doubles, one a channel; other doubles (counts at edges) are the architecture's.
 */
const carriesWeights = (value: Value): boolean =>
  topological([value]).some(
    (own) =>
      own.kind === "constant" &&
      (isWeight(own) || isPerChannel(own)) &&
      own.tensor.data.some((x) => x !== own.tensor.data[0]),
  );

const isPerChannel = ({ tensor: { data }, shape }: ConstantValue): boolean =>
  data instanceof Float64Array && shape.filter((dim) => dim !== 1).length === 1;

const hasBranches = (graph: Graph): boolean => {
  const varying = varyingOf(graph);
  return nodesOf(graph).some((node) => node.op === "Add" && node.inputs.every((input) => varying.has(input)));
};

/** The trained product that a value is, also moved about or scaled by a number: what a bias is added to. */
function productUnder({ inputs }: NodeValue, trained: Operands): NodeValue | undefined {
  for (const value of inputs) {
    let inner: Value | undefined = value;
    while (inner?.kind === "node" && !isProduct(inner)) {
      const [x, factor] = inner.inputs as [Value, Value | undefined];
      const scales: boolean = inner.op === "Mul" && factor?.kind === "constant" && factor.tensor.data.length === 1;
      inner = inner.op === "Reshape" || inner.op === "Transpose" || scales ? x : undefined;
    }
    if (inner?.kind === "node" && trained.has(inner)) return inner;
  }
  return undefined;
}

const isProduct = (node: NodeValue): boolean => recordOf(node.op).rounding.kind === "sum" && node.inputs.length === 2;

/** Terms of each sum: of the last axis but one of a matrix on the right, the last of one on the left, all but the first of a kernel. */
function fanInOf({ op, inputs }: NodeValue): number {
  const place = inputs.findIndex(isWeight);
  const sizes = inputs[place]!.shape as readonly number[];
  if (op !== "MatMul") return sizeOf(sizes) / sizes[0]!;
  return (place === 1 && sizes.length > 1 ? sizes.at(-2) : sizes.at(-1))!;
}

/** Matrices that import makes itself (of an average, a resize, a table) are doubles. */
const isWeight = (value: Value): value is ConstantValue =>
  value.kind === "constant" && value.tensor.data instanceof Float32Array && value.shape.length > 0;

/** Do samples of one shape have the numbers of the other in the same order? Axes of size 1 may differ, or one be flat. */
export function sameOrder(x: readonly number[], y: readonly number[]): boolean {
  const [long, short] = [x, y].map((shape) => shape.filter((dim) => dim !== 1));
  const flat = long!.length <= 1 || short!.length <= 1;
  return String(long) === String(short) || (flat && sizeOf(x) === sizeOf(y));
}
