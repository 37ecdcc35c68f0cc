/** @file Margins of a verifier's graph in float64 over the reals, for comparisons to many digits. */

import type { Graph, Tensor } from "../../src/graph/types.ts";
import { type Network, networkOf } from "../../src/methods/network.ts";
import { boundable } from "../../src/methods/verify/boundable.ts";
import { SPEC, setFeeds } from "../../src/methods/verify/input-set.ts";
import type { Relaxation } from "../../src/methods/verify/row-bounds.ts";
import { wholeGraph } from "../../src/methods/verify/stage-graphs.ts";
import { createRuntime } from "../../src/runtime/node.ts";
import { type Batch, classification } from "../../src/spec/classification.ts";
import { rowsOf } from "../../src/spec/queries.ts";
import type { Threat } from "../../src/spec/types.ts";

export const runtime = createRuntime();

/** Boxes come with the batch. */
export const BOX: Threat = { norm: "linf", epsilon: 0, domain: undefined };

export const METHODS = {
  ibp: { boxes: "interval", rows: "interval", slope: "adaptive" },
  fastLin: { boxes: "backward", rows: "backward", slope: "parallel" },
  crown: { boxes: "backward", rows: "backward", slope: "adaptive" },
  crownZero: { boxes: "backward", rows: "backward", slope: "zero" },
  crownIbp: { boxes: "interval", rows: "backward", slope: "adaptive" },
  crownIbpZero: { boxes: "interval", rows: "backward", slope: "zero" },
} as const satisfies Record<string, Relaxation>;

export type Method = keyof typeof METHODS;
export const METHOD_NAMES = Object.keys(METHODS) as Method[];

export type MarginsOf = (batch: Batch) => Promise<Float64Array>;

/** Lower bounds of the margins, [n, classes − 1], over the reals in float64. */
export async function realMargins(
  graph: Graph | Network,
  method: Method,
  threat: Threat = BOX,
  on = runtime,
): Promise<MarginsOf> {
  const network = "logits" in graph ? graph : networkOf(graph, "random");
  const options = { relaxation: METHODS[method], norm: threat.norm, arithmetic: "real" } as const;
  const bounds = wholeGraph(boundable(network.graph, "real"), options, network.classes - 1);
  const session = await on.compile(bounds, { float: "float64" });
  return async (batch) => {
    const queries = classification(network, batch, threat);
    const feeds: Record<string, Tensor> = {
      ...setFeeds(queries, [network.input], "float64"),
      [SPEC]: rowsOf(queries.spec, 0, queries.count),
    };
    const { rows } = await session.run(Object.fromEntries(session.inputs.map(({ name }) => [name, feeds[name]!])));
    return rows!.data as Float64Array;
  };
}
