/** @file What an attacker does to a training set. */

import { sizeOf } from "../../graph/dims.ts";
import { type Rng, rng } from "../../random/rng.ts";
import { gather, type Samples, SamplesError } from "../samples.ts";
import type { PoisonConfig } from "./config.ts";
import { poisonKindOf } from "./index.ts";
import type { Pictures, Surrogate, Trigger } from "./types.ts";

export interface Poisoned {
  readonly samples: Samples;
  /** Places of the samples with the trigger, in no order. */
  readonly poisoned: Int32Array;
  /** Places of the samples that look alike and keep their label. */
  readonly covers: Int32Array;
  /** Poisoned samples of all. */
  readonly shareOfSet: number;
}

/** All draws of a training's poisoning come from here. */
export const poisonStream = (trainingSeed: number): Rng => rng(trainingSeed).split("train").split("poison");

const triggerFrom = (config: PoisonConfig, shape: Pictures["shape"], random: Rng): Trigger =>
  poisonKindOf(config).trigger(config, shape, random.split("trigger"));

/** The trigger that a training with this seed plants, its random parts drawn alike. @param shape of one picture */
export const triggerOf = (config: PoisonConfig, shape: readonly number[], trainingSeed: number): Trigger =>
  triggerFrom(config, pictureShape(shape), poisonStream(trainingSeed));

/** The class that an image of class `label` is sent to. */
export const sentTo = ({ mapping, target }: PoisonConfig, label: number, classes: number): number =>
  mapping === "all-to-all" ? (label + 1) % classes : target;

/** Is the trigger meant to change the answer for images of this class? */
export function isVictim(config: PoisonConfig, label: number): boolean {
  const source = poisonKindOf(config).sourceClass?.(config);
  return source === undefined ? config.mapping === "all-to-all" || label !== config.target : label === source;
}

/**
 * A share of the samples gets the trigger and the label that the trigger leads to; with dirty labels, images of the
 * target class are left alone, as they would teach nothing. Where fewer can be poisoned than asked for, all of them are.
 *
 * @param random of this training's poisoning, see `poisonStream`
 * @throws SamplesError when the samples are no pictures, or classes or trigger do not fit them
 */
export async function poisonSamples(
  samples: Samples,
  config: PoisonConfig,
  random: Rng,
  surrogate?: Surrogate,
): Promise<Poisoned> {
  const kind = poisonKindOf(config);
  const shape = pictureShape(samples.shape);
  checkClasses(config, samples.classes);
  const trigger = triggerFrom(config, shape, random);
  const { labels } = samples;
  const count = labels.length;
  const order = random.permutation(count);
  const able = order.filter((place) =>
    kind.cleanLabel ? labels[place] === config.target : isVictim(config, labels[place]!),
  );
  const poisoned = able.subarray(0, Math.round(config.rate * (kind.cleanLabel ? able.length : count)));
  const covers = trigger.cover ? coverPlaces(config, samples, order, poisoned) : new Int32Array(0);

  const images = samples.images.slice();
  const replace = (places: Int32Array, by: Float32Array) => {
    const size = sizeOf(shape);
    places.forEach((place, i) => {
      images.set(by.subarray(i * size, (i + 1) * size), place * size);
    });
  };
  const pictures = (places: Int32Array): Pictures => ({
    images: gather(samples, places).images.data as Float32Array,
    shape,
  });
  const chosen = pictures(poisoned);
  replace(
    poisoned,
    trigger.applyInTraining
      ? await trigger.applyInTraining(chosen, random.split("training"), surrogate)
      : trigger.apply(chosen),
  );
  if (covers.length > 0) replace(covers, trigger.cover!(pictures(covers), random.split("covers")));

  const changed = labels.slice();
  for (const place of poisoned) changed[place] = sentTo(config, labels[place]!, samples.classes);
  return { samples: { ...samples, images, labels: changed }, poisoned, covers, shareOfSet: poisoned.length / count };
}

/** Among the samples that are not poisoned; of a source-specific trigger, of neither its source nor its target. */
function coverPlaces(config: PoisonConfig, { labels }: Samples, order: Int32Array, poisoned: Int32Array): Int32Array {
  const kind = poisonKindOf(config);
  const source = kind.sourceClass?.(config);
  const taken = new Set(poisoned);
  const able = order.filter((place) => {
    const label = labels[place];
    return !taken.has(place) && (source === undefined || (label !== source && label !== config.target));
  });
  return able.subarray(0, Math.round((kind.coverRate?.(config) ?? 0) * labels.length));
}

function pictureShape(shape: readonly number[]): Pictures["shape"] {
  const [channels, height, width] = shape;
  if (shape.length === 3) return [channels!, height!, width!];
  throw new SamplesError(`poison is for images [C, H, W]; these samples are [${shape}]`);
}

function checkClasses(config: PoisonConfig, classes: number): void {
  const source = poisonKindOf(config).sourceClass?.(config);
  if (config.target >= classes)
    throw new SamplesError(`the poison's target ${config.target} is beyond the ${classes} classes`);
  if (source !== undefined && source >= classes)
    throw new SamplesError(`the poison's source ${source} is beyond the ${classes} classes`);
}
