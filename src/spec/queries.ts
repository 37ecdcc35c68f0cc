/** @file Batches of queries: parts of them, their rows written out, and what outputs say of them. */

import { float32Tensor, rowsAt } from "../graph/tensor.ts";
import type { Tensor } from "../graph/types.ts";
import { pickSet, sliceSet } from "./sets.ts";
import type { InputRows, LinearSpec, Queries, SpecRows } from "./types.ts";

/** Queries from … to − 1. */
export function sliceQueries(queries: Queries, from: number, to: number): Queries {
  const { count, sets, spec, linearInputs } = queries;
  if (from === 0 && to === count) return queries;
  return {
    count: to - from,
    sets: new Map([...sets].map(([name, set]) => [name, sliceSet(set, count, from, to)])),
    spec: sliceSpec(spec, from, to),
    ...(linearInputs && { linearInputs: sliceInputRows(linearInputs, count, from, to) }),
  };
}

/** The queries at these positions. */
export function pickQueries(queries: Queries, positions: readonly number[]): Queries {
  const { count, sets, spec, linearInputs } = queries;
  if (positions.length === count && positions.every((place, i) => place === i)) return queries;
  const { rows, size, outputs, thresholds } = spec;
  const pickedRows: SpecRows =
    rows.kind === "dense"
      ? { kind: "dense", matrix: rowsAt(rows.matrix, size * outputs, positions) }
      : {
          kind: "differences",
          first: rowsAt(rows.first, size, positions),
          second: rowsAt(rows.second, size, positions),
        };
  return {
    count: positions.length,
    sets: new Map([...sets].map(([name, set]) => [name, pickSet(set, count, positions)])),
    spec: { ...spec, rows: pickedRows, ...(thresholds && { thresholds: rowsAt(thresholds, size, positions) }) },
    ...(linearInputs && {
      linearInputs: {
        size: linearInputs.size,
        matrix: rowsAt(linearInputs.matrix, linearInputs.matrix.length / count, positions),
        thresholds: rowsAt(linearInputs.thresholds, linearInputs.size, positions),
      },
    }),
  };
}

function sliceSpec(spec: LinearSpec, from: number, to: number): LinearSpec {
  const { rows, size, outputs, thresholds } = spec;
  return {
    ...spec,
    rows: sliceRows(rows, outputs, from * size, to * size),
    ...(thresholds && { thresholds: thresholds.subarray(from * size, to * size) }),
  };
}

const sliceRows = (rows: SpecRows, outputs: number, from: number, to: number): SpecRows =>
  rows.kind === "dense"
    ? { kind: "dense", matrix: rows.matrix.subarray(from * outputs, to * outputs) }
    : { kind: "differences", first: rows.first.subarray(from, to), second: rows.second.subarray(from, to) };

function sliceInputRows({ size, matrix, thresholds }: InputRows, count: number, from: number, to: number): InputRows {
  const per = matrix.length / count;
  return {
    size,
    matrix: matrix.subarray(from * per, to * per),
    thresholds: thresholds.subarray(from * size, to * size),
  };
}

/** Rows from … to − 1 of query `first` and the `count` − 1 after it, written out: [count, to − from, outputs]. */
export function rowsOf(spec: LinearSpec, first: number, count = 1, from = 0, to = spec.size): Tensor {
  const { rows, outputs, size } = spec;
  const shape = [count, to - from, outputs];
  const at = (i: number) => (first + i) * size;
  // all rows of a query lie one after the other, and so do those of several queries
  if (rows.kind === "dense" && (count === 1 || to - from === size)) {
    const data = rows.matrix.subarray((at(0) + from) * outputs, (at(count - 1) + to) * outputs);
    return float32Tensor(shape, data);
  }
  const data = new Float32Array(count * (to - from) * outputs);
  for (let i = 0, k = 0; i < count; i++) {
    for (let r = from; r < to; r++, k += outputs) {
      const row = at(i) + r;
      if (rows.kind === "dense") data.set(rows.matrix.subarray(row * outputs, (row + 1) * outputs), k);
      else {
        data[k + rows.first[row]!] = 1;
        data[k + rows.second[row]!] = -1;
      }
    }
  }
  return float32Tensor(shape, data);
}

/** How many rows each disjunct has. */
export const disjunctsOf = ({ disjuncts, size }: LinearSpec): readonly number[] =>
  disjuncts ?? new Array<number>(size).fill(1);

const thresholdOf = ({ thresholds, size }: LinearSpec, i: number, row: number): number =>
  thresholds?.[i * size + row] ?? 0;

/**
 * How far a query is from unsafe: the least over the disjuncts of how much their best row exceeds its threshold. NaN where
 * a row is no number.
 *
 * @param excess of a row's value, or of a lower bound of it, over its threshold
 * @param known so many rows are known: only the disjuncts that lie within them count
 */
export function marginOfRows(spec: LinearSpec, excess: (row: number) => number, known = spec.size): number {
  let [margin, row] = [Number.POSITIVE_INFINITY, 0];
  for (const size of disjunctsOf(spec)) {
    if (row + size > known) break;
    let best = Number.NEGATIVE_INFINITY;
    for (const end = row + size; row < end; row++) {
      const own = excess(row);
      if (Number.isNaN(own)) return Number.NaN;
      if (own > best) best = own;
    }
    if (best < margin) margin = best;
  }
  return margin;
}

/** The same for query i by bounds of its rows, [S]. */
export const marginOfBounds = (spec: LinearSpec, i: number, lower: ArrayLike<number>, known = spec.size): number =>
  marginOfRows(spec, (row) => lower[row]! - thresholdOf(spec, i, row), known);

/** C·y − d of a row of query i; products of two float32 numbers are exact in double, and their sum is compensated. */
export function excessOf(spec: LinearSpec, i: number, r: number, y: ArrayLike<number>): number {
  const { rows, size, outputs } = spec;
  const row = i * size + r;
  const threshold = thresholdOf(spec, i, r);
  if (rows.kind === "differences") return sumOf([y[rows.first[row]!]!, -y[rows.second[row]!]!, -threshold]);
  const own = rows.matrix.subarray(row * outputs, (row + 1) * outputs);
  const products = Array.from(own, (coefficient, k) => (coefficient === 0 ? 0 : coefficient * y[k]!));
  return sumOf([...products, -threshold]);
}

/** @source Neumaier 1974: the sum of doubles with the lost digits kept apart */
function sumOf(terms: readonly number[]): number {
  let [sum, lost] = [0, 0];
  for (const term of terms) {
    const next = sum + term;
    if (Number.isFinite(next)) lost += Math.abs(sum) >= Math.abs(term) ? sum - next + term : term - next + sum;
    sum = next;
  }
  return sum + lost;
}
