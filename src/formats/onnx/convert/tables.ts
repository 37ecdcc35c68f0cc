/** @file Of the domain ai.onnx.ml, which libraries for tables export: what is affine, a norm or a softmax. */

import { floatTensor } from "../../../graph/tensor.ts";
import type { Value } from "../../../graph/types.ts";
import { add, div, mul, sub } from "../../../ops/rules.ts";
import type { OnnxNode } from "../node.ts";
import type { Operand } from "../operand.ts";
import { takeAxis } from "./movement.ts";
import type { ConverterTable } from "./types.ts";

const row = (n: OnnxNode, name: string): Value => {
  const values = n.floats(name);
  return n.b.constant(floatTensor([values.length], values));
};

/** x·Wᵀ + b; `rows` of coefficients lie one after the other. */
function scores(n: OnnxNode, rows: number): Value {
  const x = n.value(0);
  if (x.shape.length !== 2) throw n.error(`needs a table [N, features], got [${x.shape}]`);
  const columns = n.fixed(x.shape, 1);
  const coefficients = n.floats("coefficients");
  if (rows < 1 || coefficients.length !== rows * columns)
    throw n.unsupported(`has ${coefficients.length} coefficients for ${columns} features and ${rows} results`);
  const turned = Array.from(
    { length: rows * columns },
    (_, at) => coefficients[(at % rows) * columns + Math.floor(at / rows)]!,
  );
  const product = n.b.emit("MatMul", [x, n.b.constant(floatTensor([columns, rows], turned))]);
  return n.hasAttribute("intercepts") ? add(n.b, product, row(n, "intercepts")) : product;
}

/**
 * Scores of every class, as ONNX Runtime has them; the labels themselves are no tensor of scores. Of one row of
 * coefficients for two classes it puts out 1 − z and z, whatever the transform but for LOGISTIC, and yet labels by z > 0.
 */
function linearClassifier(n: OnnxNode): readonly (Value | undefined)[] {
  if (n.wants(0)) throw n.unsupported("its labels are asked for; name its scores as the output");
  // the runtime wants them, and counts the rows by them
  const rows = n.floats("intercepts").length;
  const classes = classesOf(n);
  const transform = n.string("post_transform", "NONE");
  if (rows === 1 && classes === 2) {
    if (transform !== "LOGISTIC")
      throw n.unsupported(
        `with one row of coefficients for two classes and post_transform ${transform}, its scores 1 − z and z say another class than its label, z > 0; export it with a row for each class`,
      );
    const second = n.b.emit("Sigmoid", [scores(n, 1)]);
    return [undefined, n.b.emit("Concat", [sub(n.b, n.b.constant(1), second), second], { axis: 1 })];
  }
  if (rows < 2 || classes !== rows) throw n.unsupported(`has ${rows} intercepts for ${classes} classes`);
  const result = scores(n, rows);
  if (transform === "NONE") return [undefined, result];
  if (transform === "SOFTMAX") return [undefined, n.b.emit("Softmax", [result], { axis: 1 })];
  if (transform === "LOGISTIC") return [undefined, n.b.emit("Sigmoid", [result])];
  throw n.unsupported(`its post_transform ${transform} is not supported`);
}

function classesOf(n: OnnxNode): number {
  if (n.hasAttribute("classlabels_strings")) return n.strings("classlabels_strings").length;
  return n.ints("classlabels_ints").length;
}

/** The smallest float above 0: a row of zeros stays one, and every other is divided by its norm. */
const TINY = 2 ** -149;

/** Rows of [N, C] divided by a norm, as ONNX Runtime has it: MAX is the largest element itself, whatever its sign. */
function normalizer(n: OnnxNode): Value {
  const x = n.value(0);
  const axes = [n.axis(-1, x.shape.length)];
  const reduce = (op: "ReduceSum" | "ReduceMax", value: Value) => n.b.emit(op, [value], { axes, keepdims: true });
  const norm = n.string("norm", "MAX");
  const positive = (sum: Value) => n.b.emit("Max", [sum, n.b.constant(TINY)]);
  if (norm === "L1") return div(n.b, x, positive(reduce("ReduceSum", n.b.emit("Abs", [x]))));
  if (norm === "L2") return div(n.b, x, n.b.emit("Sqrt", [positive(reduce("ReduceSum", mul(n.b, x, x)))]));
  if (norm !== "MAX") throw n.error(`its norm ${norm} is none of MAX, L1, L2`);
  const largest = reduce("ReduceMax", x);
  const zero = n.b.emit("Equal", [largest, n.b.constant(0)]);
  return div(n.b, x, n.b.emit("Where", [zero, n.b.constant(1), largest]));
}

/** Columns at constant places, negative ones refused as the runtime does. */
function columnsAt(n: OnnxNode): Operand {
  const x = n.value(0);
  const size = n.fixed(x.shape, x.shape.length - 1);
  const places = n.numbers(1);
  if (x.shape.length !== 2 || places.length === 0 || places.some((at) => at < 0 || at >= size))
    throw n.unsupported(`takes columns [${places}] of [${x.shape}]`);
  return takeAxis(n, x, 1, places);
}

/** Tables beside each other; the runtime cuts or fills up those whose declared width is another than their own. */
function featureVectorizer(n: OnnxNode): Value {
  const parts = n.values();
  const widths = n.ints("inputdimensions");
  if (parts.length !== widths.length || parts.some(({ shape }, i) => shape.length !== 2 || shape[1] !== widths[i]))
    throw n.unsupported(`has tables of other widths than its inputdimensions [${widths}]`);
  return n.b.emit("Concat", parts, { axis: 1 });
}

/** What is missing in a table is a number that is none; no input that is examined holds one. */
function imputer(n: OnnxNode): Value {
  if (!n.isNaN("replaced_value_float"))
    throw n.unsupported("replaces numbers, so that its result jumps there; only missing values, NaN, may be replaced");
  return n.value(0);
}

export const tables: ConverterTable = {
  "ai.onnx.ml.Scaler": (n) => mul(n.b, sub(n.b, n.value(0), row(n, "offset")), row(n, "scale")),
  "ai.onnx.ml.ArrayFeatureExtractor": columnsAt,
  "ai.onnx.ml.Binarizer": (n) => n.b.emit("Step", [sub(n.b, n.value(0), n.b.constant(n.float("threshold", 0)))]),
  "ai.onnx.ml.FeatureVectorizer": featureVectorizer,
  "ai.onnx.ml.Imputer": imputer,
  "ai.onnx.ml.LinearClassifier": linearClassifier,
  "ai.onnx.ml.Normalizer": normalizer,
  "ai.onnx.ml.LinearRegressor": (n) => {
    if (n.string("post_transform", "NONE") !== "NONE") throw n.unsupported("its post_transform is not supported");
    return scores(n, n.int("targets", 1));
  },
};
