/** @file Element-wise arithmetic, functions, activations, comparisons and logic. */

import type { OpAttrs, OpName } from "../../../graph/signatures.ts";
import type { Value } from "../../../graph/types.ts";
import { add, div, mul, neg, reshape, scale, sub } from "../../../ops/rules.ts";
import type { OnnxNode } from "../node.ts";
import { asDims, combineDims, dimArithmetic, moveDims, type Operand } from "../operand.ts";
import type { Converter, ConverterTable } from "./types.ts";

type Binary = "Add" | "Sub" | "Mul" | "Div" | "Min" | "Max";

/** Arithmetic on values, or on integers known at import. */
function combine(n: OnnxNode, op: Binary, x: Operand, y: Operand): Operand {
  if (x.kind === "dims" || y.kind === "dims") {
    const [p, q] = [asDims(x), asDims(y)];
    if (p && q) return combineDims(p, q, dimArithmetic[op]);
  }
  return n.b.emit(op, [n.toValue(x), n.toValue(y)]);
}

const binary =
  (op: Binary): Converter =>
  (n) =>
    combine(n, op, n.operand(0), second(n));

/** The second operand; before opset 7 it is aligned by an attribute, not by its last axis. */
function second(n: OnnxNode): Operand {
  const y = n.operand(1);
  if (n.opset >= 7 || !n.hasAttribute("axis")) return y;
  const rank = n.operand(0).shape.length;
  const after = rank - n.axis(n.int("axis"), rank) - y.shape.length;
  if (after < 0) throw n.error(`its operand [${y.shape}] does not fit at axis ${n.int("axis")}`);
  return n.move("Reshape", [y], { shape: [...y.shape, ...new Array<number>(after).fill(1)] });
}

function chain(n: OnnxNode, op: Binary): Operand {
  let result = n.operand(0);
  for (let i = 1; i < n.arity; i++) result = combine(n, op, result, n.operand(i));
  return result;
}

/** The remainder: of the divisor's sign; with `fmod` of the dividend's, as in C. */
function mod(n: OnnxNode): Operand {
  const [p, q] = [asDims(n.operand(0)), asDims(n.operand(1))];
  const likeC = n.int("fmod", 0) !== 0;
  if (p && q && !likeC) return combineDims(p, q, dimArithmetic.Mod);
  const [x, y] = [n.value(0), n.value(1)];
  if (x.dtype === "float") {
    if (!likeC) throw n.unsupported("of floats needs fmod = 1");
    const quotient = div(n.b, x, y);
    const zero = n.b.constant(0);
    const whole = add(
      n.b,
      n.b.emit("Max", [n.b.emit("Floor", [quotient]), zero]),
      n.b.emit("Min", [n.b.emit("Ceil", [quotient]), zero]),
    );
    return sub(n.b, x, mul(n.b, whole, y));
  }
  const remainder = sub(n.b, x, mul(n.b, div(n.b, x, y), y));
  if (likeC) return remainder;
  const zero = n.b.ints([0], []);
  const below = (value: Value) => n.b.emit("Less", [value, zero]);
  const above = (value: Value) => n.b.emit("Greater", [value, zero]);
  const apart = n.b.emit("Or", [
    n.b.emit("And", [below(remainder), above(y)]),
    n.b.emit("And", [above(remainder), below(y)]),
  ]);
  return n.b.emit("Where", [apart, add(n.b, remainder, y), remainder]);
}

type Unary = { [K in OpName]: keyof OpAttrs[K] extends never ? K : never }[OpName];

const unary =
  (op: Unary): Converter =>
  (n) =>
    n.b.emit(op, [n.value(0)]);

const comparison =
  (op: "Equal" | "Greater" | "Less" | "GreaterOrEqual" | "LessOrEqual"): Converter =>
  (n) =>
    n.b.emit(op, [n.value(0), n.toValue(second(n))]);

const logical =
  (op: "And" | "Or"): Converter =>
  (n) =>
    n.b.emit(op, [n.value(0), n.toValue(second(n))]);

/** A batch size differs from every fixed number that a model may compare it with. */
function equal(n: OnnxNode): Operand {
  const [x, y] = [n.operand(0), second(n)];
  const [p, q] = [asDims(x), asDims(y)];
  if ((x.kind === "dims" || y.kind === "dims") && p && q) {
    const same = combineDims(p, q, (a, b) => (a === b ? 1 : 0));
    return n.b.constant({ dtype: "bool", shape: same.shape, data: Uint8Array.from(same.entries as readonly number[]) });
  }
  return n.b.emit("Equal", [n.toValue(x), n.toValue(y)]);
}

function where(n: OnnxNode): Operand {
  const [condition, x, y] = [n.value(0), n.operand(1), n.operand(2)];
  const [p, q] = [asDims(x), asDims(y)];
  if (condition.kind === "constant" && p && q && (x.kind === "dims" || y.kind === "dims"))
    return moveDims("Where", [condition.tensor, p, q], {});
  return n.b.emit("Where", [condition, n.toValue(x), n.toValue(y)]);
}

const toFloat = (n: OnnxNode, x: Value): Value => (x.dtype === "float" ? x : n.b.emit("Cast", [x], { to: "float" }));

/** x^y; the common constant exponents become ops that every transform knows well. */
function pow(n: OnnxNode): Value {
  const base = n.value(0);
  const [x, y] = [toFloat(n, base), toFloat(n, n.toValue(second(n)))];
  const exponent = n.b.constantOf(y);
  const simple =
    exponent?.data.length === 1 && y.shape.length <= x.shape.length ? simplePower(n, x, exponent.data[0]!) : undefined;
  const power = simple ?? n.b.emit("Pow", [x, y]);
  return base.dtype === "int" ? n.b.emit("Cast", [power], { to: "int" }) : power;
}

function simplePower(n: OnnxNode, x: Value, exponent: number): Value | undefined {
  switch (exponent) {
    case 1:
      return x;
    case 2:
      return mul(n.b, x, x);
    case 0.5:
      return n.b.emit("Sqrt", [x]);
    case -1:
      return n.b.emit("Reciprocal", [x]);
    default:
      return undefined;
  }
}

/** Bounds are attributes before opset 11, inputs since. */
function clip(n: OnnxNode): Value {
  const x = n.value(0);
  const [low, high] = [n.optional(1), n.optional(2)];
  const known = [low, high].map((bound) => (bound ? n.b.constantOf(bound) : undefined));
  const dynamic = (low && known[0]?.data.length !== 1) || (high && known[1]?.data.length !== 1);
  if (x.dtype !== "float" || dynamic) {
    const above = low ? n.b.emit("Max", [x, low]) : x;
    return high ? n.b.emit("Min", [above, high]) : above;
  }
  const min = low ? known[0]!.data[0]! : n.float("min", -Infinity);
  const max = high ? known[1]!.data[0]! : n.float("max", Infinity);
  // ONNX: where the bounds cross, the result is the upper one
  return n.b.emit("Clip", [x], { min: Math.min(min, max), max });
}

/** Constants of Klambauer et al. 2017 (arXiv:1706.02515), as float32 as ONNX gives them. */
const SELU = { alpha: 1.6732631921768188, gamma: 1.0507010221481323 } as const;

/** Before opset 7 a slope per channel has one axis. */
function prelu(n: OnnxNode): Value {
  const [x, slope] = [n.value(0), n.value(1)];
  if (n.opset >= 7 || slope.shape.length !== 1 || slope.shape[0] === 1) return n.b.emit("PRelu", [x, slope]);
  return n.b.emit("PRelu", [x, reshape(n.b, slope, [slope.shape[0]!, ...x.shape.slice(2).map(() => 1)])]);
}

function shrink(n: OnnxNode): Value {
  const x = n.value(0);
  const [lambda, bias] = [n.float("lambd", 0.5), n.float("bias", 0)];
  const above = n.b.emit("Greater", [x, n.b.constant(lambda)]);
  const below = n.b.emit("Less", [x, n.b.constant(-lambda)]);
  const inner = n.b.emit("Where", [above, sub(n.b, x, n.b.constant(bias)), n.b.constant(0)]);
  return n.b.emit("Where", [below, add(n.b, x, n.b.constant(bias)), inner]);
}

/** (eˣ ± e⁻ˣ) / 2. */
const hyperbolic = (n: OnnxNode, op: "Add" | "Sub"): Value => {
  const x = n.value(0);
  return scale(n.b, n.b.emit(op, [n.b.emit("Exp", [x]), n.b.emit("Exp", [neg(n.b, x)])]), 0.5);
};

/** An odd function by its branch at and above 0: f(max(x, 0)) − f(max(−x, 0)), so that a box keeps its exact ends. */
function odd(n: OnnxNode, branch: (x: Value) => Value): Value {
  const x = n.value(0);
  const above = (value: Value) => branch(n.b.emit("Relu", [value]));
  return sub(n.b, above(x), above(neg(n.b, x)));
}

const one = (n: OnnxNode): Value => n.b.constant(1);
const log = (n: OnnxNode, x: Value): Value => n.b.emit("Log", [x]);
const sqrt = (n: OnnxNode, x: Value): Value => n.b.emit("Sqrt", [x]);

/** x beyond every number of float32. */
function isInf(n: OnnxNode): Value {
  const x = n.value(0);
  const [up, down] = [n.int("detect_positive", 1) !== 0, n.int("detect_negative", 1) !== 0];
  const beyond = (value: Value) => n.b.emit("Greater", [value, n.b.constant(LARGEST)]);
  if (up && down) return beyond(n.b.emit("Abs", [x]));
  if (up || down) return beyond(up ? x : neg(n.b, x));
  return n.b.emit("And", [beyond(x), n.b.emit("Not", [beyond(x)])]);
}

/** The largest float32. */
const LARGEST = 3.4028234663852886e38;

const same = [
  "Neg",
  "Abs",
  "Sign",
  "Sqrt",
  "Exp",
  "Log",
  "Reciprocal",
  "Sin",
  "Cos",
  "Asin",
  "Atan",
  "Floor",
  "Ceil",
  "Round",
] as const;
const activations = ["HardSwish", "Sigmoid", "Tanh", "Softplus", "Softsign", "Erf"] as const;
const comparisons = ["Greater", "Less", "GreaterOrEqual", "LessOrEqual"] as const;

export const elementwise: ConverterTable = {
  ...Object.fromEntries(same.map((op) => [op, unary(op)])),
  ...Object.fromEntries(activations.map((op) => [op, unary(op)])),
  ...Object.fromEntries(comparisons.map((op) => [op, comparison(op)])),
  Add: binary("Add"),
  Sub: binary("Sub"),
  Mul: binary("Mul"),
  Div: binary("Div"),
  Sum: (n) => chain(n, "Add"),
  Min: (n) => chain(n, "Min"),
  Max: (n) => chain(n, "Max"),
  Mean: (n) => scale(n.b, n.toValue(chain(n, "Add")), 1 / n.arity),
  Mod: mod,
  Pow: pow,
  Tan: (n) => div(n.b, n.b.emit("Sin", [n.value(0)]), n.b.emit("Cos", [n.value(0)])),
  Acos: (n) => sub(n.b, n.b.constant(Math.PI / 2), n.b.emit("Asin", [n.value(0)])),
  Asinh: (n) => odd(n, (x) => log(n, add(n.b, x, sqrt(n, add(n.b, mul(n.b, x, x), one(n)))))),
  Acosh: (n) => {
    const x = n.value(0);
    return log(n, add(n.b, x, sqrt(n, sub(n.b, mul(n.b, x, x), one(n)))));
  },
  Atanh: (n) => {
    const x = n.value(0);
    return scale(n.b, sub(n.b, log(n, add(n.b, one(n), x)), log(n, sub(n.b, one(n), x))), 0.5);
  },
  IsNaN: (n) => n.b.emit("Not", [n.b.emit("Equal", [n.value(0), n.value(0)])]),
  IsInf: isInf,
  Swish: (n) => {
    const x = n.value(0);
    const alpha = n.float("alpha", 1);
    return mul(n.b, x, n.b.emit("Sigmoid", [alpha === 1 ? x : scale(n.b, x, alpha)]));
  },
  Sinh: (n) => hyperbolic(n, "Sub"),
  Cosh: (n) => hyperbolic(n, "Add"),
  Clip: clip,
  Relu: (n) => {
    const x = n.value(0);
    return x.dtype === "int" ? n.b.emit("Max", [x, n.b.ints([0], [])]) : n.b.emit("Relu", [x]);
  },
  LeakyRelu: (n) => n.b.emit("LeakyRelu", [n.value(0)], { alpha: n.float("alpha", 0.01) }),
  PRelu: prelu,
  Elu: (n) => n.b.emit("Elu", [n.value(0)], { alpha: n.float("alpha", 1) }),
  Selu: (n) => {
    const elu = n.b.emit("Elu", [n.value(0)], { alpha: n.float("alpha", SELU.alpha) });
    return scale(n.b, elu, n.float("gamma", SELU.gamma));
  },
  Celu: (n) => {
    const alpha = n.float("alpha", 1);
    if (alpha === 0) throw n.error("its alpha is 0");
    return scale(n.b, n.b.emit("Elu", [scale(n.b, n.value(0), 1 / alpha)], { alpha: 1 }), alpha);
  },
  HardSigmoid: (n) => {
    const line = scale(n.b, n.value(0), n.float("alpha", 0.2));
    return n.b.emit("Clip", [add(n.b, line, n.b.constant(n.float("beta", 0.5)))], { min: 0, max: 1 });
  },
  ThresholdedRelu: (n) => {
    const x = n.value(0);
    return n.b.emit("Where", [n.b.emit("Greater", [x, n.b.constant(n.float("alpha", 1))]), x, n.b.constant(0)]);
  },
  Shrink: shrink,
  Gelu: (n) => {
    const approximate = n.string("approximate", "none");
    if (approximate !== "none" && approximate !== "tanh") throw n.error(`knows no approximation "${approximate}"`);
    return n.b.emit("Gelu", [n.value(0)], { approximate });
  },
  Mish: (n) => mul(n.b, n.value(0), n.b.emit("Tanh", [n.b.emit("Softplus", [n.value(0)])])),
  Equal: equal,
  Where: where,
  And: logical("And"),
  Or: logical("Or"),
  Not: (n) => n.b.emit("Not", [n.value(0)]),
  Xor: (n) => {
    const [x, y] = [n.value(0), n.value(1)];
    const not = (value: Value) => n.b.emit("Not", [value]);
    return n.b.emit("Or", [n.b.emit("And", [x, not(y)]), n.b.emit("And", [not(x), y])]);
  },
};
