/** @file The training loop: batches, schedules, steps, progress, checkpoints. */

import { exportOnnx } from "../../formats/onnx/export.ts";
import { float32Tensor } from "../../graph/tensor.ts";
import type { Graph } from "../../graph/types.ts";
import { type Rng, rng } from "../../random/rng.ts";
import { type Compile, type Feeds, RunError, type Session } from "../../runtime/session.ts";
import type { Network } from "../network.ts";
import { type Poisoned, poisonSamples, poisonStream } from "../poison/poison.ts";
import { augment, firstOf, gather, labelTensor, type Samples, SamplesError } from "../samples.ts";
import { ArchitectureError, modelOf } from "./architectures.ts";
import { type RunState, readCheckpoint, runKey, writeCheckpoint } from "./checkpoint.ts";
import { architectureFile, architectureName, type TrainConfig } from "./config.ts";
import { type Evaluation, evaluate } from "./evaluate.ts";
import { objectiveOf } from "./index.ts";
import { initialParameters } from "./initialise.ts";
import { type TrainableModel, trainedGraph } from "./model.ts";
import { numberFeeds, stateNames, stepNumbers } from "./optimisers.ts";
import { learningRateFactor } from "./schedules.ts";
import { taken, trainingStep } from "./step.ts";
import { drawnAnew, type Start, sameOrder, trainable } from "./trainable.ts";
import type { Adversary, Objective } from "./types.ts";

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
  /** The classifier in the file that the options name as their architecture. */
  readonly pretrained?: Network | undefined;
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
  /** Radius in use; 0 where the method has none. */
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
  readonly model: TrainableModel;
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
  const onnx = exportOnnx(graph, { name: config.name ?? architectureName(config) });
  const { model, poison } = run;
  yield { kind: "done", result: { model, theta: state.theta, graph, onnx, seconds: state.seconds, poison } };
}

/** What does not change during a run. */
interface Run {
  readonly config: TrainConfig;
  readonly compile: Compile;
  readonly model: TrainableModel;
  readonly objective: Objective;
  readonly samples: Samples;
  readonly poison: Omit<Poisoned, "samples"> | undefined;
  readonly key: string;
  readonly random: Rng;
  readonly session: Session;
  readonly adversary: Adversary | undefined;
  readonly steps: number;
  readonly initial: RunState;
}

async function prepare(
  config: TrainConfig,
  { compile, train, surrogate, pretrained }: TrainDependencies,
): Promise<Run> {
  const { method, optimiser, clipNorm, seed } = config;
  const random = rng(seed).split("train");
  const { model, theta } = startOf(config, train, pretrained, random);
  const limited = config.limit === undefined ? train : firstOf(train, config.limit);
  if (config.augmentation && train.shape.length !== 3)
    throw new SamplesError(`augmentation is for images [C, H, W]; these samples are [${train.shape}]`);
  const { samples, ...poison } = config.poison
    ? await poisonSamples(limited, config.poison, poisonStream(seed), surrogate && { network: surrogate, compile })
    : { samples: limited };
  const objective = objectiveOf(method);
  const step = trainingStep(model, { objective, optimiser, clipNorm });
  const zeros = () => new Float32Array(model.size);
  return {
    config,
    compile,
    model,
    objective,
    samples,
    poison: "poisoned" in poison ? poison : undefined,
    key: runKey(config, samples, pretrained?.hash),
    random,
    session: await compile(step, { float: "float32", name: `training step of ${model.name}` }),
    adversary: await objective.adversary?.(model, compile),
    steps: Math.ceil(samples.labels.length / config.batch),
    initial: {
      epoch: 0,
      step: 0,
      updates: 0,
      lossSum: 0,
      correct: 0,
      seen: 0,
      seconds: 0,
      theta,
      optimiser: Object.fromEntries(stateNames(optimiser).map((name) => [name, zeros()])),
    },
  };
}

/** The network and its first weights: drawn, or those of the file. */
function startOf(config: TrainConfig, train: Samples, pretrained: Network | undefined, random: Rng): Start {
  const { architecture, normalisation, initialisation } = config;
  if (typeof architecture === "string") {
    const model = modelOf(architecture, train.shape, train.classes, normalisation);
    return { model, theta: initialParameters(model, initialisation, random.split("initial")) };
  }
  const file = architectureFile(config)!;
  if (!pretrained) throw new ArchitectureError(`the classifier in ${file} is not at hand; train it by itself`);
  const start =
    "like" in architecture
      ? drawnAnew(pretrained, file, initialisation, random.split("initial"))
      : trainable(pretrained, file);
  const { inputShape, classes } = start.model;
  if (!sameOrder(inputShape, train.shape) || train.classes > classes)
    throw new ArchitectureError(
      `${file} takes [${inputShape}] and knows ${classes} classes; the samples are [${train.shape}] of ${train.classes} classes`,
    );
  return start;
}

/** Epochs done, with the fraction of the current one. */
const epochsDone = ({ steps }: Run, { epoch, step }: RunState): number => epoch + step / steps;

/** What schedules give for the next step. */
function scheduled({ config, objective, steps }: Run, at: number) {
  const { learningRate, schedule, warmup, epochs } = config;
  return {
    // the middle of the step, so that a warm-up does not begin with a step of length 0
    learningRate: learningRate * learningRateFactor(schedule, at + 0.5 / steps, epochs, warmup),
    numbers: objective.at(at),
  };
}

async function advance(run: Run, state: RunState, order: Int32Array): Promise<RunState> {
  const { config, samples, session, adversary } = run;
  const { batch: size, optimiser, augmentation } = config;
  const places = order.subarray(state.step * size, (state.step + 1) * size);
  const random = run.random.split(`epoch/${state.epoch}`).split(`step/${state.step}`);
  const { learningRate, numbers } = scheduled(run, epochsDone(run, state));
  const theta = float32Tensor([run.model.size], state.theta);
  const clean = gather(samples, places);
  const varied = augmentation ? augment(clean, augmentation, random.split("augment")) : clean;
  const batch = { ...varied, images: { ...varied.images, shape: [places.length, ...run.model.inputShape] } };
  const points = (await adversary?.(batch, theta, numbers, random.split("attack"))) ?? batch.images;
  const count = places.length;
  const scalars = { ...stepNumbers(optimiser, state.updates + 1, learningRate), ...numbers, share: 1 / count };
  const feeds = {
    images: batch.images,
    points,
    labels: labelTensor(batch),
    theta,
    ...tensors(scalars, state.optimiser),
  };
  const out = await session.run(taken(session, feeds));
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

/** Numbers and vectors, by name. */
const tensors = (numbers: Readonly<Record<string, number>>, vectors: RunState["optimiser"]): Feeds => ({
  ...numberFeeds(numbers),
  ...Object.fromEntries(Object.entries(vectors).map(([name, data]) => [name, float32Tensor([data.length], data)])),
});

const allFinite = (theta: Float32Array): boolean => theta.every(Number.isFinite);

const divergence = (fact: string, { epoch, step }: RunState): DivergenceError =>
  new DivergenceError(
    `training diverged: ${fact} in epoch ${epoch + 1}, step ${step + 1}; lower the learning rate, or clip the gradient (clipNorm)`,
  );

/** To be asked before the epoch is closed. */
function progressOf(run: Run, state: RunState): Progress {
  const { epochs } = run.config;
  const share = epochsDone(run, state) / epochs;
  const { learningRate, numbers } = scheduled(run, epochsDone(run, { ...state, step: state.step - 1 }));
  return {
    epoch: state.epoch + 1,
    epochs,
    step: state.step,
    steps: run.steps,
    loss: state.lossSum / state.seen,
    accuracy: state.correct / state.seen,
    learningRate,
    epsilon: numbers["epsilon"] ?? 0,
    seconds: state.seconds,
    secondsLeft: (state.seconds / share) * (1 - share),
  };
}

const validate = ({ objective, model, compile }: Run, { theta }: RunState, samples: Samples): Promise<Evaluation> =>
  evaluate(model, float32Tensor([model.size], theta), samples, compile, objective.certifiedRadius);
