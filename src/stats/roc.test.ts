import { describe, expect, test } from "vitest";
import { rng } from "../random/rng.ts";
import { choose, mannWhitney, separationPValue } from "./mann-whitney.ts";
import { normalDistribution } from "./normal-distribution.ts";
import { brier, crossEntropy } from "./probability-scores.ts";
import {
  auc,
  bootstrapAuc,
  bootstrapDifference,
  delong,
  delongDifference,
  delongVariance,
  hanleyMcNeil,
  type Pair,
  separatedInterval,
} from "./roc.ts";
import { intervalOf, stratifiedArea, stratifiedDifference } from "./stratified-auc.ts";

/** By the definition: every pair is looked at. */
const byPairs = (positives: readonly number[], negatives: readonly number[]): number => {
  let sum = 0;
  for (const p of positives) for (const n of negatives) sum += p > n ? 1 : p === n ? 0.5 : 0;
  return sum / (positives.length * negatives.length);
};

/** 43 patients of DeLong, DeLong and Clarke-Pearson 1988: albumin, total protein, K-G score, outcome. */
const PATIENTS = (
  "3.0 5.8 10 0 3.2 6.3 5 1 3.9 6.8 3 1 2.8 4.8 6 0 3.2 5.8 3 1 0.9 4.0 5 0 2.5 5.7 8 0 1.6 5.6 5 1 3.8 5.7 5 1 " +
  "3.7 6.7 6 1 3.2 5.4 4 1 3.8 6.6 6 1 4.1 6.6 5 1 3.6 5.7 5 1 4.3 7.0 4 1 3.6 6.7 4 0 2.3 4.4 6 1 4.2 7.6 4 0 " +
  "4.0 6.6 6 0 3.5 5.8 6 1 3.8 6.8 7 1 3.0 4.7 8 0 4.5 7.4 5 1 3.7 7.4 5 1 3.1 6.6 6 1 4.1 8.2 6 1 4.3 7.0 5 1 " +
  "4.3 6.5 4 1 3.2 5.1 5 1 2.6 4.7 6 1 3.3 6.8 6 0 1.7 4.0 7 0 3.7 6.1 5 1 3.3 6.3 7 1 4.2 7.7 6 1 3.5 6.2 5 1 " +
  "2.9 5.7 9 0 2.1 4.8 7 1 2.8 6.2 8 0 4.0 7.0 7 1 3.3 5.7 6 1 3.7 6.9 5 1 3.6 6.6 5 1"
).split(" ");

/** Scores of one test, [outcome 1, outcome 0]; a high K-G score is bad. */
function patients(test: "albumin" | "protein" | "kg"): Pair {
  const column = { albumin: 0, protein: 1, kg: 2 }[test];
  const rows = Array.from({ length: 43 }, (_, i) => PATIENTS.slice(4 * i, 4 * i + 4).map(Number));
  const group = (outcome: number) =>
    rows.filter((row) => row[3] === outcome).map((row) => (test === "kg" ? -row[2]! : row[column]!));
  return [group(1), group(0)];
}

const rounded = ({ estimate, lower, upper }: { estimate: number; lower: number; upper: number }) =>
  [estimate, lower, upper].map((v) => Number(v.toFixed(4)));

describe("the area under the ROC curve", () => {
  test("is the share of pairs in order, ties half", () => {
    expect(auc([2, 3], [1, 1.5])).toBe(1);
    expect(auc([1, 1.5], [2, 3])).toBe(0);
    expect(auc([1, 3], [2])).toBe(0.5);
    expect(auc([2, 3, 3], [1, 2, 3])).toBe((1.5 + 2.5 + 2.5) / 9);
    const random = rng(4);
    for (let round = 0; round < 20; round++) {
      const draw = (n: number) => Array.from({ length: n }, () => random.int(6));
      const [p, n] = [draw(1 + random.int(9)), draw(1 + random.int(9))];
      expect(auc(p, n)).toBeCloseTo(byPairs(p, n), 14);
    }
  });

  test("takes infinite scores, and refuses none and NaN", () => {
    expect(auc([Number.POSITIVE_INFINITY, 1], [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])).toBe(0.625);
    expect(() => auc([], [1])).toThrow(/0 positive and 1 negative/);
    expect(() => auc([Number.NaN], [1])).toThrow(/NaN/);
  });

  // Printed by SAS/STAT for the data of DeLong et al. 1988.
  test.for([
    ["albumin", 0.0927, [0.7366, 0.5549, 0.9182]],
    ["protein", 0.1, [0.6478, 0.4518, 0.8439]],
    ["kg", 0.1028, [0.7258, 0.5243, 0.9273]],
  ] as const)("of %s, with DeLong's interval, is as published", ([name, error, interval]) => {
    const pair = patients(name);
    expect(Math.sqrt(delongVariance(...pair))).toBeCloseTo(error, 4);
    expect(rounded(delong(...pair))).toEqual(interval);
  });

  test("differences between tests of the same patients are as published", () => {
    expect(rounded(delongDifference(patients("albumin"), patients("kg")))).toEqual([0.0108, -0.1761, 0.1976]);
    expect(rounded(delongDifference(patients("protein"), patients("kg")))).toEqual([-0.078, -0.283, 0.1271]);
  });

  test("has Hanley and McNeil's error at .9", () => {
    expect([10, 20, 50].map((n) => hanleyMcNeil(0.9, n, n).toFixed(3))).toEqual(["0.074", "0.051", "0.032"]);
    expect(hanleyMcNeil(1, 20, 20)).toBe(0);
  });

  test("keeps a width where the groups are separated", () => {
    const { estimate, lower, upper } = separatedInterval(20, 20);
    expect([estimate, upper]).toEqual([1, 1]);
    // By hand: A = 400.5/401 = .998753, Q1 − A² = .0000016, Q2 − A² = .000623,
    // SE² = (.0012453 + 19·.0000016 + 19·.000623) / 400, SE = .005724, A − 1.96 SE = .98753.
    expect(lower).toBeCloseTo(0.98753, 4);
    expect(delong([3, 4], [1, 2])).toMatchObject({ estimate: 1, lower: 1, upper: 1 });
  });

  test("bootstrap intervals agree with DeLong's on many scores, and repeat", () => {
    const random = rng(11);
    const positives = Array.from({ length: 150 }, () => random.normal() + 1);
    const negatives = Array.from({ length: 150 }, () => random.normal());
    const boot = bootstrapAuc(positives, negatives, { random: rng(1) });
    const exact = delong(positives, negatives);
    expect(boot.estimate).toBe(exact.estimate);
    expect(Math.abs(boot.lower - exact.lower)).toBeLessThan(0.006);
    expect(Math.abs(boot.upper - exact.upper)).toBeLessThan(0.006);
    expect(bootstrapAuc(positives, negatives, { random: rng(1) })).toEqual(boot);
  });

  test("the bootstrap of a difference uses the pairing", () => {
    const random = rng(12);
    const positives = Array.from({ length: 60 }, () => random.normal() + 1);
    const negatives = Array.from({ length: 60 }, () => random.normal());
    const nearly = (v: number) => v + 0.05 * random.normal();
    const copy: Pair = [positives.map(nearly), negatives.map(nearly)];
    const paired = bootstrapDifference([positives, negatives], copy, { random: rng(2), resamples: 500 });
    const alone = bootstrapAuc(positives, negatives, { random: rng(2), resamples: 500 });
    expect(paired.upper - paired.lower).toBeLessThan((alone.upper - alone.lower) / 5);
    const same = bootstrapDifference([positives, negatives], [positives, negatives], { random: rng(2), resamples: 9 });
    expect(same).toMatchObject({ estimate: 0, lower: 0, upper: 0 });
    expect(() => bootstrapDifference([[1], [2]], [[1], [2, 3]], { random: rng(1) })).toThrow(/same models/);
  });
});

describe("rank tests", () => {
  test("complete separation has one order in C(n₁ + n₂, n₁)", () => {
    expect(choose(10, 3)).toBe(120);
    expect(choose(40, 20)).toBe(137_846_528_820);
    expect(separationPValue(3, 2)).toBe(0.1);
    expect(mannWhitney([5, 4, 3], [1, 2])).toEqual({ pValue: 0.1, kind: "exact" });
  });

  test("the exact tail is the share of all orders", () => {
    const values = [0, 1, 2, 3, 4, 5, 6];
    const subsets = Array.from({ length: 128 }, (_, mask) => values.filter((v) => (mask >> v) & 1)).filter(
      (chosen) => chosen.length === 3,
    );
    const areas = subsets.map((chosen) =>
      byPairs(
        chosen,
        values.filter((v) => !chosen.includes(v)),
      ),
    );
    for (const [k, chosen] of subsets.entries()) {
      const expected = areas.filter((a) => a >= areas[k]! - 1e-12).length / 35;
      const rest = values.filter((v) => !chosen.includes(v));
      expect(mannWhitney(chosen, rest).pValue).toBeCloseTo(expected, 13);
    }
  });

  // Expected values: scipy.stats.mannwhitneyu, alternative "greater".
  test("agrees with another implementation, exact and approximate", () => {
    const exact = mannWhitney([1.1, 3.2, 4.5, 5.5, 7.1], [0.3, 1.5, 2.2, 4.0, 6.5, 0.9]);
    expect(exact.pValue).toBeCloseTo(0.12337662337662336, 12);
    const ties = mannWhitney([3, 4, 4, 5, 6, 6, 7, 8], [1, 2, 3, 4, 4, 5, 6]);
    expect(ties.kind).toBe("normal approximation");
    expect(ties.pValue).toBeCloseTo(0.04432641058130217, 12);
    const a = Array.from({ length: 30 }, (_, i) => ((37 * i) % 101) + 0.5);
    const b = Array.from({ length: 40 }, (_, i) => ((53 * i) % 97) - 8);
    expect(mannWhitney(a, b).pValue).toBeCloseTo(0.04104948163361923, 12);
  });

  test("equal scores are no surprise", () => {
    expect(mannWhitney([1, 1], [1, 1, 1]).pValue).toBe(1);
  });
});

describe("the normal distribution function", () => {
  // Reference values from SciPy 1.17 (norm.cdf).
  test.for([
    [-10, 7.61985302416047e-24],
    [-5, 2.866515718791933e-7],
    [-2.6, 0.004661188023718747],
    [-2.5, 0.006209665325776132],
    [-1.96, 0.024997895148220435],
    [-0.3, 0.3820885778110474],
    [0.7, 0.758036347776927],
    [2.4, 0.9918024640754038],
    [2.6, 0.9953388119762813],
    [4, 0.9999683287581669],
  ] as const)("at %f is %f", ([z, expected]) => {
    expect(Math.abs(normalDistribution(z) / expected - 1)).toBeLessThan(1e-12);
  });

  test("ends at 0 and 1", () => {
    expect(normalDistribution(Number.NEGATIVE_INFINITY)).toBe(0);
    expect(normalDistribution(Number.POSITIVE_INFINITY)).toBe(1);
    expect(normalDistribution(0)).toBe(0.5);
    expect(() => normalDistribution(Number.NaN)).toThrow(/NaN/);
  });
});

describe("stated probabilities", () => {
  test("cost ln 2 and ¼ where nothing is known", () => {
    expect(crossEntropy([0.5, 0.5], [true, false])).toBeCloseTo(Math.LN2, 14);
    expect(brier([0.5, 0.5], [true, false])).toBe(0.25);
  });

  test("cost by hand, and never infinitely much", () => {
    expect(crossEntropy([0.8, 0.1], [true, false])).toBeCloseTo(-(Math.log(0.8) + Math.log(0.9)) / 2, 14);
    expect(brier([0.8, 0.1], [true, false])).toBeCloseTo((0.04 + 0.01) / 2, 14);
    expect(crossEntropy([0], [true])).toBeCloseTo(6 * Math.LN10, 10);
    expect(() => brier([1.5], [true])).toThrow(/probability/);
    expect(() => brier([0.5], [])).toThrow(/1 probabilities for 0 answers/);
  });
});

describe("areas over strata", () => {
  const strata: Pair[] = [
    [
      [5, 6],
      [1, 2, 3, 4],
    ],
    [
      [30, 15],
      [10, 20],
    ],
    [[1], []],
  ];

  test("weigh each by its pairs, and leave out what cannot be compared", () => {
    const area = stratifiedArea(strata, { random: rng(1), resamples: 200 })!;
    expect(area.estimate).toBeCloseTo(11 / 12, 14);
    expect([area.positives, area.negatives]).toEqual([4, 6]);
    // the separated stratum adds no variance: (1/3)² of the other's
    const error = Math.sqrt(delongVariance([30, 15], [10, 20])) / 3;
    expect(area.delong!.lower).toBeCloseTo(11 / 12 - 1.959964 * error, 6);
    expect(stratifiedArea([[[1], []]], { random: rng(1) })).toBeUndefined();
  });

  test("of one stratum are that stratum's", () => {
    const pair = patients("albumin");
    const area = stratifiedArea([pair], { random: rng(3) })!;
    expect(rounded(area.delong!)).toEqual(rounded(delong(...pair)));
    expect(area.bootstrap).toEqual(bootstrapAuc(...pair, { random: rng(3) }));
    expect(area.pValue).toBe(mannWhitney(...pair).pValue);
  });

  test("all separated: chances multiply, and the interval keeps a width", () => {
    const apart: Pair[] = [
      [[2, 3], [1]],
      [[5], [1, 2, 3]],
    ];
    const area = stratifiedArea(apart, { random: rng(1), resamples: 50 })!;
    expect(area.pValue).toBeCloseTo(1 / 12, 14);
    expect(intervalOf(area)).toBe(area.separated);
    expect(area.separated!.lower).toBeLessThan(0.9);
    const single = stratifiedArea(apart.slice(0, 1), { random: rng(1), resamples: 50 })!;
    expect(single.separated!.lower).toBeCloseTo(separatedInterval(2, 1).lower, 12);
  });

  test("differences of one stratum are the paired bootstrap's", () => {
    const [first, second] = [patients("albumin"), patients("kg")];
    const expected = bootstrapDifference(first, second, { random: rng(3), resamples: 100 });
    const found = stratifiedDifference([{ first, second }], { random: rng(3), resamples: 100 })!;
    expect(rounded(found)).toEqual(rounded(expected));
  });
});
