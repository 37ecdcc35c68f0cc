/** @file Ops that read or write at places that the file lists; where the places depend on the data, they are refused. */

import { isBatched, type Shape, sizeOf } from "../../../graph/dims.ts";
import { floatTensor } from "../../../graph/tensor.ts";
import type { Tensor, Value } from "../../../graph/types.ts";
import { add, broadcastTo, mul, reshape } from "../../../ops/rules.ts";
import type { OnnxNode } from "../node.ts";
import type { Operand } from "../operand.ts";
import { takeAxis } from "./movement.ts";
import type { Converter, ConverterTable } from "./types.ts";

const iota = (size: number): number[] => Array.from({ length: size }, (_, i) => i);

/**
 * A tensor as a table of rows, [N, R, …rest] with a batch and [R, …rest] without one. The first index of every place is
 * then the sample's, which must be the one sample that the file was written for.
 */
function sampleSizes(n: OnnxNode, shape: Shape): number[] {
  if (!isBatched(shape)) return shape.map((_, axis) => n.fixed(shape, axis));
  if (typeof shape[0] === "number" || n.b.fileBatch !== 1)
    throw n.unsupported("takes or writes elements of single samples of the batch");
  return [1, ...shape.slice(1).map((_, i) => n.fixed(shape, i + 1))];
}

/** Rows of x: its first axes, `sizes` with the batch as 1, are joined. */
function table(n: OnnxNode, x: Value, rows: number, rest: readonly number[]): Value {
  return reshape(n.b, x, isBatched(x.shape) ? [x.shape[0]!, rows, ...rest] : [rows, ...rest]);
}

const rowAxis = (x: Value): number => (isBatched(x.shape) ? 1 : 0);

/** Row-major place of an index of k entries, each counted from the end where it is below 0. */
function placeOf(n: OnnxNode, index: ArrayLike<number>, sizes: readonly number[]): number {
  return sizes.reduce((place, size, i) => {
    const at = index[i]! < 0 ? index[i]! + size : index[i]!;
    if (!(at >= 0 && at < size)) throw n.error(`an index lies outside axis ${i} of size ${size}`);
    return place * size + at;
  }, 0);
}

/** The place in a tensor of `sizes` that entry number `entry` of an index tensor along `axis` means. */
function alongPlaces(n: OnnxNode, { shape, data }: Tensor, axis: number, sizes: readonly number[]): number[] {
  if (shape.length !== sizes.length || shape.some((size, i) => i !== axis && size > sizes[i]!))
    throw n.error(`its indices [${shape}] do not fit [${sizes}]`);
  return Array.from(data, (raw, entry) => {
    let rest = entry;
    const index = new Array<number>(shape.length);
    for (let i = shape.length - 1; i >= 0; i--) {
      index[i] = rest % shape[i]!;
      rest = Math.floor(rest / shape[i]!);
    }
    index[axis] = raw;
    return placeOf(n, index, sizes);
  });
}

function gatherElements(n: OnnxNode): Operand {
  const x = n.value(0);
  const axis = n.axis(n.int("axis", 0), x.shape.length);
  const sizes = sampleSizes(n, x.shape);
  const indices = n.constant(1);
  if (isBatched(x.shape) && (axis === 0 || indices.shape[0] !== 1)) throw n.unsupported("takes from the batch axis");
  const places = alongPlaces(n, indices, axis, sizes);
  const flat = table(n, x, sizeOf(sizes), []);
  const taken = n.toValue(takeAxis(n, flat, rowAxis(x), places));
  return reshape(n.b, taken, isBatched(x.shape) ? [x.shape[0]!, ...indices.shape.slice(1)] : indices.shape);
}

function gatherND(n: OnnxNode): Operand {
  const x = n.value(0);
  const sizes = sampleSizes(n, x.shape);
  const { shape, data } = n.constant(1);
  const width = shape.at(-1) ?? 0;
  const batches = n.int("batch_dims", 0);
  const joined = batches + width;
  if (shape.length < 1 || batches < 0 || batches >= shape.length || joined > sizes.length || width < 1)
    throw n.error(`its indices [${shape}] do not fit [${x.shape}]`);
  const outer = shape.slice(0, batches);
  if (outer.some((size, i) => size !== sizes[i])) throw n.error("its batch axes differ");
  const each = sizeOf(shape.slice(batches, -1));
  const places = iota(sizeOf(outer) * each).map((entry) => {
    let rest = Math.floor(entry / each);
    const batch = new Array<number>(batches);
    for (let i = batches - 1; i >= 0; i--) {
      batch[i] = rest % outer[i]!;
      rest = Math.floor(rest / outer[i]!);
    }
    const index = Array.from(data.slice(entry * width, (entry + 1) * width));
    return placeOf(n, [...batch, ...index], sizes.slice(0, joined));
  });
  const lead = shape.slice(0, -1);
  const rest = sizes.slice(joined);
  if (isBatched(x.shape) && lead[0] !== 1) throw n.unsupported("takes from the batch axis");
  const rows = table(n, x, sizeOf(sizes.slice(0, joined)), rest);
  const taken = n.toValue(takeAxis(n, rows, rowAxis(x), places));
  return reshape(n.b, taken, isBatched(x.shape) ? [x.shape[0]!, ...lead.slice(1), ...rest] : [...lead, ...rest]);
}

type Combine = (x: Value, y: Value) => Value;

/**
 * Writes row m of `updates` at place places[m] of the rows of `data`: one gather from both together. With a reduction
 * the k-th update of each place is combined in round k, in the order of the file.
 */
function writeRows(n: OnnxNode, data: Value, updates: Value, places: readonly number[], combine?: Combine): Value {
  const axis = rowAxis(data);
  const rows = n.fixed(data.shape, axis);
  const both = n.b.emit("Concat", [data, updates], { axis });
  if (!combine) {
    const from = iota(rows);
    places.forEach((place, m) => {
      from[place] = rows + m;
    });
    return n.toValue(takeAxis(n, both, axis, from));
  }
  const rounds: number[][] = [];
  const seen = new Array<number>(rows).fill(0);
  places.forEach((place, m) => {
    const round = seen[place]!++;
    rounds[round] ??= new Array<number>(rows).fill(-1);
    rounds[round][place] = rows + m;
  });
  return rounds.reduce((result, round) => {
    const from = round.map((at, row) => (at < 0 ? row : at));
    const written = round.map((at) => (at < 0 ? 0 : 1));
    const mask = n.b.constant({
      dtype: "bool",
      shape: [rows, ...data.shape.slice(axis + 1).map(() => 1)],
      data: Uint8Array.from(written),
    });
    return n.b.emit("Where", [mask, combine(result, n.toValue(takeAxis(n, both, axis, from))), result]);
  }, data);
}

function reductionOf(n: OnnxNode): Combine | undefined {
  const kind = n.string("reduction", "none");
  if (kind === "none") return undefined;
  if (kind === "add") return (x, y) => add(n.b, x, y);
  if (kind === "mul") return (x, y) => mul(n.b, x, y);
  if (kind === "max" || kind === "min") return (x, y) => n.b.emit(kind === "max" ? "Max" : "Min", [x, y]);
  throw n.error(`knows no reduction "${kind}"`);
}

/** Both with a batch or both without one, where only one of them has it. */
function paired(n: OnnxNode, data: Value, updates: Value): [Value, Value] {
  const batch = [data, updates].find(({ shape }) => isBatched(shape))?.shape[0];
  if (batch === undefined) return [data, updates];
  const spread = (x: Value): Value => {
    if (isBatched(x.shape)) return x;
    if (x.shape[0] !== 1) throw n.unsupported("writes to single samples of the batch");
    return broadcastTo(n.b, x, [batch, ...x.shape.slice(1)]);
  };
  return [spread(data), spread(updates)];
}

function scatterND(n: OnnxNode): Operand {
  const [x, updates] = paired(n, n.value(0), n.value(2));
  const { shape, data } = n.constant(1);
  const sizes = sampleSizes(n, x.shape);
  const width = shape.at(-1) ?? 0;
  if (width < 1 || width > sizes.length) throw n.error(`its indices [${shape}] do not fit [${x.shape}]`);
  const count = sizeOf(shape.slice(0, -1));
  const places = iota(count).map((entry) =>
    placeOf(n, data.slice(entry * width, (entry + 1) * width), sizes.slice(0, width)),
  );
  const rest = sizes.slice(width);
  const rows = sizeOf(sizes.slice(0, width));
  return reshape(
    n.b,
    writeRows(n, table(n, x, rows, rest), table(n, updates, count, rest), places, reductionOf(n)),
    x.shape,
  );
}

function scatterElements(n: OnnxNode): Operand {
  const [x, updates] = paired(n, n.value(0), n.value(2));
  const axis = n.axis(n.int("axis", 0), x.shape.length);
  const sizes = sampleSizes(n, x.shape);
  const indices = n.constant(1);
  if (isBatched(x.shape) && axis === 0) throw n.unsupported("writes along the batch axis");
  const places = alongPlaces(n, indices, axis, sizes);
  const [rows, written] = [table(n, x, sizeOf(sizes), []), table(n, updates, places.length, [])];
  return reshape(n.b, writeRows(n, rows, written, places, reductionOf(n)), x.shape);
}

function compress(n: OnnxNode): Operand {
  const x = n.value(0);
  const places = Array.from(n.constant(1).data).flatMap((on, i) => (on ? [i] : []));
  if (n.hasAttribute("axis")) return takeAxis(n, x, n.axis(n.int("axis"), x.shape.length), places);
  return takeAxis(n, reshape(n.b, x, [sizeOf(x.shape.map((_, i) => n.fixed(x.shape, i)))]), 0, places);
}

/** The places of what is not 0, a column each. */
function nonZero(n: OnnxNode): Operand {
  const { shape, data } = n.constant(0);
  const found = Array.from(data).flatMap((value, i) => (value !== 0 ? [i] : []));
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const columns = shape.flatMap((size, axis) => found.map((at) => Math.floor(at / strides[axis]!) % size));
  return n.b.ints(columns, [shape.length, found.length]);
}

/** Of each sequence, the first so many elements backwards. */
function reverseSequence(n: OnnxNode): Operand {
  const x = n.value(0);
  const [batch, time] = [n.int("batch_axis", 1), n.int("time_axis", 0)];
  if (batch === time || ![batch, time].every((axis) => axis === 0 || axis === 1) || x.shape.length < 2)
    throw n.error("needs the axes 0 and 1");
  const size = n.fixed(x.shape, time);
  const turned = (length: number) => iota(size).map((i) => (i < length ? length - 1 - i : i));
  const lengths = n.numbers(1);
  if (lengths.some((length) => !(length >= 0 && length <= size))) throw n.error("a length lies outside its sequence");
  if (lengths.every((length) => length === lengths[0])) return takeAxis(n, x, time, turned(lengths[0] ?? 0));
  const parts = lengths.map((length, i) => n.toValue(takeAxis(n, takeAxis(n, x, batch, [i]), time, turned(length))));
  return n.b.emit("Concat", parts, { axis: batch });
}

/** `on` where the new axis's place is the index, `off` elsewhere. */
function oneHot(n: OnnxNode): Operand {
  const [given, depth] = [n.value(0), n.scalar(1)];
  const values = n.constant(2);
  if (values.data.length !== 2 || !(depth >= 1)) throw n.error("needs a depth and two values");
  n.b.claim(depth);
  const rank = given.shape.length + 1;
  const axis = n.axis(n.int("axis", -1), rank);
  // a number that is no whole one is no place, as in the runtime
  const number = (values: readonly number[], shape: readonly number[]) =>
    given.dtype === "int" ? n.b.ints(values, shape) : n.b.constant(floatTensor(shape, values));
  const below = n.b.emit("Less", [given, number([0], [])]);
  const index = n.b.emit("Where", [below, add(n.b, given, number([depth], [])), given]);
  const column = reshape(n.b, index, [...given.shape.slice(0, axis), 1, ...given.shape.slice(axis)]);
  const places = number(iota(depth), [depth, ...new Array<number>(rank - 1 - axis).fill(1)]);
  const [off, on] = [0, 1].map((i) => n.b.constant({ ...values, shape: [], data: values.data.slice(i, i + 1) }));
  return n.b.emit("Where", [n.b.emit("Equal", [column, places]), on!, off!]);
}

/** 1 at the first largest element of the axis (before opset 13 of all axes from it on), 0 elsewhere. */
function hardmax(n: OnnxNode): Operand {
  const x = n.value(0);
  const axis = n.axis(n.int("axis", n.opset < 13 ? 1 : -1), x.shape.length);
  const tail = x.shape.slice(axis);
  const flat: Shape =
    n.opset < 13 ? [...x.shape.slice(0, axis), sizeOf(tail.map((_, i) => n.fixed(tail, i)))] : x.shape;
  const line = reshape(n.b, x, flat);
  const size = n.fixed(flat, axis);
  n.b.claim(size);
  const places = n.b.ints(iota(size), [size, ...flat.slice(axis + 1).map(() => 1)]);
  const largest = n.b.emit("ArgMax", [line], { axis, keepdims: true });
  return reshape(n.b, n.b.emit("Cast", [n.b.emit("Equal", [largest, places])], { to: "float" }), x.shape);
}

/** The largest (or smallest) one alone; more are an answer about the scores, not scores. */
function topK(n: OnnxNode): readonly (Operand | undefined)[] {
  const x = n.value(0);
  const k = n.opset < 10 ? n.int("k") : n.scalar(1);
  const axis = n.axis(n.int("axis", -1), x.shape.length);
  if (k !== 1)
    throw n.unsupported(`gives the ${k} largest; name the tensor before it, "${n.source.inputs[0]}", as the output`);
  const largest = n.int("largest", 1) !== 0;
  const turned = largest ? x : n.b.emit("Neg", [x]);
  const value = n.b.emit("ReduceMax", [turned], { axes: [axis], keepdims: true });
  return [
    largest ? value : n.b.emit("Neg", [value]),
    n.wants(1) ? n.b.emit("ArgMax", [turned], { axis, keepdims: true }) : undefined,
  ];
}

export const indexed: ConverterTable = {
  GatherElements: gatherElements,
  GatherND: gatherND,
  Scatter: scatterElements,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  Compress: compress,
  NonZero: nonZero,
  ReverseSequence: reverseSequence,
  OneHot: oneHot,
  Hardmax: hardmax,
  TopK: topK as Converter,
};
