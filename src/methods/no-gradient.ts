/** @file What is said where a method climbs a gradient and none reaches the input. */

import { UnsupportedReading } from "../transforms/unsupported.ts";
import type { Network } from "./network.ts";

/** The answer does depend on its input: it changes in steps. */
export function noGradient({ logits }: Pick<Network, "logits">): UnsupportedReading {
  const node = logits.kind === "node" ? logits : { op: "Reshape" as const, name: "output" };
  return new UnsupportedReading(node, "gradient", "steps (a rounding, a cast) lie on every way to its input");
}
