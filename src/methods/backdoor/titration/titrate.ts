/** @file The run itself: inputs under noise of rising intensity, and the answers counted. */

import { rowsAt } from "../../../graph/tensor.ts";
import type { PlainRecord } from "../../../runtime/jobs.ts";
import type { Batch } from "../../../spec/classification.ts";
import { timeOf } from "../../time.ts";
import { DetectorError, type Material } from "../types.ts";
import { type Answers, compileResponder, type Mixing, type Responder, UNBOUNDED } from "./graph.ts";
import { drawBases, drawNoise, type NoiseSize } from "./noise.ts";
import { addLeanings, histogram, means, surelyWrongAt, tallyOf } from "./tally.ts";
import { temperatureOf } from "./temperature.ts";
import {
  type Base,
  FEWEST_OF_LABEL,
  inPrimaryRange,
  MOST_LABELS,
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

/** The score at the temperature at which the network is as sure as it is right. */
export interface Tempered extends PlainRecord {
  readonly temperature: number;
  /** `null` where the grid has no intensity in the primary range. */
  readonly jointArea: number | null;
}

export interface TemperedCurve {
  readonly curve: TitrationCurve;
  /** `null` for noise alone, which has no labels, and where no temperature fits them. */
  readonly tempered: Tempered | null;
}

/** What noise is added to, and what is expected of it. */
interface Titrated {
  /** [n · size] */
  readonly images: Float32Array;
  /** [n]: reference labels. */
  readonly labels: Int32Array;
  /** Without noise. */
  readonly plain: Answers;
  /** That fits the labels of all inputs, wrong answers included. */
  readonly fitted: number | null;
  /** [n · size]: of unit intensity, each input's own; drawn once a kind. */
  readonly noiseOf: (kind: NoiseKind) => Float32Array;
}

/**
 * One curve a mode. In the real modes the inputs that are not answered with their label without noise are left out; in the
 * noise modes the reference label is the model's own answer to the picture of noise.
 *
 * @throws DetectorError for fewer than 20 usable inputs, modes that need a range where there is none, or NaN answers
 */
export const titrate = async (material: Material, options: TitrateOptions = {}): Promise<TitrationCurve[]> =>
  (await titrateTempered(material, options)).map(({ curve }) => curve);

/** The same curves, each with its tempered score: found from the same answers. */
export async function titrateTempered(material: Material, options: TitrateOptions = {}): Promise<TemperedCurve[]> {
  const { modes = defaultModes(material), temperature = 1 } = options;
  if (!(temperature > 0)) throw new RangeError(`a temperature is above 0, got ${temperature}`);
  const responders = new Map<Mixing, Promise<Responder>>();
  const responderOf = (noise: NoiseKind): Promise<Responder> => {
    const mixing = noise === "salt-and-pepper" ? "replacing" : "added";
    const made = responders.get(mixing) ?? compileResponder(material, mixing);
    responders.set(mixing, made);
    return made;
  };
  const bases = new Map<Base, Titrated>();
  const curves: TemperedCurve[] = [];
  const time = timeOf(material.left);
  for (const current of modes) {
    checkMode(current, material);
    // the first is the one that is scored
    if (curves.length > 0 && !time.fits()) break;
    const responder = await responderOf(current.noise);
    const titrated = bases.get(current.base) ?? (await prepare(material, current.base, responder, options));
    bases.set(current.base, titrated);
    const already = curves.length;
    const told: Material = {
      ...material,
      progress: (done, total) => material.progress?.(already * total + done, modes.length * total),
    };
    curves.push(await time.run(() => runMode(told, current, titrated, responder, { ...options, temperature })));
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
  const places = Int32Array.from({ length: count }, (_, i) => i);
  if (base === "noise") {
    const noiseOf = oncePerKind((kind) => drawNoise(kind, material.random, drawn));
    return { images, labels: plain.classes, plain, fitted: null, noiseOf };
  }
  const labels = material.inputs!.labels.subarray(0, count);
  const right = places.filter((i) => plain.classes[i] === labels[i]);
  const fitted = temperatureOf(plain.logits, labels, material.network.classes);
  const noiseOf = oncePerKind((kind) => gather(drawNoise(kind, material.random, drawn), right, size));
  return { ...onlyAt(right, { images, labels, plain }), fitted, noiseOf };
}

function oncePerKind(draw: (kind: NoiseKind) => Float32Array): (kind: NoiseKind) => Float32Array {
  const drawn = new Map<NoiseKind, Float32Array>();
  return (kind) => {
    const noise = drawn.get(kind) ?? draw(kind);
    drawn.set(kind, noise);
    return noise;
  };
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

type Answered = Pick<Titrated, "images" | "labels" | "plain">;

/** @param places of inputs that are answered right */
function onlyAt(places: Int32Array, { images, labels, plain }: Answered): Answered {
  const count = labels.length;
  if (places.length < FEWEST_INPUTS) {
    const fact = `the model answers only ${places.length} of ${count} inputs with their label`;
    throw new DetectorError(
      `${fact}, titration needs ${FEWEST_INPUTS}; check that data and labels are of the model's task, or give no data: ` +
        "then it uses noise alone",
    );
  }
  return {
    images: gather(images, places, images.length / count),
    labels: places.map((i) => labels[i]!),
    plain: {
      classes: places.map((i) => plain.classes[i]!),
      confidences: gather(plain.confidences, places, 1),
      logits: gather(plain.logits, places, plain.logits.length / count),
    },
  };
}

function gather(values: Float32Array, places: Int32Array, size: number): Float32Array {
  return places.length * size === values.length ? values : rowsAt(values, size, places);
}

async function runMode(
  { domain, network, progress }: Material,
  current: Mode,
  { images, labels, plain, fitted, noiseOf }: Titrated,
  responder: Responder,
  { sigmas = SIGMAS, shares = SALT_SHARES, stopAt, temperature }: TitrateOptions & { readonly temperature: number },
): Promise<TemperedCurve> {
  const { noise: kind, clipped } = current;
  const inputs = labels.length;
  const replacing = kind === "salt-and-pepper";
  const grid = checkGrid(replacing ? shares : sigmas);
  const width = domain && !replacing ? domain[1] - domain[0] : 1;
  const range = domain && (clipped || replacing) ? domain : UNBOUNDED;
  const noise = noiseOf(kind);

  const timesSurelyWrong = new Int32Array(inputs);
  const remaining = grid.filter((sigma) => inPrimaryRange(kind, sigma));
  const primary = remaining.length;
  const points: Tally[] = [];
  const byLabel =
    current.base === "real" && network.classes <= MOST_LABELS ? new Float64Array(network.classes ** 2) : null;
  let surelyWrongSum = 0;
  let temperedSum = 0;
  for (const sigma of grid) {
    const counted = inPrimaryRange(kind, sigma);
    if (stopAt !== undefined) {
      if (sigma > 0 && !counted) continue;
      if (counted && decided(surelyWrongSum, remaining.length, primary, stopAt)) break;
    }
    const answers =
      sigma === 0 ? plain : await responder.respond(images, { noise, sigma: sigma * width, range, temperature });
    const tally = tallyOf(sigma, answers, plain, labels, counted ? timesSurelyWrong : undefined);
    points.push(tally);
    progress?.(points.length, grid.length);
    if (!counted) continue;
    remaining.shift();
    if (byLabel) addLeanings(byLabel, answers.logits, labels);
    surelyWrongSum += tally.wrongConfident.at(-1)! / inputs;
    if (fitted !== null) temperedSum += surelyWrongAt(fitted, answers, labels) / inputs;
  }
  const times = histogram(timesSurelyWrong, primary + 1);
  const counts = histogram(labels, network.classes);
  const done = primary - remaining.length;
  const curve: TitrationCurve = {
    mode: current,
    inputs,
    labels: counts,
    grid,
    points,
    timesSurelyWrong: times,
    leaningsByLabel: byLabel && done > 0 ? counts.flatMap((count, label) => rowOf(byLabel, label, count, done)) : [],
  };
  const jointArea = primary === 0 ? null : temperedSum / primary;
  return { curve, tempered: fitted === null ? null : { temperature: fitted, jointArea } };
}

/** @param points that were summed over */
function rowOf(byLabel: Float64Array, label: number, count: number, points: number): (number | null)[] {
  const classes = Math.sqrt(byLabel.length);
  const row = byLabel.subarray(label * classes, (label + 1) * classes);
  return count < FEWEST_OF_LABEL ? Array.from(row, () => null) : means(row, count * points);
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
