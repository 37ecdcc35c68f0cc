/**
 * @file Looks for inputs with unsafe outputs, whatever is asked: gradient steps on how far the rows of one disjunct are
 * from holding, from the middle of a set, its corners and random points. What it finds is a claim, for others to check.
 */

import { makeGraph, outputOf } from "../../graph/traverse.ts";
import type { Graph } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import type { Rng } from "../../random/rng.ts";
import { fitOf, MEMORY_BUDGET } from "../../runtime/memory.ts";
import type { Runtime } from "../../runtime/session.ts";
import { disjunctsOf, excessOf } from "../../spec/queries.ts";
import type { InputRows, LinearSpec } from "../../spec/types.ts";
import { judge } from "../../spec/witness.ts";
import { gradient } from "../../transforms/gradient.ts";
import { UnsupportedReading } from "../../transforms/unsupported.ts";
import { type Left, timeOf } from "../time.ts";

/** A graph x [N, inputs] → y [N, outputs] that can be searched. */
export interface Descent {
  /** @param points [n, inputs] @returns [n, outputs] */
  outputs(points: Float32Array): Promise<Float32Array>;
  /** The inputs' cotangents, [n, inputs]. @param seed the outputs', [n, outputs] */
  slope(points: Float32Array, seed: Float32Array): Promise<Float32Array>;
  /** Points at once, at most. */
  readonly atOnce: number;
  readonly inputs: number;
}

const AT_ONCE = 256;

/** Where some op has no derivative the slopes are 0, and points are drawn alone. */
export async function compileDescent(
  graph: Graph,
  runtime: Pick<Runtime, "compile">,
  memoryBudget = MEMORY_BUDGET,
): Promise<Descent> {
  const [x] = graph.inputs;
  const [inputs, per] = [Number(x!.shape[1]), Number(outputOf(graph).shape[1])];
  const plain = await runtime.compile(graph, { float: "float32", name: "outputs" });
  const steep = slopeOf(graph);
  const slopes = steep && (await runtime.compile(steep, { float: "float32", name: "slopes" }));
  const given = (data: Float32Array, size: number) =>
    ({ dtype: "float", shape: [data.length / size, size], data }) as const;
  const open = typeof x!.shape[0] !== "number";
  return {
    inputs,
    atOnce: open ? Math.max(1, Math.min(AT_ONCE, fitOf(steep ?? graph, memoryBudget).atOnce)) : 1,
    async outputs(points) {
      const found = await plain.run({ [x!.name]: given(points, inputs) });
      return found[graph.outputs[0]!.name]!.data as Float32Array;
    },
    async slope(points, seed) {
      if (!slopes) return new Float32Array(points.length);
      const found = await slopes.run({ [x!.name]: given(points, inputs), seed: given(seed, per) });
      return found["slope"]!.data as Float32Array;
    },
  };
}

function slopeOf(graph: Graph): Graph | undefined {
  const b = builder();
  const [x] = graph.inputs;
  const y = outputOf(graph);
  const seed = b.input("seed", y.shape);
  try {
    const [slope] = gradient(b, y, [x!], seed);
    if (!slope) return undefined;
    return makeGraph([x!, seed], [{ name: "slope", value: slope }]);
  } catch (error) {
    if (!(error instanceof UnsupportedReading)) throw error;
    return undefined;
  }
}

/** One query of `spec`, and the box of float32 in which to look. */
export interface Place {
  readonly query: number;
  readonly lower: Float32Array;
  readonly upper: Float32Array;
}

export interface SearchOptions {
  readonly spec: LinearSpec;
  readonly linearInputs?: InputRows | undefined;
  readonly steps: number;
  /** Points that start, at most. */
  readonly starts: number;
  readonly random: Rng;
  readonly left?: Left | undefined;
  /** Where to begin, before anything is drawn. */
  readonly from?: readonly Float32Array[];
}

/**
 * @param accept says of a point with unsafe outputs whether it is what is looked for
 * @returns whether one was; and how near the outputs came to being unsafe
 */
export async function descend(
  descent: Descent,
  place: Place,
  { spec, linearInputs, steps, starts, random, left, from = [] }: SearchOptions,
  accept: (point: Float32Array) => Promise<boolean>,
): Promise<{ readonly found: boolean; readonly margin: number }> {
  const { inputs } = descent;
  const n = Math.min(descent.atOnce, starts);
  const time = timeOf(left);
  const disjuncts = rangesOf(spec);
  let margin = Number.POSITIVE_INFINITY;
  for (let begun = 0; begun < starts && time.fits(); begun += n) {
    const points = startPoints(place, n, begun, random, from);
    for (let step = 0; step <= steps && time.fits(); step++) {
      if (linearInputs) for (let p = 0; p < n; p++) intoHalfSpaces(row(points, p, inputs), place, linearInputs);
      const outputs = await time.run(() => descent.outputs(points));
      const values = Array.from({ length: n }, (_, p) => row(outputs, p, spec.outputs));
      const margins = values.map((y) => judge(spec, place.query, y).margin);
      margin = margins.reduce((least, one) => Math.min(least, one), margin);
      const best = margins.indexOf(Math.min(...margins));
      if (margins[best]! <= 0 && (await accept(row(points, best, inputs).slice()))) return { found: true, margin };
      if (step === steps) break;
      const seed = new Float32Array(n * spec.outputs);
      for (const [p, y] of values.entries())
        pull(spec, place.query, disjuncts[(begun + p) % disjuncts.length]!, y, row(seed, p, spec.outputs));
      const slope = await time.run(() => descent.slope(points, seed));
      const length = FIRST_STEP * (1 - step / steps) + LAST_STEP;
      for (let p = 0; p < n; p++) stepDown(row(points, p, inputs), row(slope, p, inputs), place, length);
    }
  }
  return { found: false, margin };
}

/** Of a step, as shares of each input's interval. */
const FIRST_STEP = 0.2;
const LAST_STEP = 0.005;

const row = (all: Float32Array, i: number, size: number): Float32Array => all.subarray(i * size, (i + 1) * size);

/** First and last row of each disjunct. */
function rangesOf(spec: LinearSpec): (readonly [from: number, to: number])[] {
  let from = 0;
  return disjunctsOf(spec).map((size) => {
    from += size;
    return [from - size, from] as const;
  });
}

/** Whole numbers are ends: the first point is the middle, then corners and random points by turns. */
function startPoints({ lower, upper }: Place, n: number, begun: number, random: Rng, from: readonly Float32Array[]) {
  const size = lower.length;
  const points = new Float32Array(n * size);
  for (let p = 0; p < n; p++) {
    const own = row(points, p, size);
    const given = from[begun + p];
    if (given) own.set(given);
    for (let k = 0; k < size && !given; k++) {
      const share = begun + p === 0 ? 0.5 : p % 2 === 1 ? random.int(2) : random.uniform();
      const value = lower[k]! + share * (upper[k]! - lower[k]!);
      own[k] = Math.min(upper[k]!, Math.max(lower[k]!, value));
    }
  }
  return points;
}

/** The sum of the rows of a disjunct that do not hold yet: downhill is where they do. */
function pull(spec: LinearSpec, i: number, [from, to]: readonly [number, number], y: Float32Array, into: Float32Array) {
  for (let r = from; r < to; r++) {
    if (!(excessOf(spec, i, r, y) > 0)) continue;
    const at = i * spec.size + r;
    if (spec.rows.kind === "dense") {
      for (let k = 0; k < into.length; k++) into[k]! += spec.rows.matrix[at * into.length + k]!;
    } else {
      into[spec.rows.first[at]!]! += 1;
      into[spec.rows.second[at]!]! -= 1;
    }
  }
}

function stepDown(point: Float32Array, slope: Float32Array, { lower, upper }: Place, length: number): void {
  for (let k = 0; k < point.length; k++) {
    const next = point[k]! - Math.sign(slope[k]!) * length * (upper[k]! - lower[k]!);
    point[k] = Math.min(upper[k]!, Math.max(lower[k]!, next));
  }
}

/** Rounds of moving onto half-spaces one after the other. */
const ROUNDS = 8;
/** Beyond the edge of a half-space, so that rounding to float32 does not put a point outside: a share of its size. */
const BEYOND = 2 ** -20;

/** Moves a point, within its box, towards where all half-spaces hold. */
function intoHalfSpaces(point: Float32Array, { query, lower, upper }: Place, { size, matrix, thresholds }: InputRows) {
  const n = point.length;
  for (let round = 0; round < ROUNDS; round++) {
    let moved = false;
    for (let r = query * size; r < (query + 1) * size; r++) {
      const c = matrix.subarray(r * n, (r + 1) * n);
      const sum = c.reduce((total, value, k) => total + value * point[k]!, 0);
      const room =
        c.reduce((total, value, k) => total + Math.abs(value * point[k]!), Math.abs(thresholds[r]!)) * BEYOND;
      const over = sum - thresholds[r]! + room;
      // ends of the box hold a coordinate back: the others move
      const free = c.map((value, k) => (point[k] === (value > 0 ? lower[k]! : upper[k]!) ? 0 : value));
      const length = free.reduce((total, value) => total + value * value, 0);
      if (over <= 0 || length === 0) continue;
      moved = true;
      for (let k = 0; k < n; k++)
        point[k] = Math.min(upper[k]!, Math.max(lower[k]!, point[k]! - (free[k]! * over) / length));
    }
    if (!moved) return;
  }
}
