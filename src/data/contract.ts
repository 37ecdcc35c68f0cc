import { type Dataset, endsOf, perSample } from "./dataset.ts";
import { sizeAdvice } from "./sizing.ts";

/** How the model reads a sample: its axes in this order, or `flat`, all values in the order in which the data has them. */
export type Layout = "NCHW" | "NHWC" | "flat";

/**
 * What must be done to a sample of the data before the model may see it: put its axes in the model's order, stretch pixels
 * to `range`, subtract `mean` and divide by `std`. Normalisation inside the graph is the model's own and not repeated here.
 */
export interface Contract {
  readonly layout: Layout;
  /** Of one sample as the model takes it, without the batch axis. */
  readonly shape: readonly number[];
  /** What black and white become, before `mean` and `std`; absent for values that are no pixels, which stay as they are. */
  readonly range?: readonly [black: number, white: number];
  /** A number a channel, in units of `range`; 0 where nothing is subtracted. */
  readonly mean: readonly number[];
  /** A number a channel, above 0; 1 where nothing is divided. */
  readonly std: readonly number[];
  /** The data's label for each output of the model; absent when they are the same. */
  readonly classOrder?: readonly number[];
}

/**
 * Stated by the user; inferred, when the shapes leave no other possibility; or assumed, as is usual. What is assumed is
 * only borne out by the clean accuracy (`confirmContract`).
 */
export type Basis = "stated" | "inferred" | "assumed";

export interface ContractItem {
  readonly item: "layout" | "range" | "normalisation" | "class order";
  readonly value: string;
  readonly basis: Basis;
  readonly reason: string;
}

export interface InferredContract {
  readonly contract: Contract;
  /** Each part of the contract with the ground it stands on, for the report. */
  readonly items: readonly ContractItem[];
}

export interface StatedContract {
  readonly layout?: Layout;
  readonly range?: readonly [black: number, white: number];
  /** One number, or one a channel. */
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  readonly classOrder?: readonly number[];
}

/** Model and data do not fit together, or in more than one way. */
export class ContractError extends Error {
  override readonly name = "ContractError";
  readonly fault = "unsupported";
}

/**
 * Finds how the data must be prepared for a model.
 *
 * @param modelInputShape with the batch axis first; "N" is a size that the model leaves open
 * @throws ContractError, one line with the way out, where the two cannot be joined or a doubt must be settled by stating
 */
export function inferContract({
  modelInputShape,
  dataset,
  stated = {},
}: {
  readonly modelInputShape: readonly (number | "N")[];
  readonly dataset: Pick<Dataset, "shape" | "range" | "steps">;
  readonly stated?: StatedContract;
}): InferredContract {
  const layout = inferLayout(modelInputShape.slice(1), dataset.shape, stated.layout);
  const range = inferRange(dataset, stated.range);
  const normalisation = inferNormalisation(dataset.shape[0] ?? 1, stated);
  const order = inferClassOrder(stated.classOrder);
  return {
    contract: {
      layout: layout.value,
      shape: layout.shape,
      ...(range.value && { range: range.value }),
      mean: normalisation.mean,
      std: normalisation.std,
      ...(stated.classOrder && { classOrder: stated.classOrder }),
    },
    items: [withSteps(layout.item, dataset.steps ?? []), range.item, normalisation.item, order],
  };
}

/** What was done to the pictures before they are laid out. */
const withSteps = (item: ContractItem, steps: readonly string[]): ContractItem =>
  steps.length === 0
    ? item
    : {
        ...item,
        value: [item.value, ...steps].join(", "),
        reason: `${item.reason}; what is done to pictures is stated by the user`,
      };

type Dims = readonly (number | "N")[];

const show = (dims: Dims): string => `[${dims.join(", ")}]`;
const product = (dims: readonly number[]): number => dims.reduce((p, size) => p * size, 1);

/** What brings data to the model's size, where both are pictures of as many channels, or of one. */
function wayToSize(model: Dims, data: readonly number[]): string {
  const sizes = [model, [model.at(-1)!, ...model.slice(0, -1)]];
  const picture = sizes.find(([channels]) => data.length === 3 && (channels === data[0] || data[0] === 1));
  return picture?.length === 3 && !picture.includes("N")
    ? sizeAdvice(picture as number[])
    : "Use data of the model's size, or a model of the data's";
}

interface LayoutChoice {
  readonly value: Layout;
  readonly shape: readonly number[];
  readonly item: ContractItem;
}

function inferLayout(model: Dims, data: readonly number[], stated: Layout | undefined): LayoutChoice {
  const candidates = possibleLayouts(model, data);
  const dataSize = product(data);
  if (candidates.length === 0) {
    const modelSize = model.includes("N") ? "" : ` (${product(model as number[])} values)`;
    throw new ContractError(
      `The model takes ${show(model)}${modelSize} a sample, the data has ${show(data)} (${dataSize} values): no order of axes joins them. ${wayToSize(model, data)}.`,
    );
  }
  const choose = (value: Layout, basis: Basis, reason: string): LayoutChoice => {
    const shape = resolveShape(model, value, data);
    return { value, shape, item: { item: "layout", value: `${value} ${show(shape)}`, basis, reason } };
  };
  const [channels = 1, height = 1, width = 1] = data;
  const orderMatters = data.length === 3 && channels > 1 && height * width > 1;
  if (stated !== undefined) {
    if (orderMatters && !candidates.includes(stated)) {
      throw new ContractError(
        `The layout ${stated} is stated, but the model takes ${show(model)} and the data has ${show(data)}; possible: ${candidates.join(", ")}.`,
      );
    }
    return choose(stated, "stated", "stated by the user");
  }
  if (data.length === 1 && model.length > 1) {
    return choose("flat", "assumed", "the columns are taken to stand in the order in which the model reads its input");
  }
  if (!orderMatters) {
    // Only the name differs; an exact match of [height, width, 1] is called what it is.
    const rows = data.length === 3 && model.length === 3 && model[0] === height && model[2] === channels;
    const value = rows && candidates.includes("NHWC") ? "NHWC" : candidates[0]!;
    return choose(value, "inferred", `the values of ${show(data)} stand in the order of ${show(model)} already`);
  }
  if (candidates.includes("NCHW") && candidates.includes("NHWC")) {
    throw new ContractError(
      `The model takes ${show(model)}, the data has ${show(data)}: NCHW and NHWC both fit. State the layout.`,
    );
  }
  const value = candidates[0]!;
  return value === "flat"
    ? choose(value, "assumed", "the row is taken to hold one channel after the other, as PyTorch flattens")
    : choose(value, "inferred", `only ${value} of the data's ${show(data)} fits ${show(model)}`);
}

/** Sizes of 1 may stand anywhere in the model's shape: they do not change the order of values. */
function possibleLayouts(model: Dims, data: readonly number[]): Layout[] {
  const open = model.includes("N");
  const withoutOnes = (dims: Dims): Dims => dims.filter((size) => size !== 1);
  const fits = (dims: readonly number[]): boolean =>
    open
      ? model.length === dims.length && model.every((size, i) => size === "N" || size === dims[i])
      : withoutOnes(model).join() === withoutOnes(dims).join();
  const row = fits([product(data)]);
  if (data.length === 3) {
    const [channels, height, width] = data as readonly [number, number, number];
    const orders = [
      ["NCHW", fits([channels, height, width])],
      ["NHWC", fits([height, width, channels])],
      ["flat", row],
    ] as const;
    return orders.flatMap(([layout, possible]) => (possible ? [layout] : []));
  }
  const sameCount = data.length === 1 && !open && product(model as readonly number[]) === product(data);
  return row || sameCount || fits(data) ? ["flat"] : [];
}

/** The model's shape with its open sizes filled in. */
function resolveShape(model: Dims, layout: Layout, data: readonly number[]): number[] {
  const [channels, height, width] = data;
  const own =
    layout === "NHWC" ? [height!, width!, channels!] : layout === "flat" && model.length === 1 ? [product(data)] : data;
  return model.map((size, i) => (size === "N" ? own[i]! : size));
}

function inferRange(
  { range }: Pick<Dataset, "range">,
  stated: StatedContract["range"],
): { readonly value: readonly [number, number] | undefined; readonly item: ContractItem } {
  const item = (value: string, basis: Basis, reason: string): ContractItem => ({ item: "range", value, basis, reason });
  const ends = endsOf(range);
  if (ends === undefined) {
    if (stated) {
      throw new ContractError(
        "A range is stated, but the scale of the data cannot be told. State the range of the data too (--data-range), or only mean and std.",
      );
    }
    return { value: undefined, item: item("as in the file", "assumed", "the data is no picture, or of unknown scale") };
  }
  const given = `${ends[0]} … ${ends[1]}`;
  const told = typeof range === "string" ? "" : "; the range of the data is stated by the user";
  if (stated) {
    if (!stated.every(Number.isFinite) || stated[0] === stated[1]) {
      throw new ContractError(`The range ${show(stated)} is stated; it needs two different numbers.`);
    }
    return { value: stated, item: item(`${given} to ${show(stated)}`, "stated", `stated by the user${told}`) };
  }
  return {
    value: [0, 1],
    item: item(
      `${given} to [0, 1]`,
      "assumed",
      `most models take pixels between 0 and 1, or normalise them inside${told}`,
    ),
  };
}

function inferNormalisation(
  channels: number,
  { mean, std }: StatedContract,
): { readonly mean: readonly number[]; readonly std: readonly number[]; readonly item: ContractItem } {
  const spread = (name: string, values: readonly number[] | undefined, neutral: number): number[] => {
    const list = values ?? [neutral];
    if (list.length !== 1 && list.length !== channels) {
      throw new ContractError(
        `${list.length} numbers are stated for ${name}; give one, or ${channels} (one a channel).`,
      );
    }
    if (!list.every((v) => Number.isFinite(v) && (name !== "std" || v > 0))) {
      throw new ContractError(
        `${name} ${show(list)} is stated; numbers${name === "std" ? " above 0" : ""} are needed.`,
      );
    }
    return Array.from({ length: channels }, (_, c) => list[list.length === 1 ? 0 : c]!);
  };
  const stated = mean !== undefined || std !== undefined;
  const full = { mean: spread("mean", mean, 0), std: spread("std", std, 1) };
  const value = stated ? `(x − ${show(mean ?? [0])}) / ${show(std ?? [1])}` : "none outside the model";
  return {
    ...full,
    item: {
      item: "normalisation",
      value,
      basis: stated ? "stated" : "assumed",
      reason: stated ? "stated by the user" : "no mean and std are stated; the model normalises inside or not at all",
    },
  };
}

function inferClassOrder(stated: readonly number[] | undefined): ContractItem {
  if (stated === undefined) {
    return {
      item: "class order",
      value: "as in the data",
      basis: "assumed",
      reason: "output k is taken to stand for label k",
    };
  }
  const isPermutation = [...stated].sort((a, b) => a - b).every((label, i) => label === i);
  if (!isPermutation) {
    throw new ContractError(
      `The class order ${show(stated)} is stated; it must name each label 0 … ${stated.length - 1} once.`,
    );
  }
  return { item: "class order", value: show(stated), basis: "stated", reason: "stated by the user" };
}

/** Samples as the model takes them, and the box of all pictures there. */
export interface Prepared {
  /** [count, ...contract.shape] */
  readonly images: Float32Array;
  readonly perSample: number;
  /** [perSample]: where black and white (the raw pixel box [0, 1]) come to lie; ∓∞ for values that are no pixels. */
  readonly lower: Float32Array;
  readonly upper: Float32Array;
  /** [perSample]: how far one unit of the raw pixel box [0, 1] reaches in the model's input; turns an epsilon. */
  readonly scale: Float32Array;
  /** [count]: the model's output that is right, by the contract's class order. */
  readonly labels?: Int32Array;
}

/**
 * Applies a contract. Every pixel lies within `lower` and `upper`, also after rounding to float32.
 *
 * @throws ContractError when a label has no place in the class order
 */
export function prepare(dataset: Dataset, contract: Contract): Prepared {
  const size = perSample(dataset);
  const channels = dataset.shape[0] ?? 1;
  const plane = size / channels;
  const [black, white] = endsOf(dataset.range) ?? [0, 1];
  const [low, high] = contract.range ?? [0, 1];
  // One monotone expression for pixels, black and white, so that rounding keeps their order.
  const transform = (raw: number, channel: number): number =>
    (low + ((raw - black) / (white - black)) * (high - low) - contract.mean[channel]!) / contract.std[channel]!;

  const nhwc = contract.layout === "NHWC";
  const place = (c: number, p: number): number => (nhwc ? p * channels + c : c * plane + p);
  const images = new Float32Array(dataset.images.length);
  const lower = new Float32Array(size).fill(Number.NEGATIVE_INFINITY);
  const upper = new Float32Array(size).fill(Number.POSITIVE_INFINITY);
  const scale = new Float32Array(size);
  for (let c = 0; c < channels; c++) {
    const ends = [transform(black, c), transform(white, c)] as const;
    for (let p = 0; p < plane; p++) {
      const to = place(c, p);
      scale[to] = Math.abs(high - low) / contract.std[c]!;
      if (contract.range) {
        lower[to] = Math.min(...ends);
        upper[to] = Math.max(...ends);
      }
    }
  }
  for (let start = 0; start < images.length; start += size) {
    for (let c = 0; c < channels; c++) {
      for (let p = 0; p < plane; p++) {
        images[start + place(c, p)] = transform(dataset.images[start + c * plane + p]!, c);
      }
    }
  }
  const labels = dataset.labels && modelLabels(dataset.labels, contract.classOrder);
  return { images, perSample: size, lower, upper, scale, ...(labels && { labels }) };
}

function modelLabels(labels: Int32Array, classOrder: readonly number[] | undefined): Int32Array {
  if (classOrder === undefined) return labels;
  return labels.map((label, i) => {
    const output = classOrder.indexOf(label);
    if (output < 0) {
      throw new ContractError(`Sample ${i} has the label ${label}, which the class order ${show(classOrder)} lacks.`);
    }
    return output;
  });
}
