/**
 * @file Titration's scores one by one, as the paper's authors and their published detector use them, and the two rules that
 * combine them without looking at classes. Each is held against the clean members of a reference.
 */

import { minP, oneSidedP, robustZ, type Tail, twoSidedP } from "../../population/p-values.ts";
import type { TitrationDigest, VariantAreas } from "../titration/digest.ts";
import type { Outcome } from "./types.ts";

interface Variant {
  readonly name: string;
  readonly mode: string;
  readonly area: keyof VariantAreas;
  readonly tail: Tail;
}

const REAL = "real-gaussian-clipped";
const REAL_UNCLIPPED = "real-gaussian-unclipped";
const NOISE = "noise-gaussian-clipped";

/** Whose target the vote of titration's own curve is. */
export const JOINT_CLIPPED = "joint, clipped";
export const JOINT_UNCLIPPED = "joint, unclipped";
/** The score that was chosen before any model was scanned: both joint areas, the smaller p-value doubled. */
export const PREREGISTERED = "joint, smaller p of both × 2";
export const MIN_P = "min-p of the four";

/** Areas over the primary range, γ = .99. With noise alone low values are suspicious too. */
const VARIANTS: readonly Variant[] = [
  { name: JOINT_CLIPPED, mode: REAL, area: "joint", tail: "upper" },
  { name: JOINT_UNCLIPPED, mode: REAL_UNCLIPPED, area: "joint", tail: "upper" },
  { name: "conditional, clipped", mode: REAL, area: "conditional", tail: "upper" },
  { name: "modal share, noise alone", mode: NOISE, area: "modalShare", tail: "two-sided" },
  { name: "joint, noise alone", mode: NOISE, area: "joint", tail: "two-sided" },
];
/** What the combination by the smallest p-value looks at. */
const COMBINED = VARIANTS.slice(0, 4);

type Known = Pick<Outcome, "target" | "seconds">;

/**
 * By name of the variant. Scores of two-sided variants are distances from the reference's median; those of combinations are
 * 1 − p, which ties where p-values do.
 *
 * @param clean at least one  @param known of the member's scan: the target that the clipped curve votes for, and the time
 */
export function variantOutcomes(
  own: TitrationDigest,
  clean: readonly TitrationDigest[],
  { target, seconds }: { readonly target: number | null; readonly seconds: number },
): Record<string, Outcome> {
  const value = (digest: TitrationDigest, { mode, area }: Variant) => digest.areas[mode]?.[area] ?? null;
  const outcomes: Record<string, Outcome> = {};
  for (const variant of VARIANTS) {
    const known: Known = variant.name === JOINT_CLIPPED ? { target, seconds } : { seconds };
    const others = clean.map((digest) => value(digest, variant));
    outcomes[variant.name] = outcomeOf(value(own, variant), others, variant.tail, known);
  }
  const pair = [JOINT_CLIPPED, JOINT_UNCLIPPED].flatMap((name) => outcomes[name]!.pValue ?? []);
  if (pair.length === 2) outcomes[PREREGISTERED] = combined(Math.min(1, 2 * Math.min(...pair)), seconds);
  const row = (digest: TitrationDigest) => COMBINED.map((variant) => value(digest, variant));
  const tails = COMBINED.map(({ tail }) => tail);
  outcomes[MIN_P] = combined(minP(row(own), clean.map(row), tails).pValue, seconds);
  return outcomes;
}

function outcomeOf(score: number | null, clean: readonly (number | null)[], tail: Tail, known: Known): Outcome {
  const none: Outcome = { score: null, flagged: null, pValue: null, ...known };
  if (score === null) return none;
  if (tail === "upper") return { ...none, score, pValue: oneSidedP(score, clean) };
  const measured = clean.filter((other) => other !== null);
  const distance = measured.length === 0 ? null : Math.abs(robustZ(score, measured));
  return { ...none, score: distance, pValue: twoSidedP(score, clean) };
}

const combined = (pValue: number, seconds: number): Outcome => ({ score: 1 - pValue, flagged: null, pValue, seconds });
