/** @file One compiled graph for every gradient attack: logits, and the direction in which the loss rises. */

import { makeGraph } from "../../graph/traverse.ts";
import type { Builder, Graph, Tensor, Value } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { add, mul, sub } from "../../ops/rules.ts";
import { fitOf, MEMORY_BUDGET, MemoryError, shortOfMemory } from "../../runtime/memory.ts";
import type { Runtime } from "../../runtime/session.ts";
import { gradient } from "../../transforms/gradient.ts";
import { UnsupportedReading } from "../../transforms/unsupported.ts";
import type { Network } from "../network.ts";
import { noGradient } from "../no-gradient.ts";
import type { AttackLoss } from "./types.ts";

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

/** The network's answers alone, where no gradient is wanted. */
export interface Scores {
  /** @param points [n, …input] @returns [n, classes] */
  logits(points: Float32Array): Promise<Float32Array>;
}

/**
 * Inputs `x` (the network's) and `onehot` [N, classes]; outputs `logits` and `uphill`.
 * @throws UnsupportedReading naming the node that has no derivative, or where none reaches the input
 */
export function lossGradientGraph(network: Network, loss: AttackLoss): Graph {
  const b = builder();
  const onehot = b.input("onehot", network.logits.shape);
  const [uphill] = gradient(b, network.logits, [network.input], cotangent(b, network.logits, onehot, loss));
  if (!uphill) throw noGradient(network);
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
 * @throws UnsupportedReading as `lossGradientGraph`; MemoryError where one input does not fit
 */
export async function compileLossGradient(
  network: Network,
  runtime: Pick<Runtime, "compile">,
  loss: AttackLoss,
  memoryBudget = MEMORY_BUDGET,
): Promise<LossGradient> {
  const { classes } = network;
  const graph = lossGradientGraph(network, loss);
  const atOnce = inputsAtOnce(network, graph, memoryBudget, "one input's gradient");
  const session = await runtime.compile(graph, { float: "float32", name: "loss gradient" });
  return {
    async at(points, labels) {
      const logits = new Float32Array(labels.length * classes);
      const uphill = new Float32Array(points.length);
      await inRuns(network, points, atOnce, async (input, from, n) => {
        const onehot = new Float32Array(n * classes);
        for (let i = 0; i < n; i++) onehot[i * classes + labels[from + i]!] = 1;
        const found = await session.run({
          [network.input.name]: input,
          onehot: { dtype: "float", shape: [n, classes], data: onehot },
        });
        logits.set(found["logits"]!.data, from * classes);
        uphill.set(found["uphill"]!.data, (from * points.length) / labels.length);
      });
      return { logits, uphill };
    },
  };
}

/** @throws MemoryError where one input does not fit */
export async function compileScores(
  network: Network,
  runtime: Pick<Runtime, "compile">,
  memoryBudget = MEMORY_BUDGET,
): Promise<Scores> {
  const { classes } = network;
  const atOnce = inputsAtOnce(network, network.graph, memoryBudget, "one input's answer");
  const session = await runtime.compile(network.graph, { float: "float32", name: "scores" });
  const output = network.graph.outputs[0]!.name;
  return {
    async logits(points) {
      const size = sampleSize(network);
      const logits = new Float32Array((points.length / size) * classes);
      await inRuns(network, points, atOnce, async (input, from) => {
        logits.set((await session.run({ [network.input.name]: input }))[output]!.data, from * classes);
      });
      return logits;
    },
  };
}

const sampleSize = ({ input }: Network): number =>
  (input.shape.slice(1) as readonly number[]).reduce((product, dim) => product * dim, 1);

/** As many as fit the budget; a model whose file fixes the batch runs one input at a time. */
function inputsAtOnce(network: Network, graph: Graph, memoryBudget: number, what: string): number {
  const fit = fitOf(graph, memoryBudget);
  if (fit.atOnce === 0) throw new MemoryError(shortOfMemory(what, fit.least, memoryBudget));
  return typeof network.input.shape[0] === "number" ? network.input.shape[0] : fit.atOnce;
}

async function inRuns(
  network: Network,
  points: Float32Array,
  atOnce: number,
  run: (input: Tensor, from: number, count: number) => Promise<void>,
): Promise<void> {
  const sample = network.input.shape.slice(1) as readonly number[];
  const size = sampleSize(network);
  const count = points.length / size;
  for (let from = 0; from < count; from += atOnce) {
    const n = Math.min(atOnce, count - from);
    const data = n === count ? points : points.slice(from * size, (from + n) * size);
    await run({ dtype: "float", shape: [n, ...sample], data }, from, n);
  }
}

/** Undefined where there is no gradient to follow: a step on every way to the input, or an op without derivative. */
export async function lossGradientIfAny(
  ...of: Parameters<typeof compileLossGradient>
): Promise<LossGradient | undefined> {
  try {
    return await compileLossGradient(...of);
  } catch (error) {
    if (!(error instanceof UnsupportedReading)) throw error;
    return undefined;
  }
}
