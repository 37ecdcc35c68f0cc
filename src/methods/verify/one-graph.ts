/** @file Runs a verifier that is one graph: set and specification in, margins out, as many images at a time as fit. */

import type { Graph, Tensor } from "../../graph/types.ts";
import { peakBytes } from "../../runtime/memory.ts";
import type { Float, Runtime } from "../../runtime/session.ts";
import type { Network } from "../network.ts";
import { sliceBatch } from "../problem.ts";
import { inputFeeds, marginSpec, SPEC } from "./input-set.ts";
import type { PreparedVerifier, VerifyOptions } from "./types.ts";

/** Bytes that the intermediate results of a run may take, unless told otherwise. */
export const MEMORY_BUDGET = 2 ** 28;

/**
 * What a process takes for a run, over the results of nodes alive at once: room for convolutions, copies, what is not yet
 * given back. With it CROWN on CNNc stays below a budget of 256 MiB (bench/memory.ts).
 */
const RUNTIME_SHARE = 4;

/** Bytes that one more image (or one more row of a bound) adds to the peak of a run. */
export const bytesEach = (graph: Graph, float: Float = "float32"): number =>
  Math.max(1, RUNTIME_SHARE * (peakBytes(graph, 2, float) - peakBytes(graph, 1, float)));

export async function prepareGraph(
  network: Network,
  graph: Graph,
  runtime: Pick<Runtime, "compile">,
  { threat, memoryBudget = MEMORY_BUDGET, signal }: VerifyOptions,
  name: string,
): Promise<PreparedVerifier> {
  const session = await runtime.compile(graph, { float: "float32", name });
  const fixedBatch = typeof network.input.shape[0] === "number";
  const atOnce = fixedBatch ? 1 : Math.max(1, Math.floor(memoryBudget / bytesEach(graph)));
  const wanted = new Set(session.inputs.map((port) => port.name));
  return {
    async bounds(batch) {
      const count = batch.labels.length;
      const lower = new Float64Array(count * (network.classes - 1));
      for (let from = 0; from < count; from += atOnce) {
        signal?.throwIfAborted();
        const part = sliceBatch(batch, from, Math.min(count, from + atOnce));
        const feeds: Record<string, Tensor> = {
          ...inputFeeds(part, threat),
          [SPEC]: marginSpec(part.labels, network.classes),
        };
        const { margins } = await session.run(
          Object.fromEntries(Object.entries(feeds).filter(([key]) => wanted.has(key))),
        );
        lower.set(margins!.data, from * (network.classes - 1));
      }
      return { lower, classes: network.classes, least: network.leastMargin };
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
