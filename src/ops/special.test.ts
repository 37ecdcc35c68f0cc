import { describe, expect, test } from "vitest";
import { erf, gelu, roundHalfEven, sigmoid, softplus } from "./special.ts";

/** Values to 15 digits or more by arbitrary-precision arithmetic. */
const erfValues: readonly (readonly [x: number, erf: number])[] = [
  [1e-10, 1.1283791670955126e-10],
  [0.1, 0.1124629160182849],
  [0.5, 0.5204998778130465],
  [1, 0.8427007929497149],
  [1.5, 0.966105146475311],
  [2, 0.9953222650189527],
  [3, 0.999977909503001],
  [4, 0.9999999845827421],
  [5, 0.999999999998463],
];

const geluValues: readonly (readonly [x: number, gelu: number])[] = [
  [-8, -4.97676845941743e-15],
  [-3, -0.00404969409489028],
  [-1, -0.15865525393145705],
  [0.5, 0.345731230637007],
  [2, 1.9544997361036416],
];

const softplusValues: readonly (readonly [x: number, softplus: number])[] = [
  [-30, 9.35762296883974e-14],
  [-8, 0.000335406372895769],
  [0.5, 0.9740769841801067],
  [2, 2.126928011042972],
  [800, 800],
];

describe("special functions agree with arbitrary-precision values to 1e-14", () => {
  test.each(erfValues)("erf %d", (x, y) => {
    expect(Math.abs(erf(x) - y)).toBeLessThanOrEqual(1e-14 * y);
    expect(erf(-x)).toBe(-erf(x));
  });

  test.each(geluValues)("gelu %d", (x, y) => {
    expect(Math.abs(gelu(x, "none") - y)).toBeLessThanOrEqual(1e-14);
  });

  test.each(softplusValues)("softplus %d", (x, y) => {
    expect(Math.abs(softplus(x) - y)).toBeLessThanOrEqual(1e-14 * y);
  });

  test("erf saturates without overflow and passes NaN on", () => {
    expect(erf(7)).toBe(1);
    expect(erf(-1e300)).toBe(-1);
    expect(erf(Number.POSITIVE_INFINITY)).toBe(1);
    expect(erf(Number.NaN)).toBeNaN();
  });

  test("sigmoid keeps its small tail and its symmetry", () => {
    expect(sigmoid(-745)).toBeGreaterThan(0);
    expect(sigmoid(-40)).toBeCloseTo(Math.exp(-40), 30);
    for (const x of [0, 0.3, 5, 36]) expect(sigmoid(x) + sigmoid(-x)).toBeCloseTo(1, 15);
  });

  test("halves round to the even neighbour", () => {
    expect([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4, -2.6].map(roundHalfEven)).toEqual([-2, -2, 0, 0, 2, 2, 2, -3]);
  });
});
