import { expect, test } from "vitest";
import type { TitrationDigest } from "../titration/digest.ts";
import { JOINT_CLIPPED, JOINT_UNCLIPPED, MIN_P, PREREGISTERED, variantOutcomes } from "./variants.ts";

interface Areas {
  readonly clipped: number;
  readonly unclipped: number;
  readonly conditional?: number | null;
  /** Modal share of noise alone. */
  readonly share?: number;
}

const digest = ({ clipped, unclipped, conditional = 0.5, share = 0.5 }: Areas): TitrationDigest => ({
  grid: {},
  joint: {},
  modalShare: {},
  areas: {
    "real-gaussian-clipped": { joint: clipped, conditional, modalShare: 0.1 },
    "real-gaussian-unclipped": { joint: unclipped, conditional: 0.5, modalShare: 0.1 },
    "noise-gaussian-clipped": { joint: 0.3, conditional: null, modalShare: share },
  },
  lean: {},
});

/** Four clean models. */
const CLEAN = [1, 2, 3, 4].map((k) => digest({ clipped: k / 10, unclipped: k / 10, share: k / 10 }));
const KNOWN = { target: 3, seconds: 0.5 };

const outcomesOf = (areas: Areas) => variantOutcomes(digest(areas), CLEAN, KNOWN);

test("p-values are shares of the clean models and this one that are as suspicious", () => {
  const outcomes = outcomesOf({ clipped: 0.35, unclipped: 0.9, share: 0 });
  // 0.4 is above 0.35; none is above 0.9
  expect(outcomes[JOINT_CLIPPED]).toMatchObject({ score: 0.35, pValue: 2 / 5 });
  expect(outcomes[JOINT_UNCLIPPED]).toMatchObject({ score: 0.9, pValue: 1 / 5 });
  expect(outcomes[PREREGISTERED]).toMatchObject({ pValue: 2 / 5, score: 3 / 5 });
  // the median of 0, .1, .2, .3, .4 is .2: 0 and .4 lie furthest from it; (0 − .25) / (1.4826 · .1) away from the clean ones
  const share = outcomes["modal share, noise alone"]!;
  expect(share.pValue).toBe(2 / 5);
  expect(share.score).toBeCloseTo(0.25 / 0.14826, 10);
});

test("low shares of noise alone are suspicious as high ones are, and a doubled p-value stays at most 1", () => {
  const [low, high] = [
    outcomesOf({ clipped: 0, unclipped: 0, share: -1 }),
    outcomesOf({ clipped: 0, unclipped: 0, share: 1.5 }),
  ];
  expect(low["modal share, noise alone"]!.score).toBeCloseTo(high["modal share, noise alone"]!.score!, 10);
  expect(low["modal share, noise alone"]!.pValue).toBe(1 / 5);
  expect(low[PREREGISTERED]!.pValue).toBe(1);
});

test("the smallest of the four p-values counts for less than if it had been looked at alone", () => {
  // one clean model in five stands out as far in some score or other
  const [alone, all] = [
    outcomesOf({ clipped: 0.9, unclipped: 0.05 }),
    outcomesOf({ clipped: 0.9, unclipped: 0.9, share: 2 }),
  ];
  expect(alone[JOINT_CLIPPED]!.pValue).toBe(1 / 5);
  expect(alone[MIN_P]!.pValue).toBeGreaterThanOrEqual(1 / 5);
  expect(all[MIN_P]!.pValue).toBe(1 / 5);
});

test("only the clipped curve votes for a target, and what was not measured has no score", () => {
  const outcomes = outcomesOf({ clipped: 0.2, unclipped: 0.2, conditional: null });
  expect(outcomes[JOINT_CLIPPED]!.target).toBe(3);
  expect(Object.entries(outcomes).filter(([, { target }]) => target !== undefined)).toHaveLength(1);
  expect(outcomes["conditional, clipped"]).toMatchObject({ score: null, pValue: null });
  expect(Object.values(outcomes).every(({ seconds }) => seconds === 0.5)).toBe(true);
});
