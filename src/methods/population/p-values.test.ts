import { expect, test } from "vitest";
import { rng } from "../../random/rng.ts";
import { minP, oneSidedP, robustZ, smallestP, type Tail, twoSidedP } from "./p-values.ts";

test("a one-sided p-value counts the reference scores that are at least as high", () => {
  expect(oneSidedP(5, [1, 2, 3, 4])).toBe(1 / 5);
  expect(oneSidedP(3, [1, 2, 3, 4])).toBe(3 / 5);
  expect(oneSidedP(0, [1, 2, 3, 4])).toBe(1);
  expect(smallestP(20)).toBeCloseTo(0.048, 3);
});

test("a two-sided p-value counts distances from the median of all scores", () => {
  // of 0, 1, 2, 3, 10 the median is 2: distances 2, 1, 0, 1 and 8
  expect(twoSidedP(10, [0, 1, 2, 3])).toBe(1 / 5);
  expect(twoSidedP(0, [1, 2, 3, 10])).toBe(2 / 5);
  expect(twoSidedP(2, [0, 1, 3, 10])).toBe(1);
});

test("a score that was not measured is the least suspicious one", () => {
  expect(oneSidedP(null, [1, null])).toBe(1);
  expect(oneSidedP(1, [null, null, null])).toBe(1 / 4);
  expect(twoSidedP(null, [-5, 5])).toBe(1);
  expect(() => oneSidedP(Number.NaN, [1])).toThrow(/NaN/);
});

test("robust z is in units of the scaled median absolute deviation", () => {
  // median 3, absolute deviations 2, 1, 0, 1, 2: their median is 1
  expect(robustZ(6, [1, 2, 3, 4, 5])).toBeCloseTo(3 / 1.4826, 12);
  expect(robustZ(2, [2, 2, 2])).toBe(0);
  expect(robustZ(1, [2, 2, 2])).toBe(Number.NEGATIVE_INFINITY);
});

test("the combined p-value agrees with one worked out by hand", () => {
  // Score A, high is suspicious: model 4, references 1, 2, 3. p: model 1/4, references 4/4, 3/4, 2/4.
  // Score B, two-sided: model 0, references −9, 1, 2. Median .5, distances .5, 9.5, .5, 1.5. p: 4/4, 1/4, 4/4, 2/4.
  // Smallest: model 1/4, references 1/4, 3/4, 2/4. As small as the model's are two of four.
  const combined = minP(
    [4, 0],
    [
      [1, -9],
      [2, 1],
      [3, 2],
    ],
    ["upper", "two-sided"],
  );
  expect(combined).toEqual({ pValue: 2 / 4, perScore: [1 / 4, 1] });
});

test("rows of another length are refused", () => {
  expect(() => minP([1], [[1, 2]], ["upper"])).toThrow(/reference model 0 has 2 scores for 1 tails/);
});

test("whichever of the models is the one under test, at most a share p of them gets a p-value of p", () => {
  const random = rng(11);
  const tails: readonly Tail[] = ["upper", "two-sided", "upper"];
  for (let round = 0; round < 40; round++) {
    const count = 2 + random.int(9);
    // few different values make ties; some are not measured
    const rows = Array.from({ length: count }, () => tails.map(() => (random.int(8) === 0 ? null : random.int(6))));
    const others = (i: number) => rows.filter((_, j) => j !== i);
    const combined = rows.map((row, i) => minP(row, others(i), tails).pValue);
    const alone = rows.map((row, i) =>
      twoSidedP(
        row[1]!,
        others(i).map((other) => other[1]!),
      ),
    );
    for (const values of [combined, alone])
      for (let k = 1; k <= count; k++)
        expect(values.filter((p) => p <= k / count + 1e-12).length).toBeLessThanOrEqual(k);
  }
});
