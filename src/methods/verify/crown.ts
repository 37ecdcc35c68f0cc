import { MEMORY_BUDGET } from "./one-graph.ts";
import { stagedCrown } from "./staged.ts";
import type { Verifier, VerifyOptions } from "./types.ts";

const staged =
  (slope: "adaptive" | "parallel"): Verifier["prepare"] =>
  async (network, runtime, options: VerifyOptions) => {
    const crown = await stagedCrown(network, runtime, {
      threat: options.threat,
      arithmetic: options.arithmetic ?? "float32",
      memoryBudget: options.memoryBudget ?? MEMORY_BUDGET,
      slope,
      ...(options.signal && { signal: options.signal }),
    });
    return {
      bounds: async (batch) => {
        const { margins } = await crown.bounds(batch);
        return { lower: Float64Array.from(margins), classes: network.classes, least: network.leastMargin };
      },
      [Symbol.asyncDispose]: () => crown.dispose(),
    };
  };

/**
 * Linear bounds carried back from every layer to the input; an unstable ReLU's lower line has slope 1 where u > −l, else 0.
 * @source Zhang et al. 2018, arXiv:1811.00866; equal to DeepPoly (Singh et al. 2019) on ReLU networks
 */
export const crown: Verifier = {
  id: "crown",
  version: 2,
  title: "CROWN",
  summary:
    "Backward linear bounds for every layer. The standard choice for networks that were not trained for certification.",
  source: "Zhang et al. 2018, arXiv:1811.00866",
  norms: ["linf", "l2", "l1"],
  prepare: staged("adaptive"),
};

/**
 * CROWN with parallel lines: an unstable ReLU's lower line has the slope of its upper one.
 * @source Weng et al. 2018, arXiv:1804.09699; equal to DeepZ and to the dual of Wong & Kolter 2018 on a box
 */
export const fastLin: Verifier = {
  id: "fast-lin",
  version: 2,
  title: "Fast-Lin",
  summary: "Backward linear bounds with parallel lines. Neither looser nor tighter than CROWN in general.",
  source: "Weng et al. 2018, arXiv:1804.09699",
  norms: ["linf", "l2", "l1"],
  prepare: staged("parallel"),
};
