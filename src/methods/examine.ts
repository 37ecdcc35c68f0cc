/**
 * @file One chunk of inputs examined by one method: what a job computes. Pure functions of the network and the chunk,
 * so that they may run on any thread or machine.
 */

import type { Tensor } from "../graph/types.ts";
import type { PlainRecord } from "../runtime/jobs.ts";
import { marginOf, predictedOf } from "./attack/search.ts";
import type { PreparedAttack } from "./attack/types.ts";
import { recheck } from "./attack/witness.ts";
import type { Network } from "./network.ts";
import { type Original, runOriginal } from "./original.ts";
import type { Threat } from "./problem.ts";
import type { PreparedVerifier, UnknownReason } from "./verify/types.ts";
import { verdictOf } from "./verify/verdict.ts";

export interface Chunk {
  /** [n · size], pixels in the network's layout. */
  readonly images: Float32Array;
  /** [n]; where the data has none, the model's own answers. */
  readonly labels: Int32Array;
  /** [n]: the inputs' places in the data set. */
  readonly indices: Int32Array;
  /** [n]: the classes a targeted attack is to reach. */
  readonly targets?: Int32Array;
}

/** A model as methods see it, and the file as it is. */
export interface Subject {
  readonly network: Network;
  readonly original: Original;
}

export interface Prediction {
  readonly predicted: number;
  /** Of the label; ≤ 0 where another class wins. */
  readonly margin: number;
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
  /** The attack thought it had succeeded, but the model file disagreed. */
  readonly refuted: boolean;
  readonly witness: Float32Array | undefined;
}

export interface BoundRecord {
  readonly verified: boolean;
  /** The smallest lower bound of a margin. */
  readonly lower: number;
  readonly reason: UnknownReason | null;
  /** What is behind the reason, where there is more to say: for people. */
  readonly detail?: string | undefined;
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
  | { readonly kind: "timeout"; readonly reason?: "timeout" | "time-budget" | "interrupted" }
  | { readonly kind: "failed"; readonly reason: "memory" | "internal-error" };

export const unansweredReason = (answer: Exclude<Answer<unknown>, { readonly kind: "done" }>): Unanswered =>
  answer.reason ?? "timeout";

type Plainly<T> = { readonly [K in keyof T]: T[K] } & PlainRecord;

const imagesTensor = ({ original }: Subject, images: Float32Array, count: number): Tensor => ({
  dtype: "float",
  shape: [count, ...original.shape],
  data: images,
});

/** The model file's answers. Without labels, pass a chunk whose labels are all −1. */
export async function predictChunk({ original }: Subject, chunk: Chunk): Promise<Plainly<Prediction>[]> {
  const { classes } = original;
  const logits = await runOriginal(original, chunk.images);
  return Array.from(chunk.labels, (label, row) => {
    const own = label >= 0 ? label : predictedOf(logits, row, classes, 0);
    return { predicted: predictedOf(logits, row, classes, own), margin: marginOf(logits, row, classes, own) };
  });
}

export async function attackChunk(
  subject: Subject,
  attack: PreparedAttack,
  threat: Threat,
  chunk: Chunk,
): Promise<Plainly<AttackRecord>[]> {
  const { images, labels, targets } = chunk;
  const size = images.length / Math.max(1, labels.length);
  const attempts = await attack.attack({ ...chunk, images: imagesTensor(subject, images, labels.length) });
  const successes = attempts.flatMap(({ success }, i) => (success ? [i] : []));
  const checks = await recheck(
    subject.original,
    threat,
    successes.map((i) => ({
      point: attempts[i]!.adversarial,
      centre: images.subarray(i * size, (i + 1) * size),
      label: labels[i]!,
      target: targets?.[i],
    })),
  );
  return attempts.map(({ success, margin, queries }, i) => {
    const check = success ? checks[successes.indexOf(i)]! : undefined;
    const falsified = check?.holds ?? false;
    return {
      falsified,
      refuted: success && !falsified,
      predicted: falsified ? check!.predicted : labels[i]!,
      margin: falsified ? check!.margin : margin,
      distance: falsified ? check!.distance : 0,
      confidence: falsified ? check!.confidence : 0,
      queries,
      witness: falsified ? check!.point : undefined,
    };
  });
}

export async function boundChunk(
  subject: Subject,
  verifier: PreparedVerifier,
  { images, labels }: Chunk,
): Promise<Plainly<BoundRecord>[]> {
  const bounds = await verifier.bounds({ images: imagesTensor(subject, images, labels.length), labels });
  return Array.from(labels, (_, i) => {
    const verdict = verdictOf(bounds, i);
    const lower = verdict.kind === "misclassified" ? Number.NEGATIVE_INFINITY : verdict.margin;
    return {
      verified: verdict.kind === "verified",
      lower,
      reason: verdict.kind === "unknown" ? verdict.reason : null,
      detail: verdict.kind === "unknown" ? verdict.detail : undefined,
    };
  });
}
