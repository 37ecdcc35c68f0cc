/** @file Sets of inputs and rows as graph inputs, shared by all linear-relaxation verifiers, and what to feed them. */

import type { Dim } from "../../graph/dims.ts";
import { float32Tensor, floatTensor } from "../../graph/tensor.ts";
import type { Builder, InputValue, Tensor } from "../../graph/types.ts";
import type { Float } from "../../runtime/session.ts";
import { boxOfSet, distances, roundDown, roundUp } from "../../spec/sets.ts";
import type { BallSet, Box, Norm, Queries } from "../../spec/types.ts";
import type { Domain, Domains } from "../../transforms/relax/index.ts";

/** Graph inputs that describe a set for each sample, and the domains of the network's inputs that they make. */
export interface SetInputs {
  readonly inputs: readonly InputValue[];
  readonly domains: Domains;
}

/** What sets the inputs have: boxes and linf balls (`linf`), or balls of another norm; one for all inputs, or each its own. */
export type SetNorms = Norm | ReadonlyMap<string, Norm>;

const nameOf = (k: number, part: "lower" | "upper" | "centre" | "radius"): string => `set/${k}/${part}`;

const normOf = (norms: SetNorms, name: string): Norm =>
  typeof norms === "string" ? norms : (norms.get(name) ?? "linf");

export function inputSets(b: Builder, inputs: readonly InputValue[], norms: SetNorms): SetInputs {
  const made: InputValue[] = [];
  const domains = inputs.map((input, k): [InputValue, Domain] => {
    const one = (part: Parameters<typeof nameOf>[1], shape: readonly Dim[]): InputValue => {
      const value = b.input(nameOf(k, part), shape);
      made.push(value);
      return value;
    };
    const box = { lower: one("lower", input.shape), upper: one("upper", input.shape) };
    const norm = normOf(norms, input.name);
    if (norm === "linf") return [input, { box }];
    return [input, { box, ball: { norm, centre: one("centre", input.shape), radius: one("radius", []) } }];
  });
  return { inputs: made, domains: new Map(domains) };
}

/**
 * What to feed for queries. Ends are rounded outward, so that the box contains the set.
 * @param inputs the network's
 * @throws Error where an input has no set
 */
export function setFeeds(
  { sets, count }: Queries,
  inputs: readonly InputValue[],
  float: Float = "float32",
): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
  for (const [k, { name, shape }] of inputs.entries()) {
    const set = sets.get(name);
    if (!set) throw new Error(`the queries have no set for the input "${name}"`);
    const dims = [count, ...(shape.slice(1) as number[])];
    const fed = (data: Float32Array | Float64Array): Tensor => ({ dtype: "float", shape: dims, data });
    const { lower, upper } = float === "float64" ? boxOfSet(set, count) : outward(boxOfSet(set, count));
    feeds[nameOf(k, "lower")] = fed(lower);
    feeds[nameOf(k, "upper")] = fed(upper);
    if (set.kind === "box" || set.norm === "linf") continue;
    const { centre, radius } = float === "float64" ? { centre: set.centre, radius: set.epsilon } : ball32(set, count);
    feeds[nameOf(k, "centre")] = fed(centre);
    feeds[nameOf(k, "radius")] =
      float === "float64" ? floatTensor([], [radius]) : float32Tensor([], Float32Array.of(radius));
  }
  return feeds;
}

/** Ends that float32 can hold. */
function outward({ lower, upper }: Box): Box {
  return {
    lower: lower instanceof Float32Array ? lower : Float32Array.from(lower, roundDown),
    upper: upper instanceof Float32Array ? upper : Float32Array.from(upper, roundUp),
  };
}

/** The smallest ball with a centre in float32, for all inputs of a set, that contains the ball. */
function ball32({ norm, centre, epsilon }: BallSet, count: number): { centre: Float32Array; radius: number } {
  if (centre instanceof Float32Array) return { centre, radius: roundUp(epsilon) };
  const near = Float32Array.from(centre);
  const size = centre.length / Math.max(1, count);
  let moved = 0;
  for (let i = 0; i < centre.length; i += size)
    moved = Math.max(moved, distances[norm](centre.subarray(i, i + size), near.subarray(i, i + size)));
  // the distance is itself added up in doubles
  return { centre: near, radius: roundUp(epsilon + moved * (1 + 2 ** -20)) };
}

export const SPEC = "spec";
