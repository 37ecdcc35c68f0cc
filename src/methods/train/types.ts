/** @file What a training method is: a loss as a graph, the numbers that change it, and the points that it is taken at. */

import type { z } from "zod";
import type { Builder, Tensor, Value } from "../../graph/types.ts";
import type { Rng } from "../../random/rng.ts";
import type { Compile } from "../../runtime/session.ts";
import type { Batch } from "../../spec/classification.ts";
import type { MethodDescription } from "../method.ts";
import type { Classifier, TrainableModel } from "./model.ts";

/** What schedules give for a step, by name: numbers that the loss's graph takes. `epsilon` is the radius that is told. */
export type Numbers = Readonly<Record<string, number>>;

/** A batch in a training graph. */
export interface BatchValues {
  /** [N, …input], pixels in [0, 1]. */
  readonly images: Value;
  /** [N, …input]: what the adversary makes of the images; the images themselves where the method has none. */
  readonly points: Value;
  /** [N, classes]: the labels as rows of the identity. */
  readonly target: Value;
}

/** The loss of each sample, [N]; a step lowers its mean. What is added to all samples alike is a penalty. */
export type Loss = (
  b: Builder,
  network: Classifier,
  batch: BatchValues,
  numbers: Readonly<Record<string, Value>>,
) => Value;

/** Finds the points of a batch, in runs of their own before the step's. */
export type Adversary = (batch: Batch, theta: Tensor, numbers: Numbers, random: Rng) => Promise<Tensor>;

/** Other parameters near these, [P], made of them and the slope of the mean loss there, [P]. */
export type Neighbour = (b: Builder, theta: Value, slope: Value, numbers: Readonly<Record<string, Value>>) => Value;

/** What is minimised, once the options are known. */
export interface Objective {
  readonly loss: Loss;
  /** Of a method with two gradients a step: the parameters whose slope is followed in place of that at the present ones. */
  readonly followed?: Neighbour;
  /** The numbers of the loss after so many epochs, which may be a fraction. */
  at(epoch: number): Numbers;
  /** Compiled once for a network. */
  readonly adversary?: (model: TrainableModel, compile: Compile) => Promise<Adversary>;
  /** Radius at which interval bounds count samples after every epoch. */
  readonly certifiedRadius?: number;
}

export interface TrainingMethod<Id extends string = string, Options extends z.ZodRawShape = z.ZodRawShape>
  extends MethodDescription {
  readonly id: Id;
  /** What a recipe's `method` takes beside `kind`, each with its meaning; defaults are the source's. */
  readonly options: z.ZodObject<Options>;
  objective(options: z.output<z.ZodObject<Options>>): Objective;
}

/** Checks the record's type. */
export const defineTrainingMethod = <Id extends string, Options extends z.ZodRawShape>(
  method: TrainingMethod<Id, Options>,
): TrainingMethod<Id, Options> => method;
