import { type Proportion, proportion } from "../stats/proportion.ts";

export interface Confirmation {
  /**
   * `confirmed`: better than chance beyond doubt. `at-chance`: not told apart from guessing, so the contract is probably
   * wrong and no claim may be made. `too-few`: even with all correct, so few samples could not decide.
   */
  readonly kind: "confirmed" | "at-chance" | "too-few";
  /** True unless `at-chance`. */
  readonly ok: boolean;
  readonly accuracy: Proportion;
  /** 1 / classes */
  readonly chance: number;
  /** One line for people. */
  readonly message: string;
}

/**
 * Decides by the clean accuracy whether model and data were put together rightly: the exact lower bound of the accuracy
 * must exceed guessing, 1 / classes.
 *
 * @param classes outputs of the model, at least 2
 * @throws RangeError for impossible counts
 */
export function confirmContract({
  correct,
  total,
  classes,
  confidence = 0.95,
}: {
  readonly correct: number;
  readonly total: number;
  readonly classes: number;
  readonly confidence?: number;
}): Confirmation {
  if (!Number.isInteger(classes) || classes < 2) {
    throw new RangeError(`a classifier has at least 2 classes, got ${classes}.`);
  }
  const accuracy = proportion(correct, total, confidence);
  const chance = 1 / classes;
  const percent = (rate: number): string => `${(100 * rate).toFixed(1)}%`;
  const counted = `${correct} of ${total} samples correct (${percent(confidence)} interval ${percent(accuracy.lower)} to ${percent(accuracy.upper)}; chance is ${percent(chance)})`;
  if (accuracy.lower > chance) {
    return { kind: "confirmed", ok: true, accuracy, chance, message: `Preprocessing confirmed: ${counted}.` };
  }
  if (proportion(total, total, confidence).lower <= chance) {
    return {
      kind: "too-few",
      ok: true,
      accuracy,
      chance,
      message: `Preprocessing not confirmed, too few samples: ${counted}.`,
    };
  }
  return {
    kind: "at-chance",
    ok: false,
    accuracy,
    chance,
    message: `Accuracy cannot be told from chance: ${counted}. Check layout, range, mean and std, and class order, or use more samples.`,
  };
}
