/** @file Matrix products and sums. */

import { bindDim, bindShape, broadcastShapes, type Shape, ShapeError, sizeOf } from "../graph/dims.ts";
import { allocate, broadcastStrides, forEachIndex, stridesOf } from "../graph/tensor.ts";
import type { Builder, Tensor, Value } from "../graph/types.ts";
import { defineOp, floatType, type Interval, isPoint } from "./op.ts";
import {
  abs,
  add,
  alwaysLinear,
  bilinear,
  broadcastTo,
  centreRadius,
  elementCount,
  increasing,
  mul,
  reshape,
  sub,
  unbroadcast,
} from "./rules.ts";

/**
 * Bounds of a bilinear map of two boxes by centre and radius: exact when one operand is a point.
 * @source Gowal et al. 2018, arXiv:1810.12715 (one operand a point); Rump's midpoint-radius product otherwise
 */
export function bilinearInterval(b: Builder, map: (x: Value, y: Value) => Value, x: Interval, y: Interval): Interval {
  if (isPoint(x) && isPoint(y)) {
    const value = map(x.lower, y.lower);
    return { lower: value, upper: value };
  }
  const [p, q] = [centreRadius(b, x), centreRadius(b, y)];
  const centre = map(p.centre, q.centre);
  const spread =
    p.radius && q.radius
      ? add(b, map(abs(b, p.centre), q.radius), map(p.radius, add(b, abs(b, q.centre), q.radius)))
      : p.radius
        ? map(p.radius, abs(b, q.centre))
        : map(abs(b, p.centre), q.radius!);
  return { lower: sub(b, centre, spread), upper: add(b, centre, spread) };
}

export const transposeLast = (b: Builder, x: Value): Value => {
  const perm = x.shape.map((_, axis) => axis);
  perm.push(...perm.splice(-2).reverse());
  return b.emit("Transpose", [x], { perm });
};

/** [..., m, k] × [..., k, n] → [..., m, n]; leading axes broadcast. */
export const MatMul = defineOp<"MatMul">({
  name: "MatMul",
  arity: 2,
  infer: ([x, w]) => {
    if (x!.shape.length < 2 || w!.shape.length < 2) throw new ShapeError("operands need at least two axes");
    const inner = x!.shape.at(-1);
    if (inner !== w!.shape.at(-2)) throw new ShapeError(`inner sizes ${inner} and ${w!.shape.at(-2)} differ`);
    const lead = broadcastShapes(x!.shape.slice(0, -2), w!.shape.slice(0, -2));
    return floatType([...lead, x!.shape.at(-2)!, w!.shape.at(-1)!]);
  },
  evaluate: ([x, w]) => evaluateMatMul(x!, w!),
  vjp: (b, { inputs: [x, w], wanted }, dy) => [
    wanted[0] ? unbroadcast(b, b.emit("MatMul", [dy, transposeLast(b, w!)]), x!.shape) : undefined,
    wanted[1] ? weightCotangent(b, x!, w!, dy) : undefined,
  ],
  linearity: bilinear,
  interval: (b, [x, w]) => bilinearInterval(b, (p, q) => b.emit("MatMul", [p, q]), x!, w!),
  relax: { unsupported: "a product of two varying matrices is bounded as a sum of products" },
  expand: (b, [x, w]) => {
    const columns: Shape = [...x!.shape, 1];
    const rows: Shape = [...w!.shape.slice(0, -2), 1, ...w!.shape.slice(-2)];
    const products = mul(b, reshape(b, x!, columns), reshape(b, w!, rows));
    return b.emit("ReduceSum", [products], { axes: [products.shape.length - 2], keepdims: false });
  },
  rounding: { kind: "sum", terms: ([x]) => bindDim(x!.shape.at(-1)!, 1) },
  fanOut: ([x, w], _, operand) =>
    bindDim(operand === 0 ? w!.shape.at(-1)! : x!.shape.at(-2)!, 1) * repetition([x!, w!], operand),
});

/** How often broadcasting the leading axes repeats an operand. */
const repetition = (inputs: readonly { readonly shape: Shape }[], operand: number): number => {
  const lead = inputs.map(({ shape }) => shape.slice(0, -2));
  return elementCount({ shape: broadcastShapes(...lead) }) / elementCount({ shape: lead[operand]! });
};

/** xᵀ·dy, with the samples and other leading axes of x folded into the sum where w has none. */
function weightCotangent(b: Builder, x: Value, w: Value, dy: Value): Value {
  if (w.shape.length > 2 || x.shape.length === 2)
    return unbroadcast(b, b.emit("MatMul", [transposeLast(b, x), dy]), w.shape);
  const rows = (value: Value) => {
    const lead = value.shape.slice(0, -1);
    const batched = lead.some((dim) => typeof dim !== "number");
    const count = elementCount({ shape: lead });
    return reshape(b, value, [batched ? (count === 1 ? "N" : `${count}N`) : count, value.shape.at(-1)!]);
  };
  return b.emit("MatMul", [transposeLast(b, rows(x)), rows(dy)]);
}

function evaluateMatMul(x: Tensor, w: Tensor): Tensor {
  const [m, k, n] = [x.shape.at(-2)!, x.shape.at(-1)!, w.shape.at(-1)!];
  const lead = bindShape(broadcastShapes(x.shape.slice(0, -2), w.shape.slice(0, -2)), 1);
  const out = allocate("float", [...lead, m, n]);
  const strides = [x, w].map(({ shape }) => broadcastStrides(shape.slice(0, -2), lead));
  forEachIndex(lead, strides, (index, [xAt, wAt]) => {
    for (let i = 0; i < m; i++) {
      const row = (index * m + i) * n;
      for (let p = 0; p < k; p++) {
        const value = x.data[xAt! * m * k + i * k + p]!;
        if (value === 0) continue;
        const from = wAt! * k * n + p * n;
        for (let j = 0; j < n; j++) out.data[row + j]! += value * w.data[from + j]!;
      }
    }
  });
  return out;
}

/** The shape after a reduction. */
export const reducedShape = (shape: Shape, axes: readonly number[], keepdims: boolean): Shape => {
  for (const axis of axes) if (axis < 0 || axis >= shape.length) throw new ShapeError(`there is no axis ${axis}`);
  return shape.flatMap((dim, axis) => (axes.includes(axis) ? (keepdims ? [1] : []) : [dim]));
};

export const ReduceSum = defineOp<"ReduceSum">({
  name: "ReduceSum",
  arity: 1,
  infer: ([x], { axes, keepdims }) => ({ shape: reducedShape(x!.shape, axes, keepdims), dtype: x!.dtype }),
  evaluate: ([x], { axes, keepdims }) => {
    const kept = reducedShape(x!.shape, axes, true) as number[];
    const out = allocate(x!.dtype, reducedShape(x!.shape, axes, keepdims) as number[]);
    const into = stridesOf(kept).map((stride, axis) => (axes.includes(axis) ? 0 : stride));
    forEachIndex(x!.shape, [into], (index, [at]) => {
      out.data[at!]! += x!.data[index]!;
    });
    return out;
  },
  vjp: (b, { inputs: [x], attrs: { axes } }, dy) => [
    broadcastTo(b, reshape(b, dy, reducedShape(x!.shape, axes, true)), x!.shape),
  ],
  linearity: alwaysLinear,
  interval: increasing("ReduceSum"),
  relax: { unsupported: "affine: its vjp is its relaxation" },
  rounding: {
    kind: "sum",
    terms: ([x], { axes }) =>
      sizeOf(
        bindShape(
          axes.map((axis) => x!.shape[axis]!),
          1,
        ),
      ),
  },
});
