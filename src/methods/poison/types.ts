/** @file The contract of poisonings: what an attacker does to pictures, and to a training set. */

import type { Rng } from "../../random/rng.ts";
import type { Compile } from "../../runtime/session.ts";
import type { MethodDescription } from "../method.ts";
import type { Network } from "../network.ts";
import type { PoisonConfig } from "./config.ts";

/** Pictures [count, C, H, W], pixels in [0, 1]. */
export interface Pictures {
  readonly images: Float32Array;
  /** Of one picture: [C, H, W]. */
  readonly shape: readonly [channels: number, height: number, width: number];
}

/** A clean network of the task, for poisonings that perturb pictures where such a network is unsure. */
export interface Surrogate {
  readonly network: Network;
  readonly compile: Compile;
}

/** A trigger with its random parts (patterns, warping fields) drawn. */
export interface Trigger {
  /** Copies with the trigger as it is shown at test time: always the same for the same picture. */
  apply(pictures: Pictures): Float32Array;
  /**
   * Copies as they are put into the training set, where that differs (parts of the trigger are left out at random).
   * Default: `apply`.
   * @throws SamplesError when the kind needs a surrogate and there is none, or one that does not fit
   */
  applyInTraining?(pictures: Pictures, random: Rng, surrogate?: Surrogate): Float32Array | Promise<Float32Array>;
  /** Copies that look alike but must not trigger: they keep their label in training. Absent where there are none. */
  cover?(pictures: Pictures, random: Rng): Float32Array;
}

/** One kind of poisoning: a file each, listed in index.ts. */
export interface PoisonKind<C extends PoisonConfig = PoisonConfig> extends Omit<MethodDescription, "id"> {
  readonly kind: C["kind"];
  /** Clean label: only pictures that are of the target class already are poisoned; labels stay true. */
  readonly cleanLabel: boolean;
  /** It perturbs pictures by a clean network of the task: without one it does not train. */
  readonly needsSurrogate?: true;
  /** The file of that network, where the options name it. */
  surrogate?(config: C): string | undefined;
  /** The only class that the trigger is meant to work on. Absent: all. */
  sourceClass?(config: C): number | undefined;
  /** Share of the training images that are covers. Absent: none. */
  coverRate?(config: C): number;
  /**
   * @param random keyed by the training seed: all draws of one model's trigger come from here
   * @throws SamplesError when the trigger does not fit the pictures
   */
  trigger(config: C, shape: Pictures["shape"], random: Rng): Trigger;
}
