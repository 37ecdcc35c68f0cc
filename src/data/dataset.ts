import type { Rng } from "../random/rng.ts";

/**
 * Where black and white lie in `images`: as read off the values, or two numbers as stated; `unknown` for values that are no
 * pixels or whose scale cannot be told.
 */
export type PixelRange = "0..255" | "0..1" | "unknown" | readonly [black: number, white: number];

const ENDS = { "0..255": [0, 255], "0..1": [0, 1], unknown: undefined } as const;

/** Black and white as numbers; undefined where they are not known. */
export const endsOf = (range: PixelRange): readonly [black: number, white: number] | undefined =>
  typeof range === "string" ? ENDS[range] : range;

/** How far values reach, over all samples of the source, however few of them are read. */
export interface ValueFacts {
  readonly min: number;
  readonly max: number;
  /** Samples that the numbers are from. */
  readonly samples: number;
  /** [perSample]: the standard deviation of each value over the samples; only of values whose range is unknown. */
  readonly spread?: Float32Array;
  /** [perSample]: whether all values are whole numbers; only of values whose range is unknown. */
  readonly whole?: readonly boolean[];
}

/** Samples as they stand in their file: nothing is scaled; only the axes may have been brought into CHW order. */
export interface Dataset {
  readonly name: string;
  /** [count, ...shape] */
  readonly images: Float32Array;
  /** Of one sample: [channels, height, width], or [features] for tables. */
  readonly shape: readonly number[];
  /** [count]; absent when the data has none. */
  readonly labels?: Int32Array;
  readonly classNames?: readonly string[];
  /** Names of a table's columns without that of the labels, where it gives them. */
  readonly columns?: readonly string[];
  readonly range: PixelRange;
  /** What was done to the pictures because the user said so, in words. */
  readonly steps?: readonly string[];
  /** Of arrays and tables. */
  readonly values?: ValueFacts;
  /** [count]: the place of each sample in the whole data set, which names it in reports. */
  readonly indices: Int32Array;
  /** Where it comes from, for people. */
  readonly source: string;
  /** What was concluded while reading and what a reader of results should know, a sentence each. */
  readonly notes: readonly string[];
  /** Of the file or files read, in hexadecimal. */
  readonly sha256?: string;
}

export interface Sample {
  /** A view of one sample, [...shape]. */
  readonly image: Float32Array;
  readonly label?: number;
  /** The sample's place in the whole data set. */
  readonly index: number;
}

export const count = (dataset: Dataset): number => dataset.indices.length;

export const perSample = (dataset: Dataset): number => dataset.shape.reduce((product, size) => product * size, 1);

/** @param at position in this data set, from 0  @throws RangeError when there is no such position */
export function takeSample(dataset: Dataset, at: number): Sample {
  checkPosition(dataset, at);
  const size = perSample(dataset);
  const label = dataset.labels?.[at];
  return {
    image: dataset.images.subarray(at * size, (at + 1) * size),
    index: dataset.indices[at]!,
    ...(label !== undefined && { label }),
  };
}

/**
 * The samples at these positions, in this order. Their `indices` still name their places in the whole data set.
 *
 * @throws RangeError when there is no such position
 */
export function select(dataset: Dataset, positions: ArrayLike<number>): Dataset {
  const size = perSample(dataset);
  const images = new Float32Array(positions.length * size);
  const labels = dataset.labels && new Int32Array(positions.length);
  const indices = new Int32Array(positions.length);
  for (let i = 0; i < positions.length; i++) {
    const from = positions[i]!;
    checkPosition(dataset, from);
    images.set(dataset.images.subarray(from * size, (from + 1) * size), i * size);
    indices[i] = dataset.indices[from]!;
    if (labels) labels[i] = dataset.labels![from]!;
  }
  return { ...dataset, images, indices, ...(labels && { labels }) };
}

/** The first `n` samples; all, when there are fewer. @throws RangeError unless n is a whole number from 1 */
export function limit(dataset: Dataset, n: number): Dataset {
  checkCount(n);
  if (n >= count(dataset)) return dataset;
  return {
    ...dataset,
    images: dataset.images.subarray(0, n * perSample(dataset)),
    indices: dataset.indices.subarray(0, n),
    ...(dataset.labels && { labels: dataset.labels.subarray(0, n) }),
  };
}

/**
 * `n` samples drawn at random without replacement, in their old order. Where there are labels, each class keeps its share
 * of the whole as nearly as whole numbers allow. All, when there are fewer than `n`.
 *
 * @throws RangeError unless n is a whole number from 1
 */
export function sample(dataset: Dataset, n: number, rng: Rng): Dataset {
  checkCount(n);
  const total = count(dataset);
  if (n >= total) return dataset;
  const strata = new Map<number, number[]>();
  for (let i = 0; i < total; i++) {
    const label = dataset.labels?.[i] ?? 0;
    const members = strata.get(label);
    if (members) members.push(i);
    else strata.set(label, [i]);
  }
  const groups = [...strata].sort(([a], [b]) => a - b);
  const quotas = shares(
    groups.map(([, members]) => members.length),
    n,
  );
  const chosen = groups.flatMap(([label, members], g) =>
    Array.from(
      rng.split(`class/${label}`).permutation(members.length).subarray(0, quotas[g]!),
      (place) => members[place]!,
    ),
  );
  return select(
    dataset,
    chosen.sort((a, b) => a - b),
  );
}

/** `n` divided in proportion to `sizes` by largest remainders; the first of equal remainders wins. */
function shares(sizes: readonly number[], n: number): number[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const quotas = sizes.map((size) => Math.floor((n * size) / total));
  const missing = n - quotas.reduce((sum, quota) => sum + quota, 0);
  const byRemainder = sizes
    .map((size, i) => ({ i, remainder: (n * size) % total }))
    .sort((a, b) => b.remainder - a.remainder || a.i - b.i);
  for (const { i } of byRemainder.slice(0, missing)) quotas[i]!++;
  return quotas;
}

/**
 * An order over groups of samples in which every beginning holds each group in about its share, so that "the first 100"
 * of a data set that is stored class by class still shows all classes.
 *
 * @param sizes of the groups
 * @returns pairs of group and place in it, one a sample
 */
export function interleave(sizes: readonly number[]): { readonly group: number; readonly place: number }[] {
  return sizes
    .flatMap((size, group) =>
      Array.from({ length: size }, (_, place) => ({ group, place, position: (place + 0.5) / size })),
    )
    .sort((a, b) => a.position - b.position || a.group - b.group)
    .map(({ group, place }) => ({ group, place }));
}

function checkPosition(dataset: Dataset, at: number): void {
  if (!Number.isInteger(at) || at < 0 || at >= count(dataset)) {
    throw new RangeError(`"${dataset.name}" has the samples 0 to ${count(dataset) - 1}, asked for ${at}.`);
  }
}

function checkCount(n: number): void {
  if (!Number.isInteger(n) || n < 1) throw new RangeError(`a number of samples is a whole number from 1, got ${n}.`);
}
