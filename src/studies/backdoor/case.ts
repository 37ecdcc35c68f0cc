/** @file A model with the inputs that detectors see, and what must be known of both to compare their scores. */

import type { ClassNaming } from "../../data/classes.ts";
import { isBlueFirst } from "../../data/pictures.ts";
import { unsupportedInput, usage } from "../../graph/fault.ts";
import { batchOf, DEFAULT_IMAGES, LEAST_IMAGES } from "../../methods/backdoor/material.ts";
import type { CaseFacts, Detector } from "../../methods/backdoor/types.ts";
import type { Network } from "../../methods/network.ts";
import { geometryOf } from "../../methods/picture.ts";
import { architectureHash, dataFacts, weightScales } from "../../methods/population/facts.ts";
import { cleanScans, type ModelFacts } from "../../methods/population/reference.ts";
import type { Chunk } from "../../methods/records.ts";
import type { Digest } from "../../runtime/hash.ts";
import type { AssumedInputs } from "../assumed-inputs.ts";
import { checkLabels, type Examination, type OpenModel } from "../examination.ts";
import type { Inputs } from "../inputs.ts";
import type { Compared, Reference } from "./reference.ts";
import type { BackdoorFile } from "./results.ts";

/** The model with whatever inputs there are. */
export interface ScanCase {
  readonly network: Network;
  /** Of the detectors' random numbers. */
  readonly seed: number;
  readonly facts: CaseFacts;
  /** Of one input, as data has it. */
  readonly shape: readonly number[];
  readonly inputs: Chunk | undefined;
  readonly data: BackdoorFile["data"];
  /** How the data calls the model's classes. */
  readonly naming: ClassNaming | undefined;
  /** What is taken for granted of the inputs. */
  readonly notes: readonly string[];
}

/** A model without inputs. */
export interface ModelAlone extends OpenModel {
  readonly assumed: AssumedInputs;
}

/** What detectors see of an examination. @param drawn its inputs and seed, by default those that it has */
export function caseOf(
  { network, inputs, labelled, ...examined }: Pick<Examination, "network" | "inputs" | "labelled" | "chunk" | "seed">,
  { chunk, seed }: Pick<Examination, "chunk" | "seed"> = examined,
): ScanCase {
  const { dataset, contract, domain, naming } = inputs;
  const { shape: inputShape, layout } = contract.contract;
  const geometry = domain && geometryOf(dataset.shape, layout, isBlueFirst(dataset));
  return {
    network,
    seed,
    facts: { classes: network.classes, inputShape, geometry, domain },
    shape: dataset.shape,
    inputs: chunk,
    data: { name: dataset.name, images: chunk.labels.length, labels: labelled ? "data" : "model" },
    naming,
    notes: labelled ? [] : [`${dataset.name} has no labels: the model's own answers stand for them.`],
  };
}

/** What detectors see of a model by itself. */
export function caseAlone({ network, seed, assumed }: ModelAlone): ScanCase {
  const { shape, contract, geometry, domain } = assumed;
  const taken = contract.items.map(({ item, value, basis }) => `${item} ${value} (${basis})`).join(", ");
  return {
    network,
    seed,
    facts: { classes: network.classes, inputShape: contract.contract.shape, geometry, domain },
    shape,
    inputs: undefined,
    data: null,
    naming: undefined,
    notes: [`No inputs confirm how the model takes pixels: ${taken}.`],
  };
}

export const modelFacts = ({ network, facts, shape, inputs, data }: ScanCase, digest: Digest): ModelFacts => {
  const batch = inputs && batchOf(inputs, facts.inputShape);
  return {
    shape,
    classes: facts.classes,
    architecture: architectureHash(network.graph, digest),
    weightScales: weightScales(network.graph),
    data: batch && dataFacts(data!.name, batch, facts.geometry),
    images: data?.images,
  };
};

/** How inputs are drawn: for scores to be comparable, as the reference's members saw them. */
export interface Draw {
  readonly images: number;
  readonly seed: number;
}

/**
 * @param stated wins over how the reference was scanned
 * @param otherwise the seed where nothing says
 * @throws UserError (usage) for too few
 */
export function drawFor(
  reference: Reference | undefined,
  { images, seed }: { readonly images?: number | undefined; readonly seed?: number | undefined },
  otherwise = 0,
): Draw {
  if (images !== undefined && images < LEAST_IMAGES)
    throw usage(`--images ${images}: detectors need at least ${LEAST_IMAGES}`);
  const scan = reference?.population.scan;
  return { images: images ?? scan?.images ?? DEFAULT_IMAGES, seed: seed ?? scan?.seed ?? otherwise };
}

/** In what the scan differs from those of the population. */
export function scanNotes({ population }: Compared, { seed, data }: ScanCase, chosen: readonly Detector[]): string[] {
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
  const { scan } = population;
  return [
    ...notes,
    ...(missing.length === 0
      ? []
      : [`The reference holds no scans by this version of ${missing.join(", ")}: there is nothing to compare with.`]),
    ...(data === null || (scan.images === data.images && scan.seed === seed)
      ? []
      : [
          `The reference was scanned with ${scan.images} inputs and seed ${scan.seed}, this model with ${data.images} and ${seed}: p-values are less exact.`,
        ]),
  ];
}

/** @throws UserError (unsupported) for too few inputs, and for pictures whose pixels lie outside every known range */
export function checkInputs({ dataset, chunk, domain }: Inputs): void {
  const count = chunk.labels.length;
  if (count < LEAST_IMAGES) {
    throw unsupportedInput(
      `${dataset.name}: ${count} ${count === 1 ? "input" : "inputs"}, but detectors need at least ${LEAST_IMAGES}; give more, or leave it away to examine the model by itself`,
    );
  }
  if (dataset.shape.length !== 3 || domain !== undefined) return;
  const [low, high] = dataset.images.reduce(
    ([least, most], value) => [Math.min(least, value), Math.max(most, value)] as const,
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY] as const,
  );
  throw unsupportedInput(
    `${dataset.name}: pixels between ${low} and ${high} are neither in 0 to 1 nor whole numbers in 0 to 255; bring them there, and say with --range, --mean and --std what the model takes`,
  );
}

/** @throws UserError (unsupported) where training data has no labels, or other inputs than the model takes */
export function checkTraining(training: Inputs, { facts }: ScanCase): void {
  checkInputs(training);
  const { dataset, contract, domain } = training;
  if (dataset.labels === undefined) {
    throw unsupportedInput(`${dataset.name}: training data without labels; give it in a form that has them`);
  }
  checkLabels(training, facts.classes);
  const { shape } = contract.contract;
  if (`${shape}` !== `${facts.inputShape}` || `${domain}` !== `${facts.domain}`) {
    throw unsupportedInput(
      `${dataset.name}: training inputs [${shape}] are not what the other inputs are, [${facts.inputShape}]`,
    );
  }
}
