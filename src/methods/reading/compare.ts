/**
 * @file Does the graph compute what the file computes? Clean answers and witnesses come from the model file, bounds from
 * the imported graph: where an operator were read otherwise than the runtime has it, a proof would be about another
 * network. So both are run on the same points, and compared within what rounding explains.
 */

import { rowsAt } from "../../graph/tensor.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Graph, Output, Tensor } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { fitOf, MEMORY_BUDGET } from "../../runtime/memory.ts";
import type { Runtime, Session } from "../../runtime/session.ts";
import { interval } from "../../transforms/interval.ts";
import { UnsupportedReading } from "../../transforms/unsupported.ts";

/** Where file and graph are apart by more than rounding. */
export interface Difference {
  /** Place among the points. */
  readonly point: number;
  /** The element that is farthest apart there: what the file says, and the graph. */
  readonly file: number;
  readonly graph: number;
}

/** A graph that is compared with its file, point by point. */
export interface Reading {
  /** For each output of the graph, in order: where it differs from `answers`, the file's own [n · elements]. */
  compare(points: Float32Array, answers: readonly ArrayLike<number>[]): Promise<readonly (Difference | undefined)[]>;
  readonly outputs: readonly string[];
}

/** Points whose rounding is bounded: those where file and graph are farthest apart. */
const ENCLOSED = 8;

/**
 * Room beyond the bound of the rounding error, relative to the largest output: the runtime may run the file with other
 * kernels than the graph (attention or a normalisation in one piece), each as exact as its parts, but not covered by their
 * measured errors.
 */
const SLACK = 2 ** -18;

/** Apart by more than this share of the largest output: no rounding where half of all points are, however loose its bound. */
const COARSE = 2 ** -10;

/** Points in a run of the graph, at most. */
const AT_ONCE = 32;

export interface ReadingOptions {
  /** `one`: what is given is a single input, whatever the graph's axes. */
  readonly feed?: "batch" | "one";
  /** Bytes that the intermediate results of one run may take; one point runs whatever it takes, as in the file. */
  readonly memoryBudget?: number | undefined;
}

/**
 * @param graph one float input, [N, …] or of a fixed batch of one; its float outputs are compared
 * @returns undefined where there is nothing to compare: another kind of input, no output of floats
 */
export async function compileReading(
  graph: Graph,
  runtime: Pick<Runtime, "compile">,
  { feed = "batch", memoryBudget = MEMORY_BUDGET }: ReadingOptions = {},
): Promise<Reading | undefined> {
  const [input, ...more] = graph.inputs;
  const outputs = graph.outputs.filter(({ value }) => value.dtype === "float");
  if (!input || more.length > 0 || input.dtype !== "float" || outputs.length === 0) return undefined;
  const plain = await compileRun(makeGraph([input], outputs), "reading", runtime, memoryBudget);
  let enclosing: Promise<Run | undefined> | undefined;
  return {
    outputs: outputs.map(({ name }) => name),
    async compare(points, answers) {
      const size = feed === "one" ? points.length : sampleSize(plain.session);
      const count = points.length / size;
      const values = await runPoints(plain, points, count);
      const pairs = outputs.map(({ name }, k) => pairOf(values.get(name)!, answers[k]!, count));
      if (pairs.every(({ apart }) => apart.every((gap) => gap === 0))) return pairs.map(() => undefined);
      const worst = farthest(pairs, count);
      enclosing ??= compileEnclosure(graph, outputs, runtime, memoryBudget);
      const run = await enclosing;
      const ends = run && (await runPoints(run, rowsAt(points, size, worst), worst.length));
      return pairs.map((pair, k) => {
        const name = outputs[k]!.name;
        const box = ends && { lower: ends.get(`lower/${name}`)!, upper: ends.get(`upper/${name}`)! };
        return differenceOf(pair, worst, box);
      });
    },
  };
}

/** Bounds of what the float32 network may compute at a point: interval propagation from no box at all. */
async function compileEnclosure(
  graph: Graph,
  outputs: readonly Output[],
  runtime: Pick<Runtime, "compile">,
  memoryBudget: number,
): Promise<Run | undefined> {
  const b = builder();
  try {
    const boxes = interval(
      b,
      outputs.map(({ value }) => value),
      new Map(),
    );
    const ends = outputs.flatMap(({ name, value }) => [
      { name: `lower/${name}`, value: boxes.get(value)!.lower },
      { name: `upper/${name}`, value: boxes.get(value)!.upper },
    ]);
    return await compileRun(makeGraph(graph.inputs, ends), "rounding of the reading", runtime, memoryBudget);
  } catch (error) {
    // then only the coarse comparison is left
    if (!(error instanceof UnsupportedReading)) throw error;
    return undefined;
  }
}

// ---------------------------------------------------------------- running

/** A compiled graph, and how many points it takes at once. */
interface Run {
  readonly session: Session;
  readonly atOnce: number;
}

async function compileRun(
  graph: Graph,
  name: string,
  runtime: Pick<Runtime, "compile">,
  memoryBudget: number,
): Promise<Run> {
  const atOnce = Math.max(1, Math.min(AT_ONCE, fitOf(graph, memoryBudget).atOnce));
  return { session: await runtime.compile(graph, { float: "float32", name }), atOnce };
}

const sampleSize = ({ inputs }: Session): number =>
  inputs[0]!.shape.slice(1).reduce<number>((size, dim) => size * Number(dim), 1);

/** Every output as one flat array; a graph of a fixed batch takes one point at a time. */
async function runPoints(
  { session, atOnce: most }: Run,
  points: Float32Array,
  count: number,
): Promise<ReadonlyMap<string, Float64Array>> {
  const port = session.inputs[0]!;
  const size = points.length / count;
  const open = typeof port.shape[0] !== "number";
  const atOnce = open ? most : 1;
  const parts: Record<string, Tensor>[] = [];
  for (let from = 0; from < count; from += atOnce) {
    const n = Math.min(atOnce, count - from);
    const shape = (open ? [n, ...port.shape.slice(1)] : port.shape) as number[];
    const data = points.slice(from * size, (from + n) * size);
    parts.push(await session.run({ [port.name]: { dtype: "float", shape, data } }));
  }
  return new Map(
    session.outputs.map(({ name }) => {
      const pieces = parts.map((part) => part[name]!.data);
      const whole = new Float64Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
      let at = 0;
      for (const piece of pieces) {
        whole.set(piece, at);
        at += piece.length;
      }
      return [name, whole];
    }),
  );
}

// ---------------------------------------------------------------- comparing

/** One output of graph and file at all points. */
interface Pair {
  readonly graph: Float64Array;
  readonly file: ArrayLike<number>;
  /** Elements a point. */
  readonly per: number;
  /** [n]: the largest gap of a point; infinite where only one of the two is a number. */
  readonly apart: readonly number[];
  /** The largest finite output. */
  readonly scale: number;
}

/** The same number, or the same lack of one. */
const gapOf = (x: number, y: number): number => {
  if (x === y || (Number.isNaN(x) && Number.isNaN(y))) return 0;
  const gap = Math.abs(x - y);
  return Number.isNaN(gap) ? Number.POSITIVE_INFINITY : gap;
};

function pairOf(graph: Float64Array, file: ArrayLike<number>, count: number): Pair {
  if (graph.length !== file.length) {
    // of another size altogether: nowhere the same
    return { graph, file, per: graph.length / count, apart: Array(count).fill(Number.POSITIVE_INFINITY), scale: 0 };
  }
  const per = graph.length / count;
  const apart = new Array<number>(count).fill(0);
  let scale = 0;
  for (let i = 0; i < graph.length; i++) {
    const place = Math.floor(i / per);
    apart[place] = Math.max(apart[place]!, gapOf(graph[i]!, file[i]!));
    if (Number.isFinite(graph[i]!)) scale = Math.max(scale, Math.abs(graph[i]!));
  }
  return { graph, file, per, apart, scale };
}

/** The points where the outputs are farthest apart, relative to their size. */
function farthest(pairs: readonly Pair[], count: number): number[] {
  const relative = Array.from({ length: count }, (_, point) =>
    pairs.reduce((most, { apart, scale }) => Math.max(most, apart[point]! / Math.max(scale, Number.MIN_VALUE)), 0),
  );
  return relative
    .map((gap, point) => ({ gap, point }))
    .filter(({ gap }) => gap > 0)
    .toSorted((a, b) => b.gap - a.gap || a.point - b.point)
    .slice(0, ENCLOSED)
    .map(({ point }) => point);
}

function differenceOf(
  pair: Pair,
  worst: readonly number[],
  box: { readonly lower: Float64Array; readonly upper: Float64Array } | undefined,
): Difference | undefined {
  const { graph, file, per, apart, scale } = pair;
  for (const [k, point] of worst.entries()) {
    for (let j = 0; j < per; j++) {
      const [own, other] = [graph[point * per + j]!, file[point * per + j]!];
      const gap = gapOf(own, other);
      if (gap === 0) continue;
      const [low, high] = box ? [box.lower[k * per + j]!, box.upper[k * per + j]!] : [Number.NaN, Number.NaN];
      const known = low > Number.NEGATIVE_INFINITY && high < Number.POSITIVE_INFINITY;
      // where rounding may carry a value out of a function's domain, one of the two may end at no number
      const explained = known
        ? other >= low - SLACK * scale && other <= high + SLACK * scale
        : gap <= COARSE * scale || gap === Number.POSITIVE_INFINITY;
      if (!explained) return { point, file: other, graph: own };
    }
  }
  const middle = apart.toSorted((a, b) => a - b)[Math.floor((apart.length - 1) / 2)]!;
  if (middle <= COARSE * scale) return undefined;
  const point = apart.indexOf(Math.max(...apart));
  const at = Array.from({ length: per }, (_, j) => point * per + j).reduce((a, b) =>
    gapOf(graph[b]!, file[b]!) > gapOf(graph[a]!, file[a]!) ? b : a,
  );
  return { point, file: file[at]!, graph: graph[at]! };
}
