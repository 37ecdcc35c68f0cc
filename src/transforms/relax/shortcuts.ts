/**
 * @file Affine ops that keep coefficients sparse. An op absent here goes through its vjp, densely; that is always right.
 */

import { fixed, isBatched, multiplyDims, sameShape, sizeOf } from "../../graph/dims.ts";
import type { OpName } from "../../graph/signatures.ts";
import type { Builder, Dim, NodeValue, Value } from "../../graph/types.ts";
import { transposeLast } from "../../ops/linear.ts";
import { div, mul, neg, reshape } from "../../ops/rules.ts";
import {
  bothSides,
  type Coefficients,
  chooseRows,
  fullSample,
  type Identity,
  type Patches,
  pickSigned,
  type RowsContext,
  type Window,
  windowFits,
  windowRows,
} from "./coefficients.ts";

/** Coefficients on operand `i` of the node from those on its result; undefined where only the dense way is open. */
type Shortcut<C> = (b: Builder, node: NodeValue, a: C, i: number, context: RowsContext) => Coefficients | undefined;

const keepsShape = (node: NodeValue, i: number): boolean => sameShape(node.inputs[i]!.shape, node.shape);

const other = (node: NodeValue, i: number): Value => node.inputs[1 - i]!;

const scaled = (b: Builder, { factor }: Identity, by: Value): Identity => ({
  kind: "identity",
  factor: factor ? mul(b, factor, by) : by,
});

export const identityShortcuts: Partial<Record<OpName, Shortcut<Identity>>> = {
  Add: (_, node, a, i) => (keepsShape(node, i) ? a : undefined),
  Sub: (b, node, a, i) => (keepsShape(node, i) ? (i === 0 ? a : scaled(b, a, b.constant(-1))) : undefined),
  Neg: (b, _, a) => scaled(b, a, b.constant(-1)),
  Mul: (b, node, a, i) =>
    keepsShape(node, i) && !isBatched(other(node, i).shape) ? scaled(b, a, other(node, i)) : undefined,
  Div: (b, node, a, i) =>
    keepsShape(node, i) && i === 0 && !isBatched(other(node, i).shape)
      ? scaled(b, a, div(b, b.constant(1), other(node, i)))
      : undefined,
  Reshape: (b, node, a) => {
    if (!a.factor) return a;
    const full = fullSample(b, a.factor, node);
    return { kind: "identity", factor: reshape(b, full, [full.shape[0]!, ...node.inputs[0]!.shape.slice(1)]) };
  },
  MatMul: (b, node, { factor }, i, context) => {
    const w = node.inputs[1]!;
    if (i !== 0 || w.shape.length !== 2 || node.shape.length !== 2) return undefined;
    let rows: Value = transposeLast(b, w);
    if (factor) rows = mul(b, rows, reshape(b, fullSample(b, factor, node), [w.shape[1]!, 1]));
    return chooseRows(b, reshape(b, rows, [1, ...rows.shape]), context);
  },
  Conv: (b, node, { factor }, i, context) => {
    const w = node.inputs[1]!;
    const attrs = (node as NodeValue<"Conv">).attrs;
    if (i !== 0 || attrs.group !== 1 || attrs.dilations.some((dilation) => dilation !== 1)) return undefined;
    const kernel = w.shape.slice(2) as number[];
    const window: Window = {
      kernel,
      strides: attrs.strides,
      pads: attrs.pads.slice(0, kernel.length),
      counts: node.shape.slice(2) as number[],
    };
    if (!windowFits(window, node.inputs[0]!)) return undefined;
    const channels = fixed(w.shape[0], "channels");
    let rows: Value = reshape(b, w, [channels, fixed(w.shape[1], "channels") * sizeOf(kernel)]);
    if (factor) {
      const perChannel = channelFactor(b, factor, node);
      if (!perChannel) return undefined;
      rows = mul(b, rows, perChannel);
    }
    const elementRows = context.rows.kind === "elements" ? context.rows : undefined;
    if (elementRows) rows = pickSigned(b, rows, elementRows.channels!, elementRows.signs);
    const open = reshape(b, rows, [1, 1, ...rows.shape]);
    if (elementRows) return { kind: "patches", value: open, window, positions: elementRows.positions, masked: false };
    return { kind: "patches", value: bothSides(b, open, 2, context), window, masked: false };
  },
};

/** A factor that is the same at all positions of a channel, as [C, 1]. */
function channelFactor(b: Builder, factor: Value, node: NodeValue): Value | undefined {
  const spatial = factor.shape.slice(-(node.shape.length - 2));
  if (factor.shape.length >= node.shape.length - 1 && spatial.some((dim) => dim !== 1)) return undefined;
  if (factor.shape.length > 0 && factor.shape.length < node.shape.length - 1) return undefined;
  if (factor.shape.length === 0) return factor;
  const channels = factor.shape.at(-(node.shape.length - 1))!;
  return channels === 1 ? reshape(b, factor, [1, 1]) : reshape(b, factor, [channels, 1]);
}

/** Patches times a per-element factor of z; the windows of z are zero outside, so the result is masked. */
export const scalePatches = (b: Builder, a: Patches, factor: Value, z: Value): Patches => ({
  ...a,
  value: mul(b, a.value, windowRows(b, a, factor, z)),
  masked: true,
});

export const patchShortcuts: Partial<Record<OpName, Shortcut<Patches>>> = {
  Add: (_, node, a, i) => (keepsShape(node, i) ? a : undefined),
  Sub: (b, node, a, i) => (keepsShape(node, i) ? (i === 0 ? a : { ...a, value: neg(b, a.value) }) : undefined),
  Neg: (b, _, a) => ({ ...a, value: neg(b, a.value) }),
  Mul: (b, node, a, i) => (keepsShape(node, i) ? scalePatches(b, a, other(node, i), node) : undefined),
  Div: (b, node, a, i) =>
    keepsShape(node, i) && i === 0 ? scalePatches(b, a, div(b, b.constant(1), other(node, i)), node) : undefined,
  Conv: (b, node, a, i) => {
    const attrs = (node as NodeValue<"Conv">).attrs;
    const x = node.inputs[0]!;
    if (i !== 0 || attrs.dilations.some((dilation) => dilation !== 1)) return undefined;
    const inner = node.inputs[1]!.shape.slice(2) as number[];
    const { kernel, strides, pads, counts } = a.window;
    const window: Window = {
      kernel: kernel.map((size, k) => (size - 1) * attrs.strides[k]! + inner[k]!),
      strides: strides.map((stride, k) => stride * attrs.strides[k]!),
      pads: pads.map((pad, k) => pad * attrs.strides[k]! + attrs.pads[k]!),
      counts,
    };
    if (!windowFits(window, x)) return undefined;
    const masked = a.masked ? a : scalePatches(b, a, b.constant(1), node);
    const [n, p, r] = masked.value.shape as [Dim, Dim, Dim];
    const lead = multiplyDims(multiplyDims(n, p), r);
    const flat = reshape(b, masked.value, [lead, fixed(node.shape[1], "channels"), ...kernel]);
    const zeros = kernel.map(() => 0);
    const through = b.emit("ConvTranspose", [flat, node.inputs[1]!], {
      strides: attrs.strides,
      dilations: attrs.dilations,
      pads: [...zeros, ...zeros],
      group: attrs.group,
      outputPadding: zeros,
    });
    const size = fixed(x.shape[1], "channels") * sizeOf(window.kernel);
    return { ...a, window, value: reshape(b, through, [n, p, r, size]), masked: false };
  },
};
