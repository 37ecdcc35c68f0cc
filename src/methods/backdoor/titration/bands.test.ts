import { expect, test } from "vitest";
import { rng } from "../../../random/rng.ts";
import { quantiles } from "../../../stats/summary.ts";
import { bandsOf } from "./bands.ts";
import type { Tally, TitrationCurve } from "./types.ts";

const tally = (sigma: number, sure: number, flips = sure): Tally => ({
  sigma,
  wrong: flips,
  flips,
  confident: [sure, sure, sure],
  wrongConfident: [sure, sure, sure],
  answers: [200 - flips, flips],
  right: [200 - flips, 0],
  wrongAnswers: [0, sure],
  wrongLabels: [sure, 0],
  leanings: [0, 0],
});

/** 200 inputs of class 0. */
const curve = (points: readonly Tally[], timesSurelyWrong: readonly number[]): TitrationCurve => ({
  mode: { base: "real", noise: "gaussian", clipped: true },
  inputs: 200,
  labels: [200, 0],
  grid: points.map(({ sigma }) => sigma),
  points,
  timesSurelyWrong,
  leaningsByLabel: [],
});

test("intervals of single points are the bootstrap's, by drawing inputs again", () => {
  const { joint, modalShare } = bandsOf(curve([tally(1, 60)], [140, 60]));
  const random = rng(1);
  const shares = Array.from({ length: 4000 }, () => {
    let count = 0;
    for (let i = 0; i < 200; i++) if (random.int(200) < 60) count++;
    return count / 200;
  });
  const [lower, upper] = quantiles(shares, [0.025, 0.975]);
  expect(Math.abs(joint.lower[0]! - lower!)).toBeLessThanOrEqual(0.0051);
  expect(Math.abs(joint.upper[0]! - upper!)).toBeLessThanOrEqual(0.0051);
  expect(modalShare.lower[0]).toBeCloseTo(1 - joint.upper[0]!, 12);
});

test("at one intensity the area's interval is that of its point", () => {
  const { joint, jointArea } = bandsOf(curve([tally(1, 60)], [140, 60]));
  expect(Math.abs(jointArea![0] - joint.lower[0]!)).toBeLessThanOrEqual(0.0101);
  expect(Math.abs(jointArea![1] - joint.upper[0]!)).toBeLessThanOrEqual(0.0101);
});

test("inputs that are wrong at all intensities together widen the area's interval", () => {
  const points = [0.4, 1, 2, 3].map((sigma) => tally(sigma, 50));
  const width = ([lower, upper]: readonly [number, number]) => upper - lower;
  const together = bandsOf(curve(points, [150, 0, 0, 0, 50])).jointArea!;
  const apart = bandsOf(curve(points, [0, 200, 0, 0, 0])).jointArea!;
  const mixed = bandsOf(curve(points, [50, 100, 50, 0, 0])).jointArea!;
  // standard errors √(¼·¾/200) and √(½/16/200), 2·1.96 of them
  expect(width(together)).toBeCloseTo(3.92 * Math.sqrt(3 / 16 / 200), 1.8);
  expect(width(mixed)).toBeCloseTo(3.92 * Math.sqrt(1 / 32 / 200), 2);
  expect(apart).toEqual([0.25, 0.25]);
});

test("where all inputs agree the intervals still have a width, and a grid without primary points has no area", () => {
  const bands = bandsOf(curve([tally(0, 0), tally(1, 200)], [200, 0]));
  // Clopper–Pearson with no success: 1 − 0.025^(1/200)
  expect(bands.joint.upper[0]).toBeCloseTo(1 - 0.025 ** (1 / 200), 12);
  expect(bands.joint.lower[1]).toBeCloseTo(0.025 ** (1 / 200), 12);
  expect(bands.jointArea).toEqual([0, bands.joint.upper[0]]);
  expect(bandsOf(curve([tally(1, 200)], [0, 200])).jointArea).toEqual([bands.joint.lower[1], 1]);
  expect(bandsOf(curve([tally(0, 0)], [200])).jointArea).toBeNull();
});

test("the area's interval is that of inputs drawn again, whole", () => {
  const times = [110, 40, 30, 20];
  const points = [tally(0.4, 30), tally(1, 50), tally(2, 80)];
  const inputs = times.flatMap((count, often) => new Array<number>(count).fill(often));
  const random = rng(2);
  const areas = Array.from({ length: 4000 }, () => {
    let sum = 0;
    for (let i = 0; i < 200; i++) sum += inputs[random.int(200)]!;
    return sum / (3 * 200);
  });
  const [lower, upper] = quantiles(areas, [0.025, 0.975]);
  const interval = bandsOf(curve(points, times)).jointArea!;
  // the area's standard error is 0.024; a quantile of 4,000 draws has one of 0.001
  expect(Math.abs(interval[0] - lower!)).toBeLessThan(0.004);
  expect(Math.abs(interval[1] - upper!)).toBeLessThan(0.004);
});

test("three inputs drawn again: 27 equally likely draws, by hand", () => {
  // three inputs, wrong at 0, 1 and 2 of two points; sums of three draws run from 0 to 6, and 0 has chance 1/27 > 2.5 %
  const points = [1, 2].map((sigma) => ({ ...tally(sigma, 1), answers: [2, 1] }));
  const three = { ...curve(points, [1, 1, 1]), inputs: 3 };
  expect(bandsOf(three).jointArea).toEqual([0, 1]);
  // at level 0.8: P(sum ≤ 1) = 4/27 is the first above 10 %, P(sum ≤ 4) = 23/27, so 5 is the first above 90 %
  expect(bandsOf(three, { level: 0.8 }).jointArea).toEqual([1 / 6, 5 / 6]);
});
