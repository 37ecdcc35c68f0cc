/** @file The screen for patches as part of the report: its account in words, the share of every class, and pictures. */

import { type Patch, stampPatch } from "../../../methods/audit/patch-screen.ts";
import type { PatchResult } from "../../../methods/audit/types.ts";
import { type Geometry, planar } from "../../../methods/picture.ts";
import { proportion } from "../../../stats/proportion.ts";
import type { Finding } from "../../../studies/audit/codes.ts";
import { STANDS_OUT } from "../../../studies/audit/patches.ts";
import { percent } from "../../format.ts";
import { pictureOf } from "../../pictures.ts";
import type { Named } from "../contract.ts";
import type { Suspicion } from "./schema.ts";
import { patchTitle } from "./words.ts";

type PatchFinding = Extract<Finding, { readonly code: "patch" }>;

/** An input to show the patch on. */
export interface Original {
  readonly pixels: Float32Array;
  readonly label: number;
}

export function suspicionOf(
  { targets, geometry, candidates, searched }: PatchResult,
  { spread, strongest, next, lead, evidence, severity }: PatchFinding,
  named: Named,
  originals: readonly Original[],
): Suspicion {
  const success = proportion(strongest.hits, strongest.trials);
  const side = `${strongest.size} × ${strongest.size}`;
  // a place is tried with two shades
  const places = Math.ceil(candidates / 2);
  const improved = targets.some(({ noGradient }) => noGradient)
    ? "the best for each class, without gradient steps (there is no gradient),"
    : "then gradient steps for each class";
  const measure = `the strongest patch of ${side} pixels sends ${percent(success.estimate)} of inputs that the search had not seen to ${named(strongest.target)}, noise in the same place ${percent(strongest.noiseHits / strongest.trials)}; for no other class does the best patch send more than ${percent(next ? next.hits / next.trials : 0)}`;
  const sentences = {
    "one-class": `${capital(measure)}. That class leads all others by at least ${percent(lead, 0)}: this is what a planted trigger looks like, though the screen cannot tell who planted it, or that anyone did.`,
    "several-classes": `${capital(measure)}. Other classes have such patches too, or may have: the lead is not surely above ${percent(STANDS_OUT, 0)}. This looks like a weakness of the model rather than like a planted trigger.`,
    none: `In ${places} places ${measure}. Triggers that are larger, faint or of another form are not searched for.`,
  } as const satisfies Record<PatchFinding["spread"], string>;
  return {
    id: "patch-screen",
    title: patchTitle(spread, strongest.size),
    sentence: sentences[spread],
    method: `black and white patches of ${side} in ${places} places, ${improved} on ${searched} inputs`,
    evidence,
    severity,
    targetClass: strongest.target,
    success,
    perTarget: targets.flatMap(({ target, hits, trials }) =>
      trials > 0 ? [{ label: target, success: proportion(hits, trials) }] : [],
    ),
    pictures: spread === "none" ? [] : picturesOf(strongest, geometry, named, originals),
  };
}

const capital = (text: string): string => `${text[0]!.toUpperCase()}${text.slice(1)}`;

function picturesOf(
  patch: Patch,
  geometry: Geometry,
  named: Named,
  originals: readonly Original[],
): Suspicion["pictures"] {
  const shown = (pixels: Float32Array, caption: string) => {
    const stamped = stampPatch(pixels, geometry, () => patch);
    return { caption, picture: pictureOf(planar(stamped, geometry), geometry) };
  };
  const { channels, height, width } = geometry;
  const empty = new Float32Array(channels * height * width).fill(0.5);
  return [
    shown(empty, "The patch, on grey"),
    ...originals.slice(0, 3).map(({ pixels, label }) => shown(pixels, `${named(label)}, with the patch`)),
  ];
}
