/** @file Ops that move elements and change none: exact in every arithmetic. */

import {
  bindDim,
  bindShape,
  broadcastShapes,
  type Dim,
  elements,
  fixed,
  type Shape,
  ShapeError,
  sameShape,
  sizeOf,
} from "../graph/dims.ts";
import { allocate, broadcastStrides, floatTensor, forEachIndex, stridesOf } from "../graph/tensor.ts";
import type { Builder, Tensor, Value } from "../graph/types.ts";
import { defineOp, type Interval, isConstant, isPoint } from "./op.ts";
import { additive, alwaysLinear, broadcastTo, elementCount, increasing, neg, reshape, unbroadcast } from "./rules.ts";

const exact = { kind: "exact" } as const;
const affine = { unsupported: "affine: its vjp is its relaxation" } as const;

export const Reshape = defineOp<"Reshape">({
  name: "Reshape",
  arity: 1,
  infer: ([x], { shape }) => {
    if (elements(x!.shape) !== elements(shape)) throw new ShapeError(`cannot reshape to [${shape}]`);
    return { shape, dtype: x!.dtype };
  },
  evaluate: ([x], { shape }) => {
    // the batch size of a concrete tensor follows from its number of elements
    const per = elements(shape);
    const batch = typeof per === "number" ? 1 : x!.data.length / bindDim(per, 1);
    return { dtype: x!.dtype, shape: bindShape(shape, batch), data: x!.data };
  },
  vjp: (b, { inputs: [x] }, dy) => [reshape(b, dy, x!.shape)],
  linearity: alwaysLinear,
  interval: increasing("Reshape"),
  relax: affine,
  rounding: exact,
});

/** Copies elements of x into a new tensor: output index → input offset by strides. */
function gatherStrided(x: Tensor, shape: readonly number[], strides: readonly number[], offset = 0): Tensor {
  const out = allocate(x.dtype, shape);
  forEachIndex(shape, [strides], (index, [at]) => {
    out.data[index] = x.data[offset + at!]!;
  });
  return out;
}

export const Transpose = defineOp<"Transpose">({
  name: "Transpose",
  arity: 1,
  infer: ([x], { perm }) => {
    if ([...perm].sort((p, q) => p - q).some((axis, i) => axis !== i) || perm.length !== x!.shape.length)
      throw new ShapeError(`perm [${perm}] is not a permutation of the axes`);
    return { shape: perm.map((axis) => x!.shape[axis]!), dtype: x!.dtype };
  },
  evaluate: ([x], { perm }) => {
    const strides = stridesOf(x!.shape);
    return gatherStrided(
      x!,
      perm.map((axis) => x!.shape[axis]!),
      perm.map((axis) => strides[axis]!),
    );
  },
  vjp: (b, { attrs: { perm } }, dy) => [b.emit("Transpose", [dy], { perm: perm.map((_, axis) => perm.indexOf(axis)) })],
  linearity: alwaysLinear,
  interval: increasing("Transpose"),
  relax: affine,
  rounding: exact,
});

export const Concat = defineOp<"Concat">({
  name: "Concat",
  arity: "any",
  infer: (inputs, { axis }) => {
    const first = inputs[0];
    if (!first || axis < 0 || axis >= first.shape.length) throw new ShapeError(`there is no axis ${axis}`);
    for (const { shape } of inputs)
      if (shape.length !== first.shape.length || shape.some((dim, i) => i !== axis && dim !== first.shape[i]))
        throw new ShapeError(`shapes differ beside axis ${axis}`);
    const size = inputs.reduce((sum, { shape }) => sum + fixed(shape[axis], "the concatenated axis"), 0);
    return { shape: (first.shape as Dim[]).with(axis, size), dtype: first.dtype };
  },
  evaluate: (inputs, { axis }) => {
    const first = inputs[0]!;
    const out = allocate(
      first.dtype,
      first.shape.with(
        axis,
        inputs.reduce((sum, { shape }) => sum + shape[axis]!, 0),
      ),
    );
    const strides = stridesOf(out.shape);
    let start = 0;
    for (const input of inputs) {
      const from = start * strides[axis]!;
      forEachIndex(input.shape, [strides], (index, [at]) => {
        out.data[from + at!] = input.data[index]!;
      });
      start += input.shape[axis]!;
    }
    return out;
  },
  vjp: (b, { inputs, attrs: { axis }, wanted }, dy) => {
    let start = 0;
    return inputs.map(({ shape }, i) => {
      const size = shape[axis]!;
      const from = start;
      start += fixed(size, "the concatenated axis");
      return wanted[i] ? b.emit("Slice", [dy], { axis, start: from, size, step: 1 }) : undefined;
    });
  },
  linearity: additive,
  interval: increasing("Concat"),
  relax: affine,
  rounding: exact,
});

/** Elements start, start + step, … along one axis. */
export const Slice = defineOp<"Slice">({
  name: "Slice",
  arity: 1,
  infer: ([x], { axis, start, size, step }) => {
    const dim = x!.shape[axis];
    if (dim === undefined) throw new ShapeError(`there is no axis ${axis}`);
    if (typeof dim === "number" && (step < 1 || start < 0 || start + (bindDim(size, 1) - 1) * step >= dim))
      throw new ShapeError(`elements ${start}, ${start + step}, … (${size} of them) lie outside axis ${axis}`);
    if (typeof dim !== "number" && (dim !== size || start !== 0 || step !== 1))
      throw new ShapeError("the batch axis cannot be sliced");
    return { shape: (x!.shape as Dim[]).with(axis, size), dtype: x!.dtype };
  },
  evaluate: ([x], { axis, start, size, step }) => {
    const strides = stridesOf(x!.shape);
    const shape = x!.shape.with(axis, typeof size === "number" ? size : x!.shape[axis]!);
    return gatherStrided(x!, shape, strides.with(axis, strides[axis]! * step), start * strides[axis]!);
  },
  vjp: (b, { inputs: [x], attrs }, dy) => [scatterSlice(b, dy, x!.shape, attrs.axis, attrs.start, attrs.step)],
  linearity: alwaysLinear,
  interval: increasing("Slice"),
  relax: affine,
  rounding: exact,
});

/** The adjoint of Slice: zeros everywhere else. A step becomes an axis of its own that is padded and folded back. */
function scatterSlice(b: Builder, dy: Value, shape: Shape, axis: number, start: number, step: number): Value {
  if (typeof shape[axis] !== "number") return dy;
  const total = fixed(shape[axis], "the sliced axis");
  let spread = dy;
  let size = fixed(dy.shape[axis], "the sliced axis");
  if (step > 1) {
    const column: Dim[] = [...dy.shape.slice(0, axis + 1), 1, ...dy.shape.slice(axis + 1)];
    spread = padAxis(b, reshape(b, dy, column), axis + 1, 0, step - 1);
    size *= step;
    spread = reshape(b, spread, dy.shape.with(axis, size));
  }
  if (start + size > total) {
    size = total - start;
    spread = b.emit("Slice", [spread], { axis, start: 0, size, step: 1 });
  }
  return padAxis(b, spread, axis, start, total - start - size);
}

/** Zeros before and after along one axis. */
export function padAxis(b: Builder, x: Value, axis: number, before: number, after: number, value = 0): Value {
  if (before === 0 && after === 0) return x;
  const rank = x.shape.length;
  const pads = new Array<number>(2 * rank).fill(0);
  pads[axis] = before;
  pads[axis + rank] = after;
  return b.emit("Pad", [x], { pads, value });
}

export const Pad = defineOp<"Pad">({
  name: "Pad",
  arity: 1,
  infer: ([x], { pads }) => {
    const rank = x!.shape.length;
    if (pads.length !== 2 * rank || pads.some((pad) => pad < 0)) throw new ShapeError(`pads [${pads}] do not fit`);
    const shape = x!.shape.map((dim, axis) => {
      const extra = pads[axis]! + pads[axis + rank]!;
      return extra === 0 ? dim : fixed(dim, "a padded axis") + extra;
    });
    return { shape, dtype: x!.dtype };
  },
  evaluate: ([x], { pads, value }) => {
    const rank = x!.shape.length;
    const out = allocate(
      x!.dtype,
      x!.shape.map((dim, axis) => dim + pads[axis]! + pads[axis + rank]!),
    );
    out.data.fill(value);
    const strides = stridesOf(out.shape);
    const from = strides.reduce((sum, stride, axis) => sum + stride * pads[axis]!, 0);
    forEachIndex(x!.shape, [strides], (index, [at]) => {
      out.data[from + at!] = x!.data[index]!;
    });
    return out;
  },
  vjp: (b, { inputs: [x], attrs: { pads } }, dy) => {
    let dx = dy;
    x!.shape.forEach((size, axis) => {
      if (dx.shape[axis] !== size) dx = b.emit("Slice", [dx], { axis, start: pads[axis]!, size, step: 1 });
    });
    return [dx];
  },
  // the transform asks for op(0), which is the padding
  linearity: () => "affine",
  interval: increasing("Pad"),
  relax: affine,
  rounding: exact,
});

export const Expand = defineOp<"Expand">({
  name: "Expand",
  arity: 1,
  infer: ([x], { shape }) => {
    if (!sameShape(broadcastShapes(x!.shape, shape), shape)) throw new ShapeError(`cannot expand to [${shape}]`);
    return { shape, dtype: x!.dtype };
  },
  evaluate: ([x], { shape }) => {
    const to = shape.map((dim, axis) =>
      typeof dim === "number" ? dim : (x!.shape[axis - shape.length + x!.shape.length] ?? 1),
    );
    return gatherStrided(x!, to, broadcastStrides(x!.shape, to));
  },
  vjp: (b, { inputs: [x] }, dy) => [unbroadcast(b, dy, x!.shape)],
  linearity: alwaysLinear,
  interval: increasing("Expand"),
  relax: affine,
  rounding: exact,
});

/** x with the axis replaced by the indices' shape. */
export const Gather = defineOp<"Gather">({
  name: "Gather",
  arity: 2,
  infer: ([x, indices], { axis }) => {
    const dim = x!.shape[axis];
    if (dim === undefined) throw new ShapeError(`there is no axis ${axis}`);
    if (
      isConstant(indices!) &&
      indices.tensor.data.some((index) => index < 0 || index >= fixed(dim, "the gathered axis"))
    )
      throw new ShapeError(`an index lies outside axis ${axis} of size ${dim}`);
    return { shape: [...x!.shape.slice(0, axis), ...indices!.shape, ...x!.shape.slice(axis + 1)], dtype: x!.dtype };
  },
  evaluate: ([x, indices], { axis }) => {
    const [before, after] = [x!.shape.slice(0, axis), x!.shape.slice(axis + 1)];
    const out = allocate(x!.dtype, [...before, ...indices!.shape, ...after]);
    const [outer, inner, count] = [sizeOf(before), sizeOf(after), indices!.data.length];
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < count; i++) {
        const from = (o * x!.shape[axis]! + indices!.data[i]!) * inner;
        out.data.set(x!.data.subarray(from, from + inner), (o * count + i) * inner);
      }
    return out;
  },
  vjp: (b, { inputs: [x, indices], attrs: { axis }, wanted }, dy) => {
    if (!wanted[0]) return [undefined, undefined];
    if (!isConstant(indices!)) throw new ShapeError("Gather has a gradient only for constant indices");
    const size = fixed(x!.shape[axis], "the gathered axis");
    const [count, inner] = [indices.tensor.data.length, elements(x!.shape.slice(axis + 1))];
    const flat = reshape(b, dy, [...x!.shape.slice(0, axis), count, inner]);
    const scattered = scatter(b, flat, axis, indices.tensor.data, size);
    return [reshape(b, scattered, x!.shape), undefined];
  },
  linearity: ([, indices]) => (indices ? "none" : "linear"),
  interval: (b, x, attrs) =>
    isPoint(x[1]!) ? increasing("Gather")(b, x, attrs) : anyAlong(b, x[0]!, x[1]!.lower, attrs),
  relax: affine,
  rounding: exact,
  fanOut: ([, indices]) => elementCount(indices!),
});

/** The hull of all elements along the axis, one for each index: an index that varies may take any of them. */
function anyAlong(b: Builder, x: Interval, indices: Value, { axis }: { readonly axis: number }): Interval {
  const { shape } = x.lower;
  const [before, after] = [shape.slice(0, axis), shape.slice(axis + 1)];
  const largest = (value: Value): Value => {
    const most = b.emit("ReduceMax", [value], { axes: [axis], keepdims: false });
    const spread = reshape(b, most, [...before, ...indices.shape.map(() => 1), ...after]);
    return broadcastTo(b, spread, [...before, ...indices.shape, ...after]);
  };
  return { lower: neg(b, largest(neg(b, x.lower))), upper: largest(x.upper) };
}

/** A one-hot matrix up to this many elements is cheap; a larger one is not made where each place is taken a few times. */
const ONE_HOT_LIMIT = 1 << 12;
const GATHER_LIMIT = 16;

/** The adjoint of Gather: `dy` [..., count, inner] → [..., size, inner], each element added where it was taken. */
function scatter(b: Builder, dy: Value, axis: number, indices: Tensor["data"], size: number): Value {
  const takers: number[][] = Array.from({ length: size }, () => []);
  indices.forEach((index, i) => {
    takers[index]!.push(i);
  });
  const most = takers.reduce((longest, { length }) => Math.max(longest, length), 0);
  if (size * indices.length > ONE_HOT_LIMIT && most <= GATHER_LIMIT) return scatterByGathers(b, dy, axis, takers, most);
  const oneHot = new Float64Array(size * indices.length);
  indices.forEach((index, i) => {
    oneHot[index * indices.length + i] = 1;
  });
  return b.emit("MatMul", [b.constant(floatTensor([size, indices.length], oneHot)), dy]);
}

/** A sum of gathers, one for each time that an element was taken. */
function scatterByGathers(
  b: Builder,
  dy: Value,
  axis: number,
  takers: readonly (readonly number[])[],
  most: number,
): Value {
  const parts = Array.from({ length: most }, (_, t): Value => {
    const part = b.emit("Gather", [dy, b.ints(takers.map((own) => own[t] ?? 0))], { axis });
    if (takers.every((own) => own.length > t)) return part;
    const taken = takers.map((own) => (own.length > t ? 1 : 0));
    return b.emit("Mul", [part, b.constant(floatTensor([taken.length, 1], taken))]);
  });
  return parts.reduce((sum, part) => b.emit("Add", [sum, part]));
}
