/** @file What an attack is: from a network and a perturbation set to points of the set that the network gets wrong. */

import type { Runtime } from "../../runtime/session.ts";
import type { Batch } from "../../spec/classification.ts";
import type { Threat } from "../../spec/types.ts";
import type { BallMethod } from "../method.ts";
import type { Network } from "../network.ts";

/** What the gradient is taken of. Both are directions: only the gradient's direction is used. */
export type AttackLoss = "cross-entropy" | "margin";

export interface AttackOptions {
  readonly threat: Threat;
  /** Root of all random numbers. */
  readonly seed: number;
  readonly steps?: number;
  /** In units of epsilon; default 2.5 / steps. */
  readonly relativeStep?: number;
  readonly restarts?: number;
  readonly loss?: AttackLoss;
  /** Bytes that the intermediate results of one run may take: fewer inputs at a time; results do not depend on it. */
  readonly memoryBudget?: number;
  readonly signal?: AbortSignal;
}

/** Labelled inputs with their names, which key the random numbers: results do not depend on what shares a batch. */
export interface AttackBatch extends Batch {
  /** [n] */
  readonly indices: Int32Array;
  /** [n]: the class to reach; without it any class but the label will do. */
  readonly targets?: Int32Array;
}

/** The best point found for one input. */
export interface Attempt {
  /** Whether `margin` ≤ 0. Not yet re-checked on the model file. */
  readonly success: boolean;
  /** A point of the set in float32, [...input]; where nothing succeeded, the one that came nearest. */
  readonly adversarial: Float32Array;
  /** Untargeted: logit of the label minus the best other one. Targeted: the best other one minus the target's. */
  readonly margin: number;
  /** Points at which the network was evaluated. */
  readonly queries: number;
  /** The gradient was exactly 0 wherever it was taken, or was not taken. */
  readonly flat: boolean;
}

/** An attack compiled for one network and set. */
export interface PreparedAttack extends AsyncDisposable {
  /** False where no gradient is ever taken. */
  readonly byGradient?: false;
  /** One attempt an input, in order. */
  attack(batch: AttackBatch): Promise<readonly Attempt[]>;
}

export interface Attack extends BallMethod {
  /** @throws UnsupportedReading naming the node that has no derivative */
  prepare(network: Network, runtime: Pick<Runtime, "compile">, options: AttackOptions): Promise<PreparedAttack>;
}

export class AttackError extends Error {
  override readonly name = "AttackError";
  readonly fault = "unsupported";
}
