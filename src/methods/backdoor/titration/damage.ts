/** @file A damaged copy of a network: titrated beside the network itself, it shows what hangs on a few large weights. */

import { outputOf, rewriteGraph } from "../../../graph/traverse.ts";
import type { ConstantValue } from "../../../graph/types.ts";
import { builder } from "../../../ops/index.ts";
import { reemit } from "../../../ops/rules.ts";
import type { Network } from "../../network.ts";

/** As shares of a tensor's largest magnitude. */
const LARGEST_KEPT = 0.5;
const SMALLEST_KEPT = 0.1;
/** Weight tensors from the input on. */
const DAMAGED_LAYERS = 15;

/**
 * The network with the weights of its first 15 layers damaged: magnitudes are cut at half of the tensor's largest, those
 * below a tenth of it become 0. Titrate it as `titrate({ ...material, network: damaged(material.network) })`.
 *
 * @source the authors' detector for the TrojAI competition, 2020; there as a feature of a trained classifier
 */
export function damaged(network: Network): Network {
  const b = builder();
  let layers = 0;
  const graph = rewriteGraph(
    network.graph,
    () => undefined,
    (node, operands) => reemit(b, node, operands),
    (leaf) => (leaf.kind === "constant" && isWeights(leaf) && layers++ < DAMAGED_LAYERS ? cut(leaf) : leaf),
  );
  return { ...network, graph, input: graph.inputs[0]!, logits: outputOf(graph), hash: `${network.hash} damaged` };
}

/** Matrices and kernels; not the shifts and factors of channels, which vary along one axis alone. */
const isWeights = ({ dtype, shape }: ConstantValue): boolean =>
  dtype === "float" && shape.filter((size) => size > 1).length >= 2;

function cut({ tensor, name, ...rest }: ConstantValue): ConstantValue {
  let largest = 0;
  for (const weight of tensor.data) largest = Math.max(largest, Math.abs(weight));
  const [top, bottom] = [LARGEST_KEPT * largest, SMALLEST_KEPT * largest];
  const data = tensor.data.map((weight) => (Math.abs(weight) < bottom ? 0 : Math.min(top, Math.max(-top, weight))));
  return Object.freeze({ ...rest, name, tensor: { ...tensor, data } });
}
