/**
 * @file The ascent on the dual: the lines of relaxed nodes and the multipliers of fixed signs that make the lower bound of a
 * row largest, the boxes of the layers given. Every choice is sound, so that the search may stop at any step.
 *
 * The search runs over the reals, by the derivatives of the bound's own graph; what it finds is bounded once more in the
 * arithmetic that is asked for.
 *
 * @source Xu et al. 2021, arXiv:2011.13824 (α-CROWN); Wang et al. 2021, arXiv:2103.06624 (β-CROWN); verification.md §4.6, §5.2
 */

import { sizeOf } from "../../graph/dims.ts";
import type { Graph, Tensor } from "../../graph/types.ts";
import { fitOf, MEMORY_BUDGET, MemoryError, shortOfMemory } from "../../runtime/memory.ts";
import type { Runtime, Session } from "../../runtime/session.ts";
import { rowsOf, sliceQueries } from "../../spec/queries.ts";
import type { FloatArray, Queries } from "../../spec/types.ts";
import { kinksOf } from "../../transforms/relax/index.ts";
import { type Time, timeOf } from "../time.ts";
import { type Boundable, boxNames, placeOf, relaxedNodes, sampleSize } from "./boundable.ts";
import { SPEC, setFeeds } from "./input-set.ts";
import { withoutBounds } from "./run.ts";
import { ascentGraph, coefficientName, watchedName } from "./stage-graphs.ts";
import type { LayerBox, VerifyOptions } from "./types.ts";

/** Choices by the names of the graph's inputs: of lines in [0, 1], of multipliers ≥ 0; each [n, …]. */
export type Choices = ReadonlyMap<string, Float32Array>;

/** n rows to be bounded, each a query of its own. */
export interface Problem {
  /** Of one row each. */
  readonly queries: Queries;
  /** Of every layer, cut where signs are fixed: each [n, …layer]. */
  readonly boxes: readonly LayerBox[];
  /** By layer, [n, …layer]: 1: at least 0; −1: at most 0; 0: free. */
  readonly signs?: ReadonlyMap<number, Int8Array>;
  /** Where the search starts; default: the slopes of CROWN, and no multipliers. */
  readonly start?: Choices;
}

export interface AscentSettings {
  readonly steps: number;
  /** Of Adam, for lines and for multipliers; multiplied by `decay` after every step. */
  readonly rate: number;
  readonly betaRate: number;
  readonly decay: number;
  /** Rows go on although they are proved: for boxes, and comparisons. */
  readonly onwards?: boolean;
}

export interface Ascended {
  /** [n], in the arithmetic asked for: the better of the start's and of what the search found. */
  readonly lower: Float64Array;
  /** [n]: what the coefficients below bound, which may be less. */
  readonly linear: Float64Array;
  readonly choices: Choices;
  /** Of the inputs, by their names: each [n, …input]. */
  readonly coefficients: ReadonlyMap<string, Float32Array>;
  /** Of the results of the relaxed nodes, by their places: each [n, …node]. */
  readonly watched: ReadonlyMap<number, Float32Array>;
  /** Steps were left out for want of time. */
  readonly late: boolean;
}

export interface Ascent extends AsyncDisposable {
  /** Rows that fit a run. */
  readonly atOnce: number;
  /** What the graph has to choose, with the elements of one row. */
  readonly choices: readonly { readonly name: string; readonly size: number }[];
  /** @param time steps are left out that would not end within it; the last bound is always computed */
  ascend(problem: Problem, settings: AscentSettings, time?: Time): Promise<Ascended>;
}

/** @throws MemoryError where one row does not fit; UnsupportedReading naming the node that cannot be bounded */
export async function ascentOf(
  net: Boundable,
  runtime: Pick<Runtime, "compile">,
  { norm, arithmetic = "float32", memoryBudget = MEMORY_BUDGET, signal }: VerifyOptions,
): Promise<Ascent> {
  const relaxation = { boxes: "backward", rows: "backward", slope: "adaptive" } as const;
  const graphs = {
    search: ascentGraph(net, { relaxation, norm, arithmetic: "real" }, "derivatives"),
    bound: ascentGraph(net, { relaxation, norm, arithmetic }, "coefficients"),
  };
  const fits = Object.values(graphs).map((graph) => fitOf(graph, memoryBudget, "float32"));
  const atOnce = Math.min(...fits.map((fit) => fit.atOnce));
  if (atOnce === 0) {
    const least = Math.max(...fits.map((fit) => fit.least));
    throw new MemoryError(shortOfMemory("choosing the lines of one row", least, memoryBudget));
  }
  const compile = (graph: Graph, name: string): Promise<Session> =>
    runtime.compile(graph, { float: "float32", name: `bounds/ascent/${name}`, memory: "keep" });
  const search = await compile(graphs.search, "search");
  const bound = await compile(graphs.bound, "bound");
  const sizes = choiceSizes(search, bound);
  const compiled: Compiled = { net, search, bound, sizes, signal };
  return {
    atOnce,
    choices: [...sizes].map(([name, size]) => ({ name, size })),
    async ascend(problem, settings, time = timeOf()) {
      const parts: Ascended[] = [];
      for (let from = 0; from < problem.queries.count; from += atOnce) {
        const to = Math.min(problem.queries.count, from + atOnce);
        parts.push(await ascendPart(compiled, partOf(problem, net, sizes, from, to), settings, time));
      }
      return joined(parts);
    },
    async [Symbol.asyncDispose]() {
      await search[Symbol.asyncDispose]();
      await bound[Symbol.asyncDispose]();
    },
  };
}

interface Compiled {
  readonly net: Boundable;
  readonly search: Session;
  readonly bound: Session;
  readonly sizes: ReadonlyMap<string, number>;
  readonly signal: AbortSignal | undefined;
}

const isBeta = (name: string): boolean => name.startsWith("beta/");
const isChoice = (name: string): boolean => isBeta(name) || name.startsWith("alpha/");

function choiceSizes(...sessions: readonly Session[]): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  for (const { name, shape } of sessions.flatMap(({ inputs }) => inputs))
    if (isChoice(name)) sizes.set(name, sizeOf(shape.slice(1) as number[]));
  return sizes;
}

/** What of the problem does not change while its choices are searched. */
async function ascendPart(
  compiled: Compiled,
  problem: Problem,
  settings: AscentSettings,
  time: Time,
): Promise<Ascended> {
  const { net, bound, signal } = compiled;
  const { queries } = problem;
  const n = queries.count;
  const best = startOf(compiled, problem);
  const fixed = fixedFeeds(net, bound, problem);
  const unknown = withoutBounds(problem.boxes, n);
  const bounded = async () => {
    signal?.throwIfAborted();
    const found = await bound.run({ ...fixed, ...choiceFeeds(bound, problem, best, n) });
    const linear = Float64Array.from(found["rows"]!.data, (row) =>
      Number.isNaN(row) ? Number.NEGATIVE_INFINITY : row,
    );
    // of a layer of which nothing is known a later op may hide what is no number
    for (const i of unknown) linear[i] = Number.NEGATIVE_INFINITY;
    return { found, linear };
  };
  let { found, linear } = await bounded();
  let lower = linear;
  let late = false;
  if (settings.steps > 0 && (settings.onwards || !lower.every((row, i) => isProved(queries, i, row)))) {
    const before = lower;
    late = !(await search(compiled, problem, settings, { time, before }, best));
    ({ found, linear } = await bounded());
    // the search runs over the reals: what is better there may be worse once rounding counts
    lower = linear.map((row, i) => Math.max(row, before[i]!));
  }
  const floats = (name: string) => found[name]?.data as Float32Array | undefined;
  const named = <K>(entries: readonly (readonly [K, Float32Array | undefined])[]): Map<K, Float32Array> =>
    new Map(entries.flatMap(([key, data]) => (data ? [[key, data] as const] : [])));
  return {
    lower,
    linear,
    late,
    choices: best,
    coefficients: named(net.inputs.map(({ name }, k) => [name, floats(coefficientName(k))])),
    watched: named(relaxedNodes(net).map((_, k) => [k, floats(watchedName(k))])),
  };
}

// ---------------------------------------------------------------- the search

/**
 * Adam, with the choices of the best bound of every row kept. A row has enough when its bound over the reals clears its
 * threshold by twice what rounding took from it at the start.
 * @param before bounds at the start, rounding included
 * @returns whether time sufficed
 */
async function search(
  compiled: Compiled,
  problem: Problem,
  { steps, rate, betaRate, decay, onwards = false }: AscentSettings,
  { time, before }: { readonly time: Time; readonly before: Float64Array },
  best: Map<string, Float32Array>,
): Promise<boolean> {
  const { net, search: session, sizes, signal } = compiled;
  const { queries } = problem;
  const n = queries.count;
  const fixed = fixedFeeds(net, session, problem);
  const now = new Map([...best].map(([name, values]) => [name, values.slice()]));
  const moments = new Map([...now].map(([name, values]) => [name, momentsOf(values.length)]));
  const bestRows = new Float64Array(n).fill(Number.NEGATIVE_INFINITY);
  const lost = new Float64Array(n);
  for (let step = 1, scale = 1; step <= steps; step++, scale *= decay) {
    signal?.throwIfAborted();
    if (!time.fits()) return false;
    const found = await time.run(() => session.run({ ...fixed, ...choiceFeeds(session, problem, now, n) }));
    const rows = found["rows"]!.data;
    let open = onwards ? 1 : 0;
    for (let i = 0; i < n; i++) {
      if (step === 1) lost[i] = Math.max(0, rows[i]! - before[i]!);
      if (rows[i]! > bestRows[i]!) {
        bestRows[i] = rows[i]!;
        for (const [name, values] of now) {
          const size = sizes.get(name)!;
          best.get(name)!.set(values.subarray(i * size, (i + 1) * size), i * size);
        }
      }
      if (!isProved(queries, i, bestRows[i]! - 2 * lost[i]!)) open++;
    }
    if (open === 0 || step === steps) return true;
    for (const [name, values] of now) {
      const slope = found[`by/${name}`]?.data as Float32Array | undefined;
      const signs = isBeta(name) ? problem.signs?.get(placeOf(name)) : undefined;
      if (!slope || (isBeta(name) && !signs)) continue;
      climb(values, slope, moments.get(name)!, { step, rate: scale * (signs ? betaRate : rate), signs });
    }
  }
  return true;
}

/** Does this bound of the one row of query i prove it? */
const isProved = ({ spec }: Queries, i: number, bound: number): boolean =>
  bound - (spec.thresholds?.[i] ?? 0) > (spec.clearance ?? 0);

interface Moments {
  readonly first: Float32Array;
  readonly second: Float32Array;
}

const momentsOf = (length: number): Moments => ({ first: new Float32Array(length), second: new Float32Array(length) });

/** Adam's constants (Kingma & Ba 2015). */
const [FIRST, SECOND, TINY] = [0.9, 0.999, 1e-8];

/** One step up, projected: lines into [0, 1]; multipliers, where a sign is fixed, to at least 0. */
function climb(
  values: Float32Array,
  slope: Float32Array,
  { first, second }: Moments,
  { step, rate, signs }: { readonly step: number; readonly rate: number; readonly signs: Int8Array | undefined },
): void {
  const [c1, c2] = [1 - FIRST ** step, 1 - SECOND ** step];
  for (let i = 0; i < values.length; i++) {
    const sign = signs ? -signs[i]! : 1;
    const up = sign * slope[i]!;
    if (up === 0 && first[i] === 0) continue;
    if (!Number.isFinite(up)) continue;
    first[i] = FIRST * first[i]! + (1 - FIRST) * up;
    second[i] = SECOND * second[i]! + (1 - SECOND) * up * up;
    const moved = values[i]! + (rate * (first[i]! / c1)) / (Math.sqrt(second[i]! / c2) + TINY);
    values[i] = signs ? Math.max(0, moved) : Math.min(1, Math.max(0, moved));
  }
}

// ---------------------------------------------------------------- feeds

/** Everything but the choices. */
function fixedFeeds(net: Boundable, session: Session, { queries, boxes }: Problem): Record<string, Tensor> {
  const n = queries.count;
  const all: Record<string, Tensor> = { ...setFeeds(queries, net.inputs), [SPEC]: rowsOf(queries.spec, 0, n) };
  const feeds: Record<string, Tensor> = {};
  for (const { name, shape } of session.inputs) {
    if (isChoice(name)) continue;
    const given = all[name];
    if (given) feeds[name] = given;
    else {
      const box = boxes[placeOf(name)]!;
      const data = name === boxNames(placeOf(name)).lower ? box.lower : box.upper;
      feeds[name] = { dtype: "float", shape: [n, ...(shape.slice(1) as number[])], data };
    }
  }
  return feeds;
}

/** Choices as the graph takes them: a multiplier times minus the sign that it stands for. */
function choiceFeeds(session: Session, { signs }: Problem, choices: Choices, n: number): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
  for (const { name, shape } of session.inputs) {
    if (!isChoice(name)) continue;
    const values = choices.get(name)!;
    const own = isBeta(name) ? signs?.get(placeOf(name)) : undefined;
    const data = isBeta(name) ? signed(values, own) : values;
    feeds[name] = { dtype: "float", shape: [n, ...(shape.slice(1) as number[])], data };
  }
  return feeds;
}

function signed(values: Float32Array, signs: Int8Array | undefined): Float32Array {
  const into = new Float32Array(values.length);
  if (signs) for (let i = 0; i < into.length; i++) if (signs[i] !== 0) into[i] = -signs[i]! * values[i]!;
  return into;
}

/** The start that is given, or CROWN's lines; a new array for each. No choice outside its limits is sound. */
function startOf({ net, sizes }: Compiled, { queries, boxes, start }: Problem): Map<string, Float32Array> {
  const n = queries.count;
  const nodes = relaxedNodes(net);
  return new Map(
    [...sizes].map(([name, size]): [string, Float32Array] => {
      const given = start?.get(name);
      if (given) return [name, given.map(isBeta(name) ? toMultiplier : toUnit)];
      const values = new Float32Array(n * size);
      if (isBeta(name)) return [name, values];
      const node = nodes[placeOf(name)]!;
      const layer = net.operands.indexOf(node.inputs[0]!);
      const box = boxes[layer];
      const kinks = layer < 0 ? undefined : kinksOf(net.operands[layer]!, net.target);
      if (!box || box.lower.length !== values.length || kinks?.length !== 1 || kinks[0] !== 0)
        return [name, values.fill(NO_CHOICE)];
      return [name, adaptive(values, box)];
    }),
  );
}

function adaptive(into: Float32Array, { lower, upper }: LayerBox): Float32Array {
  for (let i = 0; i < into.length; i++) into[i] = upper[i]! > -lower[i]! ? 1 : 0;
  return into;
}

/** Where nothing is said. */
const NO_CHOICE = 0.5;
const toUnit = (alpha: number): number => (Number.isNaN(alpha) ? NO_CHOICE : Math.min(1, Math.max(0, alpha)));
const toMultiplier = (beta: number): number => (beta > 0 && Number.isFinite(beta) ? beta : 0);

function partOf(
  { queries, boxes, signs, start }: Problem,
  net: Boundable,
  sizes: ReadonlyMap<string, number>,
  from: number,
  to: number,
): Problem {
  if (from === 0 && to === queries.count) return { queries, boxes, ...(signs && { signs }), ...(start && { start }) };
  const cut = <T extends { subarray(from: number, to: number): T }>(values: T, size: number): T =>
    values.subarray(from * size, to * size);
  const layerSize = (k: number) => sampleSize(net.operands[k]!);
  const floats = (values: FloatArray, k: number): FloatArray => cut(values as Float32Array, layerSize(k));
  return {
    queries: sliceQueries(queries, from, to),
    boxes: boxes.map(({ lower, upper }, k) => ({ lower: floats(lower, k), upper: floats(upper, k) })),
    ...(signs && { signs: new Map([...signs].map(([k, own]) => [k, cut(own, layerSize(k))])) }),
    ...(start && { start: new Map([...start].map(([name, own]) => [name, cut(own, sizes.get(name)!)])) }),
  };
}

function joined(parts: readonly Ascended[]): Ascended {
  const [first] = parts;
  if (parts.length === 1 && first) return first;
  const maps = <K>(of: (part: Ascended) => ReadonlyMap<K, Float32Array>): Map<K, Float32Array> =>
    new Map(
      [...(first ? of(first).keys() : [])].map((key) => [key, appended(parts.map((part) => of(part).get(key)!))]),
    );
  return {
    lower: Float64Array.from(parts.flatMap(({ lower }) => [...lower])),
    linear: Float64Array.from(parts.flatMap(({ linear }) => [...linear])),
    late: parts.some(({ late }) => late),
    choices: maps(({ choices }) => choices),
    coefficients: maps(({ coefficients }) => coefficients),
    watched: maps(({ watched }) => watched),
  };
}

function appended(arrays: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const values of arrays) {
    whole.set(values, at);
    at += values.length;
  }
  return whole;
}
