import { expect, test } from "vitest";
import { digestOf, readDigest } from "./digest.ts";
import type { Tally, TitrationCurve } from "./types.ts";

/** Two classes; twelve inputs, six of each label. `sure`: wrong and surer than .99. */
const tally = (sigma: number, wrong: number, sure: number, leanings: readonly number[]): Tally => ({
  sigma,
  wrong,
  flips: wrong,
  confident: [12, 12, 12],
  wrongConfident: [wrong, wrong, sure],
  answers: [6 - wrong, 6 + wrong],
  right: [6 - wrong, 6],
  wrongAnswers: [0, sure],
  wrongLabels: [sure, 0],
  leanings,
});

const points = [
  tally(0, 0, 0, [5, -5]),
  tally(0.4, 0, 0, [0.1, -0.1]),
  tally(1, 3, 1, [-0.2, 0.2]),
  tally(3, 6, 4, [-0.6, 0.6]),
  tally(5, 6, 6, [-5, 5]),
];

const curve: TitrationCurve = {
  mode: { base: "real", noise: "gaussian", clipped: true },
  inputs: 12,
  labels: [6, 6],
  grid: points.map(({ sigma }) => sigma),
  points,
  timesSurelyWrong: [8, 3, 1, 0],
  leaningsByLabel: [],
};

const MODE = "real-gaussian-clipped";

test("curves and areas, rounded to four decimals: by hand", () => {
  const digest = digestOf([curve]);
  expect(digest.grid).toEqual({ [MODE]: [0, 0.4, 1, 3, 5] });
  expect(digest.joint).toEqual({ [MODE]: [0, 0, 0.0833, 0.3333, 0.5] });
  expect(digest.modalShare).toEqual({ [MODE]: [0.5, 0.5, 0.75, 1, 1] });
  // over 0.4, 1 and 3: (0 + 1/12 + 4/12)/3; of the wrong (1/3 + 4/6)/2, as nothing is wrong at 0.4; (.5 + .75 + 1)/3
  expect(digest.areas).toEqual({ [MODE]: { joint: 0.1389, conditional: 0.5, modalShare: 0.75 } });
  expect(digest.lean[MODE]).toEqual([-0.2333, 0.2333]);
});

test("by label where labels are told apart, and null where nothing was ever wrong or no intensity counts", () => {
  const byLabel = [0.11111, -0.11111, null, null];
  expect(digestOf([{ ...curve, leaningsByLabel: byLabel }]).lean).toMatchObject({
    [`${MODE} by label`]: [0.1111, -0.1111, null, null],
  });
  const right = { ...curve, points: points.slice(0, 2), grid: [0, 0.4] };
  expect(digestOf([right]).areas).toEqual({ [MODE]: { joint: 0, conditional: null, modalShare: 0.5 } });
  const outside = digestOf([{ ...curve, points: points.slice(0, 1), grid: [0] }]);
  expect(outside).toMatchObject({ areas: { [MODE]: { joint: null, conditional: null, modalShare: null } }, lean: {} });
});

test("is read again from a file, and nothing else is taken for one", () => {
  const digest = digestOf([{ ...curve, leaningsByLabel: [0.5, -0.5, null, null] }]);
  expect(readDigest(JSON.parse(JSON.stringify(digest)))).toEqual(digest);
  expect(readDigest({ ...digest, lean: { [MODE]: ["1"] } })).toBeUndefined();
  expect(readDigest({ curves: [] })).toBeUndefined();
  expect(readDigest(undefined)).toBeUndefined();
});
