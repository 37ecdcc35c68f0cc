import { expect, test } from "vitest";
import { fisher } from "./fisher.ts";

test.for([
  // the lady tasting tea: 4 of 4 and 0 of 4 is one of 70 ways, 3 and 1 one of 16 more
  [[4, 4], [0, 4], 1 / 70],
  [[3, 4], [1, 4], 17 / 70],
  [[0, 4], [4, 4], 1],
  [[2, 3], [0, 4], 3 / 21],
  [[0, 5], [0, 7], 1],
] as const)("%j against %j by counting", ([first, second, p]) => {
  expect(fisher(first, second)).toBeCloseTo(p, 12);
});
