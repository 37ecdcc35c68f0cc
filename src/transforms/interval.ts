import type { OpName } from "../graph/signatures.ts";
import { topological } from "../graph/traverse.ts";
import type { Builder, NodeValue, Value } from "../graph/types.ts";
import { recordOf } from "../ops/index.ts";
import { type Interval, isPoint, isUnsupported, point } from "../ops/op.ts";
import { add } from "../ops/rules.ts";
import type { Arithmetic } from "../spec/types.ts";
import { rounded, spoiled } from "./rounding.ts";
import { UnsupportedReading } from "./unsupported.ts";

export interface IntervalOptions {
  readonly arithmetic?: Arithmetic;
  /** Leave NaN at the ends of a root of which nothing is known, for more of the network to come; else the whole line. */
  readonly marked?: boolean;
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
  { arithmetic = "float32", marked = false }: IntervalOptions = {},
): ReadonlyMap<Value, Interval> {
  const found = new Map<Value, Interval>(boxes);
  for (const value of topological(roots)) {
    if (found.has(value)) continue;
    const inputs = value.kind === "node" ? value.inputs.map((input) => found.get(input)!) : [];
    const varies = inputs.some((input, i) => input.lower !== (value as NodeValue).inputs[i]);
    if (varies) found.set(value, imageOf(b, value as NodeValue, inputs, arithmetic));
    else found.set(value, value.kind === "node" ? constantOf(b, value, inputs, arithmetic) : point(value));
  }
  if (arithmetic === "float32" && !marked)
    for (const root of roots) found.set(root, definite(b, found.get(root)!, arithmetic));
  return found;
}

/** What does not vary is a point, but for the rounding of computing it. */
function constantOf(b: Builder, node: NodeValue, inputs: readonly Interval[], arithmetic: Arithmetic): Interval {
  const value = point(node);
  return arithmetic === "real" || node.dtype !== "float" ? value : rounded(b, node, inputs, value);
}

/**
 * Ops whose ends are NaN where an operand's are. Others would take NaN for an answer: they are given the whole line in
 * its place, and their answer is spoiled afterwards.
 */
const PASSES_NAN: ReadonlySet<OpName> = new Set([
  "Relu",
  "Clip",
  "Max",
  "Min",
  "Abs",
  "Sigmoid",
  "Tanh",
  "Exp",
  "Erf",
  "Sqrt",
]);

const varying = (box: Interval): boolean => !isPoint(box);

/** The whole line where nothing is known: an op may leave what it is defined on, or overflow has left no numbers. */
function definite(b: Builder, { lower, upper }: Interval, arithmetic: Arithmetic): Interval {
  if (lower === upper || lower.dtype !== "float") return { lower, upper };
  const inOrder = b.emit("LessOrEqual", [lower, upper]);
  // over the reals rounding may exchange ends that are nearly equal: they are numbers all the same
  const ordered = arithmetic === "real" ? b.emit("Or", [inOrder, b.emit("Less", [upper, lower])]) : inOrder;
  const end = (value: Value, infinity: number): Value => b.emit("Where", [ordered, value, b.constant(infinity)]);
  return { lower: end(lower, Number.NEGATIVE_INFINITY), upper: end(upper, Number.POSITIVE_INFINITY) };
}

/**
 * The box of one node from those of its operands.
 *
 * NaN at the ends says that nothing is known, and that the network may not even compute a number. It is handed on by
 * every op, so that none that answers within limits (a clip, a sign, a softmax) makes a claim of it.
 */
export function imageOf(b: Builder, node: NodeValue, inputs: readonly Interval[], arithmetic: Arithmetic): Interval {
  const { interval: rule, linearity, rounding } = recordOf(node.op);
  if (isUnsupported(rule)) throw new UnsupportedReading(node, "interval", rule.unsupported);
  const linear = linearity(inputs.map(varying)) !== "none";
  const plain = linear || PASSES_NAN.has(node.op);
  const image = rule(b, plain ? inputs : inputs.map((input) => definite(b, input, arithmetic)), node.attrs as never);
  if (node.dtype !== "float") return image;
  const exact = rounding.kind === "exact";
  const whole = linear || (plain && exact) ? image : spoiledBy(b, node, inputs, image);
  return exact || arithmetic === "real" ? whole : rounded(b, node, inputs, whole);
}

/** NaN at both ends where the image, or an operand at that place, is not finite. */
function spoiledBy(b: Builder, node: NodeValue, inputs: readonly Interval[], image: Interval): Interval {
  if (isPoint(image)) return image;
  const beside = inputs.filter((input) => varying(input) && fits(input.lower, node));
  const spoils = [image, ...beside].map((box) => spoiled(b, box)).reduce((x, y) => add(b, x, y));
  return { lower: add(b, image.lower, spoils), upper: add(b, image.upper, spoils) };
}

/** Is it an operand that is read element by element? A choice reads one of its operands, which its image has in it. */
const fits = ({ dtype, shape }: Value, node: NodeValue): boolean => {
  if (dtype !== "float" || node.inputs.length > 2 || shape.length > node.shape.length) return false;
  const own = node.shape.slice(node.shape.length - shape.length);
  return shape.every((dim, axis) => dim === 1 || dim === own[axis]);
};
