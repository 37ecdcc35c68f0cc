/**
 * @file What tensors of the file are made of. Graphs have one kind of float and one of int; numbers of fewer bits are read
 * as floats that hold the same values. So it must be known where the file computes with them, since there it rounds or
 * wraps around otherwise than floats do.
 */

import type { NodeSource } from "./body.ts";
import { UnsupportedError } from "./error.ts";
import { DATA_TYPE, dataTypeName } from "./proto.ts";

const { FLOAT, FLOAT16, UINT8, INT8, UINT16, INT16 } = DATA_TYPE;

/** Whole numbers that are kept as floats. */
export const isNarrow = (type: number | undefined): boolean =>
  type === UINT8 || type === INT8 || type === UINT16 || type === INT16;

/** The type, where it is none of those that need no telling apart. */
export const toldApart = (type: number | undefined): number | undefined =>
  type === FLOAT16 || isNarrow(type) ? type : undefined;

/** Ops that move elements or choose among them: exact on whatever they are made of. */
const MOVES: ReadonlySet<string> = new Set([
  ...["Identity", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Expand", "Tile", "Slice", "Split"],
  ...["Concat", "Gather", "GatherElements", "GatherND", "Pad", "DepthToSpace", "SpaceToDepth", "Where", "Dropout"],
  ...["MaxPool", "GlobalMaxPool", "ReduceMax", "ReduceMin", "Max", "Min", "Clip", "Relu", "Trilu", "Compress", "TopK"],
]);

/** Ops whose result says something of the numbers, but is not made of them. */
const READS: ReadonlySet<string> = new Set([
  ...[
    "Shape",
    "Size",
    "ArgMax",
    "ArgMin",
    "Equal",
    "Greater",
    "Less",
    "GreaterOrEqual",
    "LessOrEqual",
    "IsNaN",
    "IsInf",
  ],
]);

/** Constants, and ops that turn numbers of one kind into another. */
const TURNS: ReadonlySet<string> = new Set([
  ...["Constant", "ConstantOfShape", "Cast", "CastLike", "QuantizeLinear", "DequantizeLinear"],
]);

/** What one node does with the types of its operands. */
export interface Typing {
  /** Of its results; undefined for float, double, int32, int64 and bool, which need no telling apart. */
  readonly result: number | undefined;
  /** It rounds to half precision. */
  readonly half: boolean;
}

/**
 * @param types of its inputs, where they need telling apart
 * @throws UnsupportedError where whole numbers of few bits are computed with
 */
export function typingOf(node: NodeSource, types: readonly (number | undefined)[]): Typing {
  const { op, proto } = node;
  const attribute = (name: string) => proto.attribute?.find((candidate) => candidate.name === name);
  if (READS.has(op)) return { result: undefined, half: false };
  if (TURNS.has(op)) {
    const result = toldApart(turned(op, types, attribute));
    // a constant of half precision is what it is; anything else is rounded to become one
    const rounds = result === FLOAT16 && types[0] !== FLOAT16 && op !== "Constant" && op !== "ConstantOfShape";
    return { result, half: rounds || (op === "QuantizeLinear" && types[0] === FLOAT16) };
  }
  const own = types.find((type) => type !== undefined);
  if (own === undefined || MOVES.has(op)) return { result: own, half: false };
  if (own !== FLOAT16)
    throw new UnsupportedError(
      `computes with ${dataTypeName(own)} numbers, which wrap around; cast them to float before, or export the model in float32`,
      { node: node.place },
    );
  return { result: own, half: true };
}

type Attribute = NonNullable<NodeSource["proto"]["attribute"]>[number];

function turned(
  op: string,
  types: readonly (number | undefined)[],
  attribute: (name: string) => Attribute | undefined,
): number | undefined {
  switch (op) {
    case "Cast":
      return attribute("to")?.i;
    case "CastLike":
      return types[1];
    case "QuantizeLinear":
      return attribute("output_dtype")?.i || types[2] || UINT8;
    case "DequantizeLinear":
      return types[1];
    default:
      return attribute("value")?.t?.dataType ?? FLOAT;
  }
}
