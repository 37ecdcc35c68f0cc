import { ShapeError } from "../graph/dims.ts";
import { makeGraph, outputOf, rewriteGraph, topological } from "../graph/traverse.ts";
import type { Graph, InputValue, Output, Value } from "../graph/types.ts";
import { builder } from "../ops/index.ts";
import { reemit, reshape } from "../ops/rules.ts";
import { type AnswerForm, answerOf, batchOf, scoresOf } from "./answer.ts";
import { leastMargin } from "./removed.ts";

/** A classifier as every method sees it: pixels in, logits out, normalisation inside. */
export interface Network {
  readonly graph: Graph;
  /** [N, …]; N may be 1 where the model has a fixed batch, or none. */
  readonly input: InputValue;
  /** [N, classes], before any final softmax; 0 and z where the file has one logit z for two classes. */
  readonly logits: Value;
  readonly classes: number;
  /** The file's name of the output that holds the answer, and how that is read. */
  readonly output: string;
  readonly answer: AnswerForm;
  /** From the same input to all that the file puts out for it, [N, numbers], with what `logits` leave away: for comparison. */
  readonly replica: Graph;
  /** What the margin of two scores must exceed, so that what follows them in the file cannot round it to a tie; ≥ 0. */
  readonly leastMargin: number;
  /** The file's first node that rounds to half precision; the graph does not, and bounds of it say nothing of the file. */
  readonly half?: string;
  /** Identifies the model file and the preprocessing: the key of everything computed from it. */
  readonly hash: string;
}

/** Per-channel normalisation (x − mean)/std of pixels in [0, 1], where the model does not contain it. */
export interface Normalisation {
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** The channel axis of the model's input; 0: a number for every element of an input. */
  readonly axis: number;
}

export class NetworkError extends Error {
  override readonly name = "NetworkError";
  readonly fault = "unsupported";
}

/**
 * The classifier in a graph with one float input and one output of class scores: [N, K], the same with axes of size 1
 * (K may be 1: two classes), or without the batch axis that the input has not either.
 *
 * @throws NetworkError when it is something else
 */
export function networkOf(graph: Graph, hash: string, normalisation?: Normalisation): Network {
  const [output] = graph.outputs;
  if (graph.outputs.length !== 1 || !output)
    throw new NetworkError(
      `has ${graph.outputs.length} outputs (${list(graph.outputs)}); name the class scores with --output`,
    );
  const input = inputOf(graph, output.value);
  const batch = orRefused(() => batchOf(input.shape, output.value.shape));
  const answer = answerOf(output.value, batch);
  if (!answer)
    throw new NetworkError(
      `a classifier's output is [N, classes]; this model's is [${output.value.shape}]: export the scores of the classes, or name them with --output`,
    );
  const b = builder();
  const framed = (name: string, value: Value): Graph => {
    const plain = makeGraph([input], [{ name, value }]);
    const batched = batch === undefined ? withBatchAxis(plain) : plain;
    return normalisation ? normalised(batched, normalisation) : batched;
  };
  const whole = framed("logits", scoresOf(b, answer, batch ?? 1));
  const numbers = answer.form === "scores" ? answer.classes : 1;
  return {
    graph: whole,
    input: whole.inputs[0]!,
    logits: outputOf(whole),
    classes: answer.classes,
    output: output.name,
    answer: answer.form,
    replica: framed("answer", reshape(b, output.value, [batch ?? 1, numbers])),
    leastMargin: leastMargin(answer.removed, answer.classes),
    hash,
  };
}

const list = (outputs: readonly Output[]): string =>
  outputs.map(({ name, value }) => `"${name}" [${value.shape}] ${value.dtype}`).join(", ");

/** The input that the output depends on. */
function inputOf({ inputs }: Graph, output: Value): InputValue {
  const read = new Set<Value>(topological([output]));
  const needed = inputs.length === 1 ? inputs : inputs.filter((input) => read.has(input));
  const [input, ...more] = needed;
  if (!input || more.length > 0) throw new NetworkError(`a classifier has one input; this model has ${needed.length}`);
  if (input.dtype !== "float")
    throw new NetworkError(
      `its input "${input.name}" holds ${input.dtype} values that it does not compute with as with measured numbers, such as words; such inputs cannot be changed a little`,
    );
  return input;
}

function orRefused<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw new NetworkError(error.message, { cause: error });
  }
}

/** A graph of one sample without a batch axis, as one of a batch of 1. */
function withBatchAxis(graph: Graph): Graph {
  const b = builder();
  const input = graph.inputs[0]!;
  const sample = b.input(input.name, [1, ...input.shape]);
  return substitute(graph, new Map<Value, Value>([[input, reshape(b, sample, input.shape)]]), [sample]);
}

/** The graph behind a normalisation of its input. */
function normalised(graph: Graph, { mean, std, axis }: Normalisation): Graph {
  const b = builder();
  const input = graph.inputs[0]!;
  const pixels = b.input(input.name, input.shape);
  const perChannel = (values: readonly number[]) => {
    const sizes = input.shape.map((size) => (typeof size === "number" ? size : 1));
    const shape = axis === 0 ? [1, ...sizes.slice(1)] : sizes.map((_, i) => (i === axis ? values.length : 1));
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
