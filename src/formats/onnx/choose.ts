/** @file Which of a file's inputs and outputs an examination is about, and which sizes it leaves to the data. */

import { type Bound, describePort } from "./bind.ts";
import { UnsupportedError } from "./error.ts";
import type { Declared, ModelSource, Ports } from "./model.ts";

/** What is stated of a classifier; plain data. What is missing is chosen where there is no doubt. */
export interface Choice {
  /** The output that holds the class scores. */
  readonly output?: string;
  /** The input that takes the data. */
  readonly input?: string;
  /** One input's sizes, without the batch axis, where the file leaves them open. */
  readonly sizes?: readonly number[];
  /** Inputs that are given a value. */
  readonly bound?: Bound;
}

const list = (ports: readonly Declared[]): string => ports.map(describePort).join(", ");

/**
 * The named output, the only one, or the only one of floats beside labels.
 * @throws UnsupportedError that lists them
 */
export function chooseOutput({ outputs }: Ports, { output }: Choice): string {
  if (output !== undefined) {
    const named = outputs.find(({ name }) => name === output) ?? outputs.find(({ map }) => map === output);
    if (named) return named.name;
    throw new UnsupportedError(`has no output "${output}"; its outputs are ${list(outputs)}`);
  }
  const floats = outputs.filter(({ dtype }) => dtype === "float");
  const [only, ...more] = outputs.length === 1 ? outputs : floats;
  if (only && more.length === 0) return only.name;
  throw new UnsupportedError(
    `has ${outputs.length} outputs: ${list(outputs)}; say which holds the class scores with --output NAME`,
  );
}

/**
 * The one input that the output depends on.
 * @throws UnsupportedError that lists them where there are several, or the named one is not among them
 */
export function chooseInput({ inputs, body }: ModelSource, { input, bound = {} }: Choice): Declared {
  const needed = inputs.filter(({ name }) => body.needed.has(name) && !Object.hasOwn(bound, name));
  const [only, ...more] = needed;
  if (input !== undefined && !inputs.some(({ name }) => name === input))
    throw new UnsupportedError(`has no input "${input}"; its inputs are ${list(inputs)}`);
  if (only && more.length === 0 && (input === undefined || input === only.name)) return only;
  if (!only) throw new UnsupportedError("has an answer that depends on no input: there is nothing to examine");
  if (input !== undefined && only && more.length === 0)
    throw new UnsupportedError(
      `computes its answer from ${list(needed)} alone; name that with --input, or leave it out`,
    );
  const others = needed.filter(({ name }) => name !== (input ?? needed[0]!.name));
  throw new UnsupportedError(
    input === undefined
      ? `computes its answer from ${needed.length} inputs: ${list(needed)}; say with --input NAME which takes the data, and ${WAY_OUT}`
      : `also needs ${list(others)}; only one input can be examined: ${WAY_OUT}`,
  );
}

const WAY_OUT = "give each of the others a value with --bind NAME=VALUE (a number, or a .npy file)";

/** Axes of an input that the data must settle: open, and not the first. */
export const openAxes = ({ shape }: Declared): number[] =>
  (shape ?? []).flatMap((dim, axis) => (axis > 0 && typeof dim !== "number" ? [axis] : []));

/** Must the data settle sizes? A first axis that is fixed at another number than 1 is no batch, and the rest no sample. */
export const leavesSizes = (input: Declared): boolean =>
  openAxes(input).length > 0 && (typeof input.shape![0] !== "number" || input.shape![0] === 1);

/** The input with its open sizes filled in; the first axis is the batch where there is one axis more than sizes. */
export function withSizes(input: Declared, sizes: readonly number[] | undefined): Declared {
  const { name, shape } = input;
  if (!shape || !sizes || openAxes(input).length === 0) return input;
  const batched = shape.length === sizes.length + 1 && (shape[0] === 1 || typeof shape[0] !== "number");
  const all = batched ? [shape[0], ...sizes] : sizes;
  const fits = all.length === shape.length && shape.every((dim, i) => typeof dim !== "number" || dim === all[i]);
  if (!fits)
    throw new UnsupportedError(
      `its input "${name}" is [${shape.map((dim) => dim ?? "?")}], which inputs of [${sizes}] do not fit; give others, or export the model with fixed sizes`,
    );
  return { ...input, shape: all };
}
