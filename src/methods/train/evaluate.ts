/** @file How good a network is on labelled images: clean accuracy, and accuracy certified by interval bounds. */

import { float32Tensor } from "../../graph/tensor.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Graph, Tensor } from "../../graph/types.ts";
import { simplify } from "../../ops/simplify.ts";
import type { Compile } from "../../runtime/session.ts";
import { gather, labelTensor, type Samples } from "../samples.ts";
import { crossEntropy, marginLowerBounds, pixelBox } from "./losses.ts";
import type { TrainableModel } from "./model.ts";
import { countTrue, isCorrect, trainingInputs } from "./step.ts";

export interface Evaluation {
  readonly count: number;
  readonly correct: number;
  /** Mean cross-entropy. */
  readonly loss: number;
  /** Radius of `certified`; 0 where nothing was certified. */
  readonly epsilon: number;
  /**
   * Samples whose label wins everywhere in the box of radius epsilon, by interval bounds in plain float32 arithmetic (no
   * rounding error added): for watching a training, not a proof.
   */
  readonly certified: number;
}

/** Inputs: images, labels, theta and, when `certified`, epsilon. Outputs: `loss` (sum) and the counts. */
export function evaluationGraph(model: TrainableModel, certified: boolean): Graph {
  const { b, images, labels, theta, network, target } = trainingInputs(model);
  const logits = network.logits(images);
  const loss = b.emit("ReduceSum", [crossEntropy(b, logits, target)], { axes: [0], keepdims: false });
  const outputs = [
    { name: "loss", value: loss },
    { name: "correct", value: countTrue(b, isCorrect(b, logits, labels)) },
  ];
  if (!certified) return simplify(makeGraph([images, labels, theta], outputs));
  const epsilon = b.input("epsilon", []);
  const margins = marginLowerBounds(b, logits, target, new Map([[images, pixelBox(b, images, epsilon)]]));
  // the label's own margin is 0; all others must be above it
  const others = b.emit("Add", [margins, target]);
  const worst = b.emit("Neg", [b.emit("ReduceMax", [b.emit("Neg", [others])], { axes: [1], keepdims: false })]);
  const count = countTrue(b, b.emit("Greater", [worst, b.constant(0)]));
  return simplify(makeGraph([images, labels, theta, epsilon], [...outputs, { name: "certified", value: count }]));
}

const BATCH = 250;

/** @param epsilon also count what interval bounds certify at this radius */
export async function evaluate(
  model: TrainableModel,
  theta: Tensor,
  samples: Samples,
  compile: Compile,
  epsilon?: number,
): Promise<Evaluation> {
  const graph = evaluationGraph(model, epsilon !== undefined);
  const session = await compile(graph, { float: "float32", name: "evaluation" });
  const count = samples.labels.length;
  const radius = epsilon === undefined ? {} : { epsilon: float32Tensor([], Float32Array.of(epsilon)) };
  const sums = { correct: 0, loss: 0, certified: 0 };
  for (let from = 0; from < count; from += BATCH) {
    const places = Int32Array.from({ length: Math.min(BATCH, count - from) }, (_, i) => from + i);
    const batch = gather({ ...samples, shape: model.inputShape }, places);
    const out = await session.run({ images: batch.images, labels: labelTensor(batch), theta, ...radius });
    sums.correct += out["correct"]!.data[0]!;
    sums.loss += out["loss"]!.data[0]!;
    sums.certified += out["certified"]?.data[0] ?? 0;
  }
  return { count, ...sums, loss: sums.loss / count, epsilon: epsilon ?? 0 };
}
