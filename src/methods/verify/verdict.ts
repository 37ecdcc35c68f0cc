import type { MarginBounds, Verdict } from "./types.ts";

/**
 * The verdict on image i by its bounds alone: verified when every margin's lower bound is above
 * what later rounding could make a tie of it (zero, where nothing follows). A bound that is not a number proves nothing.
 */
export function verdictOf({ lower, classes, least, reasons }: MarginBounds, i: number): Verdict {
  const rows = lower.subarray(i * (classes - 1), (i + 1) * (classes - 1));
  const margin = rows.reduce(
    (least, bound) => (bound < least || Number.isNaN(bound) ? bound : least),
    Number.POSITIVE_INFINITY,
  );
  if (margin > least && margin < Number.POSITIVE_INFINITY) return { kind: "verified", margin };
  const shortfall = reasons?.[i];
  if (shortfall) {
    return { kind: "unknown", ...shortfall, margin: Number.isNaN(margin) ? Number.NEGATIVE_INFINITY : margin };
  }
  if (Number.isNaN(margin) || !Number.isFinite(margin))
    return {
      kind: "unknown",
      reason: "numerical",
      margin: Number.NEGATIVE_INFINITY,
      detail: "a bound is not a finite number",
    };
  if (margin > 0)
    return { kind: "unknown", reason: "numerical", margin, detail: "the file's last operator may round it to a tie" };
  return { kind: "unknown", reason: "relaxation-too-loose", margin };
}
