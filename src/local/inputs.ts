/** @file Data from files, as a model takes it. */

import type { ReadOptions } from "../data/bytes.ts";
import type { Dataset } from "../data/dataset.ts";
import { checkScale, type Inputs, type InputTerms, inputsFor, modelPictureOf } from "../studies/inputs.ts";
import type { ReadModel } from "../studies/jobs/subject.ts";

/** How files are read, where they do not tell by themselves. */
export type ReadingOptions = Pick<
  ReadOptions,
  "range" | "csv" | "firstLabel" | "channels" | "channelOrder" | "resize" | "crop" | "rowOrder"
>;

export interface InputOptions extends Omit<InputTerms, "sureOfScale" | "firstLabel"> {
  /** A file, a folder, or the name of a data set. */
  readonly data: string;
  readonly labels?: string | undefined;
  readonly limit?: number | undefined;
  /** So many, drawn at random by the seed. */
  readonly sample?: number | undefined;
  readonly seed: number;
  readonly reading?: ReadingOptions | undefined;
  /** Of data that has two parts; by default the one that is held out. */
  readonly split?: "test" | "train" | undefined;
}

/** @throws DataError, ContractError, NetworkError */
export async function loadInputs(model: ReadModel, options: InputOptions): Promise<Inputs> {
  const { loadDataset } = await import("../data/files.ts");
  const { data, labels, limit, sample, seed, split, found } = options;
  const { channelOrder, resize, crop, ...prepared } = found?.terms ?? {};
  const stated = { ...options.stated, ...prepared };
  const reading = {
    ...options.reading,
    ...(channelOrder && { channelOrder }),
    ...(resize && { resize }),
    ...(crop && { crop }),
  };
  const modelPicture = await modelPictureOf(model);
  const whole = await loadDataset(data, {
    ...reading,
    ...(labels && { labels }),
    ...(limit && { limit }),
    ...(split && { split }),
    ...(modelPicture && { modelPicture }),
    ...(stated.layout && stated.layout !== "flat" && { layoutInDoubt: stated.layout }),
  });
  // the whole set tells more of its scale than a part
  if (reading.range === undefined) await checkScale(whole, modelPicture);
  const chosen = sample === undefined ? whole : await drawSample(whole, sample, seed);
  const dataset = limit === undefined ? chosen : tellingOneClass(chosen, limit);
  const inputs = await inputsFor(model, dataset, {
    stated,
    found,
    firstLabel: reading.firstLabel,
    unit: options.unit,
    like: options.like,
    sureOfScale: true,
  });
  const how = sample !== undefined ? "random" : limit !== undefined ? "first" : "all";
  return { ...inputs, drawn: { how, limit: limit ?? null, sample: sample ?? null } };
}

/** The first inputs of data that is sorted by class are all of one. */
function tellingOneClass(dataset: Dataset, limit: number): Dataset {
  const { labels, notes } = dataset;
  if (!labels || labels.length < Math.max(2, limit) || labels.some((label) => label !== labels[0])) return dataset;
  const note = `The first ${limit} inputs are all of one class: --sample ${limit} in place of --limit draws from all, each class in its share.`;
  return { ...dataset, notes: [...notes, note] };
}

async function drawSample(dataset: Dataset, count: number, seed: number): Promise<Dataset> {
  const { sample } = await import("../data/dataset.ts");
  const { rng } = await import("../random/rng.ts");
  return sample(dataset, count, rng(seed).split("sample"));
}
