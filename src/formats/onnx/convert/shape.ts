/** @file Constants, shapes, and ops that only change a tensor's shape. */

import {
  bindShape,
  broadcastShapes,
  type Dim,
  divideDims,
  elements,
  isBatched,
  multiplyDims,
  type Shape,
  ShapeError,
  sizeOf,
} from "../../../graph/dims.ts";
import { floatTensor } from "../../../graph/tensor.ts";
import type { DType, Value } from "../../../graph/types.ts";
import { broadcastTo } from "../../../ops/rules.ts";
import { dtypeOf } from "../model.ts";
import type { OnnxNode } from "../node.ts";
import { dims, type Operand } from "../operand.ts";
import { dataTypeName } from "../proto.ts";
import type { ConverterTable } from "./types.ts";

// ---------------------------------------------------------------- reshaping

/** `target` may hold one −1; dimensions to copy are already filled in. */
export function reshapeTo(n: OnnxNode, x: Operand, target: readonly Dim[]): Operand {
  const shape = resolveTarget(x.shape, target, n.b.fileBatch);
  if (shape.length === x.shape.length && shape.every((dim, axis) => dim === x.shape[axis])) return x;
  return n.move("Reshape", [x], { shape });
}

/**
 * The shape that a Reshape means. Where the file says a fixed batch, or a traced constant of 1, but the tensor has a batch
 * axis, the axis that has as many rows before it as the batch axis had is the batch.
 */
function resolveTarget(shape: Shape, target: readonly Dim[], fileBatch: number | undefined): Shape {
  const literal = target.every((dim) => typeof dim === "number");
  if (!(isBatched(shape) && literal)) return fillTarget(elements(shape), target);
  if (fileBatch === undefined)
    try {
      return fillTarget(elements(shape), target);
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
    }
  const count = fileBatch ?? 1;
  const batch = shape.findIndex((dim) => typeof dim !== "number");
  const before = sizeOf(shape.slice(0, batch) as number[]);
  const sizes = fillTarget(sizeOf(bindShape(shape, count)), target) as readonly number[];
  let product = 1;
  for (const [axis, size] of sizes.entries()) {
    if (product === before && size % count === 0)
      return sizes.map((other, i) => (i === axis ? multiplyDims("N", size / count) : other));
    product *= size;
  }
  throw new ShapeError(`a reshape from [${shape}] to [${target}] does not keep the batch axis`);
}

function fillTarget(total: Dim, target: readonly Dim[]): Shape {
  const open = target.filter((dim) => dim === -1).length;
  const known = elements(target.filter((dim) => dim !== -1));
  const rest = open === 1 ? divideDims(total, known) : undefined;
  if (open > 1 || (open === 1 && rest === undefined) || (open === 0 && known !== total))
    throw new ShapeError(`${total} elements cannot be reshaped to [${target}]`);
  return target.map((dim) => (dim === -1 ? rest! : dim));
}

function reshape(n: OnnxNode): Operand {
  const x = n.operand(0);
  const keepZeros = n.int("allowzero", 0) === 1;
  const target = n.dims(1).map((dim, axis) => {
    if (dim !== 0 || keepZeros) return dim;
    const copied = x.shape[axis];
    if (copied === undefined) throw n.error(`its shape copies axis ${axis}, but its input has ${x.shape.length} axes`);
    return copied;
  });
  if (target.some((dim) => typeof dim === "number" && dim < -1)) throw n.error(`its shape [${target}] is impossible`);
  return reshapeTo(n, x, target);
}

function flatten(n: OnnxNode): Operand {
  const x = n.operand(0);
  const declared = n.int("axis", 1);
  const axis = declared === x.shape.length ? declared : n.axis(declared, x.shape.length);
  const shape = n.b.fileBatch === undefined ? x.shape : bindShape(x.shape, n.b.fileBatch);
  return reshapeTo(n, x, [elements(shape.slice(0, axis)), elements(shape.slice(axis))]);
}

function squeeze(n: OnnxNode): Operand {
  const x = n.operand(0);
  const listed = n.listAt(1, "axes");
  const axes = listed ? n.axes(listed, x.shape.length) : x.shape.flatMap((dim, axis) => (dim === 1 ? [axis] : []));
  const kept = axes.find((axis) => x.shape[axis] !== 1);
  if (kept !== undefined) throw n.unsupported(`axis ${kept} of [${x.shape}] cannot be removed: its size is not 1`);
  return n.move("Reshape", [x], { shape: x.shape.filter((_, axis) => !axes.includes(axis)) });
}

function unsqueeze(n: OnnxNode): Operand {
  const x = n.operand(0);
  const listed = n.listAt(1, "axes");
  if (!listed) throw n.error("needs axes");
  const rank = x.shape.length + listed.length;
  const axes = new Set(n.axes(listed, rank));
  const rest = [...x.shape];
  const shape = Array.from({ length: rank }, (_, axis): Dim => (axes.has(axis) ? 1 : rest.shift()!));
  return n.move("Reshape", [x], { shape });
}

function expand(n: OnnxNode): Operand {
  const x = n.operand(0);
  return expandTo(n, x, broadcastShapes(x.shape, n.dims(1)));
}

function expandTo(n: OnnxNode, x: Operand, shape: Shape): Operand {
  n.b.check(shape);
  return x.kind === "dims" ? n.move("Expand", [x], { shape }) : broadcastTo(n.b, x, shape);
}

// ---------------------------------------------------------------- constants

function constant(n: OnnxNode): Value {
  if (n.hasAttribute("value_float")) return n.b.constant(floatTensor([], [n.float("value_float")]));
  if (n.hasAttribute("value_int")) return n.b.ints([n.int("value_int")], []);
  if (n.hasAttribute("value_ints")) return n.b.ints(n.ints("value_ints"));
  if (n.hasAttribute("value_floats")) {
    const values = n.floats("value_floats");
    return n.b.constant(floatTensor([values.length], values));
  }
  if (!n.hasAttribute("value")) throw n.unsupported("sparse and string constants are not supported");
  return n.b.constant(n.tensor("value"));
}

function constantOfShape(n: OnnxNode): Operand {
  const value = n.hasAttribute("value") ? n.tensor("value") : floatTensor([1], [0]);
  if (value.data.length !== 1) throw n.error("its value should be one element");
  const shape = n.dims(0);
  if (shape.some((dim) => typeof dim === "number" && dim < 0)) throw n.error(`its shape [${shape}] is impossible`);
  return expandTo(n, n.b.constant({ ...value, shape: [] }), shape);
}

function shapeOf(n: OnnxNode): Operand {
  const { shape } = n.operand(0);
  const clamp = (at: number) => Math.max(0, Math.min(shape.length, at < 0 ? at + shape.length : at));
  return dims(shape.slice(clamp(n.int("start", 0)), clamp(n.int("end", shape.length))));
}

/** start, start + delta, … before limit. */
function range(n: OnnxNode): Operand {
  const [start, limit, delta] = [n.scalar(0), n.scalar(1), n.scalar(2)];
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  if (!Number.isFinite(count)) throw n.error(`a range from ${start} to ${limit} by ${delta} has no end`);
  n.b.claim(count);
  const values = Array.from({ length: count }, (_, i) => start + i * delta);
  return n.value(0).dtype === "int" ? n.b.ints(values) : n.b.constant(floatTensor([count], values));
}

/** Rows of the identity, shifted: a constant. */
function eyeLike(n: OnnxNode): Value {
  const { shape } = n.operand(0);
  if (shape.length !== 2) throw n.error("needs a matrix");
  const [rows, columns] = [n.fixed(shape, 0), n.fixed(shape, 1)];
  n.b.claim(rows, columns);
  const data = new Float64Array(rows * columns);
  const shift = n.int("k", 0);
  for (let i = 0; i < rows; i++) if (i + shift >= 0 && i + shift < columns) data[i * columns + i + shift] = 1;
  const eye = n.b.constant(floatTensor([rows, columns], data));
  return castTo(n, eye, n.hasAttribute("dtype") ? targetType(n, n.int("dtype")) : n.value(0).dtype);
}

// ---------------------------------------------------------------- types

function targetType(n: OnnxNode, code: number): DType {
  const dtype = dtypeOf(code);
  if (!dtype)
    throw n.unsupported(`casts to ${dataTypeName(code)}; supported are floats of 16 to 64 bits, int32, int64 and bool`);
  return dtype;
}

const castTo = (n: OnnxNode, x: Value, to: DType): Value => (x.dtype === to ? x : n.b.emit("Cast", [x], { to }));

function cast(n: OnnxNode): Operand {
  const to = targetType(n, n.int("to"));
  const x = n.operand(0);
  return x.kind === "dims" && to === "int" ? x : castTo(n, n.toValue(x), to);
}

/** Inference: the identity. */
function dropout(n: OnnxNode): Operand {
  if (n.opset < 7 && n.int("is_test", 0) === 0)
    throw n.unsupported("is in training mode; export the model for inference");
  if (n.wants(1)) throw n.unsupported("its mask is used; only inference is supported");
  if (n.opset >= 12 && n.has(2) && n.scalar(2) !== 0 && (!n.has(1) || n.scalar(1) !== 0))
    throw n.unsupported("is in training mode; export the model for inference");
  return n.operand(0);
}

export const shapes: ConverterTable = {
  Constant: constant,
  ConstantOfShape: constantOfShape,
  EyeLike: eyeLike,
  Range: range,
  Shape: shapeOf,
  Size: (n) => dims([elements(n.operand(0).shape)], []),
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Expand: expand,
  Identity: (n) => n.operand(0),
  Dropout: dropout,
  Cast: cast,
  CastLike: (n) => castTo(n, n.value(0), n.value(1).dtype),
};
