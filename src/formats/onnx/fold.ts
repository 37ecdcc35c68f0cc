/** @file Computing constants at import: only what is exact in every arithmetic, so that a weight keeps its bits. */

import type { OpAttrs, OpName } from "../../graph/signatures.ts";
import { floatTensor } from "../../graph/tensor.ts";
import type { DType, Tensor } from "../../graph/types.ts";
import { recordOf } from "../../ops/index.ts";

/**
 * May this op be computed once and for all? Floats are only moved (a rounded sum would differ from the runtime's);
 * integers and bools are also combined element by element.
 */
export function isFoldable(op: OpName, inputs: readonly { readonly dtype: DType }[], result: DType): boolean {
  const { rounding, linearity } = recordOf(op);
  const floats = inputs.map((input) => input.dtype === "float");
  if (result !== "float" && !floats.includes(true)) return rounding.kind !== "sum";
  return rounding.kind === "exact" && linearity(floats) !== "none";
}

/** The op on constants. float32 data stays float32. */
export function evaluateConstant<K extends OpName>(op: K, inputs: readonly Tensor[], attrs: OpAttrs[K]): Tensor {
  const swapped = op === "Transpose" ? transposeMatrix(inputs[0]!, attrs as OpAttrs["Transpose"]) : undefined;
  if (swapped) return swapped;
  const result = recordOf(op).evaluate(inputs, attrs);
  const narrow = inputs.every(({ dtype, data }) => dtype !== "float" || data instanceof Float32Array);
  if (result.dtype !== "float" || !narrow || result.data instanceof Float32Array) return result;
  const data = Float32Array.from(result.data);
  // a padding value, or a negated constant, may need the double
  return data.every((value, i) => Object.is(value, result.data[i])) ? { ...result, data } : result;
}

/** The common case, weights stored transposed, without an index computation for each element. */
function transposeMatrix({ dtype, shape, data }: Tensor, { perm }: OpAttrs["Transpose"]): Tensor | undefined {
  if (shape.length !== 2 || perm[0] !== 1) return undefined;
  const [rows, columns] = shape as [number, number];
  const out = data instanceof Float32Array ? new Float32Array(data.length) : undefined;
  if (!out) return undefined;
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j]!;
  return { dtype, shape: [columns, rows], data: out };
}

/** A float constant of doubles: exact for float64 targets, rounded once for float32. */
export const doubles = (shape: readonly number[], values: ArrayLike<number>): Tensor => floatTensor(shape, values);
