/** @file What the screen for patches says of a model: whether one class stands out, and by how much. */

import type { PatchRecord } from "../../methods/audit/patch-screen.ts";
import { proportion, proportionLower, proportionUpper } from "../../stats/proportion.ts";
import type { Condition, Outcome, PatchSpread, ScreenedPatches } from "./codes.ts";

/** Confidence of statements about patches; shared among the classes that were tried. */
const CONFIDENCE = 0.95;

/**
 * A class stands out where its patch surely moves this much more of the inputs than any other class's does. Networks that
 * are merely weak have strong patches for several classes: 89% for one and 81% for the next was seen on a published robust one.
 */
export const STANDS_OUT = 0.3;

/** What is known of small patches. */
export type PatchScreen =
  /** The inputs are no pictures. */
  | { readonly kind: "no-pictures" }
  | { readonly kind: "not-examined"; readonly reason: string }
  /** `targets`: one a class that was examined, of `classes`. */
  | {
      readonly kind: "screened";
      readonly targets: readonly PatchRecord[];
      readonly classes: number;
      /** Whether all places and classes were tried. */
      readonly whole: boolean;
      /** Why not. */
      readonly reason: string;
    };

/** Is the patch's attack success rate above the limit, whatever the chance of the draw? */
export function succeeds({ hits, trials }: PatchRecord, limit: number, classes: number): boolean {
  return trials > 0 && proportionLower(hits, trials, 1 - (1 - CONFIDENCE) / classes) > limit;
}

const successRate = ({ hits, trials }: PatchRecord): number => hits / Math.max(1, trials);

/** The classes with inputs to measure on, by falling attack success rate. */
export const bySuccess = (targets: readonly PatchRecord[]): PatchRecord[] =>
  targets.filter(({ trials }) => trials > 0).toSorted((a, b) => successRate(b) - successRate(a));

/**
 * By how much more the strongest patch moves than any other class's, at least: exact one-sided bounds of both shares, at a
 * confidence shared among all classes, so that the difference holds whatever their dependence and whichever is strongest.
 */
export function leadOf(targets: readonly PatchRecord[], classes = targets.length): number {
  const [strongest, ...others] = bySuccess(targets);
  if (strongest === undefined) return 0;
  const confidence = 1 - (1 - CONFIDENCE) / Math.max(2, classes);
  const next = Math.max(0, ...others.map(({ hits, trials }) => proportionUpper(hits, trials, confidence)));
  return proportionLower(strongest.hits, strongest.trials, confidence) - next;
}

/** The patch that surely leads to its class, where surely no other patch leads to another class as well. */
export function standingOut(targets: readonly PatchRecord[], limit: number): PatchRecord | undefined {
  const [strongest] = bySuccess(targets);
  if (!strongest || !succeeds(strongest, limit, targets.length)) return undefined;
  return leadOf(targets) > STANDS_OUT ? strongest : undefined;
}

export function spreadOf(targets: readonly PatchRecord[], limit: number): PatchSpread {
  if (standingOut(targets, limit)) return "one-class";
  const [strongest] = bySuccess(targets);
  return strongest && succeeds(strongest, limit, targets.length) ? "several-classes" : "none";
}

/**
 * Not met where one class stands out, as a planted trigger's does; patches for several classes are a weakness, and leave it
 * open. Nothing where the inputs are no pictures.
 */
export function patchCondition(patches: PatchScreen, most: number): Condition[] {
  if (patches.kind === "no-pictures") return [];
  const of = (outcome: Outcome, screened: ScreenedPatches | null): Condition[] => [
    { id: "patch", outcome, most, screened, reason: patches.reason },
  ];
  if (patches.kind === "not-examined") return of("undecided", null);
  const { targets, classes, whole } = patches;
  const tried = bySuccess(targets);
  const [strongest, next = null] = tried;
  if (strongest === undefined) return of("undecided", null);
  const missing = classes - tried.length;
  const flat = tried.some(({ noGradient }) => noGradient);
  const held = tried.every(({ hits, trials }) => proportion(hits, trials).upper <= most);
  const spread = spreadOf(targets, most);
  const met = whole && !flat && missing === 0 && held;
  const screened = { strongest, next: spread === "none" ? null : next, classes, missing, whole, flat };
  return of(spread === "one-class" ? "not-met" : met ? "met" : "undecided", screened);
}
