/**
 * @file Runs a verifier that is one graph: set and specification in, margins out, as many images at a time as fit.
 *
 * Where one image with all rows of the specification does not fit the memory budget, a second graph bounds some rows of
 * one image at a time; where one row does not fit either, nothing is claimed, and the reason is memory.
 */

import type { Graph, Tensor } from "../../graph/types.ts";
import {
  type Fit,
  fitOf,
  isTooLarge,
  isTooLargeToCompile,
  KEPT_BYTES,
  MEMORY_BUDGET,
  shortOfMemory,
} from "../../runtime/memory.ts";
import type { Runtime, Session } from "../../runtime/session.ts";
import { marginOfBounds, rowsOf, sliceQueries } from "../../spec/queries.ts";
import type { Arithmetic, FloatArray, LinearSpec, Queries } from "../../spec/types.ts";
import type { RowBounds, Shortfall } from "../../spec/verdict.ts";
import type { Network } from "../network.ts";
import type { BoundOptions } from "./bound-graphs.ts";
import { SPEC, setFeeds } from "./input-set.ts";
import type { PreparedVerifier, VerifyOptions } from "./types.ts";

/** What the symbolic size of a margin graph counts. */
type Many = NonNullable<BoundOptions["many"]>;

/** A compiled margin graph, and how many images or rows it takes in a run. */
interface Compiled {
  readonly many: Many;
  readonly session: Session;
  readonly atOnce: number;
}

/** @param build the margin graph for images, or for rows of one image */
export async function prepareGraph(
  network: Network,
  build: (many: Many) => Graph,
  runtime: Pick<Runtime, "compile">,
  options: VerifyOptions,
  name: string,
): Promise<PreparedVerifier> {
  const compiled = await compileWithin(network, build, runtime, options, name);
  const { arithmetic = "float32" } = options;
  if ("reason" in compiled) return withoutBounds(arithmetic, compiled);
  const { session, many, atOnce } = compiled;
  const run = runnerOf(network, session, options);
  const bound = many === "images" ? imageBounds : rowBounds;
  return {
    bounds: async (queries) => {
      const bounds = nothingProved(queries, arithmetic);
      await bound(queries, bounds, atOnce, run);
      return bounds;
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}

/** The graph for whole images where one fits, else the one for rows, else why neither. */
async function compileWithin(
  network: Network,
  build: (many: Many) => Graph,
  runtime: Pick<Runtime, "compile">,
  { memoryBudget = MEMORY_BUDGET }: VerifyOptions,
  name: string,
): Promise<Compiled | Shortfall> {
  let least = 0;
  for (const many of ["images", "rows"] as const) {
    try {
      const graph = build(many);
      const fit = fitOf(graph, memoryBudget);
      least = fit.least;
      if (fit.atOnce === 0 || isTooLargeToCompile(graph)) continue;
      const memory = fit.least > KEPT_BYTES ? "return" : "keep";
      const session = await runtime.compile(graph, { float: "float32", name, memory });
      return { many, session, atOnce: atOnceOf(network, many, fit) };
    } catch (error) {
      if (!isTooLarge(error)) throw error;
    }
  }
  return { reason: "memory", detail: shortOfMemory(`${name}, one image and one row at a time,`, least, memoryBudget) };
}

const atOnceOf = (network: Network, many: Many, { atOnce }: Fit): number =>
  many === "images" && typeof network.input.shape[0] === "number" ? 1 : atOnce;

/** A verifier that claims nothing of any input. */
export function withoutBounds(arithmetic: Arithmetic, shortfall: Shortfall): PreparedVerifier {
  return {
    bounds: async (queries) => {
      const bounds = nothingProved(queries, arithmetic);
      bounds.reasons.fill(shortfall);
      return bounds;
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

interface OpenBounds extends RowBounds {
  readonly reasons: (Shortfall | undefined)[];
}

/** Bounds that claim nothing yet. */
export const nothingProved = ({ count, spec }: Queries, arithmetic: Arithmetic): OpenBounds => ({
  arithmetic,
  lower: new Float64Array(count * spec.size).fill(Number.NEGATIVE_INFINITY),
  reasons: new Array<Shortfall | undefined>(count).fill(undefined),
});

// ---------------------------------------------------------------- runs

type Run = (queries: Queries, rows: Tensor) => Promise<ArrayLike<number>>;

function runnerOf(network: Network, session: Session, { signal }: VerifyOptions): Run {
  const wanted = new Set(session.inputs.map((port) => port.name));
  return async (queries, rows) => {
    signal?.throwIfAborted();
    const feeds: Record<string, Tensor> = { ...setFeeds(queries, [network.input]), [SPEC]: rows };
    const { margins } = await session.run(Object.fromEntries(Object.entries(feeds).filter(([key]) => wanted.has(key))));
    return margins!.data;
  };
}

async function imageBounds(queries: Queries, { lower }: OpenBounds, atOnce: number, run: Run): Promise<void> {
  const { count, spec } = queries;
  for (let from = 0; from < count; from += atOnce) {
    const to = Math.min(count, from + atOnce);
    lower.set(await run(sliceQueries(queries, from, to), rowsOf(spec, from, to - from)), from * spec.size);
  }
}

async function rowBounds(queries: Queries, bounds: OpenBounds, atOnce: number, run: Run): Promise<void> {
  for (let i = 0; i < queries.count; i++) {
    const part = sliceQueries(queries, i, i + 1);
    bounds.reasons[i] = await boundInRows(queries.spec, i, atOnce, bounds, (rows) => run(part, rows));
  }
}

/**
 * Fills in the rows of one query, some at a time, in order. What comes after a disjunct that is not proved decides nothing
 * and is left open: of a thousand classes each row may cost as much as an image of a small network.
 *
 * @returns why rows were left open
 */
export async function boundInRows(
  spec: LinearSpec,
  i: number,
  atOnce: number,
  { lower }: { readonly lower: FloatArray },
  run: (rows: Tensor) => Promise<ArrayLike<number>>,
): Promise<Shortfall | undefined> {
  const { size, clearance = 0 } = spec;
  const own = lower.subarray(i * size, (i + 1) * size);
  for (let from = 0; from < size; from += atOnce) {
    const to = Math.min(size, from + atOnce);
    own.set(await run(rowsOf(spec, i, 1, from, to)), from);
    const worst = marginOfBounds(spec, i, own, to);
    if (worst > clearance || to === size) continue;
    return Number.isFinite(worst) ? { reason: "relaxation-too-loose", detail: leftOpen(to, size, worst) } : undefined;
  }
  return undefined;
}

const leftOpen = (bounded: number, rows: number, worst: number): string =>
  `${bounded} of ${rows} margins were bounded, the least by ${worst.toPrecision(4)}; the memory budget allows few at a time`;
