import { isBatched, sameShape } from "../dims.ts";
import type { Builder, NodeValue, Value } from "../types.ts";

/** A float constant that does not depend on the sample. */
const isFactor = (value: Value | undefined): boolean =>
  value?.kind === "constant" && value.dtype === "float" && !isBatched(value.shape);

const isNode = <K extends NodeValue["op"]>(value: Value | undefined, op: K): value is NodeValue<K> =>
  value?.kind === "node" && value.op === op;

/**
 * Folds constant scales and shifts (batch normalisation, input normalisation) into the neighbouring weights:
 * (x − c)/d → x·(1/d) − c/d, W(s·x) → (W·s)x, s·(W x) → (s·W)x, sums of constants.
 *
 * Equal over the reals, not in floating point: for `real` arithmetic, training and speed, never for float-sound bounds.
 *
 * @source the usual inference-time folding of Ioffe & Szegedy 2015, arXiv:1502.03167
 */
export function foldAffine(b: Builder, node: NodeValue, inputs: readonly Value[]): Value | undefined {
  const [x, y] = inputs as [Value, Value | undefined];
  switch (node.op) {
    case "Sub":
      return isFactor(y) ? b.emit("Add", [x, b.emit("Neg", [y!])]) : undefined;
    case "Div":
      return isFactor(y) ? b.emit("Mul", [x, b.emit("Div", [b.constant(1), y!])]) : undefined;
    case "Add":
      return isFactor(x) ? reorder(b, "Add", y!, x) : isFactor(y) ? sumOfConstants(b, x, y!) : undefined;
    case "Mul":
      return isFactor(x) ? reorder(b, "Mul", y!, x) : isFactor(y) ? scaleInto(b, x, y!) : undefined;
    case "MatMul":
      return isFactor(y) && y!.shape.length === 2 ? normalisedMatMul(b, x, y!) : undefined;
    case "Conv":
      return isFactor(y) ? normalisedConv(b, node as NodeValue<"Conv">, x, y!) : undefined;
    default:
      return undefined;
  }
}

/** Constants second, so that one pattern finds them. */
const reorder = (b: Builder, op: "Add" | "Mul", x: Value, constant: Value): Value | undefined =>
  isFactor(x) ? undefined : b.emit(op, [x, constant]);

/** (x + a) + c → x + (a + c). */
function sumOfConstants(b: Builder, x: Value, c: Value): Value | undefined {
  if (!isNode(x, "Add") || !isFactor(x.inputs[1])) return undefined;
  return b.emit("Add", [x.inputs[0]!, b.emit("Add", [x.inputs[1]!, c])]);
}

/** c·(x + a) → c·x + c·a; c·(x·a) → x·(a·c); c·(W x) → (c·W) x. */
function scaleInto(b: Builder, x: Value, c: Value): Value | undefined {
  if (isNode(x, "Add") && isFactor(x.inputs[1]) && keepsShape(x, c))
    return b.emit("Add", [b.emit("Mul", [x.inputs[0]!, c]), b.emit("Mul", [x.inputs[1]!, c])]);
  if (isNode(x, "Mul") && isFactor(x.inputs[1])) return b.emit("Mul", [x.inputs[0]!, b.emit("Mul", [x.inputs[1]!, c])]);
  if (isNode(x, "MatMul") && isFactor(x.inputs[1]) && x.inputs[1]!.shape.length === 2 && isRow(c, x.shape.at(-1)))
    return b.emit("MatMul", [x.inputs[0]!, b.emit("Mul", [x.inputs[1]!, flat(b, c)])]);
  if (isNode(x, "Conv") && isFactor(x.inputs[1]) && isChannel(c, x)) {
    const [input, w] = x.inputs as [Value, Value];
    const perFilter =
      c.shape.length === 0
        ? c
        : b.emit("Reshape", [c], { shape: [c.shape.at(1 - x.shape.length) ?? 1, ...w.shape.slice(1).map(() => 1)] });
    return b.emit("Conv", [input, b.emit("Mul", [w, perFilter])], x.attrs);
  }
  return undefined;
}

const keepsShape = (x: Value, c: Value): boolean => c.shape.length <= x.shape.length;

/** A vector over the last axis (or a scalar). */
const isRow = (c: Value, size: unknown): boolean =>
  c.shape.every((dim, axis) => (axis === c.shape.length - 1 ? dim === size || dim === 1 : dim === 1));

const flat = (b: Builder, c: Value): Value =>
  c.shape.length <= 1 ? c : b.emit("Reshape", [c], { shape: [c.shape.at(-1)!] });

/** One number a channel of a convolution's output (or a scalar). */
function isChannel(c: Value, conv: Value): boolean {
  const rank = conv.shape.length;
  if (c.shape.length === 0) return true;
  if (c.shape.length < rank - 1 || c.shape.length > rank) return false;
  return c.shape.every((dim, i) => dim === 1 || i === c.shape.length - rank + 1);
}

/** W(s·x + t) → (W·s)x + W t. */
function normalisedMatMul(b: Builder, x: Value, w: Value): Value | undefined {
  const column = (c: Value) => b.emit("Reshape", [flat(b, c)], { shape: [c.shape.at(-1) ?? 1, 1] });
  if (
    isNode(x, "Mul") &&
    isFactor(x.inputs[1]) &&
    isRow(x.inputs[1]!, x.shape.at(-1)) &&
    sameShape(x.inputs[0]!.shape, x.shape)
  )
    return b.emit("MatMul", [x.inputs[0]!, b.emit("Mul", [w, column(x.inputs[1]!)])]);
  if (
    isNode(x, "Add") &&
    isFactor(x.inputs[1]) &&
    isRow(x.inputs[1]!, x.shape.at(-1)) &&
    sameShape(x.inputs[0]!.shape, x.shape)
  ) {
    const size = x.shape.at(-1)!;
    const row = b.emit("Expand", [b.emit("Reshape", [x.inputs[1]!], { shape: [1, x.inputs[1]!.shape.at(-1) ?? 1] })], {
      shape: [1, size],
    });
    const shift = b.emit("Reshape", [b.emit("MatMul", [row, w])], { shape: [w.shape[1]!] });
    return b.emit("Add", [b.emit("MatMul", [x.inputs[0]!, w]), shift]);
  }
  return undefined;
}

/**
 * A per-channel scale before an ungrouped convolution goes into its kernel; a shift comes out as a bias where there is no
 * padding (padding is not shifted).
 */
function normalisedConv(b: Builder, node: NodeValue<"Conv">, x: Value, w: Value): Value | undefined {
  if (node.attrs.group !== 1 || !(isNode(x, "Mul") || isNode(x, "Add"))) return undefined;
  const c = x.inputs[1]!;
  if (!isFactor(c) || !isChannel(c, x) || !sameShape(x.inputs[0]!.shape, x.shape)) return undefined;
  const kernel = w.shape.slice(2);
  const ones = kernel.map(() => 1);
  const perChannel =
    c.shape.length === 0 ? c : b.emit("Reshape", [c], { shape: [1, c.shape.at(1 - x.shape.length) ?? 1, ...ones] });
  if (x.op === "Mul") return b.emit("Conv", [x.inputs[0]!, b.emit("Mul", [w, perChannel])], node.attrs);
  if (node.attrs.pads.some((pad) => pad !== 0)) return undefined;
  const axes = w.shape.map((_, axis) => axis).slice(1);
  const shift = b.emit("ReduceSum", [b.emit("Mul", [w, perChannel])], { axes, keepdims: false });
  const bias = b.emit("Reshape", [shift], { shape: [1, w.shape[0]!, ...ones] });
  return b.emit("Add", [b.emit("Conv", [x.inputs[0]!, w], node.attrs), bias]);
}
