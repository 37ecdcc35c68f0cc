/** @file Usual ways in which a model may take the inputs, each as other inputs to it as it is fed now. */

import type { Contract } from "../data/contract.ts";
import type { Dataset } from "../data/dataset.ts";
import {
  affine,
  type Candidate,
  candidatesFor,
  otherOrder,
  standardised,
  type WayTerms,
} from "../data/normalisations.ts";
import { isBlueFirst } from "../data/pictures.ts";
import type { Normalisation } from "../methods/network.ts";
import type { Inputs } from "./inputs.ts";

export interface Trial {
  readonly name: string;
  /** What to type. */
  readonly option: string;
  readonly terms: WayTerms;
  /** Of pictures. */
  readonly candidate?: Candidate;
  /** Factor and offset of each channel or feature: what the model takes is factor·x + offset. */
  readonly fed: readonly number[];
  readonly apply: (images: Float32Array) => Float32Array;
}

/** All but the one that holds. */
export function trialsFor(inputs: Inputs): Trial[] {
  const { dataset, contract, normalisation, factor } = inputs;
  const pictures = candidatesFor(dataset, contract.contract, isBlueFirst(dataset)).map((one) => trialOf(inputs, one));
  const table = standardised(dataset, contract.contract);
  if (!table) return pictures;
  const unfed = inverse(normalisation, contract.contract);
  const size = table.mean.length;
  const list = (values: readonly number[]) => values.map((value) => Number(value.toPrecision(6))).join(",");
  return [
    ...pictures,
    {
      name: "standardised",
      terms: table,
      fed: table.mean.flatMap((mean, i) => [1 / table.std[i]!, -mean / table.std[i]!]),
      option:
        size <= SHOWN_FEATURES
          ? `--mean ${list(table.mean)} --std ${list(table.std)}`
          : "each feature's mean and standard deviation as --mean and --std",
      apply: (images) =>
        images.map((value, i) => {
          const raw = factor ? value / factor[i % size]! : value;
          return unfed((raw - table.mean[i % size]!) / table.std[i % size]!, i);
        }),
    },
  ];
}

/** The same in the other order of colours; undefined for pictures without colours, and where it is in another order already. */
export function swappedTrial(inputs: Inputs, { candidate }: Trial): Trial | undefined {
  if (!candidate || candidate.swapped || candidate.mean.length !== 3) return undefined;
  return trialOf(inputs, otherOrder(candidate, isBlueFirst(inputs.dataset)));
}

function trialOf({ dataset, contract: { contract }, normalisation }: Inputs, candidate: Candidate): Trial {
  const unfed = inverse(normalisation, contract);
  const fed = affine(candidate);
  const [channelOf, swap] = placesOf(dataset, contract);
  const { name, option, range, mean, std, swapped } = candidate;
  const order = isBlueFirst(dataset) ? "rgb" : "bgr";
  return {
    name,
    option,
    candidate,
    terms: { range, mean, std, ...(swapped && { channelOrder: order }) },
    fed,
    apply: (images) =>
      images.map((_, i, all) => {
        const c = channelOf(i);
        const pixel = swapped ? all[swap(i)]! : all[i]!;
        return unfed(fed[2 * c]! * pixel + fed[2 * c + 1]!, i);
      }),
  };
}

const SHOWN_FEATURES = 16;

/** What must be fed now for the model file to take a value. */
function inverse(
  normalisation: Normalisation | undefined,
  { shape }: Contract,
): (wanted: number, place: number) => number {
  if (!normalisation) return (wanted) => wanted;
  const { mean, std, axis } = normalisation;
  const inner = axis === 0 ? 1 : shape.slice(axis).reduce((product, size) => product * size, 1);
  return (wanted, place) => {
    const c = Math.floor(place / inner) % mean.length;
    return wanted * std[c]! + mean[c]!;
  };
}

/** The channel of a place in the chunk's images, and the place of the pixel with red and blue swapped. */
function placesOf(
  { shape }: Dataset,
  { layout }: Contract,
): readonly [channel: (i: number) => number, swap: (i: number) => number] {
  const [channels = 1, height = 1, width = 1] = shape;
  const plane = height * width;
  const nhwc = layout === "NHWC";
  const channel = (i: number) => (nhwc ? i % channels : Math.floor(i / plane) % channels);
  const step = nhwc ? 1 : plane;
  return [channel, (i) => i + (channels - 1 - 2 * channel(i)) * step];
}
