/** @file The run itself: inputs under noise of rising intensity, and the answers counted. */

import type { Batch } from "../../problem.ts";
import { DetectorError, type Material } from "../types.ts";
import { type Answers, compileResponder, type Dosing, type Responder, UNBOUNDED } from "./graph.ts";
import { drawBases, drawNoise, type NoiseSize } from "./noise.ts";
import {
  type Base,
  GAMMAS,
  inPrimaryRange,
  type Mode,
  modeId,
  type NoiseKind,
  SALT_SHARES,
  SIGMAS,
  type Tally,
  type TitrationCurve,
} from "./types.ts";

export interface TitrateOptions {
  /** Default: all that the material allows, see `defaultModes`. */
  readonly modes?: readonly Mode[];
  /** Inputs at most: the first of the material's, or so many pictures of noise. */
  readonly inputs?: number;
  /** Intensities of Gaussian and uniform noise, rising. */
  readonly sigmas?: readonly number[];
  /** Shares of replaced pixels for salt-and-pepper, rising. */
  readonly shares?: readonly number[];
  /** Logits are divided by it before the softmax: changes how sure answers are, never what they are. */
  readonly temperature?: number;
  /**
   * A threshold for the area of the primary score (`jointArea`). Only intensities in the primary range are run, and no
   * more once the outcome of the others cannot change on which side of the threshold the area lies. Default: all are run.
   */
  readonly stopAt?: number;
}

export const DEFAULT_INPUTS = 400;
/** With fewer, a curve's steps are 5 % of the inputs or more. */
const FEWEST_INPUTS = 20;

const mode = (base: Base, noise: NoiseKind, clipped: boolean): Mode => ({ base, noise, clipped });

/** What can be run on the material: noise alone where it has no inputs, no clipping where there is no range. */
export function defaultModes({ inputs, domain }: Pick<Material, "inputs" | "domain">): readonly Mode[] {
  const real = [
    mode("real", "gaussian", true),
    mode("real", "gaussian", false),
    mode("real", "salt-and-pepper", true),
  ] as const;
  const noise = [mode("noise", "gaussian", true), mode("noise", "gaussian", false)] as const;
  if (domain) return inputs ? [...real, ...noise] : noise;
  if (inputs) return real.filter(({ noise: kind, clipped }) => kind === "gaussian" && !clipped);
  throw new DetectorError("titration without inputs needs the pixels' range; give inputs, or the range");
}

/** What noise is added to, and what is expected of it. */
interface Titrated {
  /** [n · size] */
  readonly images: Float32Array;
  /** [n]: reference labels. */
  readonly labels: Int32Array;
  /** [n]: where each input's noise lies in what is drawn for all. */
  readonly places: Int32Array;
  /** Without noise. */
  readonly plain: Answers;
  readonly drawn: NoiseSize;
}

/**
 * One curve a mode. In the real modes the inputs that are not answered with their label without noise are left out; in the
 * noise modes the reference label is the model's own answer to the picture of noise.
 *
 * @throws DetectorError for fewer than 20 usable inputs, modes that need a range where there is none, or NaN answers
 */
export async function titrate(material: Material, options: TitrateOptions = {}): Promise<TitrationCurve[]> {
  const { modes = defaultModes(material), temperature = 1 } = options;
  if (!(temperature > 0)) throw new RangeError(`a temperature is above 0, got ${temperature}`);
  const responders = new Map<Dosing, Promise<Responder>>();
  const responderOf = (noise: NoiseKind): Promise<Responder> => {
    const dosing = noise === "salt-and-pepper" ? "replacing" : "added";
    const made = responders.get(dosing) ?? compileResponder(material.network, material.runtime, dosing);
    responders.set(dosing, made);
    return made;
  };
  const bases = new Map<Base, Titrated>();
  const curves: TitrationCurve[] = [];
  for (const current of modes) {
    checkMode(current, material);
    const responder = await responderOf(current.noise);
    const titrated = bases.get(current.base) ?? (await prepare(material, current.base, responder, options));
    bases.set(current.base, titrated);
    curves.push(await runMode(material, current, titrated, responder, { ...options, temperature }));
  }
  return curves;
}

function checkMode(current: Mode, { domain, inputs }: Material): void {
  if (!domain && (current.clipped || current.base === "noise" || current.noise === "salt-and-pepper")) {
    throw new DetectorError(`${modeId(current)} needs the range of the pixels; declare it, or titrate unclipped`);
  }
  if (current.base === "real" && !inputs) {
    throw new DetectorError(`${modeId(current)} needs inputs; give data, or titrate noise alone`);
  }
}

async function prepare(
  material: Material,
  base: Base,
  responder: Responder,
  { inputs: most = DEFAULT_INPUTS, temperature = 1 }: TitrateOptions,
): Promise<Titrated> {
  const size = material.inputShape.reduce((product, dim) => product * dim, 1);
  const count = base === "real" ? Math.min(most, material.inputs!.labels.length) : most;
  if (count < FEWEST_INPUTS) {
    throw new DetectorError(
      `titration needs at least ${FEWEST_INPUTS} inputs, got ${count}; give more, or none: then it uses noise alone`,
    );
  }
  const drawn = { count, size, geometry: material.geometry };
  const images = base === "real" ? firstImages(material.inputs!, count) : basePictures(material, drawn);
  const plain = await responder.respondPlain(images, temperature);
  if (base === "noise") {
    return { images, labels: plain.classes, places: Int32Array.from({ length: count }, (_, i) => i), plain, drawn };
  }
  return onlyRight({ images, labels: material.inputs!.labels.subarray(0, count), plain, drawn });
}

/** [count · size] */
export function firstImages({ images, labels }: Batch, count: number): Float32Array {
  const data = images.data.subarray(0, (images.data.length / labels.length) * count);
  return data instanceof Float32Array ? data : Float32Array.from(data);
}

/** Pictures of noise within the pixels' range. */
function basePictures({ random, domain }: Material, drawn: NoiseSize): Float32Array {
  const [low, high] = domain!;
  const unit = drawBases(random, drawn);
  return low === 0 && high === 1 ? unit : unit.map((value) => low + (high - low) * value);
}

function onlyRight({ images, labels, plain, drawn }: Omit<Titrated, "places">): Titrated {
  const { size, count } = drawn;
  const places = Int32Array.from({ length: count }, (_, i) => i).filter((i) => plain.classes[i] === labels[i]);
  if (places.length < FEWEST_INPUTS) {
    const fact = `the model answers only ${places.length} of ${count} inputs with their label`;
    throw new DetectorError(
      `${fact}, titration needs ${FEWEST_INPUTS}; check that data and labels are of the model's task, or give no data: ` +
        "then it uses noise alone",
    );
  }
  return {
    images: gather(images, places, size),
    labels: places.map((i) => labels[i]!),
    places,
    plain: {
      classes: places.map((i) => plain.classes[i]!),
      confidences: Float32Array.from(places, (i) => plain.confidences[i]!),
      logits: gather(plain.logits, places, plain.logits.length / count),
    },
    drawn,
  };
}

function gather(values: Float32Array, places: Int32Array, size: number): Float32Array {
  if (places.length * size === values.length) return values;
  const out = new Float32Array(places.length * size);
  for (let k = 0; k < places.length; k++) {
    out.set(values.subarray(places[k]! * size, (places[k]! + 1) * size), k * size);
  }
  return out;
}

async function runMode(
  { domain, random, network }: Material,
  current: Mode,
  titrated: Titrated,
  responder: Responder,
  { sigmas = SIGMAS, shares = SALT_SHARES, stopAt, temperature }: TitrateOptions & { readonly temperature: number },
): Promise<TitrationCurve> {
  const { noise: kind, clipped } = current;
  const { images, labels, places, plain, drawn } = titrated;
  const replacing = kind === "salt-and-pepper";
  const grid = checkGrid(replacing ? shares : sigmas);
  const width = domain && !replacing ? domain[1] - domain[0] : 1;
  const range = domain && (clipped || replacing) ? domain : UNBOUNDED;
  const noise = gather(drawNoise(kind, random, drawn), places, drawn.size);

  const surelyWrong = new Int32Array(labels.length);
  const remaining = grid.filter((sigma) => inPrimaryRange(kind, sigma));
  const primary = remaining.length;
  const points: Tally[] = [];
  let surelyWrongSum = 0;
  for (const sigma of grid) {
    const counted = inPrimaryRange(kind, sigma);
    if (stopAt !== undefined) {
      if (sigma > 0 && !counted) continue;
      if (counted && decided(surelyWrongSum, remaining.length, primary, stopAt)) break;
    }
    const answers =
      sigma === 0 ? plain : await responder.respond(images, { noise, sigma: sigma * width, range, temperature });
    const tally = tallyOf(sigma, answers, plain, labels, network.classes);
    points.push(tally);
    if (!counted) continue;
    remaining.shift();
    surelyWrongSum += tally.wrongConfident.at(-1)! / labels.length;
    for (let i = 0; i < labels.length; i++) if (isSurelyWrong(answers, labels, i)) surelyWrong[i]!++;
  }
  return {
    mode: current,
    inputs: labels.length,
    labels: histogram(labels, network.classes),
    grid,
    points,
    timesSurelyWrong: histogram(surelyWrong, primary + 1),
  };
}

function checkGrid(grid: readonly number[]): number[] {
  const rising = grid.every((sigma, i) => sigma >= 0 && Number.isFinite(sigma) && (i === 0 || sigma > grid[i - 1]!));
  if (grid.length === 0 || !rising)
    throw new RangeError(`intensities rise from 0 or above, got ${grid.join(", ") || "none"}`);
  return [...grid];
}

/** The area is (sum so far + what `left` more points add, each between 0 and 1) / primary. */
const decided = (sum: number, left: number, primary: number, threshold: number): boolean =>
  sum / primary > threshold || (sum + left) / primary < threshold;

const isSurelyWrong = ({ classes, confidences }: Answers, labels: Int32Array, i: number): boolean =>
  classes[i] !== labels[i] && confidences[i]! > GAMMAS.at(-1)!;

function tallyOf(sigma: number, answers: Answers, plain: Answers, labels: Int32Array, count: number): Tally {
  const { classes, confidences } = answers;
  const zeros = (length: number): number[] => new Array<number>(length).fill(0);
  const [confident, wrongConfident] = [zeros(GAMMAS.length), zeros(GAMMAS.length)];
  const [right, wrongAnswers, wrongLabels] = [zeros(count), zeros(count), zeros(count)];
  let wrong = 0;
  let flips = 0;
  for (let i = 0; i < labels.length; i++) {
    const [answer, label] = [classes[i]!, labels[i]!];
    if (answer !== plain.classes[i]) flips++;
    if (answer === label) right[answer]!++;
    else wrong++;
    for (const [g, gamma] of GAMMAS.entries()) {
      if (!(confidences[i]! > gamma)) continue;
      confident[g]!++;
      if (answer !== label) wrongConfident[g]!++;
    }
    if (!isSurelyWrong(answers, labels, i)) continue;
    wrongAnswers[answer]!++;
    wrongLabels[label]!++;
  }
  return {
    sigma,
    wrong,
    flips,
    confident,
    wrongConfident,
    answers: histogram(classes, count),
    right,
    wrongAnswers,
    wrongLabels,
    leanings: leaningsOf(answers.logits, count),
  };
}

/** @param logits [n · K]  @returns [K] */
function leaningsOf(logits: Float32Array, classes: number): number[] {
  const sums = new Float64Array(classes);
  const inputs = logits.length / classes;
  for (let from = 0; from < logits.length; from += classes) {
    const row = logits.subarray(from, from + classes);
    const mean = row.reduce((sum, logit) => sum + logit, 0) / classes;
    const spread = Math.sqrt(row.reduce((sum, logit) => sum + (logit - mean) ** 2, 0) / classes);
    // equal logits lean nowhere
    if (spread > 0) for (let k = 0; k < classes; k++) sums[k]! += (row[k]! - mean) / spread;
  }
  return Array.from(sums, (sum) => Math.round((LEANING_STEPS * sum) / inputs) / LEANING_STEPS);
}

const LEANING_STEPS = 1e4;

function histogram(values: Int32Array, length: number): number[] {
  const counts = new Array<number>(length).fill(0);
  for (const value of values) counts[value]!++;
  return counts;
}
