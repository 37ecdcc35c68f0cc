/** @file Images for training: pixels in [0, 1] with labels; batches and augmentation. */

import type { Dataset } from "../data/dataset.ts";
import { sizeOf } from "../graph/dims.ts";
import { float32Tensor, intTensor, rowsAt } from "../graph/tensor.ts";
import type { Rng } from "../random/rng.ts";
import type { Batch } from "../spec/classification.ts";

/** Labelled images in memory. */
export interface Samples {
  /** [count, ...shape], pixels in [0, 1]. */
  readonly images: Float32Array;
  /** Of one image: [C, H, W]. */
  readonly shape: readonly number[];
  /** [count], 0 … classes − 1. */
  readonly labels: Int32Array;
  readonly classes: number;
}

/** How images are varied. */
export interface Augmentation {
  /** Pixels of zero padding of which a window of the image's size is cut. */
  readonly crop: number;
  readonly flip: boolean;
}

export class SamplesError extends Error {
  override readonly name = "SamplesError";
  readonly fault = "unsupported";
}

/**
 * A data set as training wants it: pixels divided by 255 where they are bytes.
 * @param classes default: one more than the largest label
 * @throws SamplesError when there are no labels, no pixels, or a label is beyond the classes
 */
export function samplesOf(dataset: Dataset, classes?: number): Samples {
  const { labels, images, shape, range, name } = dataset;
  if (!labels) throw new SamplesError(`${name}: training needs labels, and this data has none`);
  if (range === "unknown")
    throw new SamplesError(`${name}: the scale of its values is unknown; state the pixels' range (0..1 or 0..255)`);
  const largest = labels.reduce((a, b) => Math.max(a, b), 0);
  const count = classes ?? largest + 1;
  if (largest >= count) throw new SamplesError(`${name}: label ${largest} is beyond the ${count} classes`);
  return { images: range === "0..1" ? images : images.map((pixel) => pixel / 255), shape, labels, classes: count };
}

/** The first so many; all, where there are fewer. */
export function firstOf(samples: Samples, count: number): Samples {
  const size = samples.images.length / samples.labels.length;
  return { ...samples, images: samples.images.subarray(0, count * size), labels: samples.labels.subarray(0, count) };
}

/** The images at these places, in this order, as one batch. */
export const gather = ({ images, shape, labels }: Samples, places: ArrayLike<number>): Batch => ({
  images: float32Tensor([places.length, ...shape], rowsAt(images, sizeOf(shape), places)),
  labels: Int32Array.from(places, (place) => labels[place]!),
});

/** The part of a batch at these places, in this order. */
export const partOf = ({ images: { shape, data }, labels }: Batch, places: ArrayLike<number>): Batch => ({
  images: float32Tensor(
    [places.length, ...shape.slice(1)],
    rowsAt(data as Float32Array, data.length / labels.length, places),
  ),
  labels: Int32Array.from(places, (place) => labels[place]!),
});

export const labelTensor = ({ labels }: Batch) => intTensor([labels.length], labels);

/** Each image shifted by up to `crop` pixels (zeros move in) and mirrored with probability ½. */
export function augment({ images, labels }: Batch, { crop, flip }: Augmentation, random: Rng): Batch {
  const [count, channels, height, width] = images.shape as [number, number, number, number];
  const out = new Float32Array(images.data.length);
  for (let n = 0; n < count; n++) {
    const [dy, dx] = [random.int(2 * crop + 1) - crop, random.int(2 * crop + 1) - crop];
    const mirrored = flip && random.int(2) === 1;
    for (let c = 0; c < channels; c++) {
      const plane = (n * channels + c) * height * width;
      for (let y = Math.max(0, -dy); y < Math.min(height, height - dy); y++) {
        const row = plane + (y + dy) * width;
        for (let x = Math.max(0, -dx); x < Math.min(width, width - dx); x++)
          out[plane + y * width + (mirrored ? width - 1 - x : x)] = images.data[row + x + dx]!;
      }
    }
  }
  return { images: float32Tensor(images.shape, out), labels };
}
