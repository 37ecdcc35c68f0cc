/** @file Whether another usual way to feed the model makes clearly more of its answers right, or it clearly surer. */

import type { ClassNaming } from "../data/classes.ts";
import type { Contract } from "../data/contract.ts";
import type { Dataset } from "../data/dataset.ts";
import { affine, candidatesFor, coinTail, standardised } from "../data/normalisations.ts";
import type { Notice } from "../data/notice.ts";
import { isBlueFirst } from "../data/pictures.ts";
import type { Normalisation } from "../methods/network.ts";
import type { Chunk, Prediction } from "../methods/records.ts";
import { median } from "../stats/summary.ts";
import { pick } from "./engine.ts";
import type { Inputs } from "./inputs.ts";

export type Predict = (chunk: Chunk) => Promise<readonly Prediction[]>;

/** A way in which the model may take the inputs, as other inputs to it as it is fed now. */
interface Trial {
  readonly name: string;
  readonly option: string;
  readonly apply: (images: Float32Array) => Float32Array;
}

/** Inputs of the first look, fewer where they are large. */
const FIRST_LOOK = 256;
const FIRST_VALUES = 2 ** 21;
const LEAST_LOOK = 24;
/** Inputs of the second, which decides. */
const SECOND_LOOK = 2000;
/** Chance of a false hint, shared among all that is tried. */
const LEVEL = 0.05;

/**
 * How much larger the margin of most inputs must be, each in the spread of its own scores. Fed rightly, at most 39% of the
 * inputs of models in the zoo gain so much by any other usual way; fed in a way that costs 4% of the answers, 65% to 79%.
 */
const CLEAR_GAIN = 1.05;

/**
 * Undefined where nothing else makes clearly more right, or the margins clearly larger without making fewer right. The
 * comparisons are paired: of the inputs that only one of the two ways gets right, the other way gets too many for chance
 * (McNemar's exact test); of those that both get right, too many have a margin larger by `CLEAR_GAIN` (sign test).
 */
export async function preprocessingHint(
  inputs: Inputs,
  chunk: Chunk,
  predictions: readonly Prediction[],
  predict: Predict,
): Promise<Notice | undefined> {
  const right = predictions.map(({ predicted }, i) => predicted === chunk.labels[i]);
  // a table's features have no common mean and spread that margins could tell
  const pictures = inputs.dataset.shape.length === 3;
  const trials = pictures || !right.every(Boolean) ? trialsFor(inputs) : [];
  if (trials.length === 0) return undefined;
  const size = chunk.images.length / chunk.labels.length;
  const first = spaced(right.length, Math.max(LEAST_LOOK, Math.min(FIRST_LOOK, Math.floor(FIRST_VALUES / size))));
  const scores: (Comparison & { trial: Trial })[] = [];
  for (const trial of trials) scores.push({ trial, ...(await compare(trial, first, predictions, chunk, predict)) });
  const gain = ({ gained, lost }: Comparison) => gained - lost;
  const best = scores.reduce((a, b) => (gain(b) > gain(a) ? b : a));
  if (gain(best) > 0) {
    const second = spaced(right.length, SECOND_LOOK);
    const { gained, lost } = await compare(best.trial, second, predictions, chunk, predict);
    const now = second.filter((i) => right[i]).length;
    if (coinTail(gained, gained + lost) * trials.length <= LEVEL) {
      return noticeOf(best.trial, now, now + gained - lost, second.length);
    }
  }
  if (!pictures) return undefined;
  const surer = scores.filter((score) => gain(score) >= 0 && isClear(score.ratios, trials.length));
  const [surest] = surer.toSorted((a, b) => median(b.ratios) - median(a.ratios));
  return surest && marginNotice(surest.trial, surest.ratios);
}

const isClear = (ratios: readonly number[], trials: number): boolean =>
  ratios.length > 0 && coinTail(ratios.filter((ratio) => ratio > CLEAR_GAIN).length, ratios.length) * trials <= LEVEL;

function marginNotice({ name, option }: Trial, ratios: readonly number[]): Notice {
  const measured = `the median margin, in the spread of the scores, is ${median(ratios).toFixed(2)} times as large with it, on the same ${ratios.length} inputs`;
  return {
    id: "preprocessing",
    title: "The model seems to expect another preprocessing",
    sentence: `With ${name} preprocessing (${option}) the model is clearly surer and no less often right: ${measured}. All other numbers are about the way it is fed now; run again with ${option}.`,
    condition: "No usual preprocessing makes the margins clearly larger",
    outcome: "undecided",
    measured,
  };
}

function noticeOf({ name, option }: Trial, now: number, then: number, of: number): Notice {
  const share = (count: number) => `${((100 * count) / of).toFixed(1)}%`;
  const measured = `${share(then)} right with it, ${share(now)} without, on the same ${of} inputs`;
  return {
    id: "preprocessing",
    title: "The model seems to expect another preprocessing",
    sentence: `With ${name} preprocessing (${option}) ${share(then)} of ${of} inputs are right, as it is fed now ${share(now)}: more than chance explains. All other numbers are about the way it is fed now; run again with ${option}.`,
    condition: "No usual preprocessing makes clearly more answers right",
    outcome: "undecided",
    measured,
  };
}

interface Comparison {
  /** Inputs that only the other way, or only the present one, gets right. */
  readonly gained: number;
  readonly lost: number;
  /** Of those that both get right: how many times as large the margin is, each in the spread of its own scores. */
  readonly ratios: readonly number[];
}

async function compare(
  { apply }: Trial,
  positions: readonly number[],
  before: readonly Prediction[],
  chunk: Chunk,
  predict: Predict,
): Promise<Comparison> {
  const { images, labels, ...rest } = pick(chunk, positions);
  const answers = await predict({ ...rest, labels, images: apply(images) });
  let [gained, lost] = [0, 0];
  const ratios: number[] = [];
  answers.forEach((now, k) => {
    const then = before[positions[k]!]!;
    const [holds, held] = [now.predicted === labels[k], then.predicted === labels[k]];
    if (holds && !held) gained++;
    if (!holds && held) lost++;
    const ratio = (now.margin * then.spread) / (then.margin * now.spread);
    if (holds && held && Number.isFinite(ratio)) ratios.push(ratio);
  });
  return { gained, lost, ratios };
}

const spaced = (total: number, most: number): number[] => {
  const count = Math.min(total, most);
  return Array.from({ length: count }, (_, k) => Math.floor((k * total) / count));
};

function trialsFor({ dataset, contract: { contract }, normalisation, factor }: Inputs): Trial[] {
  const unfed = inverse(normalisation, contract);
  const pictures = candidatesFor(dataset, contract, isBlueFirst(dataset)).map((candidate): Trial => {
    const terms = affine(candidate);
    const [channelOf, swap] = placesOf(dataset, contract);
    return {
      name: candidate.name,
      option: candidate.option,
      apply: (images) =>
        images.map((_, i, all) => {
          const c = channelOf(i);
          const pixel = candidate.swapped ? all[swap(i)]! : all[i]!;
          return unfed(terms[2 * c]! * pixel + terms[2 * c + 1]!, i);
        }),
    };
  });
  const table = standardised(dataset, contract);
  if (!table) return pictures;
  const size = table.mean.length;
  const list = (values: readonly number[]) => values.map((value) => Number(value.toPrecision(6))).join(",");
  return [
    ...pictures,
    {
      name: "standardised",
      option:
        size <= SHOWN_FEATURES
          ? `--mean ${list(table.mean)} --std ${list(table.std)}`
          : "each feature's mean and standard deviation as --mean and --std",
      apply: (images) =>
        images.map((value, i) => {
          const raw = factor ? value / factor[i % size]! : value;
          return unfed((raw - table.mean[i % size]!) / table.std[i % size]!, i);
        }),
    },
  ];
}

const SHOWN_FEATURES = 16;

/** What must be fed now for the model file to take a value. */
function inverse(
  normalisation: Normalisation | undefined,
  { shape }: Contract,
): (wanted: number, place: number) => number {
  if (!normalisation) return (wanted) => wanted;
  const { mean, std, axis } = normalisation;
  const inner = axis === 0 ? 1 : shape.slice(axis).reduce((product, size) => product * size, 1);
  return (wanted, place) => {
    const c = Math.floor(place / inner) % mean.length;
    return wanted * std[c]! + mean[c]!;
  };
}

/** The channel of a place in the chunk's images, and the place of the pixel with red and blue swapped. */
function placesOf(
  { shape }: Dataset,
  { layout }: Contract,
): readonly [channel: (i: number) => number, swap: (i: number) => number] {
  const [channels = 1, height = 1, width = 1] = shape;
  const plane = height * width;
  const nhwc = layout === "NHWC";
  const channel = (i: number) => (nhwc ? i % channels : Math.floor(i / plane) % channels);
  const step = nhwc ? 1 : plane;
  return [channel, (i) => i + (channels - 1 - 2 * channel(i)) * step];
}

/** Inputs of a class that show which output stands for it. */
const LEAST_OF_CLASS = 3;
/** Share of the inputs that the outputs must sort rightly for their order to be the fault. */
const SORTED = 0.8;

/** Labels one too high or too low, or classes in another order: told by the answers alone. Undefined where neither is. */
export function labelHint(
  predicted: readonly number[],
  labels: ArrayLike<number>,
  classes: number,
  { labels: named }: ClassNaming,
): string | undefined {
  const total = predicted.length;
  const rightWith = (shift: number) => predicted.filter((answer, i) => answer + shift === labels[i]).length;
  const now = rightWith(0);
  for (const shift of [1, -1]) {
    const then = rightWith(shift);
    if (then > SORTED * total && now < 0.5 * total) {
      return `With --first-label ${(named?.[0] ?? 0) + shift} ${then} of ${total} would be right: the labels seem to be one too ${shift > 0 ? "high" : "low"}.`;
    }
  }
  const order = orderOf(predicted, labels, classes);
  if (!order || named) return undefined;
  const then = predicted.filter((answer, i) => order[answer] === labels[i]).length;
  return then > SORTED * total && now < 0.5 * total
    ? `With --class-order ${order} ${then} of ${total} would be right: the model seems to have its classes in another order.`
    : undefined;
}

/** The label that most inputs of each answer have, where that is one label an output. */
function orderOf(predicted: readonly number[], labels: ArrayLike<number>, classes: number): number[] | undefined {
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (const [i, answer] of predicted.entries()) counts[answer]![labels[i]!]! += 1;
  const order = counts.map((row) => row.indexOf(Math.max(...row)));
  const told = counts.every((row, k) => row[order[k]!]! >= LEAST_OF_CLASS);
  return told && new Set(order).size === classes ? order : undefined;
}
