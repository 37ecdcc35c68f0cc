/**
 * @file Runs a verifier that is one graph: set and specification in, margins out, as many images at a time as fit.
 *
 * Where one image with all rows of the specification does not fit the memory budget, a second graph bounds some rows of
 * one image at a time; where one row does not fit either, nothing is claimed, and the reason is memory.
 */

import type { Graph, Tensor } from "../../graph/types.ts";
import {
  type Fit,
  fitOf,
  isTooLarge,
  isTooLargeToCompile,
  KEPT_BYTES,
  MEMORY_BUDGET,
  shortOfMemory,
} from "../../runtime/memory.ts";
import type { Runtime, Session } from "../../runtime/session.ts";
import type { Network } from "../network.ts";
import { type Batch, type FloatArray, sliceBatch } from "../problem.ts";
import type { BoundOptions } from "./bound-graphs.ts";
import { inputFeeds, marginSpec, SPEC } from "./input-set.ts";
import type { MarginBounds, PreparedVerifier, Shortfall, VerifyOptions } from "./types.ts";

/** What the symbolic size of a margin graph counts. */
type Many = NonNullable<BoundOptions["many"]>;

/** A compiled margin graph, and how many images or rows it takes in a run. */
interface Compiled {
  readonly many: Many;
  readonly session: Session;
  readonly atOnce: number;
}

/** @param build the margin graph for images, or for rows of one image */
export async function prepareGraph(
  network: Network,
  build: (many: Many) => Graph,
  runtime: Pick<Runtime, "compile">,
  options: VerifyOptions,
  name: string,
): Promise<PreparedVerifier> {
  const compiled = await compileWithin(network, build, runtime, options, name);
  if ("reason" in compiled) return withoutBounds(network, compiled);
  const { session, many, atOnce } = compiled;
  const run = runnerOf(session, options);
  return {
    bounds: (batch) =>
      many === "images" ? imageBounds(network, batch, atOnce, run) : rowBounds(network, batch, atOnce, run),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}

/** The graph for whole images where one fits, else the one for rows, else why neither. */
async function compileWithin(
  network: Network,
  build: (many: Many) => Graph,
  runtime: Pick<Runtime, "compile">,
  { memoryBudget = MEMORY_BUDGET }: VerifyOptions,
  name: string,
): Promise<Compiled | Shortfall> {
  let least = 0;
  for (const many of ["images", "rows"] as const) {
    try {
      const graph = build(many);
      const fit = fitOf(graph, memoryBudget);
      least = fit.least;
      if (fit.atOnce === 0 || isTooLargeToCompile(graph)) continue;
      const memory = fit.least > KEPT_BYTES ? "return" : "keep";
      const session = await runtime.compile(graph, { float: "float32", name, memory });
      return { many, session, atOnce: atOnceOf(network, many, fit) };
    } catch (error) {
      if (!isTooLarge(error)) throw error;
    }
  }
  return { reason: "memory", detail: shortOfMemory(`${name}, one image and one row at a time,`, least, memoryBudget) };
}

const atOnceOf = (network: Network, many: Many, { atOnce }: Fit): number =>
  many === "images" && typeof network.input.shape[0] === "number" ? 1 : atOnce;

/** A verifier that claims nothing of any input. */
export function withoutBounds(network: Network, shortfall: Shortfall): PreparedVerifier {
  return {
    bounds: async ({ labels }) => {
      const bounds = nothingProved(network, labels.length);
      bounds.reasons.fill(shortfall);
      return bounds;
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Bounds that claim nothing yet. */
export const nothingProved = (network: Network, count: number) => ({
  lower: new Float64Array(count * (network.classes - 1)).fill(Number.NEGATIVE_INFINITY),
  classes: network.classes,
  least: network.leastMargin,
  reasons: new Array<Shortfall | undefined>(count).fill(undefined),
});

// ---------------------------------------------------------------- runs

type Run = (images: Batch, spec: Tensor) => Promise<ArrayLike<number>>;

function runnerOf(session: Session, { threat, signal }: VerifyOptions): Run {
  const wanted = new Set(session.inputs.map((port) => port.name));
  return async (images, spec) => {
    signal?.throwIfAborted();
    const feeds: Record<string, Tensor> = { ...inputFeeds(images, threat), [SPEC]: spec };
    const { margins } = await session.run(Object.fromEntries(Object.entries(feeds).filter(([key]) => wanted.has(key))));
    return margins!.data;
  };
}

async function imageBounds(network: Network, batch: Batch, atOnce: number, run: Run): Promise<MarginBounds> {
  const count = batch.labels.length;
  const bounds = nothingProved(network, count);
  for (let from = 0; from < count; from += atOnce) {
    const part = sliceBatch(batch, from, Math.min(count, from + atOnce));
    bounds.lower.set(await run(part, marginSpec(part.labels, network.classes)), from * (network.classes - 1));
  }
  return bounds;
}

async function rowBounds(network: Network, batch: Batch, atOnce: number, run: Run): Promise<MarginBounds> {
  const bounds = nothingProved(network, batch.labels.length);
  for (const image of batch.labels.keys()) {
    const part = sliceBatch(batch, image, image + 1);
    bounds.reasons[image] = await boundInRows(network, part.labels[0]!, atOnce, bounds, image, (spec) =>
      run(part, spec),
    );
  }
  return bounds;
}

/**
 * Fills in the rows of one image, some at a time, in order. The rows after one that is not proved decide nothing and are
 * left open: of a thousand classes each row may cost as much as an image of a small network.
 *
 * @returns why rows were left open
 */
export async function boundInRows(
  { classes, leastMargin }: Network,
  label: number,
  atOnce: number,
  { lower }: { readonly lower: FloatArray },
  image: number,
  run: (spec: Tensor) => Promise<ArrayLike<number>>,
): Promise<Shortfall | undefined> {
  const rows = classes - 1;
  const spec = marginSpec([label], classes);
  for (let from = 0; from < rows; from += atOnce) {
    const to = Math.min(rows, from + atOnce);
    const data = (spec.data as Float32Array).subarray(from * classes, to * classes);
    const found = await run({ dtype: "float", shape: [1, to - from, classes], data });
    lower.set(found, image * rows + from);
    const worst = leastOf(found);
    if (worst > leastMargin || to === rows) continue;
    return Number.isFinite(worst) ? { reason: "relaxation-too-loose", detail: leftOpen(to, rows, worst) } : undefined;
  }
  return undefined;
}

/** NaN where there is one. */
const leastOf = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((x, y) => (y < x || Number.isNaN(y) ? y : x), Number.POSITIVE_INFINITY);

const leftOpen = (bounded: number, rows: number, worst: number): string =>
  `${bounded} of ${rows} margins were bounded, the least by ${worst.toPrecision(4)}; the memory budget allows few at a time`;
