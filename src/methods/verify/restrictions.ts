/** @file What is supposed beside a query: parts of its sets, signs of neurons, boxes and slopes found otherwise. */

import { boxOfSet, within } from "../../spec/sets.ts";
import type { Box, InputSet, Queries } from "../../spec/types.ts";
import type { Alphas, Layer, LayerBox, Restrictions } from "./types.ts";

/**
 * The boxes with neurons of fixed sign cut at 0, in place. There a piecewise linear unit has no kink inside its box, and
 * its lines are exact. Where a sign does not occur, the end of the box that is nearer to 0 stands for it.
 *
 * @param size neurons of a query @param empty gets the queries in which a sign does not occur
 */
export function cutAtSplits(box: LayerBox, split: Int8Array, size: number, empty: Set<number>): LayerBox {
  const { lower, upper } = box;
  for (let at = 0; at < split.length; at++) {
    if (split[at]! > 0 && lower[at]! < 0) lower[at] = 0;
    if (split[at]! < 0 && upper[at]! > 0) upper[at] = 0;
    if (lower[at]! <= upper[at]!) continue;
    empty.add(Math.floor(at / size));
    if (split[at]! > 0) lower[at] = upper[at]!;
    else upper[at] = lower[at]!;
  }
  return box;
}

/** Queries on parts of their inputs' sets, and which of them have nothing left: those keep their own sets. */
export function narrowed(queries: Queries, parts: ReadonlyMap<string, Box>): { queries: Queries; empty: Set<number> } {
  const empty = new Set<number>();
  const sets = new Map<string, InputSet>();
  for (const [name, set] of queries.sets) {
    const part = parts.get(name);
    const cut = part ? within(set, part) : set;
    sets.set(name, cut);
    if (!part) continue;
    const { lower, upper } = boxOfSet(cut, queries.count);
    const size = lower.length / Math.max(1, queries.count);
    for (let at = 0; at < lower.length; at++) if (lower[at]! > upper[at]!) empty.add(Math.floor(at / size));
  }
  return { queries: { ...queries, sets }, empty };
}

/** Restrictions of queries from … to − 1. */
export function sliceRestrictions(
  { boxes, splits, alphas }: Restrictions,
  layers: readonly Layer[],
  relaxed: readonly (readonly number[])[],
  from: number,
  to: number,
): Restrictions {
  const part = <T extends { subarray(from: number, to: number): T }>(values: T, shape: readonly number[]): T => {
    const size = shape.reduce((product, dim) => product * dim, 1);
    return values.subarray(from * size, to * size);
  };
  const of = <T, U>(map: ReadonlyMap<number, T>, cut: (value: T, k: number) => U): Map<number, U> =>
    new Map([...map].map(([k, value]) => [k, cut(value, k)]));
  const alphasOf = ({ lower, upper }: Alphas, k: number): Alphas => ({
    lower: part(lower, relaxed[k]!),
    ...(upper && { upper: part(upper, relaxed[k]!) }),
  });
  return {
    ...(boxes && {
      boxes: of(boxes, ({ lower, upper }, k) => ({
        lower: part(lower, layers[k]!.shape),
        upper: part(upper, layers[k]!.shape),
      })),
    }),
    ...(splits && { splits: of(splits, (split, k) => part(split, layers[k]!.shape)) }),
    ...(alphas && { alphas: of(alphas, (own) => of(own, alphasOf)) }),
  };
}
