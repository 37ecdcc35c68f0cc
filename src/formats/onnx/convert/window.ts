/** @file What ONNX leaves open in the windows of convolutions and pools: defaults, auto_pad, ceil_mode. */

import type { Shape } from "../../../graph/dims.ts";
import type { WindowAttrs } from "../../../graph/signatures.ts";
import type { OnnxNode } from "../node.ts";

export interface Window extends WindowAttrs {
  readonly kernel: readonly number[];
  /** Sizes of the spatial axes of the input. */
  readonly sizes: readonly number[];
}

/** Kernels, strides, dilations and pads beyond this belong to no network. */
const MAX_WINDOW = 2 ** 16;

function positive(n: OnnxNode, name: string, values: readonly number[], count: number): readonly number[] {
  if (
    values.length !== count ||
    values.some((value) => !(Number.isSafeInteger(value) && value >= 1 && value <= MAX_WINDOW))
  )
    throw n.error(`its ${name} [${values}] do not fit ${count} spatial axes`);
  return values;
}

/** @param shape of the input, [N, C, …] */
export function readWindow(n: OnnxNode, shape: Shape, kernel: readonly number[]): Window {
  const count = shape.length - 2;
  if (count < 1) throw n.error(`needs an input with channels and spatial axes, got [${shape}]`);
  const sizes = Array.from({ length: count }, (_, i) => n.fixed(shape, i + 2, "its spatial axis"));
  const ones = new Array<number>(count).fill(1);
  positive(n, "kernel sizes", kernel, count);
  n.b.check(kernel);
  const strides = positive(n, "strides", n.ints("strides", ones), count);
  const dilations = positive(n, "dilations", n.ints("dilations", ones), count);
  const window = { kernel, sizes, strides, dilations };
  return { ...window, pads: readPads(n, window) };
}

/** Convolutions, and what becomes one, know one or two spatial axes. */
export function planar(n: OnnxNode, { sizes }: Window): void {
  if (sizes.length > 2) throw n.unsupported(`goes over ${sizes.length} spatial axes; 1 or 2 are supported`);
}

const spanOf = (kernel: number, dilation: number): number => dilation * (kernel - 1) + 1;

function readPads(n: OnnxNode, { kernel, sizes, strides, dilations }: Omit<Window, "pads">): readonly number[] {
  const auto = n.string("auto_pad", "NOTSET");
  const zeros = new Array<number>(2 * kernel.length).fill(0);
  switch (auto) {
    case "NOTSET":
    case "": {
      const pads = n.ints("pads", zeros);
      if (pads.length !== zeros.length || pads.some((pad) => !(pad >= 0 && pad <= MAX_WINDOW)))
        throw n.error(`its pads [${pads}] do not fit ${kernel.length} spatial axes`);
      return pads;
    }
    case "VALID":
      return zeros;
    case "SAME_UPPER":
    case "SAME_LOWER": {
      const totals = sizes.map((size, i) => {
        const reach = (Math.ceil(size / strides[i]!) - 1) * strides[i]! + spanOf(kernel[i]!, dilations[i]!);
        return Math.max(0, reach - size);
      });
      return sharePads(totals, auto);
    }
    default:
      throw n.error(`knows no auto_pad "${auto}"`);
  }
}

/** The odd element goes behind for SAME_UPPER, before for SAME_LOWER. */
export function sharePads(totals: readonly number[], auto: "SAME_UPPER" | "SAME_LOWER"): number[] {
  const half = totals.map((total) => Math.floor(total / 2));
  const rest = totals.map((total, i) => total - half[i]!);
  return auto === "SAME_UPPER" ? [...half, ...rest] : [...rest, ...half];
}

/** Windows that fit on each axis; a last, partial one counts with `ceil` if it starts inside. */
export function windowCounts({ kernel, sizes, strides, dilations, pads }: Window, ceil: boolean): number[] {
  return sizes.map((size, i) => {
    const [before, after] = [pads[i]!, pads[i + sizes.length]!];
    const free = size + before + after - spanOf(kernel[i]!, dilations[i]!);
    const count = (ceil ? Math.ceil(free / strides[i]!) : Math.floor(free / strides[i]!)) + 1;
    return ceil && (count - 1) * strides[i]! >= size + before ? count - 1 : count;
  });
}

/** Pads such that exactly `counts` windows fit. */
export function padsFor(window: Window, counts: readonly number[]): number[] {
  const { kernel, sizes, strides, dilations, pads } = window;
  const after = sizes.map((size, i) => {
    const reach = (counts[i]! - 1) * strides[i]! + spanOf(kernel[i]!, dilations[i]!);
    return Math.max(pads[i + sizes.length]!, reach - size - pads[i]!);
  });
  return [...pads.slice(0, sizes.length), ...after];
}
