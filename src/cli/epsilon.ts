import { usage } from "../graph/fault.ts";
import type { Options } from "./options.ts";

/** One unit where each feature has an epsilon of its own. @throws UserError (usage) where none is stated */
export function requiredEpsilon({ epsilon, featureEpsilon }: Options<"epsilon" | "featureEpsilon">): number {
  if (epsilon === undefined && featureEpsilon) return 1;
  if (epsilon === undefined) throw usage("say with --epsilon how large a change may be, such as 0.1 or 8/255");
  return epsilon;
}
