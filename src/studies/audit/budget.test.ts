import { expect, test } from "vitest";
import { budgetOf } from "./budget.ts";

test("time is kept for the report and for a last job that ends late, more where the start was slow", () => {
  let now = 100;
  const until = (seconds: number, started: number) => budgetOf(seconds, 100 - started, () => now).until(1)! - 100;
  // 3 s for the report, 5 s for a job
  expect(until(180, 0)).toBeCloseTo(172);
  // a start of 4 s, and half of it again
  expect(until(180, 4)).toBeCloseTo(180 - 4 - 8 - 2);
  // no more than a twentieth of the whole
  expect(until(180, 60)).toBeCloseTo(180 - 60 - 8 - 9);
  // of a short budget little
  expect(until(20, 0)).toBeCloseTo(20 - 3 - 0.6);
  expect(budgetOf(2, 100, () => now).spent()).toBe(true);
  const none = budgetOf(Number.POSITIVE_INFINITY, 100, () => now);
  now = 1e9;
  expect([none.until(0.5), none.spent()]).toEqual([undefined, false]);
});
