/** @file Inputs of a file that are given a value: constants of the graph, and fed as they are in every run of the file. */

import type { Tensor } from "../../graph/types.ts";
import { fromHalf, toHalf } from "../float16.ts";
import { UnsupportedError } from "./error.ts";
import type { Declared, Ports } from "./model.ts";

/** In row-major order. */
export interface BoundArray {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** By input: one number for all its elements, or an array; plain data. */
export type Bound = Readonly<Record<string, number | BoundArray>>;

/** `"x" [N,3,32,32] float`. */
export const describePort = ({ name, shape, elementType, map }: Declared): string =>
  `"${name}" [${shape?.map((dim) => dim ?? "?") ?? "any shape"}] ${elementType}${map === undefined ? "" : ` of the map "${map}"`}`;

/** What `--bind` says, for people. */
export const boundText = (bound: Bound): string[] =>
  Object.entries(bound).map(
    ([name, value]) =>
      `The model's input "${name}" is fixed, as stated: ${typeof value === "number" ? value : `an array of [${value.shape}]`}.`,
  );

/**
 * An open first axis, where it is the batch, has length 1; a run of the file repeats it.
 * @throws UnsupportedError naming an input that is not there, and values that do not fit
 */
export function boundTensors({ inputs }: Pick<Ports, "inputs">, bound: Bound): Map<string, Tensor> {
  return new Map(
    Object.entries(bound).map(([name, value]): [string, Tensor] => {
      const input = inputs.find((candidate) => candidate.name === name);
      if (!input)
        throw new UnsupportedError(
          `has no input "${name}" to bind; its inputs are ${inputs.map(describePort).join(", ")}`,
        );
      const shape = typeof value === "number" ? shapeFor(input) : checkedShape(input, value);
      const count = shape.reduce((product, dim) => product * dim, 1);
      const data = typeof value === "number" ? new Array<number>(count).fill(value) : value.data;
      return [name, tensorOf(input, shape, data)];
    }),
  );
}

function shapeFor(input: Declared): number[] {
  const open = (input.shape ?? []).findIndex((dim, axis) => axis > 0 && typeof dim !== "number");
  if (open > 0)
    throw new UnsupportedError(
      `axis ${open} of its input ${describePort(input)} is open, so one number does not say how many are meant; bind a .npy file to it`,
    );
  return (input.shape ?? []).map((dim) => (typeof dim === "number" ? dim : 1));
}

function checkedShape(input: Declared, { shape }: BoundArray): readonly number[] {
  const declared = input.shape;
  const fits =
    !declared ||
    (declared.length === shape.length && declared.every((dim, i) => typeof dim !== "number" || dim === shape[i]));
  if (!fits)
    throw new UnsupportedError(`has the input ${describePort(input)}, which an array of [${shape}] does not fit`);
  return shape;
}

const WHOLE: Readonly<Record<string, readonly [least: number, most: number]>> = {
  uint8: [0, 255],
  int8: [-128, 127],
  uint16: [0, 65535],
  int16: [-32768, 32767],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: [-(2 ** 31), 2 ** 31 - 1],
  bool: [0, 1],
};

function tensorOf(input: Declared, shape: readonly number[], data: readonly number[]): Tensor {
  const { dtype, elementType } = input;
  const [least, most] = WHOLE[elementType] ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  const strange = data.find((value) => !(value >= least && value <= most) || (elementType in WHOLE && value % 1 !== 0));
  if (dtype === undefined || strange !== undefined)
    throw new UnsupportedError(
      `cannot take ${dtype === undefined ? "a value" : strange} for its input ${describePort(input)}`,
    );
  switch (dtype) {
    case "int":
      return { dtype, shape, data: Int32Array.from(data) };
    case "bool":
      return { dtype, shape, data: Uint8Array.from(data) };
    case "float": {
      const rounded = Float32Array.from(data);
      return {
        dtype,
        shape,
        data: elementType === "float16" ? rounded.map((value) => fromHalf(toHalf(value))) : rounded,
      };
    }
  }
}
