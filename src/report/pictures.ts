import { encode } from "fast-png";
import { fromBase64, toBase64 } from "./base64.ts";
import type { Picture } from "./fields.ts";
import type { AdversarialExample, PictureChange } from "./sections/robustness/schema.ts";

const LARGEST_INT8 = 127;

/** Ends of the scale for negative, none and positive: blue, near-white, red; told apart by most colour-blind readers. */
const NEGATIVE = [5, 96, 176] as const;
const NEUTRAL = [247, 247, 247] as const;
const POSITIVE = [190, 20, 40] as const;

interface PlanarImage {
  readonly channels: 1 | 3;
  readonly height: number;
  readonly width: number;
}

/** Larger pictures are shown by every second, third … pixel: a report stays small, however large the inputs are. */
const LARGEST_SHOWN = 256;

const stepOf = ({ width, height }: PlanarImage, largest: number): number =>
  Math.ceil(Math.max(width, height) / largest);

/** What is shown of a picture. */
function shownSize(size: PlanarImage, largest: number): PlanarImage {
  const step = stepOf(size, largest);
  return { ...size, width: Math.ceil(size.width / step), height: Math.ceil(size.height / step) };
}

/** Index in the shown rows of interleaved channels → index in planes, the layout of a model's input (C, H, W). */
function planarIndex(i: number, size: PlanarImage, largest: number): number {
  const { channels, width, height } = size;
  const step = stepOf(size, largest);
  const pixel = Math.floor(i / channels);
  const across = Math.ceil(width / step);
  const [y, x] = [step * Math.floor(pixel / across), step * (pixel % across)];
  return (i % channels) * width * height + y * width + x;
}

const shownLength = (size: PlanarImage, largest: number): number => {
  const { channels, width, height } = shownSize(size, largest);
  return channels * width * height;
};

/**
 * @param values [channels · height · width], planes of one channel after another, in `range`; values outside are clipped
 * @param largest pixels of its longer side that are shown
 */
export function pictureOf(
  values: ArrayLike<number>,
  size: PlanarImage,
  [low, high] = [0, 1],
  largest = LARGEST_SHOWN,
): Picture {
  const bytes = Uint8Array.from({ length: shownLength(size, largest) }, (_, i) => {
    const unit = (values[planarIndex(i, size, largest)]! - low!) / (high! - low!);
    return Math.round(255 * Math.min(1, Math.max(0, unit)));
  });
  const { width, height, channels } = shownSize(size, largest);
  return { width, height, channels, pixels: toBase64(bytes) };
}

/** @param original, adversarial [channels · height · width] in the units of epsilon */
export function changeOf(
  original: ArrayLike<number>,
  adversarial: ArrayLike<number>,
  size: PlanarImage,
): PictureChange {
  let scale = 0;
  for (let i = 0; i < original.length; i++) scale = Math.max(scale, Math.abs(adversarial[i]! - original[i]!));
  const values = Int8Array.from({ length: shownLength(size, LARGEST_SHOWN) }, (_, i) => {
    const j = planarIndex(i, size, LARGEST_SHOWN);
    return scale === 0 ? 0 : Math.round(((adversarial[j]! - original[j]!) / scale) * LARGEST_INT8);
  });
  return { scale, values: toBase64(new Uint8Array(values.buffer)) };
}

/** The three pictures of an adversarial example, from the two inputs as the model saw them. */
export function examplePictures(
  original: ArrayLike<number>,
  adversarial: ArrayLike<number>,
  size: PlanarImage,
): NonNullable<AdversarialExample["picture"]> {
  return {
    original: pictureOf(original, size),
    adversarial: pictureOf(adversarial, size),
    change: changeOf(original, adversarial, size),
  };
}

function pngUri(width: number, height: number, channels: 1 | 3, data: Uint8Array): string {
  return `data:image/png;base64,${toBase64(encode({ width, height, channels, data }))}`;
}

/** The picture as a PNG data URI, one image pixel per picture element. */
export const pictureUri = ({ width, height, channels, pixels }: Picture): string =>
  pngUri(width, height, channels, fromBase64(pixels));

/** Blue → white → red over −1…1, linear from the middle. */
export function divergingColour(value: number): readonly [red: number, green: number, blue: number] {
  const end = value < 0 ? NEGATIVE : POSITIVE;
  const mix = (i: 0 | 1 | 2): number => Math.round(NEUTRAL[i] + (end[i] - NEUTRAL[i]) * Math.min(1, Math.abs(value)));
  return [mix(0), mix(1), mix(2)];
}

/** The change magnified to the full colour scale; of several channels the one that changed most gives the colour. */
export function changeUri({ values }: PictureChange, { width, height, channels }: Picture): string {
  const signed = new Int8Array(fromBase64(values).buffer);
  const data = new Uint8Array(width * height * 3);
  for (let pixel = 0; pixel < width * height; pixel++) {
    let largest = 0;
    for (let c = 0; c < channels; c++) {
      const value = signed[pixel * channels + c]!;
      if (Math.abs(value) > Math.abs(largest)) largest = value;
    }
    data.set(divergingColour(largest / LARGEST_INT8), pixel * 3);
  }
  return pngUri(width, height, 3, data);
}
