/** @file No attack is believed: a witness is run again through the model file as it is, and measured against its set. */

import { excessOf, marginOfRows } from "./queries.ts";
import { distanceIn, isInside, type Located } from "./sets.ts";
import type { LinearSpec, Queries } from "./types.ts";

/** A point that is claimed to be in the sets of a query and to have unsafe outputs: by the names of the inputs. */
export interface Witness {
  readonly query: number;
  readonly inputs: ReadonlyMap<string, Located & { readonly point: Float32Array }>;
}

/**
 * The outputs of the file at m points, [m, outputs], all outputs flattened, one after the other.
 * @param points by the names of the inputs: [m, …input]
 */
export type RunFile = (points: ReadonlyMap<string, Float32Array>) => Promise<ArrayLike<number>>;

export interface WitnessCheck {
  /** In the sets, and unsafe by the file's own outputs. */
  readonly holds: boolean;
  readonly inside: boolean;
  readonly unsafe: boolean;
  /** A row reads an output that is no number (or infinities of which no difference can be told): unsafe, whatever was asked. */
  readonly notANumber: boolean;
  /** How far the outputs are from unsafe; −∞ where they are no numbers. */
  readonly margin: number;
  /** From the centres of the balls: the largest over the inputs. */
  readonly distance: number;
  /** [outputs] */
  readonly outputs: Float64Array;
}

/** The claims against the file, in one run. */
export async function checkWitnesses(
  queries: Queries,
  claims: readonly Witness[],
  run: RunFile,
): Promise<readonly WitnessCheck[]> {
  if (claims.length === 0) return [];
  const { spec } = queries;
  const points = new Map([...queries.sets.keys()].map((name) => [name, stacked(claims, name)]));
  const found = await run(points);
  return claims.map((claim, k) => {
    const outputs = Float64Array.from({ length: spec.outputs }, (_, j) => found[k * spec.outputs + j]!);
    const answer = judge(spec, claim.query, outputs);
    const inside = isIn(queries, claim);
    const away = [...queries.sets].map(([name, set]) =>
      distanceIn(set, queries.count, claim.query, claim.inputs.get(name)!),
    );
    return { ...answer, inside, holds: inside && answer.unsafe, distance: Math.max(...away), outputs };
  });
}

function stacked(claims: readonly Witness[], name: string): Float32Array {
  const size = claims[0]!.inputs.get(name)!.point.length;
  const all = new Float32Array(claims.length * size);
  for (const [k, { inputs }] of claims.entries()) all.set(inputs.get(name)!.point, k * size);
  return all;
}

/** Is the claim true where these are the outputs at its point? */
export const holdsBy = (queries: Queries, claim: Witness, outputs: ArrayLike<number>): boolean =>
  judge(queries.spec, claim.query, outputs).unsafe && isIn(queries, claim);

/** Are these outputs unsafe for query i? */
export function judge(
  spec: LinearSpec,
  i: number,
  outputs: ArrayLike<number>,
): Pick<WitnessCheck, "unsafe" | "notANumber" | "margin"> {
  const margin = marginOfRows(spec, (row) => excessOf(spec, i, row, outputs));
  if (Number.isNaN(margin)) return { unsafe: true, notANumber: true, margin: Number.NEGATIVE_INFINITY };
  return { unsafe: margin <= 0, notANumber: false, margin };
}

/** Does the claimed point lie in every set, and on the right side of all half-spaces of inputs? */
function isIn({ sets, count, linearInputs }: Queries, { query, inputs }: Witness): boolean {
  if (![...sets].every(([name, set]) => isInside(set, count, query, inputs.get(name)!))) return false;
  if (!linearInputs) return true;
  const x = [...sets.keys()].flatMap((name) => Array.from(inputs.get(name)!.point));
  const { size, matrix, thresholds } = linearInputs;
  for (let row = query * size; row < (query + 1) * size; row++) {
    const sum = x.reduce((total, value, k) => total + matrix[row * x.length + k]! * value, 0);
    if (!(sum <= thresholds[row]!)) return false;
  }
  return true;
}
