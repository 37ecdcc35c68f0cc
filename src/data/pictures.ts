/** @file What may be done to pictures before a model sees them, where the user says so: channels, size, order of colours. */

import { FormatError } from "../formats/error.ts";
import type { Image } from "../formats/image.ts";
import { type Dataset, endsOf } from "./dataset.ts";

export interface PictureOptions {
  /** Grey is copied to three channels, or colours are weighed to one. */
  readonly channels?: "rgb" | "grey" | undefined;
  /** In which order the model takes colours; data has red first. */
  readonly channelOrder?: "rgb" | "bgr" | undefined;
  /** [height, width] */
  readonly resize?: readonly [height: number, width: number] | undefined;
}

/** ITU-R BT.601, as most libraries turn colours to grey. */
const LUMA = [0.299, 0.587, 0.114] as const;

const RESIZED = (height: number, width: number): string =>
  `resized to ${height}×${width} (bilinear, antialiased where it shrinks)`;

const BLUE_FIRST = "blue first (BGR)";

/** Was the order of colours turned round? */
export const isBlueFirst = ({ steps }: Pick<Dataset, "steps">): boolean => steps?.includes(BLUE_FIRST) ?? false;

/**
 * The data with its pictures as stated. What was done is added to `steps`.
 *
 * @throws FormatError where the samples are no pictures, or have other channels
 */
export function asStated<D extends Pick<Dataset, "images" | "shape" | "range" | "steps">>(
  data: D,
  { channels, channelOrder, resize }: PictureOptions,
): D {
  if (channels === undefined && channelOrder !== "bgr" && resize === undefined) return data;
  if (data.shape.length !== 3) {
    throw new FormatError(
      "data",
      `samples of shape [${data.shape}] are no pictures; --channels, --channel-order and --resize are for pictures.`,
    );
  }
  let made = data;
  if (resize) made = resized(made, resize);
  if (channels) made = withChannels(made, channels === "rgb" ? 3 : 1);
  return channelOrder === "bgr" ? blueFirst(made) : made;
}

type Pixels = Pick<Dataset, "images" | "shape" | "range" | "steps">;

const step = <D extends Pixels>(data: D, images: Float32Array, shape: readonly number[], done: string): D => ({
  ...data,
  images,
  shape,
  steps: [...(data.steps ?? []), done],
});

function withChannels<D extends Pixels>(data: D, wanted: 1 | 3): D {
  const [channels, height, width] = data.shape as [number, number, number];
  if (channels === wanted) return data;
  if (channels !== 1 && channels !== 3) {
    throw new FormatError(
      "data",
      `pictures with ${channels} channels are neither grey nor RGB; --channels cannot be applied.`,
    );
  }
  const plane = height * width;
  const count = data.images.length / (channels * plane);
  const out = new Float32Array(count * wanted * plane);
  for (let n = 0; n < count; n++) {
    for (let p = 0; p < plane; p++) {
      const at = (c: number) => data.images[(n * channels + c) * plane + p]!;
      if (wanted === 3) for (let c = 0; c < 3; c++) out[(n * 3 + c) * plane + p] = at(0);
      else out[n * plane + p] = asBytes(data, LUMA[0] * at(0) + LUMA[1] * at(1) + LUMA[2] * at(2));
    }
  }
  const done = wanted === 3 ? "grey copied to red, green and blue" : "colours weighed to grey (0.299, 0.587, 0.114)";
  return step(data, out, [wanted, height, width], done);
}

/** Pictures of whole numbers stay so. */
const asBytes = ({ range }: Pick<Dataset, "range">, value: number): number =>
  endsOf(range)?.[1] === 255 ? Math.round(value) : value;

function blueFirst<D extends Pixels>(data: D): D {
  const [channels, height, width] = data.shape as [number, number, number];
  if (channels !== 3)
    throw new FormatError("data", `--channel-order bgr is for pictures in colour; these have ${channels} channels.`);
  const plane = height * width;
  const images = new Float32Array(data.images.length);
  for (let start = 0; start < images.length; start += 3 * plane) {
    for (let c = 0; c < 3; c++) {
      const from = start + (2 - c) * plane;
      images.set(data.images.subarray(from, from + plane), start + c * plane);
    }
  }
  return step(data, images, data.shape, BLUE_FIRST);
}

function resized<D extends Pixels>(data: D, [height, width]: readonly [number, number]): D {
  const [channels, oldHeight, oldWidth] = data.shape as [number, number, number];
  if (oldHeight === height && oldWidth === width) return data;
  const planes = data.images.length / (oldHeight * oldWidth);
  const rounded = endsOf(data.range)?.[1] === 255;
  const images = new Float32Array(planes * height * width);
  for (let p = 0; p < planes; p++) {
    const plane = data.images.subarray(p * oldHeight * oldWidth, (p + 1) * oldHeight * oldWidth);
    images.set(resizePlane(plane, [oldHeight, oldWidth], [height, width], rounded), p * height * width);
  }
  return step(data, images, [channels, height, width], RESIZED(height, width));
}

/** One picture of any size. */
export function resizeImage({ width, height, channels, data }: Image, size: readonly [number, number]): Image {
  const [newHeight, newWidth] = size;
  if (height === newHeight && width === newWidth) return { width, height, channels, data };
  const out = new Uint8Array(newHeight * newWidth * channels);
  for (let c = 0; c < channels; c++) {
    const plane = Float32Array.from({ length: height * width }, (_, p) => data[p * channels + c]!);
    resizePlane(plane, [height, width], size, true).forEach((value, p) => {
      out[p * channels + c] = value;
    });
  }
  return { width: newWidth, height: newHeight, channels, data: out };
}

export const resizeStep = ([height, width]: readonly [number, number]): string => RESIZED(height, width);

/**
 * Bilinear with half-pixel centres; where it shrinks, the triangle is as wide as what it replaces (antialiasing), as Pillow
 * and torchvision do it: first along rows, then along columns.
 * @param rounded to whole numbers after each direction, as pictures of 8 bits are
 */
export function resizePlane(
  plane: Float32Array,
  [height, width]: readonly [number, number],
  [newHeight, newWidth]: readonly [number, number],
  rounded: boolean,
): Float32Array {
  const whole = (value: number) => (rounded ? Math.round(value) : value);
  const across = new Float32Array(height * newWidth);
  for (const [x, taps] of triangle(width, newWidth).entries()) {
    for (let y = 0; y < height; y++) {
      across[y * newWidth + x] = whole(taps.reduce((sum, { at, weight }) => sum + weight * plane[y * width + at]!, 0));
    }
  }
  const out = new Float32Array(newHeight * newWidth);
  for (const [y, taps] of triangle(height, newHeight).entries()) {
    for (let x = 0; x < newWidth; x++) {
      out[y * newWidth + x] = whole(taps.reduce((sum, { at, weight }) => sum + weight * across[at * newWidth + x]!, 0));
    }
  }
  return out;
}

interface Tap {
  readonly at: number;
  readonly weight: number;
}

/** For each new place, which old ones it is made of. */
function triangle(size: number, wanted: number): Tap[][] {
  const scale = size / wanted;
  const reach = Math.max(1, scale);
  return Array.from({ length: wanted }, (_, to) => {
    const centre = (to + 0.5) * scale;
    const from = Math.max(0, Math.floor(centre - reach + 0.5));
    const end = Math.min(size, Math.floor(centre + reach + 0.5));
    const raw = Array.from({ length: end - from }, (_unused, k) => ({
      at: from + k,
      weight: Math.max(0, 1 - Math.abs((from + k + 0.5 - centre) / reach)),
    }));
    const total = raw.reduce((sum, { weight }) => sum + weight, 0);
    return raw.map(({ at, weight }) => ({ at, weight: weight / total }));
  });
}
