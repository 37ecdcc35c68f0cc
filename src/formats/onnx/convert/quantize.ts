/**
 * @file Quantised tensors, as the functions of real numbers that they are: rounded to steps and clipped. The whole numbers
 * themselves are kept as floats.
 */

import type { Value } from "../../../graph/types.ts";
import { add, div, mul, reshape, sub } from "../../../ops/rules.ts";
import type { OnnxNode } from "../node.ts";
import { DATA_TYPE, dataTypeName } from "../proto.ts";
import type { ConverterTable } from "./types.ts";

const RANGES: Readonly<Record<number, readonly [low: number, high: number]>> = {
  [DATA_TYPE.UINT8]: [0, 255],
  [DATA_TYPE.INT8]: [-128, 127],
  [DATA_TYPE.UINT16]: [0, 65535],
  [DATA_TYPE.INT16]: [-32768, 32767],
};

/** A scale or zero point beside x: one number, or one a place on `axis`. */
function beside(n: OnnxNode, index: number, x: Value): Value {
  const value = n.value(index);
  if (n.int("block_size", 0) !== 0) throw n.unsupported("is quantised in blocks; export the model in float32");
  const count = value.shape.reduce<number>((product, dim) => product * Number(dim), 1);
  if (count === 1) return reshape(n.b, value, []);
  const axis = n.axis(n.int("axis", 1), x.shape.length);
  if (value.shape.length !== 1 || x.shape[axis] !== count)
    throw n.error(`its input ${index} has ${count} elements, which do not fit axis ${axis} of [${x.shape}]`);
  return reshape(
    n.b,
    value,
    x.shape.map((_, i) => (i === axis ? count : 1)),
  );
}

/** clip(round(x / scale), low − zero, high − zero) + zero, ties to even. */
function quantize(n: OnnxNode): Value {
  const x = n.value(0);
  const type = n.int("output_dtype", 0) || n.typeOf(2) || DATA_TYPE.UINT8;
  const range = RANGES[type];
  if (!range) throw n.unsupported(`quantises to ${dataTypeName(type)}; export the model in float32`);
  const steps = n.b.emit("Round", [div(n.b, x, beside(n, 1, x))]);
  const shifted = n.has(2) ? add(n.b, steps, beside(n, 2, x)) : steps;
  return n.b.emit("Clip", [shifted], { min: range[0], max: range[1] });
}

/** (x − zero) · scale, rounded once: a constant gets the very bits that the runtime computes. */
function dequantize(n: OnnxNode): Value {
  const given = n.value(0);
  const x = given.dtype === "float" ? given : n.b.emit("Cast", [given], { to: "float" });
  const scale = beside(n, 1, x);
  const zero = n.has(2) ? beside(n, 2, x) : undefined;
  const [values, scales, zeros] = [given, scale, zero].map((value) => value && n.b.constantOf(value));
  if (values && scales && (!zero || zeros)) {
    const { shape } = values;
    n.b.claim(values.data.length);
    const at = placesOf(shape, n, scales.data.length > 1 || (zeros?.data.length ?? 1) > 1);
    const pick = (data: ArrayLike<number>, i: number) => data[data.length === 1 ? 0 : at(i)]!;
    const data = Float32Array.from(values.data, (value, i) =>
      Math.fround(Math.fround(value - (zeros ? pick(zeros.data, i) : 0)) * Math.fround(pick(scales.data, i))),
    );
    return n.b.constant({ dtype: "float", shape, data });
  }
  return mul(
    n.b,
    zero ? sub(n.b, x, zero.dtype === "float" ? zero : n.b.emit("Cast", [zero], { to: "float" })) : x,
    scale,
  );
}

/** Places along the axis of scales, for elements in order. */
function placesOf(shape: readonly number[], n: OnnxNode, several: boolean): (i: number) => number {
  if (!several) return () => 0;
  const axis = n.axis(n.int("axis", 1), shape.length);
  const inner = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  return (i) => Math.floor(i / inner) % shape[axis]!;
}

export const quantizing: ConverterTable = { QuantizeLinear: quantize, DequantizeLinear: dequantize };
