import { MEMORY_BUDGET, MemoryError } from "../../runtime/memory.ts";
import { sliceQueries } from "../../spec/queries.ts";
import type { Arithmetic } from "../../spec/types.ts";
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
        options.arithmetic ?? "float32",
        await stagedCrown(network, runtime, {
          norm: options.norm ?? "linf",
          arithmetic: options.arithmetic ?? "float32",
          memoryBudget: options.memoryBudget ?? MEMORY_BUDGET,
          rowsBudget: ROWS_BUDGET,
          slope,
          ...(options.signal && { signal: options.signal }),
        }),
      );
    } catch (error) {
      if (!(error instanceof MemoryError)) throw error;
      return withoutBounds(options.arithmetic ?? "float32", { reason: "memory", detail: error.message });
    }
  };

const preparedOf = (arithmetic: Arithmetic, crown: StagedCrown): PreparedVerifier => ({
  async bounds(queries) {
    const bounds = nothingProved(queries, arithmetic);
    for (let from = 0; from < queries.count; from += crown.imagesAtOnce) {
      const part = sliceQueries(queries, from, Math.min(queries.count, from + crown.imagesAtOnce));
      const { margins, reasons } = await crown.bounds(part);
      bounds.lower.set(margins, from * queries.spec.size);
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
