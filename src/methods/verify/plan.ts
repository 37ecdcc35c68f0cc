/**
 * @file What a bounder that goes layer by layer compiles, and how much of it fits a run.
 *
 * Interval propagation decides which neurons are stable, for a batch of queries at once; the others' rows run query by
 * query, as many as there are, which wastes nothing on padding. A row of a convolution is a small patch. Memory stays
 * below a budget: fewer queries, or fewer rows, at a time.
 */

import { bindDim, elements } from "../../graph/dims.ts";
import type { Graph } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import {
  type Fit,
  fitOf,
  isTooLarge,
  isTooLargeToCompile,
  KEPT_BYTES,
  MemoryError,
  shortOfMemory,
} from "../../runtime/memory.ts";
import type { Float, Runtime, Session } from "../../runtime/session.ts";
import { bends, intervalIsExact, kinksOf } from "../../transforms/relax/index.ts";
import { type Boundable, sampleSize } from "./boundable.ts";
import { inputSets } from "./input-set.ts";
import { countsRows, type GraphOptions, type StageKind, type StageTarget, stageGraph } from "./stage-graphs.ts";

export interface PlanOptions extends GraphOptions {
  /** Bytes that the intermediate results of one run may take. */
  readonly memoryBudget: number;
  readonly rowsBudget?: number;
  readonly allRows?: boolean;
  readonly float?: Float;
  readonly signal?: AbortSignal;
}

/** A compiled graph, and how many queries or rows fit the memory budget of a run. */
export interface Stage {
  readonly session: Session;
  readonly atOnce: number;
  /** What the symbolic size counts: queries, or the rows of one. */
  readonly many: "queries" | "rows";
}

/** A layer whose interval box is exact, or is all that the method asks for, needs no rows. */
export interface LayerPlan {
  readonly guess: Stage;
  readonly rows?: Stage;
  /** Undefined: every neuron is bounded. */
  readonly kinks?: readonly number[] | undefined;
  /** Keep the better of the interval and the backward bound, where some activation bends, or may not leave its domain (√, ln). */
  readonly intersect?: boolean;
  /** Elements of a sample, and of one of its channels. */
  readonly size: number;
  readonly per: number;
}

export interface Plan extends AsyncDisposable {
  readonly layers: readonly LayerPlan[];
  /** For specifications of so many rows a query. */
  last(rows: number): Promise<Stage>;
  /** Queries whose boxes, all kept until the last layer is bounded, take no more than a part of the budget; at least 1. */
  readonly atOnce: number;
}

/** Of the memory budget, what the boxes of the queries that are bounded together may take: a quarter. */
const BOXES_SHARE = 4;

/**
 * @param rows of a query, for which the last graph is compiled at once
 * @throws MemoryError where the boxes of one query, or a run for one query and one row, take more than the budget
 */
export async function planStages(
  net: Boundable,
  runtime: Pick<Runtime, "compile">,
  options: PlanOptions,
  rows: number,
): Promise<Plan> {
  const width = options.float === "float64" ? 8 : 4;
  const boxBytes = net.operands.reduce((sum, operand) => sum + 2 * width * sampleSize(operand), 0);
  if (boxBytes > options.memoryBudget)
    throw new MemoryError(shortOfMemory("keeping the boxes of one image's layers", boxBytes, options.memoryBudget));
  // all drafts first: what is too large is found before anything is compiled
  const lastDraft = draftRows(net, options, rows);
  const drafts = net.operands.map((_, layer) => draftLayer(net, options, layer));
  const layers: LayerPlan[] = [];
  for (const draft of drafts) layers.push(await planLayer(net, runtime, options, draft));
  const last = new Map([[rows, compileStage(net, runtime, options, lastDraft)]]);
  await last.get(rows);
  const compiled = async (count: number) => compileStage(net, runtime, options, draftRows(net, options, count));
  const lastOf = (count: number): Promise<Stage> => {
    const stage = last.get(count) ?? compiled(count);
    last.set(count, stage);
    stage.catch(() => last.delete(count));
    return stage;
  };
  return {
    layers,
    last: lastOf,
    atOnce: Math.max(1, Math.floor(options.memoryBudget / (BOXES_SHARE * Math.max(1, boxBytes)))),
    [Symbol.asyncDispose]: async () => {
      const stages = layers.flatMap(({ guess, rows: own }) => (own ? [guess, own] : [guess]));
      for (const { session } of [...stages, ...(await Promise.all(last.values()))])
        await session[Symbol.asyncDispose]();
    },
  };
}

interface LayerDraft {
  readonly layer: number;
  readonly guess: Draft;
  readonly rows?: Draft;
}

function draftLayer(net: Boundable, options: PlanOptions, layer: number): LayerDraft {
  const operand = net.operands[layer]!;
  const guess = draftStage(net, options, "interval", { layer });
  if (options.relaxation.boxes === "interval") return { layer, guess };
  if (intervalIsExact(operand, inputSets(builder(), net.inputs, options.norm).domains)) return { layer, guess };
  return { layer, guess, rows: draftStage(net, options, "elements", { layer }) };
}

async function planLayer(
  net: Boundable,
  runtime: Pick<Runtime, "compile">,
  options: PlanOptions,
  draft: LayerDraft,
): Promise<LayerPlan> {
  const operand = net.operands[draft.layer]!;
  const sizes = { size: sampleSize(operand), per: bindDim(elements(operand.shape.slice(2)), 1) };
  const guess = await compileStage(net, runtime, options, draft.guess);
  if (!draft.rows) return { guess, ...sizes };
  const rows = await compileStage(net, runtime, options, draft.rows);
  const kinks = kinksOf(operand, net.target);
  const intersect = kinks === undefined || bends(net.target, new Set(net.inputs));
  return { guess, rows, ...sizes, kinks: options.allRows ? undefined : kinks, intersect };
}

/** A stage that fits, before it is compiled. */
interface Draft {
  readonly graph: Graph;
  readonly kind: StageKind;
  readonly name: string;
  readonly fit: Fit;
  /** Whether its session gives the memory of a run back. */
  readonly much: boolean;
}

/** The rows of whole queries where those fit, else some rows of one query at a time. */
function draftRows(net: Boundable, options: PlanOptions, rows: number): Draft {
  try {
    return draftStage(net, options, "rows", { rows });
  } catch (error) {
    if (!(error instanceof MemoryError)) throw error;
    return draftStage(net, options, "row by row", { rows });
  }
}

const rowsWithin = (bytes: number, each: number): number => Math.max(1, Math.floor(bytes / each));

/** @throws MemoryError where one query, or one row, does not fit */
function draftStage(net: Boundable, options: PlanOptions, kind: StageKind, aim: StageTarget): Draft {
  const { memoryBudget, float = "float32" } = options;
  const name = `bounds/${kind}/${"layer" in aim ? aim.layer : net.operands.length}`;
  const graph = orTooLarge(kind, name, options, () => stageGraph(net, options, kind, aim));
  const fit = fitOf(graph, memoryBudget, float);
  if (fit.atOnce === 0 || isTooLargeToCompile(graph, float)) throw tooLarge(kind, name, options, fit.least);
  // every layer has a session of its own: what they keep adds up
  const most = kind === "elements" && "layer" in aim ? 2 * sampleSize(net.operands[aim.layer]!) * fit.each : 0;
  return { graph, kind, name, fit, much: Math.max(fit.least, most) > KEPT_BYTES };
}

/** @throws MemoryError where it cannot be made */
async function compileStage(
  net: Boundable,
  runtime: Pick<Runtime, "compile">,
  options: PlanOptions,
  { graph, kind, name, fit, much }: Draft,
): Promise<Stage> {
  const memory = much ? "return" : "keep";
  const compiled = runtime.compile(graph, { float: options.float ?? "float32", name, memory });
  const session = await compiled.catch((error: unknown) =>
    orTooLarge(kind, name, options, () => {
      throw error;
    }),
  );
  const fixedBatch = net.inputs.some(({ shape }) => typeof shape[0] === "number") && !countsRows(kind);
  const { memoryBudget, rowsBudget = memoryBudget } = options;
  const atOnce = kind === "elements" ? Math.min(fit.atOnce, rowsWithin(rowsBudget, fit.each)) : fit.atOnce;
  return { session, atOnce: fixedBatch ? 1 : atOnce, many: countsRows(kind) ? "rows" : "queries" };
}

const tooLarge = (kind: StageKind, name: string, { memoryBudget }: PlanOptions, least: number): MemoryError =>
  new MemoryError(shortOfMemory(`bounding one ${countsRows(kind) ? "row" : "image"} (${name})`, least, memoryBudget));

/** @throws MemoryError instead of what an allocation throws */
function orTooLarge<T>(kind: StageKind, name: string, options: PlanOptions, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw isTooLarge(error) ? tooLarge(kind, name, options, 0) : error;
  }
}
