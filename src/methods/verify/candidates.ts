/** @file Candidate counter-examples: where the linear bound of a row is least over the set. */

import type { InputValue, Tensor } from "../../graph/types.ts";
import { farthestPoint } from "../../spec/ball.ts";
import type { Queries } from "../../spec/types.ts";
import { coefficientName } from "./stage-graphs.ts";

/** Fills the points of rows in as their coefficients come. */
export interface CandidatePoints {
  /** By input: [n, S, …input] */
  readonly points: ReadonlyMap<string, Float32Array>;
  /** @param found has the coefficients of `count` queries after `first`, of rows from … from + rows − 1 */
  add(found: Readonly<Record<string, Tensor>>, first: number, count: number, from: number, rows: number): void;
}

export function candidatePoints({ sets, count, spec }: Queries, inputs: readonly InputValue[]): CandidatePoints {
  const points = new Map(
    [...sets].map(([name, set]) => {
      const { length } = set.kind === "box" ? set.lower : set.centre;
      return [name, new Float32Array(length * spec.size)];
    }),
  );
  return {
    points,
    add(found, first, queries, from, rows) {
      for (const [k, { name }] of inputs.entries()) {
        const set = sets.get(name)!;
        const into = points.get(name)!;
        const size = into.length / (count * spec.size);
        const coefficients = found[coefficientName(k)];
        // the same rows for all queries have one copy of their coefficients
        const shared = coefficients?.shape[0] === 1;
        for (let i = 0; i < queries; i++) {
          for (let r = 0; r < rows; r++) {
            const at = ((shared ? 0 : i) * rows + r) * size;
            // what no row reads may lie anywhere
            const downhill = new Float32Array(size);
            if (coefficients) for (let j = 0; j < size; j++) downhill[j] = -coefficients.data[at + j]!;
            const point = farthestPoint(set, count, first + i, downhill);
            into.set(point, ((first + i) * spec.size + from + r) * size);
          }
        }
      }
    },
  };
}
