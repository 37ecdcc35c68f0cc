import type { OpName } from "../graph/signatures.ts";
import { topological } from "../graph/traverse.ts";
import type { Builder, NodeValue, Value } from "../graph/types.ts";
import { recordOf } from "../ops/index.ts";
import { type Interval, isPoint, isUnsupported, point } from "../ops/op.ts";
import { add, sub } from "../ops/rules.ts";
import { intervalError } from "./rounding.ts";
import { UnsupportedReading } from "./unsupported.ts";

/**
 * `real`: bounds of the network over the real numbers, computed without directed rounding: for comparison with papers.
 * `float32`: bounds that enclose what the network computes in float32, in any order of summation.
 */
export type Arithmetic = "real" | "float32";

export interface IntervalOptions {
  readonly arithmetic?: Arithmetic;
}

/**
 * Interval bound propagation: the box of every value that `roots` need, from boxes of some values.
 *
 * `boxes` are taken as they are (inputs, or tighter bounds found otherwise for values inside) and are not recomputed.
 * Values that depend on none of them are points.
 *
 * @throws UnsupportedReading naming the node without an interval rule
 * @source Gowal et al. 2018, arXiv:1810.12715; rounding: DESIGN "Numbers"
 */
export function interval(
  b: Builder,
  roots: readonly Value[],
  boxes: ReadonlyMap<Value, Interval>,
  { arithmetic = "float32" }: IntervalOptions = {},
): ReadonlyMap<Value, Interval> {
  const found = new Map<Value, Interval>(boxes);
  for (const value of topological(roots)) {
    if (found.has(value)) continue;
    const inputs = value.kind === "node" ? value.inputs.map((input) => found.get(input)!) : [];
    const varies = inputs.some((input, i) => input.lower !== (value as NodeValue).inputs[i]);
    if (varies) found.set(value, imageOf(b, value as NodeValue, inputs, arithmetic));
    else found.set(value, value.kind === "node" ? constantOf(b, value, inputs, arithmetic) : point(value));
  }
  if (arithmetic === "float32") for (const root of roots) found.set(root, definite(b, found.get(root)!));
  return found;
}

/** What does not vary is a point, but for the rounding of computing it. */
function constantOf(b: Builder, node: NodeValue, inputs: readonly Interval[], arithmetic: Arithmetic): Interval {
  const value = point(node);
  const error = arithmetic === "real" || node.dtype !== "float" ? undefined : intervalError(b, node, inputs, value);
  return error ? { lower: sub(b, node, error), upper: add(b, node, error) } : value;
}

/** Ops whose ends are NaN where an operand's are, so that no comparison takes an overflow for an answer. */
const PASSES_NAN: ReadonlySet<OpName> = new Set([
  "Relu",
  "Clip",
  "Max",
  "Min",
  "Sigmoid",
  "Tanh",
  "Exp",
  "Erf",
  "Sqrt",
]);

const varying = (box: Interval): boolean => !isPoint(box);

/** The whole line where overflow has left no numbers: ∞ − ∞, 0·∞. */
function definite(b: Builder, { lower, upper }: Interval): Interval {
  if (lower === upper || lower.dtype !== "float") return { lower, upper };
  const ordered = b.emit("LessOrEqual", [lower, upper]);
  const end = (value: Value, infinity: number): Value => b.emit("Where", [ordered, value, b.constant(infinity)]);
  return { lower: end(lower, Number.NEGATIVE_INFINITY), upper: end(upper, Number.POSITIVE_INFINITY) };
}

/** The box of one node from those of its operands. */
export function imageOf(b: Builder, node: NodeValue, inputs: readonly Interval[], arithmetic: Arithmetic): Interval {
  const { interval: rule, linearity } = recordOf(node.op);
  if (isUnsupported(rule)) throw new UnsupportedReading(node, "interval", rule.unsupported);
  const plain = arithmetic === "real" || PASSES_NAN.has(node.op) || linearity(inputs.map(varying)) !== "none";
  const box = rule(b, plain ? inputs : inputs.map((input) => definite(b, input)), node.attrs as never);
  if (arithmetic === "real" || node.dtype !== "float") return box;
  const error = intervalError(b, node, inputs, box);
  return error ? { lower: sub(b, box.lower, error), upper: add(b, box.upper, error) } : box;
}
