/** @file Graphs whose every input and output has the batch as its first axis, run in parts. */

import { sizeOf } from "../../graph/dims.ts";
import { float32Tensor } from "../../graph/tensor.ts";
import { fitOf, MEMORY_BUDGET } from "../../runtime/memory.ts";
import type { Session } from "../../runtime/session.ts";
import type { Runnable } from "./types.ts";

/** Rows that a run takes: the model's own batch where its file fixes one; few enough for the memory budget. */
export const rowsAtOnce = (
  { network, memoryBudget = MEMORY_BUDGET }: Omit<Runnable, "runtime">,
  most: number,
): number => {
  const batch = network.input.shape[0];
  return typeof batch === "number" ? batch : Math.max(1, Math.min(most, fitOf(network.graph, memoryBudget).atOnce));
};

/** Float rows by name: each array holds as many as the others, of the shape given. */
export type Rows = Readonly<Record<string, { readonly values: Float32Array; readonly shape: readonly number[] }>>;

/** @returns the outputs by name, the rows of all parts one after the other */
export async function runRows(session: Session, rows: Rows, atOnce: number): Promise<Record<string, Float32Array>> {
  const inputs = Object.entries(rows).map(([name, { values, shape }]) => ({
    name,
    values,
    shape,
    size: sizeOf(shape),
  }));
  const count = inputs[0]!.values.length / inputs[0]!.size;
  const joined: Record<string, Float32Array> = {};
  for (let from = 0; from < count; from += atOnce) {
    const to = Math.min(count, from + atOnce);
    const feeds = inputs.map(({ name, values, shape, size }) => [
      name,
      float32Tensor([to - from, ...shape], values.subarray(from * size, to * size)),
    ]);
    for (const [name, { data }] of Object.entries(await session.run(Object.fromEntries(feeds)))) {
      if (to - from === count) joined[name] = data as Float32Array;
      else {
        const size = data.length / (to - from);
        joined[name] ??= new Float32Array(count * size);
        joined[name].set(data as Float32Array, from * size);
      }
    }
  }
  return joined;
}
