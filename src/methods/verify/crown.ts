import { MEMORY_BUDGET, MemoryError } from "../../runtime/memory.ts";
import type { Network } from "../network.ts";
import { sliceBatch } from "../problem.ts";
import { nothingProved, withoutBounds } from "./one-graph.ts";
import { type StagedCrown, stagedCrown } from "./staged.ts";
import type { PreparedVerifier, Verifier, VerifyOptions } from "./types.ts";

/** Twice as fast as the whole default budget, on residual networks (docs/performance.md). */
const ROWS_BUDGET = 2 ** 24;

const staged =
  (slope: "adaptive" | "parallel"): Verifier["prepare"] =>
  async (network, runtime, options: VerifyOptions) => {
    try {
      return preparedOf(
        network,
        await stagedCrown(network, runtime, {
          threat: options.threat,
          arithmetic: options.arithmetic ?? "float32",
          memoryBudget: options.memoryBudget ?? MEMORY_BUDGET,
          rowsBudget: ROWS_BUDGET,
          slope,
          ...(options.signal && { signal: options.signal }),
        }),
      );
    } catch (error) {
      if (!(error instanceof MemoryError)) throw error;
      return withoutBounds(network, { reason: "memory", detail: error.message });
    }
  };

const preparedOf = (network: Network, crown: StagedCrown): PreparedVerifier => ({
  async bounds(batch) {
    const bounds = nothingProved(network, batch.labels.length);
    for (let from = 0; from < batch.labels.length; from += crown.imagesAtOnce) {
      const part = sliceBatch(batch, from, Math.min(batch.labels.length, from + crown.imagesAtOnce));
      const { margins, reasons } = await crown.bounds(part);
      bounds.lower.set(margins, from * (network.classes - 1));
      for (const [i, reason] of reasons.entries()) bounds.reasons[from + i] = reason;
    }
    return bounds;
  },
  [Symbol.asyncDispose]: () => crown.dispose(),
});

/**
 * Linear bounds carried back from every layer to the input; an unstable ReLU's lower line has slope 1 where u > −l, else 0.
 * @source Zhang et al. 2018, arXiv:1811.00866; equal to DeepPoly (Singh et al. 2019) on ReLU networks
 */
export const crown: Verifier = {
  id: "crown",
  version: 3,
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
  version: 3,
  title: "Fast-Lin",
  summary: "Backward linear bounds with parallel lines. Neither looser nor tighter than CROWN in general.",
  source: "Weng et al. 2018, arXiv:1804.09699",
  norms: ["linf", "l2", "l1"],
  prepare: staged("parallel"),
};
