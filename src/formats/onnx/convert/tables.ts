/** @file Of the domain ai.onnx.ml, which libraries for tables export: what is affine, a norm or a softmax. */

import { floatTensor } from "../../../graph/tensor.ts";
import type { Value } from "../../../graph/types.ts";
import { add, mul, sub } from "../../../ops/rules.ts";
import type { OnnxNode } from "../node.ts";
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

/** Scores of every class; the labels themselves are no tensor of scores. */
function linearClassifier(n: OnnxNode): readonly (Value | undefined)[] {
  if (n.wants(0)) throw n.unsupported("its labels are asked for; name its scores as the output");
  const classes = ["classlabels_ints", "classlabels_int64s"].find((name) => n.hasAttribute(name));
  const count = n.hasAttribute("intercepts") ? n.floats("intercepts").length : classes ? n.ints(classes).length : 0;
  if (count < 2)
    throw n.unsupported("has one row of coefficients for two classes; export it with a row for each class");
  const result = scores(n, count);
  const transform = n.string("post_transform", "NONE");
  if (transform === "NONE") return [undefined, result];
  if (transform === "SOFTMAX") return [undefined, n.b.emit("Softmax", [result], { axis: 1 })];
  if (transform === "LOGISTIC") return [undefined, n.b.emit("Sigmoid", [result])];
  throw n.unsupported(`its post_transform ${transform} is not supported`);
}

export const tables: ConverterTable = {
  "ai.onnx.ml.Scaler": (n) => mul(n.b, sub(n.b, n.value(0), row(n, "offset")), row(n, "scale")),
  "ai.onnx.ml.LinearClassifier": linearClassifier,
  "ai.onnx.ml.LinearRegressor": (n) => {
    if (n.string("post_transform", "NONE") !== "NONE") throw n.unsupported("its post_transform is not supported");
    return scores(n, n.int("targets", 1));
  },
};
