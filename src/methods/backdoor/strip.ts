/**
 * @file STRIP: an input with a trigger keeps its answer whatever other pictures are laid over it, so the entropy of the
 * answers is low. It examines inputs, not models: the held-out inputs say what is usual, and the training data under
 * suspicion are what is examined.
 */

import { makeGraph } from "../../graph/traverse.ts";
import type { PlainRecord } from "../../runtime/jobs.ts";
import type { Batch } from "../../spec/classification.ts";
import { logGamma } from "../../stats/gamma.ts";
import { pText } from "../../stats/p-text.ts";
import { type Proportion, proportion } from "../../stats/proportion.ts";
import { partOf } from "../samples.ts";
import { rowsAtOnce, runRows } from "./rows.ts";
import { type Detection, DetectorError, defineDetector, type Material, type Rejected, type Runnable } from "./types.ts";

/** How inputs are laid over each other. */
export interface Overlays {
  /** Pictures laid over each input. */
  readonly overlays: number;
  /** The input and the picture laid over it each count this much: 1 as in the paper, or ½. */
  readonly weight: number;
  /** Sums are kept within the pixels' range. */
  readonly clipped: boolean;
}

export interface StripPart extends Overlays, PlainRecord {
  /** At most so many of the training data are examined, drawn at random. */
  readonly suspects: number;
}

export const STRIP_DEFAULTS = { overlays: 100, weight: 1, clipped: true, suspects: 500 };

/** Shares of clean inputs that a threshold rejects: the paper's, and two of its ports. */
export const REJECTION_LEVELS = [0.01, 0.05, 0.1] as const;

// ---------------------------------------------------------------- entropies

type Setting = Runnable & Pick<Material, "domain" | "random">;

/**
 * The mean entropy, in bits, of the answers to each input under random overlays.
 * @param inputs where they are the overlays themselves, none is laid over itself
 * @returns one value an input
 */
export async function overlayEntropies(
  setting: Setting,
  inputs: Batch,
  overlays: Batch,
  { overlays: count, weight, clipped }: Overlays,
): Promise<Float64Array> {
  const { network, runtime, domain, random } = setting;
  const graph = makeGraph([network.input], [{ name: "logits", value: network.logits }]);
  const session = await runtime.compile(graph, { float: "float32", name: "STRIP" });
  const own = inputs === overlays;
  const others = overlays.labels.length - (own ? 1 : 0);
  if (others < 1) throw new DetectorError("STRIP lays inputs over each other, and there is only one; give more");
  const shape = inputs.images.shape.slice(1);
  const size = inputs.images.data.length / inputs.labels.length;
  const [low, high] = (clipped ? domain : undefined) ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  const atOnce = rowsAtOnce(setting, count);
  const entropies = new Float64Array(inputs.labels.length);
  for (let i = 0; i < entropies.length; i++) {
    const stream = random.split(`input/${i}`);
    const sums = new Float32Array(count * size);
    for (let k = 0; k < count; k++) {
      const drawn = stream.int(others);
      const over = (own && drawn >= i ? drawn + 1 : drawn) * size;
      for (let j = 0; j < size; j++) {
        const sum = weight * (inputs.images.data[i * size + j]! + overlays.images.data[over + j]!);
        sums[k * size + j] = Math.min(high, Math.max(low, sum));
      }
    }
    const { logits } = await runRows(session, { [network.input.name]: { values: sums, shape } }, atOnce);
    entropies[i] = meanEntropy(logits!, network.classes);
  }
  return entropies;
}

/** Of softmax over rows of logits, in bits; exact for small entropies, which decide here. */
export function meanEntropy(logits: ArrayLike<number>, classes: number): number {
  const rows = logits.length / classes;
  let sum = 0;
  for (let row = 0; row < rows; row++) {
    let best = row * classes;
    for (let k = 1; k < classes; k++) if (logits[row * classes + k]! > logits[best]!) best = row * classes + k;
    // p_k = e^−d_k / (1 + rest), d_k = z_best − z_k ≥ 0; entropy = ln(1 + rest) + Σ p_k d_k
    let [rest, weighted] = [0, 0];
    for (let at = row * classes; at < (row + 1) * classes; at++) {
      if (at === best) continue;
      const d = logits[best]! - logits[at]!;
      rest += Math.exp(-d);
      weighted += d * Math.exp(-d);
    }
    sum += Math.log1p(rest) + weighted / (1 + rest);
  }
  return sum / rows / Math.LN2;
}

// ---------------------------------------------------------------- thresholds

export interface Threshold extends PlainRecord {
  readonly level: number;
  /** The k-th smallest of the n clean entropies: inputs below it are rejected. */
  readonly k: number;
  readonly entropy: number;
}

/** Thresholds that reject clean inputs at k / (n + 1) ≤ level on average; levels that n inputs cannot resolve are left out. */
export function thresholdsOf(clean: Float64Array): Threshold[] {
  const sorted = clean.slice().sort();
  return REJECTION_LEVELS.flatMap((level) => {
    const k = Math.floor(level * (sorted.length + 1));
    return k < 1 ? [] : [{ level, k, entropy: sorted[k - 1]! }];
  });
}

/**
 * P(at least `count` of m inputs lie below the k-th smallest of n others), all drawn alike: exact, where a binomial test
 * would take the quantile of n inputs for the true one.
 *
 * @source the negative hypergeometric distribution, as a beta-binomial one: the k-th smallest of n uniform numbers is
 *   Beta(k, n + 1 − k)
 */
export function belowOrderStatistic(count: number, m: number, k: number, n: number): number {
  const logBeta = (a: number, b: number) => logGamma(a) + logGamma(b) - logGamma(a + b);
  const logChoose = (x: number) => logGamma(m + 1) - logGamma(x + 1) - logGamma(m - x + 1);
  const at = (x: number) => Math.exp(logChoose(x) + logBeta(k + x, n + 1 - k + m - x) - logBeta(k, n + 1 - k));
  let tail = 0;
  for (let x = m; x >= count; x--) tail += at(x);
  return Math.min(1, tail);
}

export interface StripRate {
  readonly threshold: Threshold;
  /** Of the triggered inputs. */
  readonly detected: Proportion;
}

/**
 * How many inputs with a known trigger STRIP rejects, at thresholds from clean inputs: for benchmarks.
 * @param clean also what is laid over
 */
export async function stripRates(
  setting: Setting,
  clean: Batch,
  triggered: Batch,
  options: Overlays = STRIP_DEFAULTS,
): Promise<StripRate[]> {
  const usual = await overlayEntropies(stream(setting, "clean"), clean, clean, options);
  const examined = await overlayEntropies(stream(setting, "triggered"), triggered, clean, options);
  return thresholdsOf(usual).map((threshold) => ({
    threshold,
    detected: proportion(examined.filter((entropy) => entropy < threshold.entropy).length, examined.length),
  }));
}

async function rejected(material: Material, triggered: Batch): Promise<readonly Rejected[]> {
  const rates = await stripRates(material, material.inputs!, triggered);
  return rates.map(({ threshold: { level }, detected: { successes, trials } }) => ({
    level,
    rejected: successes,
    triggered: trials,
  }));
}

const stream = (setting: Setting, label: string): Setting => ({ ...setting, random: setting.random.split(label) });

// ---------------------------------------------------------------- the detector

export interface StripRecord extends PlainRecord {
  /** Mean entropies of the held-out inputs, in bits. */
  readonly clean: Float64Array;
  /** Of the suspects; empty without training data. */
  readonly suspects: Float64Array;
  /** What the suspects were labelled as. */
  readonly labels: Int32Array;
  /** Their places in the training data. */
  readonly places: Int32Array;
}

async function examine(material: Material, part: StripPart): Promise<StripRecord> {
  const { inputs, training } = material;
  if (!inputs) throw new DetectorError("STRIP lays inputs over each other, and there are none; give some with --data");
  const clean = await overlayEntropies(stream(material, "clean"), inputs, inputs, part);
  const none = { suspects: new Float64Array(), labels: new Int32Array(), places: new Int32Array() };
  if (!training) return { clean, ...none };
  const places = material.random.split("suspects").permutation(training.labels.length).slice(0, part.suspects).sort();
  const drawn = partOf(training, places);
  const suspects = await overlayEntropies(stream(material, "suspects"), drawn, inputs, part);
  return { clean, suspects, labels: drawn.labels, places };
}

/** The rule's: rejections of suspects are too many at a p-value of at most this. */
export const STRIP_LEVEL = 0.05;

function conclude([record]: readonly StripRecord[]): Detection {
  const { clean, suspects, labels, places } = record!;
  const thresholds = thresholdsOf(clean);
  const [rule] = thresholds;
  const evidence = { clean, thresholds: thresholds.map((threshold) => ({ ...threshold })) };
  if (!rule || suspects.length === 0) {
    const reason = rule
      ? "STRIP examines inputs, not models: without training data under suspicion there is nothing to examine"
      : `${clean.length} held-out inputs are too few to say which entropies are unusual`;
    return { flagged: null, score: null, pValue: null, target: null, reason, evidence };
  }
  const rejected = thresholds.map(({ entropy }) => Array.from(suspects.keys()).filter((i) => suspects[i]! < entropy));
  const count = rejected[0]!.length;
  const pValue = belowOrderStatistic(count, suspects.length, rule.k, clean.length);
  const flagged = pValue <= STRIP_LEVEL;
  const share = count / suspects.length;
  const percent = (value: number) => `${(100 * value).toFixed(1)}%`;
  return {
    flagged,
    score: share,
    pValue,
    target: flagged ? modeOf(rejected[0]!.map((i) => labels[i]!)) : null,
    reason:
      `${percent(share)} of ${suspects.length} training inputs keep their answer under overlays as only ` +
      `${percent(rule.k / (clean.length + 1))} of held-out inputs do (${pText(pValue)}, ` +
      `${flagged ? "at most" : "above"} ${STRIP_LEVEL})`,
    evidence: {
      ...evidence,
      suspects,
      rejected: rejected.map((ones) => ones.length),
      places: Int32Array.from(rejected[0]!, (i) => places[i]!),
    },
  };
}

/** The most frequent number; the smallest of equals. */
function modeOf(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce((best, one) =>
    one[1] > best[1] || (one[1] === best[1] && one[0] < best[0]) ? one : best,
  )[0];
}

/** @source Gao et al. 2019, ACSAC, arXiv:1902.06531 */
export const strip = defineDetector<StripPart, StripRecord, typeof STRIP_DEFAULTS>({
  id: "strip",
  version: 1,
  standard: "with training data",
  title: "STRIP",
  summary: "Lays other inputs over each input: where the answer stays the same, the input carries a trigger.",
  source: "Gao et al. 2019, ACSAC, arXiv:1902.06531",
  settings: STRIP_DEFAULTS,
  options: (z) => ({
    overlays: z.int().min(1).describe("inputs that are laid over each input"),
    weight: z.number().positive().describe("of what is laid over; the input's own is 1"),
    clipped: z.boolean().describe("sums are cut to the pixels' range"),
    suspects: z.int().min(1).describe("most inputs of the training data that are examined"),
  }),
  needs: "inputs",
  blindTo: "triggers that a picture laid over them hides: faint, warped, or spread over the picture",
  parts: (_, settings) => [settings],
  picks: { from: "triggered inputs", rejected },
  examine,
  conclude,
});
