/** @file The training loop: batches, schedules, steps, progress, checkpoints. */

import { exportOnnx } from "../../formats/onnx/export.ts";
import { float32Tensor } from "../../graph/tensor.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Graph, Tensor } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { type Rng, rng } from "../../random/rng.ts";
import { type Compile, type Feeds, RunError, type Session } from "../../runtime/session.ts";
import type { Network } from "../network.ts";
import { type Poisoned, poisonSamples, poisonStream } from "../poison/poison.ts";
import type { Batch } from "../problem.ts";
import { type Adversary, makeAdversary } from "./adversary.ts";
import { forward, type Model, modelOf } from "./architectures.ts";
import { type RunState, readCheckpoint, runKey, writeCheckpoint } from "./checkpoint.ts";
import type { TrainConfig } from "./config.ts";
import { type Evaluation, evaluate } from "./evaluate.ts";
import { initialParameters } from "./initialise.ts";
import { stateNames, stepNumbers } from "./optimisers.ts";
import { augment, gather, labelTensor, type Samples, SamplesError } from "./samples.ts";
import { kappaAt, learningRateFactor, rampFactor } from "./schedules.ts";
import { trainingStep } from "./step.ts";

/** Where checkpoints are kept; the latest one replaces the one before. */
export interface CheckpointStore {
  load(): Promise<Uint8Array | undefined>;
  /** Must leave either the old or the new checkpoint, whole, whenever it is interrupted. */
  save(bytes: Uint8Array): Promise<void>;
}

export interface TrainDependencies {
  readonly compile: Compile;
  readonly train: Samples;
  /** Accuracy on these is stated after every epoch. */
  readonly validation?: Samples | undefined;
  readonly checkpoints?: CheckpointStore | undefined;
  /** A clean network of the task: what label-consistent poisoning perturbs pictures with. */
  readonly surrogate?: Network | undefined;
  /** When it fires, the run saves a checkpoint and throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds, for times in events; results do not depend on it. */
  readonly now: () => number;
}

export interface Progress {
  /** The epoch at work, from 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** Steps done in this epoch. */
  readonly step: number;
  readonly steps: number;
  /** Mean over the epoch so far, of the loss that is trained. */
  readonly loss: number;
  /** Share of the epoch's samples so far that were classified correctly, as they were trained on. */
  readonly accuracy: number;
  readonly learningRate: number;
  /** Radius in use; 0 for plain training. */
  readonly epsilon: number;
  /** Of training so far, earlier parts of a resumed run included. */
  readonly seconds: number;
  readonly secondsLeft: number;
}

export type TrainEvent =
  | ({ readonly kind: "resume" } & Pick<Progress, "epoch" | "step">)
  | ({ readonly kind: "step" } & Progress)
  | ({ readonly kind: "epoch"; readonly validation: Evaluation | undefined } & Progress)
  | { readonly kind: "done"; readonly result: TrainResult };

export interface TrainResult {
  readonly model: Model;
  /** The flat vector of all parameters. */
  readonly theta: Float32Array;
  /** images → logits, weights as constants, normalisation inside. */
  readonly graph: Graph;
  /** The same as an ONNX file. */
  readonly onnx: Uint8Array;
  readonly seconds: number;
  /** What was done to the training set, where something was. */
  readonly poison: Omit<Poisoned, "samples"> | undefined;
}

/** Training went wrong: the loss is no number any more. */
export class DivergenceError extends Error {
  override readonly name = "DivergenceError";
  readonly fault = "usage";
}

/**
 * Trains a network: the one entry point.
 *
 * Yields `resume` first when a checkpoint was found, `step` after every step, `epoch` after every epoch (when the
 * checkpoint has been saved), `done` last. The result depends on the options, the seed and the data alone: not on being
 * interrupted and resumed, and on one type of CPU not on the machine, bit for bit.
 *
 * @throws CheckpointError when the checkpoint found is of another run; DivergenceError when the loss becomes NaN or
 *   infinite; ArchitectureError, SamplesError when options and data do not fit; the signal's reason when it fires
 */
export async function* runTraining(config: TrainConfig, deps: TrainDependencies): AsyncGenerator<TrainEvent, void> {
  const run = await prepare(config, deps);
  let state = run.initial;
  const saved = await deps.checkpoints?.load();
  if (saved) {
    state = readCheckpoint(saved, run.key, stateNames(config.optimiser), run.model.size);
    yield { kind: "resume", epoch: state.epoch + 1, step: state.step };
  }
  const save = async () => deps.checkpoints?.save(writeCheckpoint(state, run.key));
  while (state.epoch < config.epochs) {
    const order = run.random.split(`epoch/${state.epoch}`).split("order").permutation(run.samples.labels.length);
    while (state.step < run.steps) {
      if (deps.signal?.aborted) {
        await save();
        deps.signal.throwIfAborted();
      }
      const began = deps.now();
      state = await advance(run, state, order).catch((error: unknown) => {
        // sessions refuse NaN: here it can only have grown in the weights, or in an attack with huge ones
        const grown = error instanceof RunError && error.message.includes("holds NaN");
        throw grown ? divergence("the weights are no numbers any more", state) : error;
      });
      state = { ...state, seconds: state.seconds + (deps.now() - began) / 1000 };
      yield { kind: "step", ...progressOf(run, state) };
    }
    const progress = progressOf(run, state);
    state = { ...state, epoch: state.epoch + 1, step: 0, lossSum: 0, correct: 0, seen: 0 };
    await save();
    const validation = deps.validation && (await validate(run, state, deps.validation));
    yield { kind: "epoch", ...progress, validation };
  }
  const graph = trainedGraph(run.model, state.theta);
  const onnx = exportOnnx(graph, { name: config.name ?? config.architecture });
  const { model, poison } = run;
  yield { kind: "done", result: { model, theta: state.theta, graph, onnx, seconds: state.seconds, poison } };
}

/** What does not change during a run. */
interface Run {
  readonly config: TrainConfig;
  readonly compile: Compile;
  readonly model: Model;
  readonly samples: Samples;
  readonly poison: Omit<Poisoned, "samples"> | undefined;
  readonly key: string;
  readonly random: Rng;
  readonly session: Session;
  readonly adversary: Adversary | undefined;
  readonly steps: number;
  readonly initial: RunState;
}

async function prepare(config: TrainConfig, { compile, train, surrogate }: TrainDependencies): Promise<Run> {
  const { architecture, normalisation, method, optimiser, clipNorm, seed } = config;
  const model = modelOf(architecture, train.shape, train.classes, normalisation);
  const random = rng(seed).split("train");
  const limited = config.limit === undefined ? train : firstOf(train, config.limit);
  if (config.augmentation && train.shape.length !== 3)
    throw new SamplesError(`augmentation is for images [C, H, W]; these samples are [${train.shape}]`);
  const { samples, ...poison } = config.poison
    ? await poisonSamples(limited, config.poison, poisonStream(seed), surrogate && { network: surrogate, compile })
    : { samples: limited };
  const step = trainingStep(model, { loss: method.kind === "ibp" ? "ibp" : "plain", optimiser, clipNorm });
  const zeros = () => new Float32Array(model.size);
  return {
    config,
    compile,
    model,
    samples,
    poison: "poisoned" in poison ? poison : undefined,
    key: runKey(config, samples),
    random,
    session: await compile(step, { float: "float32", name: `training step of ${model.name}` }),
    adversary: method.kind === "pgd" ? await makeAdversary(model, method, compile) : undefined,
    steps: Math.ceil(samples.labels.length / config.batch),
    initial: {
      epoch: 0,
      step: 0,
      updates: 0,
      lossSum: 0,
      correct: 0,
      seen: 0,
      seconds: 0,
      theta: initialParameters(model, config.initialisation, random.split("initial")),
      optimiser: Object.fromEntries(stateNames(optimiser).map((name) => [name, zeros()])),
    },
  };
}

function firstOf(samples: Samples, count: number): Samples {
  const size = samples.images.length / samples.labels.length;
  return { ...samples, images: samples.images.subarray(0, count * size), labels: samples.labels.subarray(0, count) };
}

/** Epochs done, with the fraction of the current one. */
const epochsDone = ({ steps }: Run, { epoch, step }: RunState): number => epoch + step / steps;

/** The numbers that schedules give for the next step. */
function scheduled(run: Run, state: RunState) {
  const { learningRate, schedule, warmup, epochs, method } = run.config;
  const at = epochsDone(run, state);
  const ramp = method.kind === "plain" || !method.ramp ? 1 : rampFactor(method.ramp, at);
  return {
    // the middle of the step, so that a warm-up does not begin with a step of length 0
    learningRate: learningRate * learningRateFactor(schedule, at + 0.5 / run.steps, epochs, warmup),
    epsilon: method.kind === "plain" ? 0 : method.epsilon * ramp,
    kappa: method.kind === "ibp" ? kappaAt(method.kappa, ramp) : 1,
  };
}

async function advance(run: Run, state: RunState, order: Int32Array): Promise<RunState> {
  const { config, samples, session } = run;
  const { batch: size, optimiser } = config;
  const places = order.subarray(state.step * size, (state.step + 1) * size);
  const random = run.random.split(`epoch/${state.epoch}`).split(`step/${state.step}`);
  const now = scheduled(run, state);
  const theta = float32Tensor([run.model.size], state.theta);
  const batch = await prepareBatch(run, gather(samples, places), theta, now.epsilon, random);
  const count = places.length;
  const numbers = {
    ...stepNumbers(optimiser, state.updates + 1, now.learningRate),
    share: 1 / count,
    epsilon: now.epsilon,
    kappa: now.kappa,
  };
  const out = await session.run({
    images: batch.images,
    labels: labelTensor(batch),
    theta,
    ...pick(session, numbers),
    ...vectors(state.optimiser),
  });
  const loss = out["loss"]!.data[0]!;
  const thetaNext = out["thetaNext"]!.data as Float32Array;
  // weights that are no numbers show in the next loss, or are refused by the session; the last ones are looked at here
  if (!Number.isFinite(loss)) throw divergence(`the loss is ${loss}`, state);
  if (state.step + 1 === run.steps && !allFinite(thetaNext)) throw divergence("the weights are not finite", state);
  return {
    ...state,
    step: state.step + 1,
    updates: state.updates + 1,
    lossSum: state.lossSum + loss * count,
    correct: state.correct + out["correct"]!.data[0]!,
    seen: state.seen + count,
    theta: thetaNext,
    optimiser: Object.fromEntries(
      Object.keys(state.optimiser).map((name) => [name, out[`${name}Next`]!.data as Float32Array]),
    ),
  };
}

const allFinite = (theta: Float32Array): boolean => theta.every(Number.isFinite);

const divergence = (fact: string, { epoch, step }: RunState): DivergenceError =>
  new DivergenceError(
    `training diverged: ${fact} in epoch ${epoch + 1}, step ${step + 1}; lower the learning rate, or clip the gradient (clipNorm)`,
  );

async function prepareBatch(run: Run, clean: Batch, theta: Tensor, epsilon: number, random: Rng): Promise<Batch> {
  const { augmentation } = run.config;
  const batch = augmentation ? augment(clean, augmentation, random.split("augment")) : clean;
  if (!run.adversary || epsilon === 0) return batch;
  return run.adversary.attack(batch, theta, epsilon, random.split("attack"));
}

/** The numbers that the graph takes, as tensors. */
const pick = (session: Session, numbers: Readonly<Record<string, number>>): Feeds =>
  Object.fromEntries(
    session.inputs
      .filter(({ name }) => Object.hasOwn(numbers, name))
      .map(({ name }) => [name, float32Tensor([], Float32Array.of(numbers[name]!))]),
  );

const vectors = (arrays: RunState["optimiser"]): Feeds =>
  Object.fromEntries(Object.entries(arrays).map(([name, data]) => [name, float32Tensor([data.length], data)]));

/** To be asked before the epoch is closed. */
function progressOf(run: Run, state: RunState): Progress {
  const { epochs } = run.config;
  const share = epochsDone(run, state) / epochs;
  const { learningRate, epsilon } = scheduled(run, { ...state, step: state.step - 1 });
  return {
    epoch: state.epoch + 1,
    epochs,
    step: state.step,
    steps: run.steps,
    loss: state.lossSum / state.seen,
    accuracy: state.correct / state.seen,
    learningRate,
    epsilon,
    seconds: state.seconds,
    secondsLeft: (state.seconds / share) * (1 - share),
  };
}

function validate({ config, model, compile }: Run, { theta }: RunState, samples: Samples): Promise<Evaluation> {
  const { method } = config;
  const epsilon = method.kind === "ibp" ? method.epsilon : undefined;
  return evaluate(model, float32Tensor([model.size], theta), samples, compile, epsilon);
}

/** The network with these weights: `images` [N, C, H, W], pixels in [0, 1], to `logits` [N, classes]. */
export function trainedGraph(model: Model, theta: Float32Array): Graph {
  const b = builder();
  const images = b.input("images", ["N", ...model.inputShape]);
  const values = new Map(
    model.parameters.map((parameter) => {
      const { shape, offset, size } = parameter;
      return [parameter, b.constant(float32Tensor(shape, theta.slice(offset, offset + size)))];
    }),
  );
  return makeGraph([images], [{ name: "logits", value: forward(b, model, values, images) }]);
}
