/** @file Losses that a file carries behind its scores, for labels that are known at import. */

import { sizeOf } from "../../../graph/dims.ts";
import { floatTensor } from "../../../graph/tensor.ts";
import type { Value } from "../../../graph/types.ts";
import { mul, neg, scale } from "../../../ops/rules.ts";
import type { OnnxNode } from "../node.ts";
import type { ConverterTable } from "./types.ts";

/** −Σ weight[label] · logProbability[label], by a constant mask; the mean divides by the weights of the labels. */
function lossOf(n: OnnxNode, logProbabilities: Value, weightIndex: number): Value {
  const shape = logProbabilities.shape.map((_, axis) => n.fixed(logProbabilities.shape, axis));
  const { data: labels, shape: places } = n.constant(1);
  const weights = n.has(weightIndex) ? n.constant(weightIndex).data : undefined;
  const ignored = n.hasAttribute("ignore_index") ? n.int("ignore_index") : undefined;
  const [classes, inner] = [shape[1]!, sizeOf(shape.slice(2))];
  if (places.join() !== [shape[0], ...shape.slice(2)].join()) throw n.error("its labels do not fit its scores");
  const mask = new Float64Array(sizeOf(shape));
  let total = 0;
  for (const [at, label] of labels.entries()) {
    if (label === ignored) continue;
    if (!(label >= 0 && label < classes)) throw n.error(`there is no class ${label}`);
    const weight = weights ? weights[label]! : 1;
    total += weight;
    mask[(Math.floor(at / inner) * classes + label) * inner + (at % inner)] = weight;
  }
  const parts = neg(n.b, mul(n.b, logProbabilities, n.b.constant(floatTensor(shape, mask))));
  const reduction = n.string("reduction", "mean");
  if (reduction === "none") return n.b.emit("ReduceSum", [parts], { axes: [1], keepdims: false });
  if (reduction !== "mean" && reduction !== "sum") throw n.error(`knows no reduction "${reduction}"`);
  const sum = n.b.emit("ReduceSum", [parts], { axes: shape.map((_, axis) => axis), keepdims: false });
  if (reduction === "sum") return sum;
  if (total === 0) throw n.unsupported("averages over no labels");
  return scale(n.b, sum, 1 / total);
}

export const losses: ConverterTable = {
  NegativeLogLikelihoodLoss: (n) => lossOf(n, n.value(0), 2),
  SoftmaxCrossEntropyLoss: (n) => {
    const scores = n.value(0);
    const logProbabilities = n.b.emit("LogSoftmax", [scores], { axis: 1 });
    return [lossOf(n, logProbabilities, 2), n.wants(1) ? logProbabilities : undefined];
  },
};
