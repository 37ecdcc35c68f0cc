import { ibpMarginGraph } from "./bound-graphs.ts";
import { prepareGraph } from "./one-graph.ts";
import type { Verifier } from "./types.ts";

/**
 * Interval bound propagation: a box for every layer, the specification merged into the last one.
 * @source Gowal et al. 2018, arXiv:1810.12715
 */
export const ibp: Verifier = {
  id: "ibp",
  version: 2,
  title: "Interval bound propagation (IBP)",
  summary: "Pushes a box through the network in two passes. Fastest; tight only on networks trained for it.",
  source: "Gowal et al. 2018, arXiv:1810.12715",
  norms: ["linf", "l2", "l1"],
  prepare: (network, runtime, options) =>
    prepareGraph(
      network,
      (many) => ibpMarginGraph(network, { arithmetic: "float32", ...options, many }),
      runtime,
      options,
      "ibp",
    ),
};
