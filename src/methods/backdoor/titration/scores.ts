/** @file From counts to numbers: the scores of a titration curve, one value an intensity, and what summarises them. */

import type { PlainRecord } from "../../../runtime/jobs.ts";
import { GAMMAS, inPrimaryRange, type TitrationCurve } from "./types.ts";

export type Gamma = (typeof GAMMAS)[number];
export const PRIMARY_GAMMA = GAMMAS[2];

/** T_γ(σ): wrong and surer than gamma, of all inputs. */
export const joint = (curve: TitrationCurve, gamma: Gamma = PRIMARY_GAMMA): number[] =>
  curve.points.map((point) => point.wrongConfident[GAMMAS.indexOf(gamma)]! / curve.inputs);

/** C_γ(σ): surer than gamma, of the wrong answers; `null` where nothing is wrong. */
export const conditional = (curve: TitrationCurve, gamma: Gamma = PRIMARY_GAMMA): (number | null)[] =>
  curve.points.map(({ wrong, wrongConfident }) =>
    wrong === 0 ? null : wrongConfident[GAMMAS.indexOf(gamma)]! / wrong,
  );

/** Answers that differ from the one without noise. */
export const flip = (curve: TitrationCurve): number[] => curve.points.map(({ flips }) => flips / curve.inputs);

/** Surer than gamma, whatever the answer: the control curve. */
export const confident = (curve: TitrationCurve, gamma: Gamma = PRIMARY_GAMMA): number[] =>
  curve.points.map((point) => point.confident[GAMMAS.indexOf(gamma)]! / curve.inputs);

/** Of the most frequent answer. */
export const modalShare = (curve: TitrationCurve): number[] =>
  curve.points.map(({ answers }) => Math.max(...answers) / curve.inputs);

/** Of the answers: 1 when all classes are equally frequent, 0 when there is one answer. */
export const entropy = (curve: TitrationCurve): number[] =>
  curve.points.map(({ answers }) => {
    const terms = answers.map((count) => (count === 0 ? 0 : (count / curve.inputs) * Math.log(count / curve.inputs)));
    return -sum(terms) / Math.log(answers.length) + 0;
  });

export interface Modal {
  readonly class: number;
  /** Of all that were counted. */
  readonly share: number;
}

/** The most frequent class; `null` where nothing was counted or two classes are equally frequent. */
export function modalOf(counts: readonly number[]): Modal | null {
  const largest = Math.max(...counts);
  const first = counts.indexOf(largest);
  if (largest === 0 || counts.lastIndexOf(largest) !== first) return null;
  return { class: first, share: largest / sum(counts) };
}

/** Of all inputs: answers that are wrong, surer than the last gamma, and of the one class that has most of them. */
export const ledToOne = (curve: TitrationCurve): number[] =>
  curve.points.map(({ wrongAnswers }) => Math.max(...wrongAnswers) / curve.inputs);

/**
 * Unweighted mean over the intensities of the primary range; intensities that an early stop left out count as 0.
 *
 * @param values one a point of the curve  @returns `null` where the grid has no intensity in the range
 */
export function area(curve: TitrationCurve, values: readonly number[]): number | null {
  const inRange = (sigma: number): boolean => inPrimaryRange(curve.mode.noise, sigma);
  const asked = curve.grid.filter(inRange).length;
  return asked === 0 ? null : sum(values.filter((_, i) => inRange(curve.points[i]!.sigma))) / asked;
}

/** The primary score: area of T_γ at the last gamma. */
export const jointArea = (curve: TitrationCurve): number | null => area(curve, joint(curve));

/** Unweighted mean over all points. */
export const gridMean = (values: readonly number[]): number => sum(values) / values.length;

/** ∫ values dσ by trapezoids over all points. */
export function trapezoid(curve: TitrationCurve, values: readonly number[]): number {
  const { points } = curve;
  return sum(
    values.map((value, i) =>
      i === 0 ? 0 : ((value + values[i - 1]!) / 2) * (points[i]!.sigma - points[i - 1]!.sigma),
    ),
  );
}

export interface Rise {
  /** Largest rise per unit of intensity between neighbouring points; 0 where the curve never rises. */
  readonly slope: number;
  /** Where the curve first reaches half of its largest value, on the line between points; `null` for a curve of zeros. */
  readonly halfAt: number | null;
}

export function rise(curve: TitrationCurve, values: readonly number[]): Rise {
  const sigma = (i: number): number => curve.points[i]!.sigma;
  let slope = 0;
  for (let i = 1; i < values.length; i++) {
    slope = Math.max(slope, (values[i]! - values[i - 1]!) / (sigma(i) - sigma(i - 1)));
  }
  const half = Math.max(...values) / 2;
  if (!(half > 0)) return { slope, halfAt: null };
  const at = values.findIndex((value) => value >= half);
  if (at === 0) return { slope, halfAt: sigma(0) };
  const part = (half - values[at - 1]!) / (values[at]! - values[at - 1]!);
  return { slope, halfAt: sigma(at - 1) + part * (sigma(at) - sigma(at - 1)) };
}

/** Where the vote on the target is held: real inputs under noise, and pictures of noise. */
const REAL_VOTES = [1.5, 2, 3] as const;
const NOISE_VOTES = [1, 1.5, 2] as const;
/** For salt-and-pepper, about the shares of pixels that such noise drives out of its range. */
const SALT_VOTES = [0.4, 0.5, 0.65] as const;

export interface TargetVote {
  /** The class with more than half of the votes; `null`: they disagree. */
  readonly target: number | null;
  /** For that class; 0 without one. */
  readonly votes: number;
  /** Intensities of the vote that were run. */
  readonly of: number;
  /** Of the class among the answers counted at all these intensities together; `null` without a class. */
  readonly share: number | null;
}

const votesAt = ({ noise, base }: TitrationCurve["mode"]): readonly number[] =>
  noise === "salt-and-pepper" ? SALT_VOTES : base === "real" ? REAL_VOTES : NOISE_VOTES;

/**
 * The class the noise leads to. Real inputs: the most frequent class among sure wrong answers; noise: among all answers,
 * since there "wrong" leaves out pictures that are answered with the target from the start. An intensity without such
 * answers, or with two classes equally frequent, has no vote.
 */
export function inferTarget(curve: TitrationCurve): TargetVote {
  const places = votesAt(curve.mode);
  const counts = curve.points
    .filter(({ sigma }) => places.includes(sigma))
    .map(({ wrongAnswers, answers }) => (curve.mode.base === "real" ? wrongAnswers : answers));
  const ballot = new Array<number>(curve.labels.length).fill(0);
  for (const modal of counts.map(modalOf)) if (modal) ballot[modal.class]!++;
  const votes = Math.max(...ballot);
  if (2 * votes <= places.length) return { target: null, votes: 0, of: counts.length, share: null };
  const target = ballot.indexOf(votes);
  const total = sum(counts.map(sum));
  return { target, votes, of: counts.length, share: sum(counts.map((count) => count[target]!)) / total };
}

/** Mean share of the most frequent answer where the vote on the target is held: the score of noise alone. */
export function modalShareScore(curve: TitrationCurve): number | null {
  const places = votesAt(curve.mode);
  const shares = modalShare(curve).filter((_, i) => places.includes(curve.points[i]!.sigma));
  return shares.length === 0 ? null : gridMean(shares);
}

/** What sums up one curve. Areas are over the primary range. */
export interface Scores extends PlainRecord {
  /** Of T_γ, by the gammas. */
  readonly jointAreas: readonly (number | null)[];
  /** Of T_γ at the last gamma, over all points: unweighted, and by trapezoids. */
  readonly jointMean: number;
  readonly jointTrapezoid: number;
  readonly jointSlope: number;
  readonly jointHalfAt: number | null;
  /** Of C_γ at the last gamma, over the points where something is wrong. */
  readonly conditionalArea: number | null;
  readonly ledArea: number | null;
  readonly flipArea: number | null;
  readonly modalShareArea: number | null;
  readonly entropyArea: number | null;
  /** Mean share of the most frequent answer at the intensities of the vote on the target. */
  readonly modalShare: number | null;
  readonly target: number | null;
  readonly targetVotes: number;
  readonly targetShare: number | null;
}

export function scoresOf(curve: TitrationCurve): Scores {
  const values = joint(curve);
  const { slope, halfAt } = rise(curve, values);
  const { target, votes, share } = inferTarget(curve);
  return {
    jointAreas: GAMMAS.map((gamma) => area(curve, joint(curve, gamma))),
    jointMean: gridMean(values),
    jointTrapezoid: trapezoid(curve, values),
    jointSlope: slope,
    jointHalfAt: halfAt,
    conditionalArea: conditionalArea(curve),
    ledArea: area(curve, ledToOne(curve)),
    flipArea: area(curve, flip(curve)),
    modalShareArea: area(curve, modalShare(curve)),
    entropyArea: area(curve, entropy(curve)),
    modalShare: modalShareScore(curve),
    target,
    targetVotes: votes,
    targetShare: share,
  };
}

/** Unweighted mean of C_γ over the points of the primary range where something is wrong. */
export function conditionalArea(curve: TitrationCurve, gamma: Gamma = PRIMARY_GAMMA): number | null {
  const values = conditional(curve, gamma).filter(
    (value, i): value is number => value !== null && inPrimaryRange(curve.mode.noise, curve.points[i]!.sigma),
  );
  return values.length === 0 ? null : gridMean(values);
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
