import { expect, test } from "vitest";
import { confidenceOf } from "./confidence.ts";

test("of logits it is the softmax, whatever their size", () => {
  // e^0 : e^ln 3 is 1 : 3
  expect(confidenceOf([0, Math.log(3)], 1)).toBeCloseTo(0.75, 12);
  expect(confidenceOf([1000, 1000 + Math.log(3)], 0)).toBeCloseTo(0.25, 12);
});

test("probabilities are taken as they are", () => {
  expect(confidenceOf(Float32Array.of(0.125, 0.25, 0.625), 2)).toBe(0.625);
});

test("of what is no number no share can be told", () => {
  expect(confidenceOf([Number.NaN, 1], 1)).toBe(0);
  expect(confidenceOf([0, Number.POSITIVE_INFINITY], 1)).toBe(0);
});
