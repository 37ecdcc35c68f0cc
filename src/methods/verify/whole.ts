/**
 * @file Runs a method that is one graph: sets and rows in, bounds out, as many queries at a time as fit.
 *
 * Where one query with all its rows does not fit the memory budget, a second graph bounds some rows of one query at a
 * time; where one row does not fit either, nothing is claimed, and the reason is memory.
 */

import type { Tensor } from "../../graph/types.ts";
import { type Fit, fitOf, isTooLarge, isTooLargeToCompile, KEPT_BYTES, shortOfMemory } from "../../runtime/memory.ts";
import type { Runtime, Session } from "../../runtime/session.ts";
import { marginOfBounds, rowsOf, sliceQueries } from "../../spec/queries.ts";
import type { FloatArray, LinearSpec, Queries } from "../../spec/types.ts";
import type { Shortfall } from "../../spec/verdict.ts";
import { type Tell, type Time, timeOf } from "../time.ts";
import type { Boundable } from "./boundable.ts";
import { SPEC, setFeeds } from "./input-set.ts";
import type { PlanOptions, Stage } from "./plan.ts";
import { wholeGraph } from "./stage-graphs.ts";

/** The graph for whole queries where one fits, else the one for rows, else why neither. */
export async function compileWhole(
  net: Boundable,
  runtime: Pick<Runtime, "compile">,
  options: PlanOptions,
  rows: number,
): Promise<Stage | Shortfall> {
  const { memoryBudget, float = "float32" } = options;
  const name = "bounds/whole";
  let least = 0;
  for (const many of ["queries", "rows"] as const) {
    try {
      const graph = wholeGraph(net, options, many === "queries" ? rows : undefined);
      const fit = fitOf(graph, memoryBudget, float);
      least = fit.least;
      if (fit.atOnce === 0 || isTooLargeToCompile(graph, float)) continue;
      const memory = fit.least > KEPT_BYTES ? "return" : "keep";
      const session = await runtime.compile(graph, { float, name, memory });
      return { many, session, atOnce: atOnceOf(net, many, fit) };
    } catch (error) {
      if (!isTooLarge(error)) throw error;
    }
  }
  return { reason: "memory", detail: shortOfMemory("one image and one row at a time", least, memoryBudget) };
}

const atOnceOf = ({ inputs }: Boundable, many: Stage["many"], { atOnce }: Fit): number =>
  many === "queries" && inputs.some(({ shape }) => typeof shape[0] === "number") ? 1 : atOnce;

/** Time ended before all rows were bounded. */
export const LATE: Shortfall = { reason: "timeout", detail: "time ended before all rows were bounded" };

/** Fills in the bounds of the rows. @returns why rows were left open */
export async function runWhole(
  net: Boundable,
  { session, many, atOnce }: Stage,
  { float, signal }: PlanOptions,
  queries: Queries,
  lower: Float64Array,
  { time = timeOf(), tell }: { readonly time?: Time; readonly tell?: Tell | undefined } = {},
): Promise<(Shortfall | undefined)[]> {
  const { count, spec } = queries;
  const run = runnerOf(net, session, float, signal, time);
  const reasons = new Array<Shortfall | undefined>(count).fill(undefined);
  for (let from = 0; many === "queries" && from < count; from += atOnce) {
    if (!time.fits()) return reasons.fill(LATE, from);
    const to = Math.min(count, from + atOnce);
    lower.set(await run(sliceQueries(queries, from, to), rowsOf(spec, from, to - from)), from * spec.size);
    tell?.(to, count);
  }
  for (let i = 0; many === "rows" && i < count; i++) {
    const part = sliceQueries(queries, i, i + 1);
    reasons[i] = await boundInRows(spec, i, atOnce, { lower, time }, (rows, from) => {
      tell?.(i + from / spec.size, count);
      return run(part, rows);
    });
  }
  return reasons;
}

function runnerOf(
  net: Boundable,
  session: Session,
  float: PlanOptions["float"],
  signal: AbortSignal | undefined,
  time: Time,
) {
  const wanted = new Set(session.inputs.map((port) => port.name));
  return async (queries: Queries, rows: Tensor): Promise<ArrayLike<number>> => {
    signal?.throwIfAborted();
    const feeds: Record<string, Tensor> = { ...setFeeds(queries, net.inputs, float), [SPEC]: rows };
    const taken = Object.fromEntries(Object.entries(feeds).filter(([key]) => wanted.has(key)));
    const found = await time.run(() => session.run(taken));
    return found["rows"]!.data;
  };
}

/**
 * Fills in the rows of one query, some at a time, in order. What comes after a disjunct that is not proved decides nothing
 * and is left open: of a thousand classes each row may cost as much as an image of a small network.
 *
 * @param run bounds rows, of which the first is row `from` of the query
 * @returns why rows were left open
 */
export async function boundInRows(
  spec: LinearSpec,
  i: number,
  atOnce: number,
  { lower, time = timeOf() }: { readonly lower: FloatArray; readonly time?: Time },
  run: (rows: Tensor, from: number) => Promise<ArrayLike<number>>,
): Promise<Shortfall | undefined> {
  const { size, clearance = 0 } = spec;
  const own = lower.subarray(i * size, (i + 1) * size);
  for (let from = 0; from < size; from += atOnce) {
    if (!time.fits()) return LATE;
    const to = Math.min(size, from + atOnce);
    own.set(await run(rowsOf(spec, i, 1, from, to), from), from);
    const worst = marginOfBounds(spec, i, own, to);
    if (worst > clearance || to === size) continue;
    return Number.isFinite(worst) ? { reason: "relaxation-too-loose", detail: leftOpen(to, size, worst) } : undefined;
  }
  return undefined;
}

const leftOpen = (bounded: number, rows: number, worst: number): string =>
  `${bounded} of ${rows} margins were bounded, the least by ${worst.toPrecision(4)}; the memory budget allows few at a time`;
