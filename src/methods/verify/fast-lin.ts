import { fromBounder, leastRunsBackward, relaxationBounder } from "./bounder.ts";

export const fastLinBounder = relaxationBounder({ boxes: "backward", rows: "backward", slope: "parallel" });

/**
 * CROWN with parallel lines: an unstable ReLU's lower line has the slope of its upper one.
 * @source Weng et al. 2018, arXiv:1804.09699; equal to DeepZ and to the dual of Wong & Kolter 2018 on a box
 */
export const fastLin = fromBounder(fastLinBounder, {
  id: "fast-lin",
  version: 3,
  title: "Fast-Lin",
  summary: "Backward linear bounds with parallel lines. Neither looser nor tighter than CROWN in general.",
  source: "Weng et al. 2018, arXiv:1804.09699",
  norms: ["linf", "l2", "l1"],
  leastRuns: leastRunsBackward,
});
