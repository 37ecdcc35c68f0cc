/**
 * @file The class that noise pulls a network towards, beyond what it does to clean networks of the same task: the
 * statistic by which titration decides.
 *
 * Every network leans towards some classes under noise (digits: often 8, 3 or 2), clean ones too; how many answers are
 * wrong and sure says little of that. A backdoored network leans further to its target than clean networks lean to that
 * class. So each class is held against the same class of the reference networks, for the inputs of each label alone (a
 * trigger may work for one label only, or lead each label to another class), clipped and not: a bright trigger wakes when
 * clipping makes the noise bright, one that is bright and dark when it does not. What stands out furthest is the statistic.
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

/**
 * Leanings under Gaussian noise, mean over the primary range of intensities: by mode [K], of all inputs, and by mode with
 * `BY_LABEL` behind it [K · K], of the inputs of each label; `null` for labels with too few inputs.
 */
export type LeanProfile = Readonly<Record<string, readonly (number | null)[]>>;

const BY_LABEL = " by label";

/** Modes without an intensity in the primary range are left out. */
export function leanProfile(curves: readonly TitrationCurve[]): LeanProfile {
  const entries = curves.flatMap((curve): (readonly [string, readonly (number | null)[]])[] => {
    const { mode, leaningsByLabel: byLabel } = curve;
    if (mode.noise !== "gaussian") return [];
    const points = curve.points.filter(({ sigma }) => inPrimaryRange(mode.noise, sigma));
    if (points.length === 0) return [];
    const all = points[0]!.leanings.map((_, k) => mean(points.map(({ leanings }) => leanings[k]!)));
    const told = byLabel.some((value) => value !== null);
    return [[modeId(mode), all], ...(told ? [[`${modeId(mode)}${BY_LABEL}`, byLabel] as const] : [])];
  });
  return Object.fromEntries(entries);
}

export interface Lean {
  /** The largest excess: the statistic. */
  readonly score: number;
  /** The class that has it. */
  readonly target: number;
  /** The label whose inputs have it; `null` where labels are not told apart. */
  readonly source: number | null;
  /** By mode, [K]: the largest excess of each class over the labels, as robust z among the reference. */
  readonly excess: Readonly<Record<string, readonly number[]>>;
  /** [K]: the largest over the modes. */
  readonly byClass: readonly number[];
  /** How far the furthest class stands above the next one. */
  readonly gap: number;
}

interface Peak {
  readonly excess: number;
  readonly source: number | null;
}

const NOTHING: Peak = { excess: 0, source: null };

/**
 * How far a network leans beyond others of its kind: by label where all have enough inputs of their labels, else of all
 * inputs, else with noise alone.
 *
 * @param classes K  @throws RangeError without a reference, or without a common mode
 */
export function leanOf(profile: LeanProfile, reference: readonly LeanProfile[], classes: number): Lean {
  const modes = commonModes(profile, reference);
  if (modes.length === 0)
    throw new RangeError("a leaning is judged against reference networks titrated in the same modes; there are none.");
  const peaks = Object.fromEntries(modes.map((mode) => [mode, peaksOf(profile, reference, mode, classes)]));
  const byClass = Array.from({ length: classes }, (_, k) =>
    Object.values(peaks)
      .map((of) => of[k]!)
      .reduce(higher),
  );
  const best = byClass.reduce(higher);
  const target = byClass.indexOf(best);
  const others = byClass.filter((_, k) => k !== target);
  return {
    score: best.excess,
    target,
    source: best.source,
    excess: Object.fromEntries(Object.entries(peaks).map(([mode, of]) => [mode, of.map(({ excess }) => excess)])),
    byClass: byClass.map(({ excess }) => excess),
    gap: best.excess - others.reduce(higher).excess,
  };
}

const higher = (a: Peak, b: Peak): Peak => (b.excess > a.excess ? b : a);

/** In which a network can be held against all others, of the most telling kind; none where these lack it, or are none. */
export function commonModes(profile: LeanProfile, reference: readonly LeanProfile[]): string[] {
  if (reference.length === 0) return [];
  const common = Object.keys(profile).filter((mode) =>
    reference.every((other) => other[mode]?.length === profile[mode]!.length),
  );
  const byLabel = common.filter((mode) => mode.endsWith(BY_LABEL));
  const real = common.filter((mode) => mode.startsWith("real"));
  return [byLabel, real, common].find((modes) => modes.length > 0) ?? [];
}

/** [K]: where each class stands out most in one mode. */
function peaksOf(profile: LeanProfile, reference: readonly LeanProfile[], mode: string, classes: number): Peak[] {
  const own = profile[mode]!;
  const byLabel = own.length > classes;
  const peaks = Array<Peak | undefined>(classes).fill(undefined);
  own.forEach((value, i) => {
    const [label, k] = [Math.floor(i / classes), i % classes];
    // leaning towards the right answer is no sign of anything
    if (value === null || (byLabel && label === k)) return;
    const excess = excessOf(
      value,
      reference.flatMap((other) => other[mode]![i] ?? []),
    );
    const peak = { excess, source: byLabel ? label : null };
    if (excess > (peaks[k]?.excess ?? Number.NEGATIVE_INFINITY)) peaks[k] = peak;
  });
  return peaks.map((peak) => peak ?? NOTHING);
}

/** Robust z among others; 0 where there are none. */
function excessOf(value: number, others: readonly number[]): number {
  if (others.length === 0) return 0;
  const centre = median(others);
  const mad = median(others.map((other) => Math.abs(other - centre)));
  return (value - centre) / (NORMAL_MAD * mad + SPREAD_FLOOR);
}

export interface JudgedLean extends Lean {
  /** Share of false alarms at this score: exact where model and reference are exchangeable. */
  readonly pValue: number;
  /** The same of the gap: small where one class alone stands out. */
  readonly gapPValue: number;
  /** Scores above it have a p-value of at most the level asked for; `null` where too few networks are known. */
  readonly threshold: number | null;
  /** Reference networks. */
  readonly clean: number;
}

/**
 * Does one class, and it alone, stand out? A network that was trained in another way than the reference leans further to
 * several classes at once, as does one with a backdoor into several classes.
 */
export const oneStandsOut = ({ pValue, gapPValue }: Pick<JudgedLean, "pValue" | "gapPValue">, level: number): boolean =>
  pValue <= level && gapPValue <= level;

export interface LeanTerms {
  readonly profile: LeanProfile;
  readonly reference: readonly LeanProfile[];
  readonly classes: number;
  /** Rate of false alarms, for the threshold. */
  readonly level: number;
}

/**
 * Each network, the model's among them, is held against all the others; the p-value is the share of networks that lean
 * at least as far as the model. As all are treated alike, a clean model raises false alarms at the stated rate, whatever
 * number of classes, labels and modes was looked at.
 */
export function judgeLean({ profile, reference, classes, level }: LeanTerms): JudgedLean {
  const all = [profile, ...reference];
  const own = leanOf(profile, reference, classes);
  const others = reference.map((other, i) => leanOf(other, [...all.slice(0, i + 1), ...all.slice(i + 2)], classes));
  const share = (of: (lean: Lean) => number) =>
    (1 + others.filter((other) => of(other) >= of(own)).length) / all.length;
  const falling = others.map(({ score }) => score).sort((a, b) => b - a);
  // the furthest score with which the p-value is above the level; in the p-value's own arithmetic: .58 · 50 is below 29
  const tooMany = (i: number): boolean => (i + 2) / all.length > level;
  const threshold = 1 / all.length > level ? null : (falling.find((_, i) => tooMany(i)) ?? null);
  const [pValue, gapPValue] = [share(({ score }) => score), share(({ gap }) => gap)];
  return { ...own, pValue, gapPValue, threshold, clean: reference.length };
}
