/**
 * @file Adversarial inputs in the form of data files, each read back as `--data` reads it and asked of the model again: what a
 * file's form does to values may undo an attack.
 */

import { isBlueFirst } from "../data/pictures.ts";
import { geometryOf, planar } from "../methods/picture.ts";
import type { Chunk } from "../methods/records.ts";
import { DISTANCE_TOLERANCE, isInside } from "../spec/sets.ts";
import type { InputSet, Threat } from "../spec/types.ts";
import { pick } from "./engine.ts";
import type { Examination } from "./examination.ts";
import { type Inputs, inNetwork, placesInNetwork } from "./inputs.ts";
import * as jobs from "./jobs/kinds.ts";
import type { SavedState } from "./result-schema.ts";

/** A witness as its result has it. */
export interface Adversarial {
  /** Place among the inputs of the study. */
  readonly position: number;
  /** In the order of the model's input: pixels of 0 to 1, tables in the data's units. */
  readonly witness: Float32Array;
  /** Its set; boxes stand with the inputs. */
  readonly threat: Threat;
}

/** One input in the form of a file, and what it came to when it was read back. */
interface Saved<V> {
  readonly values: V;
  readonly state: SavedState;
}

export interface SavedForms {
  /** As the data lies: channels first, red first; pixels of 0 to 1, tables in their own units. */
  readonly exact: Saved<Float32Array>;
  /** Pictures of 8 bits: [height, width, channels]; undefined for what is no grey or coloured picture. */
  readonly rounded: Saved<Uint8Array> | undefined;
}

/** [channels, height, width] of the pictures that can be written with 8 bits. */
export const pictureShape = ({ dataset, domain }: Inputs): readonly number[] | undefined =>
  domain && geometryOf(dataset.shape, "NCHW") && dataset.shape;

/**
 * Of pictures the values nearest to each point within its set, and where those no longer break the input, those next to it away
 * from the original input or towards it: the first that holds is taken.
 *
 * @param target the output to reach; without it any wrong one
 */
export async function savedForms(
  examination: Examination,
  found: readonly Adversarial[],
  target: number | undefined,
): Promise<SavedForms[]> {
  const { inputs, chunk } = examination;
  const own = pick(
    chunk,
    found.map(({ position }) => position),
  );
  const sets = found.map(({ threat }, k) => setOf(own, threat, k));
  const check = (points: Float32Array, places: readonly number[], at: readonly Located[]) =>
    statesOf(examination, { ...pick(own, places), images: points }, target, (row) => {
      const located = at[row]!;
      return isInside(sets[places[row]!]!, 1, 0, located);
    });
  const exact = found.map(({ witness }) => asData(inputs, witness));
  const read = await inNetwork(reading(inputs, "0..1"), asRead(inputs, exact));
  const size = read.length / Math.max(1, found.length);
  const all = [...found.keys()];
  const points = all.map((k) => ({ point: read.subarray(k * size, (k + 1) * size) }));
  const states = await check(read, all, points);
  const rounded = pictureShape(inputs) ? await roundedForms(inputs, own, found, sets, check) : undefined;
  return all.map((k) => ({ exact: { values: exact[k]!, state: states[k]! }, rounded: rounded?.[k] }));
}

interface Located {
  readonly point: Float32Array;
  readonly place?: ArrayLike<number>;
  readonly centre?: ArrayLike<number>;
}

type Check = (
  points: Float32Array,
  places: readonly number[],
  at: readonly Located[],
) => Promise<readonly SavedState[]>;

async function roundedForms(
  inputs: Inputs,
  { images }: Chunk,
  found: readonly Adversarial[],
  sets: readonly InputSet[],
  check: Check,
): Promise<Saved<Uint8Array>[]> {
  const size = images.length / Math.max(1, found.length);
  const best: (Saved<Uint8Array> | undefined)[] = found.map(() => undefined);
  for (const towards of ROUNDINGS) {
    const open = [...found.keys()].filter((k) => best[k]?.state !== "adversarial");
    if (open.length === 0) break;
    const bytes = open.map((k) =>
      inEightBits(found[k]!.witness, images.subarray(k * size, (k + 1) * size), sets[k]!, towards),
    );
    const located = bytes.map((own, row) => ({
      point: Float32Array.from(own, (value) => value / 255),
      place: Array.from(own, (value) => value / 255),
      centre: exactly(images.subarray(open[row]! * size, (open[row]! + 1) * size)),
    }));
    const data = bytes.map((own) => asData(inputs, Float32Array.from(own)));
    const read = await inNetwork(reading(inputs, "0..255"), asRead(inputs, data));
    const states = await check(read, open, located);
    for (const [row, k] of open.entries()) {
      const before = best[k]?.state ?? "outside";
      const state = states[row]!;
      if (best[k] === undefined || RANK[state] > RANK[before])
        best[k] = { values: interleaved(data[row]!, inputs.dataset.shape), state };
    }
  }
  return best as Saved<Uint8Array>[];
}

/** What is worth more to whoever reads the file. */
const RANK = { outside: 0, "not-adversarial": 1, adversarial: 2 } as const satisfies Record<SavedState, number>;

/** Numbers of 255ths next to a value of one, x·255, by where the original pixel lies. */
const ROUNDINGS: readonly ((value: number, centre: number) => number)[] = [
  (value) => Math.round(value),
  (value, centre) => (value > centre ? Math.ceil(value) : value < centre ? Math.floor(value) : Math.round(value)),
  (value, centre) => (value > centre ? Math.floor(value) : value < centre ? Math.ceil(value) : Math.round(value)),
];

/** A float32 pixel is so near to a whole number of 255ths that it stands for it. */
const SAME = 1e-4;

/** Each pixel as a whole number of 255ths: rounded so, unless only the next one towards the original lies within the set's box. */
function inEightBits(
  witness: Float32Array,
  original: Float32Array,
  set: InputSet,
  rounding: (value: number, centre: number) => number,
): Uint8Array {
  const centres = exactly(original);
  return Uint8Array.from(witness, (pixel, i) => {
    const [value, centre] = [pixel * 255, centres[i]! * 255];
    const near = Math.round(value);
    const whole = Math.abs(value - near) < SAME ? near : rounding(value, centre);
    const inward = whole - Math.sign(whole - centre);
    const at = Math.min(255, Math.max(0, whole));
    return fits(at, i, centres[i]!, set) ? at : inward;
  });
}

/** Of a ball in another norm than linf, no single pixel tells. */
function fits(whole: number, i: number, centre: number, set: InputSet): boolean {
  const value = whole / 255;
  if (set.kind === "box") return Math.fround(value) >= set.lower[i]! && Math.fround(value) <= set.upper[i]!;
  return Math.abs(value - centre) <= set.epsilon * (1 + DISTANCE_TOLERANCE);
}

/** Pixels that are float32 of 255ths as the 255ths themselves: 8 bits hold them, and distances are between these. */
const exactly = (pixels: Float32Array): Float64Array =>
  Float64Array.from(pixels, (pixel) => {
    const whole = Math.round(pixel * 255) / 255;
    return Math.fround(whole) === pixel ? whole : pixel;
  });

function setOf({ images, labels, box }: Chunk, threat: Threat, k: number): InputSet {
  const size = images.length / labels.length;
  const part = <T extends Float32Array | Float64Array>(ends: T) => ends.subarray(k * size, (k + 1) * size) as T;
  if (box) return { kind: "box", lower: part(box.lower), upper: part(box.upper) };
  return { kind: "ball", ...threat, centre: part(images) };
}

/** The model's answers to points as they were read back. */
async function statesOf(
  { engine }: Examination,
  chunk: Chunk,
  target: number | undefined,
  inside: (row: number) => boolean,
): Promise<SavedState[]> {
  const answers = await engine.run({
    job: jobs.predict,
    what: "reading saved inputs back",
    method: { id: "forward", version: 2 },
    settings: null,
    inputs: chunk,
    timed: false,
  });
  return answers.map((answer, row) => {
    if (!inside(row)) return "outside";
    const predicted = answer.kind === "done" ? answer.record.predicted : chunk.labels[row]!;
    const broken = target === undefined ? predicted !== chunk.labels[row] : predicted === target;
    return broken ? "adversarial" : "not-adversarial";
  });
}

/** Data of the same kind whose pixels lie between these ends. */
const reading = (inputs: Inputs, range: "0..1" | "0..255"): Inputs =>
  inputs.domain ? { ...inputs, dataset: { ...inputs.dataset, range } } : inputs;

/** The inverse of `prepare`, without scales: a point of the network in the order of the data's axes, red first. */
function asData({ dataset, contract: { contract } }: Inputs, point: Float32Array): Float32Array {
  const out = new Float32Array(point.length);
  for (const [to, from] of placesInNetwork(dataset.shape, contract).entries()) out[from] = point[to]!;
  return turned(dataset, out);
}

/** Blue first where the data was read so, and back. */
function turned(dataset: Inputs["dataset"], values: Float32Array): Float32Array {
  const geometry = isBlueFirst(dataset) ? geometryOf(dataset.shape, "NCHW", true) : undefined;
  return geometry ? planar(values, geometry) : values;
}

/** Saved values one after another, as the data set's images lie. */
function asRead({ dataset }: Inputs, saved: readonly Float32Array[]): Float32Array {
  const size = saved[0]?.length ?? 0;
  const all = new Float32Array(saved.length * size);
  for (const [k, values] of saved.entries()) all.set(turned(dataset, values), k * size);
  return all;
}

/** [channels, pixels] → [pixels, channels] */
function interleaved(planes: Float32Array, [channels = 1]: readonly number[]): Uint8Array {
  const pixels = planes.length / channels;
  return Uint8Array.from(planes, (_, k) => planes[(k % channels) * pixels + Math.floor(k / channels)]!);
}
