import type { NodeValue } from "../graph/types.ts";

/** A reading that an op does not have: which node, which reading, and why. */
export class UnsupportedReading extends Error {
  override readonly name = "UnsupportedReading";
  readonly fault = "not-applicable";
  readonly reading: string;
  /** @param node of the graph, or the place of one in the file */
  constructor(node: Pick<NodeValue, "op" | "name"> | string, reading: string, reason: string) {
    const named = typeof node !== "string" && node.name !== undefined ? ` "${node.name}"` : "";
    super(`${typeof node === "string" ? node : node.op}${named} has no ${reading}: ${reason}`);
    this.reading = reading;
  }
}
