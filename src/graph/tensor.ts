import { sizeOf } from "./dims.ts";
import type { DType, Tensor } from "./types.ts";

export const floatTensor = (shape: readonly number[], values: ArrayLike<number>): Tensor => ({
  dtype: "float",
  shape,
  data: Float64Array.from(values),
});

export const float32Tensor = (shape: readonly number[], data: Float32Array): Tensor => ({
  dtype: "float",
  shape,
  data,
});

export const intTensor = (shape: readonly number[], values: ArrayLike<number>): Tensor => ({
  dtype: "int",
  shape,
  data: Int32Array.from(values),
});

/** The rows of a matrix at these places, in this order. @param size of a row */
export function rowsAt<A extends Float32Array | Float64Array | Int32Array>(
  values: A,
  size: number,
  places: ArrayLike<number>,
): A {
  const rows = new (values.constructor as Float64ArrayConstructor)(places.length * size);
  for (let k = 0; k < places.length; k++) {
    const from = places[k]! * size;
    rows.set(values.subarray(from, from + size), k * size);
  }
  return rows as unknown as A;
}

/** An array for evaluation in float64: ints and bools keep their own kind. */
export function allocate(
  dtype: DType,
  shape: readonly number[],
): { dtype: DType; shape: readonly number[]; data: Float64Array | Int32Array | Uint8Array } {
  const size = sizeOf(shape);
  const data =
    dtype === "float" ? new Float64Array(size) : dtype === "int" ? new Int32Array(size) : new Uint8Array(size);
  return { dtype, shape, data };
}

/** Row-major strides, in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}

/** Strides that read `shape` as if it were broadcast to `to`: 0 along repeated axes. */
export function broadcastStrides(shape: readonly number[], to: readonly number[]): number[] {
  const own = stridesOf(shape);
  const lead = to.length - shape.length;
  return to.map((_, axis) => (axis < lead || shape[axis - lead] === 1 ? 0 : own[axis - lead]!));
}

/** Calls `visit(output offset, offsets into each operand)` for every index of `shape`, in row-major order. */
export function forEachIndex(
  shape: readonly number[],
  strides: readonly (readonly number[])[],
  visit: (index: number, offsets: readonly number[]) => void,
): void {
  const size = sizeOf(shape);
  const counter = new Array<number>(shape.length).fill(0);
  const offsets = new Array<number>(strides.length).fill(0);
  for (let index = 0; index < size; index++) {
    visit(index, offsets);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const wraps = ++counter[axis]! === shape[axis]!;
      if (wraps) counter[axis] = 0;
      const move = wraps ? 1 - shape[axis]! : 1;
      for (let k = 0; k < strides.length; k++) offsets[k]! += move * strides[k]![axis]!;
      if (!wraps) break;
    }
  }
}
