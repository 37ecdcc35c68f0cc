/** @file What lower bounds say of a query. Every verdict is made here. */

import { marginOfBounds } from "./queries.ts";
import type { Arithmetic, Queries } from "./types.ts";

export type UnknownReason =
  | "relaxation-too-loose"
  | "timeout"
  | "memory"
  | "numerical"
  | "unsupported-op"
  /** The time of the whole audit was used up before. */
  | "time-budget"
  | "interrupted"
  /** A fault of this program: it is reported as such. */
  | "internal-error";

/** Why a query is not proved, where its bounds do not tell. */
export interface Shortfall {
  readonly reason: UnknownReason;
  readonly detail: string;
}

/** What bounds say of one query; `margin` is the least that they leave between the outputs and unsafe ones. */
export type Verdict =
  /** No point of the set has unsafe outputs, rounding included. */
  | { readonly kind: "verified"; readonly arithmetic: "float32"; readonly margin: number }
  /** The same over the reals, which leave rounding out: no proof of the network as it runs. */
  | { readonly kind: "bounded"; readonly arithmetic: "real"; readonly margin: number }
  /** Time-out and incompleteness too: never an error, never "robust". */
  | {
      readonly kind: "unknown";
      readonly arithmetic: Arithmetic;
      readonly margin: number;
      readonly reason: UnknownReason;
      readonly detail?: string;
    };

/** Lower bounds of the rows of n queries. */
export interface RowBounds {
  readonly arithmetic: Arithmetic;
  /** [n, S], row-major; −∞ where a row was left open. */
  readonly lower: Float64Array;
  /**
   * [n]: lower bounds of the queries' margins where cases were told apart, in each of which another row may be the one that
   * holds. They stand beside the rows' own; −∞ where nothing is known.
   */
  readonly margins?: Float64Array;
  /** [n]: why a query that the bounds do not prove is not proved, where they do not tell. */
  readonly reasons?: readonly (Shortfall | undefined)[];
}

/**
 * The verdict on query i by bounds alone: verified (of real arithmetic: bounded) when every disjunct has a row whose lower
 * bound is above what the file could still make unsafe of it. A bound that is not a number proves nothing.
 */
export function verdictOf({ spec }: Queries, bounds: RowBounds, i: number): Verdict {
  const { arithmetic, lower, margins, reasons } = bounds;
  const rows = lower.subarray(i * spec.size, (i + 1) * spec.size);
  const ofRows = marginOfBounds(spec, i, rows);
  const byCases = margins?.[i] ?? Number.NEGATIVE_INFINITY;
  const margin = byCases > ofRows || Number.isNaN(ofRows) ? byCases : ofRows;
  const proves = (bound: number) => bound > (spec.clearance ?? 0) && bound < Number.POSITIVE_INFINITY;
  const clears = proves(margin);
  // where a row says nothing the outputs that it reads may not be numbers, whatever another row of its disjunct says
  const numbers = rows.every((bound) => bound > Number.NEGATIVE_INFINITY);
  if (proves(byCases) || (proves(ofRows) && numbers))
    return arithmetic === "float32"
      ? { kind: "verified", arithmetic, margin }
      : { kind: "bounded", arithmetic, margin };
  const unknown = ({ reason, detail }: Partial<Shortfall> & Pick<Shortfall, "reason">, known = margin): Verdict => ({
    kind: "unknown",
    arithmetic,
    reason,
    margin: Number.isNaN(known) ? Number.NEGATIVE_INFINITY : known,
    ...(detail !== undefined && { detail }),
  });
  const shortfall = reasons?.[i];
  if (shortfall) return unknown(shortfall);
  if (!Number.isFinite(margin) || clears)
    return unknown({ reason: "numerical", detail: "a bound is not a finite number" }, Number.NEGATIVE_INFINITY);
  if (margin > 0) return unknown({ reason: "numerical", detail: "the file's last operator may round it to a tie" });
  return unknown({ reason: "relaxation-too-loose" });
}
