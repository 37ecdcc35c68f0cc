/**
 * @file The last layer's weights, class by class: a class that many inputs are to be sent to may need a row unlike the
 * others'. Needs no data, and runs nothing but that layer.
 */

import { makeGraph, topological } from "../../graph/traverse.ts";
import type { Graph, Value } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { reemit } from "../../ops/rules.ts";
import type { PlainRecord } from "../../runtime/jobs.ts";
import { mean, median } from "../../stats/summary.ts";
import type { Network } from "../network.ts";
import { penultimate } from "./features.ts";
import { rowsAtOnce, runRows } from "./rows.ts";
import { type CaseFacts, type Detection, defineDetector, type Material, type Runnable } from "./types.ts";

/** logits = W φ + b of the penultimate features φ. */
export interface LastLayer {
  /** [classes] rows of [features]. */
  readonly weights: readonly Float64Array[];
  /** [classes] */
  readonly bias: Float64Array;
}

/** Unit vectors that are fed at once. */
const AT_ONCE = 256;

/** From the penultimate features to the logits. */
function tailGraph(network: Network): Graph {
  const features = penultimate(network);
  const b = builder();
  const input = b.input("features", features.shape);
  const moved = new Map<Value, Value>([[features, input]]);
  for (const value of topological([network.logits])) {
    if (moved.has(value)) continue;
    const operands = value.kind === "node" ? value.inputs.map((operand) => moved.get(operand)!) : [];
    moved.set(value, value.kind === "node" ? reemit(b, value, operands) : value);
  }
  return makeGraph([input], [{ name: "logits", value: moved.get(network.logits)! }]);
}

/**
 * The last layer by its values at zero and at the unit vectors, whatever ops it is written in.
 * @throws DetectorError when the network does not end in a dense layer behind a hidden one
 */
export async function lastLayer(material: Runnable): Promise<LastLayer> {
  const graph = tailGraph(material.network);
  const session = await material.runtime.compile(graph, { float: "float32", name: "last layer" });
  const size = graph.inputs[0]!.shape[1] as number;
  const at = async (values: Float32Array) =>
    (await runRows(session, { features: { values, shape: [size] } }, rowsAtOnce(material, AT_ONCE)))["logits"]!;
  const bias = Float64Array.from(await at(new Float32Array(size)));
  const weights = Array.from(bias, () => new Float64Array(size));
  for (let from = 0; from < size; from += AT_ONCE) {
    const count = Math.min(AT_ONCE, size - from);
    const units = new Float32Array(count * size);
    for (let k = 0; k < count; k++) units[k * size + from + k] = 1;
    const logits = await at(units);
    for (const [c, row] of weights.entries())
      for (let k = 0; k < count; k++) row[from + k] = logits[k * bias.length + c]! - bias[c]!;
  }
  return { weights, bias };
}

export interface LastLayerRecord extends PlainRecord {
  /** [classes]: of each class's row. */
  readonly means: readonly number[];
  readonly norms: readonly number[];
  readonly biases: readonly number[];
}

async function examine(material: Material): Promise<LastLayerRecord> {
  const { weights, bias } = await lastLayer(material);
  return {
    means: weights.map(mean),
    norms: weights.map((row) => Math.sqrt(row.reduce((sum, w) => sum + w * w, 0))),
    biases: [...bias],
  };
}

/** Makes the median absolute deviation an estimate of a normal distribution's standard deviation. */
const CONSISTENCY = 1.4826;
/** Weights are float32: deviations below this share of the largest value are rounding. */
const RESOLUTION = 1e-6;

/** Each value's distance from the median of the others, in their median absolute deviations (1.4826 of them: about σ). */
export function distances(values: readonly number[]): number[] {
  const rounding = RESOLUTION * Math.max(...values.map(Math.abs));
  return values.map((value, i) => {
    const others = values.filter((_, k) => k !== i);
    const centre = median(others);
    const spread = CONSISTENCY * Math.max(median(others.map((other) => Math.abs(other - centre))), rounding);
    return value === centre ? 0 : (value - centre) / spread;
  });
}

/** Fewer other classes have no spread to compare with. */
const FEWEST_CLASSES = 4;

const MEASURES = { means: "mean weight", norms: "weights' norm", biases: "bias" } as const;
type Measure = keyof typeof MEASURES;

type LastLayerSettings = { readonly compared: string };
const ALL = "all";

function conclude(
  [record]: readonly LastLayerRecord[],
  { classes }: CaseFacts,
  { compared }: LastLayerSettings,
): Detection {
  const names = (Object.keys(MEASURES) as Measure[]).filter((name) => compared === ALL || compared === name);
  const z = Object.fromEntries(names.map((name) => [name, distances(record![name])])) as Record<Measure, number[]>;
  const evidence = { ...record!, z };
  if (classes < FEWEST_CLASSES) {
    const reason = `${classes} classes are too few to say that one of them differs from the others`;
    return { flagged: null, score: null, pValue: null, target: null, reason, evidence };
  }
  const all = names.flatMap((name) => z[name].map((value, label) => ({ name, label, value })));
  const furthest = all.reduce((best, one) => (Math.abs(one.value) > Math.abs(best.value) ? one : best));
  const score = Math.abs(furthest.value);
  const side = furthest.value > 0 ? "above" : "below";
  const seen = `class ${furthest.label}'s ${MEASURES[furthest.name]} in the last layer lies ${score.toFixed(1)} robust standard deviations ${side} the other classes'`;
  return {
    flagged: null,
    score,
    pValue: null,
    target: furthest.label,
    reason: `${seen}; what is usual only a reference population says`,
    seen,
    evidence,
  };
}

/** @source the idea of DFBScanner, arXiv:2605.18907, not its rule */
export const lastLayerOutlier = defineDetector<PlainRecord, LastLayerRecord, LastLayerSettings>({
  id: "last-layer",
  version: 1,
  standard: "always",
  title: "Last-layer outlier",
  summary: "Compares the classes' weights in the last layer: a class unlike the others may be a target. Instant.",
  source: "the idea of DFBScanner, arXiv:2605.18907",
  settings: { compared: ALL },
  options: (z) => ({
    compared: z
      .enum([ALL, ...(Object.keys(MEASURES) as Measure[])])
      .describe("what of the classes' rows is compared: their mean weights, norms, biases, or all three"),
  }),
  needs: "nothing",
  blindTo: "backdoors that leave the last layer alone: most that are trained into a whole network",
  parts: () => [{}],
  examine,
  conclude,
});
