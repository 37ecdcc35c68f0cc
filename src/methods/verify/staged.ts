/**
 * @file CROWN layer by layer: each layer's boxes are computed, then only the rows that matter of the next.
 *
 * Interval propagation decides which neurons are stable, for a batch of images at once; the others' rows run image by
 * image, as many as there are, which wastes nothing on padding. A row of a convolution is a small patch. Memory stays
 * below a budget: fewer images, or fewer rows, at a time.
 */

import { bindDim, elements } from "../../graph/dims.ts";
import { makeGraph, pruneInputs, topological } from "../../graph/traverse.ts";
import type { Builder, Graph, InputValue, Value } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { simplify } from "../../ops/simplify.ts";
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
import type { FloatArray, Queries } from "../../spec/types.ts";
import type { Shortfall } from "../../spec/verdict.ts";
import { interval } from "../../transforms/interval.ts";
import {
  type Boxes,
  bends,
  domainBoxes,
  intervalIsExact,
  kinksOf,
  linearBounds,
  type Rows,
  relaxedOperands,
} from "../../transforms/relax/index.ts";
import type { Network } from "../network.ts";
import {
  type BoundOptions,
  boundable,
  boxNames,
  marginBounds,
  oneImage,
  type Relaxation,
  specShape,
} from "./bound-graphs.ts";
import { inputSets, SPEC } from "./input-set.ts";
import { runStages } from "./staged-run.ts";

/** Boxes of one relaxed operand for a batch of images. */
export interface LayerBox {
  readonly lower: FloatArray;
  readonly upper: FloatArray;
}

export interface StagedOptions extends BoundOptions {
  readonly slope: Relaxation["slope"] & string;
  /** Bytes that the intermediate results of one run may take. */
  readonly memoryBudget: number;
  /** Bytes for rows at once, where less than the budget: what caches hold is faster than what memory does. */
  readonly rowsBudget?: number;
  /** Bound every neuron, also those that interval propagation finds stable: for comparison with papers. */
  readonly allRows?: boolean;
  /** What the bounds are computed in; float64 is slow, and for comparisons. */
  readonly float?: Float;
  readonly signal?: AbortSignal;
}

export interface StagedBounds {
  /** Lower bounds of the rows, [n, S]; −∞ where a row was left open. */
  readonly margins: FloatArray;
  /** The boxes of every relaxed operand. */
  readonly layers: readonly LayerBox[];
  /** [n]: why rows were left open. */
  readonly reasons: readonly (Shortfall | undefined)[];
}

export interface StagedCrown {
  /** `given` boxes are taken as they are. */
  bounds(queries: Queries, given?: ReadonlyMap<number, LayerBox>): Promise<StagedBounds>;
  /** Images whose boxes, all kept until the last layer is bounded, take no more than a part of the budget; at least 1. */
  readonly imagesAtOnce: number;
  dispose(): Promise<void>;
}

/** What a run of one graph yields, and how many images or rows fit the memory budget. */
export interface Stage {
  readonly session: Session;
  readonly atOnce: number;
  /** Operands whose boxes it reads. */
  readonly reads: readonly number[];
  /** For the margins: images with all their rows, or rows of one image. */
  readonly many: "images" | "rows";
}

/** A layer whose interval box is exact needs no rows. */
export interface LayerPlan {
  readonly guess: Stage;
  readonly rows?: Stage;
  /** Undefined: every neuron is bounded. */
  readonly kinks?: readonly number[] | undefined;
  /** Keep the better of the interval and the backward bound, where some activation bends, or may not leave its domain (√, ln). */
  readonly intersect?: boolean;
  /** Elements a channel. */
  readonly per: number;
}

/** Of the memory budget, what the boxes of the images that are bounded together may take: a quarter. */
const BOXES_SHARE = 4;

/** @throws MemoryError where the boxes of one image, or a run for one image and one row, take more than the budget */
export async function stagedCrown(
  whole: Network,
  runtime: Pick<Runtime, "compile">,
  options: StagedOptions,
): Promise<StagedCrown> {
  const network = boundable(whole, options.arithmetic);
  const operands = relaxedOperands(network.logits, new Set([network.input]));
  const sizes = operands.map((operand) => bindDim(elements(operand.shape.slice(1)), 1));
  const boxBytes = sizes.reduce((sum, size) => sum + 2 * (options.float === "float64" ? 8 : 4) * size, 0);
  if (boxBytes > options.memoryBudget) {
    throw new MemoryError(shortOfMemory("keeping the boxes of one image's layers", boxBytes, options.memoryBudget));
  }
  // all drafts first: what is too large is found before anything is compiled
  const lastDraft = draftMargins(network, options, operands.length);
  const drafts = operands.map((_, index) => draftLayer(network, options, operands, index));
  const plan: LayerPlan[] = [];
  for (const draft of drafts) plan.push(await planLayer(network, runtime, options, operands, draft));
  const last = await compileStage(network, runtime, options, lastDraft);
  return {
    bounds: (queries, given) => runStages(plan, last, sizes, network, options, queries, given),
    imagesAtOnce: Math.max(1, Math.floor(options.memoryBudget / (BOXES_SHARE * Math.max(1, boxBytes)))),
    dispose: async () => {
      const stages = plan.flatMap(({ guess, rows }) => (rows ? [guess, rows] : [guess]));
      for (const { session } of [...stages, last]) await session[Symbol.asyncDispose]();
    },
  };
}

interface LayerDraft {
  readonly index: number;
  readonly guess: Draft;
  readonly rows?: Draft;
}

function draftLayer(network: Network, options: StagedOptions, operands: readonly Value[], index: number): LayerDraft {
  const operand = operands[index]!;
  const guess = draftStage(network, options, index, "interval");
  if (intervalIsExact(operand, inputSets(builder(), [network.input], options.norm ?? "linf").domains))
    return { index, guess };
  const size = bindDim(elements(operand.shape.slice(1)), 1);
  return { index, guess, rows: draftStage(network, options, index, "elements", size) };
}

async function planLayer(
  network: Network,
  runtime: Pick<Runtime, "compile">,
  options: StagedOptions,
  operands: readonly Value[],
  draft: LayerDraft,
): Promise<LayerPlan> {
  const operand = operands[draft.index]!;
  const per = bindDim(elements(operand.shape.slice(2)), 1);
  const guess = await compileStage(network, runtime, options, draft.guess);
  if (!draft.rows) return { guess, per };
  const rows = await compileStage(network, runtime, options, draft.rows);
  const kinks = kinksOf(operand, network.logits);
  const intersect = kinks === undefined || bends(network.logits, new Set([network.input]));
  return { guess, rows, per, kinks: options.allRows ? undefined : kinks, intersect };
}

// ---------------------------------------------------------------- graphs

type StageKind = "interval" | "elements" | "margins" | "margin rows";

/** Stages of one image, whose symbolic size counts rows. */
const countsRows = (kind: StageKind): boolean => kind === "elements" || kind === "margin rows";

/** The graph of one stage; row stages are for one image and leave the symbolic size to the rows. */
function stageGraph(network: Network, options: StagedOptions, index: number, kind: StageKind): Graph {
  const b = builder();
  const net = countsRows(kind) ? oneImage(b, network) : network;
  const { inputs, domains } = inputSets(b, [net.input], options.norm ?? "linf");
  const operands = relaxedOperands(net.logits, new Set([net.input]));
  const target = kind === "margins" || kind === "margin rows" ? net.logits : operands[index]!;
  const known = domainBoxes(domains);
  const boxInputs: InputValue[] = [];
  for (const read of readsOf(operands, index, target)) {
    const names = boxNames(read);
    const box = {
      lower: b.input(names.lower, operands[read]!.shape),
      upper: b.input(names.upper, operands[read]!.shape),
    };
    boxInputs.push(box.lower, box.upper);
    known.set(operands[read]!, box);
  }
  const boxes = interval(b, [target], known, { arithmetic: options.arithmetic });
  const { outputs, extra } = stageOutputs(b, kind, net, target, domains, boxes, options);
  return pruneInputs(simplify(makeGraph([...inputs, ...boxInputs, ...extra], outputs)));
}

function stageOutputs(
  b: Builder,
  kind: StageKind,
  net: Network,
  target: Value,
  domains: Parameters<typeof linearBounds>[3],
  boxes: Boxes,
  options: StagedOptions,
): { outputs: Graph["outputs"]; extra: readonly InputValue[] } {
  const { slope, arithmetic } = options;
  switch (kind) {
    case "interval": {
      const { lower, upper } = boxes.get(target)!;
      return {
        outputs: [
          { name: "lower", value: lower },
          { name: "upper", value: upper },
        ],
        extra: [],
      };
    }
    case "margins":
    case "margin rows": {
      const spec = b.input(SPEC, specShape(net, kind === "margins" ? "images" : "rows"));
      const value = marginBounds(b, target, { kind: "spec", matrix: spec }, domains, boxes, { slope, arithmetic });
      return { outputs: [{ name: "margins", value }], extra: [spec] };
    }
    case "elements": {
      const [indices, signs] = [b.input("indices", ["N"], "int"), b.input("signs", ["N"])];
      const [channels, positions] = [b.input("channels", ["N"], "int"), b.input("positions", ["N"], "int")];
      const rows: Rows = { kind, indices, signs, channels, positions };
      const value = linearBounds(b, target, rows, domains, boxes, { slope, arithmetic }).lower;
      return { outputs: [{ name: "rows", value }], extra: [indices, signs, channels, positions] };
    }
  }
}

const readsOf = (operands: readonly Value[], index: number, target: Value): number[] => {
  const needed = new Set(topological([target]));
  return operands.flatMap((operand, i) => (i < index && needed.has(operand) ? [i] : []));
};

/** A stage that fits, before it is compiled. */
interface Draft {
  readonly graph: Graph;
  readonly kind: StageKind;
  readonly name: string;
  readonly fit: Fit;
  /** Whether its session gives the memory of a run back. */
  readonly much: boolean;
}

/** The margins of whole images where those fit, else some rows of one image at a time. */
function draftMargins(network: Network, options: StagedOptions, index: number): Draft {
  try {
    return draftStage(network, options, index, "margins");
  } catch (error) {
    if (!(error instanceof MemoryError)) throw error;
    return draftStage(network, options, index, "margin rows");
  }
}

const rowsWithin = (bytes: number, each: number): number => Math.max(1, Math.floor(bytes / each));

/**
 * @param size elements of the target that rows may be asked for
 * @throws MemoryError where one image, or one row, does not fit
 */
function draftStage(network: Network, options: StagedOptions, index: number, kind: StageKind, size = 0): Draft {
  const { memoryBudget, float = "float32" } = options;
  const name = `crown/${kind}/${index}`;
  const graph = orTooLarge(kind, name, options, () => stageGraph(network, options, index, kind));
  const fit = fitOf(graph, memoryBudget, float);
  if (fit.atOnce === 0 || isTooLargeToCompile(graph, float)) throw tooLarge(kind, name, options, fit.least);
  // every layer has a session of its own: what they keep adds up
  const much = Math.max(fit.least, kind === "elements" ? 2 * size * fit.each : 0) > KEPT_BYTES;
  return { graph, kind, name, fit, much };
}

/** @throws MemoryError where it cannot be made */
async function compileStage(
  network: Network,
  runtime: Pick<Runtime, "compile">,
  options: StagedOptions,
  { graph, kind, name, fit, much }: Draft,
): Promise<Stage> {
  const memory = much ? "return" : "keep";
  const compiled = runtime.compile(graph, { float: options.float ?? "float32", name, memory });
  const session = await compiled.catch((error: unknown) =>
    orTooLarge(kind, name, options, () => {
      throw error;
    }),
  );
  const fixedBatch = typeof network.input.shape[0] === "number" && !countsRows(kind);
  const reads = graph.inputs.flatMap((input) => (input.name.startsWith("lower/") ? [Number(input.name.slice(6))] : []));
  const { memoryBudget, rowsBudget = memoryBudget } = options;
  const atOnce = kind === "elements" ? Math.min(fit.atOnce, rowsWithin(rowsBudget, fit.each)) : fit.atOnce;
  return { session, atOnce: fixedBatch ? 1 : atOnce, reads, many: countsRows(kind) ? "rows" : "images" };
}

const tooLarge = (kind: StageKind, name: string, { memoryBudget }: StagedOptions, least: number): MemoryError =>
  new MemoryError(shortOfMemory(`bounding one ${countsRows(kind) ? "row" : "image"} (${name})`, least, memoryBudget));

/** @throws MemoryError instead of what an allocation throws */
function orTooLarge<T>(kind: StageKind, name: string, options: StagedOptions, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw isTooLarge(error) ? tooLarge(kind, name, options, 0) : error;
  }
}
