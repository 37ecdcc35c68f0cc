/** @file Ops that move elements. */

import type { Dim, Shape } from "../../../graph/dims.ts";
import { intTensor } from "../../../graph/tensor.ts";
import type { Tensor, Value } from "../../../graph/types.ts";
import { broadcastTo } from "../../../ops/rules.ts";
import type { OnnxNode } from "../node.ts";
import { asDims, moveDims, type Operand } from "../operand.ts";
import { reshapeTo } from "./shape.ts";
import type { ConverterTable } from "./types.ts";

// ---------------------------------------------------------------- taking parts

/** Elements start, start + step, … of one axis; the whole axis costs nothing. */
export function sliceAxis(n: OnnxNode, x: Operand, axis: number, start: number, size: number, step = 1): Operand {
  if (start === 0 && step === 1 && size === x.shape[axis]) return x;
  return n.move("Slice", [x], { axis, start, size, step });
}

/** The elements of an axis at these non-negative places. */
export function takeAxis(n: OnnxNode, x: Operand, axis: number, indices: readonly number[]): Operand {
  const [first = 0, second = first + 1] = indices;
  const step = second - first;
  if (indices.length > 0 && step > 0 && indices.every((index, i) => index === first + i * step))
    return sliceAxis(n, x, axis, first, indices.length, step);
  const places = intTensor([indices.length], indices);
  if (x.kind === "dims") return moveDims("Gather", [x, places], { axis });
  return n.b.emit("Gather", [x, n.b.constant(places)], { axis });
}

/** One axis of a Slice, with ONNX's clamping of starts and ends. */
function cutAxis(
  n: OnnxNode,
  x: Operand,
  axis: number,
  [start, end, step]: readonly [number, number, number],
): Operand {
  const size = n.fixed(x.shape, axis);
  const clamp = (at: number, low: number, high: number) => Math.max(low, Math.min(high, at < 0 ? at + size : at));
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const from = clamp(start, Math.max(0, low), high);
  const count = Math.max(0, Math.ceil((clamp(end, low, high) - from) / step));
  if (step > 0 && count > 0) return sliceAxis(n, x, axis, from, count, step);
  n.b.claim(count);
  return takeAxis(
    n,
    x,
    axis,
    Array.from({ length: count }, (_, i) => from + i * step),
  );
}

function slice(n: OnnxNode): Operand {
  let x = n.operand(0);
  const rank = x.shape.length;
  const starts = n.opset < 10 ? n.ints("starts") : n.numbers(1);
  const ends: readonly Dim[] = n.opset < 10 ? n.ints("ends") : n.dims(2);
  const axes = (
    n.opset < 10
      ? n.ints(
          "axes",
          starts.map((_, i) => i),
        )
      : (n.listAt(3, "axes") ?? starts.map((_, i) => i))
  ).map((axis) => n.axis(axis, rank));
  const steps = n.has(4) ? n.numbers(4) : starts.map(() => 1);
  if ([ends, axes, steps].some((list) => list.length !== starts.length) || new Set(axes).size !== axes.length)
    throw n.error("its starts, ends, axes and steps do not fit together");
  for (const [i, axis] of axes.entries()) {
    const [start, end, step] = [starts[i]!, ends[i]!, steps[i]!];
    const size = x.shape[axis]!;
    if (step === 0) throw n.error("its step is 0");
    if (typeof size === "string") {
      const whole = start === 0 && step === 1 && (end === size || (typeof end === "number" && end >= 2 ** 31 - 1));
      if (!whole) throw n.unsupported("takes a part of the batch axis");
      continue;
    }
    if (typeof end !== "number") throw n.unsupported("the end of its slice depends on the batch size");
    x = cutAxis(n, x, axis, [start, end, step]);
  }
  return x;
}

function split(n: OnnxNode): (Operand | undefined)[] {
  const x = n.operand(0);
  const axis = n.axis(n.int("axis", 0), x.shape.length);
  const size = n.fixed(x.shape, axis, "its axis");
  const equal = Math.ceil(size / n.outputs);
  const sizes = n.listAt(1, "split") ?? Array.from({ length: n.outputs }, (_, i) => Math.min(equal, size - i * equal));
  if (sizes.length !== n.outputs || sizes.some((part) => part < 0) || sizes.reduce((a, b) => a + b, 0) !== size)
    throw n.error(`cannot split an axis of ${size} into [${sizes}]`);
  let start = 0;
  return sizes.map((part, i) => {
    const from = start;
    start += part;
    return n.wants(i) ? sliceAxis(n, x, axis, from, part) : undefined;
  });
}

function gather(n: OnnxNode): Operand {
  const x = n.operand(0);
  const axis = n.axis(n.int("axis", 0), x.shape.length);
  const indices = asDims(n.operand(1));
  const size = n.fixed(x.shape, axis);
  if (!indices) return n.b.emit("Gather", [n.toValue(x), countFromFront(n, n.value(1), size)], { axis });
  const places = n.numbers(1).map((index) => (index < 0 ? index + size : index));
  if (places.some((index) => !(index >= 0 && index < size)))
    throw n.error(`an index lies outside axis ${axis} of size ${size}`);
  const taken = takeAxis(n, x, axis, places);
  if (indices.shape.length === 1) return taken;
  return n.move("Reshape", [taken], {
    shape: [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)],
  });
}

/** Indices below 0 count from the end. */
function countFromFront(n: OnnxNode, indices: Value, size: number): Value {
  const negative = n.b.emit("Less", [indices, n.b.ints([0], [])]);
  return n.b.emit("Where", [negative, n.b.emit("Add", [indices, n.b.ints([size], [])]), indices]);
}

// ---------------------------------------------------------------- joining and repeating

function concat(n: OnnxNode): Operand {
  const operands = Array.from({ length: n.arity }, (_, i) => n.operand(i));
  const first = operands[0];
  if (!first) throw n.error("has no inputs");
  const axis = n.axis(n.int("axis"), first.shape.length);
  if (operands.length === 1) return first;
  // a constant row beside a batch is that row for every sample
  const batch = first.shape.map((_, i) =>
    i === axis ? undefined : operands.map(({ shape }) => shape[i]).find((dim) => typeof dim === "string"),
  );
  const widened = operands.map((operand) => {
    const shape = operand.shape.map((dim, i) => (dim === 1 ? (batch[i] ?? dim) : dim));
    return operand.kind === "dims" ? operand : broadcastTo(n.b, operand, shape);
  });
  return n.move("Concat", widened, { axis });
}

function tile(n: OnnxNode): Operand {
  const x = n.value(0);
  const repeats = n.numbers(1);
  if (repeats.length !== x.shape.length || repeats.some((count) => count < 1))
    throw n.unsupported(`its repeats [${repeats}] do not fit [${x.shape}]`);
  if (repeats.every((count) => count === 1)) return x;
  const apart = x.shape.flatMap((dim): Dim[] => [1, dim]);
  const repeated = x.shape.flatMap((dim, i): Dim[] => [repeats[i]!, dim]);
  const result = x.shape.map((dim, i): Dim => (repeats[i] === 1 ? dim : n.fixed(x.shape, i) * repeats[i]!));
  n.b.check(result);
  const columns = n.b.emit("Reshape", [x], { shape: apart });
  return n.b.emit("Reshape", [n.b.emit("Expand", [columns], { shape: repeated })], { shape: result });
}

// ---------------------------------------------------------------- padding

type Mode = "constant" | "reflect" | "edge" | "wrap";
const MODES: ReadonlySet<string> = new Set(["constant", "reflect", "edge", "wrap"]);

function pad(n: OnnxNode): Operand {
  const x = n.value(0);
  const rank = x.shape.length;
  const mode = n.string("mode", "constant");
  if (!MODES.has(mode)) throw n.error(`knows no mode "${mode}"`);
  const listed = n.opset < 11 ? n.ints("pads") : n.numbers(1);
  const axes = n.has(3) ? n.numbers(3).map((axis) => n.axis(axis, rank)) : x.shape.map((_, axis) => axis);
  if (listed.length !== 2 * axes.length || new Set(axes).size !== axes.length)
    throw n.error(`its ${listed.length} pads do not fit ${axes.length} axes`);
  const value = n.opset < 11 ? n.float("value", 0) : n.has(2) ? n.scalar(2) : 0;
  const begin = x.shape.map((_, axis) => listed[axes.indexOf(axis)] ?? 0);
  const end = x.shape.map((_, axis) => (axes.includes(axis) ? listed[axes.indexOf(axis) + axes.length]! : 0));
  return mode === "constant" ? padConstant(n, x, begin, end, value) : padByIndex(n, x, begin, end, mode as Mode);
}

/** Negative pads crop. */
export function padConstant(
  n: OnnxNode,
  x: Value,
  begin: readonly number[],
  end: readonly number[],
  value: number,
): Value {
  let cropped: Operand = x;
  x.shape.forEach((_, axis) => {
    const [low, high] = [Math.min(0, begin[axis]!), Math.min(0, end[axis]!)];
    if (low === 0 && high === 0) return;
    const size = n.fixed(x.shape, axis, "its padded axis") + low + high;
    if (size < 0) throw n.error(`its pads take more than axis ${axis} has`);
    cropped = sliceAxis(n, cropped, axis, -low, size);
  });
  const pads = [...begin, ...end].map((size) => Math.max(0, size));
  return pads.every((size) => size === 0) ? n.toValue(cropped) : n.b.emit("Pad", [n.toValue(cropped)], { pads, value });
}

/** Reflection, repetition of the edge, or wrapping: every element of the result is one of x. */
function padByIndex(n: OnnxNode, x: Value, begin: readonly number[], end: readonly number[], mode: Mode): Operand {
  let result: Operand = x;
  x.shape.forEach((_, axis) => {
    const [low, high] = [begin[axis]!, end[axis]!];
    if (low === 0 && high === 0) return;
    const size = n.fixed(x.shape, axis, "its padded axis");
    const count = size + low + high;
    if (count < 1 || size < 1) throw n.error(`its pads leave nothing of axis ${axis}`);
    if (mode === "wrap" && Math.max(low, high) > size)
      throw n.unsupported(`wraps axis ${axis} of size ${size} more than once: runtimes disagree on it; use Tile`);
    n.b.claim(count);
    const places = Array.from({ length: count }, (_, i) => paddedIndex(i - low, size, mode));
    result = takeAxis(n, result, axis, places);
  });
  return result;
}

function paddedIndex(i: number, size: number, mode: Mode): number {
  if (mode === "edge") return Math.max(0, Math.min(size - 1, i));
  const period = mode === "wrap" ? size : Math.max(1, 2 * (size - 1));
  const at = ((i % period) + period) % period;
  return at < size ? at : period - at;
}

// ---------------------------------------------------------------- rearranging

function transpose(n: OnnxNode): Operand {
  const x = n.operand(0);
  const perm = n.ints(
    "perm",
    x.shape.map((_, axis) => x.shape.length - 1 - axis),
  );
  return perm.every((axis, i) => axis === i) && perm.length === x.shape.length ? x : n.move("Transpose", [x], { perm });
}

/** x times a matrix along one axis. */
export function multiplyAxis(n: OnnxNode, x: Value, axis: number, matrix: Value): Value {
  const last = x.shape.length - 1;
  if (last === 0) {
    const row = n.b.emit("Reshape", [x], { shape: [1, x.shape[0]!] });
    return n.b.emit("Reshape", [n.b.emit("MatMul", [row, matrix])], { shape: [matrix.shape[1]!] });
  }
  if (axis === last) return n.b.emit("MatMul", [x, matrix]);
  const perm = x.shape.map((_, i) => (i === axis ? last : i === last ? axis : i));
  const product = n.b.emit("MatMul", [n.b.emit("Transpose", [x], { perm }), matrix]);
  return n.b.emit("Transpose", [product], { perm });
}

/** [N, C, H, W] with C and a block of b×b exchanged, through six axes. */
function blocks(n: OnnxNode, apart: (sizes: Sizes) => Shape, perm: readonly number[], joined: (sizes: Sizes) => Shape) {
  const x = n.value(0);
  if (x.shape.length !== 4) throw n.error(`needs an input of 4 axes, got [${x.shape}]`);
  const block = n.int("blocksize");
  const [batch, c, h, w] = [x.shape[0]!, n.fixed(x.shape, 1), n.fixed(x.shape, 2), n.fixed(x.shape, 3)];
  const sizes = { batch, c, h, w, block };
  if (block < 1 || [...apart(sizes), ...joined(sizes)].some((dim) => typeof dim === "number" && !Number.isInteger(dim)))
    throw n.error(`blocks of ${block} do not fit [${x.shape}]`);
  const parts = n.b.emit("Transpose", [n.toValue(reshapeTo(n, x, apart(sizes)))], { perm });
  return n.b.emit("Reshape", [parts], { shape: joined(sizes) });
}

interface Sizes {
  readonly batch: Dim;
  readonly c: number;
  readonly h: number;
  readonly w: number;
  readonly block: number;
}

const grown = ({ batch, c, h, w, block }: Sizes): Shape => [batch, c / block ** 2, h * block, w * block];

function depthToSpace(n: OnnxNode): Value {
  if (n.string("mode", "DCR") === "CRD")
    return blocks(
      n,
      ({ batch, c, h, w, block }) => [batch, c / block ** 2, block, block, h, w],
      [0, 1, 4, 2, 5, 3],
      grown,
    );
  return blocks(
    n,
    ({ batch, c, h, w, block }) => [batch, block, block, c / block ** 2, h, w],
    [0, 3, 4, 1, 5, 2],
    grown,
  );
}

const spaceToDepth = (n: OnnxNode): Value =>
  blocks(
    n,
    ({ batch, c, h, w, block }) => [batch, c, h / block, block, w / block, block],
    [0, 3, 5, 1, 2, 4],
    ({ batch, c, h, w, block }) => [batch, c * block ** 2, h / block, w / block],
  );

/** The upper or lower triangle of the last two axes, zeros elsewhere. */
function trilu(n: OnnxNode): Value {
  const x = n.value(0);
  const rank = x.shape.length;
  if (rank < 2) throw n.error("needs a matrix");
  const [rows, columns] = [n.fixed(x.shape, rank - 2), n.fixed(x.shape, rank - 1)];
  const upper = n.int("upper", 1) === 1;
  const shift = n.has(1) ? n.scalar(1) : 0;
  n.b.claim(rows, columns);
  const data = Uint8Array.from({ length: rows * columns }, (_, i) => {
    const diagonal = (i % columns) - Math.floor(i / columns);
    return (upper ? diagonal >= shift : diagonal <= shift) ? 1 : 0;
  });
  const mask: Tensor = { dtype: "bool", shape: [rows, columns], data };
  const zero = x.dtype === "int" ? n.b.ints([0], []) : n.b.constant(0);
  return n.b.emit("Where", [n.b.constant(mask), x, zero]);
}

export const movement: ConverterTable = {
  Slice: slice,
  Split: split,
  Gather: gather,
  Concat: concat,
  Tile: tile,
  Pad: pad,
  Transpose: transpose,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Trilu: trilu,
};
