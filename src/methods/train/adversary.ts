/** @file The attack inside adversarial training: projected gradient steps with the network's weights as inputs. */

import { float32Tensor } from "../../graph/tensor.ts";
import { makeGraph, pruneInputs } from "../../graph/traverse.ts";
import type { Builder, Graph, InputValue, Tensor, Value } from "../../graph/types.ts";
import { add, mul } from "../../ops/rules.ts";
import { simplify } from "../../ops/simplify.ts";
import type { Rng } from "../../random/rng.ts";
import type { Compile, Feeds, Session } from "../../runtime/session.ts";
import { type Ball, ballOf, endsOf, stepUphill } from "../../spec/ball.ts";
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

/** A step to the sign of the slope, clamped to the ends of the set: the whole of it where the set is a box. */
function boxedStep(
  b: Builder,
  points: Value,
  slope: Value,
): { readonly ports: readonly InputValue[]; readonly next: Value } {
  const ends = [b.input("lower", points.shape), b.input("upper", points.shape)] as const;
  const length = b.input("length", []);
  const moved = add(b, points, mul(b, b.emit("Sign", [slope]), length));
  return { ports: [...ends, length], next: b.emit("Min", [b.emit("Max", [moved, ends[0]]), ends[1]]) };
}

/**
 * Inputs: `points`, `labels`, `theta`, and `images` where the loss reads them. Outputs: of `losses` the `loss` [N]; of `step`
 * its slope `uphill`, or in linf where a step leads, `next`, for which it also takes `length` and the ends of the set,
 * `lower` and `upper`: there the runtime is faster than a loop over pixels.
 */
export function ascentGraph(
  model: TrainableModel,
  loss: PointLoss,
  norm: AscentOptions["norm"],
): { readonly step: Graph; readonly losses: Graph } {
  const { b, images, labels, theta, network, target } = trainingInputs(model);
  const points = b.input("points", images.shape);
  const value = loss(b, network, { images, points, target });
  const slope = gradient(b, value, [points])[0]!;
  const graphOf = (name: string, output: Value, ports: readonly InputValue[] = []) =>
    simplify(pruneInputs(makeGraph([images, points, labels, theta, ...ports], [{ name, value: output }])));
  const losses = graphOf("loss", value);
  if (norm !== "linf") return { step: graphOf("uphill", slope), losses };
  const { ports, next } = boxedStep(b, points, slope);
  return { step: graphOf("next", next, ports), losses };
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
    const graphs = ascentGraph(model, loss, options.norm);
    const step = await compile(graphs.step, { float: "float32", name: "attack step" });
    const losses =
      options.restarts > 1 ? await compile(graphs.losses, { float: "float32", name: "attack loss" }) : undefined;
    return async (batch, theta, { epsilon = 0 }, random) => {
      if (epsilon === 0) return batch.images;
      const ball = ballOf({ norm: options.norm, epsilon, domain: [0, 1] });
      const fixed = { images: batch.images, labels: labelTensor(batch), theta };
      const once = (restart: number) =>
        climb(ball, options, batch.images, { step, fixed }, random.split(`restart/${restart}`));
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
  { norm, steps, relativeStep, randomStart }: AscentOptions,
  images: Tensor,
  { step, fixed }: { readonly step: Session; readonly fixed: Feeds },
  random: Rng,
): Promise<Tensor> {
  const clean = images.data as Float32Array;
  const tensor = (values: Float32Array) => float32Tensor(images.shape, values);
  const length = relativeStep * ball.threat.epsilon;
  const size = clean.length / (images.shape[0] as number);
  /** The points of a batch, one made of each image. */
  const each = (pointOf: (own: (values: Float32Array) => Float32Array) => Float32Array): Float32Array => {
    const points = new Float32Array(clean.length);
    for (let from = 0; from < clean.length; from += size)
      points.set(
        pointOf((values) => values.subarray(from, from + size)),
        from,
      );
    return points;
  };
  let feeds = fixed;
  if (norm === "linf") {
    const { lower, upper } = endsOf(ball.threat, clean);
    feeds = {
      ...fixed,
      lower: tensor(lower),
      upper: tensor(upper),
      length: float32Tensor([], Float32Array.of(length)),
    };
  }
  let points = randomStart ? each((own) => ball.randomStart(own(clean), random)) : clean;
  for (let i = 0; i < steps; i++) {
    const { next, uphill } = await step.run(taken(step, { ...feeds, points: tensor(points) }));
    points = next
      ? (next.data as Float32Array)
      : each((own) => stepUphill(ball, own(clean), own(points), own(uphill!.data as Float32Array), length));
  }
  return tensor(points);
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
