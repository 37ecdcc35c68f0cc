/** @file Rows of matrix products, convolutions, pools, reductions and normalisations. */

import { DATA_TYPE } from "../../src/formats/onnx/proto.ts";
import { type Call, integer, integers, number, positives, type Row, real, weights } from "./one-operator.ts";

const float: Call = ["Cast", { to: DATA_TYPE.FLOAT }];

const products: Row[] = [
  { op: "MatMul", inputs: [weights([6, 4])], open: true },
  { op: "MatMul", about: "from the left", inputs: [weights([3, 2]), "x"], shape: [1, 2, 4] },
  { op: "MatMul", about: "a vector", inputs: [weights([4])], shape: [1, 3, 4], scores: true },
  { op: "MatMul", about: "by itself", inputs: ["x", "x"], shape: [1, 3, 3] },
  { op: "Gemm", inputs: [weights([6, 4]), weights([4])], open: true },
  { op: "Gemm", attrs: { transB: 1, alpha: 0.5, beta: real(2) }, inputs: [weights([4, 6]), weights([1, 4])] },
  {
    op: "Gemm",
    attrs: { transA: 1, transB: 1 },
    inputs: [weights([4, 1]), weights([4])],
    shape: [1, 6],
    scores: false,
  },
  { op: "Gemm", attrs: { beta: real(0) }, inputs: [weights([6, 4]), weights([4])] },
  { op: "Gemm", about: "no bias", inputs: [weights([6, 4])], attrs: { alpha: -1.5 } },
  { op: "Gemm", attrs: { alpha: 0.5 }, inputs: [weights([6, 4]), weights([1])], opset: 7 },
  { op: "Einsum", attrs: { equation: "ij->ji" }, scores: false },
  { op: "Einsum", attrs: { equation: "ij->i" }, scores: false },
  { op: "Einsum", attrs: { equation: "ij->j" }, scores: false },
  { op: "Einsum", attrs: { equation: "ij" } },
  { op: "Einsum", attrs: { equation: " j i -> j i " }, about: "spaces" },
  { op: "Einsum", attrs: { equation: "ij,jk->ik" }, inputs: [weights([6, 4])] },
  { op: "Einsum", attrs: { equation: "ij,kj" }, inputs: [weights([4, 6])], about: "no arrow" },
  { op: "Einsum", attrs: { equation: "...i,ij->...j" }, inputs: [weights([3, 4])], shape: [1, 2, 3], open: true },
  { op: "Einsum", attrs: { equation: "bij,bjk->bik" }, inputs: ["x", "x"], shape: [1, 3, 3], open: true },
  { op: "Einsum", attrs: { equation: "bhid,bhjd->bhij" }, inputs: ["x", "x"], shape: [1, 2, 3, 2] },
  { op: "Einsum", attrs: { equation: "bij,j->bi" }, inputs: [weights([4])], shape: [1, 3, 4] },
  { op: "Einsum", attrs: { equation: "bi,bj->bij" }, inputs: ["x", "x"], scores: false },
  { op: "Einsum", attrs: { equation: "bii->bi" }, shape: [1, 3, 3] },
  { op: "Einsum", attrs: { equation: "bi,i,i->b" }, inputs: [weights([6]), weights([6], "v")], scores: false },
];

const conv = (attrs: Row["attrs"], dims = [4, 2, 3, 2], more: Partial<Row> = {}): Row => ({
  op: "Conv",
  attrs: attrs!,
  inputs: [weights(dims), weights([dims[0]!], "bias")],
  shape: [1, 2, 6, 5],
  ...more,
});
const deconv = (attrs: Row["attrs"], more: Partial<Row> = {}): Row => ({
  op: "ConvTranspose",
  attrs: attrs!,
  inputs: [weights([2, 3, 3, 2])],
  shape: [1, 2, 4, 3],
  ...more,
});

const convolutions: Row[] = [
  conv({}, undefined, { open: true }),
  conv({ strides: [2, 3], pads: [1, 0, 2, 1] }),
  conv({ dilations: [2, 2], pads: [2, 1, 2, 1] }),
  conv({ group: 2 }, [4, 1, 3, 2]),
  conv({ auto_pad: "SAME_UPPER", strides: [2, 2] }),
  conv({ auto_pad: "SAME_LOWER", strides: [2, 2] }),
  conv({ auto_pad: "SAME_LOWER", strides: [1, 1] }),
  conv({ auto_pad: "VALID", kernel_shape: [3, 2] }),
  {
    op: "Conv",
    about: "one axis",
    inputs: [weights([3, 2, 3])],
    attrs: { strides: [2], pads: [1, 1] },
    shape: [1, 2, 7],
  },
  deconv({}, { open: true }),
  deconv({ strides: [2, 2] }),
  deconv({ strides: [2, 3], pads: [1, 0, 1, 1], output_padding: [1, 2] }),
  deconv({ strides: [2, 2], output_shape: [8, 6] }),
  deconv({ strides: [2, 2], output_shape: [9, 6], output_padding: [1, 1] }),
  deconv({ strides: [2, 2], output_shape: [7, 7], auto_pad: "SAME_UPPER" }),
  deconv({ strides: [2, 2], output_shape: [8, 5], auto_pad: "SAME_LOWER" }),
  deconv({ strides: [2, 2], auto_pad: "SAME_UPPER" }),
  deconv({ strides: [2, 2], auto_pad: "SAME_LOWER" }),
  deconv({ strides: [3, 3], auto_pad: "SAME_UPPER", output_padding: [1, 1] }),
  deconv({ strides: [2, 2], auto_pad: "VALID" }),
  deconv({ dilations: [2, 2] }),
  deconv({ group: 2, strides: [2, 1] }, { inputs: [weights([2, 2, 3, 2]), weights([4])] }),
];

const picture = [1, 2, 7, 6];
const pool = (op: string, attrs: Row["attrs"], more: Partial<Row> = {}): Row => ({
  op,
  attrs: { kernel_shape: [3, 2], ...attrs },
  shape: picture,
  ...more,
});
const windows: NonNullable<Row["attrs"]>[] = [
  {},
  { strides: [2, 2] },
  { strides: [2, 2], ceil_mode: 1 },
  { strides: [3, 3], ceil_mode: 1 },
  { strides: [2, 3], pads: [1, 1, 1, 1] },
  { strides: [2, 3], pads: [1, 1, 1, 1], ceil_mode: 1 },
  { strides: [2, 2], pads: [2, 1, 0, 0], ceil_mode: 1 },
  { strides: [3, 4], pads: [0, 0, 2, 1], ceil_mode: 1 },
  { auto_pad: "SAME_UPPER", strides: [2, 2] },
  { auto_pad: "SAME_LOWER", strides: [2, 2] },
  { auto_pad: "SAME_UPPER", strides: [2, 2], ceil_mode: 1 },
  { auto_pad: "VALID", strides: [2, 2] },
  { auto_pad: "VALID", strides: [2, 4], ceil_mode: 1 },
];

const pools: Row[] = [
  ...windows.map((attrs) => pool("MaxPool", attrs)),
  ...windows.map((attrs) => pool("AveragePool", attrs)),
  ...windows
    .filter((_, i) => i % 2 === 1 || i > 4)
    .map((attrs) => pool("AveragePool", { ...attrs, count_include_pad: 1 })),
  ...windows.filter((attrs) => !attrs["ceil_mode"]).map((attrs) => pool("LpPool", attrs)),
  pool("LpPool", { p: 1 }),
  pool("LpPool", { p: 3, pads: [1, 1, 1, 1] }),
  pool("LpPool", { dilations: [2, 2], strides: [2, 2] }, { opset: 18 }),
  ...windows.filter((attrs) => attrs["ceil_mode"]).map((attrs) => pool("LpPool", attrs, { opset: 18 })),
  pool("MaxPool", { dilations: [2, 3] }),
  pool("MaxPool", { dilations: [2, 2], strides: [2, 2], ceil_mode: 1 }),
  pool("MaxPool", { kernel_shape: [3, 3], dilations: [2, 2], strides: [3, 3], pads: [1, 1, 1, 1] }),
  pool("AveragePool", { dilations: [2, 3] }, { opset: 19 }),
  pool("AveragePool", { dilations: [2, 2], strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1 }, { opset: 19 }),
  pool("AveragePool", { dilations: [2, 2], pads: [1, 1, 1, 1], count_include_pad: 1 }, { opset: 19 }),
  pool("AveragePool", { strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1 }, { opset: 22 }),
  pool("AveragePool", { strides: [3, 4], pads: [0, 0, 2, 1], ceil_mode: 1, count_include_pad: 1 }, { opset: 22 }),
  pool("MaxPool", { kernel_shape: [3], strides: [2] }, { shape: [1, 2, 8], about: "one axis" }),
  pool("AveragePool", { kernel_shape: [3], strides: [2], pads: [1, 1] }, { shape: [1, 2, 8], about: "one axis" }),
  pool("AveragePool", { kernel_shape: [7, 6] }, { about: "everything" }),
  pool("AveragePool", { kernel_shape: [2, 2] }, { opset: 7 }),
  pool("MaxPool", { kernel_shape: [2, 2], strides: [2, 2] }, { opset: 7 }),
  ...["GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"].map((op): Row => ({ op, shape: picture, open: true })),
  { op: "GlobalLpPool", attrs: { p: 1 }, shape: picture },
];

const KINDS = ["Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSum", "LogSumExp"];
const cube = [1, 2, 3];
/** The logarithm of a sum needs numbers above 0. */
const domain = (kind: string): Pick<Row, "range"> => (kind === "LogSum" ? { range: [0.1, 3] } : {});

const reductions: Row[] = [
  ...KINDS.flatMap((kind): Row[] => [
    { op: `Reduce${kind}`, about: "over no axis", attrs: { noop_with_empty_axes: 1 }, opset: 18, ...domain(kind) },
    {
      op: `Reduce${kind}`,
      attrs: { keepdims: 0 },
      inputs: [integers([1])],
      shape: cube,
      opset: 18,
      open: true,
      scores: true,
      ...domain(kind),
    },
    { op: `Reduce${kind}`, inputs: [integers([-1, 1])], shape: cube, opset: 20, ...domain(kind) },
    { op: `Reduce${kind}`, attrs: { axes: [2], keepdims: 0 }, shape: cube, opset: 12, scores: true, ...domain(kind) },
  ]),
  { op: "ReduceSum", about: "over everything", shape: cube },
  {
    op: "ReduceSum",
    about: "over an empty list",
    attrs: { noop_with_empty_axes: 0 },
    inputs: [integers([])],
    shape: cube,
  },
  { op: "ReduceSum", about: "over no axis", attrs: { noop_with_empty_axes: 1, keepdims: 0 }, inputs: [integers([])] },
  { op: "ReduceMean", about: "over everything", attrs: { keepdims: 0 }, shape: cube },
  { op: "ReduceL2", about: "over an axis of 1", attrs: { axes: [1] }, shape: [1, 1, 4] },
  { op: "ReduceMax", about: "of integers", attrs: { axes: [1] }, inputs: ["x"], scores: false },
  { op: "ArgMax", attrs: { axis: 1 }, behind: [float], scores: false },
  { op: "ArgMax", attrs: { axis: -1, keepdims: 0, select_last_index: 1 }, shape: cube, behind: [float] },
  { op: "ArgMin", attrs: { axis: 1, keepdims: 0 }, shape: cube, behind: [float] },
  { op: "ArgMin", attrs: { axis: 1, select_last_index: 1 }, shape: cube, behind: [float] },
  ...[{}, { exclusive: 1 }, { reverse: 1 }, { exclusive: 1, reverse: 1 }].map(
    (attrs): Row => ({ op: "CumSum", attrs, inputs: [integer(1)] }),
  ),
  { op: "CumSum", about: "a middle axis", inputs: [integer(-2)], shape: [1, 3, 2], open: true },
];

const normalizations: Row[] = [
  ...["Softmax", "LogSoftmax", "Hardmax"].flatMap((op): Row[] => [
    { op, open: true },
    { op, attrs: { axis: 1 }, shape: [1, 3, 2] },
    { op, shape: [1, 3, 2], opset: 11 },
    { op, attrs: { axis: 2 }, shape: [1, 3, 2], opset: 11 },
    { op, attrs: { axis: -1 }, shape: [1, 3, 2], opset: 12 },
  ]),
  {
    op: "BatchNormalization",
    inputs: [weights([3]), weights([3], "b"), weights([3], "m"), positives([3])],
    shape: [1, 3, 2, 2],
  },
  {
    op: "BatchNormalization",
    attrs: { epsilon: 0.5, momentum: 0.1 },
    inputs: [weights([6]), weights([6], "b"), weights([6], "m"), positives([6])],
    opset: 9,
  },
  {
    op: "BatchNormalization",
    attrs: { training_mode: 0 },
    inputs: [weights([3]), weights([3], "b"), weights([3], "m"), positives([3])],
    shape: [1, 3, 4],
    opset: 15,
  },
  {
    op: "InstanceNormalization",
    inputs: [weights([3]), weights([3], "b")],
    shape: [1, 3, 2, 3],
    attrs: { epsilon: 0.01 },
  },
  { op: "InstanceNormalization", inputs: [weights([3]), weights([3], "b")], shape: [1, 3, 5], opset: 22 },
  { op: "LayerNormalization", inputs: [weights([6]), weights([6], "b")] },
  { op: "LayerNormalization", inputs: [weights([2, 3])], attrs: { axis: 1, epsilon: 0.1 }, shape: [1, 2, 3] },
  { op: "LayerNormalization", inputs: [weights([3])], shape: [1, 2, 3], about: "no bias", open: true },
  { op: "RMSNormalization", inputs: [weights([6])], opset: 23 },
  { op: "RMSNormalization", inputs: [weights([2, 3])], attrs: { axis: 1, epsilon: 0.1 }, shape: [1, 2, 3], opset: 23 },
  {
    op: "GroupNormalization",
    attrs: { num_groups: 2 },
    inputs: [weights([2]), weights([2], "b")],
    shape: [1, 4, 3],
    opset: 18,
  },
  {
    op: "GroupNormalization",
    attrs: { num_groups: 2, epsilon: 0.1 },
    inputs: [weights([4]), weights([4], "b")],
    shape: [1, 4, 2, 2],
    opset: 21,
  },
  { op: "MeanVarianceNormalization", attrs: { axes: [1, 2] }, shape: [1, 3, 4] },
  { op: "MeanVarianceNormalization", shape: [1, 3, 2, 2] },
  { op: "LRN", attrs: { size: 3 }, shape: [1, 5, 2, 2], range: [0, 3] },
  { op: "LRN", attrs: { size: 5, alpha: 0.5, beta: 0.6, bias: real(2) }, shape: [1, 5, 2, 2], range: [0, 3] },
  { op: "LRN", attrs: { size: 9, alpha: 0.1 }, shape: [1, 3, 2, 2], range: [0, 3] },
  { op: "LpNormalization", range: [0.5, 3] },
  { op: "LpNormalization", attrs: { p: 1, axis: 1 }, shape: [1, 3, 2] },
  { op: "Dropout" },
  { op: "Dropout", attrs: { ratio: 0.9 }, opset: 10 },
  { op: "Dropout", attrs: { ratio: 0.9 }, opset: 7 },
  { op: "Dropout", about: "of an input", inputs: [number(0.9)], opset: 13 },
];

const domain3 = { domain: "ai.onnx.ml" } as const;
const six = [0.5, -1.5, 2.5, 0.25, -0.75, 1.25];
const classifier = (post_transform: string): Row => ({
  op: "LinearClassifier",
  ...domain3,
  attrs: {
    coefficients: [...six, ...six.map((value) => value + 0.125), ...six.map((value) => -value)],
    intercepts: [0.5, -0.25, 0.75],
    classlabels_ints: [0, 1, 2],
    post_transform,
  },
  outputs: ["label", "y"],
});
const forTables: Row[] = [
  { op: "Scaler", ...domain3, attrs: { offset: six, scale: six.map((value) => value + 0.125) } },
  { op: "LinearRegressor", ...domain3, attrs: { coefficients: [...six, ...six], intercepts: [0.5, 1.5], targets: 2 } },
  ...["NONE", "SOFTMAX", "LOGISTIC"].map(classifier),
  ...["NONE", "SOFTMAX", "LOGISTIC"].map((post_transform): Row => {
    const { outputs = [] } = classifier(post_transform);
    const coefficients = [...six.map((value) => -value), ...six];
    const attrs = { coefficients, intercepts: { floats: [0.5, -0.5] }, classlabels_ints: [3, 7], post_transform };
    return { op: "LinearClassifier", ...domain3, about: "of two classes", attrs, outputs };
  }),
  {
    op: "LinearClassifier",
    ...domain3,
    about: "one row for two classes in words",
    attrs: {
      coefficients: six,
      intercepts: [0.5],
      classlabels_strings: { strings: ["no", "yes"] },
      post_transform: "LOGISTIC",
    },
    outputs: ["label", "y"],
  },
  ...["L1", "L2", "MAX"].map((norm): Row => ({ op: "Normalizer", ...domain3, attrs: { norm } })),
  { op: "Normalizer", ...domain3, about: "by default", open: true },
  { op: "ArrayFeatureExtractor", ...domain3, inputs: [integers([4, 0, 1, 4])] },
  { op: "Binarizer", ...domain3, attrs: { threshold: 0.5 } },
  { op: "Binarizer", ...domain3, about: "by default", open: true },
  { op: "FeatureVectorizer", ...domain3, inputs: ["x", "x"], attrs: { inputdimensions: [6, 6] } },
  {
    op: "Imputer",
    ...domain3,
    attrs: { imputed_value_floats: { floats: six }, replaced_value_float: real(Number.NaN) },
  },
  ...["L1", "L2", "MAX"].map(
    (norm): Row => ({ op: "Normalizer", ...domain3, about: "of zeros", attrs: { norm }, range: [0, 0] }),
  ),
  ...["L1", "MAX"].map(
    (norm): Row => ({ op: "Normalizer", ...domain3, about: "of negatives", attrs: { norm }, range: [-3, -0.5] }),
  ),
];

export const sums: readonly Row[] = [
  ...products,
  ...convolutions,
  ...pools,
  ...reductions,
  ...normalizations,
  ...forTables,
];
