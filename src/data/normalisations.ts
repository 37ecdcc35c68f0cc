/** @file Other ways in which a model may take the same inputs: what is usual, to be tried where answers are wrong. */

import type { Contract, StatedContract } from "./contract.ts";
import { type Dataset, perSample } from "./dataset.ts";
import type { PictureOptions } from "./pictures.ts";

/** What states a way to feed the model. */
export type WayTerms = Pick<StatedContract, "range" | "mean" | "std"> &
  Pick<PictureOptions, "channelOrder" | "resize" | "crop">;

/** (low + x·(high − low) − mean) / std of pixels x in [0, 1], in the model's order of channels. */
export interface Candidate {
  /** For people. */
  readonly name: string;
  /** What to type. */
  readonly option: string;
  readonly range: readonly [black: number, white: number];
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** The other order of colours than now. */
  readonly swapped?: true;
  /** Computed from these data, and published nowhere. */
  readonly own?: true;
}

interface Usual {
  readonly name: string;
  readonly channels: 1 | 3 | "any";
  readonly range?: readonly [number, number];
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

const USUAL: readonly Usual[] = [
  { name: "as it is", channels: "any", mean: [0], std: [1] },
  { name: "0 to 255", channels: "any", range: [0, 255], mean: [0], std: [1] },
  { name: "-1 to 1", channels: "any", mean: [0.5], std: [0.5] },
  { name: "MNIST's", channels: 1, mean: [0.1307], std: [0.3081] },
  { name: "Fashion-MNIST's", channels: 1, mean: [0.286], std: [0.353] },
  { name: "CIFAR-10's", channels: 3, mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] },
  { name: "CIFAR-10's, as often written", channels: 3, mean: [0.4914, 0.4822, 0.4465], std: [0.2023, 0.1994, 0.201] },
  { name: "ImageNet's", channels: 3, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  {
    name: "Caffe's, blue first",
    channels: 3,
    range: [0, 255],
    mean: [103.939, 116.779, 123.68],
    std: [1],
  },
];

const DIGITS = 4;
const short = (value: number): number => Number(value.toFixed(DIGITS));

/**
 * Candidates for pictures, without the one that holds. Empty for values without a range.
 * @param contract what holds now
 */
export function candidatesFor(dataset: Dataset, { range, mean, std }: Contract, bgr: boolean): Candidate[] {
  const [channels = 1] = dataset.shape;
  if (range === undefined || dataset.shape.length !== 3 || (channels !== 1 && channels !== 3)) return [];
  const spread = (values: readonly number[]): number[] =>
    Array.from({ length: channels }, (_, c) => values[values.length === 1 ? 0 : c]!);
  const usual = USUAL.filter((one) => one.channels === "any" || one.channels === channels).map((one): Candidate => {
    const blueFirst = one.name.includes("blue first");
    const option = optionOf(one, blueFirst && !bgr ? "bgr" : undefined);
    return {
      name: one.name,
      option,
      range: one.range ?? [0, 1],
      mean: spread(one.mean),
      std: spread(one.std),
      ...(blueFirst && !bgr && { swapped: true as const }),
    };
  });
  const own = ownOf(dataset, spread);
  const swapped: Candidate[] =
    channels === 3
      ? [
          {
            name: bgr ? "red first" : "blue first",
            option: `--channel-order ${bgr ? "rgb" : "bgr"}`,
            range,
            mean,
            std,
            swapped: true,
          },
        ]
      : [];
  const same = (candidate: Candidate) =>
    !candidate.swapped && affine(candidate).join() === affine({ range, mean, std }).join();
  return [...usual, ...own, ...swapped].filter((candidate) => !same(candidate));
}

/** With the colours, their means and deviations in the other order. @param bgr the order that holds now */
export function otherOrder({ name, range, mean, std }: Candidate, bgr: boolean): Candidate {
  const terms = { mean: mean.toReversed(), std: std.toReversed() };
  const stretched = range[0] !== 0 || range[1] !== 1;
  return {
    name: `${name}, ${bgr ? "red first" : "blue first"}`,
    option: optionOf({ ...terms, ...(stretched && { range }) }, bgr ? "rgb" : "bgr"),
    range,
    ...terms,
    swapped: true,
  };
}

function optionOf(
  { range, mean, std }: Pick<Usual, "range" | "mean" | "std">,
  order: "rgb" | "bgr" | undefined,
): string {
  const parts = [
    ...(order === undefined ? [] : [`--channel-order ${order}`]),
    ...(range === undefined ? [] : [`--range ${range}`]),
    ...(mean.every((value) => value === 0) && std.every((value) => value === 1) ? [] : [`--mean ${mean} --std ${std}`]),
  ];
  return parts.length === 0 ? "no --mean, --std and --range" : parts.join(" ");
}

/** Mean and standard deviation of the data's own channels. */
function ownOf(dataset: Dataset, spread: (values: readonly number[]) => number[]): Candidate[] {
  const { images, shape, range } = dataset;
  const channels = shape[0]!;
  const plane = perSample(dataset) / channels;
  const ends = range === "0..255" ? [0, 255] : range === "0..1" ? [0, 1] : range === "unknown" ? [0, 1] : range;
  const sums = Array.from({ length: channels }, () => ({ sum: 0, squares: 0 }));
  for (let i = 0; i < images.length; i++) {
    const of = sums[Math.floor(i / plane) % channels]!;
    const pixel = (images[i]! - ends[0]!) / (ends[1]! - ends[0]!);
    of.sum += pixel;
    of.squares += pixel ** 2;
  }
  const count = images.length / channels;
  const mean = sums.map(({ sum }) => short(sum / count));
  const std = sums.map(({ sum, squares }) => short(Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2))));
  if (std.some((value) => value === 0)) return [];
  const [means, stds] = [spread(mean), spread(std)];
  return [
    {
      name: "the data's own",
      option: `--mean ${means} --std ${stds}`,
      range: [0, 1],
      mean: means,
      std: stds,
      own: true,
    },
  ];
}

/** Factor and offset of each channel: what the model takes is factor·x + offset. */
export function affine({ range: [low, high], mean, std }: Pick<Candidate, "range" | "mean" | "std">): number[] {
  return mean.flatMap((value, c) => [(high - low) / std[c]!, (low - value) / std[c]!]);
}

/** Of a table: each feature less its mean, by its spread; undefined where that cannot be, or already holds. */
export function standardised(dataset: Dataset, { mean, std }: Contract): { mean: number[]; std: number[] } | undefined {
  const spread = dataset.values?.spread;
  const size = perSample(dataset);
  if (!spread || dataset.shape.length !== 1 || mean.some((value) => value !== 0) || std.some((value) => value !== 1)) {
    return undefined;
  }
  const means = new Float64Array(size);
  const count = dataset.images.length / size;
  dataset.images.forEach((value, i) => {
    means[i % size]! += value / count;
  });
  return { mean: Array.from(means), std: Array.from(spread, (value) => value || 1) };
}

/** Chance of so many or more heads among so many fair coins. */
export function coinTail(heads: number, coins: number): number {
  let term = 0.5 ** coins;
  let tail = heads <= 0 ? 1 : 0;
  for (let k = 0; heads > 0 && k <= coins; k++) {
    if (k >= heads) tail += term;
    term *= (coins - k) / (k + 1);
  }
  return Math.min(1, tail);
}
