import { expect, test } from "vitest";
import { orderByKeys } from "./classes.ts";

const numbered = (keys: readonly string[], labels: readonly number[], firstLabel?: number) =>
  orderByKeys(keys, { labels: Int32Array.from(labels), names: undefined, firstLabel })?.order;
const named = (keys: readonly string[], names: readonly string[]) =>
  orderByKeys(keys, { labels: Int32Array.from(names, (_, i) => i), names });

test("numbers of the file order the outputs where the data has no label but these", () => {
  expect(numbered(["3", "7"], [7, 3, 3])).toEqual([3, 7]);
  expect(numbered(["1", "2", "3"], [2, 1])).toEqual([1, 2, 3]);
  expect(numbered(["2", "0", "1"], [0, 1, 2])).toEqual([2, 0, 1]);
  // labels are counted from 0 after reading
  expect(numbered(["2", "1"], [0, 1], 1)).toEqual([1, 0]);
});

test("they say nothing where both count from 0 alike, where the data counts otherwise, or where they are no numbers", () => {
  expect(numbered(["0", "1"], [0, 1])).toBeUndefined();
  expect(numbered(["1", "2"], [0, 1])).toBeUndefined();
  expect(numbered(["no", "yes"], [0, 1])).toBeUndefined();
  expect(numbered(["1", "1"], [1])).toBeUndefined();
});

test("words order the outputs, those that the data lacks last among its names", () => {
  expect(named(["c", "a", "b"], ["a", "b", "c"])).toEqual({ order: [2, 0, 1], names: ["a", "b", "c"] });
  expect(named(["a", "b", "c"], ["a", "c"])).toEqual({ order: [0, 2, 1], names: ["a", "c", "b"] });
  expect(named(["a", "b"], ["a", "b"])).toBeUndefined();
  expect(named(["a", "b"], ["A", "B"])).toBeUndefined();
});
