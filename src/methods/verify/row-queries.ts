/** @file Rows of a query as queries of their own, so that each has its own lines and multipliers. */

import { rowsOf, sliceQueries } from "../../spec/queries.ts";
import { sliceSet } from "../../spec/sets.ts";
import type { Box, FloatArray, InputSet, Queries, SpecRows } from "../../spec/types.ts";

/** `times` copies, one after the other. */
export function repeated<T extends FloatArray | Int8Array>(values: T, times: number): T {
  const into = new (values.constructor as new (length: number) => T)(values.length * times);
  for (let k = 0; k < times; k++) into.set(values as never, k * values.length);
  return into;
}

export const repeatedBox = ({ lower, upper }: Box, times: number): Box => ({
  lower: repeated(lower, times),
  upper: repeated(upper, times),
});

function repeatedSet(set: InputSet, times: number): InputSet {
  if (set.kind === "box") return { kind: "box", ...repeatedBox(set, times) };
  return {
    ...set,
    centre: repeated(set.centre, times),
    ...(set.within && { within: repeatedBox(set.within, times) }),
  };
}

/** One query's set, asked of these rows [R, outputs], each a query of its own. */
export function withRows({ count, sets, spec }: Queries, i: number, matrix: Float32Array, outputs: number): Queries {
  const rows: SpecRows = { kind: "dense", matrix };
  const times = matrix.length / outputs;
  return {
    count: times,
    sets: new Map([...sets].map(([name, set]) => [name, repeatedSet(sliceSet(set, count, i, i + 1), times)])),
    spec: { outputs, size: 1, rows, ...(spec.clearance !== undefined && { clearance: spec.clearance }) },
  };
}

/** These rows of query i, with their thresholds, each a query of its own. */
export function ownRows(queries: Queries, i: number, chosen: readonly number[]): Queries {
  const { spec } = sliceQueries(queries, i, i + 1);
  const all = rowsOf(spec, 0).data as Float32Array;
  const matrix = new Float32Array(chosen.length * spec.outputs);
  for (const [k, row] of chosen.entries())
    matrix.set(all.subarray(row * spec.outputs, (row + 1) * spec.outputs), k * spec.outputs);
  const made = withRows(queries, i, matrix, spec.outputs);
  const { thresholds } = spec;
  return thresholds
    ? { ...made, spec: { ...made.spec, thresholds: Float64Array.from(chosen, (row) => thresholds[row]!) } }
    : made;
}
