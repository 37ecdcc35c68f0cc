/** @file The screen for patches as an audit runs it: pieces of work, within its time. */

import type { Geometry } from "../picture.ts";
import { sliceOf } from "./measure.ts";
import {
  candidatesOf,
  type FitSettings,
  PATCH_SETTINGS,
  type PatchRecord,
  patchSize,
  spreadOrder,
} from "./patch-screen.ts";
import type { Examiner, PatchResult, Piece, Unexamined } from "./types.ts";

/** Inputs that the first, wide part of the patch search looks at; of networks that take long, few, so that it gets to more places. */
const SCANNED = 32;
const SCANNED_OF_LARGE = 6;
/** Most inputs on which patches are improved; as many again are held out. */
const SEARCHED = 64;
/** Candidates in one job. */
const CANDIDATES_AT_ONCE = 125;

/**
 * The strongest patch for each class, measured on inputs that the search has not seen.
 * @param labels [n] of all inputs
 * @param until seconds on the examiner's clock @param large whether one pass of the network takes long
 * @returns targets only for classes that were examined
 */
export async function screenPatches(
  examiner: Examiner,
  geometry: Geometry,
  labels: Int32Array,
  classes: number,
  correct: readonly number[],
  { until, large = false }: { readonly until?: number | undefined; readonly large?: boolean } = {},
): Promise<PatchResult> {
  const began = examiner.now();
  // every second input, so that both halves hold all classes of ordered data
  const searched = correct.filter((_, k) => k % 2 === 0).slice(0, SEARCHED);
  const unseen = correct.filter((_, k) => k % 2 === 1);
  const candidates = candidatesOf(geometry);
  const order = spreadOrder(candidates);
  const parts = Array.from({ length: Math.ceil(candidates.length / CANDIDATES_AT_ONCE) }, (_, k) =>
    order.slice(k * CANDIDATES_AT_ONCE, (k + 1) * CANDIDATES_AT_ONCE),
  );
  const scannable = searched.slice(0, large ? SCANNED_OF_LARGE : SCANNED);
  // half of the time for the places, half for improving the best of them
  const scanned = await examiner.scan(
    geometry,
    parts.map((part) => part.map((k) => candidates[k]!)),
    scannable,
    sliceOf(examiner, until, 2),
  );
  const scores = scanned
    .flatMap((piece, part) =>
      "record" in piece ? piece.record.map(({ hits }, at) => ({ hits, place: parts[part]![at]! })) : [],
    )
    .toSorted((a, b) => a.place - b.place);
  const settings = Array.from({ length: scores.length === 0 ? 0 : classes }, (_, target) => {
    const best = scores.reduce((top, own) => (own.hits[target]! > top.hits[target]! ? own : top));
    const settings: FitSettings = { target, start: candidates[best.place]!, searched: searched.length };
    return { settings, hits: best.hits[target]! };
  })
    .filter(({ settings: { target } }) => unseen.some((i) => labels[i] !== target))
    // where time runs out, the classes that a plain patch leads to are those that were examined
    .toSorted((a, b) => b.hits - a.hits)
    .map(({ settings }) => settings);
  const fitted = settings.length === 0 ? [] : await examiner.fit(geometry, settings, [...searched, ...unseen], until);
  const targets = fitted
    .flatMap((piece) => ("record" in piece ? [piece.record] : []))
    .toSorted((a, b) => a.target - b.target);
  const strongest = targets.reduce<PatchRecord | undefined>(
    (a, b) => (a === undefined || b.hits * a.trials > a.hits * b.trials ? b : a),
    undefined,
  );
  return {
    geometry,
    targets,
    candidates: scores.length,
    searched: searched.length,
    run: {
      method: "patch-screen",
      title: "Screen for planted patches",
      purpose: "tampering",
      options: {
        ...PATCH_SETTINGS,
        size: patchSize(geometry),
        places: Math.ceil(scores.length / 2),
        searched: searched.length,
        scanned: scannable.length,
      },
      seconds: examiner.now() - began,
      counts: {
        inputs: strongest?.trials ?? 0,
        succeeded: strongest?.hits ?? 0,
        movedByNoise: strongest?.noiseHits ?? 0,
      },
      arithmetic: null,
    },
    unexamined: [
      ...missingPieces("Places of the screen for patches", scanned, candidates.length, scores.length),
      ...missingPieces("Classes of the screen for patches", fitted, fitted.length, targets.filter(isFinished).length),
    ],
  };
}

const isFinished = ({ unfinished }: PatchRecord): boolean => unfinished !== true;

/** @param of pieces of work in all, of which so many are whole */
function missingPieces(title: string, pieces: readonly Piece<unknown>[], of: number, whole: number): Unexamined[] {
  const reason = pieces.flatMap((piece) => ("record" in piece ? [] : [piece.reason]))[0] ?? "time-budget";
  return whole < of ? [{ title, epsilon: null, left: of - whole, of, reason }] : [];
}
