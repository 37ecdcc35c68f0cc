/** @file The runs of a bounder that goes layer by layer: stage after stage, as many queries, or rows, at a time as fit. */

import { float32Tensor } from "../../graph/tensor.ts";
import type { Tensor } from "../../graph/types.ts";
import { rowsOf, sliceQueries } from "../../spec/queries.ts";
import type { FloatArray, Queries } from "../../spec/types.ts";
import type { Shortfall } from "../../spec/verdict.ts";
import type { Time } from "../time.ts";
import { type Boundable, boxNames, placeOf } from "./boundable.ts";
import type { CandidatePoints } from "./candidates.ts";
import { SPEC, setFeeds } from "./input-set.ts";
import type { LayerPlan, Plan, PlanOptions, Stage } from "./plan.ts";
import { cutAtSplits } from "./restrictions.ts";
import type { LayerBox, Restrictions } from "./types.ts";
import { boundInRows, LATE } from "./whole.ts";

/** Share of the time that is kept for the rows themselves: neurons that are not bounded backwards keep their interval. */
const KEPT_FOR_ROWS = 0.25;

/**
 * Neurons that would take so many times what is left are not begun: the few that get better bounds prove nothing, and
 * the rows alone may.
 */
const HOPELESS = 4;

export interface StagedBounds {
  /** [n, S]; −∞ where a row was left open. */
  readonly lower: FloatArray;
  readonly boxes: readonly LayerBox[];
  /** [n]: why rows were left open. */
  readonly reasons: readonly (Shortfall | undefined)[];
}

/** One batch on its way through the stages. */
interface Run {
  readonly queries: Queries;
  readonly net: Boundable;
  readonly plan: Plan;
  readonly options: PlanOptions;
  readonly given: Restrictions;
  readonly boxes: LayerBox[];
  /** Queries of which the splits leave nothing. */
  readonly empty: Set<number>;
  readonly candidates: CandidatePoints | undefined;
  readonly time: Time;
  /** Takes the share of a stage that is done: a layer, or after them the rows. */
  readonly tell: (stage: number, share: number) => void;
  /** Queries of which some neurons keep their intervals for want of time: bounds hold, but might be better. */
  readonly late: Set<number>;
}

export async function runStages(
  net: Boundable,
  plan: Plan,
  options: PlanOptions,
  queries: Queries,
  given: Restrictions,
  { time, tell }: { readonly time: Time; readonly tell: (share: number) => void },
  candidates?: CandidatePoints,
): Promise<StagedBounds> {
  const run: Run = {
    queries,
    net,
    plan,
    options,
    given,
    boxes: [],
    empty: new Set(),
    candidates,
    time,
    tell: sharesOf(plan, queries.spec.size, tell),
    late: new Set(),
  };
  for (const [index, layer] of plan.layers.entries()) run.boxes.push(await boxOfLayer(run, layer, index));
  const last = await plan.last(queries.spec.size);
  const lower = allocateFloats(options, queries.count * queries.spec.size).fill(Number.NEGATIVE_INFINITY);
  const reasons = await (last.many === "queries" ? wholeRows : rowByRow)(run, last, lower);
  for (const i of run.late) reasons[i] = LATE;
  const fill = (i: number, value: number) => lower.fill(value, i * queries.spec.size, (i + 1) * queries.spec.size);
  for (const i of run.empty) fill(i, Number.POSITIVE_INFINITY);
  for (const i of withoutBounds(run.boxes, queries.count)) fill(i, Number.NEGATIVE_INFINITY);
  return { lower, boxes: run.boxes, reasons };
}

/** The share of all stages from that of one. What a stage costs goes with its neurons and the layers before it. */
function sharesOf({ layers }: Plan, rows: number, tell: (share: number) => void): Run["tell"] {
  const work = [...layers.map(({ rows: own, size }) => (own ? size : 0)), rows].map((size, k) => size * (k + 1));
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return (stage, share) => tell((sum(work.slice(0, stage)) + share * work[stage]!) / sum(work));
}

async function boxOfLayer(run: Run, layer: LayerPlan, index: number): Promise<LayerBox> {
  const known = run.given.boxes?.get(index);
  const split = run.given.splits?.get(index);
  const cut = (box: LayerBox) => (split ? cutAtSplits(box, split, layer.size, run.empty) : box);
  if (known) return cut(split ? { lower: known.lower.slice(), upper: known.upper.slice() } : known);
  const guess = cut(await boxStage(run, layer, index));
  return layer.rows ? cut(await refineRows(run, layer.rows, layer, guess, index)) : guess;
}

async function wholeRows(run: Run, stage: Stage, lower: FloatArray) {
  const { spec, count } = run.queries;
  const target = run.plan.layers.length;
  const reasons = new Array<Shortfall | undefined>(count).fill(undefined);
  await inChunks(run, stage, target, async (from, to, feeds) => {
    if (!run.time.fits()) return reasons.fill(LATE, from, to);
    const found = await runOf(run, stage, { ...feeds, [SPEC]: rowsOf(spec, from, to - from) });
    lower.set(found["rows"]!.data, from * spec.size);
    run.candidates?.add(found, from, to - from, 0, spec.size);
    run.tell(target, to / count);
  });
  return reasons;
}

async function rowByRow(run: Run, stage: Stage, lower: FloatArray) {
  const reasons: (Shortfall | undefined)[] = [];
  for (let i = 0; i < run.queries.count; i++) {
    const feeds = feedsOf(run, stage, run.plan.layers.length, i, i + 1);
    const bound = async (rows: Tensor, from: number) => {
      run.options.signal?.throwIfAborted();
      const found = await runOf(run, stage, { ...feeds, [SPEC]: rows });
      run.candidates?.add(found, i, 1, from, rows.shape[1] as number);
      return found["rows"]!.data;
    };
    reasons.push(await boundInRows(run.queries.spec, i, stage.atOnce, { lower, time: run.time }, bound));
    run.tell(run.plan.layers.length, (i + 1) / run.queries.count);
  }
  return reasons;
}

/**
 * Queries of which nothing is known somewhere: the network may compute what is no number there, which a later op that
 * answers within limits (a clip, a sign) would hide.
 */
export const withoutBounds = (boxes: readonly LayerBox[], count: number): number[] =>
  Array.from({ length: count }, (_, i) => i).filter((i) =>
    boxes.some(({ lower, upper }) => {
      const size = lower.length / count;
      const [from, to] = [i * size, (i + 1) * size];
      return !lower.subarray(from, to).every(Number.isFinite) || !upper.subarray(from, to).every(Number.isFinite);
    }),
  );

const allocateFloats = ({ float }: PlanOptions, size: number): FloatArray =>
  float === "float64" ? new Float64Array(size) : new Float32Array(size);

const orElse = (infinity: number) => (end: number) => (Number.isNaN(end) ? infinity : end);

async function boxStage(run: Run, { guess, size }: LayerPlan, index: number): Promise<LayerBox> {
  const box = {
    lower: allocateFloats(run.options, run.queries.count * size),
    upper: allocateFloats(run.options, run.queries.count * size),
  };
  await inChunks(run, guess, index, async (from, _, feeds) => {
    const { lower, upper } = await runOf(run, guess, feeds);
    // what is no number cannot be fed to the next stage
    box.lower.set(lower!.data.map(orElse(Number.NEGATIVE_INFINITY)), from * size);
    box.upper.set(upper!.data.map(orElse(Number.POSITIVE_INFINITY)), from * size);
  });
  return box;
}

/** Runs a stage over the batch, as many queries at a time as fit. */
async function inChunks(
  run: Run,
  stage: Stage,
  target: number,
  visit: (from: number, to: number, feeds: Record<string, Tensor>) => Promise<unknown>,
): Promise<void> {
  const { count } = run.queries;
  for (let from = 0; from < count; from += stage.atOnce) {
    const to = Math.min(count, from + stage.atOnce);
    await visit(from, to, feedsOf(run, stage, target, from, to));
  }
}

/** The sets, the boxes of earlier layers and the slopes that a stage takes, of queries from … to − 1. */
function feedsOf(
  { queries, net, options, given, boxes }: Run,
  { session }: Stage,
  target: number,
  from: number,
  to: number,
): Record<string, Tensor> {
  const feeds = setFeeds(sliceQueries(queries, from, to), net.inputs, options.float);
  const alphas = given.alphas?.get(target);
  for (const { name, shape } of session.inputs) {
    const dims = [to - from, ...(shape.slice(1) as number[])];
    const size = dims.slice(1).reduce((product, dim) => product * dim, 1);
    const fed = (values: FloatArray) => {
      feeds[name] = { dtype: "float", shape: dims, data: values.subarray(from * size, to * size) };
    };
    const place = placeOf(name);
    if (name === boxNames(place).lower) fed(boxes[place]!.lower);
    else if (name === boxNames(place).upper) fed(boxes[place]!.upper);
    else if (name.startsWith("alpha/")) {
      const own = alphas?.get(place);
      const values = name.endsWith("/upper") ? (own?.upper ?? own?.lower) : own?.lower;
      // no choice of a line outside [0, 1] is sound
      fed(values ? values.map(toUnit) : allocateFloats(options, to * size).fill(NO_CHOICE));
    }
  }
  return feeds;
}

/** Where nothing is said. */
const NO_CHOICE = 0.5;
const toUnit = (alpha: number): number => (Number.isNaN(alpha) ? NO_CHOICE : Math.min(1, Math.max(0, alpha)));

/** Only what the session takes: a later layer may not depend on the input directly. */
const select = ({ session }: Stage, feeds: Record<string, Tensor>): Record<string, Tensor> =>
  Object.fromEntries(session.inputs.map(({ name }) => [name, feeds[name]!]));

const runOf = ({ time }: Run, stage: Stage, feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> =>
  time.run(() => stage.session.run(select(stage, feeds)));

/** Replaces the interval bounds of the undecided neurons by backward ones, query by query. */
async function refineRows(
  run: Run,
  rows: Stage,
  { kinks, per, size, intersect = false }: LayerPlan,
  guess: LayerBox,
  index: number,
): Promise<LayerBox> {
  for (let i = 0; i < run.queries.count; i++) {
    run.options.signal?.throwIfAborted();
    const lower = guess.lower.subarray(i * size, (i + 1) * size);
    const upper = guess.upper.subarray(i * size, (i + 1) * size);
    const chosen = undecided(lower, upper, kinks);
    if (chosen.length === 0) continue;
    const feeds = feedsOf(run, rows, index, i, i + 1);
    let done = 0;
    const tell = (more: number) => {
      done += more;
      run.tell(index, (i + done / (2 * chosen.length)) / run.queries.count);
    };
    const bound = async (asked: readonly Row[]) => {
      const whole = await boundRows(run, rows, feeds, asked, per, { box: { lower, upper }, intersect, tell });
      if (!whole) run.late.add(i);
    };
    if (!kinks) {
      await bound(
        chosen.flatMap((element): Row[] => [
          { element, sign: 1 },
          { element, sign: -1 },
        ]),
      );
      continue;
    }
    // the side that is likelier to decide first; the other only where it did not
    const first = chosen.map((element): Row => ({ element, sign: lower[element]! + upper[element]! > 0 ? 1 : -1 }));
    await bound(first);
    const open = new Set(undecided(lower, upper, kinks));
    await bound(
      first
        .filter(({ element }) => open.has(element))
        .map(({ element, sign }): Row => ({ element, sign: sign === 1 ? -1 : 1 })),
    );
  }
  return guess;
}

/** One side of a neuron: +1 its lower bound, −1 its upper. */
interface Row {
  readonly element: number;
  readonly sign: 1 | -1;
}

/**
 * Bounds the rows asked for, as many at a time as fit; `intersect` keeps the better of the old and the new bound.
 * @returns whether time sufficed for all of them
 */
async function boundRows(
  run: Run,
  stage: Stage,
  feeds: Record<string, Tensor>,
  asked: readonly Row[],
  per: number,
  {
    box,
    intersect,
    tell,
  }: { readonly box: LayerBox; readonly intersect: boolean; readonly tell: (rows: number) => void },
): Promise<boolean> {
  for (let from = 0; from < asked.length; from += stage.atOnce) {
    run.options.signal?.throwIfAborted();
    const runs = Math.ceil((asked.length - from) / stage.atOnce);
    if (!run.time.fits(KEPT_FOR_ROWS) || (from > 0 && !run.time.fitsMany(runs, HOPELESS))) return false;
    const part = asked.slice(from, from + stage.atOnce);
    const found = (await runOf(run, stage, { ...feeds, ...rowFeeds(part, per) }))["rows"]!.data;
    for (const [r, { element, sign }] of part.entries()) {
      const bound = sign * (Number.isNaN(found[r]!) ? Number.NEGATIVE_INFINITY : found[r]!);
      if (sign === 1) box.lower[element] = intersect ? Math.max(box.lower[element]!, bound) : bound;
      else box.upper[element] = intersect ? Math.min(box.upper[element]!, bound) : bound;
    }
    tell(part.length);
  }
  return true;
}

const rowFeeds = (rows: readonly Row[], per: number): Record<string, Tensor> => {
  const shape = [rows.length];
  const ints = (pick: (element: number) => number): Tensor => ({
    dtype: "int",
    shape,
    data: Int32Array.from(rows, ({ element }) => pick(element)),
  });
  return {
    indices: ints((element) => element),
    channels: ints((element) => Math.floor(element / per)),
    positions: ints((element) => element % per),
    signs: float32Tensor(
      shape,
      Float32Array.from(rows, ({ sign }) => sign),
    ),
  };
};

/** Neurons with a kink strictly inside their box; all of them where an activation bends everywhere. */
function undecided(lower: FloatArray, upper: FloatArray, kinks: readonly number[] | undefined): number[] {
  const chosen: number[] = [];
  for (let i = 0; i < lower.length; i++)
    if (!kinks || kinks.some((kink) => lower[i]! < kink && upper[i]! > kink)) chosen.push(i);
  return chosen;
}
