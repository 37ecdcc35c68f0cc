/** @file A population as the reference for a model: read from its file, and compared with what is known of the model. */

import { canonicalJson } from "../../runtime/hash.ts";
import type { Settings } from "../options.ts";
import type { DataFacts } from "./facts.ts";
import { POPULATION_SCHEMA, type Population, populationSchema, type Scan } from "./types.ts";

/** A population that is no reference for the model; the message says what differs and the way out. */
export class PopulationError extends Error {
  override readonly name = "PopulationError";
  readonly fault = "unsupported";
}

/** @throws PopulationError naming the first key that is not as `assay population` writes it */
export function readPopulation(json: unknown): Population {
  const parsed = populationSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const found = (json as { readonly schema?: unknown } | null)?.schema;
  if (typeof found === "number" && found !== POPULATION_SCHEMA) {
    throw new PopulationError(
      `a population of version ${found}, this program reads version ${POPULATION_SCHEMA}; make it again with \`assay population\``,
    );
  }
  const { path, message } = parsed.error.issues[0]!;
  throw new PopulationError(
    `no population as \`assay population\` writes it: ${path.join(".") || "the whole"}: ${message}`,
  );
}

/**
 * The scans of the clean members by this version of a detector: what a model's scan is compared with.
 * @param own settings in which the detector runs otherwise than by itself: the members' must be the same
 */
export const cleanScans = (
  { members }: Population,
  detector: { readonly id: string; readonly version: number },
  own: Settings = {},
): Scan[] =>
  members.flatMap(({ group, scans }) => {
    const scan = group === "clean" ? scans[detector.id] : undefined;
    const same = scan?.version === detector.version && canonicalJson(scan.settings ?? {}) === canonicalJson({ ...own });
    return same ? [scan] : [];
  });

/** What must be known of a model and its inputs to compare it with a population. */
export interface ModelFacts {
  /** Of one input, as in the data set: [C, H, W]. */
  readonly shape: readonly number[];
  readonly classes: number;
  /** By `architectureHash`. */
  readonly architecture: string;
  /** By `weightScales`. */
  readonly weightScales: readonly number[];
  /** Of the inputs that it is scanned with; undefined without inputs. */
  readonly data?: DataFacts | undefined;
  /** Number of those inputs. */
  readonly images?: number | undefined;
}

/** Scores of another architecture or training are not exchangeable with the members': they give no p-value. */
export type PopulationMatch =
  | { readonly kind: "matches" }
  | { readonly kind: "other architecture" | "other training"; readonly reason: string };

/**
 * Is the population of the model's task?
 * @throws PopulationError where inputs, classes or data differ
 */
export function matchPopulation({ task, scan }: Population, model: ModelFacts): PopulationMatch {
  const refuse = (fact: string) => {
    const way = "give a population of the model's own task, or none: the answer is then a heuristic";
    return new PopulationError(`the reference population is of another task: ${fact}; ${way}`);
  };
  if (`${task.shape}` !== `${model.shape}`) {
    throw refuse(`its inputs are [${task.shape}], the model's are [${model.shape}]`);
  }
  if (task.classes !== model.classes) throw refuse(`it has ${task.classes} classes, the model has ${model.classes}`);
  if (model.data) {
    const difference = dataDifference(task.data, model.data, { a: scan.images, b: model.images ?? scan.images });
    if (difference) throw refuse(difference);
  }
  if (task.architecture !== model.architecture) {
    const reason = `its members are of the architecture ${task.architectureName}, the model is of another one`;
    return { kind: "other architecture", reason };
  }
  const reason = trainingDifference(task.weightScales, model.weightScales);
  return reason === undefined ? { kind: "matches" } : { kind: "other training", reason };
}

/**
 * The weights of a layer are larger or smaller than in the clean members by this factor at most, where the recipe is the
 * same. Measured: 80 clean and 100 backdoored networks of 11 kinds, MLP and CNNa on digits, 1.36 at most; the same CNNa
 * trained by interval bounds, 1.7 to 2.2 in every layer. Milder changes of the recipe do not show here: with shifted
 * pictures, fewer images or adversarial training the weights move as little as with a backdoor.
 */
const SAME_TRAINING = 1.4;

/** What tells that a model was trained otherwise than the members, or undefined. */
function trainingDifference(members: readonly number[], own: readonly number[]): string | undefined {
  const ratios = members.map((scale, i) => own[i]! / scale);
  const layer = ratios.findIndex((ratio) => !(ratio <= SAME_TRAINING && ratio >= 1 / SAME_TRAINING));
  if (layer < 0) return undefined;
  const factor = `${ratios[layer]!.toPrecision(2)} times as large as in its members`;
  return `the model seems to be trained otherwise: the weights of layer ${layer + 1} are ${factor}`;
}

/**
 * Two samples of a and b inputs of one task differ in mean, spread and mean picture by no more than
 * 0.01 + 0.35·√(1/a + 1/b). Measured with samples of 20 to 500 against samples of 400, 40 of each: between parts of MNIST
 * (test, training, bundled digits) 0.34·√(1/a + 1/b) at most and 0.33 within Fashion-MNIST, while digits and clothes differ
 * by 0.18, digits and digits blurred over 3 × 3 pixels by 0.054, with noise of 0.2 by 0.065, moved by 3 pixels by 0.10.
 */
const DATA_FLOOR = 0.01;
const DATA_SPREAD = 0.35;

/** What tells the data of two samples apart, or undefined. */
export function dataDifference(
  a: DataFacts,
  b: DataFacts,
  images: { readonly a: number; readonly b: number },
): string | undefined {
  const [own, other] = [`its inputs (${a.name})`, `the model's (${b.name})`];
  if (a.coarse.length !== b.coarse.length) return `one of ${own} and ${other} are pictures, the others are not`;
  const most = DATA_FLOOR + DATA_SPREAD * Math.sqrt(1 / images.a + 1 / images.b);
  const squares = a.coarse.reduce((sum, value, i) => sum + (value - b.coarse[i]!) ** 2, 0);
  const parts = [
    { what: "pixels with the mean", apart: Math.abs(a.mean - b.mean), values: [a.mean, b.mean] },
    { what: "pixels with the standard deviation", apart: Math.abs(a.std - b.std), values: [a.std, b.std] },
    { what: "mean pictures", apart: Math.sqrt(squares / Math.max(1, a.coarse.length)), values: undefined },
  ];
  const odd = parts.find(({ apart }) => apart > most);
  if (!odd) return undefined;
  const fact = odd.values
    ? `${own} have ${odd.what} ${odd.values[0]!.toFixed(3)}, ${other} ${odd.values[1]!.toFixed(3)}`
    : `${own} and ${other} have ${odd.what} that differ by ${odd.apart.toFixed(3)}`;
  return `${fact}, where samples of one task differ by ${most.toFixed(3)} at most`;
}
