/**
 * @file MM-BD: for every class, how far can its logit be pushed above the others by any input? A backdoor's target class
 * stands out. Needs no data. Constants and rule are those of the authors' code.
 */

import { makeGraph, outputOf } from "../../graph/traverse.ts";
import type { Graph } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { add, mul, scale, sub } from "../../ops/rules.ts";
import type { PlainRecord } from "../../runtime/jobs.ts";
import { fitGamma, fitShiftedGamma, fittedSides, type GammaFit } from "../../stats/gamma.ts";
import { median } from "../../stats/summary.ts";
import { gradient } from "../../transforms/gradient.ts";
import { type Network, substitute } from "../network.ts";
import { noGradient } from "../no-gradient.ts";
import { rowsAtOnce, runRows } from "./rows.ts";
import { type CaseFacts, type Detection, DetectorError, defineDetector, type Material } from "./types.ts";

/** Of the authors' code. */
export const MARGIN_DEFAULTS = {
  /** Starts for each class, uniform in the pixels' range. */
  images: 30,
  steps: 300,
  /**
   * Of plain gradient ascent: the authors' script asks for momentum .2, but makes a new optimiser at every step, so no
   * momentum ever gathers.
   */
  learningRate: 0.01,
  /** A class ends when the sum of its margins changes by less than this share in a step. */
  tolerance: 1e-5,
};

/** The first loss is compared with this. */
const LOSS_BEFORE = 1000;

/** Of the steps that it may take: no class is known to settle in fewer. */
const LEAST_STEPS = 0.1;

/** Classes that share a batch: few enough that several threads find work. */
const CLASSES_A_PART = 5;

export interface MarginPart extends PlainRecord {
  readonly classes: readonly number[];
  readonly images: number;
  readonly steps: number;
  readonly learningRate: number;
  readonly tolerance: number;
}

/** One class's ascent. */
export interface ClassMargin extends PlainRecord {
  readonly label: number;
  /** The largest margin over the images, in logits. */
  readonly margin: number;
  readonly steps: number;
  /** The image with that margin, within the range, in the network's layout. */
  readonly image: Float32Array;
}

export interface MarginRecord extends PlainRecord {
  readonly margins: readonly ClassMargin[];
}

// ---------------------------------------------------------------- the ascent

/** Added to a class's own logit to find the best other: beyond any logit, and finite, so that 0 · HIDDEN is 0. */
const HIDDEN = -1e30;

/**
 * One step for a batch of images, each for its own class. Inputs `points` [N, …input] and `onehot` [N, classes]; outputs
 * `margin` [N] = z_c − max_{k≠c} z_k of the points clamped to the range, and `next`, the points one step up.
 */
export function marginStepGraph(network: Network, [low, high]: readonly [number, number], learningRate: number): Graph {
  const b = builder();
  const points = b.input(network.input.name, network.input.shape);
  const onehot = b.input("onehot", network.logits.shape);
  const clamped = b.emit("Clip", [points], { min: low, max: high });
  const logits = outputOf(substitute(network.graph, new Map([[network.input, clamped]]), [points]));
  const own = b.emit("ReduceSum", [mul(b, logits, onehot)], { axes: [1], keepdims: false });
  const others = add(b, logits, scale(b, onehot, HIDDEN));
  const margin = sub(b, own, b.emit("ReduceMax", [others], { axes: [1], keepdims: false }));
  // the loss of a class is the sum over its images: each image's gradient is of its own margin alone
  const [slope] = gradient(b, margin, [points]);
  if (!slope) throw noGradient(network);
  return makeGraph(
    [points, onehot],
    [
      { name: "margin", value: margin },
      { name: "next", value: add(b, points, scale(b, slope, learningRate)) },
    ],
  );
}

interface Ascent {
  readonly label: number;
  points: Float32Array;
  /** Of the points before the last step. */
  evaluated: Float32Array;
  margins: Float32Array;
  loss: number;
  steps: number;
}

/** Raises the margins of all classes of the part together; a class that has settled leaves the batch. */
export async function raiseMargins(material: Material, part: MarginPart): Promise<MarginRecord> {
  const { network, runtime, inputShape, domain } = material;
  if (!domain)
    throw new DetectorError(
      "MM-BD searches inputs within the pixels' range, and this model's inputs have none; state it in the data contract",
    );
  const size = inputShape.reduce((product, dim) => product * dim, 1);
  const graph = marginStepGraph(network, domain, part.learningRate);
  const session = await runtime.compile(graph, { float: "float32", name: "MM-BD step" });
  const ascents = part.classes.map((label): Ascent => {
    const points = new Float32Array(part.images * size);
    material.random.split(`class/${label}`).fillUniform(points, ...domain);
    return { label, points, evaluated: points, margins: new Float32Array(), loss: LOSS_BEFORE, steps: 0 };
  });
  let active = ascents;
  for (let step = 0; step < part.steps && active.length > 0; step++) {
    material.progress?.(step, part.steps);
    const rows = {
      [network.input.name]: { values: joined(active.map(({ points }) => points)), shape: inputShape },
      onehot: { values: onehots(active, part.images, network.classes), shape: [network.classes] },
    };
    const { margin, next } = await runRows(session, rows, rowsAtOnce(material, Number.POSITIVE_INFINITY));
    active = active.filter((ascent, k) => advance(ascent, k, margin!, next!, part));
  }
  return { margins: ascents.map((ascent) => bestOf(ascent, domain)) };
}

const joined = (parts: readonly Float32Array[]): Float32Array => {
  const out = new Float32Array(parts.length * parts[0]!.length);
  for (const [k, part] of parts.entries()) out.set(part, k * part.length);
  return out;
};

function onehots(ascents: readonly Ascent[], images: number, classes: number): Float32Array {
  const out = new Float32Array(ascents.length * images * classes);
  for (const [k, { label }] of ascents.entries())
    for (let i = 0; i < images; i++) out[(k * images + i) * classes + label] = 1;
  return out;
}

/** Takes over the k-th class's share of a step. @returns whether it goes on */
function advance(ascent: Ascent, k: number, margin: Float32Array, next: Float32Array, part: MarginPart): boolean {
  const of = (all: Float32Array, each: number) => all.slice(k * each, (k + 1) * each);
  ascent.evaluated = ascent.points;
  ascent.margins = of(margin, part.images);
  ascent.points = of(next, ascent.points.length);
  ascent.steps++;
  const loss = -ascent.margins.reduce((sum, value) => sum + value, 0);
  const settled = Math.abs(ascent.loss - loss) / Math.abs(ascent.loss) < part.tolerance;
  ascent.loss = loss;
  return !settled;
}

function bestOf({ label, evaluated, margins, steps }: Ascent, [low, high]: readonly [number, number]): ClassMargin {
  const margin = Math.max(...margins);
  const size = evaluated.length / margins.length;
  const at = margins.indexOf(margin);
  const image = evaluated.slice(at * size, (at + 1) * size).map((value) => Math.min(high, Math.max(low, value)));
  return { label, margin, steps, image };
}

// ---------------------------------------------------------------- the rule over all classes

/** Fewer values than this have no fitted distribution worth the name. */
const FEWEST_OTHERS = 3;

export interface MarginTest {
  /** 1 − F(r_max)^K; `null` where no distribution could be fitted. */
  readonly pValue: number | null;
  /** log₁₀ of it, which does not end where doubles do. */
  readonly log10P: number | null;
  readonly fit: GammaFit | null;
  /** Parameters of the fit. */
  readonly parameters: 2 | 3 | null;
}

/** Below zero there is no gamma distribution that begins at zero: it begins this share of the range below the smallest. */
const SHIFT = 0.1;

const twoParameters = (values: readonly number[]): GammaFit | undefined => {
  const [smallest, largest] = [Math.min(...values), Math.max(...values)];
  return fitGamma(values, smallest > 0 ? 0 : smallest - SHIFT * (largest - smallest));
};

/** K² s² is below a double's resolution of K s. */
const FAR_OUT = -50;

/**
 * The largest statistic against a gamma distribution fitted to the others: with three parameters, as `scipy.stats.gamma.fit`
 * does in the authors' code; with two where that fails, or where asked.
 *
 * @source Wang et al. 2024, arXiv:2205.06900: the largest of K, by its order statistic
 */
export function marginTest(margins: readonly number[], parameters: 2 | 3 = 3): MarginTest {
  const largest = Math.max(...margins);
  const at = margins.indexOf(largest);
  const others = margins.filter((_, i) => i !== at);
  const none = { pValue: null, log10P: null, fit: null, parameters: null };
  if (others.length < FEWEST_OTHERS || !others.every(Number.isFinite)) return none;
  const shifted = parameters === 3 ? fitShiftedGamma(others) : undefined;
  const fit = shifted ?? twoParameters(others);
  if (!fit) return none;
  const { logAbove } = fittedSides(largest, fit);
  // 1 − (1 − s)^K, s = e^logAbove; far out it is K s
  const pValue = -Math.expm1(margins.length * Math.log1p(-Math.exp(logAbove)));
  const log10P = (logAbove > FAR_OUT ? Math.log(pValue) : Math.log(margins.length) + logAbove) / Math.LN10;
  return { pValue, log10P, fit, parameters: shifted ? 3 : 2 };
}

/** In logits: margins below count as this, so that ratios of them stay finite. */
const LEAST_MARGIN = 0.01;

/** ln(r_max / median of the others): free of the logits' scale, and of a fit to few values. */
export function marginScore(margins: readonly number[]): number {
  const largest = Math.max(...margins);
  const at = margins.indexOf(largest);
  const others = median(margins.filter((_, i) => i !== at));
  return Math.log(Math.max(largest, LEAST_MARGIN) / Math.max(others, LEAST_MARGIN));
}

function conclude(
  records: readonly MarginRecord[],
  facts: CaseFacts,
  { level }: Pick<typeof SETTINGS, "level">,
): Detection {
  const found = records.flatMap(({ margins }) => margins);
  const margins = found.map(({ margin }) => margin);
  const test = marginTest(margins);
  const two = marginTest(margins, 2);
  const best = found[margins.indexOf(Math.max(...margins))]!;
  const flagged = test.pValue === null ? null : test.pValue <= level;
  const others = median(margins.filter((_, i) => found[i] !== best));
  const seen = `class ${best.label}'s margin can be raised to ${best.margin.toFixed(1)} logits, the median of the other classes to ${others.toFixed(1)}`;
  const rule =
    test.pValue === null
      ? "too few or too equal classes for its test"
      : `p = ${test.pValue.toPrecision(2)} by its gamma test, ${flagged ? "at most" : "above"} ${level}`;
  return {
    flagged,
    score: marginScore(margins),
    pValue: test.pValue,
    target: flagged ? best.label : null,
    reason: `${seen} (${rule})`,
    evidence: {
      labels: found.map(({ label }) => label),
      margins,
      steps: found.map(({ steps }) => steps),
      largest: best.label,
      log10P: test.log10P,
      fit: test.fit && { ...test.fit },
      parameters: test.parameters,
      twoParameterP: two.pValue,
      level,
      image: {
        label: best.label,
        pixels: best.image,
        inputShape: [...facts.inputShape],
        geometry: facts.geometry ? { ...facts.geometry } : null,
      },
    },
  };
}

/** `level`: the test flags at a p-value of at most this. */
const SETTINGS = { ...MARGIN_DEFAULTS, level: 0.05 };

/** @source Wang et al. 2024, IEEE S&P, arXiv:2205.06900, and the authors' code */
export const mmBd = defineDetector<MarginPart, MarginRecord, typeof SETTINGS>({
  id: "mm-bd",
  version: 1,
  standard: "always",
  role: "margins",
  title: "MM-BD (maximum margins)",
  summary: "Raises each class's margin over all inputs; a class that can be raised far above the others is a target.",
  source: "Wang et al. 2024, IEEE S&P, arXiv:2205.06900",
  settings: SETTINGS,
  options: (z) => ({
    images: z.int().min(1).describe("restarts for each class"),
    steps: z.int().min(1).describe("most steps of gradient ascent"),
    learningRate: z.number().positive().describe("length of a step, times the slope"),
    tolerance: z.number().min(0).describe("a class ends when its margins change by less than this share in a step"),
    level: z.number().positive().max(1).describe("largest p-value at which its test flags"),
  }),
  needs: "nothing",
  blindTo: "backdoors into many classes, and models whose classes differ in their margins anyway",
  parts: ({ classes }, { images, steps, learningRate, tolerance }) =>
    Array.from({ length: Math.ceil(classes / CLASSES_A_PART) }, (_, part) => ({
      classes: Array.from({ length: classes }, (_, label) => label).slice(
        part * CLASSES_A_PART,
        (part + 1) * CLASSES_A_PART,
      ),
      images,
      steps,
      learningRate,
      tolerance,
    })),
  leastRuns: ({ classes, images, steps }) => 3 * classes.length * images * Math.ceil(LEAST_STEPS * steps),
  examine: raiseMargins,
  conclude,
});
