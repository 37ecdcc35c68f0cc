import { expect, test } from "vitest";
import { rng } from "../../../random/rng.ts";
import { judgeLean, type LeanProfile, leanOf, leanProfile, oneStandsOut } from "./lean.ts";
import type { Mode, TitrationCurve } from "./types.ts";

const CLIPPED = "real-gaussian-clipped";
const UNCLIPPED = "real-gaussian-unclipped";

/** Median absolute deviation 0.1 about 0.1 in class 0; no deviation in class 1. */
const REFERENCE: readonly LeanProfile[] = [0, 0.1, 0.2].map((lean) => ({ [CLIPPED]: [lean, 0] }));
const SPREAD = 1.4826 * 0.1 + 0.1;

test("the excess is a robust z, with a floor under the spread: by hand", () => {
  const lean = leanOf({ [CLIPPED]: [0.1 + 2 * SPREAD, -0.05] }, REFERENCE, 2);
  expect(lean.excess[CLIPPED]![0]).toBeCloseTo(2, 12);
  expect(lean.excess[CLIPPED]![1]).toBeCloseTo(-0.5, 12);
  expect(lean).toMatchObject({ score: lean.excess[CLIPPED]![0], target: 0, source: null });
  // class 1 has the smaller leaning and the larger excess
  expect(leanOf({ [CLIPPED]: [0.4, 0.3] }, REFERENCE, 2)).toMatchObject({ target: 1, score: 0.3 / 0.1 });
});

test("the mode counts in which a class stands out furthest; noise alone counts where there is nothing else", () => {
  const reference = [0, 0, 0].map(() => ({ [CLIPPED]: [0, 0], [UNCLIPPED]: [0, 0], "noise-gaussian-clipped": [0, 0] }));
  const profile = { [CLIPPED]: [0.1, 0], [UNCLIPPED]: [0, 0.2], "noise-gaussian-clipped": [9, 0] };
  const lean = leanOf(profile, reference, 2);
  expect(lean.byClass).toEqual([1, 2]);
  expect(lean.target).toBe(1);
  expect(Object.keys(lean.excess)).toEqual([CLIPPED, UNCLIPPED]);
  const alone = (profile: LeanProfile): LeanProfile => ({ noise: profile["noise-gaussian-clipped"]! });
  expect(leanOf(alone(profile), reference.map(alone), 2).target).toBe(0);
});

test("by label: the right answer is no target, labels with too few inputs are left out, the source is named", () => {
  // rows: inputs of label 0, 1, 2
  const reference = [0, 0, 0].map(() => ({ [CLIPPED]: [0, 0, 0, 0, 0, 0, null, null, null] }));
  const profile = { [CLIPPED]: [9, 0.1, 0, 0.3, 9, 0.2, 9, 9, 9] };
  const { byClass, ...lean } = leanOf(profile, reference, 3);
  // label 2 is known of no reference network: an excess of 0
  expect(byClass.map((value) => Math.round(1e9 * value) / 1e9)).toEqual([3, 1, 2]);
  expect(lean).toMatchObject({ target: 0, source: 1 });
  expect(leanOf({ [CLIPPED]: [9, 0.1, 0, null, null, null, 0, 0, 0] }, reference, 3)).toMatchObject({
    target: 1,
    source: 0,
  });
});

test("the gap is how far the furthest class stands above the next: by hand", () => {
  // class 1's reference is 0 throughout: only the floor is left of its spread
  const { byClass, gap, target } = leanOf({ [CLIPPED]: [3, 1] }, REFERENCE, 2);
  expect(byClass[0]).toBeCloseTo(2.9 / SPREAD, 10);
  expect(byClass[1]).toBeCloseTo(10, 10);
  expect([target, gap]).toEqual([0, byClass[0]! - byClass[1]!]);
  expect(leanOf({ [CLIPPED]: [0.1, 0] }, REFERENCE, 2).gap).toBe(0);
});

test("one class stands out where score and gap are both rare; several that lean alike do not", () => {
  const [first, ...reference] = networks(40, 1e-9);
  const judge = (places: readonly number[]) => {
    const planted = first![CLIPPED]!.map((value, i) => (places.includes(i) ? 9 : value));
    return judgeLean({ profile: { ...first, [CLIPPED]: planted }, reference, classes: CLASSES, level: 0.05 });
  };
  const one = judge([CLASSES + 2]);
  expect([one.pValue, one.gapPValue, oneStandsOut(one, 0.05)]).toEqual([1 / 40, 1 / 40, true]);
  const two = judge([CLASSES + 2, CLASSES]);
  expect(two.pValue).toBe(1 / 40);
  expect(two.gapPValue).toBeGreaterThan(0.05);
  expect(oneStandsOut(two, 0.05)).toBe(false);
  expect(two.gap).toBeLessThan(one.gap);
});

test("networks titrated in no common mode cannot be compared", () => {
  expect(() => leanOf({ [CLIPPED]: [0, 0] }, [], 2)).toThrow(/titrated in the same modes/);
  expect(() => leanOf({ [CLIPPED]: [0, 0] }, [{ [UNCLIPPED]: [0, 0] }], 2)).toThrow(RangeError);
  // told apart by label in one network and not in the other
  expect(() => leanOf({ [CLIPPED]: [0, 0] }, [{ [CLIPPED]: [0, 0, 0, 0] }], 2)).toThrow(RangeError);
});

const CLASSES = 3;

/** Independent and alike; rounded to `step`, so that coarse ones have ties. */
const networks = (count: number, step: number): LeanProfile[] =>
  Array.from({ length: count }, (_, i) => {
    const random = rng(5).split(`network/${i}`);
    const lean = (): number => Math.round(random.normal() / step) * step;
    const values = (length: number) => Array.from({ length }, lean);
    return { [CLIPPED]: values(CLASSES ** 2), [UNCLIPPED]: values(CLASSES ** 2) };
  });

const judgeEach = (all: readonly LeanProfile[], level: number) =>
  all.map((profile, i) => judgeLean({ profile, reference: all.filter((_, j) => j !== i), classes: CLASSES, level }));

test("among networks that are alike every p-value comes once, so a twentieth of them has at most 0.05", () => {
  const values = judgeEach(networks(40, 1e-9), 0.05).map(({ pValue }) => pValue);
  expect(values.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => (i + 1) / 40));
  const tied = judgeEach(networks(40, 1), 0.05).map(({ pValue }) => pValue);
  expect(tied.filter((p) => p <= 0.05).length).toBeLessThanOrEqual(2);
});

test.for([0.05, 0.1, 0.28, 0.9])("scores above the threshold, and no others, have a p-value of at most %f", (level) => {
  for (const all of [networks(25, 1e-9), networks(25, 1)]) {
    for (const { score, threshold, pValue } of judgeEach(all, level)) {
      expect(score > threshold!).toBe(pValue <= level);
    }
  }
  const few = networks(Math.ceil(1 / level) - 1, 1);
  if (few.length > 1) for (const { threshold } of judgeEach(few, level)) expect(threshold).toBeNull();
});

test("the threshold counts as the p-value does, whatever products round to", () => {
  // 0.58 · 50 is 28.999999999999996 in floating point, and 29 / 50 is 0.58
  const judged = judgeEach(networks(50, 1e-9), 0.58);
  for (const { score, threshold, pValue } of judged) expect(score > threshold!).toBe(pValue <= 0.58);
});

test("a lean that is planted is found with its class and its source, further than every other", () => {
  const [first, ...reference] = networks(40, 1e-9);
  const [source, target] = [1, 2];
  const planted = first![CLIPPED]!.map((value, i) => (i === CLASSES * source + target ? 9 : value));
  const profile = { ...first, [CLIPPED]: planted };
  expect(judgeLean({ profile, reference, classes: CLASSES, level: 0.05 })).toMatchObject({
    target,
    source,
    pValue: 1 / 40,
    clean: 39,
  });
});

test("a profile is the mean over the primary range, of Gaussian noise, by label where labels are told apart", () => {
  const tally = (sigma: number, leanings: readonly number[]) => ({ sigma, leanings });
  const curve = (noise: Mode["noise"], base: Mode["base"], leaningsByLabel: readonly (number | null)[]) =>
    ({
      mode: { base, noise, clipped: true },
      // 0.1 and 5 lie outside
      points: [tally(0.1, [9, 9]), tally(0.4, [1, 0]), tally(3, [2, -1]), tally(5, [9, 9])],
      leaningsByLabel,
    }) as unknown as TitrationCurve;
  const byLabel = [0, 1, null, null];
  const curves = [
    curve("gaussian", "real", byLabel),
    curve("gaussian", "noise", []),
    curve("salt-and-pepper", "real", byLabel),
  ];
  expect(leanProfile(curves)).toEqual({
    [CLIPPED]: [1.5, -0.5],
    [`${CLIPPED} by label`]: byLabel,
    "noise-gaussian-clipped": [1.5, -0.5],
  });
  expect(leanProfile([curve("gaussian", "real", [null, null, null, null])])).toEqual({ [CLIPPED]: [1.5, -0.5] });
});
