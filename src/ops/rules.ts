/** @file Rules that many ops share; an op mostly picks one. */

import { bindDim, broadcastShapes, elements, type Shape, sameShape } from "../graph/dims.ts";
import type { OpAttrs, OpName } from "../graph/signatures.ts";
import { allocate, broadcastStrides, forEachIndex } from "../graph/tensor.ts";
import type { Builder, DType, NodeValue, Tensor, Value, ValueType } from "../graph/types.ts";
import { type Interval, isPoint, type LinearBounds, type Linearity } from "./op.ts";

// ---------------------------------------------------------------- shape and evaluation

export const inferBroadcast =
  (dtype?: DType) =>
  (inputs: readonly Value[]): ValueType => ({
    shape: broadcastShapes(...inputs.map((input) => input.shape)),
    dtype: dtype ?? inputs.at(-1)!.dtype,
  });

export const inferSame = ([x]: readonly Value[]): ValueType => ({ shape: x!.shape, dtype: x!.dtype });

export const broadcastConcrete = (...shapes: readonly (readonly number[])[]): number[] =>
  broadcastShapes(...shapes).map((dim) => bindDim(dim, 1));

/** Element-wise evaluation with broadcasting. */
export const mapElements =
  (f: (...values: number[]) => number, dtype?: DType) =>
  (inputs: readonly Tensor[]): Tensor => {
    const shape = broadcastConcrete(...inputs.map((input) => input.shape));
    const out = allocate(dtype ?? inputs.at(-1)!.dtype, shape);
    if (inputs.length === 1) {
      const x = inputs[0]!.data;
      for (let i = 0; i < x.length; i++) out.data[i] = f(x[i]!);
      return out;
    }
    const [a, b, c] = inputs.map((input) => input.data);
    const strides = inputs.map((input) => broadcastStrides(input.shape, shape));
    forEachIndex(shape, strides, (i, at) => {
      out.data[i] = c ? f(a![at[0]!]!, b![at[1]!]!, c[at[2]!]!) : f(a![at[0]!]!, b![at[1]!]!);
    });
    return out;
  };

// ---------------------------------------------------------------- graph helpers

/** Sums over the axes along which `shape` was broadcast to `value.shape`, so that the result has `shape`. */
export function unbroadcast(b: Builder, value: Value, shape: Shape): Value {
  if (sameShape(value.shape, shape)) return value;
  const lead = value.shape.length - shape.length;
  const axes = value.shape.flatMap((dim, axis) =>
    axis < lead || (shape[axis - lead] === 1 && dim !== 1) ? [axis] : [],
  );
  const summed = axes.length > 0 ? b.emit("ReduceSum", [value], { axes, keepdims: true }) : value;
  return reshape(b, summed, shape);
}

export const reshape = (b: Builder, value: Value, shape: Shape): Value =>
  sameShape(value.shape, shape) ? value : b.emit("Reshape", [value], { shape });

/** `value` repeated to `shape` (which must be its broadcast). */
export const broadcastTo = (b: Builder, value: Value, shape: Shape): Value =>
  sameShape(value.shape, shape) ? value : b.emit("Expand", [value], { shape });

export const add = (b: Builder, x: Value, y: Value): Value => b.emit("Add", [x, y]);
export const sub = (b: Builder, x: Value, y: Value): Value => b.emit("Sub", [x, y]);
export const mul = (b: Builder, x: Value, y: Value): Value => b.emit("Mul", [x, y]);
export const div = (b: Builder, x: Value, y: Value): Value => b.emit("Div", [x, y]);
export const neg = (b: Builder, x: Value): Value => b.emit("Neg", [x]);
export const abs = (b: Builder, x: Value): Value => b.emit("Abs", [x]);
export const min = (b: Builder, x: Value, y: Value): Value => b.emit("Min", [x, y]);
export const max = (b: Builder, x: Value, y: Value): Value => b.emit("Max", [x, y]);
export const scale = (b: Builder, x: Value, factor: number): Value => mul(b, x, b.constant(factor));

/** max(|lower|, |upper|). */
export const magnitude = (b: Builder, { lower, upper }: Interval): Value =>
  lower === upper ? abs(b, lower) : max(b, abs(b, lower), abs(b, upper));

/** Centre and radius of a box; a point has no radius. */
export function centreRadius(b: Builder, x: Interval): { centre: Value; radius: Value | undefined } {
  if (isPoint(x)) return { centre: x.lower, radius: undefined };
  return { centre: scale(b, add(b, x.lower, x.upper), 0.5), radius: scale(b, sub(b, x.upper, x.lower), 0.5) };
}

/** The same op on other operands. */
export const reemit = (b: Builder, node: NodeValue, inputs: readonly Value[]): Value =>
  // the attributes are those of the op by construction; the compiler cannot pair a union with itself
  b.emit(node.op, inputs, ...([node.attrs, node.name] as unknown as []));

// ---------------------------------------------------------------- linearity

export const alwaysLinear = (): Linearity => "linear";
export const neverLinear = (): Linearity => "none";
/** Products: linear in one operand when the other is constant. */
export const bilinear = (varying: readonly boolean[]): Linearity =>
  varying.filter(Boolean).length > 1 ? "none" : "linear";
/** Sums: linear when everything varies, otherwise the constants are an offset. */
export const additive = (varying: readonly boolean[]): Linearity => (varying.every(Boolean) ? "linear" : "affine");

// ---------------------------------------------------------------- intervals

/** Image of a box under a non-decreasing function. */
export const increasing =
  <K extends OpName>(op: K) =>
  (b: Builder, x: readonly Interval[], attrs: OpAttrs[K]): Interval => {
    const at = (end: keyof Interval) =>
      b.emit(
        op,
        x.map((interval) => interval[end]),
        ...([attrs] as never),
      );
    return { lower: at("lower"), upper: at("upper") };
  };

/** The hull of values that each bound the result at one combination of ends. */
export const hull = (b: Builder, values: readonly Value[]): Interval => ({
  lower: values.reduce((x, y) => min(b, x, y)),
  upper: values.reduce((x, y) => max(b, x, y)),
});

// ---------------------------------------------------------------- relaxations

/** The constant bounds lower ≤ f ≤ upper as linear functions with zero slopes. */
export const constantBounds = ({ lower, upper }: Interval, arity = 1): LinearBounds => {
  const slopes = Array<undefined>(arity).fill(undefined);
  return { lower: { slopes, offset: lower }, upper: { slopes, offset: upper } };
};

export const elementCount = (value: { readonly shape: Shape }): number => bindDim(elements(value.shape), 1);
