import { relaxedMarginGraph } from "./bound-graphs.ts";
import { prepareGraph } from "./one-graph.ts";
import type { Verifier } from "./types.ts";

/**
 * One backward pass of linear bounds over boxes found by interval propagation.
 * @source Zhang et al. 2020, arXiv:1906.06316
 */
export const crownIbp: Verifier = {
  id: "crown-ibp",
  version: 3,
  title: "CROWN-IBP",
  summary:
    "Interval boxes inside, one backward pass of linear bounds for the answer. Nearly as fast as IBP, often tighter.",
  source: "Zhang et al. 2020, arXiv:1906.06316",
  norms: ["linf", "l2", "l1"],
  prepare: (network, runtime, options) =>
    prepareGraph(
      network,
      (many) =>
        relaxedMarginGraph(
          network,
          { arithmetic: "float32", ...options, many },
          { intermediate: "interval", slope: "adaptive" },
        ),
      runtime,
      options,
      "crown-ibp",
    ),
};
