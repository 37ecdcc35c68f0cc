/** @file Two rates on the same cases: what is lost is told by the cases in which they differ. */

import { proportionLower } from "./proportion.ts";

/** By how much the second rate lies below the first. */
export interface Drop {
  /** (lost − gained) / trials. */
  readonly estimate: number;
  /** At least this, with 95% confidence one-sided. */
  readonly least: number;
  /** Cases that only the first has, and that only the second has. */
  readonly lost: number;
  readonly gained: number;
  readonly trials: number;
}

/**
 * Given how many cases differ, the share of losses among them is binomial: its exact lower bound, carried over. `least` > 0
 * exactly where the one-sided exact test of McNemar rejects at 5%.
 *
 * @source McNemar 1947; the exact conditional form as in Fagerland, Lydersen and Laake 2013
 */
export function pairedDrop(lost: number, gained: number, trials: number): Drop {
  const differing = lost + gained;
  const share = differing === 0 ? 0.5 : proportionLower(lost, differing);
  return {
    estimate: trials === 0 ? 0 : (lost - gained) / trials,
    least: trials === 0 ? 0 : (differing * (2 * share - 1)) / trials,
    lost,
    gained,
    trials,
  };
}
