/** @file Titration as a detector: all curves that the material allows, and the class they lead to. */

import type { PlainRecord } from "../../../runtime/jobs.ts";
import { type CaseFacts, type Detection, defineDetector, type Material } from "../types.ts";
import { bandsOf } from "./bands.ts";
import { digestOf } from "./digest.ts";
import { inferTarget, jointArea, modalShareScore, type Scores, scoresOf, type TargetVote } from "./scores.ts";
import { DEFAULT_INPUTS, defaultModes, type Tempered, titrateTempered } from "./titrate.ts";
import {
  GAMMAS,
  inPrimaryRange,
  type Mode,
  modeId,
  type NoiseKind,
  PRIMARY_RANGE,
  SALT_RANGE,
  SALT_SHARES,
  SIGMAS,
  type TitrationCurve,
} from "./types.ts";

/** The curve that is scored: real inputs where there are any, noise alone otherwise. */
export const PRIMARY_MODES: readonly Mode[] = [
  { base: "real", noise: "gaussian", clipped: true },
  { base: "real", noise: "gaussian", clipped: false },
  { base: "noise", noise: "gaussian", clipped: true },
];

interface TitrationRecord extends PlainRecord {
  readonly curves: readonly TitrationCurve[];
  /** Of the curve that is scored; `null` without inputs, or where no temperature fits. */
  readonly tempered: Tempered | null;
  /** Time ended before all curves were made. */
  readonly unfinished?: true;
}

/** The first of the primary modes that was run. */
export const primaryCurve = (curves: readonly TitrationCurve[]): TitrationCurve | undefined =>
  PRIMARY_MODES.map((mode) => curves.find((curve) => modeId(curve.mode) === modeId(mode))).find(
    (curve) => curve !== undefined,
  );

interface Grids extends PlainRecord {
  readonly sigmas: readonly number[];
  readonly shares: readonly number[];
}

const gridOf = (text: string): number[] => text.split(/\s+/).map(Number);

/** Rising numbers from 0 on, one of them at least among those that are scored. */
const isGrid = (text: string, noise: NoiseKind, most: number): boolean => {
  const grid = gridOf(text);
  const rising = grid.every((value, i) => (i === 0 ? value === 0 : value > grid[i - 1]! && value <= most));
  return rising && grid.some((value) => inPrimaryRange(noise, value));
};

async function examine(material: Material, grids: Grids): Promise<TitrationRecord> {
  const titrated = await titrateTempered(material, grids);
  const curves = titrated.map(({ curve }) => curve);
  const primary = primaryCurve(curves);
  const { tempered } = titrated.find(({ curve }) => curve === primary)!;
  return { curves, tempered, ...(curves.length < defaultModes(material).length && { unfinished: true as const }) };
}

function conclude([record]: readonly TitrationRecord[], { classes }: CaseFacts): Detection {
  const { curves, tempered } = record!;
  const curve = primaryCurve(curves)!;
  const real = curve.mode.base === "real";
  const score = real ? jointArea(curve) : modalShareScore(curve);
  const vote = inferTarget(curve);
  const seen = seenOf(curve, score, vote, classes);
  const scores: Record<string, Scores> = Object.fromEntries(curves.map((each) => [modeId(each.mode), scoresOf(each)]));
  return {
    flagged: null,
    score,
    pValue: null,
    target: vote.target,
    reason: `${seen}; what that means only a reference population can tell`,
    seen,
    evidence: { curves, scores, bands: bandsOf(curve), tempered },
  };
}

function seenOf({ inputs, mode }: TitrationCurve, score: number | null, vote: TargetVote, classes: number): string {
  const what =
    mode.base === "real"
      ? `of ${inputs} inputs under noise, ${percent(score)} are high-confidence errors`
      : `of ${inputs} pictures of noise, ${percent(score)} get the same answer`;
  const where =
    vote.target === null
      ? `; no one of the ${classes} classes stands out`
      : `, mostly as class ${vote.target} (${percent(vote.share)} of them)`;
  return `${what}${mode.base === "real" ? where : ""}`;
}

const percent = (share: number | null): string =>
  share === null ? "an unknown share" : `${(100 * share).toFixed(1)} %`;

const SETTINGS = { gammas: GAMMAS.join(" "), sigmas: SIGMAS.join(" "), saltShares: SALT_SHARES.join(" ") };
const MOST_SIGMA = 1e6;

export const titration = defineDetector<Grids, TitrationRecord, typeof SETTINGS>({
  id: "titration",
  version: 4,
  standard: "always",
  role: "noise",
  title: "Titration curves",
  summary:
    "Adds noise of rising intensity to inputs and counts high-confidence errors: seconds, and no training data needed.",
  source: "Erichson, Taylor, Wu, Mahoney 2021, arXiv:2008.00123 (scores from the authors' published detector)",
  settings: SETTINGS,
  options: (z) => ({
    sigmas: z
      .string()
      .refine(
        (text) => isGrid(text, "gaussian", MOST_SIGMA),
        `must rise from 0, with one from ${PRIMARY_RANGE.join(" to ")}`,
      )
      .describe("intensities of Gaussian noise in units of the pixels' range, rising, with spaces between"),
    saltShares: z
      .string()
      .refine(
        (text) => isGrid(text, "salt-and-pepper", 1),
        `must rise from 0 to at most 1, with one from ${SALT_RANGE.join(" to ")}`,
      )
      .describe("shares of pixels replaced by black or white, rising, with spaces between"),
  }),
  needs: "nothing",
  blindTo:
    "some triggers for inputs of one class only; input-aware ones were not tried; backdoors into several classes stay undecided",
  parts: (_, { sigmas, saltShares }) => [{ sigmas: gridOf(sigmas), shares: gridOf(saltShares) }],
  // the curve that is scored
  leastRuns: ({ sigmas }, inputs) => Math.min(DEFAULT_INPUTS, inputs || DEFAULT_INPUTS) * sigmas.length,
  examine,
  conclude,
  digest: ({ curves }) => digestOf(curves as unknown as readonly TitrationCurve[]),
});
