/** @file What an attack is: from a network and a perturbation set to points of the set that the network gets wrong. */

import type { Runtime } from "../../runtime/session.ts";
import type { Batch } from "../../spec/classification.ts";
import type { Threat } from "../../spec/types.ts";
import type { BallMethod } from "../method.ts";
import type { Network } from "../network.ts";
import { type Configurable, configurable, type Declared, type Settings, withStated, type Zod } from "../options.ts";
import type { Left, Tell } from "../time.ts";

/** What the gradient is taken of. Both are directions: only the gradient's direction is used. */
const LOSSES = ["margin", "cross-entropy"] as const;
export type AttackLoss = (typeof LOSSES)[number];

/** The option of attacks that climb one of them. */
export const attackLoss = (z: Zod) => z.enum(LOSSES).describe("what the attack climbs");

/** What every attack is asked. */
export interface AttackTerms {
  readonly threat: Threat;
  /** Root of all random numbers. */
  readonly seed: number;
  /** Bytes that the intermediate results of one run may take: fewer inputs at a time; results do not depend on it. */
  readonly memoryBudget?: number;
  readonly signal?: AbortSignal;
}

/** Beside the terms: options of the attack, in place of its settings. */
export type AttackOptions = AttackTerms & { readonly [option: string]: unknown };

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
  /** Time ended before the search did. */
  readonly unfinished?: true;
}

/** An attack compiled for one network and set. */
export interface PreparedAttack extends AsyncDisposable {
  /** False where no gradient is ever taken. */
  readonly byGradient?: false;
  /** One attempt an input, in order. @param left when it ends, what was found so far is returned @param tell steps at most, of all starts */
  attack(batch: AttackBatch, left?: Left, tell?: Tell): Promise<readonly Attempt[]>;
}

export interface Attack<S extends Settings = Settings> extends BallMethod, Configurable<Attack<S>, S> {
  /** What it is run with where it need only tell what is broken from what is unknown. */
  readonly quick?: Partial<S>;
  /** What audits run it with. */
  readonly inAudits?: Partial<S>;
  /** @throws UnsupportedReading naming the node that has no derivative */
  prepare(network: Network, runtime: Pick<Runtime, "compile">, options: AttackOptions): Promise<PreparedAttack>;
}

/** An attack before its options are settled. */
export interface AttackDefinition<S extends Settings>
  extends BallMethod,
    Declared<S>,
    Pick<Attack<S>, "quick" | "inAudits"> {
  readonly prepare: (
    network: Network,
    runtime: Pick<Runtime, "compile">,
    options: AttackTerms & S,
  ) => Promise<PreparedAttack>;
}

export const defineAttack = <S extends Settings>({ prepare, ...description }: AttackDefinition<S>): Attack<S> =>
  configurable<S, Attack<S>>("attack", description, (settings) => ({
    ...description,
    prepare: (network: Network, runtime: Pick<Runtime, "compile">, options: AttackOptions) =>
      prepare(network, runtime, withStated<AttackTerms & S>(settings as AttackTerms & S, options)),
  }));

export class AttackError extends Error {
  override readonly name = "AttackError";
  readonly fault = "unsupported";
}
