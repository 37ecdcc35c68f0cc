/** @file Pictures brought to a size: resized, and the middle kept. */

import { FormatError } from "../formats/error.ts";
import type { Image } from "../formats/image.ts";

export type Size = readonly [height: number, width: number];

export interface Sizing {
  /** Both sides; as one number both sides too, or with `crop` the shorter side, the other in proportion. */
  readonly resize?: number | Size | undefined;
  /** What is kept of the middle, after resizing. */
  readonly crop?: Size | undefined;
}

export const isSized = ({ resize, crop }: Sizing): boolean => resize !== undefined || crop !== undefined;

/** What is done, in words. */
export function sizeSteps({ resize, crop }: Sizing): string[] {
  const how = "(bilinear, antialiased where it shrinks)";
  const shorter = typeof resize === "number" && crop !== undefined;
  const [height, width] = typeof resize === "number" ? [resize, resize] : (resize ?? []);
  return [
    ...(resize === undefined
      ? []
      : [shorter ? `shorter side resized to ${resize} ${how}` : `resized to ${height}×${width} ${how}`]),
    ...(crop ? [`middle ${crop[0]}×${crop[1]} kept`] : []),
  ];
}

/** How to bring pictures to the model's size, or to one. */
export function sizeAdvice([, height = 224, width = height]: readonly number[] = []): string {
  const [kept, stretched] = usualSizings([height, width]);
  return `${sizeOptions(kept)} resizes the shorter side and keeps the middle, ${sizeOptions(stretched)} stretches; --preprocessing auto tries which fits`;
}

/** The shorter side of pictures of 224, before their middle is kept, as models of ImageNet are mostly fed. */
const LARGER = 256 / 224;

/** The usual ways to bring pictures to a size. */
export function usualSizings([height, width]: Size): readonly [kept: Sizing, stretched: Sizing, larger: Sizing] {
  const side = Math.max(height, width);
  const crop = [height, width] as const;
  return [{ resize: side, crop }, { resize: crop }, { resize: Math.round(side * LARGER), crop }];
}

/** What states a size on the command line. */
export function sizeOptions({ resize, crop }: Sizing): string {
  const text = (size: number | Size) =>
    typeof size === "number" ? `${size}` : size[0] === size[1] && size === crop ? `${size[0]}` : size.join("x");
  return [
    ...(resize === undefined ? [] : [`--resize ${text(resize)}`]),
    ...(crop === undefined ? [] : [`--crop ${text(crop)}`]),
  ].join(" ");
}

/** The size before the crop; the longer side is cut to whole pixels, as torchvision does it. */
function resizedSize([height, width]: Size, { resize, crop }: Sizing): Size {
  if (resize === undefined) return [height, width];
  if (typeof resize !== "number") return resize;
  if (crop === undefined) return [resize, resize];
  const long = (side: number, short: number) => Math.floor((resize * side) / short);
  return height <= width ? [resize, long(width, height)] : [long(height, width), resize];
}

/** Halves go to the even number, as Python rounds where torchvision crops. */
const middle = (room: number): number => {
  const half = Math.floor(room / 2);
  return room % 2 === 0 ? half : half + (half % 2);
};

/**
 * One channel of one picture.
 * @param rounded to whole numbers, as pictures of 8 bits are
 * @throws FormatError where the crop is larger than the picture
 */
export function sizedPlane(
  plane: Float32Array,
  size: Size,
  sizing: Sizing,
  rounded: boolean,
): { readonly plane: Float32Array; readonly size: Size } {
  const [height, width] = resizedSize(size, sizing);
  const same = height === size[0] && width === size[1];
  const resized = same ? plane : resizePlane(plane, size, [height, width], rounded);
  if (sizing.crop === undefined) return { plane: resized, size: [height, width] };
  const [tall, wide] = sizing.crop;
  if (tall > height || wide > width) {
    throw new FormatError(
      "picture",
      `${height}×${width} pixels (height × width) hold no crop of ${tall}×${wide}; bring them to a larger size with --resize, which with --crop is the shorter side.`,
    );
  }
  const [top, left] = [middle(height - tall), middle(width - wide)];
  const out = new Float32Array(tall * wide);
  for (let y = 0; y < tall; y++) {
    const from = (top + y) * width + left;
    out.set(resized.subarray(from, from + wide), y * wide);
  }
  return { plane: out, size: sizing.crop };
}

/** One picture of any size. @throws FormatError as `sizedPlane` */
export function sizedImage(image: Image, sizing: Sizing): Image {
  if (!isSized(sizing)) return image;
  const { width, height, channels, data } = image;
  const planes = Array.from({ length: channels }, (_, c) =>
    sizedPlane(
      Float32Array.from({ length: height * width }, (_unused, p) => data[p * channels + c]!),
      [height, width],
      sizing,
      true,
    ),
  );
  const [newHeight, newWidth] = planes[0]!.size;
  const out = new Uint8Array(newHeight * newWidth * channels);
  planes.forEach(({ plane }, c) => {
    for (const [p, value] of plane.entries()) out[p * channels + c] = value;
  });
  return { width: newWidth, height: newHeight, channels, data: out };
}

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
