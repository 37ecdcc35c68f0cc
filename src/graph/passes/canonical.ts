import { elements, sameShape } from "../dims.ts";
import type { Builder, NodeValue, Value } from "../types.ts";

/** The number that every element of a constant equals, or undefined. */
export function uniform(value: Value | undefined): number | undefined {
  if (value?.kind !== "constant" || value.tensor.data.length === 0) return undefined;
  const { data } = value.tensor;
  const first = data[0]!;
  // a large constant is rarely uniform, and is told so by its first elements
  return data.every((element) => element === first) ? first : undefined;
}

const isNode = <K extends NodeValue["op"]>(value: Value | undefined, op: K): value is NodeValue<K> =>
  value?.kind === "node" && value.op === op;

/** `value` where it already has the node's shape, so that dropping the node changes nothing. */
const sameAs = (node: NodeValue, value: Value): Value | undefined =>
  sameShape(value.shape, node.shape) ? value : undefined;

/**
 * Exact rewrites, valid bit for bit in floating point (up to the sign of zero): x+0, x·1, x/1, −(−x), x·(−1),
 * identity movements, and movements of movements.
 *
 * @returns the simpler value, or undefined where the node is already canonical
 */
export function canonicalForm(b: Builder, node: NodeValue, inputs: readonly Value[]): Value | undefined {
  const [x, y] = inputs as [Value, Value | undefined];
  switch (node.op) {
    case "Add":
      if (uniform(y) === 0) return sameAs(node, x);
      return uniform(x) === 0 ? sameAs(node, y!) : undefined;
    case "Sub":
      return uniform(y) === 0 ? sameAs(node, x) : undefined;
    case "Mul":
      return timesUniform(b, node, x, uniform(y)) ?? timesUniform(b, node, y!, uniform(x));
    case "Div":
      return uniform(y) === 1 ? sameAs(node, x) : undefined;
    case "Neg":
      return isNode(x, "Neg") ? x.inputs[0] : undefined;
    case "Reshape": {
      const source = isNode(x, "Reshape") ? x.inputs[0]! : x;
      if (sameShape(source.shape, node.shape)) return source;
      return source === x ? undefined : b.emit("Reshape", [source], { shape: node.shape });
    }
    case "Transpose":
      return transpose(b, node as NodeValue<"Transpose">, x);
    case "Slice":
    case "Expand":
    case "Pad":
      return sameAs(node, x);
    case "Concat":
      return inputs.length === 1 ? x : undefined;
    case "ReduceSum":
    case "ReduceMax":
      if (elements(x.shape) === elements(node.shape)) return b.emit("Reshape", [x], { shape: node.shape });
      return node.op === "ReduceMax" ? keepAxes(b, node as NodeValue<"ReduceMax">, x) : undefined;
    case "Cast":
      return x.dtype === node.dtype ? x : undefined;
    default:
      return undefined;
  }
}

function timesUniform(b: Builder, node: NodeValue, x: Value, factor: number | undefined): Value | undefined {
  if (!sameShape(x.shape, node.shape)) return undefined;
  return factor === 1 ? x : factor === -1 ? b.emit("Neg", [x]) : undefined;
}

function transpose(b: Builder, node: NodeValue<"Transpose">, x: Value): Value | undefined {
  const { perm } = node.attrs;
  if (perm.every((axis, i) => axis === i)) return x;
  if (isNode(x, "Transpose")) {
    const composed = perm.map((axis) => x.attrs.perm[axis]!);
    const source = x.inputs[0]!;
    if (composed.every((axis, i) => axis === i)) return source;
    return b.emit("Transpose", [source], { perm: composed });
  }
  // moving axes of size 1 past others is a reshape
  const moved = perm.filter((axis) => x.shape[axis] !== 1);
  return moved.every((axis, i) => i === 0 || axis > moved[i - 1]!)
    ? b.emit("Reshape", [x], { shape: node.shape })
    : undefined;
}

/** A maximum keeps its axes, which the rows of a linear bound need, and a movement drops them. */
function keepAxes(
  b: Builder,
  { attrs: { axes, keepdims }, shape }: NodeValue<"ReduceMax">,
  x: Value,
): Value | undefined {
  return keepdims ? undefined : b.emit("Reshape", [b.emit("ReduceMax", [x], { axes, keepdims: true })], { shape });
}
