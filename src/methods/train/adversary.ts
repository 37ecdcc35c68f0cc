/** @file The attack inside adversarial training: projected gradient steps with the network's weights as inputs. */

import { float32Tensor } from "../../graph/tensor.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Builder, Graph, Tensor, Value } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { add, div, mul, sub } from "../../ops/rules.ts";
import { simplify } from "../../ops/simplify.ts";
import type { Rng } from "../../random/rng.ts";
import type { Compile, Session } from "../../runtime/session.ts";
import { gradient } from "../../transforms/gradient.ts";
import type { Batch } from "../problem.ts";
import { forward, type Model } from "./architectures.ts";
import type { Method } from "./config.ts";
import { crossEntropy, pixelBox } from "./losses.ts";
import { labelTensor } from "./samples.ts";
import { batchInputs } from "./step.ts";

export type PgdOptions = Extract<Method, { readonly kind: "pgd" }>;

/**
 * One projected gradient step. Inputs: `images` (where the attack is), `clean`, `labels`, `theta`, `epsilon`, `stepSize`.
 * Output: `next`, in the ball around `clean` and in [0, 1].
 *
 * @source Madry et al. 2018, arXiv:1706.06083
 */
export function attackStep(model: Model, norm: PgdOptions["norm"]): Graph {
  const { b, images, labels, theta, values, target } = batchInputs(model);
  const clean = b.input("clean", images.shape);
  const epsilon = b.input("epsilon", []);
  const stepSize = b.input("stepSize", []);
  const [slope] = gradient(b, crossEntropy(b, forward(b, model, values, images), target), [images]);
  const next =
    norm === "linf"
      ? intoBox(b, add(b, images, mul(b, b.emit("Sign", [slope!]), stepSize)), clean, epsilon)
      : intoBall(b, add(b, images, mul(b, unit(b, slope!), stepSize)), clean, epsilon);
  return simplify(makeGraph([images, clean, labels, theta, epsilon, stepSize], [{ name: "next", value: next }]));
}

function intoBox(b: Builder, x: Value, clean: Value, epsilon: Value): Value {
  const { lower, upper } = pixelBox(b, clean, epsilon);
  return b.emit("Min", [b.emit("Max", [x, lower]), upper]);
}

/** First the ball, then [0, 1]: the clean image lies in both, so the second step does not leave the ball. */
function intoBall(b: Builder, x: Value, clean: Value, epsilon: Value): Value {
  const away = sub(b, x, clean);
  const factor = b.emit("Min", [div(b, epsilon, length(b, away)), b.constant(1)]);
  return b.emit("Clip", [add(b, clean, mul(b, away, factor))], { min: 0, max: 1 });
}

/** Euclidean length of each sample, [N, 1, …]; never 0. */
function length(b: Builder, x: Value): Value {
  const axes = x.shape.map((_, axis) => axis).slice(1);
  const squares = b.emit("ReduceSum", [mul(b, x, x)], { axes, keepdims: true });
  return add(b, b.emit("Sqrt", [squares]), b.constant(1e-12));
}

const unit = (b: Builder, x: Value): Value => div(b, x, length(b, x));

/** The loss of each sample. Inputs: `images`, `labels`, `theta`; output: `loss` [N]. */
export function sampleLoss(model: Model): Graph {
  const { b, images, labels, theta, values, target } = batchInputs(model);
  const loss = crossEntropy(b, forward(b, model, values, images), target);
  return simplify(makeGraph([images, labels, theta], [{ name: "loss", value: loss }]));
}

/** Projection of a start into [0, 1] and, for linf, the box. */
function startGraph(shape: readonly number[], norm: PgdOptions["norm"]): Graph {
  const b = builder();
  const images = b.input("images", ["N", ...shape]);
  const clean = b.input("clean", ["N", ...shape]);
  const epsilon = b.input("epsilon", []);
  const next = norm === "linf" ? intoBox(b, images, clean, epsilon) : intoBall(b, images, clean, epsilon);
  return simplify(makeGraph([images, clean, epsilon], [{ name: "next", value: next }]));
}

export interface Adversary {
  /** The batch moved to where the loss is large: within `epsilon` of the clean images, in [0, 1]. */
  attack(batch: Batch, theta: Tensor, epsilon: number, random: Rng): Promise<Batch>;
}

/** Compiles the attack once; its parts are shared by all batches. */
export async function makeAdversary(model: Model, options: PgdOptions, compile: Compile): Promise<Adversary> {
  const named = (graph: Graph, name: string) => compile(graph, { float: "float32", name });
  const step = await named(attackStep(model, options.norm), "attack step");
  const start = options.randomStart
    ? await named(startGraph(model.inputShape, options.norm), "attack start")
    : undefined;
  const loss = options.restarts > 1 ? await named(sampleLoss(model), "attack loss") : undefined;
  return {
    async attack(batch, theta, epsilon, random) {
      const once = (restart: number) =>
        pgd({ step, start }, options, batch, theta, epsilon, random.split(`restart/${restart}`));
      const best = await once(0);
      if (!loss) return { ...batch, images: best };
      const losses = async (images: Tensor) =>
        (await loss.run({ images, labels: labelTensor(batch), theta }))["loss"]!.data;
      const worst = Float32Array.from(await losses(best));
      for (let restart = 1; restart < options.restarts; restart++) {
        const other = await once(restart);
        keepWorse(best, worst, other, await losses(other));
      }
      return { ...batch, images: best };
    },
  };
}

async function pgd(
  sessions: { readonly step: Session; readonly start: Session | undefined },
  options: PgdOptions,
  batch: Batch,
  theta: Tensor,
  epsilon: number,
  random: Rng,
): Promise<Tensor> {
  const number = (value: number) => float32Tensor([], Float32Array.of(value));
  const { images: clean } = batch;
  const stepSize = (options.stepSize ?? (2.5 * options.epsilon) / options.steps) * (epsilon / options.epsilon || 0);
  const fixed = { clean, epsilon: number(epsilon) };
  let images = clean;
  if (sessions.start) {
    const away = randomOffsets(clean, options.norm, epsilon, random);
    images = (await sessions.start.run({ ...fixed, images: away }))["next"]!;
  }
  const labels = labelTensor(batch);
  for (let t = 0; t < options.steps; t++)
    images = (await sessions.step.run({ ...fixed, images, labels, theta, stepSize: number(stepSize) }))["next"]!;
  return images;
}

/** Uniform in the box, or in the Euclidean ball, around each image. */
function randomOffsets(clean: Tensor, norm: PgdOptions["norm"], epsilon: number, random: Rng): Tensor {
  const out = new Float32Array(clean.data.length);
  if (norm === "linf") {
    random.fillUniform(out, -epsilon, epsilon);
  } else {
    const size = out.length / clean.shape[0]!;
    random.fillNormal(out);
    for (let from = 0; from < out.length; from += size) {
      const sample = out.subarray(from, from + size);
      const norm2 = Math.sqrt(sample.reduce((sum, value) => sum + value * value, 0));
      const factor = (epsilon * random.uniform() ** (1 / size)) / norm2;
      for (let i = 0; i < size; i++) sample[i]! *= factor;
    }
  }
  for (let i = 0; i < out.length; i++) out[i]! += clean.data[i]!;
  return float32Tensor(clean.shape, out);
}

/** Overwrites samples of `best` (whose losses are `worst`) where `other` has a larger loss. */
function keepWorse(best: Tensor, worst: Float32Array, other: Tensor, losses: Tensor["data"]): void {
  const size = best.data.length / worst.length;
  for (let n = 0; n < worst.length; n++) {
    if (losses[n]! <= worst[n]!) continue;
    worst[n] = losses[n]!;
    best.data.set(other.data.subarray(n * size, (n + 1) * size), n * size);
  }
}
