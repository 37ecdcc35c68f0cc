import { bindShape, sizeOf } from "../graph/dims.ts";
import { topological } from "../graph/traverse.ts";
import type { Graph, Value } from "../graph/types.ts";
import type { Float } from "./session.ts";

/**
 * The most memory, in bytes, that the results of nodes take at once at batch size n when each is freed after its last
 * use: about what a session keeps after a run. Inputs and constants are not counted. An estimate: execution may work
 * in place, fuse nodes, or need room of its own.
 */
export function peakBytes(graph: Graph, n: number, float: Float): number {
  const order = topological(graph.outputs.map((output) => output.value)).filter((value) => value.kind === "node");
  const lastUse = new Map<Value, number>();
  order.forEach((node, step) => {
    for (const input of node.inputs) lastUse.set(input, step);
  });
  for (const { value } of graph.outputs) lastUse.set(value, order.length);

  const freed = order.map((): Value[] => []);
  for (const [value, step] of lastUse) if (value.kind === "node") freed[step]?.push(value);
  const width = { float: float === "float32" ? 4 : 8, int: 8, bool: 1 };
  const bytes = ({ shape, dtype }: Value): number => sizeOf(bindShape(shape, n)) * width[dtype];
  let live = 0;
  let peak = 0;
  order.forEach((node, step) => {
    live += bytes(node);
    peak = Math.max(peak, live);
    for (const value of freed[step]!) live -= bytes(value);
  });
  return peak;
}
