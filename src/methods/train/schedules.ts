/** @file How numbers change in the course of training, as closed forms of the progress in epochs. */

/** Factors on the base learning rate. Milestones, lengths and `warmup` are in epochs. */
export type LearningRateSchedule =
  | { readonly kind: "constant" }
  | { readonly kind: "step"; readonly milestones: readonly number[]; readonly factor: number }
  | { readonly kind: "cosine"; readonly final: number }
  /** Linear from 0 up to 1 at `peak` (a share of all epochs), then linear down to `final`. */
  | { readonly kind: "cyclic"; readonly peak: number; readonly final: number };

const clamp = (value: number): number => Math.min(1, Math.max(0, value));

/**
 * The learning rate as a share of the base rate.
 * @param epoch progress, may be a fraction  @param epochs the whole length  @param warmup epochs of linear rise from 0
 */
export function learningRateFactor(
  schedule: LearningRateSchedule,
  epoch: number,
  epochs: number,
  warmup: number,
): number {
  return (warmup > 0 ? clamp(epoch / warmup) : 1) * shape(schedule, epoch, epochs);
}

function shape(schedule: LearningRateSchedule, epoch: number, epochs: number): number {
  const e = clamp(epoch / epochs);
  switch (schedule.kind) {
    case "constant":
      return 1;
    case "step":
      return schedule.factor ** schedule.milestones.filter((milestone) => epoch >= milestone).length;
    case "cosine":
      return schedule.final + (1 - schedule.final) * 0.5 * (1 + Math.cos(Math.PI * e));
    case "cyclic":
      return e < schedule.peak
        ? e / schedule.peak
        : 1 - (1 - schedule.final) * ((e - schedule.peak) / (1 - schedule.peak));
  }
}

/** From 0 at epoch `start` to 1 at epoch `end`. */
export interface Ramp {
  readonly kind: "linear" | "smoothed";
  readonly start: number;
  readonly end: number;
}

const MID_POINT = 0.25;
const POWER = 4;

/**
 * `smoothed` grows like the 4th power in the first quarter, then linearly, with a continuous slope.
 * @source Xu et al. 2020, arXiv:2002.12920 (its code's SmoothedScheduler)
 */
export function rampFactor({ kind, start, end }: Ramp, epoch: number): number {
  if (epoch >= end) return 1;
  const length = end - start;
  const e = epoch - start;
  if (e <= 0) return 0;
  if (kind === "linear") return e / length;
  const middle = MID_POINT * length;
  const alpha = 1 / ((length - middle) * POWER * middle ** (POWER - 1) + middle ** POWER);
  if (e < middle) return alpha * e ** POWER;
  const reached = alpha * middle ** POWER;
  return reached + (1 - reached) * ((e - middle) / (length - middle));
}

/** The weight of the clean loss: from 1 to `final` as the ramp goes from 0 to 1. */
export const kappaAt = (final: number, ramp: number): number => 1 - (1 - final) * ramp;
