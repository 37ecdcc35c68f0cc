/** @file The attack inside adversarial training: projected gradient steps with the network's weights as inputs. */

import { float32Tensor } from "../../graph/tensor.ts";
import { makeGraph, pruneInputs } from "../../graph/traverse.ts";
import type { Builder, Graph, Tensor, Value } from "../../graph/types.ts";
import { simplify } from "../../ops/simplify.ts";
import type { Rng } from "../../random/rng.ts";
import type { Compile } from "../../runtime/session.ts";
import { type Ball, ballOf, stepUphill } from "../../spec/ball.ts";
import type { Batch } from "../../spec/classification.ts";
import { gradient } from "../../transforms/gradient.ts";
import { labelTensor } from "../samples.ts";
import type { Classifier, TrainableModel } from "./model.ts";
import { taken, trainingInputs } from "./step.ts";
import type { Adversary, BatchValues } from "./types.ts";

export interface AscentOptions {
  readonly norm: "linf" | "l2";
  readonly steps: number;
  /** Length of a step, in radii. */
  readonly relativeStep: number;
  /** Of which the point with the largest loss is taken. */
  readonly restarts: number;
  /** Begin at a random point of the ball, else at the image. */
  readonly randomStart: boolean;
}

/** What is ascended: a loss of each sample, [N]. */
export type PointLoss = (b: Builder, network: Classifier, batch: BatchValues) => Value;

/** Inputs: `points`, `labels`, `theta`, and `images` where the loss reads them. Outputs: `loss` [N], and its slope `uphill`. */
export function ascentGraph(model: TrainableModel, loss: PointLoss): { readonly slope: Graph; readonly losses: Graph } {
  const { b, images, labels, theta, network, target } = trainingInputs(model);
  const points = b.input("points", images.shape);
  const value = loss(b, network, { images, points, target });
  const graphOf = (name: string, output: Value) =>
    simplify(pruneInputs(makeGraph([images, points, labels, theta], [{ name, value: output }])));
  return { slope: graphOf("uphill", gradient(b, value, [points])[0]!), losses: graphOf("loss", value) };
}

/**
 * Points of the ball of radius `epsilon` (of the step's numbers) around each image, in [0, 1], to which gradient steps
 * uphill on the loss lead.
 *
 * @source Madry et al. 2018, arXiv:1706.06083
 */
export const ascent =
  (loss: PointLoss, options: AscentOptions) =>
  async (model: TrainableModel, compile: Compile): Promise<Adversary> => {
    const graphs = ascentGraph(model, loss);
    const slope = await compile(graphs.slope, { float: "float32", name: "attack step" });
    const losses =
      options.restarts > 1 ? await compile(graphs.losses, { float: "float32", name: "attack loss" }) : undefined;
    return async (batch, theta, { epsilon = 0 }, random) => {
      if (epsilon === 0) return batch.images;
      const ball = ballOf({ norm: options.norm, epsilon, domain: [0, 1] });
      const fixed = { images: batch.images, labels: labelTensor(batch), theta };
      const uphill = async (points: Tensor) =>
        (await slope.run(taken(slope, { ...fixed, points })))["uphill"]!.data as Float32Array;
      const once = (restart: number) => climb(ball, options, batch, uphill, random.split(`restart/${restart}`));
      const best = await once(0);
      if (!losses) return best;
      const lossOf = async (points: Tensor) =>
        (await losses.run(taken(losses, { ...fixed, points })))["loss"]!.data as Float32Array;
      const worst = Float32Array.from(await lossOf(best));
      for (let restart = 1; restart < options.restarts; restart++) {
        const other = await once(restart);
        keepWorse(best, worst, other, await lossOf(other));
      }
      return best;
    };
  };

async function climb(
  ball: Ball,
  { steps, relativeStep, randomStart }: AscentOptions,
  { images, labels }: Batch,
  uphill: (points: Tensor) => Promise<Float32Array>,
  random: Rng,
): Promise<Tensor> {
  const clean = images.data as Float32Array;
  const size = clean.length / labels.length;
  const each = (pointOf: (own: (values: Float32Array) => Float32Array) => void): void => {
    for (let from = 0; from < clean.length; from += size) pointOf((values) => values.subarray(from, from + size));
  };
  // two in turn: fresh memory for every step is a tenth of its time
  const [start, other] = [new Float32Array(clean.length), new Float32Array(clean.length)];
  if (randomStart) each((own) => own(start).set(ball.randomStart(own(clean), random)));
  else start.set(clean);
  let [points, next] = [start, other];
  const length = relativeStep * ball.threat.epsilon;
  for (let step = 0; step < steps; step++) {
    const direction = await uphill(float32Tensor(images.shape, points));
    each((own) => stepUphill(ball, own(clean), own(points), own(direction), length, own(next)));
    [points, next] = [next, points];
  }
  return float32Tensor(images.shape, points);
}

/** Overwrites samples of `best` (whose losses are `worst`) where `other` has a larger loss. */
function keepWorse(best: Tensor, worst: Float32Array, other: Tensor, losses: Float32Array): void {
  const size = best.data.length / worst.length;
  for (let n = 0; n < worst.length; n++) {
    if (losses[n]! <= worst[n]!) continue;
    worst[n] = losses[n]!;
    best.data.set(other.data.subarray(n * size, (n + 1) * size), n * size);
  }
}
