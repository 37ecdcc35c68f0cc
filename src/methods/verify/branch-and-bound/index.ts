import { isTooLarge, MemoryError } from "../../../runtime/memory.ts";
import type { Shortfall } from "../../../spec/verdict.ts";
import type { Witness } from "../../../spec/witness.ts";
import { boundable, sampleSize } from "../boundable.ts";
import { withoutBounds } from "../bounder.ts";
import { defineVerifier } from "../types.ts";
import { LATE } from "../whole.ts";
import { inputSplitting } from "./inputs.ts";
import type { Splitting } from "./types.ts";

const TOO_LARGE = "the graph that bounds one part of a set cannot be made";

/**
 * Cases told apart until each is proved: parts of the set, bounded by CROWN in batches, those with the worst bound first.
 *
 * @source Bunel et al. 2018, arXiv:1711.00455; Wang et al. 2018, arXiv:1804.10829
 */
export const branchAndBound = defineVerifier({
  id: "branch-and-bound",
  version: 1,
  title: "Branch and bound",
  summary: "Cuts the set into parts until each is proved or an unsafe point is met. For networks with few inputs.",
  source: "Bunel et al. 2018, arXiv:1711.00455",
  norms: ["linf", "l2", "l1"],
  inQueries: true,
  complete: true,
  settings: { inputs: 64, domains: 500_000, most: 100_000_000 },
  options: (z) => ({
    inputs: z.int().min(1).describe("sets of more input numbers are bounded whole, and not cut"),
    domains: z.int().min(1).describe("so many parts of the set may be open at once"),
    most: z.int().min(1).describe("so many parts of a set are bounded in all"),
  }),
  quick: { most: 64 },
  async prepare(network, runtime, options) {
    const { inputs, domains, arithmetic = "float32", signal } = options;
    const net = boundable(network.graph, arithmetic);
    const most = net.inputs.reduce((sum, input) => sum + sampleSize(input), 0) > inputs ? 1 : options.most;
    let splitting: Splitting;
    try {
      splitting = await inputSplitting(net, runtime, options);
    } catch (error) {
      if (!isTooLarge(error)) throw error;
      return withoutBounds(options, { reason: "memory", detail: TOO_LARGE });
    }
    return {
      async bounds(queries, left, tell) {
        const { count, spec } = queries;
        const lower = new Float64Array(count * spec.size).fill(Number.NEGATIVE_INFINITY);
        const margins = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
        const reasons = new Array<Shortfall | undefined>(count).fill(undefined);
        const claims: Witness[] = [];
        for (let i = 0; i < count; i++) {
          if (left && left() <= 0) {
            reasons.fill(LATE, i);
            break;
          }
          try {
            const found = await splitting.decide(queries, i, { left, domains, most, signal });
            lower.set(found.rows, i * spec.size);
            margins[i] = found.margin;
            reasons[i] = found.shortfall;
            if (found.claim) claims.push(found.claim);
          } catch (error) {
            if (!(error instanceof MemoryError || isTooLarge(error))) throw error;
            reasons[i] = { reason: "memory", detail: error instanceof MemoryError ? error.message : TOO_LARGE };
          }
          tell?.(i + 1, count);
        }
        return { arithmetic, lower, margins, reasons, claims };
      },
      [Symbol.asyncDispose]: () => splitting[Symbol.asyncDispose](),
    };
  },
});
