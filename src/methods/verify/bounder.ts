/** @file Bounders: a relaxation compiled for one graph, and the verifiers that are nothing else. */

import { MEMORY_BUDGET, MemoryError } from "../../runtime/memory.ts";
import { sliceQueries } from "../../spec/queries.ts";
import type { Queries } from "../../spec/types.ts";
import type { Shortfall } from "../../spec/verdict.ts";
import { kinksOf } from "../../transforms/relax/index.ts";
import { type Tell, type Time, timeOf } from "../time.ts";
import { type Boundable, boundable, relaxedNodes, sampleSize } from "./boundable.ts";
import { candidatePoints } from "./candidates.ts";
import { type Plan, type PlanOptions, planStages, type Stage } from "./plan.ts";
import { narrowed, sliceRestrictions } from "./restrictions.ts";
import type { Relaxation } from "./row-bounds.ts";
import { runStages } from "./run.ts";
import {
  type Bounder,
  type BounderOptions,
  type Bounds,
  defineVerifier,
  type Layer,
  type LayerBox,
  type MakeBounder,
  type PreparedVerifier,
  type Restrictions,
  type Verifier,
  type VerifierDefinition,
} from "./types.ts";
import { compileWhole, LATE, runWhole } from "./whole.ts";

/**
 * A relaxation as a bounder. What needs interval boxes alone runs as one graph where nothing is restricted; everything
 * else goes layer by layer.
 */
export const relaxationBounder =
  (relaxation: Relaxation): MakeBounder =>
  async (graph, runtime, options) => {
    const { arithmetic = "float32", memoryBudget = MEMORY_BUDGET } = options;
    const net = boundable(graph, arithmetic);
    const full: PlanOptions = { ...options, relaxation, arithmetic, memoryBudget };
    const rows = options.rows ?? Math.max(1, sampleSize(net.target) - 1);
    const layers = net.operands.map(
      (operand): Layer => ({ shape: operand.shape.slice(1) as number[], kinks: kinksOf(operand, net.target) }),
    );
    const relaxed = relaxedNodes(net).map(({ shape }) => shape.slice(1) as number[]);
    const whole = wholeOf(net, runtime, full);
    const direct = relaxation.boxes === "interval" && !options.alpha && !options.candidates;
    let plan: Promise<Plan> | undefined;
    const planned = () => (plan ??= planStages(net, runtime, full, rows));
    await (direct ? whole.of(rows) : planned());
    return {
      layers,
      relaxed,
      async bounds(queries, given, left, tell) {
        const time = timeOf(left);
        if (given || !direct)
          return layerwise(net, await planned(), full, queries, given ?? {}, { layers, relaxed, time, tell });
        const bounds = nothingProved(queries, full);
        const stage = await whole.of(queries.spec.size);
        if ("reason" in stage) bounds.reasons.fill(stage);
        else
          for (const [i, why] of (await runWhole(net, stage, full, queries, bounds.lower, { time, tell })).entries())
            bounds.reasons[i] = why;
        return { ...bounds, boxes: [] };
      },
      async [Symbol.asyncDispose]() {
        await whole.dispose();
        await (await plan?.catch(() => undefined))?.[Symbol.asyncDispose]();
      },
    };
  };

/** The graphs of the whole method, one for each number of rows. */
function wholeOf(net: Boundable, runtime: Parameters<MakeBounder>[1], options: PlanOptions) {
  const compiled = new Map<number, Promise<Stage | Shortfall>>();
  return {
    of(rows: number): Promise<Stage | Shortfall> {
      const known = compiled.get(rows);
      if (known) return known;
      const stage = compileWhole(net, runtime, options, rows);
      compiled.set(rows, stage);
      stage.catch(() => compiled.delete(rows));
      return stage;
    },
    async dispose() {
      for (const stage of await Promise.all(compiled.values()))
        if ("session" in stage) await stage.session[Symbol.asyncDispose]();
    },
  };
}

/** Bounds that claim nothing yet. */
const nothingProved = ({ count, spec }: Queries, { arithmetic = "float32" }: Pick<BounderOptions, "arithmetic">) => ({
  arithmetic,
  lower: new Float64Array(count * spec.size).fill(Number.NEGATIVE_INFINITY),
  reasons: new Array<Shortfall | undefined>(count).fill(undefined),
});

/** As many queries at a time as their boxes fit the budget. */
async function layerwise(
  net: Boundable,
  plan: Plan,
  options: PlanOptions,
  asked: Queries,
  given: Restrictions,
  { layers, relaxed, time, tell }: Pick<Bounder, "layers" | "relaxed"> & { time: Time; tell: Tell | undefined },
): Promise<Bounds> {
  const { queries, empty } = given.inputs
    ? narrowed(asked, given.inputs)
    : { queries: asked, empty: new Set<number>() };
  const { count, spec } = queries;
  const bounds = nothingProved(queries, options);
  const parts: (readonly LayerBox[])[] = [];
  const points = new Map<string, Float32Array>();
  for (let from = 0; from < count; from += plan.atOnce) {
    if (!time.fits()) {
      bounds.reasons.fill(LATE, from);
      return { ...bounds, boxes: [] };
    }
    const to = Math.min(count, from + plan.atOnce);
    const part = sliceQueries(queries, from, to);
    const candidates = options.candidates ? candidatePoints(part, net.inputs) : undefined;
    const own = sliceRestrictions(given, layers, relaxed, from, to);
    const tellPart = (share: number) => tell?.(from + share * (to - from), count);
    const found = await runStages(net, plan, options, part, own, { time, tell: tellPart }, candidates);
    bounds.lower.set(found.lower, from * spec.size);
    for (const [i, why] of found.reasons.entries()) bounds.reasons[from + i] = why;
    parts.push(found.boxes);
    for (const [name, some] of candidates?.points ?? []) {
      const all = points.get(name) ?? new Float32Array((some.length / part.count) * count);
      all.set(some, (some.length / part.count) * from);
      points.set(name, all);
    }
  }
  for (const i of empty) bounds.lower.fill(Number.POSITIVE_INFINITY, i * spec.size, (i + 1) * spec.size);
  return { ...bounds, boxes: joined(parts), ...(options.candidates && { candidates: points }) };
}

/** The boxes of parts of a batch, one after the other. */
function joined(parts: readonly (readonly LayerBox[])[]): readonly LayerBox[] {
  const [first = [], ...more] = parts;
  if (more.length === 0) return first;
  return first.map((box, k) => {
    const all = (side: keyof LayerBox) => {
      const arrays = parts.map((part) => part[k]![side]);
      const whole = new (box[side].constructor as Float64ArrayConstructor)(
        arrays.reduce((n, { length }) => n + length, 0),
      );
      let at = 0;
      for (const values of arrays) {
        whole.set(values, at);
        at += values.length;
      }
      return whole;
    };
    return { lower: all("lower"), upper: all("upper") };
  });
}

// ---------------------------------------------------------------- verifiers

/** Twice as fast as the whole default budget, on residual networks (docs/performance.md). */
const ROWS_BUDGET = 2 ** 24;

/** The two ends of the boxes, and a pass backwards for the margin to each other class. */
export const leastRunsBackward = (classes: number): number => 2 + (classes - 1);

/** The verifier that is one pass of a bounder. What does not fit the memory is unknown. */
export const fromBounder = (make: MakeBounder, description: Omit<VerifierDefinition, "prepare">): Verifier =>
  defineVerifier({
    ...description,
    async prepare(network, runtime, options) {
      try {
        const bounder = await make(network.graph, runtime, {
          ...options,
          rows: Math.max(1, network.classes - 1),
          rowsBudget: ROWS_BUDGET,
        });
        return {
          bounds: (queries, left, tell) => bounder.bounds(queries, undefined, left, tell),
          [Symbol.asyncDispose]: () => bounder[Symbol.asyncDispose](),
        };
      } catch (error) {
        if (!(error instanceof MemoryError)) throw error;
        return withoutBounds(options, { reason: "memory", detail: error.message });
      }
    },
  });

/** A verifier that claims nothing of any input. */
export const withoutBounds = (options: BounderOptions, shortfall: Shortfall): PreparedVerifier => ({
  async bounds(queries) {
    const bounds = nothingProved(queries, options);
    bounds.reasons.fill(shortfall);
    return bounds;
  },
  [Symbol.asyncDispose]: async () => {},
});
