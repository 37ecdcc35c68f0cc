/** @file A model with the inputs that detectors see, and what must be known of both to compare their scores. */

import { isBlueFirst } from "../../data/pictures.ts";
import { batchOf } from "../../methods/backdoor/material.ts";
import type { CaseFacts, Detector } from "../../methods/backdoor/types.ts";
import { geometryOf } from "../../methods/picture.ts";
import { architectureHash, dataFacts, weightScales } from "../../methods/population/facts.ts";
import { cleanScans, type ModelFacts } from "../../methods/population/reference.ts";
import type { Chunk } from "../../methods/records.ts";
import type { Digest } from "../../runtime/hash.ts";
import type { Examination, OpenModel } from "../examination.ts";
import type { Compared } from "./reference.ts";
import type { BackdoorFile } from "./results.ts";

/** The model with whatever inputs there are. */
export interface ScanCase {
  readonly session: Pick<OpenModel, "network" | "seed">;
  readonly facts: CaseFacts;
  /** Of one input, as data has it. */
  readonly shape: readonly number[];
  readonly inputs: Chunk | undefined;
  readonly data: BackdoorFile["data"];
}

/** What detectors see of an examination. @param chunk of its inputs, by default those that it has */
export function caseOf(
  { network, inputs, labelled, ...examined }: Pick<Examination, "network" | "inputs" | "labelled" | "chunk" | "seed">,
  { chunk, seed }: Pick<Examination, "chunk" | "seed"> = examined,
): ScanCase {
  const { dataset, contract, domain } = inputs;
  const { shape: inputShape, layout } = contract.contract;
  const geometry = domain && geometryOf(dataset.shape, layout, isBlueFirst(dataset));
  return {
    session: { network, seed },
    facts: { classes: network.classes, inputShape, geometry, domain },
    shape: dataset.shape,
    inputs: chunk,
    data: { name: dataset.name, images: chunk.labels.length, labels: labelled ? "data" : "model" },
  };
}

export const modelFacts = ({ session, facts, shape, inputs, data }: ScanCase, digest: Digest): ModelFacts => {
  const batch = inputs && batchOf(inputs, facts.inputShape);
  return {
    shape,
    classes: facts.classes,
    architecture: architectureHash(session.network.graph, digest),
    weightScales: weightScales(session.network.graph),
    data: batch && dataFacts(data!.name, batch, facts.geometry),
    images: data?.images,
  };
};

/** In what the scan differs from those of the population. */
export function scanNotes(
  { population }: Compared,
  { session, data }: ScanCase,
  chosen: readonly Detector[],
): string[] {
  const other = chosen.filter(({ isStandard }) => !isStandard).map(({ id }) => id);
  const notes =
    other.length === 0
      ? []
      : [
          `Settings of ${other.join(", ")} are not the standard ones: what is found counts neither for the verdict nor against a reference.`,
        ];
  if (!population) return notes;
  const standard = chosen.filter(({ isStandard }) => isStandard);
  const missing = standard.filter((detector) => cleanScans(population, detector).length === 0).map(({ id }) => id);
  const { images, seed } = population.scan;
  return [
    ...notes,
    ...(missing.length === 0
      ? []
      : [`The reference holds no scans by this version of ${missing.join(", ")}: there is nothing to compare with.`]),
    ...(data === null || (images === data.images && seed === session.seed)
      ? []
      : [
          `The reference was scanned with ${images} inputs and seed ${seed}, this model with ${data.images} and ${session.seed}: p-values are less exact.`,
        ]),
  ];
}
