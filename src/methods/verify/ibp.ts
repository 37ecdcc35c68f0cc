import { fromBounder, relaxationBounder } from "./bounder.ts";

/** A box for every layer, the specification merged into the last one. */
export const ibpBounder = relaxationBounder({ boxes: "interval", rows: "interval", slope: "adaptive" });

/**
 * Interval bound propagation: a box for every layer, the specification merged into the last one.
 * @source Gowal et al. 2018, arXiv:1810.12715
 */
export const ibp = fromBounder(ibpBounder, {
  id: "ibp",
  version: 2,
  title: "Interval bound propagation (IBP)",
  summary: "Pushes a box through the network in two passes. Fastest; tight only on networks trained for it.",
  source: "Gowal et al. 2018, arXiv:1810.12715",
  norms: ["linf", "l2", "l1"],
  // the two ends of the boxes
  leastRuns: () => 2,
  cheap: true,
  inAudits: true,
});
