import { dependents, topological } from "../graph/traverse.ts";
import type { Builder, NodeValue, Value } from "../graph/types.ts";
import { recordOf } from "../ops/index.ts";
import { isUnsupported } from "../ops/op.ts";
import { add, broadcastTo } from "../ops/rules.ts";
import { UnsupportedReading } from "./unsupported.ts";

/**
 * Reverse-mode derivative: the cotangents of `wrt` when `of` has cotangent `seed` (ones by default).
 *
 * Samples of a batch do not mix, so with ones the answer for sample n is the gradient of that sample's sum.
 *
 * @returns one value a `wrt`, each of its shape; undefined where `of` does not depend on it
 * @throws UnsupportedReading naming the node that has no derivative
 */
export function gradient(b: Builder, of: Value, wrt: readonly Value[], seed?: Value): readonly (Value | undefined)[] {
  const needed = dependents([of], new Set(wrt));
  const cotangents = new Map<Value, Value>([[of, seed ?? broadcastTo(b, b.constant(1), of.shape)]]);
  for (const node of topological([of]).reverse()) {
    const dy = cotangents.get(node);
    if (node.kind !== "node" || dy === undefined || !needed.has(node) || wrt.includes(node)) continue;
    const wanted = node.inputs.map((input) => needed.has(input) && input.dtype === "float");
    if (!wanted.some(Boolean)) continue;
    pullBack(b, node, dy, wanted).forEach((dx, i) => {
      const input = node.inputs[i]!;
      if (dx === undefined || !wanted[i]) return;
      const sum = cotangents.get(input);
      cotangents.set(input, sum ? add(b, sum, dx) : dx);
    });
  }
  return wrt.map((value) => (needed.has(value) ? cotangents.get(value) : undefined));
}

function pullBack(b: Builder, node: NodeValue, dy: Value, wanted: readonly boolean[]): readonly (Value | undefined)[] {
  const { vjp } = recordOf(node.op);
  if (isUnsupported(vjp)) throw new UnsupportedReading(node, "gradient", vjp.unsupported);
  return vjp(b, { inputs: node.inputs, output: node, attrs: node.attrs, wanted }, dy);
}
