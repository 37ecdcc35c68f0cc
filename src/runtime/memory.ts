import { bindShape, isBatched, sizeOf } from "../graph/dims.ts";
import { topological } from "../graph/traverse.ts";
import type { Graph, NodeValue, Value } from "../graph/types.ts";
import type { Float } from "./session.ts";

/**
 * The most memory, in bytes, that the results of nodes take at once at batch size n when each is freed after its last
 * use: about what a session takes for a run. Inputs and constants are not counted. An estimate: execution may work
 * in place, fuse nodes, or need room of its own.
 */
export const peakBytes = (graph: Graph, n: number, float: Float): number => peaksOf(graph, float)(n);

/** `peakBytes` of one graph at many batch sizes. */
export function peaksOf(graph: Graph, float: Float): (n: number) => number {
  const order = topological(graph.outputs.map((output) => output.value)).filter((value) => value.kind === "node");
  const freed = freedAfter(order, graph);
  const width = { float: float === "float32" ? 4 : 8, int: 8, bool: 1 };
  const size = (node: Value): number => sizeOf(bindShape(node.shape, 1)) * width[node.dtype];
  // what is alive at a step takes fixed + n · growing; steps at which another one takes more of both say nothing
  let [fixed, growing] = [0, 0];
  const steps: (readonly [fixed: number, growing: number])[] = [];
  order.forEach((node, step) => {
    if (isBatched(node.shape)) growing += size(node);
    else fixed += size(node);
    steps.push([fixed, growing]);
    for (const value of freed[step]!) {
      if (isBatched(value.shape)) growing -= size(value);
      else fixed -= size(value);
    }
  });
  const most: (readonly [fixed: number, growing: number])[] = [];
  for (const one of steps.toSorted(([f, g], [otherF, otherG]) => otherG - g || otherF - f))
    if (most.length === 0 || one[0] > most.at(-1)![0]) most.push(one);
  return (n) => most.reduce((peak, [f, g]) => Math.max(peak, f + g * n), 0);
}

/** Which results are not needed any more after each step. */
function freedAfter(order: readonly NodeValue[], graph: Graph): readonly (readonly Value[])[] {
  const lastUse = new Map<Value, number>();
  order.forEach((node, step) => {
    for (const input of node.inputs) lastUse.set(input, step);
  });
  for (const { value } of graph.outputs) lastUse.set(value, order.length);
  const freed = order.map((): Value[] => []);
  for (const [value, step] of lastUse) if (value.kind === "node") freed[step]?.push(value);
  return freed;
}

/**
 * Bytes that the intermediate results of one run may take, unless told otherwise. A process takes more: each thread has
 * runs of its own, and the weights of a graph (and what is made of them: absolute values, packed forms, three to six times
 * the model file) cannot be cut into pieces.
 */
export const MEMORY_BUDGET = 2 ** 28;

/**
 * What a process takes for one more image or row, over the results of nodes alive at once: room for convolutions, copies,
 * what is not yet given back. With it CROWN on CNNc stays below a budget of 256 MiB (bench/memory.ts).
 */
const RUNTIME_SHARE = 4;

/** No run is cut so that it takes more images or rows than this at once. */
const MOST = 2 ** 24;

/** How much of a graph's work fits into one run. */
export interface Fit {
  /** Images (or rows) in a run; 0 where even one does not fit. */
  readonly atOnce: number;
  /** Bytes that a run takes for one. */
  readonly least: number;
  /** Bytes that a process may take for one more. */
  readonly each: number;
}

/**
 * How many images (or rows: whatever the graph's symbolic size counts) fit a run under the budget. One fits where the
 * estimate of what it takes does; each further one is counted with all that it may take.
 */
export function fitOf(graph: Graph, memoryBudget: number, float: Float = "float32"): Fit {
  const peak = peaksOf(graph, float);
  const least = peak(1);
  const each = RUNTIME_SHARE * (peak(2) - least);
  const fits = (n: number): boolean => least + RUNTIME_SHARE * (peak(n) - least) <= memoryBudget;
  if (least > memoryBudget) return { atOnce: 0, least, each };
  let [low, high] = [1, 2];
  while (high <= MOST && fits(high)) [low, high] = [high, 2 * high];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return { atOnce: low, least, each };
}

/** Where runs take more than this, a session gives their memory back: kept ones would add up. */
export const KEPT_BYTES = 2 ** 26;

/** Something takes more memory than it may; the message says how much, and the way out. */
export class MemoryError extends Error {
  override readonly name = "MemoryError";
  readonly fault = "not-applicable";
}

/** "661 MB" */
const megabytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MB`;

/** Why nothing is said, and the way out. */
export const shortOfMemory = (what: string, least: number, memoryBudget: number): string =>
  `${what} takes at least ${megabytes(least)}, more than the ${megabytes(memoryBudget)} that a run may take; allow more with --memory`;

/** What a model's bytes may hold at most (protocol buffers). */
const LARGEST_MODEL = 2 ** 31 - 2 ** 20;

/** Whether the constants of a graph are more than a model can hold; they are not cut into pieces. */
export function isTooLargeToCompile(graph: Graph, float: Float = "float32"): boolean {
  const width = float === "float32" ? 4 : 8;
  let bytes = 0;
  for (const value of topological(graph.outputs.map((output) => output.value)))
    if (value.kind === "constant") bytes += width * value.tensor.data.length;
  return bytes > LARGEST_MODEL;
}

/** Messages of allocations that failed, and of data beyond what an array, a text or a digest can hold. */
const TOO_LARGE =
  /Invalid (typed )?array (buffer )?length|Array buffer allocation failed|data is too long|Invalid string length|bad_?\s?alloc|[Ff]ailed to allocate memory/;

/** Whether an error says that something was too large to be made. */
export function isTooLarge(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return TOO_LARGE.test(error.message) || isTooLarge(error.cause);
}
