/** @file Model and data put together: what must be known before anything can be said of them. */

import type { ClassNaming } from "../data/classes.ts";
import type { Contract, InferredContract, StatedContract } from "../data/contract.ts";
import type { Dataset } from "../data/dataset.ts";
import type { WayTerms } from "../data/normalisations.ts";
import type { StatedUnit, Unit } from "../data/units.ts";
import { boundText } from "../formats/onnx/bind.ts";
import { usage } from "../graph/fault.ts";
import type { Normalisation } from "../methods/network.ts";
import type { Chunk } from "../methods/records.ts";
import type { Norm, Threat } from "../spec/types.ts";
import type { ReadModel } from "./jobs/subject.ts";
import type { Drawn } from "./result-schema.ts";

export interface Inputs {
  readonly dataset: Dataset;
  readonly contract: InferredContract;
  /** Pixels in the network's layout. Labels are −1 where the data has none. */
  readonly chunk: Chunk;
  readonly domain: Threat["domain"];
  /** From the inputs of the chunk to what the model file takes. */
  readonly normalisation: Normalisation | undefined;
  /** What one unit of the chunk's inputs is, and so one of epsilon. */
  readonly unit: Unit;
  /** In the order of the network's input: what values of the data were multiplied by; undefined: 1, or pixels. */
  readonly factor: Float32Array | undefined;
  /** Places in the network's input of values that do not change. */
  readonly fixed: readonly number[];
  readonly naming: ClassNaming;
  /** What was found of their preparation, where the user had it found. */
  readonly found?: FoundWay | undefined;
  /** How they were drawn from their source; absent where a program made them. */
  readonly drawn?: Drawn | undefined;
}

/** A way to feed the model that its answers told, and how they did. */
export interface FoundWay {
  readonly terms: WayTerms;
  readonly reason: string;
}

/** The set that methods examine around each of these inputs. */
export function threatOf(
  { domain, fixed, unit }: Pick<Inputs, "domain" | "fixed" | "unit">,
  norm: Norm,
  epsilon: number,
): Threat {
  if (unit.kind === "pixels" && norm === "linf" && epsilon > 1) {
    throw usage(`epsilon ${epsilon} is more than the whole range of a pixel, 0 to 1; did you mean ${epsilon}/255?`);
  }
  return { norm, epsilon, domain, ...(fixed.length > 0 && { fixed }) };
}

/** A point of the network's input in the data's own units, where they are others; pixels stay as they are. */
export const inDataUnits = ({ factor }: Pick<Inputs, "factor">, point: Float32Array): Float32Array =>
  factor ? point.map((value, i) => value / factor[i]!) : point;

export interface InputTerms {
  readonly stated: StatedContract;
  /** What of it is not stated but found. */
  readonly found?: FoundWay | undefined;
  /** What the number of the first class is in the data. */
  readonly firstLabel?: number | undefined;
  readonly unit?: StatedUnit | undefined;
  /** Other data of the same kind, whose units hold. */
  readonly like?: Pick<Inputs, "unit"> | undefined;
  /** The data's range was stated or examined, and is not doubted. */
  readonly sureOfScale?: boolean | undefined;
}

/** [channels, height, width] of one input, where the model takes pictures of a fixed size. */
export async function modelPictureOf({ graph }: Pick<ReadModel, "graph">): Promise<readonly number[] | undefined> {
  const { networkOf } = await import("../methods/network.ts");
  return pictureOf(networkOf(graph, "").input.shape.slice(1));
}

/**
 * How a model takes the samples of a data set, and the samples so.
 * @throws ContractError, NetworkError
 */
export async function inputsFor(model: ReadModel, dataset: Dataset, options: InputTerms): Promise<Inputs> {
  const { prepare } = await import("../data/contract.ts");
  const { contractFor } = await import("./contract-for.ts");
  const { unitOf } = await import("../data/units.ts");
  const { classNaming, orderByKeys } = await import("../data/classes.ts");
  const { networkOf } = await import("../methods/network.ts");
  const { stated, found, firstLabel } = options;
  const { input, classes } = networkOf(model.graph, "");
  if (!options.sureOfScale) await checkScale(dataset, pictureOf(input.shape.slice(1)));
  const shape = input.shape.map((dim) => (typeof dim === "number" ? dim : "N"));
  const stands = contractFor(model, { modelInputShape: shape, dataset, stated });
  const { classNames: keys } = model;
  const mayTell = stated.classOrder === undefined && keys?.length === classes;
  const { labels: given, classNames: names } = dataset;
  const keyed = mayTell ? orderByKeys(keys, { labels: given, names, firstLabel }) : undefined;
  const named = keyed ? withClassOrder(stands, keyed.order) : stands;
  const contract = found ? withFound(named, found) : named;
  // Methods work on pixels of 0 to 1, whatever the model takes: stretching and normalising move into the network.
  const { contract: terms } = contract;
  const pixels = terms.range !== undefined;
  const prepared = prepare(dataset, plainly(terms, dataset));
  const unit = options.like?.unit ?? unitOf(dataset, terms, options.unit ?? {});
  const order = placesInNetwork(dataset.shape, terms);
  const factor = unit.factor && Float32Array.from(order, (from) => unit.factor![from]!);
  const normalisation = normalisationOf(terms, dataset.shape, input.shape.length);
  return {
    dataset: { ...dataset, notes: [...dataset.notes, ...unit.notes, ...boundText(model.choice.bound ?? {})] },
    contract,
    found,
    unit,
    factor,
    fixed: unit.fixed.map((place) => order.indexOf(place)).sort((a, b) => a - b),
    naming: classNaming({
      classes,
      classOrder: terms.classOrder,
      firstLabel,
      names: keyed?.names ?? names,
    }),
    chunk: {
      images: inUnits(prepared.images, factor),
      labels: prepared.labels ?? new Int32Array(dataset.indices.length).fill(-1),
      indices: dataset.indices,
    },
    domain: pixels ? [0, 1] : undefined,
    normalisation: factor ? rescaled(normalisation, factor, terms.shape) : normalisation,
  };
}

/** Without what moves into the network. */
function plainly(terms: Contract, { shape }: Pick<Dataset, "shape">): Contract {
  const channels = shape[0] ?? 1;
  return {
    ...terms,
    ...(terms.range && { range: [0, 1] }),
    mean: Array<number>(channels).fill(0),
    std: Array<number>(channels).fill(1),
  };
}

const inUnits = (values: Float32Array, factor: Float32Array | undefined): Float32Array =>
  factor ? values.map((value, i) => value * factor[i % factor.length]!) : values;

/** Other values of the data, one a value of each input, as the inputs of the chunk are. @param values [n, …dataset.shape] */
export async function inNetwork(
  { dataset, contract: { contract }, factor }: Inputs,
  values: Float32Array,
): Promise<Float32Array> {
  const { prepare } = await import("../data/contract.ts");
  const { labels: _, ...samples } = dataset;
  return inUnits(prepare({ ...samples, images: values }, plainly(contract, dataset)).images, factor);
}

/** What was found is not stated by the user. */
function withFound({ contract, items }: InferredContract, { terms, reason }: FoundWay): InferredContract {
  const of = {
    layout: terms.channelOrder ?? terms.resize,
    range: terms.range,
    normalisation: terms.mean,
    "class order": undefined,
  };
  return { contract, items: items.map((own) => (of[own.item] ? { ...own, basis: "inferred", reason } : own)) };
}

/** The class order that the model file itself gives. */
function withClassOrder({ contract, items }: InferredContract, order: readonly number[]): InferredContract {
  const said = {
    item: "class order",
    value: order.join(", "),
    basis: "inferred",
    reason: "the model file names its classes as the data does",
  } as const;
  return {
    contract: { ...contract, classOrder: order },
    items: items.map((item) => (item.item === "class order" ? said : item)),
  };
}

/** [channels, height, width] of a picture, where the model takes pictures of a fixed size. */
function pictureOf(sizes: readonly unknown[]): readonly number[] | undefined {
  const [first, second, last] = sizes;
  if (typeof first !== "number" || typeof second !== "number" || typeof last !== "number") return undefined;
  if (sizes.length !== 3) return undefined;
  const channels = (size: number) => size === 1 || size === 3;
  if (channels(first) && second > 1 && last > 1) return [first, second, last];
  return channels(last) && first > 1 && second > 1 ? [last, first, second] : undefined;
}

/** @throws ContractError where pictures have values that do not tell what black and white are */
export async function checkScale(dataset: Dataset, modelPicture: readonly number[] | undefined): Promise<void> {
  const { doubtfulScale } = await import("../data/scale.ts");
  const { FLAT_PICTURES } = await import("../data/convert.ts");
  const { ContractError } = await import("../data/contract.ts");
  const [size] = dataset.shape;
  const flat =
    dataset.shape.length === 1 && (size === modelPicture?.reduce((p, q) => p * q, 1) || FLAT_PICTURES.has(size!));
  const doubt = doubtfulScale(dataset, flat);
  if (doubt !== undefined) throw new ContractError(doubt);
}

/** For each element of the network's input, its place in a sample of the data. */
export function placesInNetwork(shape: readonly number[], { layout }: Contract): number[] {
  const size = shape.reduce((product, dim) => product * dim, 1);
  if (layout !== "NHWC") return Array.from({ length: size }, (_, i) => i);
  const channels = shape[0]!;
  const plane = size / channels;
  return Array.from({ length: size }, (_, i) => (i % channels) * plane + Math.floor(i / channels));
}

/** (z / factor − mean) / std as (z − m) / s, a number for every element. */
function rescaled(
  normalisation: Normalisation | undefined,
  factor: Float32Array,
  shape: readonly number[],
): Normalisation {
  const { mean, std, axis }: Normalisation = normalisation ?? { mean: [0], std: [1], axis: 1 };
  const inner = axis === 0 ? 1 : shape.slice(axis).reduce((product, dim) => product * dim, 1);
  const at = (values: readonly number[], i: number) => values[Math.floor(i / inner) % values.length]!;
  return {
    mean: Array.from(factor, (scale, i) => at(mean, i) * scale),
    std: Array.from(factor, (scale, i) => at(std, i) * scale),
    axis: shape.length === 1 ? 1 : 0,
  };
}

/** (low + x·(high − low) − mean) / std as (x − m) / s; nothing where that is x itself. */
export function normalisationOf(
  { range = [0, 1], mean, std, layout, shape }: Contract,
  sampleShape: readonly number[],
  rank: number,
): Normalisation | undefined {
  const [low, high] = range;
  const m = mean.map((value) => (value - low) / (high - low));
  const s = std.map((value) => value / (high - low));
  if (m.every((value) => value === 0) && s.every((value) => value === 1)) return undefined;
  const same = (values: readonly number[]) => values.every((value) => value === values[0]);
  if (same(m) && same(s)) return { mean: m.slice(0, 1), std: s.slice(0, 1), axis: 1 };
  const channels = sampleShape[0]!;
  if (layout !== "flat") return { mean: m, std: s, axis: layout === "NHWC" ? rank - 1 : shape.indexOf(channels) + 1 };
  const plane = sampleShape.slice(1).reduce((product, size) => product * size, 1);
  const spread = (values: readonly number[]) => values.flatMap((value) => Array<number>(plane).fill(value));
  return { mean: spread(m), std: spread(s), axis: shape.indexOf(plane * channels) + 1 };
}
