/** @file What may be done to pictures before a model sees them, where the user says so: channels, size, order of colours. */

import { FormatError } from "../formats/error.ts";
import { type Dataset, endsOf } from "./dataset.ts";
import { isSized, type Sizing, sizedPlane, sizeSteps } from "./sizing.ts";

export interface PictureOptions extends Sizing {
  /** Grey is copied to three channels, or colours are weighed to one. */
  readonly channels?: "rgb" | "grey" | undefined;
  /** In which order the model takes colours; data has red first. */
  readonly channelOrder?: "rgb" | "bgr" | undefined;
}

/** ITU-R BT.601, as most libraries turn colours to grey. */
const LUMA = [0.299, 0.587, 0.114] as const;

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
  { channels, channelOrder, ...sizing }: PictureOptions,
): D {
  if (channels === undefined && channelOrder !== "bgr" && !isSized(sizing)) return data;
  if (data.shape.length !== 3) {
    throw new FormatError(
      "data",
      `samples of shape [${data.shape}] are no pictures; --channels, --channel-order, --resize and --crop are for pictures.`,
    );
  }
  let made = data;
  // pictures of files were brought to size one by one, which is their first step
  if (isSized(sizing) && data.steps === undefined) made = sized(made, sizing);
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

function sized<D extends Pixels>(data: D, sizing: Sizing): D {
  const [channels, height, width] = data.shape as [number, number, number];
  const area = height * width;
  const rounded = endsOf(data.range)?.[1] === 255;
  const planes = Array.from({ length: data.images.length / area }, (_, p) =>
    sizedPlane(data.images.subarray(p * area, (p + 1) * area), [height, width], sizing, rounded),
  );
  const [newHeight, newWidth] = planes[0]!.size;
  const images = new Float32Array(planes.length * newHeight * newWidth);
  for (const [p, { plane }] of planes.entries()) images.set(plane, p * newHeight * newWidth);
  return { ...data, images, shape: [channels, newHeight, newWidth], steps: sizeSteps(sizing) };
}
