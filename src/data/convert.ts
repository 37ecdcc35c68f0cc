import { type NdArray, toFloat32 } from "../formats/array.ts";
import type { CsvTable } from "../formats/csv.ts";
import { FormatError } from "../formats/error.ts";
import type { Image } from "../formats/image.ts";
import { type Dataset, endsOf, type PixelRange } from "./dataset.ts";
import { clipRounding, examineValues, rangeOf, spreadOf } from "./scale.ts";
import { isSized, type Sizing, sizeAdvice, sizedImage, sizeSteps } from "./sizing.ts";

/** The part of a data set that the values alone decide. */
export type Pixels = Pick<Dataset, "images" | "shape" | "range" | "notes" | "values">;

export interface ArrayOptions {
  /** Order of the axes of a four-axis array; told from the sizes when they leave no doubt. */
  readonly layout?: "NCHW" | "NHWC";
  /** The same, but only where the sizes leave a doubt. */
  readonly layoutInDoubt?: "NCHW" | "NHWC";
  /** Of one sample, [channels, height, width], for rows that are pictures. */
  readonly shape?: readonly number[];
  /** Where black and white lie, for values that do not tell: floats between 0 and 255, tables within 0 … 1. */
  readonly range?: PixelRange;
  /** [channels, height, width] of the pictures that the model takes: rows of as many values are such pictures. */
  readonly modelPicture?: readonly number[];
  /** Of rows that are pictures: one channel after the other (default), or the channels of each pixel together. */
  readonly rowOrder?: "NCHW" | "NHWC";
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
  const read = toFloat32({ ...array, data: array.data.subarray(0, kept * size) });
  // Over all samples, so that the scale does not depend on how many are read.
  const all = array.data instanceof Uint8Array ? array.data : toFloat32(array);
  const facts = examineValues(all);
  const picture =
    options.shape !== undefined ||
    sizes.length > 1 ||
    options.rowOrder !== undefined ||
    size === product(options.modelPicture ?? []) ||
    FLAT_PICTURES.has(size);
  // tables have no black and white, even where they happen to lie between 0 and 1, unless it is stated
  const range = picture || options.range !== undefined ? rangeOf(facts, options.range) : "unknown";
  const ends = endsOf(range);
  const clipped = ends ? clipRounding(read, facts, ends) : { images: read, notes: [] };
  const notes: string[] = [...clipped.notes];
  const values = { min: facts.min, max: facts.max, samples: total, ...(ends ? {} : spreadOf(all, size)) };
  const pixels = pictureOf(clipped.images, sizes, size, range, options, notes);
  return { ...pixels, values, notes };
}

/** Samples with the axes that they have as pictures; what is concluded is added to the notes. */
function pictureOf(
  images: Float32Array,
  sizes: readonly number[],
  size: number,
  range: PixelRange,
  options: ArrayOptions,
  notes: string[],
): Pick<Pixels, "images" | "shape" | "range"> {
  if (options.shape !== undefined) {
    if (product(options.shape) !== size) {
      throw new FormatError("array", `the shape [${options.shape}] is stated, but a sample has ${size} values.`);
    }
    return { images, shape: options.shape, range };
  }
  if (options.rowOrder !== undefined) return pictureRows(images, sizes, range, options, notes);
  if (sizes.length === 1) {
    const picture = range === "unknown" ? undefined : FLAT_PICTURES.get(size);
    if (picture)
      notes.push(
        `Rows of ${size} pixels were read as pictures of shape ${picture.join("×")}, channel by channel${picture[0] === 1 ? "" : " (--row-order NHWC where the channels of each pixel stand together)"}.`,
      );
    return { images, shape: picture ?? [size], range };
  }
  if (sizes.length !== 3) return { images, shape: sizes.length === 2 ? [1, ...sizes] : sizes, range };
  return fromPictures(images, sizes as [number, number, number], range, options, notes);
}

/** Rows whose order is stated, as pictures of the model's size, or else of a common one. */
function pictureRows(
  images: Float32Array,
  sizes: readonly number[],
  range: PixelRange,
  { modelPicture, rowOrder }: ArrayOptions,
  notes: string[],
): Pick<Pixels, "images" | "shape" | "range"> {
  const size = product(sizes);
  if (sizes.length !== 1)
    throw new FormatError("array", `samples have the axes [${sizes}]: an order is stated for rows (--row-order).`);
  const fits = modelPicture !== undefined && product(modelPicture) === size;
  const picture = fits ? modelPicture : FLAT_PICTURES.get(size);
  if (picture === undefined)
    throw new FormatError(
      "array",
      `rows of ${size} values are stated to be pictures (--row-order), but the model takes none of so many values; give them as an array [N, height, width, channels].`,
    );
  const [channels, height, width] = picture as [number, number, number];
  const last = rowOrder === "NHWC";
  notes.push(
    `Rows of ${size} values were read as pictures of shape ${picture.join("×")}, ${last ? "the channels of each pixel together" : "channel by channel"}, as stated.`,
  );
  return { images: last ? channelsFirst(images, height * width, channels) : images, shape: picture, range };
}

const product = (sizes: readonly number[]): number => sizes.reduce((p, size) => p * size, 1);

function fromPictures(
  images: Float32Array,
  sizes: readonly [number, number, number],
  range: PixelRange,
  { layout: stated, layoutInDoubt }: ArrayOptions,
  notes: string[],
): Pick<Pixels, "images" | "shape" | "range"> {
  const layout = stated ?? guessLayout(sizes, layoutInDoubt, notes);
  if (layout === "NCHW") return { images, shape: sizes, range };
  const [height, width, channels] = sizes;
  if (stated === undefined) notes.push("The axes stand in the order NHWC and were turned to NCHW.");
  return { images: channelsFirst(images, height * width, channels), shape: [channels, height, width], range };
}

function guessLayout(
  sizes: readonly [number, number, number],
  inDoubt: ArrayOptions["layoutInDoubt"],
  notes: string[],
): "NCHW" | "NHWC" {
  const first = CHANNELS.includes(sizes[0]);
  const last = CHANNELS.includes(sizes[2]);
  if (first && last) {
    if (inDoubt) return inDoubt;
    if (product(sizes) === 1) return "NCHW";
    throw new FormatError("array", `shape [N, ${sizes.join(", ")}] may be NCHW or NHWC; state the layout (--layout).`);
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

export function fromTable(
  table: CsvTable,
  options: ArrayOptions = {},
): Pixels & Pick<Dataset, "labels" | "classNames" | "columns"> {
  const pixels = fromArray({ dtype: "f4", shape: [table.rows, table.features], data: table.values }, options);
  return {
    ...pixels,
    ...(table.labels && { labels: table.labels.slice(0, options.limit) }),
    ...(table.classNames && { classNames: table.classNames }),
    ...(table.columns && { columns: table.columns }),
  };
}

/**
 * Pictures of one size as [N, C, H, W], 0 … 255. Opaque alpha is dropped; grey ones among coloured ones become RGB.
 *
 * @param names of the pictures, for messages
 * @param sizing brings each to size first
 * @throws FormatError naming the picture that has another size or is partly transparent
 */
export function fromImages(
  images: readonly Image[],
  names: readonly string[],
  { resize, crop, modelPicture }: Sizing & Pick<ArrayOptions, "modelPicture"> = {},
): Pixels & Pick<Dataset, "steps"> {
  const sizing = { resize, crop };
  const opaque = images.map((image, i) => sizedImage(withoutAlpha(image, names[i]!), sizing));
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
        `"${names[i]}" has ${image.height}×${image.width} pixels (height × width), "${names[0]}" ${height}×${width}; ${sizeAdvice(modelPicture)}.`,
      );
    }
    const planes = channelsFirst(image.data, pixels, image.channels);
    for (let c = 0; c < channels; c++) {
      const plane = planes.subarray(image.channels === 1 ? 0 : c * pixels).subarray(0, pixels);
      values.set(plane, (i * channels + c) * pixels);
    }
  });
  const mixed = opaque.some((image) => image.channels !== channels);
  const turned = images.filter((image) => image.turned).length;
  const notes = [
    ...(mixed ? ["Grey pictures among coloured ones were read as RGB."] : []),
    ...(turned === 0
      ? []
      : [`${turned} of ${images.length} pictures were turned upright, as their EXIF orientation says.`]),
  ];
  return {
    images: values,
    shape: [channels, height, width],
    range: "0..255",
    notes,
    ...(isSized(sizing) && { steps: sizeSteps(sizing) }),
  };
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
