import { expect, test } from "vitest";
import * as scores from "./scores.ts";
import type { Mode, Tally, TitrationCurve } from "./types.ts";

const REAL: Mode = { base: "real", noise: "gaussian", clipped: true };

/** Ten inputs of three classes: 5, 3 and 2. */
const LABELS = [5, 3, 2];

const tally = (sigma: number, changes: Partial<Tally> = {}): Tally => ({
  sigma,
  wrong: 0,
  flips: 0,
  confident: [10, 10, 10],
  wrongConfident: [0, 0, 0],
  answers: LABELS,
  right: LABELS,
  wrongAnswers: [0, 0, 0],
  wrongLabels: [0, 0, 0],
  leanings: [0, 0, 0],
  ...changes,
});

const curve = (points: readonly Tally[], mode = REAL): TitrationCurve => ({
  mode,
  inputs: 10,
  labels: LABELS,
  grid: points.map(({ sigma }) => sigma),
  points,
  timesSurelyWrong: [10],
  leaningsByLabel: [],
});

/** Four wrong answers: two 0s and one 1 taken for a 2, surely; a 0 taken for a 1, hesitantly. */
const LED = tally(1, {
  wrong: 4,
  flips: 4,
  confident: [9, 8, 7],
  wrongConfident: [4, 3, 3],
  answers: [2, 3, 5],
  right: [2, 2, 2],
  wrongAnswers: [0, 0, 3],
  wrongLabels: [2, 1, 0],
});

test("one value an intensity, by hand", () => {
  const titrated = curve([tally(0), LED]);
  expect(scores.joint(titrated)).toEqual([0, 0.3]);
  expect(scores.joint(titrated, 0.8)).toEqual([0, 0.4]);
  expect(scores.conditional(titrated)).toEqual([null, 3 / 4]);
  expect(scores.conditional(titrated, 0.8)).toEqual([null, 1]);
  expect(scores.flip(titrated)).toEqual([0, 0.4]);
  expect(scores.confident(titrated, 0.95)).toEqual([1, 0.8]);
  expect(scores.modalShare(titrated)).toEqual([0.5, 0.5]);
  expect(scores.ledToOne(titrated)).toEqual([0, 0.3]);
});

test("entropy is 1 when all answers are equally frequent and 0 when there is one", () => {
  const twelve = (answers: number[]) => ({ ...curve([tally(1, { answers })]), inputs: 12 });
  expect(scores.entropy(twelve([4, 4, 4]))[0]).toBeCloseTo(1, 14);
  expect(scores.entropy(twelve([0, 12, 0]))[0]).toBe(0);
  expect(scores.entropy(twelve([6, 6, 0]))[0]).toBeCloseTo(Math.LN2 / Math.log(3), 14);
});

test("the area is the mean over 0.4 to 3; what an early stop left out counts as 0", () => {
  const points = [0, 0.3, 0.4, 1, 3, 5].map((sigma) => tally(sigma));
  const titrated = curve(points);
  const values = [7, 7, 0.1, 0.3, 0.8, 7];
  expect(scores.area(titrated, values)).toBeCloseTo(0.4, 14);
  const stopped = { ...titrated, points: points.slice(2, 4) };
  expect(scores.area(stopped, [0.1, 0.3])).toBeCloseTo(0.4 / 3, 14);
  expect(scores.area(curve([tally(0), tally(5)]), [0, 1])).toBeNull();
  const salt = curve(
    [0.05, 0.1, 0.65, 0.8].map((share) => tally(share)),
    { ...REAL, noise: "salt-and-pepper" },
  );
  expect(scores.area(salt, [7, 0.2, 0.4, 7])).toBeCloseTo(0.3, 14);
});

test("grid mean, trapezoids, the steepest rise and the half way, by hand", () => {
  const titrated = curve([0, 1, 3, 5].map((sigma) => tally(sigma)));
  const values = [0, 0.2, 1, 0.6];
  expect(scores.gridMean(values)).toBeCloseTo(0.45, 14);
  expect(scores.trapezoid(titrated, values)).toBeCloseTo(0.1 + 1.2 + 1.6, 14);
  // half of 1 lies 3/8 of the way from 1 to 3
  const { slope, halfAt } = scores.rise(titrated, values);
  expect(slope).toBeCloseTo(0.4, 14);
  expect(halfAt).toBeCloseTo(1.75, 14);
  expect(scores.rise(titrated, [0, 0, 0, 0])).toEqual({ slope: 0, halfAt: null });
  expect(scores.rise(titrated, [1, 0.5, 0.5, 0.5])).toEqual({ slope: 0, halfAt: 0 });
});

test("equally frequent classes, and nothing at all, have no mode", () => {
  expect(scores.modalOf([1, 4, 3])).toEqual({ class: 1, share: 0.5 });
  expect(scores.modalOf([4, 4, 3])).toBeNull();
  expect(scores.modalOf([0, 0, 0])).toBeNull();
});

test("the target has more than half of the votes at 1.5, 2 and 3", () => {
  const votes = (...counts: readonly (readonly number[])[]) =>
    scores.inferTarget(curve([1, 1.5, 2, 3, 5].map((sigma, i) => tally(sigma, { wrongAnswers: counts[i]! }))));
  const aside = [9, 0, 0];
  expect(votes(aside, [0, 1, 3], [0, 2, 1], [0, 1, 4], aside)).toEqual({ target: 2, votes: 2, of: 3, share: 8 / 12 });
  expect(votes(aside, [0, 1, 3], [0, 2, 1], [3, 1, 0], aside)).toEqual({ target: null, votes: 0, of: 3, share: null });
  // one vote is not more than half, though no other was cast
  expect(votes(aside, [0, 0, 0], [0, 0, 0], [0, 0, 1], aside).target).toBeNull();
});

test("for noise alone the target is voted for by all answers at 1, 1.5 and 2", () => {
  const answered = [
    [0, 9, 1],
    [1, 7, 2],
    [0, 8, 2],
    [10, 0, 0],
  ];
  const titrated = curve(
    [1, 1.5, 2, 3].map((sigma, i) => tally(sigma, { answers: answered[i]!, wrongAnswers: [5, 0, 0] })),
    { ...REAL, base: "noise" },
  );
  expect(scores.inferTarget(titrated)).toEqual({ target: 1, votes: 3, of: 3, share: 0.8 });
  expect(scores.modalShareScore(titrated)).toBeCloseTo(0.8, 14);
});
