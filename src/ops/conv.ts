/** @file Convolution and its transpose, over one or two spatial axes. A bias is an Add of its own. */

import { bindDim, type Dim, fixed, type Shape, ShapeError, sizeOf } from "../graph/dims.ts";
import type { ConvAttrs } from "../graph/signatures.ts";
import { allocate } from "../graph/tensor.ts";
import type { Builder, Tensor, Value } from "../graph/types.ts";
import { bilinearInterval } from "./linear.ts";
import { defineOp, floatType } from "./op.ts";
import { bilinear, reshape } from "./rules.ts";

/** Windows that fit: ⌊(in + pads − dilation·(kernel − 1) − 1) / stride⌋ + 1. */
export const windowCount = (
  size: number,
  kernel: number,
  axis: number,
  { strides, dilations, pads }: Omit<ConvAttrs, "group">,
): number =>
  Math.floor(
    (size + pads[axis]! + pads[axis + strides.length]! - dilations[axis]! * (kernel - 1) - 1) / strides[axis]!,
  ) + 1;

const spatial = (shape: Shape): number[] => shape.slice(2).map((dim, i) => fixed(dim, `spatial axis ${i}`));

const groupOf = (dim: Dim, group: number): Dim =>
  group === 1 ? dim : fixed(dim, "channels of a grouped convolution") / group;

/** [N, C, …] ∗ [M, C/group, …] → [N, M, …]. */
export const Conv = defineOp<"Conv">({
  name: "Conv",
  arity: 2,
  infer: ([x, w], attrs) => {
    checkRanks(x!, w!, attrs);
    if (groupOf(x!.shape[1]!, attrs.group) !== w!.shape[1])
      throw new ShapeError(
        `${x!.shape[1]} channels in ${attrs.group} groups do not fit a kernel for ${w!.shape[1]}; channels come first (NCHW)`,
      );
    const kernel = spatial(w!.shape);
    const sizes = spatial(x!.shape).map((size, axis) => windowCount(size, kernel[axis]!, axis, attrs));
    if (sizes.some((size) => size < 1)) throw new ShapeError(`kernel [${kernel}] is larger than the padded input`);
    return floatType([x!.shape[0]!, w!.shape[0]!, ...sizes]);
  },
  evaluate: ([x, w], attrs) => {
    const [, , ...sizes] = Conv.infer([x!, w!] as never, attrs).shape as number[];
    const out = allocate("float", [x!.shape[0]!, w!.shape[0]!, ...sizes]);
    slide(x!, w!, out, attrs, (i, k, o) => {
      out.data[o]! += x!.data[i]! * w!.data[k]!;
    });
    return out;
  },
  vjp: (b, { inputs: [x, w], attrs, wanted }, dy) => {
    const kernel = spatial(w!.shape);
    return [
      wanted[0] ? inputCotangent(b, dy, w!, attrs, spatial(x!.shape), kernel) : undefined,
      wanted[1] ? weightCotangent(b, x!, dy, attrs, kernel) : undefined,
    ];
  },
  linearity: bilinear,
  interval: (b, [x, w], attrs) => bilinearInterval(b, (p, q) => b.emit("Conv", [p, q], attrs), x!, w!),
  relax: { unsupported: "the kernel varies" },
  rounding: { kind: "sum", terms: ([, w]) => sizeOf(w!.shape.slice(1).map((dim) => bindDim(dim, 1))) },
  fanOut: ([x, w], attrs, operand) =>
    operand === 0
      ? (bindDim(w!.shape[0]!, 1) / attrs.group) * sizeOf(spatial(w!.shape))
      : bindDim(x!.shape[0]!, 1) * sizeOf(spatial(x!.shape)),
});

/** The adjoint of Conv in x: [N, C, …] and [C, M/group, …] → [N, M, …]. */
export const ConvTranspose = defineOp<"ConvTranspose">({
  name: "ConvTranspose",
  arity: 2,
  infer: ([x, w], attrs) => {
    checkRanks(x!, w!, attrs);
    if (x!.shape[1] !== w!.shape[0])
      throw new ShapeError(
        `${x!.shape[1]} channels do not fit a kernel for ${w!.shape[0]}; channels come first (NCHW)`,
      );
    const { strides, dilations, pads, outputPadding } = attrs;
    const kernel = spatial(w!.shape);
    const sizes = spatial(x!.shape).map(
      (size, i) =>
        (size - 1) * strides[i]! -
        pads[i]! -
        pads[i + kernel.length]! +
        dilations[i]! * (kernel[i]! - 1) +
        1 +
        outputPadding[i]!,
    );
    if (sizes.some((size) => size < 1)) throw new ShapeError(`pads [${pads}] leave nothing of the output`);
    const channels = attrs.group === 1 ? w!.shape[1]! : fixed(w!.shape[1], "kernel channels") * attrs.group;
    return floatType([x!.shape[0]!, channels, ...sizes]);
  },
  evaluate: ([x, w], attrs) => {
    const shape = ConvTranspose.infer([x!, w!] as never, attrs).shape as number[];
    const out = allocate("float", shape);
    slide(out, w!, x!, attrs, (i, k, o) => {
      out.data[i]! += x!.data[o]! * w!.data[k]!;
    });
    return out;
  },
  vjp: (b, { inputs: [x, w], attrs, wanted }, dy) => {
    const conv: ConvAttrs = {
      strides: attrs.strides,
      dilations: attrs.dilations,
      pads: attrs.pads,
      group: attrs.group,
    };
    return [
      wanted[0] ? b.emit("Conv", [dy, w!], conv) : undefined,
      wanted[1] ? weightCotangent(b, dy, x!, conv, spatial(w!.shape)) : undefined,
    ];
  },
  linearity: bilinear,
  interval: (b, [x, w], attrs) => bilinearInterval(b, (p, q) => b.emit("ConvTranspose", [p, q], attrs), x!, w!),
  relax: { unsupported: "the kernel varies" },
  rounding: {
    kind: "sum",
    terms: ([, w], { group }) => (bindDim(w!.shape[0]!, 1) / group) * sizeOf(spatial(w!.shape)),
  },
  fanOut: ([x, w], _, operand) =>
    operand === 0
      ? bindDim(w!.shape[1]!, 1) * sizeOf(spatial(w!.shape))
      : bindDim(x!.shape[0]!, 1) * sizeOf(spatial(x!.shape)),
});

function checkRanks(x: Value, w: Value, { strides, dilations, pads, group }: ConvAttrs): void {
  const axes = x.shape.length - 2;
  if (axes !== 1 && axes !== 2)
    throw new ShapeError(`convolution over ${axes} spatial axes is not supported (1 or 2 are)`);
  if (w.shape.length !== x.shape.length) throw new ShapeError("the kernel's rank differs from the input's");
  if (strides.length !== axes || dilations.length !== axes || pads.length !== 2 * axes)
    throw new ShapeError(`strides, dilations and pads must cover ${axes} spatial axes`);
  const inputs = w.shape[0];
  if (typeof inputs === "number" && inputs % group !== 0)
    throw new ShapeError(`${inputs} is not a multiple of ${group} groups`);
}

/** Conv's cotangent in x: the transposed convolution, padded to the size that the stride rounded away. */
function inputCotangent(
  b: Builder,
  dy: Value,
  w: Value,
  attrs: ConvAttrs,
  sizes: readonly number[],
  kernel: readonly number[],
): Value {
  const { strides, dilations, pads } = attrs;
  const outputPadding = sizes.map((size, i) => {
    const out = fixed(dy.shape[i + 2], "spatial axis");
    return size - ((out - 1) * strides[i]! - pads[i]! - pads[i + sizes.length]! + dilations[i]! * (kernel[i]! - 1) + 1);
  });
  return b.emit("ConvTranspose", [dy, w], { ...attrs, outputPadding });
}

/**
 * Conv's cotangent in w, [M, C/group, …kernel].
 *
 * With strides, a convolution with batch and channels exchanged and dilation = stride; at stride 1 or in groups, windows
 * times cotangents, a matrix product per sample (the faster one there, docs/performance.md).
 */
function weightCotangent(b: Builder, x: Value, dy: Value, attrs: ConvAttrs, kernel: readonly number[]): Value {
  const { strides, dilations, pads, group } = attrs;
  const [n, m] = [dy.shape[0]!, fixed(dy.shape[1], "output channels")];
  const c = fixed(x.shape[1], "input channels");
  if (group === 1 && strides.some((stride) => stride > 1)) {
    const swap = (value: Value) =>
      b.emit("Transpose", [value], { perm: [1, 0, ...value.shape.slice(2).map((_, i) => i + 2)] });
    let dw: Value = b.emit("Conv", [swap(x), swap(dy)], { strides: dilations, dilations: strides, pads, group: 1 });
    kernel.forEach((size, i) => {
      if (dw.shape[i + 2] !== size) dw = b.emit("Slice", [dw], { axis: i + 2, start: 0, size, step: 1 });
    });
    return swap(dw);
  }
  const windows = b.emit("Unfold", [x], { kernel, strides, dilations, pads });
  const positions = sizeOf(spatial(dy.shape));
  const columns = reshape(b, windows, [n, group, (c / group) * sizeOf(kernel), positions]);
  const rows = reshape(b, dy, [n, group, m / group, positions]);
  const products = b.emit("MatMul", [rows, b.emit("Transpose", [columns], { perm: [0, 1, 3, 2] })]);
  return reshape(b, b.emit("ReduceSum", [products], { axes: [0], keepdims: false }), [m, c / group, ...kernel]);
}

/** Visits every (input, kernel, output) triple of a convolution; `x` is the wide side, `out` the windows. */
function slide(
  x: Tensor,
  w: Tensor,
  out: Tensor,
  attrs: ConvAttrs,
  visit: (x: number, w: number, out: number) => void,
): void {
  const twoD = (values: readonly number[], missing: number): readonly [number, number] =>
    values.length === 1 ? [missing, values[0]!] : [values[0]!, values[1]!];
  const [n, m] = [out.shape[0]!, out.shape[1]!];
  const [cg, group] = [w.shape[1]!, attrs.group];
  const [h, width] = twoD(x.shape.slice(2), 1);
  const [kh, kw] = twoD(w.shape.slice(2), 1);
  const [oh, ow] = twoD(out.shape.slice(2), 1);
  const [sh, sw] = twoD(attrs.strides, 1);
  const [dh, dw] = twoD(attrs.dilations, 1);
  const [ph, pw] = twoD(attrs.pads.slice(0, attrs.pads.length / 2), 0);
  for (let b = 0; b < n; b++)
    for (let o = 0; o < m; o++)
      for (let c = 0; c < cg; c++) {
        const channel = Math.floor(o / (m / group)) * cg + c;
        for (let i = 0; i < kh; i++)
          for (let j = 0; j < kw; j++) {
            const at = ((o * cg + c) * kh + i) * kw + j;
            for (let y = 0; y < oh; y++) {
              const row = y * sh - ph + i * dh;
              if (row < 0 || row >= h) continue;
              for (let z = 0; z < ow; z++) {
                const column = z * sw - pw + j * dw;
                if (column < 0 || column >= width) continue;
                visit(((b * cg * group + channel) * h + row) * width + column, at, ((b * m + o) * oh + y) * ow + z);
              }
            }
          }
      }
}
