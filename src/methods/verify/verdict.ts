import type { MarginBounds, Verdict } from "./types.ts";

/** Index of the largest logit; the first one of a tie. NaN logits are class −1. */
export function predictedClass(logits: ArrayLike<number>, classes: number, at = 0): number {
  let best = 0;
  for (let k = 0; k < classes; k++) {
    if (Number.isNaN(logits[at + k]!)) return -1;
    if (logits[at + k]! > logits[at + best]!) best = k;
  }
  return best;
}

/** f_y − max_{j≠y} f_j. */
export function marginOf(logits: ArrayLike<number>, label: number, classes: number, at = 0): number {
  let other = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < classes; k++) if (k !== label) other = Math.max(other, logits[at + k]!);
  return logits[at + label]! - other;
}

/**
 * The verdict on image i by its bounds alone: verified when every margin's lower bound is above zero.
 * A bound that is not a number proves nothing.
 */
export function verdictOf({ lower, classes }: MarginBounds, i: number): Verdict {
  const rows = lower.subarray(i * (classes - 1), (i + 1) * (classes - 1));
  const margin = rows.reduce(
    (least, bound) => (bound < least || Number.isNaN(bound) ? bound : least),
    Number.POSITIVE_INFINITY,
  );
  if (margin > 0 && margin < Number.POSITIVE_INFINITY) return { kind: "verified", margin };
  if (Number.isNaN(margin) || !Number.isFinite(margin))
    return {
      kind: "unknown",
      reason: "numerical",
      margin: Number.NEGATIVE_INFINITY,
      detail: "a bound is not a finite number",
    };
  return { kind: "unknown", reason: "relaxation-too-loose", margin };
}
