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
import { abs, add, centreRadius, reshape, sub } from "../../ops/rules.ts";
import { type Block, type ConvLayer, type Model, normalise, type ParameterValues } from "./architectures.ts";

/**
 * What the last layer reads, for a point (`point(x)`) or a box of images.
 *
 * @param x ends [N, C, H, W]  @returns ends [N, F]; one value at both ends for a point
 * @source Gowal et al. 2018, arXiv:1810.12715 (centre and radius)
 */
export function columnFeatures(b: Builder, model: Model, values: ParameterValues, x: Interval): Interval {
  const ends = (f: (value: Value) => Value, of: Interval): Interval =>
    isPoint(of) ? point(f(of.lower)) : { lower: f(of.lower), upper: f(of.upper) };
  let shape = model.inputShape;
  let batchLast = false;
  const turn = (value: Value) => b.emit("Transpose", [value], { perm: [1, 0] });
  let y = ends((value) => reshape(b, normalise(b, model, value), ["N", sizeOf(shape)]), x);
  for (const block of model.blocks.slice(0, -1)) {
    if (batchLast !== (block.layer.kind === "conv")) y = ends(turn, y);
    batchLast = block.layer.kind === "conv";
    const [layer, outputs] = layerOf(b, block, values, shape);
    const { centre, radius } = centreRadius(b, y);
    const at = add(b, layer.map(centre, layer.weight), layer.bias);
    const spread = radius && layer.map(radius, abs(b, layer.weight));
    const box = spread ? { lower: sub(b, at, spread), upper: add(b, at, spread) } : point(at);
    y = ends((value) => layer.back(b.emit("Relu", [value])), box);
    shape = outputs;
  }
  return batchLast ? ends(turn, y) : y;
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
  { layer, weight, bias }: Block,
  values: ParameterValues,
  shape: readonly number[],
): readonly [LinearLayer, readonly number[]] {
  const [w, c] = [values.get(weight)!, values.get(bias)!];
  if (layer.kind === "dense") {
    const product = (x: Value, by: Value) => b.emit("MatMul", [x, by]);
    return [{ weight: w, bias: c, map: product, back: (y) => y }, [layer.units]];
  }
  const taps = sizeOf(weight.shape.slice(1));
  const { gather, sizes } = windowsOf(b, layer, shape);
  const positions = sizeOf(sizes);
  const outputs = [layer.filters, ...sizes];
  const linear: LinearLayer = {
    weight: reshape(b, w, [layer.filters, taps]),
    bias: reshape(b, c, [layer.filters, 1]),
    map: (x, by) => b.emit("MatMul", [by, reshape(b, gather(x), [taps, positions === 1 ? "N" : `${positions}N`])]),
    back: (y) => reshape(b, y, [sizeOf(outputs), "N"]),
  };
  return [linear, outputs];
}

/** Gathers the windows of [C·H·W, N]: [C·kernel²·positions, N], padded by zeros. */
function windowsOf(b: Builder, { kernel, stride, pad }: ConvLayer, shape: readonly number[]) {
  const [channels, height, width] = shape as [number, number, number];
  const [rows, columns] = [height + 2 * pad, width + 2 * pad];
  const count = (size: number) => Math.floor((size - kernel) / stride) + 1;
  const sizes = [count(rows), count(columns)] as const;
  const places: number[] = [];
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < kernel; i++)
      for (let j = 0; j < kernel; j++)
        for (let y = 0; y < sizes[0]; y++)
          for (let x = 0; x < sizes[1]; x++) places.push((c * rows + y * stride + i) * columns + x * stride + j);
  const indices = b.ints(places);
  const gather = (x: Value): Value => {
    const image = reshape(b, x, [channels, height, width, "N"]);
    const padded = b.emit("Pad", [image], { pads: [0, pad, pad, 0, 0, pad, pad, 0], value: 0 });
    return b.emit("Gather", [reshape(b, padded, [channels * rows * columns, "N"]), indices], { axis: 0 });
  };
  return { gather, sizes };
}
