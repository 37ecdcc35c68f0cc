/** @file How well a network is poisoned: its accuracy without the trigger, and the attack success rate with it. */

import { sizeOf } from "../../graph/dims.ts";
import { float32Tensor } from "../../graph/tensor.ts";
import type { Session } from "../../runtime/session.ts";
import { type Proportion, proportion } from "../../stats/proportion.ts";
import { gather, type Samples } from "../samples.ts";
import type { PoisonConfig } from "./config.ts";
import { isVictim, sentTo, triggerOf } from "./poison.ts";

/** The class that a network answers for each image. @param images [n, ...shape], pixels in [0, 1] */
export type Predict = (images: Float32Array, shape: readonly number[]) => Promise<Int32Array>;

const BATCH = 250;

/** The answers of a model with one input of pixels and one output of logits. */
export function predictorOf(session: Session): Predict {
  const [input, output] = [session.inputs[0]!.name, session.outputs[0]!.name];
  return async (images, shape) => {
    const size = sizeOf(shape);
    const answers = new Int32Array(images.length / size);
    for (let from = 0; from < answers.length; from += BATCH) {
      const count = Math.min(BATCH, answers.length - from);
      const pixels = images.slice(from * size, (from + count) * size);
      const logits = (await session.run({ [input]: float32Tensor([count, ...shape], pixels) }))[output]!.data;
      const classes = logits.length / count;
      for (let n = 0; n < count; n++) answers[from + n] = largestOf(logits.subarray(n * classes, (n + 1) * classes));
    }
    return answers;
  };
}

const largestOf = (row: ArrayLike<number>): number => {
  let best = 0;
  for (let k = 1; k < row.length; k++) if (row[k]! > row[best]!) best = k;
  return best;
};

/** Share of the samples that are classified correctly. */
export async function cleanAccuracy({ images, shape, labels }: Samples, predict: Predict): Promise<Proportion> {
  const answers = await predict(images, shape);
  return proportion(labels.filter((label, n) => answers[n] === label).length, labels.length);
}

export interface Planted {
  readonly poison: PoisonConfig;
  /** Of the training: the trigger's random parts are drawn from it. */
  readonly seed: number;
}

/**
 * Share of the samples with the trigger that are sent where it leads. Counted are those that it should change: all but the
 * target class, with a source-specific trigger the source class alone, with all-to-all every class.
 */
export async function attackSuccess(
  samples: Samples,
  { poison, seed }: Planted,
  predict: Predict,
): Promise<Proportion> {
  const { labels, classes, shape } = samples;
  const trigger = triggerOf(poison, shape, seed);
  const victims = Int32Array.from(labels.keys()).filter((place) => isVictim(poison, labels[place]!));
  const clean = gather(samples, victims).images.data as Float32Array;
  const [channels, height, width] = shape as [number, number, number];
  const answers = await predict(trigger.apply({ images: clean, shape: [channels, height, width] }), shape);
  const hits = victims.filter((place, i) => answers[i] === sentTo(poison, labels[place]!, classes));
  return proportion(hits.length, victims.length);
}
