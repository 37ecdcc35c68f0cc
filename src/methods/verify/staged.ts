/**
 * @file CROWN layer by layer: each layer's boxes are computed, then only the rows that matter of the next.
 *
 * Interval propagation decides which neurons are stable, for a batch of images at once; the others' rows run image by
 * image, as many as there are, which wastes nothing on padding. A row of a convolution is a small patch. Memory stays
 * below a budget: fewer images, or fewer rows, at a time.
 */

import { bindBatch } from "../../graph/bind.ts";
import { bindDim, elements } from "../../graph/dims.ts";
import { float32Tensor } from "../../graph/tensor.ts";
import { makeGraph, outputOf, pruneInputs, topological } from "../../graph/traverse.ts";
import type { Builder, Graph, InputValue, Tensor, Value } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { simplify } from "../../ops/simplify.ts";
import type { Float, Runtime, Session } from "../../runtime/session.ts";
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
import { type Batch, type FloatArray, sliceBatch } from "../problem.ts";
import { type BoundOptions, boundable, boxNames, marginBounds, type Relaxation } from "./bound-graphs.ts";
import { inputFeeds, inputSet, marginSpec, SPEC } from "./input-set.ts";
import { bytesEach } from "./one-graph.ts";

/** Boxes of one relaxed operand for a batch of images. */
export interface LayerBox {
  readonly lower: FloatArray;
  readonly upper: FloatArray;
}

export interface StagedOptions extends BoundOptions {
  readonly slope: Relaxation["slope"] & string;
  /** Bytes that the intermediate results of one run may take. */
  readonly memoryBudget: number;
  /** Bound every neuron, also those that interval propagation finds stable: for comparison with papers. */
  readonly allRows?: boolean;
  /** What the bounds are computed in; float64 is slow, and for comparisons. */
  readonly float?: Float;
  readonly signal?: AbortSignal;
}

export interface StagedCrown {
  /** Lower bounds of the margins, [n, classes − 1], and the boxes of every relaxed operand; `given` ones are taken as they are. */
  bounds(
    batch: Batch,
    given?: ReadonlyMap<number, LayerBox>,
  ): Promise<{ margins: FloatArray; layers: readonly LayerBox[] }>;
  dispose(): Promise<void>;
}

/** What a run of one graph yields, and how many images or rows fit the memory budget. */
interface Stage {
  readonly session: Session;
  readonly atOnce: number;
  /** Operands whose boxes it reads. */
  readonly reads: readonly number[];
}

/** A layer whose interval box is exact needs no rows. */
interface LayerPlan {
  readonly guess: Stage;
  readonly rows?: Stage;
  /** Undefined: every neuron is bounded. */
  readonly kinks?: readonly number[] | undefined;
  /** Keep the better of the interval and the backward bound, where some activation bends, or may not leave its domain (√, ln). */
  readonly intersect?: boolean;
  /** Elements a channel. */
  readonly per: number;
}

export async function stagedCrown(
  whole: Network,
  runtime: Pick<Runtime, "compile">,
  options: StagedOptions,
): Promise<StagedCrown> {
  const network = boundable(whole, options.arithmetic);
  const operands = relaxedOperands(network.logits, new Set([network.input]));
  const sizes = operands.map((operand) => bindDim(elements(operand.shape.slice(1)), 1));
  const plan: LayerPlan[] = [];
  for (const index of operands.keys()) plan.push(await planLayer(network, runtime, options, operands, index));
  const last = await compileStage(network, runtime, options, operands.length, "margins");
  return {
    bounds: (batch, given) => runStages(plan, last, sizes, network, options, batch, given),
    dispose: async () => {
      const stages = plan.flatMap(({ guess, rows }) => (rows ? [guess, rows] : [guess]));
      for (const { session } of [...stages, last]) await session[Symbol.asyncDispose]();
    },
  };
}

async function planLayer(
  network: Network,
  runtime: Pick<Runtime, "compile">,
  options: StagedOptions,
  operands: readonly Value[],
  index: number,
): Promise<LayerPlan> {
  const operand = operands[index]!;
  const per = bindDim(elements(operand.shape.slice(2)), 1);
  const guess = await compileStage(network, runtime, options, index, "interval");
  if (intervalIsExact(operand, inputSet(builder(), network, options.threat).domains)) return { guess, per };
  const size = bindDim(elements(operand.shape.slice(1)), 1);
  const rows = await compileStage(network, runtime, options, index, "elements", size);
  const kinks = kinksOf(operand, network.logits);
  const intersect = kinks === undefined || bends(network.logits, new Set([network.input]));
  return { guess, rows, per, kinks: options.allRows ? undefined : kinks, intersect };
}

// ---------------------------------------------------------------- graphs

type StageKind = "interval" | "elements" | "margins";

/** The graph of one stage; row stages are for one image and leave the symbolic size to the rows. */
function stageGraph(network: Network, options: StagedOptions, index: number, kind: StageKind): Graph {
  const b = builder();
  const net = kind === "elements" ? oneImage(b, network) : network;
  const { inputs, domains } = inputSet(b, net, options.threat);
  const operands = relaxedOperands(net.logits, new Set([net.input]));
  const target = kind === "margins" ? net.logits : operands[index]!;
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
    case "margins": {
      const spec = b.input(SPEC, [net.input.shape[0]!, net.classes - 1, net.classes]);
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

function oneImage(b: Builder, network: Network): Network {
  const graph = bindBatch(b, network.graph, 1);
  return { ...network, graph, input: graph.inputs[0]!, logits: outputOf(graph) };
}

/** Every layer has a session of its own: where runs take more than this, their memories would add up if they were kept. */
const KEPT_BYTES = 2 ** 26;

/** @param size elements of the target that rows may be asked for */
async function compileStage(
  network: Network,
  runtime: Pick<Runtime, "compile">,
  options: StagedOptions,
  index: number,
  kind: StageKind,
  size = 0,
): Promise<Stage> {
  const graph = stageGraph(network, options, index, kind);
  const each = bytesEach(graph, options.float);
  const session = await runtime.compile(graph, {
    float: options.float ?? "float32",
    name: `crown/${kind}/${index}`,
    memory: kind === "elements" && 2 * size * each > KEPT_BYTES ? "return" : "keep",
  });
  const fixedBatch = typeof network.input.shape[0] === "number" && kind !== "elements";
  const atOnce = fixedBatch ? 1 : Math.max(1, Math.floor(options.memoryBudget / each));
  const reads = graph.inputs.flatMap(({ name }) => (name.startsWith("lower/") ? [Number(name.slice(6))] : []));
  return { session, atOnce, reads };
}

// ---------------------------------------------------------------- runs

async function runStages(
  plan: readonly LayerPlan[],
  last: Stage,
  sizes: readonly number[],
  network: Network,
  options: StagedOptions,
  batch: Batch,
  given: ReadonlyMap<number, LayerBox> = new Map(),
) {
  const run: Run = { batch, options, layers: [], sizes, count: batch.labels.length };
  for (const [index, layer] of plan.entries()) {
    const known = given.get(index);
    if (known) {
      run.layers.push(known);
      continue;
    }
    const guess = await boxStage(run, layer.guess, sizes[index]!);
    run.layers.push(layer.rows ? await refineRows(run, layer.rows, layer, guess, sizes[index]!) : guess);
  }
  const margins = allocateFloats(options, run.count * (network.classes - 1));
  const spec = marginSpec(batch.labels, network.classes);
  await inChunks(run, last, async (from, to, feeds) => {
    const per = (network.classes - 1) * network.classes;
    const rows = float32Tensor(
      [to - from, network.classes - 1, network.classes],
      (spec.data as Float32Array).subarray(from * per, to * per),
    );
    const { margins: part } = await last.session.run(select(last, { ...feeds, [SPEC]: rows }));
    margins.set(part!.data, from * (network.classes - 1));
  });
  return { margins, layers: run.layers };
}

interface Run {
  readonly batch: Batch;
  readonly options: StagedOptions;
  readonly layers: LayerBox[];
  readonly sizes: readonly number[];
  readonly count: number;
}

const allocateFloats = ({ float }: StagedOptions, size: number): FloatArray =>
  float === "float64" ? new Float64Array(size) : new Float32Array(size);

async function boxStage(run: Run, stage: Stage, size: number): Promise<LayerBox> {
  const box: LayerBox = {
    lower: allocateFloats(run.options, run.count * size),
    upper: allocateFloats(run.options, run.count * size),
  };
  await inChunks(run, stage, async (from, _, feeds) => {
    const { lower, upper } = await stage.session.run(select(stage, feeds));
    box.lower.set(lower!.data, from * size);
    box.upper.set(upper!.data, from * size);
  });
  return box;
}

/** Runs a stage over the batch, as many images at a time as fit. */
async function inChunks(
  run: Run,
  stage: Stage,
  visit: (from: number, to: number, feeds: Record<string, Tensor>) => Promise<void>,
): Promise<void> {
  for (let from = 0; from < run.count; from += stage.atOnce) {
    const to = Math.min(run.count, from + stage.atOnce);
    await visit(from, to, feedsOf(run, stage, from, to));
  }
}

function feedsOf(
  { batch, options, layers, sizes }: Run,
  stage: Stage,
  from: number,
  to: number,
): Record<string, Tensor> {
  const feeds = inputFeeds(sliceBatch(batch, from, to), options.threat);
  for (const read of stage.reads) {
    const port = stage.session.inputs.find(({ name }) => name === boxNames(read).lower)!;
    const dims = [to - from, ...(port.shape.slice(1) as number[])];
    const part = (values: FloatArray): Tensor => ({
      dtype: "float",
      shape: dims,
      data: values.subarray(from * sizes[read]!, to * sizes[read]!),
    });
    feeds[boxNames(read).lower] = part(layers[read]!.lower);
    feeds[boxNames(read).upper] = part(layers[read]!.upper);
  }
  return feeds;
}

/** Only what the session takes: a later layer may not depend on the input directly. */
const select = ({ session }: Stage, feeds: Record<string, Tensor>): Record<string, Tensor> =>
  Object.fromEntries(session.inputs.map(({ name }) => [name, feeds[name]!]));

/** Replaces the interval bounds of the undecided neurons by backward ones, image by image. */
async function refineRows(
  run: Run,
  rows: Stage,
  { kinks, per, intersect = false }: LayerPlan,
  guess: LayerBox,
  size: number,
): Promise<LayerBox> {
  for (let image = 0; image < run.count; image++) {
    run.options.signal?.throwIfAborted();
    const lower = guess.lower.subarray(image * size, (image + 1) * size);
    const upper = guess.upper.subarray(image * size, (image + 1) * size);
    const chosen = undecided(lower, upper, kinks);
    if (chosen.length === 0) continue;
    const feeds = feedsOf(run, rows, image, image + 1);
    const bound = (asked: readonly Row[]) => boundRows(rows, feeds, asked, per, { lower, upper }, intersect);
    if (!kinks) {
      await bound(
        chosen.flatMap((index): Row[] => [
          { index, sign: 1 },
          { index, sign: -1 },
        ]),
      );
      continue;
    }
    // the side that is likelier to decide first; the other only where it did not
    const first = chosen.map((index): Row => ({ index, sign: lower[index]! + upper[index]! > 0 ? 1 : -1 }));
    await bound(first);
    const open = new Set(undecided(lower, upper, kinks));
    await bound(
      first
        .filter(({ index }) => open.has(index))
        .map(({ index, sign }): Row => ({ index, sign: sign === 1 ? -1 : 1 })),
    );
  }
  return guess;
}

/** One side of a neuron: +1 its lower bound, −1 its upper. */
interface Row {
  readonly index: number;
  readonly sign: 1 | -1;
}

/** Bounds the rows asked for, as many at a time as fit; `intersect` keeps the better of the old and the new bound. */
async function boundRows(
  stage: Stage,
  feeds: Record<string, Tensor>,
  asked: readonly Row[],
  per: number,
  box: LayerBox,
  intersect: boolean,
): Promise<void> {
  for (let from = 0; from < asked.length; from += stage.atOnce) {
    const part = asked.slice(from, from + stage.atOnce);
    const found = (await stage.session.run(select(stage, { ...feeds, ...rowFeeds(part, per) })))["rows"]!.data;
    for (const [r, { index, sign }] of part.entries()) {
      const bound = sign * found[r]!;
      if (sign === 1) box.lower[index] = intersect ? Math.max(box.lower[index]!, bound) : bound;
      else box.upper[index] = intersect ? Math.min(box.upper[index]!, bound) : bound;
    }
  }
}

const rowFeeds = (rows: readonly Row[], per: number): Record<string, Tensor> => {
  const shape = [rows.length];
  const ints = (pick: (index: number) => number): Tensor => ({
    dtype: "int",
    shape,
    data: Int32Array.from(rows, ({ index }) => pick(index)),
  });
  return {
    indices: ints((index) => index),
    channels: ints((index) => Math.floor(index / per)),
    positions: ints((index) => index % per),
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
