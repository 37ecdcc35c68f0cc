/** @file What a network makes of an input just before its last layer: where poisoned training data stands apart. */

import { dependents, makeGraph, topological } from "../../graph/traverse.ts";
import type { NodeValue, Value } from "../../graph/types.ts";
import { recordOf } from "../../ops/index.ts";
import { type Batch, sliceBatch } from "../../spec/classification.ts";
import type { Matrix } from "../../stats/principal-axes.ts";
import type { Network } from "../network.ts";
import { partOf } from "../samples.ts";
import { rowsAtOnce } from "./rows.ts";
import { DetectorError, type Material, type Runnable } from "./types.ts";

const linearity = (node: NodeValue, varying: ReadonlySet<Value>) =>
  recordOf(node.op).linearity(node.inputs.map((input) => varying.has(input)));

/**
 * The operand of the last matrix product before the logits: [N, F], the last hidden layer's activations.
 * @throws DetectorError when the network has no such product, or no hidden layer before it
 */
export function penultimate({ input, logits }: Network): Value {
  const varying = dependents([logits], new Set<Value>([input]));
  let value = logits;
  for (;;) {
    const operands = value.kind === "node" ? value.inputs.filter((operand) => varying.has(operand)) : [];
    if (value.kind !== "node" || operands.length !== 1 || linearity(value, varying) === "none")
      throw new DetectorError(
        "the network does not end in a dense layer, so it has no penultimate features; this detector reads those.",
      );
    const [operand] = operands;
    if (value.op === "MatMul" && operand === value.inputs[0] && operand!.shape.length === 2) {
      value = operand!;
      break;
    }
    value = operand!;
  }
  const hidden = topological([value]).some(
    (before) => before.kind === "node" && varying.has(before) && linearity(before, varying) === "none",
  );
  if (!hidden)
    throw new DetectorError(
      "the network has no hidden layer: its penultimate features would be the inputs; this detector reads hidden ones.",
    );
  return value;
}

const AT_ONCE = 250;

/**
 * @param images [n, …input]
 * @returns [n, F]
 * @throws DetectorError as `penultimate`
 */
export async function featuresOf(material: Runnable, batch: Batch) {
  const { network, runtime } = material;
  const value = penultimate(network);
  const graph = makeGraph([network.input], [{ name: "features", value }]);
  const session = await runtime.compile(graph, { float: "float32", name: "penultimate features" });
  const count = batch.labels.length;
  const columns = value.shape[1] as number;
  const values = new Float64Array(count * columns);
  const atOnce = rowsAtOnce(material, AT_ONCE);
  for (let from = 0; from < count; from += atOnce) {
    const to = Math.min(count, from + atOnce);
    const { features } = await session.run({ [network.input.name]: sliceBatch(batch, from, to).images });
    values.set(features!.data, from * columns);
  }
  return { rows: count, columns, values } satisfies Matrix;
}

/** The training images with one label, and their places in the training data. */
export interface LabelledImages {
  readonly batch: Batch;
  readonly places: Int32Array;
}

/** @throws DetectorError when there is no training data */
export function withLabel({ training }: Pick<Material, "training">, label: number): LabelledImages {
  if (!training)
    throw new DetectorError(
      "this detector looks for poison in the training data; give the data the model was trained on.",
    );
  const places = Int32Array.from(training.labels.keys()).filter((place) => training.labels[place] === label);
  return { batch: partOf(training, places), places };
}

/** Fewer images of a label than this say nothing of how they are spread. */
export const FEWEST_IMAGES = 20;

/** How well suspects match the poison that is known to be there. */
export interface SampleQuality {
  readonly suspects: number;
  readonly poisoned: number;
  readonly hits: number;
  /** Share of the suspects that are poisoned; `null` for no suspects. */
  readonly precision: number | null;
  /** Share of the poisoned that are suspected; `null` for none poisoned. */
  readonly recall: number | null;
}

/** @param suspects, poisoned places in the training data */
export function sampleQuality(suspects: ArrayLike<number>, poisoned: ArrayLike<number>): SampleQuality {
  const known = new Set(Array.from(poisoned));
  const hits = Array.from(suspects).filter((place) => known.has(place)).length;
  return {
    suspects: suspects.length,
    poisoned: known.size,
    hits,
    precision: suspects.length > 0 ? hits / suspects.length : null,
    recall: known.size > 0 ? hits / known.size : null,
  };
}
