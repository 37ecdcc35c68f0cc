/**
 * @file The model file itself: how it is fed and how its answer is read. One place says it, and everything that runs the
 * file goes through it: clean answers, re-checked witnesses, samples of a set.
 */

import { fromHalf, roundEven, toHalf } from "../formats/float16.ts";
import type { Tensor } from "../graph/types.ts";
import { fitOf, MEMORY_BUDGET } from "../runtime/memory.ts";
import type { Element, Port, Session } from "../runtime/session.ts";
import type { AnswerForm } from "./answer.ts";
import type { Network, Normalisation } from "./network.ts";

/** How the file takes inputs and gives answers; plain data. */
export interface FileInterface {
  /** The file's names of what pixels go into and what the answer comes out of. */
  readonly input: string;
  readonly output: string;
  /** What the file's input is made of: all that it can be told apart. */
  readonly element: Element;
  /**
   * Any number of inputs at once; a fixed one, to which fewer are filled up, and 1 also where the file would let the inputs
   * of a batch change each other's answers; or one input without a batch axis.
   */
  readonly batch: "any" | "none" | number;
  readonly answer: AnswerForm;
  /** All other inputs. Those that the answer does not depend on must be there too: they are fed zeros. */
  readonly others: readonly Port[];
  /** Those that were given a value; of length 1 along an open batch axis. */
  readonly bound: ReadonlyMap<string, Tensor>;
}

/** The model file, and what is done to pixels before they go in. */
export interface Original {
  readonly session: Session;
  readonly file: FileInterface;
  readonly normalisation?: Normalisation | undefined;
  /** Of one input, without the batch axis. */
  readonly shape: readonly number[];
  readonly classes: number;
  /** Inputs in one run of a file that takes any number: large pictures come few at a time. */
  readonly atOnce: number;
}

const MAX_BATCH = 256;

export const originalOf = (
  session: Session,
  network: Network,
  normalisation?: Normalisation,
  bound: FileInterface["bound"] = new Map(),
  memoryBudget = MEMORY_BUDGET,
): Original => ({
  session,
  atOnce: Math.max(1, Math.min(MAX_BATCH, fitOf(network.graph, memoryBudget).atOnce)),
  file: interfaceOf(session, network, bound),
  normalisation,
  shape: network.input.shape.slice(1) as readonly number[],
  classes: network.classes,
});

function interfaceOf(
  { inputs, outputs }: Session,
  { input, output, answer }: Network,
  bound: FileInterface["bound"],
): FileInterface {
  // a graph that was made here may name its ends otherwise than its file
  const port = inputs.find(({ name }) => name === input.name) ?? inputs[0]!;
  const result = outputs.find(({ name }) => name === output) ?? outputs[0]!;
  const first = port.shape[0];
  const open = typeof first === "number" ? first : typeof input.shape[0] === "number" ? 1 : "any";
  const batch = port.shape.length < input.shape.length ? "none" : open;
  return {
    input: port.name,
    output: result.name,
    element: port.element ?? "float32",
    batch,
    answer,
    others: inputs.filter((other) => other !== port),
    bound,
  };
}

/** Pixels as the model file takes them, rounded to float32 step by step as the network's own graph does. */
export function modelInput(
  pixels: Float32Array,
  { shape, normalisation }: Pick<Original, "shape" | "normalisation">,
): Float32Array {
  if (!normalisation) return pixels;
  const { mean, std, axis } = normalisation;
  const inner = axis === 0 ? 1 : product(shape.slice(axis));
  const means = Float32Array.from(mean);
  const stds = Float32Array.from(std);
  return pixels.map((value, i) => {
    const channel = means.length === 1 ? 0 : Math.floor(i / inner) % means.length;
    return Math.fround(Math.fround(value - means[channel]!) / stds[channel]!);
  });
}

/**
 * The answers of the model file.
 * @param pixels [n, …input]
 * @returns [n, classes]: the file's own scores; of a file with one logit z, 0 and z; of one with one probability p, 1 − p and p
 */
export async function runOriginal(original: Original, pixels: Float32Array): Promise<Float32Array> {
  return scoresOf(await runFile(original, pixels), pixels.length / product(original.shape), original);
}

/**
 * What the file puts out, as it comes.
 * @param pixels [n, …input]
 * @returns [n, numbers]: as many as classes, or one
 */
export async function runFile(original: Original, pixels: Float32Array): Promise<Float32Array> {
  const { file, shape, classes } = original;
  const size = product(shape);
  const per = file.answer === "scores" ? classes : 1;
  const count = pixels.length / size;
  const atOnce = file.batch === "any" ? original.atOnce : file.batch === "none" ? 1 : file.batch;
  const answers = new Float32Array(count * per);
  for (let i = 0; i < count; i += atOnce) {
    const n = Math.min(atOnce, count - i);
    const values = fileValues(original, pixels.slice(i * size, (i + n) * size));
    // a batch that was filled up puts out more than was asked
    answers.set((await runOnce(original, values, n))[file.output]!.data.subarray(0, n * per), i * per);
  }
  return answers;
}

/** The file's outputs to n inputs at once, as they come. */
async function runOnce({ session, file, shape }: Original, values: Float32Array, n: number) {
  const rows = typeof file.batch === "number" ? file.batch : n;
  const port = session.inputs.find(({ name }) => name === file.input)!;
  const feed = {
    dtype: port.dtype,
    shape: file.batch === "none" ? shape : [rows, ...shape],
    data: port.dtype === "float" ? filled(values, n, rows) : Int32Array.from(filled(values, n, rows)),
  };
  const others = file.others.map((other) => {
    const value = file.bound.get(other.name);
    return [other.name, value ? repeated(value, other, rows) : zeros(other, rows)] as const;
  });
  return session.run({ ...Object.fromEntries(others), [file.input]: feed });
}

/** Every output of a session of the file to one input, as it comes, by name. A fixed batch is filled up with copies of it. */
export const runOutputs = (original: Original, session: Session, pixels: Float32Array) =>
  runOnce({ ...original, session }, fileValues(original, pixels), 1);

/** n rows, and as many copies of the last as the file still wants: company that no other input could be. */
function filled(values: Float32Array, n: number, rows: number): Float32Array {
  if (rows === n) return values;
  const size = values.length / n;
  const all = new Float32Array(rows * size);
  for (let row = 0; row < rows; row++)
    all.set(values.subarray(Math.min(row, n - 1) * size).subarray(0, size), row * size);
  return all;
}

/** The same value for every input of a batch, where the port's first axis is open and the value has one of length 1. */
function repeated(value: Tensor, port: Port, rows: number): Tensor {
  if (rows === 1 || value.shape[0] !== 1 || typeof port.shape[0] === "number") return value;
  const data = value.data.constructor as new (length: number) => Float32Array;
  const all = new data(rows * value.data.length);
  for (let row = 0; row < rows; row++) all.set(value.data as Float32Array, row * value.data.length);
  return { ...value, shape: [rows, ...value.shape.slice(1)], data: all } as Tensor;
}

function zeros({ dtype, shape }: Port, rows: number) {
  const sizes = shape.map((dim, axis) => (typeof dim === "number" ? dim : axis === 0 ? rows : 1));
  const count = product(sizes);
  const data =
    dtype === "float" ? new Float32Array(count) : dtype === "int" ? new Int32Array(count) : new Uint8Array(count);
  return { dtype, shape: sizes, data };
}

function scoresOf(output: ArrayLike<number>, n: number, { file, classes }: Original): Float32Array {
  const scores = new Float32Array(n * classes);
  if (file.answer === "scores") {
    for (let i = 0; i < scores.length; i++) scores[i] = output[i]!;
    return scores;
  }
  for (let i = 0; i < n; i++) {
    scores[2 * i] = file.answer === "probability" ? 1 - output[i]! : 0;
    scores[2 * i + 1] = output[i]!;
  }
  return scores;
}

const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);

// ---------------------------------------------------------------- values that the file can hold

/** The values of a type that has fewer than float32: the nearest one, and how far the next is. */
interface Grid {
  readonly nearest: (value: number) => number;
  readonly spacing: (value: number) => number;
}

const whole = (low: number, high: number): Grid => ({
  nearest: (value) => Math.max(low, Math.min(high, value < 0 ? -roundEven(-value) : roundEven(value))),
  spacing: () => 1,
});

const GRIDS: { readonly [E in Element]?: Grid } = {
  float16: {
    nearest: (value) => fromHalf(toHalf(value)),
    spacing: (value) => 2 ** (Math.max(-14, Math.floor(Math.log2(Math.abs(value)))) - 10),
  },
  uint8: whole(0, 2 ** 8 - 1),
  int8: whole(-(2 ** 7), 2 ** 7 - 1),
  uint16: whole(0, 2 ** 16 - 1),
  int16: whole(-(2 ** 15), 2 ** 15 - 1),
};

/** What goes into the file: pixels as the model takes them, each as the nearest value of the file's type. */
function fileValues(original: Original, pixels: Float32Array): Float32Array {
  const values = modelInput(pixels, original);
  const grid = GRIDS[original.file.element];
  return grid ? values.map(grid.nearest) : values;
}

/** A point that the file can be given as it is, and where it lies. */
export interface Representable {
  readonly point: Float32Array;
  /** The same without the rounding of pixels to float32, and the centre likewise where the file has it: for distances. */
  readonly place: ArrayLike<number>;
  readonly centre: ArrayLike<number>;
}

/**
 * The points next to one of the set that the file can be given: the nearest; and one that is no farther from the centre in
 * any coordinate, where the centre itself is such a point. Only the point itself where the file takes float32.
 *
 * @param point one input's pixels, as is `centre`
 */
export function representable(original: Original, point: Float32Array, centre: Float32Array): readonly Representable[] {
  const grid = GRIDS[original.file.element];
  if (!grid) return [{ point, place: point, centre }];
  const [values, middles] = [modelInput(point, original), modelInput(centre, original)];
  const near = values.map(grid.nearest);
  const inward = near.map((value, i) => {
    const middle = middles[i]!;
    if (Math.abs(value - middle) <= Math.abs(values[i]! - middle)) return value;
    return grid.nearest(value + Math.sign(middle - value) * grid.spacing(value));
  });
  // a pixel that is a value of the file's own is taken for it, not for the float32 next to it
  const own = toPixels(middles.map(grid.nearest), original);
  const from = own.map((value, i) => (Math.fround(value) === centre[i] ? value : centre[i]!));
  return [near, inward].map((chosen) => {
    const place = toPixels(chosen, original);
    return { point: Float32Array.from(place), place, centre: from };
  });
}

/** The inverse of `modelInput`, in double. */
function toPixels(values: Float32Array, { shape, normalisation }: Original): Float64Array {
  if (!normalisation) return Float64Array.from(values);
  const { mean, std, axis } = normalisation;
  const inner = axis === 0 ? 1 : product(shape.slice(axis));
  return Float64Array.from(values, (value, i) => {
    const channel = mean.length === 1 ? 0 : Math.floor(i / inner) % mean.length;
    return value * std[channel]! + mean[channel]!;
  });
}
