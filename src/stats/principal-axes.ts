/** @file The directions in which rows of numbers vary most. */

import type { Rng } from "../random/rng.ts";

/** Row-major. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float64Array;
}

/** The rows minus their mean. */
export function centred({ rows, columns, values }: Matrix): Matrix {
  const mean = new Float64Array(columns);
  for (let i = 0; i < values.length; i++) mean[i % columns]! += values[i]! / rows;
  return { rows, columns, values: values.map((v, i) => v - mean[i % columns]!) };
}

export interface Axes {
  /** [count, columns]: orthonormal right singular vectors, by falling singular value; the largest entry is positive. */
  readonly directions: Matrix;
  /** Length count, falling. */
  readonly singularValues: Float64Array;
}

/** Extra directions that are carried along: they make the wanted ones converge faster. */
const OVERSAMPLING = 8;
const MAX_ROUNDS = 300;
/** Of the wanted squared singular values, relative to the largest, from one round to the next. */
const SETTLED = 1e-10;

/**
 * The first right singular vectors of a matrix, by subspace iteration from random directions. Where singular values are
 * equal, any orthonormal basis of their space is right.
 *
 * @param count at most the smaller side of the matrix is returned
 * @source Halko, Martinsson and Tropp 2011, arXiv:0909.4061 (algorithm 4.4), iterated until the values settle
 */
export function principalAxes(matrix: Matrix, count: number, random: Rng): Axes {
  const { rows, columns } = matrix;
  const wanted = Math.min(count, rows, columns);
  const width = Math.min(wanted + OVERSAMPLING, rows, columns);
  const start = new Float64Array(width * columns);
  random.fillNormal(start);
  let basis = orthonormal({ rows: width, columns, values: start });
  let previous = new Float64Array(wanted);
  for (let round = 0; ; round++) {
    const images = timesTransposed(matrix, basis);
    const { values, vectors } = symmetricEigen(gram(images));
    const squares = values.slice(0, wanted).map((v) => Math.max(0, v));
    const settled = squares.every((v, i) => Math.abs(v - previous[i]!) <= SETTLED * squares[0]!);
    if (settled || round === MAX_ROUNDS) {
      const directions = rowsTimes(vectors, basis, wanted);
      return { directions: withSigns(directions), singularValues: squares.map(Math.sqrt) };
    }
    previous = squares;
    basis = orthonormal(transposedTimes(images, matrix));
  }
}

/** A Dᵀ: the coordinates of each row along each direction, [rows, directions]. */
export function timesTransposed(matrix: Matrix, directions: Matrix): Matrix {
  const { rows, columns, values } = matrix;
  const width = directions.rows;
  const out = new Float64Array(rows * width);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < width; k++) {
      let sum = 0;
      for (let j = 0, a = i * columns, d = k * columns; j < columns; j++)
        sum += values[a + j]! * directions.values[d + j]!;
      out[i * width + k] = sum;
    }
  }
  return { rows, columns: width, values: out };
}

/** Yᵀ A for Y [rows, width]: [width, columns]. */
function transposedTimes(y: Matrix, { rows, columns, values }: Matrix): Matrix {
  const width = y.columns;
  const out = new Float64Array(width * columns);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < width; k++) {
      const weight = y.values[i * width + k]!;
      for (let j = 0, a = i * columns, o = k * columns; j < columns; j++) out[o + j]! += weight * values[a + j]!;
    }
  }
  return { rows: width, columns, values: out };
}

/** Yᵀ Y. */
const gram = (y: Matrix): Matrix => transposedTimes(y, y);

/** The first `count` rows of V B. */
function rowsTimes(v: Matrix, b: Matrix, count: number): Matrix {
  const out = new Float64Array(count * b.columns);
  for (let i = 0; i < count; i++)
    for (let k = 0; k < b.rows; k++)
      for (let j = 0; j < b.columns; j++)
        out[i * b.columns + j]! += v.values[i * v.columns + k]! * b.values[k * b.columns + j]!;
  return { rows: count, columns: b.columns, values: out };
}

/** The rows made orthonormal, twice over because once leaves rounding; rows that depend on others become zero. */
function orthonormal({ rows, columns, values }: Matrix): Matrix {
  const out = values.slice();
  for (let i = 0; i < rows; i++) {
    const row = out.subarray(i * columns, (i + 1) * columns);
    const before = norm(row);
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < i; k++) {
        const other = out.subarray(k * columns, (k + 1) * columns);
        const along = row.reduce((sum, v, j) => sum + v * other[j]!, 0);
        for (let j = 0; j < columns; j++) row[j]! -= along * other[j]!;
      }
    }
    const after = norm(row);
    const scale = after > 1e-12 * before ? 1 / after : 0;
    for (let j = 0; j < columns; j++) row[j]! *= scale;
  }
  return { rows, columns, values: out };
}

const norm = (row: Float64Array): number => Math.sqrt(row.reduce((sum, v) => sum + v * v, 0));

function withSigns({ rows, columns, values }: Matrix): Matrix {
  const out = values.slice();
  for (let i = 0; i < rows; i++) {
    const row = out.subarray(i * columns, (i + 1) * columns);
    const largest = row.reduce((best, v) => (Math.abs(v) > Math.abs(best) ? v : best), 0);
    if (largest < 0) for (let j = 0; j < columns; j++) row[j]! *= -1;
  }
  return { rows, columns, values: out };
}

/**
 * Eigenvalues (falling) and eigenvectors (rows) of a small symmetric matrix.
 * @source Jacobi 1846: rotations until nothing is left beside the diagonal
 */
export function symmetricEigen({ rows: n, values: given }: Matrix): { values: Float64Array; vectors: Matrix } {
  const a = given.slice();
  const v = Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
  const size = Math.sqrt(a.reduce((sum, x) => sum + x * x, 0));
  for (let sweep = 0; sweep < 60; sweep++) {
    let beside = 0;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) beside += a[p * n + q]! ** 2;
    if (Math.sqrt(beside) <= 1e-15 * size) break;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotate(a, v, n, p, q);
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((p, q) => a[q * n + q]! - a[p * n + p]!);
  return {
    values: Float64Array.from(order, (i) => a[i * n + i]!),
    vectors: {
      rows: n,
      columns: n,
      values: Float64Array.from(order.flatMap((i) => [...v.subarray(i * n, (i + 1) * n)])),
    },
  };
}

/** One rotation that makes a[p, q] zero; `v` keeps the eigenvectors as rows. */
function rotate(a: Float64Array, v: Float64Array, n: number, p: number, q: number): void {
  const apq = a[p * n + q]!;
  if (apq === 0) return;
  const theta = (a[q * n + q]! - a[p * n + p]!) / (2 * apq);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  const turn = (m: Float64Array, x: number, y: number): void => {
    const [mx, my] = [m[x]!, m[y]!];
    m[x] = c * mx - s * my;
    m[y] = s * mx + c * my;
  };
  for (let k = 0; k < n; k++) turn(a, k * n + p, k * n + q);
  for (let k = 0; k < n; k++) turn(a, p * n + k, q * n + k);
  for (let k = 0; k < n; k++) turn(v, p * n + k, q * n + k);
}
