/** @file The state of a run between two steps, as an NPZ file. */

import { FormatError } from "../../formats/error.ts";
import { readNpz, writeNpz } from "../../formats/npz.ts";
import { murmur3 } from "../../random/murmur3.ts";
import type { Samples } from "../samples.ts";
import type { TrainConfig } from "./config.ts";

/**
 * Everything that the rest of a run depends on. Random numbers need no place of their own: they are keyed by the seed,
 * the epoch and the step.
 */
export interface RunState {
  /** Epochs completed. */
  readonly epoch: number;
  /** Steps completed in the current epoch. */
  readonly step: number;
  /** Steps completed in all: the optimiser's clock. */
  readonly updates: number;
  /** Of the current epoch's samples so far. */
  readonly lossSum: number;
  readonly correct: number;
  readonly seen: number;
  /** Seconds of training so far. */
  readonly seconds: number;
  readonly theta: Float32Array;
  readonly optimiser: Readonly<Record<string, Float32Array>>;
}

const NUMBERS = ["epoch", "step", "updates", "lossSum", "correct", "seen", "seconds"] as const;

/** A checkpoint that does not belong to this run, or is damaged. */
export class CheckpointError extends Error {
  override readonly name = "CheckpointError";
  readonly fault = "usage";
}

/**
 * 128 bits over the options and the data: a run may only go on with the ones it began with.
 * @param file identifies the file that the weights come from, where they do
 */
export function runKey(config: TrainConfig, { images, labels, shape }: Samples, file?: string): string {
  const hash = (bytes: Uint8Array) =>
    Array.from(murmur3(bytes), (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  const bytesOf = (array: Float32Array | Int32Array) =>
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  const facts = [config, shape, hash(bytesOf(images)), hash(bytesOf(labels))];
  const text = JSON.stringify(file === undefined ? facts : [...facts, file]);
  return hash(new TextEncoder().encode(text));
}

export function writeCheckpoint(state: RunState, key: string): Uint8Array {
  const vector = (data: Float32Array) => ({ dtype: "f4", shape: [data.length], data }) as const;
  const numbers = Float64Array.from(NUMBERS, (name) => state[name]);
  const text = new TextEncoder().encode(key);
  return writeNpz({
    key: { dtype: "u1", shape: [text.length], data: text },
    progress: { dtype: "f8", shape: [numbers.length], data: numbers },
    theta: vector(state.theta),
    ...Object.fromEntries(Object.entries(state.optimiser).map(([name, data]) => [`state.${name}`, vector(data)])),
  });
}

/**
 * @param names of the optimiser's vectors  @param size of each vector
 * @throws CheckpointError when the file is damaged or of other options, another version or other data
 */
export function readCheckpoint(bytes: Uint8Array, key: string, names: readonly string[], size: number): RunState {
  const arrays = parse(bytes);
  const found = arrays.get("key")?.data;
  if (!(found instanceof Uint8Array)) throw new CheckpointError("the checkpoint lacks its key; it is no checkpoint");
  if (new TextDecoder().decode(found) !== key)
    throw new CheckpointError(
      "the checkpoint is of a run with other options or other data; use the same ones, or begin anew without it",
    );
  const progress = arrays.get("progress")?.data;
  if (!(progress instanceof Float64Array) || progress.length !== NUMBERS.length)
    throw new CheckpointError("the checkpoint's progress is missing or damaged");
  const vector = (name: string): Float32Array => {
    const data = arrays.get(name)?.data;
    if (data instanceof Float32Array && data.length === size) return data;
    throw new CheckpointError(`the checkpoint's array "${name}" is missing or has another size than ${size}`);
  };
  const numbers = Object.fromEntries(NUMBERS.map((name, i) => [name, progress[i]!]));
  return {
    ...(numbers as Record<(typeof NUMBERS)[number], number>),
    theta: vector("theta"),
    optimiser: Object.fromEntries(names.map((name) => [name, vector(`state.${name}`)])),
  };
}

function parse(bytes: Uint8Array): ReturnType<typeof readNpz> {
  try {
    return readNpz(bytes);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new CheckpointError(`the checkpoint cannot be read: ${error.message}`, { cause: error });
  }
}
