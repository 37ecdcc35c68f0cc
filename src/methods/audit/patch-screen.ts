/**
 * @file A screen for planted patches: is there one small patch that sends inputs of all other classes to one class?
 *
 * Every place is tried with a black and with a white patch; for each class the best place is kept and its patch improved
 * by gradient steps, on one half of the inputs; the success counted is that on the other half. Where there is no gradient,
 * the best of the black and white ones stands. A screen, not a proof: triggers that are larger, faint, or of another form
 * are not found, and an untampered model may have such patches too.
 */

import { rowsAt } from "../../graph/tensor.ts";
import type { Rng } from "../../random/rng.ts";
import type { PlainRecord } from "../../runtime/jobs.ts";
import { predictedOf } from "../../spec/classification.ts";
import type { LossGradient } from "../attack/loss-gradient.ts";
import { runOriginal } from "../original.ts";
import { type Geometry, pixelIndex } from "../picture.ts";
import type { Chunk, Subject } from "../records.ts";
import { type Left, timeOf } from "../time.ts";

/** A square of pixels; `values` are [channels, size, size]. */
export interface Patch {
  readonly size: number;
  readonly top: number;
  readonly left: number;
  readonly values: Float32Array;
}

/** One place and shade of the search. */
export interface Candidate {
  readonly top: number;
  readonly left: number;
  readonly shade: number;
}

/** A seventh of the picture's side: 4 pixels of 28, 5 of 32. */
export const patchSize = ({ height, width }: Geometry): number => Math.max(2, Math.round(Math.min(height, width) / 7));

/** Most places that are tried with each shade. */
const MOST_PLACES = 700;

export function candidatesOf(geometry: Geometry): Candidate[] {
  const size = patchSize(geometry);
  const [rows, columns] = [geometry.height - size + 1, geometry.width - size + 1];
  const stride = Math.ceil(Math.sqrt((rows * columns) / MOST_PLACES));
  const along = (count: number) => Array.from({ length: Math.ceil(count / stride) }, (_, k) => k * stride);
  return along(rows).flatMap((top) => along(columns).flatMap((left) => [0, 1].map((shade) => ({ top, left, shade }))));
}

/**
 * The places of candidates in an order whose beginning is spread over the whole picture, wherever it is cut off; the shades
 * of a place stay together.
 */
export function spreadOrder(candidates: readonly Candidate[]): number[] {
  // multiples of the golden ratio, modulo 1, are spread evenly however many there are
  const at = (k: number) => (Math.floor(k / SHADES) * GOLDEN) % 1;
  return candidates.map((_, k) => k).toSorted((a, b) => at(a) - at(b) || a - b);
}

const SHADES = 2;
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** Copies of inputs [n · size] with the patch on each. */
export function stampPatch(images: Float32Array, geometry: Geometry, patchOf: (n: number) => Patch): Float32Array {
  const out = images.slice();
  const { channels, height, width } = geometry;
  const per = channels * height * width;
  for (let n = 0; n < images.length / per; n++) {
    const { size, top, left, values } = patchOf(n);
    for (let k = 0; k < values.length; k++) {
      const [c, y, x] = [Math.floor(k / (size * size)), Math.floor(k / size) % size, k % size];
      out[n * per + pixelIndex(geometry, c, top + y, left + x)] = values[k]!;
    }
  }
  return out;
}

const plainPatch = ({ channels }: Geometry, size: number, { top, left, shade }: Candidate): Patch => ({
  size,
  top,
  left,
  values: new Float32Array(channels * size * size).fill(shade),
});

async function answers({ original }: Subject, images: Float32Array): Promise<number[]> {
  const logits = await runOriginal(original, images);
  const { classes } = original;
  return Array.from({ length: logits.length / classes }, (_, row) => predictedOf(logits, row, classes, 0));
}

/** What one candidate came to. */
export interface ScanRecord {
  /** [classes] */
  readonly hits: Int32Array;
  /** Time ended here: there are more candidates. */
  readonly unfinished?: true;
}

/** How long methods have, and whom they tell how far they are. */
export interface Course {
  readonly left?: Left;
  readonly progress?: (done: number, total: number) => void;
}

/**
 * For each candidate and class: how many inputs of other classes the patch sends to it.
 * @returns one record a candidate that there was time for, in their order; at least one
 */
export async function scanPatches(
  subject: Subject,
  geometry: Geometry,
  candidates: readonly Candidate[],
  { images, labels }: Pick<Chunk, "images" | "labels">,
  { left, progress }: Course = {},
): Promise<(ScanRecord & PlainRecord)[]> {
  const size = patchSize(geometry);
  const time = timeOf(left);
  const records: (ScanRecord & PlainRecord)[] = [];
  for (const candidate of candidates) {
    if (records.length > 0 && !time.fits()) return [...records.slice(0, -1), { ...records.at(-1)!, unfinished: true }];
    const patch = plainPatch(geometry, size, candidate);
    const hits = new Int32Array(subject.original.classes);
    const stamped = stampPatch(images, geometry, () => patch);
    for (const [i, answer] of (await time.run(() => answers(subject, stamped))).entries()) {
      if (answer !== labels[i]) hits[answer]!++;
    }
    records.push({ hits });
    progress?.(records.length, candidates.length);
  }
  return records;
}

export interface FitSettings {
  readonly target: number;
  readonly start: Candidate;
  /** The first so many inputs are searched on, the others are held out. */
  readonly searched: number;
}

/** What the best patch found for one class does to inputs that the search has not seen. */
export interface PatchRecord {
  readonly target: number;
  readonly top: number;
  readonly left: number;
  readonly size: number;
  /** [channels, size, size] */
  readonly values: Float32Array;
  /** Held-out inputs of other classes, and how many of them the patch sends to the target. */
  readonly trials: number;
  readonly hits: number;
  /** The same with a fresh patch of noise on each, in the same place. */
  readonly noiseHits: number;
  /** The patch could not be improved: there is no gradient, or it is exactly 0 on all inputs. */
  readonly noGradient?: true;
  /** Time ended before the improving did. */
  readonly unfinished?: true;
}

/** Of a fit's time: what counting its hits and those of noise takes. */
const KEPT_FOR_MEASURING = 0.3;

/** Black and white; then steps of improvement. */
export const PATCH_SETTINGS = { shades: 2, steps: 15, stepSize: 0.15 } as const;

/**
 * Improves a patch for one class by signed gradient steps shared by all inputs, and measures it on the others.
 * @param loss undefined where there is no gradient: the patch is measured as it is
 */
export async function fitPatch(
  subject: Subject,
  loss: LossGradient | undefined,
  geometry: Geometry,
  { target, start, searched }: FitSettings,
  { images, labels, indices }: Chunk,
  random: Rng,
  course: Course = {},
): Promise<PatchRecord & PlainRecord> {
  const per = images.length / labels.length;
  const others = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, k) => from + k).filter((i) => labels[i] !== target);
  const gather = (places: readonly number[]) => rowsAt(images, per, places);
  const size = patchSize(geometry);
  const first = plainPatch(geometry, size, start);
  const { patch, flat, unfinished } = loss
    ? await climb(subject, loss, geometry, target, gather(others(0, searched)), first, course)
    : { patch: first, flat: true, unfinished: false };
  const places = others(searched, labels.length);
  const unseen = gather(places);
  const count = async (patchOf: (n: number) => Patch) =>
    (await answers(subject, stampPatch(unseen, geometry, patchOf))).filter((answer) => answer === target).length;
  const noise = places.map((i) => {
    const values = new Float32Array(patch.values.length);
    random.split(`target/${target}`).split(`input/${indices[i]}`).fillUniform(values, 0, 1);
    return { ...patch, values };
  });
  const { top, left, values } = patch;
  const hits = await count(() => patch);
  return {
    target,
    top,
    left,
    size,
    values,
    trials: places.length,
    hits,
    noiseHits: await count((n) => noise[n]!),
    ...(flat && { noGradient: true as const }),
    ...(unfinished && { unfinished: true as const }),
  };
}

/** The patch with the most hits on the way, and whether the first gradient was 0 on all inputs that did not go to the target. */
async function climb(
  subject: Subject,
  loss: LossGradient,
  geometry: Geometry,
  target: number,
  images: Float32Array,
  start: Patch,
  { left, progress }: Course,
): Promise<{ readonly patch: Patch; readonly flat: boolean; readonly unfinished: boolean }> {
  const { classes } = subject.network;
  const per = geometry.channels * geometry.height * geometry.width;
  const count = images.length / per;
  const targets = new Int32Array(count).fill(target);
  let patch = start;
  let best = { patch, hits: -1 };
  const time = timeOf(left);
  for (let step = 0; step <= PATCH_SETTINGS.steps && count > 0; step++) {
    if (step > 0 && !time.fits(KEPT_FOR_MEASURING)) return { patch: best.patch, flat: false, unfinished: true };
    const stamped = stampPatch(images, geometry, () => patch);
    const { logits, uphill } = await time.run(() => loss.at(stamped, targets));
    progress?.(step, PATCH_SETTINGS.steps);
    const open = Array.from({ length: count }, (_, n) => n).filter(
      (n) => predictedOf(logits, n, classes, target) !== target,
    );
    if (count - open.length > best.hits) best = { patch, hits: count - open.length };
    if (open.length === 0) break;
    if (open.every((n) => uphill.subarray(n * per, (n + 1) * per).every((slope) => slope === 0))) {
      return { patch: best.patch, flat: step === 0, unfinished: false };
    }
    patch = downhill(patch, uphill, open, geometry);
  }
  return { patch: best.patch, flat: false, unfinished: false };
}

/** One step against the target's loss, summed over the inputs that do not go there yet. */
function downhill(patch: Patch, uphill: Float32Array, open: readonly number[], geometry: Geometry): Patch {
  const { size, top, left } = patch;
  const per = geometry.channels * geometry.height * geometry.width;
  const values = patch.values.map((value, k) => {
    const [c, y, x] = [Math.floor(k / (size * size)), Math.floor(k / size) % size, k % size];
    const at = pixelIndex(geometry, c, top + y, left + x);
    const slope = open.reduce((sum, n) => sum + uphill[n * per + at]!, 0);
    return Math.min(1, Math.max(0, value - PATCH_SETTINGS.stepSize * Math.sign(slope)));
  });
  return { ...patch, values };
}
