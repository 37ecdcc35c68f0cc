/**
 * @file Branch and bound on the inputs: boxes are cut in two until linear bounds prove each part, or a point is found.
 *
 * All parts of a batch are bounded by one run of CROWN. Before a part is cut, the half-spaces that its bounds leave to unsafe
 * outputs shrink it. It is cut along the input to which the rows are most sensitive there, times its width.
 *
 * @source Wang et al. 2018, arXiv:1804.10829 (ReluVal: bisection by smear); the shrinking: arXiv:2512.11087; verification.md §5.2
 */

import { rowsAt } from "../../../graph/tensor.ts";
import type { Tensor } from "../../../graph/types.ts";
import { type Rng, rng } from "../../../random/rng.ts";
import { fitOf, MEMORY_BUDGET, MemoryError, shortOfMemory } from "../../../runtime/memory.ts";
import type { Runtime, Session } from "../../../runtime/session.ts";
import { disjunctsOf, rowsOf, sliceQueries } from "../../../spec/queries.ts";
import { boxOfSet, roundDown, roundUp } from "../../../spec/sets.ts";
import type { InputSet, LinearSpec, Queries } from "../../../spec/types.ts";
import type { Shortfall } from "../../../spec/verdict.ts";
import { holdsBy, type Witness } from "../../../spec/witness.ts";
import { type Time, timeOf } from "../../time.ts";
import { type Ascent, ascentOf } from "../ascent.ts";
import { type Boundable, boxNames, sampleSize } from "../boundable.ts";
import { SPEC, setFeeds } from "../input-set.ts";
import { repeated } from "../row-queries.ts";
import { coefficientName, LINEAR, wholeGraph } from "../stage-graphs.ts";
import type { LayerBox, VerifyOptions } from "../types.ts";
import { LATE } from "../whole.ts";
import { around, clip, type HalfSpace, type Part, whereAtMost } from "./clip.ts";
import { Descent } from "./descent.ts";
import { Pool } from "./pool.ts";
import { type Sampler, samplerOf } from "./samples.ts";
import { type Decided, justAbove, type Limits, type Splitting } from "./types.ts";

/** Bytes of one run's intermediate results, at most: what caches hold is twice as fast as what memory does. */
const RUN_BYTES = 2 ** 24;
/** Parts in a run, at most. */
const MOST_AT_ONCE = 128;

/** One part of the set that is not proved yet. */
interface Domain extends Part {
  readonly bound: number;
  /** The disjuncts that are open there. */
  readonly open: readonly number[];
}

interface Compiled {
  readonly net: Boundable;
  readonly session: Session;
  readonly sampler: Sampler;
  ascent(): Promise<Ascent>;
  readonly atOnce: number;
}

/** @throws MemoryError where one part does not fit; UnsupportedReading naming the node that cannot be bounded */
export async function inputSplitting(
  net: Boundable,
  runtime: Pick<Runtime, "compile">,
  { norm, arithmetic = "float32", memoryBudget = MEMORY_BUDGET }: VerifyOptions,
): Promise<Splitting> {
  const sampler = await samplerOf(net, runtime);
  let ascent: Promise<Ascent> | undefined;
  const ascentOnDemand = () => (ascent ??= ascentOf(net, runtime, { norm, arithmetic, memoryBudget }));
  const made = new Map<number, Promise<Compiled>>();
  const compiled = async (rows: number): Promise<Compiled> => {
    const relaxation = { boxes: "backward", rows: "backward", slope: "adaptive" } as const;
    const graph = wholeGraph(net, { relaxation, norm, arithmetic, candidates: true }, rows);
    const { atOnce, least } = fitOf(graph, memoryBudget, "float32");
    if (atOnce === 0) throw new MemoryError(shortOfMemory("bounding one part of a set", least, memoryBudget));
    const session = await runtime.compile(graph, { float: "float32", name: "bounds/parts", memory: "keep" });
    const cached = fitOf(graph, Math.min(memoryBudget, RUN_BYTES), "float32").atOnce;
    return {
      net,
      session,
      sampler,
      ascent: ascentOnDemand,
      atOnce: Math.max(1, Math.min(cached, atOnce, MOST_AT_ONCE)),
    };
  };
  return {
    async decide(queries, i, limits) {
      const { size } = queries.spec;
      const graph = made.get(size) ?? compiled(size);
      made.set(size, graph);
      return decide(await graph, sliceQueries(queries, i, i + 1), i, limits);
    },
    async [Symbol.asyncDispose]() {
      await sampler[Symbol.asyncDispose]();
      await (await ascent?.catch(() => undefined))?.[Symbol.asyncDispose]();
      for (const one of await Promise.allSettled(made.values()))
        if (one.status === "fulfilled") await one.value.session[Symbol.asyncDispose]();
    },
  };
}

/** One query, and what is fixed of it. */
interface Run {
  readonly compiled: Compiled;
  /** One query. */
  readonly query: Queries;
  readonly index: number;
  readonly rows: Float32Array;
  readonly disjuncts: readonly (readonly number[])[];
  readonly conditions: readonly HalfSpace[];
  readonly pool: Pool<Domain>;
  readonly random: Rng;
  readonly time: Time;
  readonly worth: Worth;
  readonly descent: Descent;
  /** The least margin of what is proved. */
  least: number;
  /** The least bound of parts that cannot be cut any more. */
  stuck: number;
  bounded: number;
}

async function decide(compiled: Compiled, query: Queries, index: number, limits: Limits): Promise<Decided> {
  const { spec } = query;
  const rowValues = rowsOf(spec, 0).data as Float32Array;
  const set = boxOf(compiled.net, query);
  const run: Run = {
    compiled,
    query,
    index,
    rows: rowValues,
    descent: new Descent(set, spec, rowValues, rng(0).split("descent")),
    disjuncts: rangesOf(spec),
    conditions: conditionsOf(query),
    pool: new Pool(),
    random: rng(0).split("parts"),
    time: timeOf(limits.left),
    worth: { share: 0.25 },
    least: Number.POSITIVE_INFINITY,
    stuck: Number.POSITIVE_INFINITY,
    bounded: 0,
  };
  const whole = clip(set, run.conditions);
  let rows = new Float64Array(spec.size).fill(Number.NEGATIVE_INFINITY);
  const ended = (more: Partial<Decided> = {}): Decided => {
    const margin = Math.min(run.least, run.stuck, run.pool.worst);
    return { rows, margin, domains: run.bounded, ...more };
  };
  // no point of the set at all
  if (!whole) return ended({ margin: justAbove(spec.clearance ?? 0) });
  run.pool.add({ ...whole, bound: Number.NEGATIVE_INFINITY, open: run.disjuncts.map((_, d) => d) });
  while (run.pool.size > 0) {
    limits.signal?.throwIfAborted();
    if (!run.time.fits()) return ended({ shortfall: LATE });
    if (run.pool.size > limits.domains)
      return ended({ shortfall: { reason: "memory", detail: `${run.pool.size} parts of the set are left to bound` } });
    if (run.bounded >= limits.most)
      return ended({ shortfall: { reason: "relaxation-too-loose", detail: `${run.bounded} parts were bounded` } });
    const batch = run.pool.take(Math.min(compiled.atOnce, limits.most - run.bounded));
    const bounds = await run.time.run(() => boundsOf(run, batch));
    if (run.bounded === 0) rows = Float64Array.from(bounds.rows);
    run.bounded += batch.length;
    const judgedOpen = batch.flatMap((domain, j) => judged(run, domain, bounds, j));
    const open = await optimised(run, judgedOpen, bounds);
    const claim = await split(run, open);
    if (claim) {
      const margin = Math.min(run.least, run.stuck, run.pool.worst, ...open.map(({ bound }) => bound));
      return ended({ claim: claim.witness, margin, shortfall: claim.numbers ? UNSAFE : NO_NUMBERS });
    }
  }
  if (run.stuck === Number.POSITIVE_INFINITY) return ended();
  const reason = run.stuck === Number.NEGATIVE_INFINITY ? "numerical" : "relaxation-too-loose";
  return ended({ shortfall: { reason, detail: "single points are not proved" } });
}

const UNSAFE: Shortfall = { reason: "relaxation-too-loose", detail: "outputs at a point of the set seem unsafe" };
const NO_NUMBERS: Shortfall = { reason: "numerical", detail: "outputs at a point of the set are not numbers" };

const rangesOf = (spec: LinearSpec): number[][] => {
  let row = 0;
  return disjunctsOf(spec).map((size) => Array.from({ length: size }, () => row++));
};

/** Half-spaces that the inputs lie in. */
function conditionsOf({ linearInputs }: Queries): HalfSpace[] {
  if (!linearInputs) return [];
  const { size, matrix, thresholds } = linearInputs;
  const per = matrix.length / size;
  return Array.from({ length: size }, (_, r) => ({
    a: matrix.subarray(r * per, (r + 1) * per),
    limit: thresholds[r]!,
  }));
}

/** The box of all inputs, one after the other, with ends that float32 holds. */
function boxOf({ inputs }: Boundable, { sets }: Queries): Part {
  const boxes = inputs.map(({ name }) => boxOfSet(sets.get(name)!, 1));
  return {
    lower: Float32Array.from(boxes.flatMap(({ lower }) => Array.from(lower, roundDown))),
    upper: Float32Array.from(boxes.flatMap(({ upper }) => Array.from(upper, roundUp))),
  };
}

// ---------------------------------------------------------------- bounds

interface PartBounds {
  /** [n, S] */
  readonly rows: Float32Array;
  readonly linear: Float32Array;
  /** Of row r on part j, all inputs one after the other. */
  coefficients(j: number, r: number): Float64Array;
  /** Of every layer, on the parts at these positions. */
  boxes(positions: readonly number[]): LayerBox[];
}

async function boundsOf({ compiled, query, rows }: Run, batch: readonly Part[]): Promise<PartBounds> {
  const { net, session } = compiled;
  const n = batch.length;
  const sizes = net.inputs.map(sampleSize);
  const asked: Queries = { count: n, sets: setsOf(net, query, batch), spec: query.spec };
  const { size, outputs } = query.spec;
  const spec: Tensor = { dtype: "float", shape: [n, size, outputs], data: repeated(rows, n) };
  const feeds: Record<string, Tensor> = { ...setFeeds(asked, net.inputs), [SPEC]: spec };
  const found = await session.run(Object.fromEntries(session.inputs.map(({ name }) => [name, feeds[name]!])));
  const perInput = sizes.map((_, k) => found[coefficientName(k)]?.data as Float32Array | undefined);
  const shared = net.inputs.map((_, k) => found[coefficientName(k)]?.shape[0] === 1);
  const total = sizes.reduce((sum, one) => sum + one, 0);
  return {
    rows: found["rows"]!.data as Float32Array,
    linear: found[LINEAR]!.data as Float32Array,
    coefficients(j, r) {
      const all = new Float64Array(total);
      let offset = 0;
      for (const [k, own] of perInput.entries()) {
        const at = ((shared[k] ? 0 : j) * size + r) * sizes[k]!;
        if (own) all.set(own.subarray(at, at + sizes[k]!), offset);
        offset += sizes[k]!;
      }
      return all;
    },
    boxes: (positions) =>
      net.operands.map((operand, k) => {
        const names = boxNames(k);
        const end = (name: string) => rowsAt(found[name]!.data as Float32Array, sampleSize(operand), positions);
        return { lower: end(names.lower), upper: end(names.upper) };
      }),
  };
}

/** The query's sets, cut to each part. */
function setsOf({ inputs }: Boundable, { sets }: Queries, batch: readonly Part[]): Map<string, InputSet> {
  let offset = 0;
  return new Map(
    inputs.map((input): [string, InputSet] => {
      const size = sampleSize(input);
      const [lower, upper] = [new Float32Array(batch.length * size), new Float32Array(batch.length * size)];
      for (const [j, part] of batch.entries()) {
        lower.set(part.lower.subarray(offset, offset + size), j * size);
        upper.set(part.upper.subarray(offset, offset + size), j * size);
      }
      offset += size;
      const set = sets.get(input.name)!;
      if (set.kind === "box") return [input.name, { kind: "box", lower, upper }];
      return [input.name, { ...set, centre: repeated(set.centre, batch.length), within: { lower, upper } }];
    }),
  );
}

/** A part that is still open, shrunk, with what to cut it by. */
interface OpenPart extends Domain {
  /** Which part of the batch it is. */
  readonly j: number;
  /** Of the disjunct with the worst bound. */
  readonly rows: readonly number[];
  /** Σ |coefficient| over these rows, [inputs]. */
  readonly steepness: Float64Array;
  /** Where the best of these rows' bounds is least, [inputs]. */
  readonly corner: Float32Array;
}

/** What bounds leave of a part: nothing, or what may hold unsafe outputs. */
function judged(run: Run, domain: Domain, bounds: PartBounds, j: number): OpenPart[] {
  const { spec } = run.query;
  const clearance = spec.clearance ?? 0;
  const excess = (r: number) => bounds.rows[j * spec.size + r]! - (spec.thresholds?.[r] ?? 0);
  const numbers = Array.from({ length: spec.size }, (_, r) => bounds.rows[j * spec.size + r]!).every(Number.isFinite);
  let hull: Part | undefined;
  let worst = Number.POSITIVE_INFINITY;
  let worstRows: readonly number[] = [];
  const open: number[] = [];
  for (const d of domain.open) {
    const own = run.disjuncts[d]!;
    const best = numbers ? Math.max(...own.map(excess)) : Number.NEGATIVE_INFINITY;
    if (best > clearance) {
      run.least = Math.min(run.least, best);
      continue;
    }
    const rest = numbers ? clip(domain, spacesOf(run, own, domain, bounds, j)) : domain;
    if (!rest) {
      run.least = Math.min(run.least, justAbove(clearance));
      continue;
    }
    open.push(d);
    hull = around(hull, rest);
    if (best < worst || worstRows.length === 0) [worst, worstRows] = [best, own];
  }
  if (!hull) return [];
  const bound = Math.max(domain.bound, worst);
  const best = worstRows.reduce((x, y) => (excess(y) > excess(x) ? y : x));
  const steepness = new Float64Array(hull.lower.length);
  for (const r of worstRows) for (const [k, a] of bounds.coefficients(j, r).entries()) steepness[k]! += Math.abs(a);
  const a = bounds.coefficients(j, best);
  const { lower, upper } = hull;
  const corner = lower.map((low, k) => (a[k]! > 0 ? low : upper[k]!));
  return [{ j, lower, upper, bound, open, rows: worstRows, steepness, corner }];
}

function spacesOf(run: Run, rows: readonly number[], part: Part, bounds: PartBounds, j: number): HalfSpace[] {
  const { spec } = run.query;
  const spaces = rows.flatMap((r) =>
    spaceOf(run, r, bounds.coefficients(j, r), bounds.linear[j * spec.size + r]!, part),
  );
  return [...spaces, ...run.conditions];
}

/**
 * Where row r may be unsafe. Only of boxes: in a ball a bound is the least over the ball, which says less of the row than the
 * same number over the box.
 */
function spaceOf({ query: { sets, spec } }: Run, r: number, a: Float64Array, bound: number, part: Part): HalfSpace[] {
  if ([...sets.values()].some((set) => set.kind === "ball" && set.norm !== "linf")) return [];
  const limit = (spec.thresholds?.[r] ?? 0) + (spec.clearance ?? 0);
  const space = whereAtMost(a, bound, part, limit);
  return space ? [space] : [];
}

// ---------------------------------------------------------------- slopes

/** Whether slopes are optimised: on that share of the open parts whose bounds are nearest to enough. */
interface Worth {
  share: number;
}

const ASCENT = { steps: 8, rate: 0.3, betaRate: 0, decay: 0.9 };
/** Where so many of the parts tried are proved, two bounds are saved for each at least: then it is worth its time. */
const WORTHWHILE = 0.3;

/** The parts that are still open once the slopes of those nearest to enough are optimised, with better bounds. */
async function optimised(run: Run, open: readonly OpenPart[], bounds: PartBounds): Promise<readonly OpenPart[]> {
  const tried = open
    .filter(({ bound }) => Number.isFinite(bound))
    .sort((x, y) => y.bound - x.bound)
    .slice(0, Math.ceil(run.worth.share * open.length));
  if (tried.length === 0 || !run.time.fits()) return open;
  const { compiled, query } = run;
  const { spec } = query;
  const excess = (j: number, r: number) => bounds.rows[j * spec.size + r]! - (spec.thresholds?.[r] ?? 0);
  const asked = tried.flatMap((part) =>
    part.open.map((d) => {
      const r = run.disjuncts[d]!.reduce((x, y) => (excess(part.j, y) > excess(part.j, x) ? y : x));
      return { part, d, r };
    }),
  );
  const { outputs, thresholds, clearance = 0 } = spec;
  const matrix = joined(
    asked.map(({ r }) => run.rows.subarray(r * outputs, (r + 1) * outputs)),
    outputs,
  );
  const queries: Queries = {
    count: asked.length,
    sets: setsOf(
      compiled.net,
      query,
      asked.map(({ part }) => part),
    ),
    spec: {
      outputs,
      size: 1,
      rows: { kind: "dense", matrix },
      thresholds: Float64Array.from(asked, ({ r }) => thresholds?.[r] ?? 0),
      clearance,
    },
  };
  const ascent = await compiled.ascent();
  const boxes = bounds.boxes(asked.map(({ part }) => part.j));
  const found = await run.time.run(() => ascent.ascend({ queries, boxes }, ASCENT));
  const coefficients = coefficientRows(compiled.net, found.coefficients);
  const better = new Map<OpenPart, OpenPart | undefined>();
  for (const part of tried) {
    let hull: Part | undefined;
    let worst = Number.POSITIVE_INFINITY;
    const left: number[] = [];
    for (const [m, { part: own, d, r }] of asked.entries()) {
      if (own !== part) continue;
      const margin = found.lower[m]! - (thresholds?.[r] ?? 0);
      const spaces = spaceOf(run, r, coefficients(m), found.linear[m]!, part);
      const rest = margin > clearance ? undefined : clip(part, spaces);
      if (margin > clearance || !rest) run.least = Math.min(run.least, Math.max(margin, justAbove(clearance)));
      else {
        left.push(d);
        hull = around(hull, rest);
        worst = Math.min(worst, margin);
      }
    }
    better.set(part, hull && { ...part, ...hull, open: left, bound: Math.max(part.bound, worst) });
  }
  const proved = tried.filter((part) => !better.get(part)).length / tried.length;
  run.worth.share = Math.min(1, Math.max(1 / 16, run.worth.share * (proved > WORTHWHILE ? 1.5 : 0.7)));
  return open.flatMap((part) => (better.has(part) ? (better.get(part) ?? []) : part));
}

/** All inputs one after the other, of each row. */
function coefficientRows({ inputs }: Boundable, found: ReadonlyMap<string, Float32Array>) {
  const sizes = inputs.map(sampleSize);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  return (m: number): Float64Array => {
    const all = new Float64Array(total);
    let offset = 0;
    for (const [k, { name }] of inputs.entries()) {
      const own = found.get(name);
      if (own) all.set(own.subarray(m * sizes[k]!, (m + 1) * sizes[k]!), offset);
      offset += sizes[k]!;
    }
    return all;
  };
}

// ---------------------------------------------------------------- splits

/** Points of a part at which the rows' derivatives are taken: its middle, a corner, and some at random. */
const RANDOM_POINTS = 2;
/** Rows of a disjunct that are looked at, at most. */
const MOST_ROWS = 4;
/** What an input counts where nothing seems to depend on it, as a share of the steepest: lines may hide a dependence. */
const FLOOR = 0.02;

/** Puts both halves of every part into the pool. @returns a point with unsafe outputs, where one is met */
async function split(run: Run, open: readonly OpenPart[]): Promise<Claim | undefined> {
  if (open.length === 0) return undefined;
  const { outputs } = run.query.spec;
  const inputs = open[0]!.lower.length;
  const points: Float32Array[] = [];
  const seeds: Float32Array[] = [];
  const first: number[] = [];
  for (const part of open) {
    first.push(points.length);
    const places = [part.corner, pointOf(part, () => 0.5)];
    for (let k = 0; k < RANDOM_POINTS; k++) places.push(pointOf(part, () => run.random.uniform()));
    for (const r of part.rows.slice(0, MOST_ROWS))
      for (const place of places) {
        points.push(place);
        seeds.push(run.rows.subarray(r * outputs, (r + 1) * outputs));
      }
  }
  first.push(points.length);
  const found = await run.compiled.sampler.run(joined(points, inputs), joined(seeds, outputs));
  for (const [m, point] of points.entries()) {
    const own = found.outputs.subarray(m * outputs, (m + 1) * outputs);
    const claim = claimOf(run, point, own);
    if (claim) return claim;
    run.descent.note(
      first.findLastIndex((start) => start <= m),
      point,
      own,
    );
  }
  let claim: Claim | undefined;
  await run.descent.walk(run.compiled.sampler, (point, own) => {
    claim = claimOf(run, point, own);
    return claim !== undefined;
  });
  if (claim) return claim;
  for (const [j, part] of open.entries()) {
    const score = part.steepness.slice();
    for (let m = first[j]!; found.slopes && m < first[j + 1]!; m++)
      for (let k = 0; k < inputs; k++) score[k] = Math.max(score[k]!, Math.abs(found.slopes[m * inputs + k]!));
    halve(run, part, score);
  }
  return undefined;
}

const pointOf = ({ lower, upper }: Part, at: () => number): Float32Array =>
  lower.map((low, k) => Math.min(upper[k]!, Math.max(low, low + at() * (upper[k]! - low))));

function joined(rows: readonly Float32Array[], size: number): Float32Array {
  const all = new Float32Array(rows.length * size);
  for (const [m, row] of rows.entries()) all.set(row, m * size);
  return all;
}

function halve(run: Run, { lower, upper, bound, open }: OpenPart, score: Float64Array): void {
  const floor = FLOOR * score.reduce((x, y) => Math.max(x, y), 0) || 1;
  let [at, most] = [-1, 0];
  for (let k = 0; k < lower.length; k++) {
    const middle = Math.fround(lower[k]! + (upper[k]! - lower[k]!) / 2);
    if (!(middle > lower[k]! && middle < upper[k]!)) continue;
    const own = (score[k]! + floor) * (upper[k]! - lower[k]!);
    if (own > most) [at, most] = [k, own];
  }
  if (at < 0) {
    run.stuck = Math.min(run.stuck, bound);
    return;
  }
  const middle = Math.fround(lower[at]! + (upper[at]! - lower[at]!) / 2);
  const below = upper.slice();
  const above = lower.slice();
  below[at] = middle;
  above[at] = middle;
  run.pool.add({ lower, upper: below, bound, open });
  run.pool.add({ lower: above, upper, bound, open });
}

interface Claim {
  readonly witness: Witness;
  /** Whether the outputs are numbers. */
  readonly numbers: boolean;
}

/** The point as a claim, where it is in the set and its outputs are unsafe. */
function claimOf(
  { compiled: { net }, query, index }: Run,
  point: Float32Array,
  outputs: Float32Array,
): Claim | undefined {
  let offset = 0;
  const inputs = new Map(
    net.inputs.map((input) => {
      const size = sampleSize(input);
      const own = { point: point.slice(offset, offset + size) };
      offset += size;
      return [input.name, own] as const;
    }),
  );
  if (!holdsBy(query, { query: 0, inputs }, outputs)) return undefined;
  return { witness: { query: index, inputs }, numbers: outputs.every(Number.isFinite) };
}
