/** @file What running a network costs, told from its shapes. */

import { bindShape, sizeOf } from "../graph/dims.ts";
import { nodesOf } from "../graph/traverse.ts";
import type { Graph, NodeValue } from "../graph/types.ts";

/** Of a core of a fast machine, in float32: what does not fit the time at this speed fits it nowhere. */
const FASTEST_PER_SECOND = 5e10;

const counted = new WeakMap<Graph, number>();

/** Multiplications of convolutions and matrix products in one pass of one input; everything else is little beside them. */
export function multiplicationsOf(graph: Graph): number {
  const known = counted.get(graph);
  if (known !== undefined) return known;
  const sum = nodesOf(graph).reduce((total, node) => total + own(node), 0);
  counted.set(graph, sum);
  return sum;
}

function own({ op, inputs: [, second], shape }: NodeValue): number {
  const results = sizeOf(bindShape(shape, 1));
  if (op === "Conv") return results * sizeOf(bindShape(second!.shape.slice(1), 1));
  if (op === "MatMul") return results * sizeOf(bindShape(second!.shape.slice(-2, -1), 1));
  return 0;
}

/** Of one pass: that of ResNet-18 on a picture of 224 pixels takes 1.8e9. */
const LARGE = 2e8;

/** Does one pass take long enough for whole methods to be cut down, and for inputs to come few at a time? */
export const isLarge = (graph: Graph): boolean => multiplicationsOf(graph) > LARGE;

/** Passes of one input that fit the time of one core, on a fast machine. */
export const passesIn = (seconds: number, graph: Graph): number =>
  (Math.max(0, seconds) * FASTEST_PER_SECOND) / Math.max(1, multiplicationsOf(graph));
