import { fixed } from "../graph/dims.ts";
import { makeGraph, outputOf, rewriteGraph } from "../graph/traverse.ts";
import type { Graph, InputValue, NodeValue, Value } from "../graph/types.ts";
import { builder } from "../ops/index.ts";
import { reemit } from "../ops/rules.ts";
import { keepsOrder, leastMargin } from "./removed.ts";

/** A classifier as every method sees it: pixels in, logits out, normalisation inside. */
export interface Network {
  readonly graph: Graph;
  /** [N, …]; N may be 1 where the model has a fixed batch. */
  readonly input: InputValue;
  /** [N, classes], before any final softmax. */
  readonly logits: Value;
  readonly classes: number;
  /** What the margin of two scores must exceed, so that what follows them in the file cannot round it to a tie; ≥ 0. */
  readonly leastMargin: number;
  /** Identifies the model file and the preprocessing: the key of everything computed from it. */
  readonly hash: string;
}

/** Per-channel normalisation (x − mean)/std of pixels in [0, 1], where the model does not contain it. */
export interface Normalisation {
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** The channel axis of the model's input. */
  readonly axis: number;
}

export class NetworkError extends Error {
  override readonly name = "NetworkError";
}

/**
 * The classifier in a graph with one float input and one [N, K] output.
 * @throws NetworkError when it is something else
 */
export function networkOf(graph: Graph, hash: string, normalisation?: Normalisation): Network {
  const [input, ...more] = graph.inputs;
  if (!input || more.length > 0)
    throw new NetworkError(`a classifier has one input; this model has ${graph.inputs.length}`);
  let logits = outputOf(graph);
  const removed: NodeValue[] = [];
  while (keepsOrder(logits)) {
    removed.push(logits);
    logits = logits.inputs[0]!;
  }
  if (logits.shape.length !== 2 || logits.shape[0] !== input.shape[0])
    throw new NetworkError(`a classifier's output is [N, classes]; this model's is [${logits.shape}]`);
  const classes = fixed(logits.shape[1], "the number of classes");
  if (classes < 2) throw new NetworkError(`a classifier has at least two classes; this model has ${classes}`);
  const plain = makeGraph([input], [{ name: "logits", value: logits }]);
  const whole = normalisation ? normalised(plain, normalisation) : plain;
  return {
    graph: whole,
    input: whole.inputs[0]!,
    logits: outputOf(whole),
    classes,
    leastMargin: leastMargin(removed, classes),
    hash,
  };
}

/** The graph behind a normalisation of its input. */
function normalised(graph: Graph, { mean, std, axis }: Normalisation): Graph {
  const b = builder();
  const input = graph.inputs[0]!;
  const pixels = b.input(input.name, input.shape);
  const perChannel = (values: readonly number[]) => {
    const shape = input.shape.map((_, i) => (i === axis ? values.length : 1));
    return b.constant({ dtype: "float", shape, data: Float32Array.from(values) });
  };
  const scaled = b.emit("Div", [b.emit("Sub", [pixels, perChannel(mean)]), perChannel(std)]);
  return substitute(graph, new Map([[input as Value, scaled as Value]]), [pixels]);
}

/** The graph with some inputs replaced by values of new inputs. */
export function substitute(graph: Graph, by: ReadonlyMap<Value, Value>, inputs: readonly InputValue[]): Graph {
  const b = builder();
  const rewritten = rewriteGraph(
    graph,
    () => undefined,
    (node, operands) => reemit(b, node, operands),
    (leaf) => by.get(leaf) ?? leaf,
  );
  return makeGraph(inputs, rewritten.outputs);
}
