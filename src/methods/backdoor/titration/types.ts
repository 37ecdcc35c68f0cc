/** @file What a titration records: counts, so that curves, bands and decisions can be drawn from them later. */

import type { PlainRecord } from "../../../runtime/jobs.ts";

export type NoiseKind = "gaussian" | "uniform" | "salt-and-pepper";

/** What the noise is added to: held-out inputs, or pictures that are noise themselves (no data needed). */
export type Base = "real" | "noise";

/** One way to titrate: one curve. */
export interface Mode extends PlainRecord {
  readonly base: Base;
  readonly noise: NoiseKind;
  /** Pixels are kept within their range. */
  readonly clipped: boolean;
}

/** `real-gaussian-clipped`, …: the key of a mode in records. */
export const modeId = ({ base, noise, clipped }: Mode): string =>
  `${base}-${noise}-${clipped ? "clipped" : "unclipped"}`;

/** Confidences that count as sure; the last is the primary one. */
export const GAMMAS = [0.8, 0.95, 0.99] as const;

/** The answers to all inputs at one intensity, as counts of inputs. K classes. */
export interface Tally extends PlainRecord {
  /** In units of the pixels' range [0, 1]; for salt-and-pepper the share of pixels that is replaced. */
  readonly sigma: number;
  /** Answers that are not the reference label. */
  readonly wrong: number;
  /** Answers that differ from the answer without noise. */
  readonly flips: number;
  /** [gammas]: confidence above gamma, whatever the answer. */
  readonly confident: readonly number[];
  /** [gammas]: not the reference label, and confidence above gamma. */
  readonly wrongConfident: readonly number[];
  /** [K]: answers by class. */
  readonly answers: readonly number[];
  /** [K]: answers that are the reference label, by class. */
  readonly right: readonly number[];
  /** [K]: answers that are wrong and surer than the last gamma, by the class answered. */
  readonly wrongAnswers: readonly number[];
  /** [K]: answers that are wrong and surer than the last gamma, by the reference label. */
  readonly wrongLabels: readonly number[];
  /**
   * [K]: mean over the inputs of (logit − the input's mean logit) / the input's standard deviation of logits: how far the
   * network leans towards each class, whatever the scale of its logits. Rounded to four decimals.
   */
  readonly leanings: readonly number[];
}

/** A mode's answers over the grid of intensities. */
export interface TitrationCurve extends PlainRecord {
  readonly mode: Mode;
  /** Inputs titrated: in the real modes those that are classified correctly without noise. */
  readonly inputs: number;
  /** [K]: inputs by reference label. */
  readonly labels: readonly number[];
  /** The intensities asked for, rising; more than there are points where an early stop left some out. */
  readonly grid: readonly number[];
  /** By rising sigma. */
  readonly points: readonly Tally[];
  /**
   * [P + 1], for the P points in the primary range: inputs by the number of these points at which they are answered
   * wrongly and more surely than the last gamma. What the area's confidence interval is drawn from.
   */
  readonly timesSurelyWrong: readonly number[];
  /**
   * [K · K], label by label: `Tally.leanings` of the inputs of each label alone, mean over the points in the primary range.
   * `null` in the rows of labels with too few inputs. Empty in the noise modes, whose labels mean nothing, and where there
   * are too many classes.
   */
  readonly leaningsByLabel: readonly (number | null)[];
}

/** Of a label with fewer inputs it is not said where they lean. */
export const FEWEST_OF_LABEL = 10;
/** With more classes leanings are not told by label: there are K² of them. */
export const MOST_LABELS = 64;

/** The grid of the specification: 0 first, then the intensities. */
export const SIGMAS = [0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1, 1.5, 2, 3, 5] as const;
/** Shares of pixels for salt-and-pepper. */
export const SALT_SHARES = [0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1] as const;
/** Over which the area is the primary score. */
export const PRIMARY_RANGE = [0.4, 3] as const;
/** The same for salt-and-pepper: from a tenth of the pixels to about two thirds. */
export const SALT_RANGE = [0.1, 0.65] as const;

/** Ends of the intensities over which a noise's area is taken. */
export const primaryRange = (noise: NoiseKind): readonly [from: number, to: number] =>
  noise === "salt-and-pepper" ? SALT_RANGE : PRIMARY_RANGE;

export const inPrimaryRange = (noise: NoiseKind, sigma: number): boolean => {
  const [from, to] = primaryRange(noise);
  return sigma >= from && sigma <= to;
};
