/** @file Runs a verifier that is one graph: set and specification in, margins out, as many images at a time as fit. */

import { bindDim, elements } from "../../graph/dims.ts";
import { topological } from "../../graph/traverse.ts";
import type { Graph, Tensor } from "../../graph/types.ts";
import type { Runtime } from "../../runtime/session.ts";
import type { Network } from "../network.ts";
import { sliceBatch } from "../problem.ts";
import { inputFeeds, marginSpec, SPEC } from "./input-set.ts";
import type { PreparedVerifier, VerifyOptions } from "./types.ts";

/** Bytes of the largest tensor of a run, unless told otherwise. */
export const MEMORY_BUDGET = 2 ** 28;

/** Bytes of the largest float32 tensor of a graph for one image (or one row of a bound). */
export function largestTensor(graph: Graph): number {
  const values = topological(graph.outputs.map((output) => output.value)).filter((value) => value.kind === "node");
  return 4 * Math.max(1, ...values.map((value) => bindDim(elements(value.shape), 1)));
}

export async function prepareGraph(
  network: Network,
  graph: Graph,
  runtime: Pick<Runtime, "compile">,
  { threat, memoryBudget = MEMORY_BUDGET, signal }: VerifyOptions,
  name: string,
): Promise<PreparedVerifier> {
  const session = await runtime.compile(graph, { float: "float32", name });
  const fixedBatch = typeof network.input.shape[0] === "number";
  const atOnce = fixedBatch ? 1 : Math.max(1, Math.floor(memoryBudget / largestTensor(graph)));
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
      return { lower, classes: network.classes };
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
