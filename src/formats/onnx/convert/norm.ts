/** @file Normalisations and softmax, in primitive ops. */

import { type Dim, elements, type Shape, sizeOf } from "../../../graph/dims.ts";
import type { Tensor, Value } from "../../../graph/types.ts";
import { add, div, mul, reshape, scale, sub } from "../../../ops/rules.ts";
import { doubles } from "../fold.ts";
import type { OnnxNode } from "../node.ts";
import type { Operand } from "../operand.ts";
import type { ConverterTable } from "./types.ts";

const ones = (count: number): number[] => new Array<number>(count).fill(1);

function channelled(n: OnnxNode, x: Value): Value {
  if (x.shape.length < 2) throw n.error(`needs an input with channels, got [${x.shape}]`);
  return x;
}

/** [C] as [C, 1, …], beside [N, C, …]. */
const perChannel = (n: OnnxNode, x: Value, rank: number): Value => {
  if (x.shape.length !== 1) throw n.error(`a parameter of shape [${x.shape}] should have one axis`);
  return reshape(n.b, x, [x.shape[0]!, ...ones(rank - 2)]);
};

/**
 * Inference: x·a + c with a = scale/√(var + ε) in double and c = bias − mean·a. The runtime computes c in float32, where
 * it may cancel: it stays in the graph, so that a float-sound bound counts its rounding.
 */
function batchNormalization(n: OnnxNode): Value {
  const training = n.opset < 7 ? n.int("is_test", 0) === 0 : n.int("training_mode", 0) !== 0;
  if (training || [1, 2, 3, 4].some((output) => n.declares(output)))
    throw n.unsupported("is in training mode; export the model for inference");
  if (n.int("spatial", 1) !== 1) throw n.unsupported("spatial = 0 is not supported");
  const x = channelled(n, n.value(0));
  const channels = n.fixed(x.shape, 1, "its channel axis");
  const parameters = [1, 2, 3, 4].map((index) => n.b.constantOf(n.value(index)));
  if (parameters.some((parameter) => parameter === undefined)) return normalizeByValues(n, x);
  const [gain, bias, mean, variance] = (parameters as Tensor[]).map(({ data }) => data);
  if (parameters.some((parameter) => parameter!.data.length !== channels))
    throw n.error(`its parameters should have ${channels} elements`);
  const epsilon = n.float("epsilon", 1e-5);
  const a = Array.from(gain!, (value, i) => value / Math.sqrt(variance![i]! + epsilon));
  if (a.some((value) => !Number.isFinite(value))) throw n.error("its variance makes it infinite");
  const shape = [channels, ...ones(x.shape.length - 2)];
  const constant = (values: ArrayLike<number>) => n.b.constant(doubles(shape, Array.from(values)));
  const factor = constant(a);
  const shift = sub(n.b, constant(bias!), mul(n.b, constant(mean!), factor));
  return add(n.b, mul(n.b, x, factor), shift);
}

/** Parameters that the graph computes. */
function normalizeByValues(n: OnnxNode, x: Value): Value {
  const [gain, bias, mean, variance] = [1, 2, 3, 4].map((index) => perChannel(n, n.value(index), x.shape.length));
  const deviation = n.b.emit("Sqrt", [add(n.b, variance!, n.b.constant(n.float("epsilon", 1e-5)))]);
  return add(n.b, mul(n.b, div(n.b, sub(n.b, x, mean!), deviation), gain!), bias!);
}

/** (x − mean) and 1/√(variance + ε) over the axes. */
function standardize(n: OnnxNode, x: Value, axes: readonly number[], epsilon: number) {
  const size = elements(axes.map((axis) => x.shape[axis]!));
  if (typeof size !== "number") throw n.unsupported("normalises over the batch");
  const mean = (value: Value) => scale(n.b, n.b.emit("ReduceSum", [value], { axes, keepdims: true }), 1 / size);
  const centre = mean(x);
  const centred = sub(n.b, x, centre);
  const variance = add(n.b, mean(mul(n.b, centred, centred)), n.b.constant(epsilon));
  const inverse = n.b.emit("Reciprocal", [n.b.emit("Sqrt", [variance])]);
  return { centre, inverse, result: mul(n.b, centred, inverse) };
}

/** x / √(mean x² + ε) · scale, over the axes from `axis` on. */
function rmsNormalization(n: OnnxNode): Value {
  const x = n.value(0);
  const axes = spatialAxes(x, n.axis(n.int("axis", -1), x.shape.length));
  const size = elements(axes.map((axis) => x.shape[axis]!));
  if (typeof size !== "number") throw n.unsupported("normalises over the batch");
  const squares = n.b.emit("ReduceSum", [mul(n.b, x, x)], { axes, keepdims: true });
  const mean = add(n.b, scale(n.b, squares, 1 / size), n.b.constant(n.float("epsilon", 1e-5)));
  return mul(n.b, mul(n.b, x, n.b.emit("Reciprocal", [n.b.emit("Sqrt", [mean])])), n.value(1));
}

/** x divided by its norm along one axis. */
function lpNormalization(n: OnnxNode): Value {
  const x = n.value(0);
  const axes = [n.axis(n.int("axis", -1), x.shape.length)];
  const p = n.int("p", 2);
  if (p !== 1 && p !== 2) throw n.error(`its p ${p} is neither 1 nor 2`);
  const terms = p === 1 ? n.b.emit("Abs", [x]) : mul(n.b, x, x);
  const sum = n.b.emit("ReduceSum", [terms], { axes, keepdims: true });
  return div(n.b, x, p === 1 ? sum : n.b.emit("Sqrt", [sum]));
}

const spatialAxes = (x: Value, from = 2): number[] => x.shape.slice(from).map((_, i) => i + from);

function instanceNormalization(n: OnnxNode): Value {
  const x = channelled(n, n.value(0));
  const { result } = standardize(n, x, spatialAxes(x), n.float("epsilon", 1e-5));
  const [gain, bias] = [perChannel(n, n.value(1), x.shape.length), perChannel(n, n.value(2), x.shape.length)];
  return add(n.b, mul(n.b, result, gain), bias);
}

function layerNormalization(n: OnnxNode): Operand[] {
  const x = n.value(0);
  const axis = n.axis(n.int("axis", -1), x.shape.length);
  const { centre, inverse, result } = standardize(n, x, spatialAxes(x, axis), n.float("epsilon", 1e-5));
  const scaled = mul(n.b, result, n.value(1));
  return [n.has(2) ? add(n.b, scaled, n.value(2)) : scaled, centre, inverse];
}

/** Opset 18 gives scale and bias per group, 21 per channel. */
function groupNormalization(n: OnnxNode): Value {
  const x = channelled(n, n.value(0));
  const [groups, channels] = [n.int("num_groups"), n.fixed(x.shape, 1, "its channel axis")];
  if (groups < 1 || channels % groups !== 0) throw n.error(`${channels} channels do not divide into ${groups} groups`);
  const grouped = reshape(n.b, x, [x.shape[0]!, groups, channels / groups, ...x.shape.slice(2)]);
  const { result } = standardize(n, grouped, spatialAxes(grouped), n.float("epsilon", 1e-5));
  const parameter = (index: number) => perChannel(n, n.value(index), (n.opset < 21 ? grouped : x).shape.length);
  const affine = (value: Value) => add(n.b, mul(n.b, value, parameter(1)), parameter(2));
  return n.opset < 21 ? reshape(n.b, affine(result), x.shape) : affine(reshape(n.b, result, x.shape));
}

/** (x − mean) / (√variance + 1e−9), over axes 0, 2, 3 unless said otherwise. */
function meanVarianceNormalization(n: OnnxNode): Value {
  const x = n.value(0);
  const axes = n.axes(n.ints("axes", [0, 2, 3]), x.shape.length);
  const size = elements(axes.map((axis) => x.shape[axis]!));
  if (typeof size !== "number") throw n.unsupported("normalises over the batch");
  const mean = (value: Value) => scale(n.b, n.b.emit("ReduceSum", [value], { axes, keepdims: true }), 1 / size);
  const centred = sub(n.b, x, mean(x));
  const deviation = n.b.emit("Sqrt", [mean(mul(n.b, centred, centred))]);
  return div(n.b, centred, add(n.b, deviation, n.b.constant(1e-9)));
}

/**
 * x / (bias + α/size · Σ x²)^β over neighbouring channels; the sum is a product with a band matrix, in which the bias is
 * a further column. The runtime keeps one running sum over the channels, which carries the rounding of all windows before
 * it. So that a float-sound bound counts that rounding, every square is also added and taken away again with a quarter of
 * its weight: 2·¼ of all squares, times the 3.05·γ(2·channels + 9) of such a product, is more than their 2·channels
 * roundings.
 */
function localResponseNormalization(n: OnnxNode): Value {
  const x = channelled(n, n.value(0));
  const channels = n.fixed(x.shape, 1, "its channel axis");
  const size = n.int("size");
  if (size < 1) throw n.error(`its size ${size} is impossible`);
  const columns = 2 * channels + 1;
  n.b.claim(channels, columns);
  const [before, after] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
  const weight = n.float("alpha", 1e-4) / size;
  const bias = n.float("bias", 1);
  const band = Float64Array.from({ length: channels * columns }, (_, at) => {
    const [i, j] = [Math.floor(at / columns), at % columns];
    if (j >= channels) return j === columns - 1 ? bias : -weight / 4;
    return j >= i - before && j <= i + after ? 1.25 * weight : weight / 4;
  });
  const squares = reshape(n.b, mul(n.b, x, x), [x.shape[0]!, channels, elements(x.shape.slice(2))]);
  const twice = n.b.emit("Concat", [squares, squares], { axis: 1 });
  const withOne = n.b.emit("Pad", [twice], { pads: [0, 0, 0, 0, 1, 0], value: 1 });
  const base = n.b.emit("MatMul", [n.b.constant(doubles([channels, columns], band)), withOne]);
  return div(n.b, x, n.b.emit("Pow", [reshape(n.b, base, x.shape), n.b.constant(n.float("beta", 0.75))]));
}

/** Opset 13 made it one axis, the last by default; before, everything from `axis` (1) on is one. */
const softmax =
  (op: "Softmax" | "LogSoftmax") =>
  (n: OnnxNode): Value => {
    const x = n.value(0);
    const axis = n.axis(n.int("axis", n.opset < 13 ? 1 : -1), x.shape.length);
    if (n.opset >= 13 || elements(x.shape.slice(axis + 1)) === 1) return n.b.emit(op, [x], { axis });
    const flat: Shape = [...x.shape.slice(0, axis), tailSize(n, x.shape.slice(axis))];
    return reshape(n.b, n.b.emit(op, [reshape(n.b, x, flat)], { axis }), x.shape);
  };

function tailSize(n: OnnxNode, shape: readonly Dim[]): number {
  if (shape.some((dim) => typeof dim !== "number")) throw n.unsupported("goes over the batch axis");
  return sizeOf(shape as readonly number[]);
}

export const normalizations: ConverterTable = {
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
  LayerNormalization: layerNormalization,
  GroupNormalization: groupNormalization,
  MeanVarianceNormalization: meanVarianceNormalization,
  RMSNormalization: rmsNormalization,
  LpNormalization: lpNormalization,
  LRN: localResponseNormalization,
  Softmax: softmax("Softmax"),
  LogSoftmax: softmax("LogSoftmax"),
};
