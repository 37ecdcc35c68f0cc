/** @file What every op is tried on: attributes and operands. An op without an entry does not compile. */

import type { OpAttrs, OpName } from "../../src/graph/signatures.ts";
import type { DType } from "../../src/graph/types.ts";
import type { Range } from "./boxes.ts";

export interface Operand extends Range {
  /** The batch axis first, as 0; a constant has none. */
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** Constants only: the values, or drawn normally. */
  readonly constant?: readonly number[] | "drawn";
}

export interface OpCase<K extends OpName> {
  readonly label: string;
  readonly attrs: OpAttrs[K];
  readonly operands: readonly Operand[];
  /** The one operand is used twice. */
  readonly squared?: boolean;
  /** Why its gradient is not tried. */
  readonly noGradient?: string;
}

/** Stands for the batch axis in a shape. */
export const BATCH = 0;

const box = (shape: readonly number[] = [4], range: Range = {}): Operand => ({
  shape: [BATCH, ...shape],
  dtype: "float",
  ...range,
});
const weights = (...shape: number[]): Operand => ({ shape, dtype: "float", constant: "drawn" });
const fixed = (values: readonly number[], shape: readonly number[] = [values.length]): Operand => ({
  shape,
  dtype: "float",
  constant: values,
});
const bools = (...shape: number[]): Operand => ({ shape: [BATCH, ...shape], dtype: "bool" });
const ints = (...shape: number[]): Operand => ({ shape: [BATCH, ...shape], dtype: "int", huge: 100 });

const none = {} as Readonly<Record<never, never>>;
type Plain = { [K in OpName]: keyof OpAttrs[K] extends never ? K : never }[OpName];

const unary = <K extends Plain>(range: Range = {}, label = "element-wise"): readonly OpCase<K>[] => [
  { label, attrs: none as OpAttrs[K], operands: [box([4], range)] },
];

/** Two operands of every kind; sums of products keep their boxes small, so that float64 can be held to 1e-12. */
const binary = <K extends Plain>(range: Range = {}): readonly OpCase<K>[] =>
  (
    [
      ["two boxes", [box([4], range), box([4], range)]],
      ["box and constant", [box([2, 3], range), weights(3)]],
      ["constant and box", [weights(2, 1), box([2, 3], range)]],
      ["broadcast boxes", [box([2, 1], range), box([1, 3], range)]],
    ] as const
  ).map(([label, operands]) => ({ label, attrs: none as OpAttrs[K], operands }));

const small: Range = { huge: 10 };

const comparison = <K extends Plain>(): readonly OpCase<K>[] => [
  ...binary<K>(),
  { label: "with the threshold 0", attrs: none as OpAttrs[K], operands: [box([4]), fixed([0], [])] },
];

const image = { strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] };
const line = { strides: [1], dilations: [1], pads: [0, 0] };

const power = (exponent: number, range: Range = {}): OpCase<"Pow"> => ({
  label: `exponent ${exponent}`,
  attrs: none,
  operands: [box([4], { huge: 1e3, ...range }), fixed([exponent], [])],
});

const clipped = (min: number, max: number): OpCase<"Clip"> => ({
  label: `[${min}, ${max}]`,
  attrs: { min, max },
  operands: [box([4])],
});

const pools: readonly (readonly [label: string, attrs: OpAttrs["MaxPool"], shape: readonly number[]])[] = [
  ["windows of 2 × 2", { ...image, kernel: [2, 2], strides: [2, 2] }, [2, 4, 4]],
  ["overlapping windows with pads", { ...image, kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }, [1, 5, 5]],
  ["asymmetric pads and a remainder", { ...image, kernel: [2, 3], strides: [2, 3], pads: [0, 1, 1, 0] }, [2, 5, 6]],
  ["dilation", { ...image, kernel: [2, 2], dilations: [2, 1] }, [1, 4, 4]],
  ["dilation and pads", { ...image, kernel: [3, 2], dilations: [2, 2], pads: [2, 1, 2, 1] }, [1, 4, 5]],
  ["one axis", { ...line, kernel: [3], strides: [2], pads: [1, 1] }, [2, 7]],
];

const windows = (huge: number) =>
  pools.map(([label, attrs, shape]) => ({ label, attrs, operands: [box(shape, { huge })] }));

const axes = (shape: readonly number[], range: Range) => [
  { label: "last axis", attrs: { axes: [2], keepdims: false }, operands: [box(shape, range)] },
  { label: "two axes kept", attrs: { axes: [1, 2], keepdims: true }, operands: [box(shape, range)] },
  { label: "middle axis", attrs: { axes: [1], keepdims: false }, operands: [box(shape, range)] },
];

const softmaxes = [
  { label: "classes", attrs: { axis: 1 }, operands: [box([6], { huge: 60 })] },
  { label: "a middle axis", attrs: { axis: 1 }, operands: [box([3, 2], { huge: 60 })] },
  { label: "one class", attrs: { axis: 2 }, operands: [box([2, 1])] },
];

const convolutions: readonly (readonly [string, OpAttrs["Conv"], readonly number[], readonly number[]])[] = [
  ["plain", { ...image, group: 1 }, [2, 4, 4], [3, 2, 3, 3]],
  ["stride, pads", { ...image, strides: [2, 2], pads: [1, 1, 1, 1], group: 1 }, [2, 5, 5], [2, 2, 3, 3]],
  ["groups, dilation", { ...image, dilations: [2, 1], pads: [1, 0, 0, 1], group: 2 }, [4, 4, 4], [4, 2, 2, 2]],
  ["one axis", { ...line, strides: [2], pads: [2, 1], group: 1 }, [2, 7], [3, 2, 3]],
];

export const cases: { readonly [K in OpName]: readonly OpCase<K>[] } = {
  Add: binary(),
  Sub: binary(),
  Mul: [...binary<"Mul">(), { label: "a square", attrs: none, operands: [box([4])], squared: true }],
  Div: [
    { label: "box and constant", attrs: none, operands: [box([4]), fixed([2, -3, 0.5, -0.1])] },
    { label: "two boxes", attrs: none, operands: [box([4]), box([4], { least: 0.1 })] },
    { label: "denominators through 0", attrs: none, operands: [box([4], small), box([4], small)] },
  ],
  Pow: [
    power(2),
    power(3),
    power(4),
    power(1),
    power(0),
    power(-1),
    power(-2),
    power(5),
    power(0.5, { least: 0 }),
    power(2.5, { least: 0 }),
    power(-0.5, { least: 1e-3 }),
    power(-1.5, { least: 1e-3 }),
    {
      label: "several exponents",
      attrs: none,
      operands: [box([3], { least: 1e-2, huge: 30 }), fixed([2, -1, 0.3])],
    },
    {
      label: "a varying exponent",
      attrs: none,
      operands: [box([4], { least: 1e-2, most: 20, huge: 10 }), box([4], { least: -3, most: 3 })],
    },
  ],
  Min: binary(),
  Max: binary(),
  Neg: unary(),
  Abs: unary(),
  Sign: unary(),
  Step: unary(),
  Sqrt: unary({ least: 0 }),
  Exp: [...unary<"Exp">({ huge: 60, least: -80, most: 80 }), ...unary<"Exp">({ huge: 1e4, most: 88 }, "underflow")],
  Log: unary({ least: 1e-20 }),
  Reciprocal: [...unary<"Reciprocal">(), ...unary<"Reciprocal">({ least: 1e-3 }, "x > 0")],
  Sin: [...unary<"Sin">(), ...unary<"Sin">({ huge: 4 }, "short boxes")],
  Cos: [...unary<"Cos">(), ...unary<"Cos">({ huge: 4 }, "short boxes")],
  Asin: [...unary<"Asin">({ least: -1, most: 1 }), ...unary<"Asin">({ least: -0.9, most: 0.9 }, "inside")],
  Atan: unary(),
  Floor: unary(),
  Ceil: unary(),
  Round: unary(),
  Relu: unary(),
  // an attribute of an ONNX file is a float32 number
  LeakyRelu: [0.1, 0, 0.9, 1, 1.5, -0.4].map((alpha) => ({
    label: `α = ${alpha}`,
    attrs: { alpha: Math.fround(alpha) },
    operands: [box()],
  })),
  PRelu: [
    { label: "a slope per channel", attrs: none, operands: [box([4, 3]), fixed([0.1, 1.7, -0.5, 0], [4, 1])] },
    { label: "a varying slope", attrs: none, operands: [box([4]), box([4], small)] },
  ],
  Elu: [1, 0.5, 1.673, 0, -0.7].map((alpha) => ({ label: `α = ${alpha}`, attrs: { alpha }, operands: [box()] })),
  HardSwish: unary(),
  Sigmoid: unary(),
  Tanh: unary(),
  Softplus: unary(),
  Softsign: unary(),
  Erf: unary(),
  Gelu: (["none", "tanh"] as const).map((approximate) => ({
    label: approximate,
    attrs: { approximate },
    operands: [box()],
  })),
  Clip: [
    clipped(0, 6),
    clipped(-1, 1),
    clipped(-0.5, Number.POSITIVE_INFINITY),
    clipped(Number.NEGATIVE_INFINITY, 2),
    clipped(1, 1),
  ],
  Softmax: softmaxes,
  LogSoftmax: softmaxes,
  Equal: [
    ...comparison<"Equal">(),
    { label: "bools", attrs: none, operands: [bools(4), bools(4)] },
    { label: "ints", attrs: none, operands: [ints(4), ints(4)] },
  ],
  Greater: comparison(),
  Less: comparison(),
  GreaterOrEqual: comparison(),
  LessOrEqual: comparison(),
  And: [{ label: "bools", attrs: none, operands: [bools(4), bools(4)] }],
  Or: [{ label: "bools", attrs: none, operands: [bools(4), bools(4)] }],
  Not: [{ label: "bools", attrs: none, operands: [bools(4)] }],
  Where: [
    { label: "all vary", attrs: none, operands: [bools(4), box(), box()] },
    { label: "a known branch", attrs: none, operands: [bools(2, 3), fixed([1, -2, 3]), box([2, 3])] },
    {
      label: "a known condition",
      attrs: none,
      operands: [{ shape: [4], dtype: "bool", constant: [1, 0, 0, 1] }, box(), box()],
    },
    { label: "bool branches", attrs: none, operands: [bools(4), bools(4), bools(4)] },
  ],
  Cast: [
    { label: "float to float", attrs: { to: "float" }, operands: [box()] },
    { label: "float to int", attrs: { to: "int" }, operands: [box([4], { huge: 1e5 })] },
    { label: "float to bool", attrs: { to: "bool" }, operands: [box()] },
    { label: "bool to float", attrs: { to: "float" }, operands: [bools(4)] },
    { label: "int to float", attrs: { to: "float" }, operands: [ints(4)] },
    { label: "int to bool", attrs: { to: "bool" }, operands: [ints(4)] },
  ],
  MatMul: [
    { label: "box and weights", attrs: none, operands: [box([2, 3], small), weights(3, 4)] },
    { label: "weights and box", attrs: none, operands: [weights(4, 2), box([2, 3], small)] },
    { label: "two boxes", attrs: none, operands: [box([2, 3], small), box([3, 2], small)] },
  ],
  Conv: [
    ...convolutions.map(([label, attrs, x, w]) => ({ label, attrs, operands: [box(x, small), weights(...w)] })),
    {
      label: "a channel a sample",
      attrs: { ...image, group: 1 },
      operands: [weights(2, 3, 4, 4), box([3, 2, 2], small)],
      noGradient: "the batch axis becomes the output channels, whose number the gradient must know",
    },
  ],
  ConvTranspose: [
    {
      label: "stride and output padding",
      attrs: { ...image, strides: [2, 2], pads: [1, 0, 1, 0], outputPadding: [1, 0], group: 1 },
      operands: [box([2, 3, 3], small), weights(2, 3, 3, 3)],
    },
    {
      label: "groups, dilation",
      attrs: { ...image, dilations: [1, 2], outputPadding: [0, 0], group: 2 },
      operands: [box([4, 3, 3], small), weights(4, 1, 2, 2)],
    },
    {
      label: "one axis",
      attrs: { ...line, strides: [3], outputPadding: [1], group: 1 },
      operands: [box([2, 4], small), weights(2, 2, 3)],
    },
  ],
  ReduceSum: axes([3, 4], small),
  Unfold: windows(10),
  MaxPool: windows(1e3),
  ReduceMax: [
    ...axes([3, 4], { huge: 1e3 }),
    { label: "one element", attrs: { axes: [1], keepdims: true }, operands: [box([1, 3])] },
    { label: "many", attrs: { axes: [1], keepdims: false }, operands: [box([40])] },
  ],
  ArgMax: [
    { label: "classes", attrs: { axis: 1, keepdims: false }, operands: [box([5])] },
    { label: "kept", attrs: { axis: 1, keepdims: true }, operands: [box([3, 2])] },
  ],
  Reshape: [{ label: "flatten", attrs: { shape: ["N", 6] }, operands: [box([2, 3])] }],
  Transpose: [{ label: "inner axes", attrs: { perm: [0, 2, 1] }, operands: [box([2, 3])] }],
  Concat: [
    { label: "two boxes", attrs: { axis: 1 }, operands: [box([2, 3]), box([1, 3])] },
    { label: "three on the last axis", attrs: { axis: 2 }, operands: [box([2, 1]), box([2, 2]), box([2, 1])] },
  ],
  Slice: [
    { label: "every second", attrs: { axis: 1, start: 1, size: 2, step: 2 }, operands: [box([5])] },
    { label: "a row", attrs: { axis: 2, start: 2, size: 1, step: 1 }, operands: [box([2, 4])] },
    { label: "the first of three", attrs: { axis: 1, start: 0, size: 2, step: 3 }, operands: [box([5])] },
  ],
  Pad: [
    { label: "zeros", attrs: { pads: [0, 1, 0, 0, 0, 2], value: 0 }, operands: [box([2, 3])] },
    { label: "a value", attrs: { pads: [0, 2, 0, 1], value: -1.5 }, operands: [box([3])] },
  ],
  Expand: [{ label: "columns", attrs: { shape: ["N", 3, 4] }, operands: [box([1, 4])] }],
  Gather: [
    {
      label: "indices with repeats",
      attrs: { axis: 1 },
      operands: [box([4, 2]), { shape: [3], dtype: "int", constant: [2, 0, 2] }],
    },
    {
      label: "a table of indices",
      attrs: { axis: 2 },
      operands: [box([2, 3]), { shape: [2, 2], dtype: "int", constant: [1, 2, 0, 1] }],
    },
  ],
};
