/** @file Matrix products and convolutions; a bias becomes an Add of its own. */

import type { Dim } from "../../../graph/dims.ts";
import type { Value } from "../../../graph/types.ts";
import { add, reshape, scale } from "../../../ops/rules.ts";
import type { OnnxNode } from "../node.ts";
import type { ConverterTable } from "./types.ts";
import { planar, readWindow, sharePads } from "./window.ts";

const transposeMatrix = (n: OnnxNode, x: Value): Value => n.b.emit("Transpose", [x], { perm: [1, 0] });

/** A vector operand is a matrix of one row or column for the time of the product. */
function matMul(n: OnnxNode): Value {
  const [x, w] = [n.value(0), n.value(1)];
  if (x.shape.length === 0 || w.shape.length === 0) throw n.error("multiplies a scalar");
  const left: Value = x.shape.length === 1 ? reshape(n.b, x, [1, x.shape[0]!]) : x;
  const right: Value = w.shape.length === 1 ? reshape(n.b, w, [w.shape[0]!, 1]) : w;
  const product: Value = n.b.emit("MatMul", [left, right]);
  if (left === x && right === w) return product;
  const shape: Dim[] = [...product.shape];
  if (right !== w) shape.pop();
  if (left !== x) shape.splice(right !== w ? -1 : -2, 1);
  return reshape(n.b, product, shape);
}

function gemm(n: OnnxNode): Value {
  const [a, b] = [n.value(0), n.value(1)];
  if (a.shape.length !== 2 || b.shape.length !== 2)
    throw n.error(`needs two matrices, got [${a.shape}] and [${b.shape}]`);
  const left = n.int("transA", 0) === 0 ? a : transposeMatrix(n, a);
  const right = n.int("transB", 0) === 0 ? b : transposeMatrix(n, b);
  const [alpha, beta] = [n.float("alpha", 1), n.float("beta", 1)];
  const product: Value = n.b.emit("MatMul", [left, right]);
  const scaled = alpha === 1 ? product : scale(n.b, product, alpha);
  if (!n.has(2) || beta === 0) return scaled;
  return add(n.b, scaled, beta === 1 ? n.value(2) : scale(n.b, n.value(2), beta));
}

/** A bias per channel, [M], beside [N, M, …]. */
function addBias(n: OnnxNode, x: Value): Value {
  const bias = n.optional(2);
  if (!bias) return x;
  if (bias.shape.length !== 1) throw n.error(`its bias [${bias.shape}] should have one axis`);
  return add(n.b, x, reshape(n.b, bias, [bias.shape[0]!, ...new Array<number>(x.shape.length - 2).fill(1)]));
}

/** The kernel's spatial sizes, which an attribute may repeat. */
function kernelOf(n: OnnxNode, w: Value): number[] {
  const kernel = w.shape.slice(2).map((_, i) => n.fixed(w.shape, i + 2, "its kernel's axis"));
  if (n.ints("kernel_shape", kernel).some((size, i) => size !== kernel[i]))
    throw n.error(`its kernel_shape [${n.ints("kernel_shape")}] differs from its weights [${w.shape}]`);
  return kernel;
}

function groupOf(n: OnnxNode): number {
  const group = n.int("group", 1);
  if (!Number.isSafeInteger(group) || group < 1) throw n.error(`its group ${group} is impossible`);
  return group;
}

function conv(n: OnnxNode): Value {
  const [x, w] = [n.value(0), n.value(1)];
  const window = readWindow(n, x.shape, kernelOf(n, w));
  planar(n, window);
  const { strides, dilations, pads } = window;
  return addBias(n, n.b.emit("Conv", [x, w], { strides, dilations, pads, group: groupOf(n) }));
}

function convTranspose(n: OnnxNode): Value {
  const [x, w] = [n.value(0), n.value(1)];
  const window = readWindow(n, x.shape, kernelOf(n, w));
  planar(n, window);
  const { kernel, sizes, strides, dilations } = window;
  let outputPadding = n.ints(
    "output_padding",
    kernel.map(() => 0),
  );
  if (outputPadding.length !== kernel.length || outputPadding.some((pad) => pad < 0))
    throw n.error(`its output_padding [${outputPadding}] does not fit`);
  const auto = n.string("auto_pad", "NOTSET");
  const same = auto === "SAME_UPPER" || auto === "SAME_LOWER";
  let { pads } = window;
  if (same || n.hasAttribute("output_shape")) {
    // ONNX: the output's size is given, and the pads follow; what the windows do not reach is behind them
    const wanted = n.ints(
      "output_shape",
      sizes.map((size, i) => size * strides[i]!),
    );
    if (wanted.length < sizes.length) throw n.error(`its output_shape [${wanted}] does not fit`);
    const totals = sizes.map((size, i) => {
      const full = strides[i]! * (size - 1) + outputPadding[i]! + dilations[i]! * (kernel[i]! - 1) + 1;
      return full - wanted.slice(-sizes.length)[i]!;
    });
    const given = totals.map((total) => Math.max(0, total));
    pads = sharePads(given, auto === "SAME_UPPER" ? "SAME_UPPER" : "SAME_LOWER");
    outputPadding = outputPadding.map((pad, i) => pad + given[i]! - totals[i]!);
  }
  const attrs = { strides, dilations, pads, outputPadding, group: groupOf(n) };
  return addBias(n, n.b.emit("ConvTranspose", [x, w], attrs));
}

export const linear: ConverterTable = {
  MatMul: matMul,
  Gemm: gemm,
  Conv: conv,
  ConvTranspose: convTranspose,
};
