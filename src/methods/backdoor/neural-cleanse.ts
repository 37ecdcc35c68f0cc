/**
 * @file Neural Cleanse: for each class the smallest trigger that sends every input there; a backdoor's is far smaller.
 *
 * Constants and order of events are those of the authors' example scripts (early stop included), not only of the paper.
 */

import type { Tensor } from "../../graph/types.ts";
import type { Rng } from "../../random/rng.ts";
import type { PlainRecord } from "../../runtime/jobs.ts";
import type { Batch } from "../../spec/classification.ts";
import { median } from "../../stats/summary.ts";
import { partOf } from "../samples.ts";
import { advance, SCHEDULE, SCHEDULE_START, type Schedule } from "./neural-cleanse-schedule.ts";
import { compileTriggerEngine, type ReversedTrigger, randomStart, type TriggerSearch } from "./reverse-trigger.ts";
import { type CaseFacts, type Detection, DetectorError, defineDetector, type Material } from "./types.ts";

/** The search of one class's trigger. */
export interface CleansePart extends PlainRecord {
  readonly label: number;
  /** Most steps; λ may change after each. */
  readonly steps: number;
  /** Inputs seen in a step, in whole minibatches; where there are fewer, they are drawn again. */
  readonly samples: number;
  /** Inputs an update. */
  readonly batch: number;
  readonly learningRate: number;
  readonly earlyStop: boolean;
  /** Default: the official one. */
  readonly schedule?: Schedule;
}

export const CLEANSE_DEFAULTS: Pick<CleansePart, "steps" | "samples" | "batch" | "learningRate" | "earlyStop"> = {
  steps: 1000,
  samples: 1000,
  batch: 32,
  learningRate: 0.1,
  earlyStop: true,
};

export interface CleanseRecord extends PlainRecord, ReversedTrigger {
  readonly label: number;
  /** ‖mask‖₁, in pixels. */
  readonly l1: number;
  /** Share of a step's inputs that went to the label, at the mask kept. */
  readonly success: number;
  /** Whether any mask reached the share wanted; where none did, the last mask is kept, as in the official code. */
  readonly reached: boolean;
  readonly steps: number;
  /** Updates done: minibatches. */
  readonly updates: number;
}

// ---------------------------------------------------------------- the search for one class

/** Minibatches without end: the inputs in a new order each time round. */
function* minibatches(inputs: Batch, size: number, random: Rng): Generator<Tensor, never> {
  const count = inputs.labels.length;
  let order: Int32Array = new Int32Array(0);
  let [at, round] = [0, 0];
  for (;;) {
    const places = Array.from({ length: size }, () => {
      if (at === order.length) [order, at] = [random.split(`round/${round++}`).permutation(count), 0];
      return order[at++]!;
    });
    yield partOf(inputs, places).images;
  }
}

/** The smallest trigger for the part's label on the way from one random start. */
export async function reverseTrigger(material: Material, part: CleansePart): Promise<CleanseRecord> {
  const { network, runtime, inputs } = material;
  if (!inputs || inputs.labels.length === 0)
    throw new DetectorError("Neural Cleanse fits a trigger to inputs, and there are none; give some with --data");
  const engine = await compileTriggerEngine(network, runtime, material);
  const random = material.random.split(`label/${part.label}`);
  const start = randomStart(engine.space, random.split("start"));
  const search = engine.search(part.label, start, part.learningRate);
  const count = inputs.labels.length;
  const size = Math.min(part.batch, count);
  const perStep = Math.max(1, Math.floor(part.samples / size));
  const stream = minibatches(inputs, size, random.split("order"));

  let schedule = SCHEDULE_START;
  let best: (ReversedTrigger & { readonly success: number }) | undefined;
  let [step, success] = [0, 0];
  while (step < part.steps) {
    material.progress?.(step, part.steps);
    step++;
    const answer = await oneStep(search, stream, perStep, schedule.cost);
    success = answer.hits / (perStep * size);
    const { state, improved, settled } = advance(schedule, { success, norm: answer.norm }, part.schedule ?? SCHEDULE);
    schedule = state;
    // the numbers are of before the step's updates and the mask of after: so in the official code
    if (improved) best = { ...search.trigger, success };
    if (settled && part.earlyStop) break;
  }
  const kept = best ?? { ...search.trigger, success };
  const l1 = kept.mask.reduce((sum, value) => sum + value, 0);
  return { label: part.label, l1, ...kept, reached: best !== undefined, steps: step, updates: step * perStep };
}

/** @returns hits over all minibatches, and the mean of the mask's norm */
async function oneStep(search: TriggerSearch, stream: Iterator<Tensor, never>, perStep: number, cost: number) {
  let [hits, norm] = [0, 0];
  for (let k = 0; k < perStep; k++) {
    const answer = await search.step(stream.next().value, cost);
    hits += answer.hits;
    norm += answer.norm / perStep;
  }
  return { hits, norm };
}

// ---------------------------------------------------------------- the rule over all classes

/** Makes the median absolute deviation an estimate of a normal distribution's standard deviation. */
const CONSISTENCY = 1.4826;
/** Above this index a label below the median is an outlier: two standard deviations of a normal distribution. */
export const ANOMALY_LIMIT = 2;
/** Norms are sums of float32 numbers; deviations below this share of the median are rounding. */
const NORM_RESOLUTION = 1e-6;

export interface Anomalies {
  readonly median: number;
  /** 1.4826 · median of |norm − median|. */
  readonly spread: number;
  /** [labels]: |norm − median| / spread. */
  readonly indices: readonly number[];
  /** Labels below the median with an index above the limit, by rising norm. */
  readonly outliers: readonly number[];
}

/** @param norms one a label */
export function anomaliesOf(norms: readonly number[], limit = ANOMALY_LIMIT): Anomalies {
  const middle = median(norms);
  const deviations = norms.map((norm) => Math.abs(norm - middle));
  const spread = CONSISTENCY * Math.max(median(deviations), NORM_RESOLUTION * middle);
  const indices = deviations.map((deviation) => (deviation === 0 ? 0 : deviation / spread));
  const outliers = norms
    .map((_, label) => label)
    .filter((label) => norms[label]! < middle && indices[label]! > limit)
    .sort((a, b) => norms[a]! - norms[b]!);
  return { median: middle, spread, indices, outliers };
}

/** With two labels both deviations are the median deviation, and the index is 1/1.4826 whatever the norms. */
const FEWEST_CLASSES = 3;

function conclude(
  records: readonly CleanseRecord[],
  facts: CaseFacts,
  { anomalyLimit: limit, success: wanted }: typeof SETTINGS,
): Detection {
  const norms = records.map(({ l1 }) => l1);
  const { median: middle, spread, indices, outliers } = anomaliesOf(norms, limit);
  const smallest = norms.indexOf(Math.min(...norms));
  const applies = records.length >= FEWEST_CLASSES;
  const target = applies ? (outliers[0] ?? null) : null;
  const { label, mask, pattern } = records[smallest]!;
  const below = indices.filter((_, i) => norms[i]! < middle);
  return {
    flagged: applies ? target !== null : null,
    score: applies ? Math.max(0, ...below) : null,
    pValue: null,
    target: target === null ? null : records[target]!.label,
    reason: reasonFor(records, {
      middle,
      index: indices[smallest]!,
      smallest,
      flagged: target !== null,
      limit,
      wanted,
    }),
    evidence: {
      labels: records.map((record) => record.label),
      norms,
      indices: [...indices],
      successes: records.map(({ success }) => success),
      reached: records.map(({ reached }) => reached),
      rounds: records.map(({ steps }) => steps),
      updates: records.map(({ updates }) => updates),
      median: middle,
      spread,
      outliers: outliers.map((i) => records[i]!.label),
      limit,
      trigger: {
        label,
        mask,
        pattern,
        inputShape: [...facts.inputShape],
        geometry: facts.geometry ? { ...facts.geometry } : null,
      },
    },
  };
}

interface Seen {
  readonly middle: number;
  readonly index: number;
  readonly smallest: number;
  readonly flagged: boolean;
  readonly limit: number;
  /** Share of the inputs for which a trigger counts as working. */
  readonly wanted: number;
}

function reasonFor(
  records: readonly CleanseRecord[],
  { middle, index, smallest, flagged, limit, wanted }: Seen,
): string {
  const { label, l1 } = records[smallest]!;
  const fact = `the smallest reversed trigger, class ${label}'s, has a mask of ${l1.toFixed(1)} pixels; the median is ${middle.toFixed(1)}`;
  if (records.length < FEWEST_CLASSES)
    return `${fact}; with two classes the anomaly index is the same for every model, so there is no rule`;
  const rule = `anomaly index ${index.toFixed(2)}, ${flagged ? "above" : "not above"} ${limit}`;
  const missed = records.filter(({ reached }) => !reached).map((record) => record.label);
  const share = 100 * wanted;
  const caution =
    missed.length === 0
      ? ""
      : `; no trigger sent ${share} % of the inputs to class ${missed.join(", ")}, whose last mask stands in`;
  return `${fact} (${rule})${caution}`;
}

const SETTINGS = { ...CLEANSE_DEFAULTS, ...SCHEDULE, anomalyLimit: ANOMALY_LIMIT };

/** @source Wang et al. 2019, IEEE S&P, doi:10.1109/SP.2019.00031, sections IV and V, and the authors' code */
export const neuralCleanse = defineDetector<CleansePart, CleanseRecord, typeof SETTINGS>({
  id: "neural-cleanse",
  version: 2,
  role: "trigger",
  title: "Neural Cleanse",
  summary:
    "Searches the smallest trigger for every class; one far smaller than the others is a backdoor's. Slow, shows the trigger.",
  source: "Wang et al. 2019, IEEE S&P, doi:10.1109/SP.2019.00031",
  settings: SETTINGS,
  options: (z) => ({
    steps: z.int().min(1).describe("most steps for a class"),
    samples: z.int().min(1).describe("inputs seen in a step"),
    batch: z.int().min(1).describe("inputs an update"),
    learningRate: z.number().positive().describe("of Adam"),
    earlyStop: z.boolean().describe("end where the mask no longer shrinks"),
    initialCost: z.number().positive().describe("first weight of the mask's size"),
    success: z.number().positive().max(1).describe("share of the inputs for which a trigger counts as working"),
    patience: z.int().min(1).describe("steps in a row after which the weight changes"),
    costUp: z.number().min(1).describe("factor of the weight while the trigger works"),
    costDown: z.number().min(1).describe("divisor of the weight while it does not"),
    stopPatience: z.int().min(1).describe("steps without a smaller mask after which the search ends"),
    anomalyLimit: z.number().positive().describe("anomaly index above which a class is an outlier"),
  }),
  needs: "inputs",
  blindTo: "triggers that are large, faint, moving, or only work on one class; backdoors into many classes",
  parts: ({ classes }, { steps, samples, batch, learningRate, earlyStop, anomalyLimit: _, ...schedule }) =>
    Array.from({ length: classes }, (_, label) => ({
      label,
      steps,
      samples,
      batch,
      learningRate,
      earlyStop,
      schedule,
    })),
  examine: reverseTrigger,
  conclude,
});
