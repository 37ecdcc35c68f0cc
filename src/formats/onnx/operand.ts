/**
 * @file What an ONNX tensor is while a model is read: a graph value, or integers known at import ("dims"), which may
 * hold the symbolic batch size. Shape arithmetic (Shape, Gather, Concat, Mul, …) happens on the latter and vanishes.
 */

import { batchFactor, type Dim, divideDims, multiplyDims, ShapeError } from "../../graph/dims.ts";
import type { OpAttrs, OpName } from "../../graph/signatures.ts";
import { intTensor } from "../../graph/tensor.ts";
import type { Tensor, Value } from "../../graph/types.ts";
import { recordOf } from "../../ops/index.ts";
import { OnnxError } from "./error.ts";

export interface Dims {
  readonly kind: "dims";
  /** Of the tensor of integers, not of what they describe. */
  readonly shape: readonly number[];
  readonly entries: readonly Dim[];
}

export type Operand = Value | Dims;

export const dims = (entries: readonly Dim[], shape: readonly number[] = [entries.length]): Dims => ({
  kind: "dims",
  shape,
  entries,
});

/** Integers known at import, or undefined. */
export function asDims(operand: Operand): Dims | undefined {
  if (operand.kind === "dims") return operand;
  if (operand.kind !== "constant" || operand.dtype !== "int") return undefined;
  return dims(Array.from(operand.tensor.data), operand.shape);
}

/** Shape tensors are short; what is longer is data and stays in the graph. */
const MAX_DIMS = 4096;

/**
 * Applies an op that moves elements to integers known at import: it moves their numbers instead.
 * Plain tensors among the operands, such as indices, are given to the op as they are.
 */
export function moveDims<K extends OpName>(op: K, operands: readonly (Dims | Tensor)[], attrs: OpAttrs[K]): Dims {
  const pool: Dim[] = [];
  const inputs = operands.map((operand) => {
    if (!("kind" in operand)) return operand;
    const start = pool.length;
    for (const entry of operand.entries) pool.push(entry);
    return intTensor(
      operand.shape,
      operand.entries.map((_, i) => start + i),
    );
  });
  const values = inputs.map(
    (tensor): Value => ({ kind: "constant", dtype: tensor.dtype, shape: tensor.shape, tensor }),
  );
  const record = recordOf(op);
  const { shape } = record.infer(values, attrs);
  if (shape.some((dim) => typeof dim !== "number")) throw new ShapeError("a shape of shapes");
  const size = (shape as readonly number[]).reduce((a, b) => a * b, 1);
  if (size > MAX_DIMS) throw new OnnxError(`${op} makes ${size} integers of a shape; at most ${MAX_DIMS} are read`);
  const moved = record.evaluate(inputs, attrs);
  return dims(
    Array.from(moved.data, (index) => pool[index]!),
    moved.shape,
  );
}

/** Element-wise arithmetic of integers known at import, with broadcasting. */
export function combineDims(x: Dims, y: Dims, combine: (a: Dim, b: Dim) => Dim): Dims {
  const rank = Math.max(x.shape.length, y.shape.length);
  const padded = (shape: readonly number[]) => [...new Array<number>(rank - shape.length).fill(1), ...shape];
  const [a, b] = [padded(x.shape), padded(y.shape)];
  const shape = a.map((size, axis) => {
    if (size !== b[axis] && size !== 1 && b[axis] !== 1)
      throw new ShapeError(`shapes [${x.shape}] and [${y.shape}] do not broadcast`);
    return size === 1 ? b[axis]! : size;
  });
  const spread = (operand: Dims) => moveDims("Expand", [operand], { shape });
  const [p, q] = [spread(x).entries, spread(y).entries];
  return dims(
    p.map((entry, i) => combine(entry, q[i]!)),
    shape,
  );
}

const unknown = (what: string): never => {
  throw new ShapeError(`${what} of the batch size is not known at import`);
};

const both = (a: Dim, b: Dim, f: (a: number, b: number) => number, what: string): Dim =>
  typeof a === "number" && typeof b === "number" ? f(a, b) : unknown(what);

/** Integer arithmetic with the batch size as far as a dimension can say the result. */
export const dimArithmetic = {
  Add: (a: Dim, b: Dim): Dim => (a === 0 ? b : b === 0 ? a : addDims(a, b, 1)),
  Sub: (a: Dim, b: Dim): Dim => (b === 0 ? a : a === b ? 0 : addDims(a, b, -1)),
  Mul: (a: Dim, b: Dim): Dim => (a === 0 || b === 0 ? 0 : scaled(a, b) ? multiplyDims(a, b) : unknown("a multiple")),
  Div: (a: Dim, b: Dim): Dim => {
    if (typeof a === "number" && typeof b === "number") {
      if (b === 0) throw new ShapeError("division by zero");
      return Math.trunc(a / b);
    }
    return divideDims(a, b) ?? unknown("a part");
  },
  Min: (a: Dim, b: Dim): Dim => (a === b ? a : both(a, b, Math.min, "the minimum")),
  Max: (a: Dim, b: Dim): Dim => (a === b ? a : both(a, b, Math.max, "the maximum")),
  // ONNX: the sign of the divisor
  Mod: (a: Dim, b: Dim): Dim =>
    both(a, b, (p, q) => (q === 0 ? unknown("a remainder by zero") : p - q * Math.floor(p / q)), "a remainder"),
} as const;

const scaled = (a: Dim, b: Dim): boolean =>
  [a, b].every((dim) => typeof dim !== "number" || dim > 0 || bothNumbers(a, b));
const bothNumbers = (a: Dim, b: Dim): boolean => typeof a === "number" && typeof b === "number";

function addDims(a: Dim, b: Dim, sign: 1 | -1): Dim {
  const [p, q] = [batchFactor(a), batchFactor(b)];
  if (p === undefined && q === undefined) return (a as number) + sign * (b as number);
  const factor = p !== undefined && q !== undefined ? p + sign * q : 0;
  if (factor < 1) return unknown("a sum");
  return factor === 1 ? "N" : `${factor}N`;
}
