import { fromBounder, leastRunsBackward, relaxationBounder } from "./bounder.ts";

export const crownBounder = relaxationBounder({ boxes: "backward", rows: "backward", slope: "adaptive" });

/**
 * Linear bounds carried back from every layer to the input; an unstable ReLU's lower line has slope 1 where u > −l, else 0.
 * @source Zhang et al. 2018, arXiv:1811.00866; equal to DeepPoly (Singh et al. 2019) on ReLU networks
 */
export const crown = fromBounder(crownBounder, {
  id: "crown",
  version: 3,
  title: "CROWN",
  summary:
    "Backward linear bounds for every layer. The standard choice for networks that were not trained for certification.",
  source: "Zhang et al. 2018, arXiv:1811.00866",
  norms: ["linf", "l2", "l1"],
  leastRuns: leastRunsBackward,
  standard: true,
  inAudits: true,
});
