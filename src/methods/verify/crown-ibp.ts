import { fromBounder, leastRunsBackward, relaxationBounder } from "./bounder.ts";

export const crownIbpBounder = relaxationBounder({ boxes: "interval", rows: "backward", slope: "adaptive" });

/**
 * One backward pass of linear bounds over boxes found by interval propagation.
 * @source Zhang et al. 2020, arXiv:1906.06316
 */
export const crownIbp = fromBounder(crownIbpBounder, {
  id: "crown-ibp",
  version: 3,
  title: "CROWN-IBP",
  summary:
    "Interval boxes inside, one backward pass of linear bounds for the answer. Nearly as fast as IBP, often tighter.",
  source: "Zhang et al. 2020, arXiv:1906.06316",
  norms: ["linf", "l2", "l1"],
  leastRuns: leastRunsBackward,
  cheap: true,
  inAudits: true,
});
