/**
 * @file What half-spaces leave of a box: the box that encloses the rest, or nothing.
 *
 * Everything is computed in doubles with room for their rounding, and ends are rounded outward to float32: no point of the
 * box that lies in all half-spaces is lost.
 */

import { roundDown, roundUp } from "../../../spec/sets.ts";

/** Ends that float32 holds, [inputs]. */
export interface Part {
  readonly lower: Float32Array;
  readonly upper: Float32Array;
}

/** {x : ⟨a, x⟩ ≤ limit} */
export interface HalfSpace {
  readonly a: ArrayLike<number>;
  readonly limit: number;
}

/** Room for the rounding of a sum of products in doubles, relative to the sum of their sizes. */
const SLACK = 2 ** -40;

/** min ⟨a, x⟩ over a box, and how much a sum of such products may be off. */
function leastOf(a: ArrayLike<number>, { lower, upper }: Part): { least: number; room: number } {
  let [least, size] = [0, 0];
  for (let k = 0; k < lower.length; k++) {
    const term = a[k]! * (a[k]! > 0 ? lower[k]! : upper[k]!);
    least += term;
    size += Math.abs(a[k]!) * Math.max(Math.abs(lower[k]!), Math.abs(upper[k]!));
  }
  return { least, room: SLACK * size };
}

/**
 * Where a row that is at least ⟨a, x⟩ + d on the box, by a bound that is the least of that over it, may be at most `limit`.
 * @param bound the row's lower bound over the box, by these coefficients
 */
export function whereAtMost(a: ArrayLike<number>, bound: number, box: Part, limit: number): HalfSpace | undefined {
  const { least, room } = leastOf(a, box);
  // the row is at least ⟨a, x⟩ − least + bound
  const most = limit - bound + least + room + SLACK * (Math.abs(limit) + Math.abs(bound));
  return Number.isFinite(most) ? { a, limit: most } : undefined;
}

/** How often all half-spaces are used: what one leaves makes room for another. */
const ROUNDS = 2;

/** The smallest box found that holds what of the box lies in all half-spaces; undefined where that is nothing. */
export function clip(box: Part, spaces: readonly HalfSpace[]): Part | undefined {
  const [lower, upper] = [box.lower.slice(), box.upper.slice()];
  for (let round = 0; round < ROUNDS; round++) {
    let changed = false;
    for (const { a, limit } of spaces) {
      const { least, room } = leastOf(a, { lower, upper });
      if (least - room > limit) return undefined;
      for (let k = 0; k < lower.length; k++) {
        const slope = a[k]!;
        if (slope === 0) continue;
        const others = least - slope * (slope > 0 ? lower[k]! : upper[k]!);
        const end = (limit - others + room) / slope;
        if (!Number.isFinite(end)) continue;
        const away = SLACK * Math.abs(end);
        if (slope > 0) {
          const next = roundUp(end + away);
          if (next < upper[k]!) [upper[k], changed] = [Math.max(next, lower[k]!), true];
        } else {
          const next = roundDown(end - away);
          if (next > lower[k]!) [lower[k], changed] = [Math.min(next, upper[k]!), true];
        }
      }
    }
    if (!changed) break;
  }
  return { lower, upper };
}

/** The smallest box around both. */
export const around = (x: Part | undefined, y: Part): Part =>
  x
    ? {
        lower: y.lower.map((end, k) => Math.min(end, x.lower[k]!)),
        upper: y.upper.map((end, k) => Math.max(end, x.upper[k]!)),
      }
    : y;
