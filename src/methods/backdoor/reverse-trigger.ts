/**
 * @file Reverse engineering of a trigger: a mask and a pattern that send inputs to one class, found by gradient steps.
 *
 * Mask (one number a pixel, shared by its channels) and pattern lie in one vector of free numbers, θ; tanh brings them
 * into their range. One minibatch is one run of one graph: stamped inputs, loss, gradient and Adam's update.
 */

import { sizeOf } from "../../graph/dims.ts";
import { float32Tensor, intTensor } from "../../graph/tensor.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Builder, Graph, Tensor, Value } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { add, mul, reshape, sub } from "../../ops/rules.ts";
import { simplify } from "../../ops/simplify.ts";
import type { Rng } from "../../random/rng.ts";
import type { Runtime } from "../../runtime/session.ts";
import { gradient } from "../../transforms/gradient.ts";
import { type Network, substitute } from "../network.ts";
import { noGradient } from "../no-gradient.ts";
import { crossEntropy, oneHot } from "../train/losses.ts";
import { numberFeeds, type Optimiser, stepNumbers, updatePorts } from "../train/optimisers.ts";
import { countTrue, isCorrect } from "../train/step.ts";
import { type CaseFacts, DetectorError } from "./types.ts";

/** Keeps tanh's inverse finite at the ends of the range; the official code's, which is Keras's. */
const EPSILON = 1e-7;

/** Keras's ε; the betas are those of the official code. */
export const ADAM: Optimiser = { kind: "adam", beta1: 0.5, beta2: 0.9, epsilon: EPSILON, weightDecay: 0 };

/** What a trigger may look like. */
export interface TriggerSpace {
  /** Of one input, in the network's layout. */
  readonly inputShape: readonly number[];
  readonly geometry: CaseFacts["geometry"];
  /** Of the pattern's values. */
  readonly domain: readonly [low: number, high: number];
  /** Numbers in a mask: pixels of a picture, or values of an input that is no picture. */
  readonly maskSize: number;
  readonly patternSize: number;
}

/** @throws DetectorError where values have no range to take a pattern from */
export function triggerSpace({ inputShape, geometry, domain }: CaseFacts): TriggerSpace {
  if (!domain)
    throw new DetectorError(
      "a trigger is searched for within the range of the pixels, and these inputs have none; state the pixel range",
    );
  const patternSize = sizeOf(inputShape);
  return {
    inputShape,
    geometry,
    domain,
    maskSize: geometry ? geometry.height * geometry.width : patternSize,
    patternSize,
  };
}

/** A mask [pixels] in [0, 1] and a pattern [...input]; x with the trigger is (1 − mask)·x + mask·pattern. */
export interface ReversedTrigger {
  readonly mask: Float32Array;
  readonly pattern: Float32Array;
}

// ---------------------------------------------------------------- the free numbers

/** A mask and a pattern drawn uniformly from their ranges, as θ. */
export function randomStart({ maskSize, patternSize }: TriggerSpace, random: Rng): Float32Array {
  const unit = new Float64Array(maskSize + patternSize);
  random.fillUniform(unit, 0, 1);
  return Float32Array.from(unit, (value) => Math.atanh((value - 0.5) * (2 - EPSILON)));
}

export function triggerAt({ maskSize, domain: [low, high] }: TriggerSpace, theta: Float32Array): ReversedTrigger {
  // ε stretches the range by 2.5e-8 beyond both ends
  const unit = theta.map((value) => Math.min(1, Math.max(0, Math.tanh(value) / (2 - EPSILON) + 0.5)));
  return { mask: unit.slice(0, maskSize), pattern: unit.subarray(maskSize).map((value) => low + (high - low) * value) };
}

// ---------------------------------------------------------------- the graph

/** Inputs with the trigger on. */
interface Stamped {
  readonly inputs: Value;
  /** ‖mask‖₁, a number. */
  readonly norm: Value;
}

function stamp(b: Builder, x: Value, theta: Value, space: TriggerSpace): Stamped {
  const { inputShape, maskSize, patternSize, domain } = space;
  const [low, high] = domain;
  const slice = (start: number, size: number) => b.emit("Slice", [theta], { axis: 0, start, size, step: 1 });
  const squash = (value: Value, scale: number, offset: number) =>
    add(b, mul(b, b.emit("Tanh", [value]), b.constant(scale / (2 - EPSILON))), b.constant(offset));
  const mask = squash(slice(0, maskSize), 1, 0.5);
  const pattern = squash(slice(maskSize, patternSize), high - low, (low + high) / 2);
  const away = sub(b, reshape(b, pattern, inputShape), x);
  return {
    inputs: add(b, x, mul(b, shared(b, mask, space), away)),
    norm: b.emit("ReduceSum", [mask], { axes: [0], keepdims: false }),
  };
}

/** The mask [pixels] so that it broadcasts over the channels of an input. */
function shared(b: Builder, mask: Value, { geometry, inputShape, maskSize, patternSize }: TriggerSpace): Value {
  if (!geometry || maskSize === patternSize) return reshape(b, mask, inputShape);
  const { channels, height, width, layout } = geometry;
  if (layout === "NHWC") return reshape(b, mask, [height, width, 1]);
  if (layout === "NCHW") return reshape(b, mask, [1, height, width]);
  const repeated = b.emit("Expand", [reshape(b, mask, [1, maskSize])], { shape: [channels, maskSize] });
  return reshape(b, repeated, inputShape);
}

/** The loss of a batch with the trigger on, and its gradient. */
function objective(b: Builder, network: Network, space: TriggerSpace) {
  const images = b.input("images", network.input.shape);
  const label = b.input("label", [1], "int");
  const theta = b.input("theta", [space.maskSize + space.patternSize]);
  const weight = b.input("weight", []);
  const { inputs, norm } = stamp(b, images, theta, space);
  const { outputs } = substitute(network.graph, new Map([[network.input as Value, inputs]]), [images]);
  const logits = outputs[0]!.value;
  const each = crossEntropy(b, logits, oneHot(b, label, network.classes));
  const total = b.emit("ReduceSum", [each], { axes: [0], keepdims: false });
  // the norm has a slope of its own: with that alone the search would shrink any mask, and call it a trigger
  if (!gradient(b, total, [theta])[0]) throw noGradient(network);
  const [slope] = gradient(b, add(b, total, mul(b, norm, weight)), [theta]);
  return {
    given: [images, label, theta, weight],
    theta,
    slope: slope!,
    measured: [
      { name: "crossEntropy", value: total },
      { name: "hits", value: countTrue(b, isCorrect(b, logits, label)) },
      { name: "norm", value: norm },
    ],
  };
}

/**
 * Inputs: `images` [N, …], `label` [1], `theta`, and `weight`, which multiplies ‖mask‖₁ in the loss. Outputs:
 * `crossEntropy` summed over the batch, `hits` (how many inputs go to the label), `norm` and `gradient`.
 */
export function triggerGradientGraph(network: Network, space: TriggerSpace): Graph {
  const { given, slope, measured } = objective(builder(), network, space);
  return simplify(makeGraph(given, [...measured, { name: "gradient", value: slope }]));
}

/** As the gradient's graph, with Adam's state and step numbers in, and θ and the state after one update out. */
export function triggerStepGraph(network: Network, space: TriggerSpace): Graph {
  const b = builder();
  const { given, theta, slope, measured } = objective(b, network, space);
  const { inputs, outputs } = updatePorts(b, ADAM, theta, slope);
  return simplify(makeGraph([...given, ...inputs], [...measured, ...outputs]));
}

// ---------------------------------------------------------------- running it

/** What a batch said of the trigger before it moved. */
export interface BatchAnswer {
  /** Mean over the batch. */
  readonly crossEntropy: number;
  /** Inputs of the batch that go to the label. */
  readonly hits: number;
  /** ‖mask‖₁ */
  readonly norm: number;
}

/** A trigger on its way; one optimisation from one start. */
export interface TriggerSearch {
  readonly trigger: ReversedTrigger;
  /** One update on a batch. @param images [n, …input]  @param cost λ, the weight of ‖mask‖₁ beside the mean cross-entropy */
  step(images: Tensor, cost: number): Promise<BatchAnswer>;
}

export interface TriggerEngine {
  readonly space: TriggerSpace;
  search(label: number, start: Float32Array, learningRate: number): TriggerSearch;
}

/**
 * @throws DetectorError for a model whose file fixes the batch, and for inputs without a range
 * @throws UnsupportedReading naming the node that has no derivative
 */
export async function compileTriggerEngine(
  network: Network,
  runtime: Pick<Runtime, "compile">,
  facts: CaseFacts,
): Promise<TriggerEngine> {
  const batch = network.input.shape[0];
  if (typeof batch === "number")
    throw new DetectorError(
      `the model's file fixes the batch at ${batch}, and a trigger is fitted to a batch of inputs at once; ` +
        "export the model with a free batch size",
    );
  const space = triggerSpace(facts);
  const session = await runtime.compile(triggerStepGraph(network, space), { float: "float32", name: "trigger step" });
  return {
    space,
    search(label, start, learningRate) {
      const zeros = () => float32Tensor([start.length], new Float32Array(start.length));
      let moving = { theta: float32Tensor([start.length], start), mean: zeros(), square: zeros() };
      let updates = 0;
      const target = intTensor([1], [label]);
      return {
        get trigger() {
          return triggerAt(space, moving.theta.data as Float32Array);
        },
        async step(images, cost) {
          const count = images.shape[0]!;
          const out = await session.run({
            images,
            label: target,
            // the loss is summed over the batch, as the official code does; to Adam that is the mean, but for ε
            ...numberFeeds({ weight: cost * count, ...stepNumbers(ADAM, ++updates, learningRate) }),
            ...moving,
          });
          moving = {
            theta: out["thetaNext"] as typeof moving.theta,
            mean: out["meanNext"] as typeof moving.theta,
            square: out["squareNext"] as typeof moving.theta,
          };
          const value = (name: string) => out[name]!.data[0]!;
          return { crossEntropy: value("crossEntropy") / count, hits: value("hits"), norm: value("norm") };
        },
      };
    },
  };
}
