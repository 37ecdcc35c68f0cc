/** @file What the two ways of telling cases apart have in common. */

import type { Queries } from "../../../spec/types.ts";
import type { Shortfall } from "../../../spec/verdict.ts";
import type { Witness } from "../../../spec/witness.ts";
import type { Left } from "../../time.ts";

export interface Limits {
  readonly left?: Left | undefined;
  /** So many sub-domains may be open at once. */
  readonly domains: number;
  /** So many sub-domains are bounded in all. */
  readonly most: number;
  readonly signal?: AbortSignal | undefined;
}

/** How far a query came. */
export interface Decided {
  /** Bounds of the rows over the whole set, [S]. */
  readonly rows: Float64Array;
  /** A lower bound of the margin: the least over all cases. */
  readonly margin: number;
  /** A point whose outputs are unsafe by the graph's own arithmetic; nobody has asked the file yet. */
  readonly claim?: Witness;
  readonly shortfall?: Shortfall;
  /** Sub-domains that were bounded. */
  readonly domains: number;
}

/** Decides one query after the other. */
export interface Splitting extends AsyncDisposable {
  decide(queries: Queries, i: number, limits: Limits): Promise<Decided>;
}

/** Just above what must be exceeded: of a case in which no point is left, no margin is known. */
export const justAbove = (clearance: number): number => clearance + Math.max(Number.MIN_VALUE, clearance * 2 ** -50);
