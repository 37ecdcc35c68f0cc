/** @file What a population keeps of a member's titration: enough to judge others by it and to draw its curves. */

import { z } from "zod";
import type { PlainRecord } from "../../../runtime/jobs.ts";
import { type LeanProfile, leanProfile } from "./lean.ts";
import { area, conditional, joint, modalShare } from "./scores.ts";
import { modeId, type TitrationCurve } from "./types.ts";

const areas = z.object({
  /** Of T_γ, γ = .99. */
  joint: z.number().nullable(),
  /** Of C_γ over the intensities at which something is wrong. */
  conditional: z.number().nullable(),
  modalShare: z.number().nullable(),
});

const schema = z.object({
  /** By mode. */
  grid: z.record(z.string(), z.array(z.number())),
  /** By mode, one a point: T_γ, γ = .99. */
  joint: z.record(z.string(), z.array(z.number())),
  /** By mode, one a point: share of the most frequent answer. */
  modalShare: z.record(z.string(), z.array(z.number())),
  areas: z.record(z.string(), areas),
  lean: z.record(z.string(), z.array(z.number().nullable())),
});

/** By mode, all over the primary range of intensities. */
export type VariantAreas = z.output<typeof areas>;

export interface TitrationDigest extends PlainRecord {
  readonly grid: Readonly<Record<string, readonly number[]>>;
  readonly joint: Readonly<Record<string, readonly number[]>>;
  readonly modalShare: Readonly<Record<string, readonly number[]>>;
  readonly areas: Readonly<Record<string, VariantAreas>>;
  readonly lean: LeanProfile;
}

const DIGITS = 1e4;
const rounded = (value: number): number => Math.round(DIGITS * value) / DIGITS;
const roundedOrNull = (value: number | null): number | null => (value === null ? null : rounded(value));

export function digestOf(curves: readonly TitrationCurve[]): TitrationDigest {
  const byMode = <T>(f: (curve: TitrationCurve) => T): Record<string, T> =>
    Object.fromEntries(curves.map((curve) => [modeId(curve.mode), f(curve)]));
  const lean = Object.entries(leanProfile(curves)).map(([mode, values]) => [mode, values.map(roundedOrNull)]);
  return {
    grid: byMode(({ points }) => points.map(({ sigma }) => sigma)),
    joint: byMode((curve) => joint(curve).map(rounded)),
    modalShare: byMode((curve) => modalShare(curve).map(rounded)),
    areas: byMode((curve) => ({
      joint: roundedOrNull(area(curve, joint(curve))),
      conditional: roundedOrNull(conditionalArea(curve)),
      modalShare: roundedOrNull(area(curve, modalShare(curve))),
    })),
    lean: Object.fromEntries(lean),
  };
}

/** Intensities at which nothing is wrong say nothing, and are left out. */
function conditionalArea(curve: TitrationCurve): number | null {
  const values = conditional(curve);
  const known = { ...curve, points: curve.points.filter((_, i) => values[i] !== null) };
  const grid = known.points.map(({ sigma }) => sigma);
  return area(
    { ...known, grid },
    values.filter((value) => value !== null),
  );
}

/** The digest in a member's scan; `undefined` where it is something else. */
export const readDigest = (evidence: unknown): TitrationDigest | undefined => schema.safeParse(evidence).data;
