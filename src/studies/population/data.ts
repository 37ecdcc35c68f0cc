/** @file The data of a population's members, brought to where jobs run. */

import { sample } from "../../data/dataset.ts";
import { float32Tensor } from "../../graph/tensor.ts";
import { geometryOf } from "../../methods/picture.ts";
import type { PopulationRecipe } from "../../methods/population/config.ts";
import { dataFacts } from "../../methods/population/facts.ts";
import { firstOf, samplesOf } from "../../methods/samples.ts";
import { parseTrainConfig } from "../../methods/train/config.ts";
import { rng } from "../../random/rng.ts";
import { encodeSamples } from "../jobs/samples.ts";
import type { PopulationTerms, TaskData } from "./terms.ts";

/** @throws what reading of data throws, SamplesError */
export async function loadData(
  { train, scan }: PopulationRecipe,
  { place, sources }: Pick<PopulationTerms, "place" | "sources">,
): Promise<TaskData> {
  const { data, limit, validation = scan.data } = parseTrainConfig(train);
  const all = samplesOf(await sources.dataset(data, "train"));
  const { classes, shape } = all;
  const heldOut = await sources.dataset(validation);
  const scanned = validation === scan.data ? heldOut : await sources.dataset(scan.data);
  // the same ones as `--sample` with this seed draws
  const inputs = samplesOf(sample(scanned, scan.images, rng(scan.seed).split("sample")));
  const batch = { images: float32Tensor([inputs.labels.length, ...shape], inputs.images), labels: inputs.labels };
  return {
    classes,
    shape,
    samples: await place.keep(encodeSamples(limit === undefined ? all : firstOf(all, limit))),
    test: await place.keep(encodeSamples(samplesOf(heldOut, classes))),
    inputs: await place.keep(encodeSamples(inputs)),
    facts: dataFacts(scan.data, batch, geometryOf(shape, "NCHW")),
  };
}
