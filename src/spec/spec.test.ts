import { describe, expect, test } from "vitest";
import { rng } from "../random/rng.ts";
import { classification, marginSpec, targetSpec } from "./classification.ts";
import { excessOf, marginOfBounds, rowsOf, sliceQueries } from "./queries.ts";
import { boxOfSet, isInside, within } from "./sets.ts";
import type { InputSet, LinearSpec, Queries } from "./types.ts";
import { verdictOf } from "./verdict.ts";
import { checkWitnesses, judge } from "./witness.ts";

const network = { input: { name: "x" }, classes: 3, leastMargin: 0 };
const batch = {
  images: { dtype: "float", shape: [2, 2], data: Float32Array.of(0.5, 0.5, 0, 1) },
  labels: Int32Array.of(1, 2),
} as const;
const threat = { norm: "linf", epsilon: 0.25, domain: [0, 1] } as const;

/** y₀ + y₁ ≤ 1 and −y₀ ≤ 0, or 2·y₁ ≤ −4. */
const region: LinearSpec = {
  outputs: 2,
  size: 3,
  rows: { kind: "dense", matrix: Float32Array.of(1, 1, -1, 0, 0, 2) },
  thresholds: Float64Array.of(1, 0, -4),
  disjuncts: [2, 1],
};
const asked = (spec: LinearSpec, set: InputSet, count = 1): Queries => ({ count, sets: new Map([["x", set]]), spec });
const POINT: InputSet = { kind: "box", lower: Float32Array.of(0), upper: Float32Array.of(1) };

describe("rows", () => {
  test("of labels are e_y − e_j, of each query its own, whole or some of them", () => {
    const { spec } = classification(network, batch, threat);
    expect([...rowsOf(spec, 0, 2).data]).toEqual([-1, 1, 0, 0, 1, -1, -1, 0, 1, 0, -1, 1]);
    expect(rowsOf(spec, 1, 1, 1)).toMatchObject({ shape: [1, 1, 3], data: Float32Array.of(0, -1, 1) });
    expect([...rowsOf(sliceQueries(classification(network, batch, threat), 1, 2).spec, 0).data]).toEqual([
      -1, 0, 1, 0, -1, 1,
    ]);
  });
  test("written out are the same as differences and as a matrix", () => {
    const spec = marginSpec([0, 2, 1, 3], 4);
    const dense: LinearSpec = { ...spec, rows: { kind: "dense", matrix: rowsOf(spec, 0, 4).data as Float32Array } };
    for (const [first, count, from, to] of [
      [0, 4, 0, 3],
      [1, 1, 1, 3],
      [1, 2, 2, 3],
      [3, 1, 0, 3],
    ] as const)
      expect(rowsOf(dense, first, count, from, to)).toEqual(rowsOf(spec, first, count, from, to));
    const y = [0.5, -1, 2, Number.POSITIVE_INFINITY];
    for (let k = 0; k < 12; k++)
      expect(excessOf(dense, Math.floor(k / 3), k % 3, y)).toBe(excessOf(spec, Math.floor(k / 3), k % 3, y));
  });
});

describe("outputs are unsafe", () => {
  test("where every row of some disjunct is at most its threshold", () => {
    const unsafe = (...y: number[]) => judge(region, 0, y).unsafe;
    expect(unsafe(0.5, 0.5)).toBe(true);
    expect(unsafe(-0.5, 0.5)).toBe(false);
    expect(unsafe(1, 1)).toBe(false);
    expect(unsafe(9, -2)).toBe(true);
    expect(judge(region, 0, [1, 1])).toMatchObject({ margin: 1 });
  });
  test("where a row that reads them is no number, in any order of rows", () => {
    for (const y of [
      [Number.NaN, 5, 0],
      [0, 5, Number.NaN],
      [Infinity, Infinity, 0],
    ])
      expect(judge(marginSpec([1], 3), 0, y)).toEqual({ unsafe: true, notANumber: true, margin: -Infinity });
  });
  test("for a label at a tie, and for a target only above all others", () => {
    const random = rng(3);
    for (let k = 0; k < 300; k++) {
      const y = Array.from({ length: 4 }, () => random.int(4));
      const own = random.int(4);
      const best = Math.max(...y.filter((_, j) => j !== own));
      expect(judge(marginSpec([own], 4), 0, y), `${y} ${own}`).toMatchObject({
        unsafe: y[own]! <= best,
        margin: y[own]! - best,
      });
      expect(judge(targetSpec([own], 4), 0, y).unsafe, `${y} ${own}`).toBe(y[own]! >= best);
    }
  });
  test("not by the rounding of a sum alone", () => {
    const sum = { outputs: 3, size: 1 };
    const spec: LinearSpec = { ...sum, rows: { kind: "dense", matrix: Float32Array.of(1, 1, 1) } };
    // in doubles, added one by one, 2⁶⁰ + 1 − 2⁶⁰ is 0
    const large: LinearSpec = { ...spec, thresholds: Float64Array.of(0.5) };
    expect(judge(large, 0, [2 ** 60, 1, -(2 ** 60)])).toMatchObject({ unsafe: false, margin: 0.5 });
    expect(judge(large, 0, [2 ** 60, 0.5, -(2 ** 60)])).toMatchObject({ unsafe: true, margin: 0 });
  });
});

describe("a verdict", () => {
  const verdict = (spec: LinearSpec, lower: number[], arithmetic: "float32" | "real" = "float32") =>
    verdictOf(asked(spec, POINT), { arithmetic, lower: Float64Array.from(lower) }, 0);

  test("needs one row of every disjunct above its threshold", () => {
    expect(verdict(region, [2, -5, -3])).toEqual({ kind: "verified", arithmetic: "float32", margin: 1 });
    expect(verdict(region, [1, -5, -3]).kind).toBe("unknown");
    expect(verdict(region, [2, -5, -4]).kind).toBe("unknown");
  });
  test("never rests on a row beside one of which nothing is known", () => {
    for (const bound of [Number.NaN, -Infinity])
      expect(verdict(region, [2, bound, -3])).toMatchObject({ kind: "unknown", reason: "numerical" });
  });
  test("in real arithmetic is bounded, whatever the bounds, and says so when unknown too", () => {
    expect(verdict(region, [2, -5, -3], "real")).toEqual({ kind: "bounded", arithmetic: "real", margin: 1 });
    expect(verdict(region, [0, -5, -3], "real")).toMatchObject({ kind: "unknown", arithmetic: "real" });
  });
  test("needs more than what the file may still round away", () => {
    expect(verdict({ ...region, clearance: 1 }, [2, -5, -3])).toMatchObject({ kind: "unknown", reason: "numerical" });
    expect(verdict({ ...region, clearance: 0.5 }, [2, -5, -3]).kind).toBe("verified");
  });
  test("leaves out the disjuncts of which rows are not known yet", () => {
    expect(marginOfBounds(region, 0, [2, -1, -9], 2)).toBe(1);
    expect(marginOfBounds(region, 0, [2, -9, -9], 1)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("sets", () => {
  const centre = Float32Array.of(0.5, 0.5, 0, 1);
  const sets: readonly InputSet[] = [
    { kind: "box", lower: Float32Array.of(0, 0, 0, 0.5), upper: Float32Array.of(1, 0.5, 0.25, 1) },
    ...(["linf", "l2", "l1"] as const).map(
      (norm) => ({ kind: "ball", norm, epsilon: 0.5, domain: [0, 1], centre }) as const,
    ),
    { kind: "ball", norm: "l2", epsilon: 0.5, domain: undefined, centre, fixed: [1] },
  ];

  test("lie in their boxes, and what is cut off is outside", () => {
    const random = rng(5);
    for (const set of sets) {
      const half = { lower: Float32Array.of(0.25, 0, 0, 0), upper: Float32Array.of(0.5, 0.5, 1, 0.75) };
      const part = within(set, half);
      let [inside, outside] = [0, 0];
      for (let k = 0; k < 4000; k++) {
        const i = k % 2;
        const point = Float32Array.from({ length: 2 }, (_, j) =>
          set.kind === "ball" && set.fixed?.includes(j) ? centre[2 * i + j]! : 1.6 * random.uniform() - 0.3,
        );
        const inBox = ({ lower, upper }: { lower: ArrayLike<number>; upper: ArrayLike<number> }) =>
          point.every((v, j) => v >= lower[2 * i + j]! && v <= upper[2 * i + j]!);
        const member = isInside(set, 2, i, { point });
        if (member) expect(inBox(boxOfSet(set, 2))).toBe(true);
        expect(isInside(part, 2, i, { point })).toBe(member && inBox(half));
        if (isInside(part, 2, i, { point })) expect(inBox(boxOfSet(part, 2))).toBe(true);
        if (member) inside++;
        else outside++;
      }
      expect(Math.min(inside, outside)).toBeGreaterThan(50);
    }
  });
  test("hold nothing that is not a number", () => {
    for (const set of sets) expect(isInside(set, 2, 0, { point: Float32Array.of(Number.NaN, 0.5) })).toBe(false);
  });
});

describe("a witness", () => {
  /** Two inputs, a of one value and b of two; the outputs are a·b₀ and b₁. */
  const queries: Queries = {
    count: 1,
    sets: new Map<string, InputSet>([
      ["a", { kind: "box", lower: Float32Array.of(0), upper: Float32Array.of(1) }],
      ["b", { kind: "ball", norm: "l1", epsilon: 1, domain: undefined, centre: Float32Array.of(0, 1) }],
    ]),
    spec: region,
    linearInputs: { size: 1, matrix: Float64Array.of(1, 0, 1), thresholds: Float64Array.of(1.5) },
  };
  const check = async (a: number, b: readonly number[]) => {
    const inputs = new Map([
      ["a", { point: Float32Array.of(a) }],
      ["b", { point: Float32Array.from(b) }],
    ]);
    const [found] = await checkWitnesses(queries, [{ query: 0, inputs }], async (points) => [
      points.get("a")![0]! * points.get("b")![0]!,
      points.get("b")![1]!,
    ]);
    return found!;
  };

  test("holds where it lies in every set and half-space and the file's outputs are unsafe", async () => {
    expect(await check(0.5, [0.5, 0.5])).toMatchObject({ holds: true, distance: 1 });
    expect(await check(1, [0.5, 1])).toMatchObject({ holds: false, inside: false, unsafe: false });
    expect(await check(0.5, [0.5, 0.25])).toMatchObject({ holds: false, inside: false, unsafe: true });
    expect(await check(1, [-0.5, 1])).toMatchObject({ inside: false, unsafe: false });
    expect(await check(0.75, [0, 1])).toMatchObject({ inside: false, unsafe: true });
    expect(await check(1.5, [0, 1])).toMatchObject({ holds: false, unsafe: true });
  });
  test("whose outputs are no numbers holds", async () => {
    const set: InputSet = { kind: "box", lower: Float32Array.of(0), upper: Float32Array.of(1) };
    const claims = [{ query: 0, inputs: new Map([["x", { point: Float32Array.of(0.5) }]]) }];
    const [found] = await checkWitnesses(asked(region, set), claims, async () => [Number.NaN, 1]);
    expect(found).toMatchObject({ holds: true, notANumber: true });
  });
});
