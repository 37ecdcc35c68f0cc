/**
 * @file One chunk of inputs examined by one method: what a job computes. Pure functions of the network and the chunk,
 * so that they may run on any thread or machine.
 */

import type { Tensor } from "../graph/types.ts";
import type { PlainRecord } from "../runtime/jobs.ts";
import { classification, marginOf, predictedOf } from "../spec/classification.ts";
import type { Box, Threat } from "../spec/types.ts";
import type { UnknownReason } from "../spec/verdict.ts";
import { verdictOf } from "../spec/verdict.ts";
import type { PreparedAttack } from "./attack/types.ts";
import { recheck } from "./attack/witness.ts";
import type { Network } from "./network.ts";
import { type Original, runOriginal } from "./original.ts";
import { boxAt, type Sampled, sampleSets } from "./points.ts";
import type { Agreement } from "./reading/agreement.ts";
import type { PreparedVerifier } from "./verify/types.ts";

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
}

export interface BoundRecord {
  /** No row is left open: a proof in float32 arithmetic; over the reals it is only `bounded`, and who reads this says so. */
  readonly verified: boolean;
  /** The smallest lower bound of a margin. */
  readonly lower: number;
  readonly reason: UnknownReason | null;
  /** What is behind the reason, where there is more to say: for people. */
  readonly detail?: string | undefined;
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

/** Inputs of a chunk on which file and reading are compared: the first. */
const COMPARED = 64;

/**
 * The model file's answers. Without labels, pass a chunk whose labels are all −1.
 * @throws ReadingError where the network is not what the file computes
 */
export async function predictChunk(subject: Subject, chunk: Chunk): Promise<Plainly<Prediction>[]> {
  const { original, agreement } = subject;
  const { classes } = original;
  const size = chunk.images.length / Math.max(1, chunk.labels.length);
  await agreement.check(chunk.images.subarray(0, COMPARED * size));
  const logits = await runOriginal(original, chunk.images);
  return Array.from(chunk.labels, (label, row) => {
    const own = label >= 0 ? label : predictedOf(logits, row, classes, 0);
    return {
      predicted: predictedOf(logits, row, classes, own),
      margin: marginOf(logits, row, classes, own),
      spread: deviation(logits.subarray(row * classes, (row + 1) * classes)),
    };
  });
}

function deviation(scores: Float32Array): number {
  const mean = scores.reduce((sum, value) => sum + value, 0) / scores.length;
  return Math.sqrt(scores.reduce((sum, value) => sum + (value - mean) ** 2, 0) / scores.length);
}

export async function attackChunk(
  subject: Subject,
  attack: PreparedAttack,
  threat: Threat,
  chunk: Chunk,
): Promise<Plainly<AttackRecord>[]> {
  const { images, labels, targets } = chunk;
  const size = images.length / Math.max(1, labels.length);
  const sampled = await sampleSets(subject, threat, chunk);
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
      box: boxAt(chunk, i),
    })),
  );
  return attempts.map(({ success, margin, queries, flat }, i) => {
    const check = success ? checks[successes.indexOf(i)]! : undefined;
    const held = check?.holds ? { ...check, witness: check.point } : undefined;
    const broken = held ?? sampled[i];
    return {
      falsified: broken != null,
      refuted: success && held === undefined,
      predicted: broken?.predicted ?? labels[i]!,
      margin: broken?.margin ?? margin,
      distance: broken?.distance ?? 0,
      confidence: broken?.confidence ?? 0,
      queries,
      notANumber: broken?.notANumber ?? false,
      zeroGradient: flat && attack.byGradient !== false,
      witness: broken?.witness,
    };
  });
}

/** @throws ReadingError where the network is not what the file computes */
export async function boundChunk(
  subject: Subject,
  verifier: PreparedVerifier,
  threat: Threat,
  chunk: Chunk,
): Promise<Plainly<BoundRecord>[]> {
  const { images, labels, box } = chunk;
  const sampled = await sampleSets(subject, threat, chunk);
  const batch = { images: imagesTensor(subject, images, labels.length), labels, ...(box && { box }) };
  const queries = classification(subject.network, batch, threat);
  const bounds = await verifier.bounds(queries);
  return Array.from(labels, (_, i) => {
    const verdict = verdictOf(queries, bounds, i);
    return {
      verified: verdict.kind !== "unknown",
      lower: verdict.margin,
      reason: verdict.kind === "unknown" ? verdict.reason : null,
      detail: verdict.kind === "unknown" ? verdict.detail : undefined,
      sampled: sampled[i]!,
    };
  });
}
