/** @file One compiled graph for every gradient attack: logits, and the direction in which the loss rises. */

import { makeGraph } from "../../graph/traverse.ts";
import type { Builder, Graph, Tensor, Value } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { add, mul, sub } from "../../ops/rules.ts";
import { fitOf, MEMORY_BUDGET, MemoryError, shortOfMemory } from "../../runtime/memory.ts";
import type { Runtime } from "../../runtime/session.ts";
import { gradient } from "../../transforms/gradient.ts";
import type { Network } from "../network.ts";
import { AttackError, type AttackLoss } from "./types.ts";

export interface Evaluation {
  /** [n, classes] */
  readonly logits: Float32Array;
  /** [n, …input]: uphill for the loss of each input's class, up to a positive factor an input. */
  readonly uphill: Float32Array;
}

export interface LossGradient {
  /** @param points [n, …input] @param classes [n]: the class whose loss is meant */
  at(points: Float32Array, classes: Int32Array): Promise<Evaluation>;
}

/** Added to a logit to take it out of a maximum: beyond any logit, and finite, so that 0 · HIDDEN is 0. */
const HIDDEN = -1e30;

/**
 * The cotangent of the logits, one row an input.
 *
 * Cross-entropy's is softmax(z) − e_y. Divided by 1 − p_y, which is positive, it is softmax over the other classes − e_y:
 * the same direction, which does not vanish in float32 where the network is sure of its answer. The margin's is
 * e_j − e_y, j the best other class: the same with a hard maximum.
 */
function cotangent(b: Builder, logits: Value, onehot: Value, loss: AttackLoss): Value {
  const others = add(b, logits, mul(b, onehot, b.constant(HIDDEN)));
  if (loss === "cross-entropy") return sub(b, b.emit("Softmax", [others], { axis: 1 }), onehot);
  const best = b.emit("ReduceMax", [others], { axes: [1], keepdims: true });
  const isBest = b.emit("Cast", [b.emit("Equal", [others, best])], { to: "float" });
  return sub(b, isBest, onehot);
}

/** Inputs `x` (the network's) and `onehot` [N, classes]; outputs `logits` and `uphill`. */
export function lossGradientGraph(network: Network, loss: AttackLoss): Graph {
  const b = builder();
  const onehot = b.input("onehot", network.logits.shape);
  const [uphill] = gradient(b, network.logits, [network.input], cotangent(b, network.logits, onehot, loss));
  if (!uphill) throw new AttackError("the network's output does not depend on its input: there is nothing to attack");
  return makeGraph(
    [network.input, onehot],
    [
      { name: "logits", value: network.logits },
      { name: "uphill", value: uphill },
    ],
  );
}

/**
 * @param memoryBudget bytes that the intermediate results of one run may take: fewer inputs at a time
 * @throws UnsupportedReading naming the node that has no derivative; MemoryError where one input does not fit
 */
export async function compileLossGradient(
  network: Network,
  runtime: Pick<Runtime, "compile">,
  loss: AttackLoss,
  memoryBudget = MEMORY_BUDGET,
): Promise<LossGradient> {
  const { classes } = network;
  const graph = lossGradientGraph(network, loss);
  const fit = fitOf(graph, memoryBudget);
  if (fit.atOnce === 0) throw new MemoryError(shortOfMemory("one input's gradient", fit.least, memoryBudget));
  const session = await runtime.compile(graph, { float: "float32", name: "loss gradient" });
  const sample = network.input.shape.slice(1) as readonly number[];
  const size = sample.reduce((product, dim) => product * dim, 1);
  // a model whose file fixes the batch runs one input at a time
  const atOnce = typeof network.input.shape[0] === "number" ? network.input.shape[0] : fit.atOnce;

  const run = async (points: Float32Array, labels: Int32Array): Promise<Evaluation> => {
    const onehot = new Float32Array(labels.length * classes);
    labels.forEach((label, i) => {
      onehot[i * classes + label] = 1;
    });
    const tensor = (data: Float32Array, ...shape: number[]): Tensor => ({ dtype: "float", shape, data });
    const { logits, uphill } = await session.run({
      [network.input.name]: tensor(points, labels.length, ...sample),
      onehot: tensor(onehot, labels.length, classes),
    });
    return { logits: logits!.data as Float32Array, uphill: uphill!.data as Float32Array };
  };

  return {
    async at(points, labels) {
      if (labels.length <= atOnce) return run(points, labels);
      const logits = new Float32Array(labels.length * classes);
      const uphill = new Float32Array(points.length);
      for (let i = 0; i < labels.length; i += atOnce) {
        const part = await run(points.slice(i * size, (i + atOnce) * size), labels.slice(i, i + atOnce));
        logits.set(part.logits, i * classes);
        uphill.set(part.uphill, i * size);
      }
      return { logits, uphill };
    },
  };
}
