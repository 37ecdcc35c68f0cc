/** @file What the clean answers say against relying on a model's other numbers, for every verb to show. */

import type { Confirmation } from "./confirm.ts";

export interface Notice {
  readonly id: string;
  readonly title: string;
  readonly sentence: string;
  /** As a condition of a gate, and how it stands. */
  readonly condition: string;
  readonly outcome: "failed" | "undecided";
  readonly measured: string;
}

const percent = (rate: number): string => `${(100 * rate).toFixed(1)}%`;

/** What a confirmation that is none says; nothing where it is one, or where accuracy itself decides. */
export function confirmationNotice(confirmation: Confirmation): Notice | undefined {
  const { kind, message, accuracy, chance, balanced } = confirmation;
  const measured = `${percent(accuracy.estimate)} right, chance ${percent(chance)}${balanced === undefined ? "" : `, balanced accuracy ${percent(balanced)}`}`;
  const notice = (id: string, title: string, condition: string, outcome: Notice["outcome"]): Notice => ({
    id,
    title,
    sentence: message,
    condition,
    outcome,
    measured,
  });
  const better = "The answers are better than always giving the commonest one";
  switch (kind) {
    case "one-class":
      return notice("one-class", "One-class answers", "The model answers more than one class", "failed");
    case "at-chance":
      return notice("at-chance", "No better than chance", better, "failed");
    case "low":
      return notice(
        "low-accuracy",
        "Better than chance, but low",
        "The clean accuracy is far above chance",
        "undecided",
      );
    case "too-few":
      return notice("unconfirmed", "Preprocessing not confirmed", better, "undecided");
    case "confirmed":
      return undefined;
    default:
      throw new Error(`unreachable: ${kind satisfies never}`);
  }
}
