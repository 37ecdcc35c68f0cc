import { expect, test } from "vitest";
import { choose } from "./mann-whitney.ts";
import { pairedDrop } from "./paired.ts";

/** P(at least `lost` heads of `lost + gained` fair coins). */
function mcNemar(lost: number, gained: number): number {
  const n = lost + gained;
  let tail = 0;
  for (let k = lost; k <= n; k++) tail += choose(n, k);
  return tail / 2 ** n;
}

test("equal answers are no drop, and one lost answer decides nothing", () => {
  expect(pairedDrop(0, 0, 100)).toEqual({ estimate: 0, least: 0, lost: 0, gained: 0, trials: 100 });
  const one = pairedDrop(1, 0, 100);
  expect(one.estimate).toBe(0.01);
  expect(one.least).toBeLessThan(0);
  expect(pairedDrop(0, 0, 0)).toMatchObject({ estimate: 0, least: 0 });
});

test("the lower bound is above 0 exactly where the exact test of McNemar rejects at 5%", () => {
  for (let lost = 0; lost <= 14; lost++) {
    for (let gained = 0; gained <= 14; gained++) {
      if (lost + gained === 0) continue;
      const rejects = mcNemar(lost, gained) < 0.05;
      expect([lost, gained, pairedDrop(lost, gained, 100).least > 0]).toEqual([lost, gained, rejects]);
    }
  }
});

test("by hand: 5 of 5 lost of 50", () => {
  // the lower 95% bound of 5 in 5 is 0.05^(1/5)
  expect(pairedDrop(5, 0, 50).least).toBeCloseTo((5 * (2 * 0.05 ** 0.2 - 1)) / 50, 12);
});
