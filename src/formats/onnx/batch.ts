/**
 * @file Which ops would mix the samples of a batch. A model is read as one of any batch only if nothing in it does: then
 * every sample's result is what the file says for that sample alone.
 */

import type { Dim, Shape } from "../../graph/dims.ts";
import type { OpAttrs, OpName } from "../../graph/signatures.ts";
import type { Value } from "../../graph/types.ts";

type Mixes<K extends OpName> = (inputs: readonly Value[], attrs: OpAttrs[K], shape: Shape) => string | undefined;

const symbolic = (dim: Dim | undefined): boolean => typeof dim === "string";
const batchAxis = (shape: Shape): number => shape.findIndex(symbolic);

const overAxes =
  (axesOf: (attrs: never) => readonly number[]) =>
  ([x]: readonly Value[], attrs: unknown): string | undefined =>
    axesOf(attrs as never).includes(batchAxis(x!.shape)) ? "goes over the batch axis" : undefined;

/** The samples stay the leading part of their axis: as many rows come before them as did. */
function reshapes([x]: readonly Value[], _: unknown, shape: Shape): string | undefined {
  const before = (dims: Shape) =>
    dims.slice(0, Math.max(0, batchAxis(dims))).reduce<number>((a, d) => a * Number(d), 1);
  return batchAxis(x!.shape) >= 0 && before(x!.shape) !== before(shape) ? "moves the batch axis" : undefined;
}

function contracts([x, w]: readonly Value[]): string | undefined {
  return symbolic(x!.shape.at(-1)) || symbolic(w!.shape.at(-2)) ? "sums over the batch axis" : undefined;
}

const channels = ([x, w]: readonly Value[]): string | undefined =>
  symbolic(x!.shape[1]) || w!.shape.some(symbolic) ? "sums over the batch axis" : undefined;

const table: { readonly [K in OpName]?: Mixes<K> } = {
  Reshape: reshapes,
  MatMul: contracts,
  Conv: channels,
  ConvTranspose: channels,
  ReduceSum: overAxes(({ axes }: OpAttrs["ReduceSum"]) => axes),
  ReduceMax: overAxes(({ axes }: OpAttrs["ReduceMax"]) => axes),
  ArgMax: overAxes(({ axis }: OpAttrs["ArgMax"]) => [axis]),
  Softmax: overAxes(({ axis }: OpAttrs["Softmax"]) => [axis]),
  LogSoftmax: overAxes(({ axis }: OpAttrs["LogSoftmax"]) => [axis]),
};

/** The reason why this node mixes samples, or undefined. `attrs` may be missing where the op has none. */
export function mixesBatch<K extends OpName>(
  op: K,
  inputs: readonly Value[],
  attrs: OpAttrs[K],
  shape: Shape,
): string | undefined {
  return (table[op] as Mixes<K> | undefined)?.(inputs, attrs, shape);
}
