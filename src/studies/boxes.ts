/** @file Sets that users give end by end: a box for every input, or one for all, in the data's own units. */

import { channelsFirst } from "../data/convert.ts";
import { type Dataset, perSample } from "../data/dataset.ts";
import { asStated } from "../data/pictures.ts";
import type { NdArray } from "../formats/array.ts";
import { toFloat32 } from "../formats/array.ts";
import { unsupportedInput, usage } from "../graph/fault.ts";
import type { Box, Norm, Threat } from "../spec/types.ts";
import type { Examination } from "./examination.ts";
import { type Inputs, inNetwork, threatOf } from "./inputs.ts";

/** Ends as they stand in their file. */
export interface GivenBox {
  /** For messages and results. */
  readonly name: string;
  /** Of its file, in hexadecimal. */
  readonly sha256?: string;
  /** [n, …sample], n the whole data set, or […sample]: one box for all inputs. */
  readonly lower: NdArray;
  readonly upper: NdArray;
  /** Names of a table's columns, where it gives them. */
  readonly columns?: readonly string[];
}

/** What of a box stands in results. */
export type BoxFacts = Pick<GivenBox, "name" | "sha256">;

/**
 * The box of each input of the chunk, in its units and layout. The ends are made the network's as the inputs themselves are, by
 * one function that never falls: what of the data lies in the box goes to what lies in these.
 *
 * @throws UserError (unsupported), one line that names the file, the input and the place, where a box does not hold its input
 */
export async function boxesFor(inputs: Inputs, given: GivenBox): Promise<Box> {
  const { dataset } = inputs;
  const lower = endsFor(dataset, given, "lower");
  const upper = endsFor(dataset, given, "upper");
  checkHolds(dataset, given.name, { lower, upper });
  const [first, second] = [await inNetwork(inputs, lower), await inNetwork(inputs, upper)];
  // where black is the larger number, the ends change places
  return {
    lower: first.map((end, i) => Math.min(end, second[i]!)),
    upper: first.map((end, i) => Math.max(end, second[i]!)),
  };
}

/** What is asked of the inputs: a ball of one radius, or boxes that were given. */
export interface SetTerms {
  readonly norm?: Norm | undefined;
  /** In the unit of the inputs (`Examination.inputs.unit`): for pictures a share of the range from black to white. */
  readonly epsilon?: number | undefined;
  /** In place of norm and epsilon: the set of each input is exactly this box, whatever range or fixed values the data has. */
  readonly box?: GivenBox | undefined;
}

/**
 * The inputs with their sets. For boxes the threat is a ball that contains them all: what took it for the set would claim less.
 * @throws UserError as `boxesFor`; usage where not exactly one of epsilon and box is given, and for an epsilon that is no radius
 */
export async function withSets<E extends Pick<Examination, "inputs" | "chunk">>(
  examination: E,
  { norm, epsilon, box: given }: SetTerms,
): Promise<{ readonly examination: E; readonly threat: Threat; readonly box: BoxFacts | undefined }> {
  const { inputs, chunk } = examination;
  if ((given === undefined) === (epsilon === undefined) || (given && norm))
    throw usage("the set is given by epsilon and a norm, or by a box alone");
  if (epsilon !== undefined && !(epsilon >= 0 && Number.isFinite(epsilon)))
    throw usage(`epsilon is a finite number from 0 on, got ${epsilon}`);
  if (!given) return { examination, threat: threatOf(inputs, norm ?? "linf", epsilon!), box: undefined };
  const box = await boxesFor(inputs, given);
  let reach = 0;
  for (const [i, value] of chunk.images.entries())
    reach = Math.max(reach, value - box.lower[i]!, box.upper[i]! - value);
  const { name, sha256 } = given;
  return {
    examination: { ...examination, chunk: { ...chunk, box } },
    threat: { norm: "linf", epsilon: reach, domain: undefined },
    box: { name, ...(sha256 !== undefined && { sha256 }) },
  };
}

/** [count, …dataset.shape], in the data's own units. */
function endsFor(dataset: Dataset, { name, columns, ...ends }: GivenBox, which: "lower" | "upper"): Float32Array {
  const refuse = (fact: string) => unsupportedInput(`${name}: ${fact}`);
  const array = ends[which];
  const size = perSample(dataset);
  if (columns && dataset.columns && `${columns}` !== `${dataset.columns}`)
    throw refuse(`its columns are ${columns.join(", ")}, those of the data ${dataset.columns.join(", ")}`);
  const total = array.data.length / size;
  const one = array.data.length === size;
  const sizes = one && array.shape[0] !== 1 ? array.shape : array.shape.slice(1);
  const own = sizes.reduce((product, dim) => product * dim, 1);
  if (own !== size)
    throw refuse(`"${which}" has shape [${array.shape}]; [n, ${dataset.shape}] or [${dataset.shape}] is expected`);
  const all = toFloat32(array);
  const bad = all.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw refuse(`"${which}" holds ${all[bad]}; ends must be finite`);
  const turned = inShape(dataset, all, sizes, refuse);
  const out = new Float32Array(dataset.indices.length * size);
  for (const [k, index] of dataset.indices.entries()) {
    const row = one ? 0 : index;
    if (row >= total) throw refuse(`it has ${total} boxes, and none for input ${index}`);
    out.set(turned.subarray(row * size, (row + 1) * size), k * size);
  }
  return out;
}

/** In the order of the data set's axes, colours as they were turned round. */
function inShape(
  { shape, steps = [] }: Dataset,
  values: Float32Array,
  sizes: readonly number[],
  refuse: (fact: string) => Error,
): Float32Array {
  const [channels = 1, height = 1, width = 1] = shape;
  const as = (dims: readonly number[]) => `${sizes}` === `${dims}`;
  const straight = sizes.length === 1 || as(shape) || (channels === 1 && as([height, width]));
  const turned = as([height, width, channels]) && shape.length === 3;
  if (straight && turned && channels > 1 && sizes.length > 1)
    throw refuse(`its axes [${sizes}] may be channels first or last; give rows of all values, channel by channel`);
  if (!straight && !turned) throw refuse(`its axes [${sizes}] do not fit the data's [${shape}]`);
  const first = straight ? values : channelsFirst(values, height * width, channels);
  const blue = steps.some((step) => step.includes("BGR"));
  return blue ? asStated({ images: first, shape, range: "unknown" }, { channelOrder: "bgr" }).images : first;
}

function checkHolds(dataset: Dataset, name: string, { lower, upper }: Box): void {
  const size = perSample(dataset);
  for (let k = 0; k < lower.length; k++) {
    const [low, high, value] = [lower[k]!, upper[k]!, dataset.images[k]!];
    if (value >= low && value <= high) continue;
    const input = `input ${dataset.indices[Math.floor(k / size)]}, ${placeText(dataset, k % size)}`;
    const fact =
      low > high
        ? `the lower end ${low} is above the upper ${high}`
        : `the input's ${value} lies outside ${low} … ${high}`;
    throw unsupportedInput(`${name}: ${input}: ${fact}; a box must hold its input`);
  }
}

function placeText({ shape, columns }: Dataset, place: number): string {
  const [, height = 1, width = 1] = shape;
  if (shape.length !== 3) return columns ? `column "${columns[place]}"` : `value ${place + 1}`;
  const plane = height * width;
  return `channel ${Math.floor(place / plane)}, row ${Math.floor((place % plane) / width)}, column ${place % width}`;
}
