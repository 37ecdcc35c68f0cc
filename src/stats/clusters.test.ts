import { describe, expect, test } from "vitest";
import { rng } from "../random/rng.ts";
import { kMeans, silhouette } from "./clusters.ts";
import { centred, type Matrix, principalAxes, symmetricEigen, timesTransposed } from "./principal-axes.ts";

const matrix = (rows: readonly (readonly number[])[]): Matrix => ({
  rows: rows.length,
  columns: rows[0]!.length,
  values: Float64Array.from(rows.flat()),
});

const rounded = (values: Iterable<number>) => Array.from(values, (v) => Number(v.toFixed(9)) + 0);

describe("principal axes", () => {
  test("eigenvectors of a 2 × 2 matrix are those worked out by hand", () => {
    const { values, vectors } = symmetricEigen(
      matrix([
        [2, 1],
        [1, 2],
      ]),
    );
    expect(rounded(values)).toEqual([3, 1]);
    expect(Math.abs(vectors.values[0]! - vectors.values[1]!)).toBeLessThan(1e-12);
    expect(Math.abs(vectors.values[2]! + vectors.values[3]!)).toBeLessThan(1e-12);
  });

  test("recover singular values and directions of a planted matrix", () => {
    // A = Σ sₖ uₖ vₖᵀ with orthonormal u (columns of a Hadamard matrix / 2) and v.
    const u = [
      [1, 1, 1, 1],
      [1, -1, 1, -1],
      [1, 1, -1, -1],
    ].map((row) => row.map((x) => x / 2));
    const v = [
      [0.6, 0.8, 0, 0, 0],
      [-0.8, 0.6, 0, 0, 0],
      [0, 0, 0, 0, 1],
    ];
    const s = [5, 2, 1];
    const a = matrix(
      [0, 1, 2, 3].map((i) =>
        [0, 1, 2, 3, 4].map((j) => s.reduce((sum, sk, k) => sum + sk * u[k]![i]! * v[k]![j]!, 0)),
      ),
    );
    const { directions, singularValues } = principalAxes(a, 3, rng(1));
    expect(rounded(singularValues)).toEqual([5, 2, 1]);
    expect(rounded(directions.values)).toEqual(rounded([0.6, 0.8, 0, 0, 0, 0.8, -0.6, 0, 0, 0, 0, 0, 0, 0, 1]));
  });

  test("survive a matrix of rank one, and one of zeros", () => {
    const rank1 = principalAxes(
      matrix([
        [1, 2, 2],
        [2, 4, 4],
        [-1, -2, -2],
      ]),
      3,
      rng(1),
    );
    expect(rounded(rank1.singularValues)).toEqual([Number(Math.sqrt(54).toFixed(9)), 0, 0]);
    const zero = principalAxes(
      matrix([
        [0, 0],
        [0, 0],
      ]),
      2,
      rng(1),
    );
    expect([...zero.singularValues]).toEqual([0, 0]);
  });

  test("find the long side of a cloud of many points, and coordinates along it", () => {
    const random = rng(3);
    const cloud = centred(
      matrix(Array.from({ length: 400 }, () => [random.normal(), 5 * random.normal(), random.normal()])),
    );
    const { directions } = principalAxes(cloud, 1, rng(1));
    expect(directions.values[1]).toBeGreaterThan(0.99);
    const along = timesTransposed(cloud, directions);
    expect([along.rows, along.columns]).toEqual([400, 1]);
    expect(along.values.reduce((sum, x) => sum + x, 0)).toBeCloseTo(0, 9);
  });
});

describe("k-means", () => {
  test("separates two clumps of known points", () => {
    const found = kMeans(
      matrix([
        [0, 0],
        [0, 2],
        [10, 0],
        [10, 2],
        [0, 1],
      ]),
      2,
      rng(1),
    );
    expect(found.sizes.toSorted()).toEqual([2, 3]);
    expect(found.assignment[0]).toBe(found.assignment[1]);
    expect(found.assignment[0]).toBe(found.assignment[4]);
    expect(found.assignment[2]).toBe(found.assignment[3]);
    expect(found.inertia).toBeCloseTo(2 + 2, 12);
  });

  test("is the best split of all, by enumeration", () => {
    const random = rng(9);
    const points = Array.from({ length: 9 }, () => [random.normal(), random.normal()]);
    const cost = (group: readonly (readonly number[])[]) => {
      const mean = [0, 1].map((c) => group.reduce((sum, p) => sum + p[c]!, 0) / group.length);
      return group.reduce((sum, p) => sum + (p[0]! - mean[0]!) ** 2 + (p[1]! - mean[1]!) ** 2, 0);
    };
    let least = Number.POSITIVE_INFINITY;
    for (let mask = 1; mask < 511; mask++) {
      const side = (bit: number) => points.filter((_, i) => ((mask >> i) & 1) === bit);
      least = Math.min(least, cost(side(0)) + cost(side(1)));
    }
    expect(kMeans(matrix(points), 2, rng(1), 30).inertia).toBeCloseTo(least, 12);
  });

  test("takes equal points, and refuses too few", () => {
    expect(kMeans(matrix([[1], [1], [1]]), 2, rng(1)).inertia).toBe(0);
    expect(() => kMeans(matrix([[1]]), 2, rng(1))).toThrow(/at least 2 points/);
  });
});

describe("the silhouette", () => {
  test("is that worked out by hand", () => {
    // Points 0, 1 | 4, 6. s(0): a 1, b 5 → .8; s(1): a 1, b 4 → .75; s(4): a 2, b 3.5 → 3/7; s(6): a 2, b 5.5 → 7/11.
    const expected = (0.8 + 0.75 + 3 / 7 + 7 / 11) / 4;
    expect(silhouette(matrix([[0], [1], [4], [6]]), Int32Array.of(0, 0, 1, 1))).toBeCloseTo(expected, 12);
  });

  test("counts a lonely point as 0, and has no answer for one cluster", () => {
    // s(0): a 1, b 10 → .9; s(1): a 1, b 9 → 8/9; the lonely point 0.
    expect(silhouette(matrix([[0], [1], [10]]), Int32Array.of(0, 0, 1))).toBeCloseTo((0.9 + 8 / 9) / 3, 12);
    expect(silhouette(matrix([[0], [1]]), Int32Array.of(0, 0))).toBeNaN();
  });
});
