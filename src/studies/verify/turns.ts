/** @file The turns of the methods that decide a query: in which order, and how much of the time each may take. */

import type { Left } from "../../methods/time.ts";
import type { Verifier } from "../../methods/verify/types.ts";

export interface Turn {
  readonly verifier: Verifier;
  /** Of what is left when its turn comes. */
  readonly share: number;
}

/** What methods may take that come before a complete one: it decides what they leave, given the time. */
const SHARE_BEFORE = 0.1;
/** Where splitting is so quick, and begins with as good a bound, that no other method is worth its start before. */
const FEW_INPUTS = 20;

/** @param inputs numbers that an input has */
export function turnsOf(verifiers: readonly Verifier[], inputs: number): Turn[] {
  const later = (verifier: Verifier) => inputs <= FEW_INPUTS && !verifier.complete;
  const split = verifiers.some(({ complete }) => complete);
  // those that are put off still have a turn, for where the complete one does not apply
  const ordered = split ? [...verifiers.filter((one) => !later(one)), ...verifiers.filter(later)] : verifiers;
  return ordered.map((verifier, k) => ({
    verifier,
    share: !verifier.complete && ordered.slice(k + 1).some(({ complete }) => complete) ? SHARE_BEFORE : 1,
  }));
}

/** A share of the time that is left now. */
export function shareOf(left: Left, share: number): Left {
  const kept = (1 - share) * left();
  return Number.isFinite(kept) ? () => left() - kept : left;
}
