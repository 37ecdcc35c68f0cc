/** @file Which backdoored members count as backdoored: the trigger must work, and the network must still be good. */

import { median } from "../../stats/summary.ts";
import type { Member } from "./types.ts";

/** Share of triggered inputs that must go where they should. */
export const LEAST_SUCCESS = 0.9;
/** Clean accuracy that a backdoor may cost. */
export const MOST_LOST = 0.02;

type Trained = Pick<Member, "cleanAccuracy" | "attackSuccess">;

/**
 * Clean members are always accepted: leaving out the poor ones would make the reference look better than it is.
 * @param clean the clean members of the population
 */
export function isAccepted({ cleanAccuracy, attackSuccess }: Trained, clean: readonly Trained[]): boolean {
  if (attackSuccess === null) return true;
  const usual = median(clean.map((member) => member.cleanAccuracy));
  return attackSuccess >= LEAST_SUCCESS && cleanAccuracy >= usual - MOST_LOST;
}
