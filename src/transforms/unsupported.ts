import type { NodeValue } from "../graph/types.ts";

/** A reading that an op does not have: which node, which reading, and why. */
export class UnsupportedReading extends Error {
  override readonly name = "UnsupportedReading";
  readonly reading: string;
  constructor(node: Pick<NodeValue, "op" | "name">, reading: string, reason: string) {
    super(`${node.op}${node.name === undefined ? "" : ` "${node.name}"`} has no ${reading}: ${reason}`);
    this.reading = reading;
  }
}
