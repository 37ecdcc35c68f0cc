/**
 * @file The hidden layers once more, written for speed in training: the batch is the last axis, so that the windows of
 * all images are gathered in long runs and a convolution is one large matrix product, as is its gradient in the weights.
 *
 * The same function as `features`, and for boxes the same bounds as the `interval` transform on it; tests compare them.
 * Used where weights are inputs: with constant weights the runtime's own convolution is faster.
 */

import { sizeOf } from "../../graph/dims.ts";
import type { Builder, Value } from "../../graph/types.ts";
import { type Interval, isPoint, point } from "../../ops/op.ts";
import { abs, add, centreRadius, reshape, scale, sub } from "../../ops/rules.ts";
import {
  type AffineBlock,
  type Block,
  type ConvLayer,
  type Model,
  normalise,
  type ParameterValues,
} from "./architectures.ts";

/**
 * What the last layer reads, for a point (`point(x)`) or a box of images.
 *
 * @param x ends [N, C, H, W]  @returns ends [N, F]; one value at both ends for a point
 * @source Gowal et al. 2018, arXiv:1810.12715 (centre and radius)
 */
export function columnFeatures(b: Builder, model: Model, values: ParameterValues, x: Interval): Interval {
  let batchLast = false;
  const turn = (value: Value) => b.emit("Transpose", [value], { perm: [1, 0] });
  let y = ends(x, (value) => reshape(b, normalise(b, model, value), ["N", sizeOf(model.inputShape)]));
  for (const block of model.hidden) {
    const isDense = block.kind === "affine" && block.layer.kind === "dense";
    if (batchLast === isDense) y = ends(y, turn);
    batchLast = !isDense;
    y = through(b, block, values, y);
  }
  return batchLast ? ends(y, turn) : y;
}

const ends = (of: Interval, f: (value: Value) => Value): Interval =>
  isPoint(of) ? point(f(of.lower)) : { lower: f(of.lower), upper: f(of.upper) };

/** Dense layers: [N, units]; all others: [units, N]. */
function through(b: Builder, block: Block, values: ParameterValues, x: Interval): Interval {
  const relu = (box: Interval) => ends(box, (value) => b.emit("Relu", [value]));
  switch (block.kind) {
    case "affine":
      return relu(affine(b, block, values, x));
    case "residual": {
      const { first, second, shortcut } = block;
      const branch = affine(b, second, values, relu(affine(b, first, values, x)));
      return relu(sum(b, branch, shortcut ? affine(b, shortcut, values, x) : x));
    }
    case "pool":
      return ends(x, (value) => {
        const [channels, positions] = [block.input[0]!, sizeOf(block.input.slice(1))];
        const planes = reshape(b, value, [channels, positions, "N"]);
        return scale(b, b.emit("ReduceSum", [planes], { axes: [1], keepdims: false }), 1 / positions);
      });
  }
}

/** The box of a sum of any points of two boxes; both are points or both are boxes. */
const sum = (b: Builder, x: Interval, y: Interval): Interval =>
  isPoint(x) ? point(add(b, x.lower, y.lower)) : { lower: add(b, x.lower, y.lower), upper: add(b, x.upper, y.upper) };

function affine(b: Builder, block: AffineBlock, values: ParameterValues, x: Interval): Interval {
  const layer = layerOf(b, block, values);
  const { centre, radius } = centreRadius(b, x);
  const at = add(b, layer.map(centre, layer.weight), layer.bias);
  const spread = radius && layer.map(radius, abs(b, layer.weight));
  const box = spread ? { lower: sub(b, at, spread), upper: add(b, at, spread) } : point(at);
  return ends(box, layer.back);
}

interface LinearLayer {
  readonly weight: Value;
  readonly bias: Value;
  readonly map: (x: Value, weight: Value) => Value;
  /** From the product's shape to [units, N] or [N, units]. */
  readonly back: (y: Value) => Value;
}

function layerOf(
  b: Builder,
  { layer, weight, bias, input, output }: AffineBlock,
  values: ParameterValues,
): LinearLayer {
  const [w, c] = [values.get(weight)!, values.get(bias)!];
  if (layer.kind === "dense") return { weight: w, bias: c, map: (x, by) => b.emit("MatMul", [x, by]), back: (y) => y };
  const taps = sizeOf(weight.shape.slice(1));
  const gather = windowsOf(b, layer, input, output);
  const positions = sizeOf(output.slice(1));
  return {
    weight: reshape(b, w, [layer.filters, taps]),
    bias: reshape(b, c, [layer.filters, 1]),
    map: (x, by) => b.emit("MatMul", [by, reshape(b, gather(x), [taps, positions === 1 ? "N" : `${positions}N`])]),
    back: (y) => reshape(b, y, [sizeOf(output), "N"]),
  };
}

/** Gathers the windows of [C·H·W, N]: [C·kernel²·positions, N], padded by zeros. */
function windowsOf(
  b: Builder,
  { kernel, stride, pad }: ConvLayer,
  input: readonly number[],
  output: readonly number[],
): (x: Value) => Value {
  const [channels, height, width] = input as [number, number, number];
  const [rows, columns] = [height + 2 * pad, width + 2 * pad];
  const places: number[] = [];
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < kernel; i++)
      for (let j = 0; j < kernel; j++)
        for (let y = 0; y < output[1]!; y++)
          for (let x = 0; x < output[2]!; x++) places.push((c * rows + y * stride + i) * columns + x * stride + j);
  const indices = b.ints(places);
  return (x) => {
    const image = reshape(b, x, [channels, height, width, "N"]);
    const padded = b.emit("Pad", [image], { pads: [0, pad, pad, 0, 0, pad, pad, 0], value: 0 });
    return b.emit("Gather", [reshape(b, padded, [channels * rows * columns, "N"]), indices], { axis: 0 });
  };
}
