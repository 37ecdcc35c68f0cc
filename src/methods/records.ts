/** @file What methods examine, and the records that come of it, input by input. */

import type { PlainRecord } from "../runtime/jobs.ts";
import type { Box } from "../spec/types.ts";
import type { UnknownReason, Verdict } from "../spec/verdict.ts";
import type { Network } from "./network.ts";
import type { Original } from "./original.ts";
import type { Agreement } from "./reading/agreement.ts";

export interface Chunk {
  /** [n · size], pixels in the network's layout. */
  readonly images: Float32Array;
  /** [n]; where the data has none, the model's own answers. */
  readonly labels: Int32Array;
  /** [n]: the inputs' places in the data set. */
  readonly indices: Int32Array;
  /** [n]: the classes a targeted attack is to reach. */
  readonly targets?: Int32Array;
  /** The set of each input where it is a box of its own, as the images lie: float32 ends, the input inside. */
  readonly box?: Box;
}

/** A model as methods see it, and the file as it is. */
export interface Subject {
  readonly network: Network;
  readonly original: Original;
  /** That the network is what the file computes. */
  readonly agreement: Agreement;
}

export interface Prediction {
  readonly predicted: number;
  /** Of the label; ≤ 0 where another class wins. */
  readonly margin: number;
  /** Standard deviation of the scores over the classes: margins in it do not depend on the scores' scale. */
  readonly spread: number;
  /** Softmax probability of the answer; 0 where some score is no number. */
  readonly confidence: number;
}

/** What an attack came to, after its witness was run again through the model file. */
export interface AttackRecord {
  readonly falsified: boolean;
  readonly predicted: number;
  /** Of the label, at the best point found: by the model file where falsified, by the network otherwise. */
  readonly margin: number;
  /** Of the witness; 0 without one. */
  readonly distance: number;
  /** Softmax probability of the model file's answer to the witness; 0 without one. */
  readonly confidence: number;
  readonly queries: number;
  /** Some output for the witness is not a number. */
  readonly notANumber: boolean;
  /** The gradient was exactly 0 wherever it was taken: the search went on without it. */
  readonly zeroGradient: boolean;
  /** The attack thought it had succeeded, but the model file disagreed. */
  readonly refuted: boolean;
  readonly witness: Float32Array | undefined;
  /** Nothing was found until time ended, which was before the search did. */
  readonly unfinished?: true;
}

/** A point of the set, drawn without the network, that the model file gets wrong. */
export type Sampled = AttackRecord & PlainRecord & { readonly witness: Float32Array };

export interface BoundRecord {
  /** By bounds alone; with its arithmetic, so that only what covers rounding can be read as a proof. */
  readonly verdict: Verdict;
  /** What a few points of the set came to on the model file: a point that it gets wrong is a witness, whatever the bound. */
  readonly sampled: Sampled | null;
}

/** Why there is no record of an input. */
export type Unanswered = Extract<
  UnknownReason,
  "timeout" | "time-budget" | "interrupted" | "memory" | "internal-error"
>;

export const UNANSWERED_WORDS = {
  timeout: "the limit of time for one input",
  "time-budget": "time budget",
  interrupted: "the run was interrupted",
  memory: "not enough memory",
  "internal-error": "an internal error",
} as const satisfies Readonly<Record<Unanswered, string>>;

/** What came of one input: a time-out, and an error of one method, are answers; they end nothing else. */
export type Answer<R> =
  | { readonly kind: "done"; readonly record: R; readonly seconds: number }
  | {
      readonly kind: "timeout";
      readonly reason?: "timeout" | "time-budget" | "interrupted";
      /** How far it came. */
      readonly record?: R;
    }
  | { readonly kind: "failed"; readonly reason: "memory" | "internal-error" };

/** What there is of an answer. */
export const recordOf = <R>(answer: Answer<R>): R | undefined => (answer.kind === "failed" ? undefined : answer.record);

export const unansweredReason = (answer: Exclude<Answer<unknown>, { readonly kind: "done" }>): Unanswered =>
  answer.reason ?? "timeout";
