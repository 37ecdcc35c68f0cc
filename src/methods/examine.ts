/**
 * @file One chunk of inputs examined by one method: what a job computes. Pure functions of the network and the chunk,
 * so that they may run on any thread or machine.
 */

import type { Tensor } from "../graph/types.ts";
import type { PlainRecord } from "../runtime/jobs.ts";
import { classification, marginOf, predictedOf } from "../spec/classification.ts";
import type { Threat } from "../spec/types.ts";
import { verdictOf } from "../spec/verdict.ts";
import type { PreparedAttack } from "./attack/types.ts";
import { recheck } from "./attack/witness.ts";
import { confidenceOf } from "./confidence.ts";
import { runOriginal } from "./original.ts";
import { boxAt, sampleSets } from "./points.ts";
import type { AttackRecord, BoundRecord, Chunk, Prediction, Subject } from "./records.ts";
import type { Left, Tell } from "./time.ts";
import type { PreparedVerifier } from "./verify/types.ts";

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
    const predicted = predictedOf(logits, row, classes, own);
    const scores = logits.subarray(row * classes, (row + 1) * classes);
    return {
      predicted,
      margin: marginOf(logits, row, classes, own),
      spread: deviation(scores),
      confidence: confidenceOf(scores, predicted),
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
  left?: Left,
  tell?: Tell,
): Promise<Plainly<AttackRecord>[]> {
  const { images, labels, targets } = chunk;
  const size = images.length / Math.max(1, labels.length);
  const sampled = await sampleSets(subject, threat, chunk);
  const attempts = await attack.attack({ ...chunk, images: imagesTensor(subject, images, labels.length) }, left, tell);
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
  return attempts.map(({ success, margin, queries, flat, unfinished }, i) => {
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
      ...(unfinished && !broken && { unfinished }),
    };
  });
}

/** @throws ReadingError where the network is not what the file computes */
export async function boundChunk(
  subject: Subject,
  verifier: PreparedVerifier,
  threat: Threat,
  chunk: Chunk,
  left?: Left,
  tell?: Tell,
): Promise<Plainly<BoundRecord>[]> {
  const { images, labels, box } = chunk;
  const sampled = await sampleSets(subject, threat, chunk);
  const batch = { images: imagesTensor(subject, images, labels.length), labels, ...(box && { box }) };
  const queries = classification(subject.network, batch, threat);
  const bounds = await verifier.bounds(queries, left, tell);
  return Array.from(labels, (_, i) => ({ verdict: verdictOf(queries, bounds, i), sampled: sampled[i]! }));
}
