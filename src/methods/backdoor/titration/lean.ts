/**
 * @file The class that noise pulls a network towards, beyond what it does to clean networks of the same task: the
 * statistic by which titration decides.
 *
 * Every network leans towards some classes under noise (digits: often 8, 3 or 2), clean ones too; how many answers are
 * wrong and sure says little of that. A backdoored network leans further to its target than clean networks lean to that
 * class. So each class is held against the same class of the reference networks, in every mode, and the class's mean
 * excess over the modes is taken: noise that wakes the trigger in one mode (a bright one when clipping makes the noise
 * bright, a dark and bright one when it does not) counts, and modes that disagree cancel.
 *
 * Logits are standardised input by input (see `Tally.leanings`), so a network that is surer of everything, or whose
 * logits are divided by a temperature, gives the same numbers.
 */

import { mean, median } from "../../../stats/summary.ts";
import { inPrimaryRange, modeId, type TitrationCurve } from "./types.ts";

/** Makes the median absolute deviation of normal numbers their standard deviation. */
const NORMAL_MAD = 1.4826;
/**
 * Added to each spread, in standard deviations of one input's logits: a few reference networks may agree by chance, and a
 * class on which they do must not outweigh all others.
 */
const SPREAD_FLOOR = 0.1;

/** By mode, [K]: mean leaning over the intensities of the primary range. */
export type LeanProfile = Readonly<Record<string, readonly number[]>>;

/** Modes without an intensity in the primary range are left out. */
export function leanProfile(curves: readonly TitrationCurve[]): LeanProfile {
  const entries = curves.flatMap((curve): [string, number[]][] => {
    const points = curve.points.filter(({ sigma }) => inPrimaryRange(curve.mode.noise, sigma));
    if (points.length === 0) return [];
    const classes = points[0]!.leanings.length;
    const lean = Array.from({ length: classes }, (_, k) => mean(points.map(({ leanings }) => leanings[k]!)));
    return [[modeId(curve.mode), lean]];
  });
  return Object.fromEntries(entries);
}

export interface Lean {
  /** The largest mean excess of a class: the statistic. */
  readonly score: number;
  /** The class that has it. */
  readonly target: number;
  /** By mode, [K]: robust z of the class's leaning among the reference's. */
  readonly excess: LeanProfile;
  /** [K]: mean of the excess over the modes. */
  readonly meanExcess: readonly number[];
}

/**
 * How far a network leans beyond others of its kind. Modes that not all networks were titrated in are left out.
 * @throws RangeError without a reference, or without a common mode
 */
export function leanOf(profile: LeanProfile, reference: readonly LeanProfile[]): Lean {
  const modes = Object.keys(profile).filter((mode) => reference.every((other) => Object.hasOwn(other, mode)));
  if (reference.length === 0 || modes.length === 0)
    throw new RangeError("a leaning is judged against reference networks titrated in the same modes; there are none.");
  const excess = Object.fromEntries(
    modes.map((mode) => [mode, excessOf(profile[mode]!, (k) => reference.map((other) => other[mode]![k]!))]),
  );
  const meanExcess = profile[modes[0]!]!.map((_, k) => mean(modes.map((mode) => excess[mode]![k]!)));
  const score = Math.max(...meanExcess);
  return { score, target: meanExcess.indexOf(score), excess, meanExcess };
}

const excessOf = (leaning: readonly number[], others: (k: number) => readonly number[]): number[] =>
  leaning.map((value, k) => {
    const centre = median(others(k));
    const mad = median(others(k).map((other) => Math.abs(other - centre)));
    return (value - centre) / (NORMAL_MAD * mad + SPREAD_FLOOR);
  });

export interface JudgedLean extends Lean {
  /** Share of false alarms at this score: exact where model and reference are exchangeable. */
  readonly pValue: number;
  /** Scores above it have a p-value of at most the level asked for; `null` where too few networks are known. */
  readonly threshold: number | null;
  /** Reference networks. */
  readonly clean: number;
}

/**
 * Each network, the model's among them, is held against all the others; the p-value is the share of networks that lean
 * at least as far as the model. As all are treated alike, a clean model raises false alarms at the stated rate, whatever
 * number of classes and modes was looked at.
 *
 * @param level rate of false alarms, for the threshold
 */
export function judgeLean(profile: LeanProfile, reference: readonly LeanProfile[], level: number): JudgedLean {
  const all = [profile, ...reference];
  const others = reference.map((own, i) => leanOf(own, [...all.slice(0, i + 1), ...all.slice(i + 2)]).score);
  const own = leanOf(profile, reference);
  const atLeast = others.filter((score) => score >= own.score).length;
  const allowed = Math.floor(level * all.length) - 1;
  const falling = others.toSorted((a, b) => b - a);
  const threshold = allowed < 0 ? null : (falling[allowed] ?? null);
  return { ...own, pValue: (1 + atLeast) / all.length, threshold, clean: reference.length };
}
