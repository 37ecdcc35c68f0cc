/**
 * @file A lowering for speed: a graph of training with its convolutions written anew where their kernels are trained.
 *
 * The batch becomes the last axis, so that the windows of all images are gathered in long runs and a convolution is one
 * large matrix product, as is its gradient in the kernel; what lies between convolutions stays in that layout. With
 * constant kernels the runtime's own convolution is faster, and so it is in a gradient in the images alone. What it gains
 * is in docs/performance.md.
 */

import { type Dim, isBatched, multiplyDims, type Shape, sameShape, sizeOf } from "../../graph/dims.ts";
import type { ConvAttrs, OpName } from "../../graph/signatures.ts";
import { dependents, makeGraph, rewriteGraph, topological } from "../../graph/traverse.ts";
import type { Builder, NodeValue, Value } from "../../graph/types.ts";
import { recordOf } from "../../ops/index.ts";
import { add, reemit, reshape } from "../../ops/rules.ts";

/** The same values, up to the order in which sums are added. @param theta what is trained: kernels that depend on it */
export function inColumns(b: Builder, roots: readonly Value[], theta: Value): Value[] {
  const shifted = shiftCentres(b, roots);
  const trained = dependents(shifted, new Set([theta]));
  const layouts = new Map<Value, Layouts>();
  for (const value of topological(shifted)) {
    if (value.kind !== "node") layouts.set(value, { plain: value });
    else layouts.set(value, lowered(b, value, layouts, trained));
  }
  return shifted.map((value) => plainOf(b, value, layouts.get(value)!));
}

const isProduct = (value: Value): boolean => value.kind === "node" && recordOf(value.op).rounding.kind === "sum";

/**
 * (c ± r) + s as (c + s) ± r for the centre c and the radius r of a layer's box: a bias is added once, not to both ends.
 * @source Gowal et al. 2018, arXiv:1810.12715 (centre and radius)
 */
function shiftCentres(b: Builder, roots: readonly Value[]): Value[] {
  const graph = makeGraph(
    [],
    roots.map((value, i) => ({ name: `${i}`, value })),
  );
  const rewritten = rewriteGraph(
    graph,
    ({ op }, [end, shift]) => {
      if (op !== "Add" || end!.kind !== "node" || (end!.op !== "Add" && end!.op !== "Sub")) return undefined;
      const [centre, radius] = end!.inputs as [Value, Value];
      if (isBatched(shift!.shape) || !isProduct(centre) || !isProduct(radius)) return undefined;
      return b.emit(end!.op, [add(b, centre, shift!), radius]);
    },
    (node, inputs) => reemit(b, node, inputs),
  );
  return rewritten.outputs.map(({ value }) => value);
}

/** A value in one layout or in both: with its own shape, or [units, N]. */
interface Layouts {
  plain?: Value;
  columns?: Value;
}

type Known = ReadonlyMap<Value, Layouts>;

const unitsOf = ({ shape }: Value): number => sizeOf(shape.slice(1) as number[]);

/** [N, C, H, W]: what stays in columns. A vector a sample is turned back, as matrix products want it. */
const isImages = ({ shape, dtype }: Value): boolean =>
  dtype === "float" && shape.length === 4 && shape[0] === "N" && !isBatched(shape.slice(1));

function plainOf(b: Builder, value: Value, layouts: Layouts): Value {
  layouts.plain ??= reshape(b, b.emit("Transpose", [layouts.columns!], { perm: [1, 0] }), value.shape);
  return layouts.plain;
}

function columnsOf(b: Builder, value: Value, layouts: Layouts): Value {
  layouts.columns ??= b.emit("Transpose", [reshape(b, layouts.plain!, ["N", unitsOf(value)])], { perm: [1, 0] });
  return layouts.columns;
}

function lowered(b: Builder, node: NodeValue, known: Known, trained: ReadonlySet<Value>): Layouts {
  const columns = isTrainedConvolution(node, trained)
    ? convolution(b, node, known)
    : node.inputs.some((input) => isImages(input) && known.get(input)!.columns)
      ? withinColumns(b, node, known)
      : undefined;
  if (columns) return { columns };
  const operands = node.inputs.map((input) => plainOf(b, input, known.get(input)!));
  return { plain: reemit(b, node, operands) };
}

const isTrainedConvolution = (node: NodeValue, trained: ReadonlySet<Value>): node is NodeValue<"Conv"> => {
  if (node.op !== "Conv") return false;
  const [x, kernel] = node.inputs as [Value, Value];
  const { group } = node.attrs as ConvAttrs;
  return isImages(x) && group === 1 && trained.has(kernel) && !isBatched(kernel.shape);
};

// ---------------------------------------------------------------- a convolution

function convolution(b: Builder, { inputs, attrs, shape }: NodeValue<"Conv">, known: Known): Value {
  const [x, kernel] = inputs as [Value, Value];
  const [filters, positions] = [shape[1] as number, sizeOf(shape.slice(2) as number[])];
  const windows = windowsOf(b, columnsOf(b, x, known.get(x)!), x.shape, kernel.shape, attrs, shape);
  const taps = sizeOf(kernel.shape.slice(1) as number[]);
  const columns = reshape(b, windows, [taps, multiplyDims(positions, "N")]);
  return reshape(b, b.emit("MatMul", [asMatrix(b, kernel), columns]), [filters * positions, "N"]);
}

/** A kernel [M, C, …] as [M, taps]; |kernel| as that of the matrix, so that both share it. */
function asMatrix(b: Builder, kernel: Value): Value {
  if (kernel.kind === "node" && kernel.inputs.length === 1 && ELEMENTWISE.has(kernel.op))
    return reemit(b, kernel, [asMatrix(b, kernel.inputs[0]!)]);
  const [filters, ...taps] = kernel.shape as number[];
  return reshape(b, kernel, [filters!, sizeOf(taps)]);
}

/** Gathers the windows of [C·H·W, N]: [C·taps·positions, N], padded by zeros. */
function windowsOf(
  b: Builder,
  x: Value,
  [, channels, height, width]: Shape,
  kernel: Shape,
  { strides, dilations, pads }: ConvAttrs,
  output: Shape,
): Value {
  const [c, h, w] = [channels, height, width] as [number, number, number];
  const [top, left, bottom, right] = pads as [number, number, number, number];
  const [rows, columns] = [h + top + bottom, w + left + right];
  const places: number[] = [];
  for (let channel = 0; channel < c; channel++)
    for (let i = 0; i < Number(kernel[2]); i++)
      for (let j = 0; j < Number(kernel[3]); j++)
        for (let y = 0; y < Number(output[2]); y++)
          for (let z = 0; z < Number(output[3]); z++)
            places.push(
              (channel * rows + y * strides[0]! + i * dilations[0]!) * columns + z * strides[1]! + j * dilations[1]!,
            );
  const image = reshape(b, x, [c, h, w, "N"]);
  const padded = b.emit("Pad", [image], { pads: [0, top, left, 0, 0, bottom, right, 0], value: 0 });
  return b.emit("Gather", [reshape(b, padded, [c * rows * columns, "N"]), b.ints(places)], { axis: 0 });
}

// ---------------------------------------------------------------- between convolutions

/** Ops that make each element of elements at the same place. Any other op that is not below has its operands turned back. */
const ELEMENTWISE: ReadonlySet<OpName> = new Set<OpName>([
  ...(["Add", "Sub", "Mul", "Div", "Min", "Max"] as const),
  ...(["Neg", "Abs", "Sign", "Step", "Sqrt", "Exp", "Log", "Reciprocal", "Erf"] as const),
  ...(["Relu", "LeakyRelu", "Elu", "HardSwish", "Sigmoid", "Tanh", "Softplus", "Softsign", "Gelu", "Clip"] as const),
]);

/** The node on operands [units, N]; undefined where that cannot be written. */
function withinColumns(b: Builder, node: NodeValue, known: Known): Value | undefined {
  const columns = (value: Value) => columnsOf(b, value, known.get(value)!);
  if (ELEMENTWISE.has(node.op)) return isImages(node) ? elementwise(b, node, columns, known) : undefined;
  if (node.op !== "ReduceSum") return undefined;
  const [x] = node.inputs as [Value];
  const { axes } = node.attrs as NodeValue<"ReduceSum">["attrs"];
  if (String(axes) !== "2,3") return undefined;
  const [channels, ...positions] = x.shape.slice(1) as [number, ...number[]];
  const planes = reshape(b, columns(x), [channels, sizeOf(positions), "N"]);
  return b.emit("ReduceSum", [planes], { axes: [1], keepdims: false });
}

/** Of operands of the node's own shape, numbers, and numbers a channel. */
function elementwise(b: Builder, node: NodeValue, columns: (value: Value) => Value, known: Known): Value | undefined {
  const { shape } = node;
  const [channels, ...positions] = shape.slice(1) as [number, ...number[]];
  const layout: Dim[] = [channels, multiplyDims(sizeOf(positions), "N")];
  const operands = node.inputs.map((input) => {
    if (sameShape(input.shape, shape)) return reshape(b, columns(input), layout);
    if (isBatched(input.shape)) return undefined;
    const sizes = input.shape as readonly number[];
    const size = sizeOf(sizes);
    const perChannel = size === 1 || (size === channels && sizes.at(1 - shape.length) === channels);
    return perChannel ? reshape(b, plainOf(b, input, known.get(input)!), size === 1 ? [] : [size, 1]) : undefined;
  });
  if (operands.some((operand) => operand === undefined)) return undefined;
  return reshape(b, reemit(b, node, operands as Value[]), [unitsOf(node), "N"]);
}
