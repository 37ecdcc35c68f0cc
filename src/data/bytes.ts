import { type NdArray, toLabels } from "../formats/array.ts";
import { CIFAR10_CLASSES, readCifar } from "../formats/cifar.ts";
import { type CsvOptions, readCsv } from "../formats/csv.ts";
import { FormatError } from "../formats/error.ts";
import { orientationOf, upright } from "../formats/exif.ts";
import { gunzip, isGzip } from "../formats/gzip.ts";
import { isIdx, readIdx } from "../formats/idx.ts";
import type { Image } from "../formats/image.ts";
import { isJpeg, readJpeg } from "../formats/jpeg.ts";
import { isNpy, readNpy } from "../formats/npy.ts";
import { isZip, readNpz } from "../formats/npz.ts";
import { isPng, readPng } from "../formats/png.ts";
import { type ArrayOptions, fromArray, fromImages, fromTable, type Pixels } from "./convert.ts";
import type { Dataset } from "./dataset.ts";
import type { PictureOptions } from "./pictures.ts";

export interface ReadOptions extends ArrayOptions, PictureOptions {
  /** Which part of a data set that has two; "test" by default. */
  readonly split?: "test" | "train";
  /** Of a CSV file. */
  readonly csv?: CsvOptions;
  /** What the data calls its first label; 0 by default. */
  readonly firstLabel?: number;
  /** Tells CIFAR-10 from CIFAR-100 where the file's length does not. */
  readonly classes?: 10 | 100;
}

/** Samples out of one file, with the name of its format; with labels where the format holds them. */
export interface Samples extends Pixels, Pick<Dataset, "labels" | "classNames"> {
  readonly format: string;
}

/**
 * Reads samples from a file's bytes, gzipped or not. What is in them decides; the name's ending decides only for CIFAR's
 * binary files (.bin) and CSV (.csv, .tsv, .txt), which have no signature.
 *
 * @throws FormatError when the bytes are of no known format, or damaged
 */
export function readSamples(name: string, bytes: Uint8Array, options: ReadOptions = {}): Samples {
  const content = isGzip(bytes) ? gunzip(bytes) : bytes;
  const ending = /\.([a-z]+)(\.gz)?$/i.exec(name)?.[1]?.toLowerCase();
  if (isZip(content)) return { format: "NPZ", ...fromArrays(readNpz(content), options) };
  if (isNpy(content)) return { format: "NPY", ...fromArray(readNpy(content), options) };
  if (isPicture(content)) return { format: "picture", ...fromImages([decodePicture(content)], [name], options) };
  if (ending === "csv" || ending === "tsv" || ending === "txt") {
    return { format: "CSV", ...fromTable(readCsv(content, options.csv), options) };
  }
  if (ending === "bin") return { format: "CIFAR", ...fromCifar([content], options) };
  if (isIdx(content)) return { format: "IDX", ...fromArray(readIdx(content), options) };
  throw new FormatError(
    "data",
    "not recognised; known are IDX, CIFAR (.bin), NPY, NPZ, PNG, JPEG, CSV (.csv) and folders of these.",
  );
}

const isPicture = (bytes: Uint8Array): boolean => isPng(bytes) || isJpeg(bytes);

/** Upright, as a JPEG's EXIF orientation says. @throws FormatError when the bytes are neither PNG nor JPEG, or damaged */
export function decodePicture(bytes: Uint8Array): Image {
  if (isPng(bytes)) return readPng(bytes);
  if (isJpeg(bytes)) return upright(readJpeg(bytes), orientationOf(bytes));
  throw new FormatError("picture", "neither PNG nor JPEG.");
}

/**
 * Labels from IDX, NPY or text with one number a line, gzipped or not.
 *
 * @throws FormatError when they are not one whole number a sample
 */
export function readLabels(bytes: Uint8Array): Int32Array {
  const content = isGzip(bytes) ? gunzip(bytes) : bytes;
  const array = isNpy(content) ? readNpy(content) : isIdx(content) ? readIdx(content) : labelColumn(content);
  if (array.shape[0] !== array.data.length) {
    throw new FormatError("labels", `one number a sample is expected, the file has shape [${array.shape}].`);
  }
  return toLabels("labels", array);
}

function labelColumn(bytes: Uint8Array): NdArray {
  const { values, rows, features } = readCsv(bytes, { label: "none" });
  return { dtype: "f4", shape: [rows, features], data: values };
}

/** Batches of CIFAR, one after another. */
export function fromCifar(files: readonly Uint8Array[], { classes, limit }: ReadOptions): Omit<Samples, "format"> {
  const batches = files.map((bytes) => readCifar(bytes, classes === undefined ? {} : { classes }));
  const [first] = batches;
  if (first === undefined || batches.some((batch) => batch.classes !== first.classes)) {
    throw new FormatError("CIFAR", "the batches are not of one kind (CIFAR-10 or CIFAR-100).");
  }
  const labels = Int32Array.from(batches.flatMap((batch) => [...batch.labels])).subarray(0, limit);
  const size = 3 * 32 * 32;
  const images = new Float32Array(labels.length * size);
  let at = 0;
  for (const batch of batches) {
    const fitting = batch.images.subarray(0, images.length - at);
    images.set(fitting, at);
    at += fitting.length;
  }
  return {
    images,
    labels,
    shape: [3, 32, 32],
    range: "0..255",
    notes: [],
    ...(first.classes === 10 && { classNames: CIFAR10_CLASSES }),
  };
}

const SAMPLE_KEYS = ["x", "images", "data", "inputs"];
const LABEL_KEYS = ["y", "labels", "label", "targets"];

/** The arrays of an NPZ file that hold the samples and, where there are any, the labels. */
function fromArrays(arrays: ReadonlyMap<string, NdArray>, options: ReadOptions): Omit<Samples, "format"> {
  const split = options.split ?? "test";
  const find = (keys: readonly string[]): readonly [string, NdArray] | undefined => {
    const wanted = [...keys.map((key) => `${key}_${split}`), ...keys.map((key) => `${split}_${key}`), ...keys];
    for (const key of wanted) {
      for (const entry of arrays) if (entry[0].toLowerCase() === key) return entry;
    }
    return undefined;
  };
  const samples = find(SAMPLE_KEYS);
  if (samples === undefined) {
    const names = [...arrays.keys()].slice(0, 20).join(", ") || "none";
    throw new FormatError("NPZ", `no array is called x or images (or x_${split}); there are: ${names}.`);
  }
  const labels = find(LABEL_KEYS);
  return {
    ...fromArray(samples[1], options),
    ...(labels && { labels: toLabels(`NPZ array "${labels[0]}"`, labels[1]).subarray(0, options.limit) }),
  };
}
