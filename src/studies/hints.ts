/** @file Other usual ways to feed the model, tried on its inputs: whether one makes clearly more answers right, or it clearly surer. */

import type { ClassNaming } from "../data/classes.ts";
import { coinTail, type WayTerms } from "../data/normalisations.ts";
import type { Notice } from "../data/notice.ts";
import type { Chunk, Prediction } from "../methods/records.ts";
import { normalDistribution } from "../stats/normal-distribution.ts";
import { mean, median } from "../stats/summary.ts";
import { pick } from "./engine.ts";
import type { Inputs } from "./inputs.ts";
import { swappedTrial, type Trial, trialsFor } from "./ways.ts";

export type Predict = (chunk: Chunk) => Promise<readonly Prediction[]>;

/** How many answers are right, as the model is fed and in other usual ways, all on the same inputs. */
export interface WaysTried {
  readonly inputs: number;
  /** As it is fed. */
  readonly right: number;
  /** The one that gets most right first. */
  readonly ways: readonly Way[];
}

export interface Way {
  readonly name: string;
  /** What to type. */
  readonly option: string;
  readonly right: number;
}

/** A way that is clearly better than the one in which the model is fed. */
export interface BetterWay {
  readonly name: string;
  readonly option: string;
  readonly terms: WayTerms;
  readonly notice: Notice;
  /** Other ways that cannot be told from it by the answers, and feed the model otherwise: then it is not clear which. */
  readonly rivals: readonly string[];
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
 * Better: the way that makes clearly more right, or the margins clearly larger without making fewer right. The
 * comparisons are paired: of the inputs that only one of the two ways gets right, the other way gets too many for chance
 * (McNemar's exact test); of those that both get right, too many have a margin larger by `CLEAR_GAIN` (sign test).
 */
export async function tryWays(
  inputs: Inputs,
  chunk: Chunk,
  predictions: readonly Prediction[],
  predict: Predict,
): Promise<{ readonly tried: WaysTried; readonly better: BetterWay | undefined } | undefined> {
  const right = predictions.map(({ predicted }, i) => predicted === chunk.labels[i]);
  // a table's features have no common mean and spread that margins could tell
  const pictures = inputs.dataset.shape.length === 3;
  const trials = pictures || !right.every(Boolean) ? trialsFor(inputs) : [];
  if (trials.length === 0) return undefined;
  const size = chunk.images.length / chunk.labels.length;
  const first = spaced(right.length, Math.max(LEAST_LOOK, Math.min(FIRST_LOOK, Math.floor(FIRST_VALUES / size))));
  const before = first.map((i) => predictions[i]!);
  const look = async (trial: Trial): Promise<Looked> => {
    const answers = await ask(trial, first, chunk, predict);
    return { trial, answers, ...compare(answers, before, pick(chunk, first).labels) };
  };
  const looked: Looked[] = [];
  for (const trial of trials) looked.push(await look(trial));
  const best = mostRight(looked);
  const swapped = gain(best) >= 0 ? swappedTrial(inputs, best.trial) : undefined;
  if (swapped) looked.push(await look(swapped));
  const now = first.filter((i) => right[i]).length;
  const ways = looked
    .map(({ trial: { name, option }, gained, lost }) => ({ name, option, right: now + gained - lost }))
    .sort((a, b) => b.right - a.right);
  const tried = { inputs: first.length, right: now, ways };
  const asked = { chunk, predictions, right, predict, pictures };
  const found = await better(looked, asked);
  if (!found) return { tried, better: undefined };
  const tied = looked.filter((other) => isRival(other, found.looked, pick(chunk, first).labels, looked.length));
  const clear =
    tied.length === 0
      ? found
      : await likeliest(
          looked.filter((one) => one === found.looked || tied.includes(one)),
          asked,
          looked.length,
        );
  const { name, option, terms } = (clear ?? found).looked.trial;
  const rivals = clear ? [] : tied.map(({ trial }) => trial.option);
  const doubt = rivals.length === 0 ? "" : ` By the answers it cannot be told from ${rivals.join(" and ")}.`;
  const { notice } = clear ?? found;
  return {
    tried,
    better: { name, option, terms, notice: { ...notice, sentence: `${notice.sentence}${doubt}` }, rivals },
  };
}

/**
 * Of ways that get about as many right, the one in which the labels are likeliest to the model: a classifier is trained for
 * just that, and of a network of ReLUs that is fed on too large a scale the answers hardly change, but its errors are as sure
 * as can be. Undefined unless it gets no fewer right than each other one and the labels are clearly likelier: of ways that differ
 * little (MNIST's and Fashion-MNIST's) a thousand inputs often do not tell.
 */
async function likeliest(
  tied: readonly Looked[],
  { chunk, predictions, right, predict }: Asked,
  trials: number,
): Promise<Found | undefined> {
  const second = spaced(right.length, SECOND_LOOK);
  const { labels } = pick(chunk, second);
  const looks: { readonly looked: Looked; readonly answers: readonly Prediction[]; readonly surprise: number[] }[] = [];
  for (const looked of tied) {
    const answers = await ask(looked.trial, second, chunk, predict);
    looks.push({ looked, answers, surprise: answers.map(surpriseOf) });
  }
  const least = looks.reduce((a, b) => (mean(b.surprise) < mean(a.surprise) ? b : a));
  // usual numbers come before the data's own, which are nearly the same
  const best = looks.find(
    ({ looked, answers }) =>
      sameFeed(looked.trial, least.looked.trial) && gain(compare(answers, least.answers, labels)) >= 0,
  )!;
  const beats = (other: (typeof looks)[number]) =>
    other === best ||
    sameFeed(other.looked.trial, best.looked.trial) ||
    (gain(compare(best.answers, other.answers, labels)) >= 0 && isLess(best.surprise, other.surprise, LEVEL / trials));
  if (!looks.every(beats)) return undefined;
  // of numbers that others publish, a model may be trained with any; of the data's own, only by chance
  const published = ({ looked: { trial }, answers }: (typeof looks)[number]) =>
    trial.candidate?.own === undefined &&
    trial.candidate?.mean.some((value) => value !== 0) === true &&
    gain(compare(answers, best.answers, labels)) >= 0;
  if (best.looked.trial.candidate?.own && looks.some((one) => one !== best && published(one))) return undefined;
  const before = second.map((i) => predictions[i]!);
  const { gained, lost } = compare(best.answers, before, labels);
  // found by margins, with as many right already
  if (coinTail(gained, gained + lost) * trials > LEVEL) return undefined;
  const now = second.filter((i) => right[i]).length;
  return { looked: best.looked, notice: noticeOf(best.looked.trial, now, now + gained - lost, second.length) };
}

/** −ln of the probability that the model gives to the label: it is the answer's, less by the margin. */
const surpriseOf = ({ margin, confidence }: Prediction): number => Math.max(0, -margin) - Math.log(confidence);

/** Is the mean of the differences of pairs beyond chance, by the normal approximation? Differences without a number say nothing. */
function isLess(a: readonly number[], b: readonly number[], level: number): boolean {
  const differences = a.map((value, i) => b[i]! - value);
  const centre = mean(differences);
  const variance = mean(differences.map((value) => (value - centre) ** 2));
  const z = centre / Math.sqrt(variance / differences.length);
  return Number.isFinite(z) && normalDistribution(-z) <= level;
}

interface Looked extends Comparison {
  readonly trial: Trial;
  readonly answers: readonly Prediction[];
}

const gain = ({ gained, lost }: Comparison) => gained - lost;
const mostRight = (looked: readonly Looked[]) => looked.reduce((a, b) => (gain(b) > gain(a) ? b : a));

interface Asked {
  readonly chunk: Chunk;
  readonly predictions: readonly Prediction[];
  readonly right: readonly boolean[];
  readonly predict: Predict;
  readonly pictures: boolean;
}

interface Found {
  readonly looked: Looked;
  readonly notice: Notice;
}

async function better(looked: readonly Looked[], asked: Asked): Promise<Found | undefined> {
  const { chunk, predictions, right, predict, pictures } = asked;
  const best = mostRight(looked);
  if (gain(best) > 0) {
    const second = spaced(right.length, SECOND_LOOK);
    const answers = await ask(best.trial, second, chunk, predict);
    const before = second.map((i) => predictions[i]!);
    const { gained, lost } = compare(answers, before, pick(chunk, second).labels);
    const now = second.filter((i) => right[i]).length;
    if (coinTail(gained, gained + lost) * looked.length <= LEVEL) {
      return { looked: best, notice: noticeOf(best.trial, now, now + gained - lost, second.length) };
    }
  }
  if (!pictures) return undefined;
  const surer = looked.filter((score) => gain(score) >= 0 && isClear(score.ratios, looked.length));
  const [surest] = surer.toSorted((a, b) => median(b.ratios) - median(a.ratios));
  return surest && { looked: surest, notice: marginNotice(surest.trial, surest.ratios) };
}

/** What the model is fed in two ways may differ by, as a share of how far it reaches, before they are two. */
const SAME_FEED = 0.1;

/** Does the best way not get clearly more right than another, nor clearly larger margins, though that feeds other numbers? */
function isRival(other: Looked, best: Looked, labels: Int32Array, trials: number): boolean {
  if (other === best || sameFeed(other.trial, best.trial)) return false;
  const { gained, lost, ratios } = compare(best.answers, other.answers, labels);
  return coinTail(gained, gained + lost) * trials > LEVEL && !isClear(ratios, trials);
}

function sameFeed(a: Trial, b: Trial): boolean {
  if (a.terms.channelOrder !== b.terms.channelOrder || a.fed.length !== b.fed.length) return false;
  return a.fed.every((_, i) => {
    if (i % 2 === 1) return true;
    const [factor, offset] = [b.fed[i]!, b.fed[i + 1]!];
    const [low, high] = [a.fed[i + 1]! - offset, a.fed[i]! + a.fed[i + 1]! - factor - offset];
    return Math.max(Math.abs(low), Math.abs(high)) <= SAME_FEED * Math.abs(factor);
  });
}

const isClear = (ratios: readonly number[], trials: number): boolean =>
  ratios.length > 0 && coinTail(ratios.filter((ratio) => ratio > CLEAR_GAIN).length, ratios.length) * trials <= LEVEL;

function marginNotice({ name, option }: Trial, ratios: readonly number[]): Notice {
  const measured = `the median margin, in standard deviations of the scores, is ${median(ratios).toFixed(2)} times as large with it, on the same ${ratios.length} inputs`;
  return {
    id: "preprocessing",
    title: "The model seems to expect another preprocessing",
    sentence: `With ${name} preprocessing (${option}) the model is clearly more confident and no less often right: ${measured}. All other numbers are about the way it is fed now; run again with ${option}.`,
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

/** The answers to the inputs at these places, fed in another way. */
function ask({ apply }: Trial, places: readonly number[], chunk: Chunk, predict: Predict) {
  const { images, labels, ...rest } = pick(chunk, places);
  return predict({ ...rest, labels, images: apply(images) });
}

function compare(now: readonly Prediction[], before: readonly Prediction[], labels: Int32Array): Comparison {
  let [gained, lost] = [0, 0];
  const ratios: number[] = [];
  now.forEach((answer, k) => {
    const then = before[k]!;
    const [holds, held] = [answer.predicted === labels[k], then.predicted === labels[k]];
    if (holds && !held) gained++;
    if (!holds && held) lost++;
    const ratio = (answer.margin * then.spread) / (then.margin * answer.spread);
    if (holds && held && Number.isFinite(ratio)) ratios.push(ratio);
  });
  return { gained, lost, ratios };
}

const spaced = (total: number, most: number): number[] => {
  const count = Math.min(total, most);
  return Array.from({ length: count }, (_, k) => Math.floor((k * total) / count));
};

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
