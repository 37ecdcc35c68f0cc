/**
 * @file Universal perturbations: for every class, the smallest change that sends most inputs to it when added to each. To a
 * backdoor's target the way is short: the trigger, or something like it.
 */

import type { PlainRecord } from "../../runtime/jobs.ts";
import { predictedOf } from "../../spec/classification.ts";
import { median } from "../../stats/summary.ts";
import { compileLossGradient } from "../attack/loss-gradient.ts";
import { partOf } from "../samples.ts";
import { ANOMALY_LIMIT, anomaliesOf } from "./neural-cleanse.ts";
import { type CaseFacts, type Detection, DetectorError, defineDetector, type Material } from "./types.ts";

export const UNIVERSAL_DEFAULTS = {
  /** At most so many inputs of other classes share the perturbation. */
  images: 100,
  /** Of them must be sent to the class. */
  success: 0.8,
  /** l2 lengths at the start and at most, as shares of the range's diagonal, and the growth at each step. */
  shortest: 0.01,
  longest: 0.5,
  growth: 1.05,
};

export interface UniversalPart extends PlainRecord {
  readonly label: number;
  readonly images: number;
  readonly success: number;
  readonly shortest: number;
  readonly longest: number;
  readonly growth: number;
}

export interface UniversalRecord extends PlainRecord {
  readonly label: number;
  /** l2 length at which enough inputs were sent to the class; the longest tried where none did. */
  readonly length: number;
  readonly reached: boolean;
  /** Share of the inputs at that length. */
  readonly success: number;
  readonly perturbation: Float32Array;
}

/** How far the direction turns towards the gradient at each step: the new direction's share. */
const TURN = 0.3;

/**
 * Grows a perturbation step by step: at each length it turns towards the mean gradient of the inputs that are not sent there yet,
 * until enough of them are. What it finds is an upper bound of the smallest.
 */
async function examine(material: Material, part: UniversalPart): Promise<UniversalRecord> {
  const { network, runtime, inputs, domain, classes } = material;
  if (!inputs)
    throw new DetectorError("a universal perturbation is fitted to inputs, and there are none; give some with --data");
  if (!domain)
    throw new DetectorError(
      "a universal perturbation is measured by the pixels' range, and these inputs have none; state it in the data contract",
    );
  const places = Array.from(inputs.labels.keys()).filter((i) => inputs.labels[i] !== part.label);
  const count = Math.min(part.images, places.length);
  if (count === 0) throw new DetectorError(`all inputs are of class ${part.label}; give some of other classes`);
  const spread = Array.from({ length: count }, (_, k) => places[Math.floor((k * places.length) / count)]!);
  const images = partOf(inputs, spread).images.data as Float32Array;
  const size = images.length / count;
  const loss = await compileLossGradient(network, runtime, "margin");
  const targets = new Int32Array(count).fill(part.label);
  const [low, high] = domain;
  const diagonal = (high - low) * Math.sqrt(size);
  let direction = new Float32Array(size);
  let length = 0;
  for (let next = part.shortest * diagonal; ; next *= part.growth) {
    const moved = images.map((value, at) => Math.min(high, Math.max(low, value + length * direction[at % size]!)));
    const { logits, uphill } = await loss.at(moved, targets);
    const open = Array.from({ length: count }, (_, n) => n).filter(
      (n) => predictedOf(logits, n, classes, part.label) !== part.label,
    );
    const success = 1 - open.length / count;
    if (success >= part.success || next > part.longest * diagonal) {
      const perturbation = direction.map((value) => length * value);
      return { label: part.label, length, reached: success >= part.success, success, perturbation };
    }
    const slope = new Float32Array(size);
    for (const n of open) for (let j = 0; j < size; j++) slope[j]! -= uphill[n * size + j]!;
    direction = turned(direction, slope);
    length = next;
  }
}

/** A unit vector between two directions; the first may be zero, and a slope of zero turns nothing. */
function turned(direction: Float32Array, slope: Float32Array): Float32Array<ArrayBuffer> {
  const norm = (v: Float32Array) => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0)) || 1;
  const [steep, straight] = [norm(slope), norm(direction)];
  const mixed = direction.map((x, j) => ((1 - TURN) * x) / straight + (TURN * slope[j]!) / steep);
  const size = norm(mixed);
  return mixed.map((x) => x / size);
}

/** With two classes both deviations are the median deviation. */
const FEWEST_CLASSES = 3;

function conclude(records: readonly UniversalRecord[], facts: CaseFacts): Detection {
  const lengths = records.map(({ length }) => length);
  const { indices, outliers } = anomaliesOf(lengths);
  const at = lengths.indexOf(Math.min(...lengths));
  const shortest = records[at]!;
  const others = median(lengths.filter((_, i) => i !== at));
  const applies = records.length >= FEWEST_CLASSES && shortest.reached;
  const flagged = applies ? outliers.length > 0 : null;
  return {
    flagged,
    // a class that needs no perturbation at all has taken most inputs already
    score: applies ? Math.log(others / Math.max(shortest.length, 0.01 * others)) : null,
    pValue: null,
    target: flagged ? shortest.label : null,
    reason:
      `the shortest universal perturbation found leads to class ${shortest.label}: l2 length ${shortest.length.toFixed(2)}, ` +
      `the median of the other classes is ${others.toFixed(2)} ` +
      (applies
        ? `(anomaly index ${indices[at]!.toFixed(2)}, ${flagged ? "above" : "not above"} ${ANOMALY_LIMIT})`
        : "(no rule: too few classes, or none was reached)"),
    evidence: {
      labels: records.map(({ label }) => label),
      lengths,
      indices: [...indices],
      reached: records.map(({ reached }) => reached),
      successes: records.map(({ success }) => success),
      limit: ANOMALY_LIMIT,
      perturbation: {
        label: shortest.label,
        values: shortest.perturbation,
        inputShape: [...facts.inputShape],
        geometry: facts.geometry ? { ...facts.geometry } : null,
      },
    },
  };
}

/** @source the perturbations of Moosavi-Dezfooli et al. 2017, arXiv:1610.08401, judged as in Neural Cleanse */
export const universalPerturbation = defineDetector<UniversalPart, UniversalRecord, typeof UNIVERSAL_DEFAULTS>({
  id: "universal-perturbation",
  version: 1,
  title: "Universal perturbation size",
  summary:
    "Searches the smallest change that sends most inputs to each class; a class far easier to reach is a target.",
  source: "after Moosavi-Dezfooli et al. 2017, arXiv:1610.08401; judged as in Neural Cleanse",
  settings: UNIVERSAL_DEFAULTS,
  options: (z) => ({
    images: z.int().min(1).describe("most inputs of other classes that share the change"),
    success: z.number().min(0).max(1).describe("share of them that must be sent to the class"),
    shortest: z.number().positive().max(1).describe("l2 length at the start, as a share of the range's diagonal"),
    longest: z.number().positive().max(1).describe("l2 length at most, as a share of the range's diagonal"),
    growth: z.number().gt(1).describe("growth of the length at each step"),
  }),
  needs: "inputs",
  blindTo: "triggers that are not added (warping), work on one class only, or lead to many classes",
  parts: ({ classes }, settings) => Array.from({ length: classes }, (_, label) => ({ label, ...settings })),
  examine,
  conclude,
});
