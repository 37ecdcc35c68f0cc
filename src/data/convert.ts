import { type NdArray, toFloat32 } from "../formats/array.ts";
import type { CsvTable } from "../formats/csv.ts";
import { FormatError } from "../formats/error.ts";
import type { Image } from "../formats/image.ts";
import type { Dataset, PixelRange } from "./dataset.ts";

/** The part of a data set that the values alone decide. */
export type Pixels = Pick<Dataset, "images" | "shape" | "range" | "notes">;

export interface ArrayOptions {
  /** Order of the axes of a four-axis array; told from the sizes when they leave no doubt. */
  readonly layout?: "NCHW" | "NHWC";
  /** Of one sample, [channels, height, width], for rows that are pictures. */
  readonly shape?: readonly number[];
  /** Where black and white lie, for values that do not tell: floats between 0 and 255, tables within 0 … 1. */
  readonly range?: PixelRange;
  /** Read only so many samples. */
  readonly limit?: number;
}

const CHANNELS = [1, 3];
/** Rows of so many values that are taken for pictures, with their shape. */
export const FLAT_PICTURES: ReadonlyMap<number, readonly number[]> = new Map([
  [28 * 28, [1, 28, 28]],
  [3 * 32 * 32, [3, 32, 32]],
]);

/**
 * Samples along the first axis: [N, C, H, W], [N, H, W, C], [N, H, W] or [N, features]. Rows of 784 or 3072 pixels become
 * pictures.
 *
 * @throws FormatError for fewer than two axes, no samples, values that are not finite, axes in doubtful order, or a stated
 * shape or range that the values contradict
 */
export function fromArray(array: NdArray, options: ArrayOptions = {}): Pixels {
  const [total = 0, ...sizes] = array.shape;
  const size = product(sizes);
  if (array.shape.length < 2) {
    throw new FormatError("array", `shape [${array.shape}]; samples along the first axis are expected: [N, …].`);
  }
  if (total === 0 || size === 0) throw new FormatError("array", `shape [${array.shape}] holds no values.`);
  const kept = Math.min(total, options.limit ?? total);
  const images = toFloat32({ ...array, data: array.data.subarray(0, kept * size) });
  // Over all samples, so that the scale does not depend on how many are read.
  const range = rangeOf(examine(array.data instanceof Uint8Array ? array.data : toFloat32(array)), options.range);
  if (options.shape !== undefined) {
    if (product(options.shape) !== size) {
      throw new FormatError("array", `the shape [${options.shape}] is stated, but a sample has ${size} values.`);
    }
    return { images, shape: options.shape, range, notes: [] };
  }
  if (sizes.length === 1) return fromRows(images, size, range, options.range !== undefined);
  if (sizes.length !== 3) return { images, shape: sizes.length === 2 ? [1, ...sizes] : sizes, range, notes: [] };
  return fromPictures(images, sizes as [number, number, number], range, options.layout);
}

const product = (sizes: readonly number[]): number => sizes.reduce((p, size) => p * size, 1);

/** Tables have no black and white, even where they happen to lie between 0 and 1, unless it is stated. */
function fromRows(images: Float32Array, size: number, range: PixelRange, stated: boolean): Pixels {
  const picture = FLAT_PICTURES.get(size);
  if (!picture || range === "unknown") return { images, shape: [size], range: stated ? range : "unknown", notes: [] };
  const notes = [`Rows of ${size} pixels were read as pictures of shape ${picture.join("×")}, channel by channel.`];
  return { images, shape: picture, range, notes };
}

function fromPictures(
  images: Float32Array,
  sizes: readonly [number, number, number],
  range: PixelRange,
  stated: ArrayOptions["layout"],
): Pixels {
  const notes: string[] = [];
  const layout = stated ?? guessLayout(sizes, notes);
  if (layout === "NCHW") return { images, shape: sizes, range, notes };
  const [height, width, channels] = sizes;
  if (stated === undefined) notes.push("The axes stand in the order NHWC and were turned to NCHW.");
  return { images: channelsFirst(images, height * width, channels), shape: [channels, height, width], range, notes };
}

function guessLayout(sizes: readonly [number, number, number], notes: string[]): "NCHW" | "NHWC" {
  const first = CHANNELS.includes(sizes[0]);
  const last = CHANNELS.includes(sizes[2]);
  if (first && last) {
    throw new FormatError("array", `shape [N, ${sizes.join(", ")}] may be NCHW or NHWC; state the layout.`);
  }
  if (!first && !last) notes.push(`The axes [N, ${sizes.join(", ")}] were taken to be NCHW.`);
  return last ? "NHWC" : "NCHW";
}

/** [N, pixels, channels] → [N, channels, pixels] */
export function channelsFirst<T extends Float32Array | Uint8Array>(values: T, pixels: number, channels: number): T {
  if (channels === 1) return values;
  const out = values.slice() as T;
  const size = pixels * channels;
  for (let start = 0; start < values.length; start += size)
    for (let c = 0; c < channels; c++)
      for (let p = 0; p < pixels; p++) out[start + c * pixels + p] = values[start + p * channels + c]!;
  return out;
}

interface Stats {
  readonly min: number;
  readonly max: number;
  readonly whole: boolean;
}

function examine(values: Float32Array | Uint8Array): Stats {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let whole = true;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) throw new FormatError("array", `value ${i} is ${value}; values must be finite.`);
    if (value < min) min = value;
    if (value > max) max = value;
    if (whole && !Number.isInteger(value)) whole = false;
  }
  return { min, max, whole };
}

/** Above 1, whole numbers that are not negative are 0 … 255; all that lies within [0, 1] is 0 … 1. */
function rangeOf({ min, max, whole }: Stats, stated: PixelRange | undefined): PixelRange {
  if (stated !== undefined) {
    const most = { "0..255": 255, "0..1": 1, unknown: Number.POSITIVE_INFINITY }[stated];
    if (stated !== "unknown" && (min < 0 || max > most)) {
      throw new FormatError("array", `the range ${stated} is stated, but values lie between ${min} and ${max}.`);
    }
    return stated;
  }
  if (min < 0) return "unknown";
  if (max <= 1) return "0..1";
  return whole && max <= 255 ? "0..255" : "unknown";
}

export function fromTable(
  table: CsvTable,
  options: ArrayOptions = {},
): Pixels & Pick<Dataset, "labels" | "classNames"> {
  const pixels = fromArray({ dtype: "f4", shape: [table.rows, table.features], data: table.values }, options);
  return {
    ...pixels,
    ...(table.labels && { labels: table.labels.slice(0, options.limit) }),
    ...(table.classNames && { classNames: table.classNames }),
  };
}

/**
 * Pictures of one size as [N, C, H, W], 0 … 255. Opaque alpha is dropped; grey ones among coloured ones become RGB.
 *
 * @param names of the pictures, for messages
 * @throws FormatError naming the picture that has another size or is partly transparent
 */
export function fromImages(images: readonly Image[], names: readonly string[]): Pixels {
  const opaque = images.map((image, i) => withoutAlpha(image, names[i]!));
  const [first] = opaque;
  if (first === undefined) throw new FormatError("pictures", "there are none.");
  const { width, height } = first;
  const pixels = width * height;
  const channels = opaque.some((image) => image.channels === 3) ? 3 : 1;
  const values = new Float32Array(opaque.length * channels * pixels);
  opaque.forEach((image, i) => {
    if (image.width !== width || image.height !== height) {
      throw new FormatError(
        "pictures",
        `"${names[i]}" has ${image.width}×${image.height} pixels, "${names[0]}" ${width}×${height}; bring them to one size.`,
      );
    }
    const planes = channelsFirst(image.data, pixels, image.channels);
    for (let c = 0; c < channels; c++) {
      const plane = planes.subarray(image.channels === 1 ? 0 : c * pixels).subarray(0, pixels);
      values.set(plane, (i * channels + c) * pixels);
    }
  });
  const mixed = opaque.some((image) => image.channels !== channels);
  const notes = mixed ? ["Grey pictures among coloured ones were read as RGB."] : [];
  return { images: values, shape: [channels, height, width], range: "0..255", notes };
}

function withoutAlpha(image: Image, name: string): Image {
  const { width, height, channels, data } = image;
  if (channels === 1 || channels === 3) return image;
  const colours = channels === 2 ? 1 : 3;
  const out = new Uint8Array(width * height * colours);
  for (let p = 0; p < width * height; p++) {
    if (data[p * channels + colours] !== 255) {
      throw new FormatError("pictures", `"${name}" is partly transparent; save it without an alpha channel.`);
    }
    for (let c = 0; c < colours; c++) out[p * colours + c] = data[p * channels + c]!;
  }
  return { width, height, channels: colours, data: out };
}
