import { expect, test } from "vitest";
import { kappaAt, learningRateFactor, rampFactor } from "./schedules.ts";

test("a constant schedule stays at the base rate", () => {
  expect([0, 3.7, 10].map((epoch) => learningRateFactor({ kind: "constant" }, epoch, 10, 0))).toEqual([1, 1, 1]);
});

test("step decay multiplies at each milestone, from its first step on", () => {
  const schedule = { kind: "step", milestones: [2, 4], factor: 0.1 } as const;
  const at = (epoch: number) => learningRateFactor(schedule, epoch, 6, 0);
  expect(at(1.99)).toBe(1);
  expect(at(2)).toBeCloseTo(0.1, 12);
  expect(at(5.5)).toBeCloseTo(0.01, 12);
});

test("a cosine falls from 1 over the mean in the middle to its final share", () => {
  const at = (epoch: number) => learningRateFactor({ kind: "cosine", final: 0.2 }, epoch, 8, 0);
  expect(at(0)).toBe(1);
  expect(at(4)).toBeCloseTo(0.6, 12);
  expect(at(2)).toBeCloseTo(0.2 + 0.8 * 0.5 * (1 + Math.SQRT1_2), 12);
  expect(at(8)).toBeCloseTo(0.2, 12);
});

test("a cycle rises to 1 at its peak and falls to its end", () => {
  const at = (epoch: number) => learningRateFactor({ kind: "cyclic", peak: 0.4, final: 0 }, epoch, 10, 0);
  expect([0, 2, 4, 7, 10].map(at)).toEqual([0, 0.5, 1, expect.closeTo(0.5, 12), expect.closeTo(0, 12)]);
});

test("a warm-up scales whatever the schedule says", () => {
  const schedule = { kind: "step", milestones: [1], factor: 0.5 } as const;
  expect(learningRateFactor(schedule, 0.5, 4, 2)).toBe(0.25);
  expect(learningRateFactor(schedule, 1.5, 4, 2)).toBe(0.375);
  expect(learningRateFactor(schedule, 3, 4, 2)).toBe(0.5);
});

test("a linear ramp is 0 before, 1 after and a line between", () => {
  const at = (epoch: number) => rampFactor({ kind: "linear", start: 2, end: 6 }, epoch);
  expect([0, 2, 3, 5, 6, 9].map(at)).toEqual([0, 0, 0.25, 0.75, 1, 1]);
});

test("a smoothed ramp begins as a 4th power, with value and slope continuous at a quarter, and ends at 1", () => {
  const at = (epoch: number) => rampFactor({ kind: "smoothed", start: 1, end: 9 }, epoch);
  // length 8, quarter T = 2: alpha = 1 / ((8 − 2)·4·2³ + 2⁴) = 1 / 208
  expect(at(2)).toBeCloseTo(1 / 208, 12);
  expect(at(3)).toBeCloseTo(16 / 208, 12);
  expect(at(6)).toBeCloseTo(16 / 208 + 0.5 * (1 - 16 / 208), 12);
  expect(at(9)).toBe(1);
  const h = 1e-6;
  expect((at(3) - at(3 - h)) / h).toBeCloseTo((at(3 + h) - at(3)) / h, 4);
});

test("a ramp of no length is a step", () => {
  expect([0.9, 1, 1.1].map((epoch) => rampFactor({ kind: "smoothed", start: 1, end: 1 }, epoch))).toEqual([0, 1, 1]);
});

test("kappa falls from 1 to its final value as the ramp rises", () => {
  expect([0, 0.5, 1].map((ramp) => kappaAt(0.5, ramp))).toEqual([1, 0.75, 0.5]);
});
