/** @file Rows of operators that move, select, repeat or interpolate elements. */

import { DATA_TYPE } from "../../src/formats/onnx/proto.ts";
import { type Call, integer, integers, number, numbers, type Row, weights } from "./one-operator.ts";

const float: Call = ["Cast", { to: DATA_TYPE.FLOAT }];
const cube = [1, 3, 4];
const LAST = 2 ** 31 - 1;
const FIRST = -(2 ** 31);

const slice = (about: string, lists: readonly (readonly number[])[], shape: readonly number[] = [1, 8]): Row => ({
  op: "Slice",
  about,
  inputs: lists.map((list) => integers(list)),
  shape,
});

const parts: Row[] = [
  slice("to INT_MAX", [[1], [LAST], [1]]),
  slice("to INT64_MAX", [[2], [Number.MAX_SAFE_INTEGER], [1], [2]]),
  slice("backwards to INT_MIN", [[-1], [FIRST], [1], [-1]]),
  slice("backwards to INT64_MIN", [[6], [Number.MIN_SAFE_INTEGER], [1], [-2]]),
  slice("backwards by 3", [[-2], [0], [1], [-3]]),
  slice("from before the start", [[-100], [3], [1]]),
  slice("the last two", [[-2], [LAST], [-1]]),
  slice(
    "two axes",
    [
      [1, 0],
      [3, 2],
      [2, 1],
    ],
    cube,
  ),
  slice(
    "no axes",
    [
      [0, 1],
      [1, 3],
    ],
    cube,
  ),
  { op: "Slice", attrs: { starts: [1, -3], ends: [LAST, -1], axes: [1, 2] }, shape: cube, opset: 9 },
  { op: "Split", about: "equal", attrs: { axis: 1 }, outputs: ["a", "b"], behind: [["Concat", { axis: 1 }, "b", "a"]] },
  {
    op: "Split",
    inputs: [integers([1, 3, 2])],
    attrs: { axis: 1 },
    outputs: ["a", "b", "c"],
    behind: [["Concat", { axis: 1 }, "c", "a", "b"]],
  },
  {
    op: "Split",
    attrs: { axis: 1, num_outputs: 4 },
    outputs: ["a", "b", "c", "d"],
    behind: [["Concat", { axis: 1 }, "d", "a", "c"]],
    shape: [1, 7],
    opset: 18,
  },
  {
    op: "Split",
    attrs: { axis: -1, split: [2, 4] },
    outputs: ["a", "b"],
    behind: [["Concat", { axis: 1 }, "b", "a"]],
    opset: 11,
  },
  { op: "Gather", attrs: { axis: 1 }, inputs: [integers([-1, 0, 2, 2])] },
  { op: "Gather", attrs: { axis: 1 }, inputs: [integer(-2)], about: "one", shape: cube, scores: true },
  { op: "Gather", attrs: { axis: 2 }, inputs: [integers([0, 3, 1, 1], [2, 2])], shape: cube, open: true },
  { op: "GatherElements", attrs: { axis: 1 }, inputs: [integers([5, 0, -1, -6], [1, 4])] },
  { op: "GatherElements", attrs: { axis: 2 }, inputs: [integers([3, 0, -1, 1, 2, 2], [1, 3, 2])], shape: cube },
  { op: "GatherND", inputs: [integers([0, 2, 0, -1], [2, 2])], scores: false },
  { op: "GatherND", attrs: { batch_dims: 1 }, inputs: [integers([1, -2], [1, 2, 1])], about: "rows", shape: cube },
  { op: "GatherND", inputs: [integers([0, 1, -1], [1, 3])], about: "an element", shape: cube, opset: 12 },
  { op: "ScatterND", inputs: [integers([0, 1, 0, -1], [2, 2]), numbers([5, 6])] },
  { op: "ScatterND", inputs: [integers([0, 2, 0, 0], [2, 2]), weights([2, 4])], about: "rows", shape: cube },
  {
    op: "ScatterND",
    attrs: { reduction: "add" },
    inputs: [integers([0, 1, 0, 1], [2, 2]), numbers([5, 6])],
    opset: 16,
  },
  { op: "ScatterND", attrs: { reduction: "mul" }, inputs: [integers([0, 1], [1, 2]), numbers([5])], opset: 16 },
  { op: "ScatterElements", attrs: { axis: 1 }, inputs: [integers([5, 0, -2], [1, 3]), numbers([7, 8, 9], [1, 3])] },
  {
    op: "ScatterElements",
    attrs: { axis: 1, reduction: "add" },
    inputs: [integers([5, 5, -2], [1, 3]), numbers([7, 8, 9], [1, 3])],
  },
  {
    op: "ScatterElements",
    attrs: { axis: 2, reduction: "max" },
    inputs: [integers([0, 3], [1, 1, 2]), numbers([0, 0.5], [1, 1, 2])],
    shape: cube,
    opset: 18,
  },
  { op: "Scatter", attrs: { axis: 1 }, inputs: [integers([1, 0], [1, 2]), numbers([7, 8], [1, 2])], opset: 9 },
  {
    op: "Compress",
    attrs: { axis: 1 },
    inputs: [{ ...integers([]), dims: [4], dataType: DATA_TYPE.BOOL, int32Data: [0, 1, 0, 1] }],
  },
  ...[{}, { upper: 0 }].map((attrs): Row => ({ op: "Trilu", attrs, shape: [1, 3, 4] })),
  { op: "Trilu", inputs: [integer(1)], about: "above the diagonal", shape: [1, 3, 4] },
  {
    op: "Trilu",
    inputs: [integer(-1)],
    attrs: { upper: 0 },
    about: "below the diagonal",
    shape: [1, 4, 3],
    open: true,
  },
  {
    op: "TopK",
    about: "values",
    attrs: { axis: 1 },
    inputs: [integers([1])],
    outputs: ["y", "i"],
    opset: 11,
    scores: false,
  },
];

const shapes: Row[] = [
  { op: "Reshape", inputs: [integers([0, 3, 2])], scores: false },
  { op: "Reshape", about: "to copy and to fill", inputs: [integers([0, -1])], shape: cube, open: true, scores: true },
  { op: "Reshape", about: "a batch of 1", inputs: [integers([1, 12])], shape: cube, scores: true },
  { op: "Reshape", attrs: { allowzero: 1 }, inputs: [integers([1, 2, 3])], opset: 14, scores: false },
  ...[0, 1, 2, -1, -3].map(
    (axis): Row => ({ op: "Flatten", attrs: { axis }, shape: cube, scores: axis === 1, opset: 13 }),
  ),
  { op: "Flatten", about: "behind all axes", attrs: { axis: 3 }, shape: cube, scores: false },
  { op: "Squeeze", about: "without axes", shape: [1, 1, 3, 1] },
  { op: "Squeeze", inputs: [integers([1, -1])], shape: [1, 1, 3, 1], scores: true },
  { op: "Squeeze", attrs: { axes: [2] }, shape: [1, 3, 1], opset: 11, scores: true },
  { op: "Unsqueeze", inputs: [integers([-1, 1])], scores: false },
  { op: "Unsqueeze", attrs: { axes: [2] }, opset: 11, scores: false },
  { op: "Transpose", shape: cube },
  { op: "Transpose", attrs: { perm: [0, 2, 1] }, shape: cube, open: true },
  { op: "Expand", inputs: [integers([2, 1, 4])], shape: [1, 3, 1] },
  { op: "Expand", inputs: [integers([3, 1])], about: "by a shape of fewer axes", shape: [1, 1, 4] },
  { op: "Tile", inputs: [integers([1, 2])], open: true },
  { op: "Tile", inputs: [integers([1, 2, 3])], shape: cube },
  { op: "Concat", attrs: { axis: 1 }, inputs: ["x", weights([1, 2]), "x"] },
  { op: "Concat", attrs: { axis: -1 }, inputs: ["x", "x"], shape: cube, open: true },
  { op: "Concat", attrs: { axis: 0 }, inputs: ["x", weights([2, 6])], scores: false },
  { op: "Shape", behind: [float], shape: cube },
  { op: "Shape", attrs: { start: -2, end: 10 }, behind: [float], shape: cube, opset: 15 },
  { op: "Size", behind: [float], shape: cube },
  { op: "Shape", about: "filled", behind: [["ConstantOfShape"], ["Add", {}, "_", "x"]] },
  { op: "EyeLike", behind: [["MatMul", {}, "x", "_"]], shape: [1, 1], scores: false },
  { op: "DepthToSpace", attrs: { blocksize: 2 }, shape: [1, 8, 2, 3] },
  { op: "DepthToSpace", attrs: { blocksize: 2, mode: "CRD" }, shape: [1, 8, 2, 3] },
  { op: "SpaceToDepth", attrs: { blocksize: 2 }, shape: [1, 2, 4, 6], open: true },
  { op: "ReverseSequence", attrs: { batch_axis: 0, time_axis: 1 }, inputs: [integers([4])] },
  { op: "OneHot", attrs: { axis: -1 }, inputs: ["x", number(3), numbers([0, 1])], range: [0, 2.9], scores: false },
];

const pads = (mode: string, list: readonly number[], more: Partial<Row> = {}): Row => ({
  op: "Pad",
  attrs: { mode },
  about: `by ${list}`,
  inputs: [integers(list)],
  shape: cube,
  ...more,
});

const paddings: Row[] = [
  ...["constant", "reflect", "edge"].flatMap((mode): Row[] => [
    pads(mode, [0, 1, 2, 0, 2, 1]),
    pads(mode, [0, 0, 3, 0, 0, 0], { open: true }),
    pads(mode, [0, -1, 1, 0, 0, -2]),
    pads(mode, [0, -1, -1, 0, 1, 2]),
  ]),
  pads("wrap", [0, 1, 2, 0, 2, 1], { opset: 19 }),
  pads("wrap", [0, 3, 4, 0, 0, 0], { opset: 19 }),
  pads("constant", [0, 1, 2, 0, 2, 1], { inputs: [integers([0, 1, 2, 0, 2, 1]), number(-1.5)], about: "by a value" }),
  pads("constant", [2, 1], { inputs: [integers([2, 1]), number(7), integers([-1])], about: "one axis", opset: 18 }),
  { op: "Pad", attrs: { pads: [0, 0, 1, 0, 1, 2], value: 2.5 }, shape: cube, opset: 9 },
];

const map = [1, 2, 4, 5];
const resize = (
  attrs: Row["attrs"],
  given: { scales?: readonly number[]; sizes?: readonly number[] },
  more: Partial<Row> = {},
): Row => ({
  op: "Resize",
  attrs: attrs!,
  about: given.scales ? `scales ${given.scales}` : `sizes ${given.sizes}`,
  inputs: given.scales ? ["", numbers(given.scales)] : ["", "", integers(given.sizes!)],
  shape: map,
  ...more,
});

const COORDINATES = ["half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"];
const resizes: Row[] = [
  ...["nearest", "linear", "cubic"].flatMap((mode) =>
    COORDINATES.flatMap((coordinate_transformation_mode): Row[] => [
      resize({ mode, coordinate_transformation_mode }, { scales: [1, 1, 2, 2] }),
      resize({ mode, coordinate_transformation_mode }, { sizes: [1, 2, 3, 7] }),
    ]),
  ),
  ...["floor", "ceil", "round_prefer_ceil", "round_prefer_floor"].flatMap((nearest_mode): Row[] => [
    resize({ nearest_mode }, { scales: [1, 1, 1.5, 0.6] }),
    resize({ nearest_mode, coordinate_transformation_mode: "asymmetric" }, { sizes: [1, 2, 6, 3] }),
  ]),
  resize(
    { mode: "linear", coordinate_transformation_mode: "half_pixel_symmetric" },
    { scales: [1, 1, 1.3, 0.7] },
    { opset: 19 },
  ),
  resize({ mode: "linear" }, { scales: [1, 1, 0.6, 0.6] }),
  resize({ mode: "linear" }, { scales: [1, 1, 1.3, 2.6] }),
  resize({ mode: "nearest" }, { scales: [1, 1, 1.3, 2.6] }),
  resize({ mode: "cubic", cubic_coeff_a: -0.5, exclude_outside: 1 }, { scales: [1, 1, 2, 1.5] }),
  resize({ mode: "cubic" }, { scales: [1, 1, 0.8, 0.8] }),
  {
    op: "Resize",
    attrs: { mode: "nearest", coordinate_transformation_mode: "tf_half_pixel_for_nn" },
    inputs: [numbers([]), numbers([1, 1, 2, 2])],
    shape: map,
    opset: 11,
  },
  resize({ mode: "nearest", axes: [2, 3] }, { scales: [2, 3] }, { opset: 18 }),
  resize({ mode: "linear", keep_aspect_ratio_policy: "not_larger", axes: [2, 3] }, { sizes: [8, 8] }, { opset: 18 }),
  resize({ mode: "nearest", keep_aspect_ratio_policy: "not_smaller", axes: [2, 3] }, { sizes: [8, 8] }, { opset: 18 }),
  {
    op: "Resize",
    attrs: { mode: "linear", coordinate_transformation_mode: "tf_crop_and_resize", extrapolation_value: 0.5 },
    inputs: [numbers([0, 0, 0.2, -0.1, 1, 1, 0.9, 1.2]), "", integers([1, 2, 3, 4])],
    shape: map,
    about: "a crop",
  },
  ...["nearest", "linear"].flatMap((mode): Row[] => [
    { op: "Upsample", attrs: { mode }, inputs: [numbers([1, 1, 2, 3])], shape: map, opset: 9 },
    { op: "Upsample", attrs: { mode, scales: { floats: [1, 1, 2, 2] } }, shape: map, opset: 7 },
    { op: "Resize", attrs: { mode }, inputs: [numbers([1, 1, 0.6, 0.7])], shape: map, opset: 10, about: "smaller" },
    { op: "Resize", attrs: { mode }, inputs: [numbers([1, 1, 1.3, 2.6])], shape: map, opset: 10, about: "odd scales" },
    { op: "Resize", attrs: { mode }, inputs: [numbers([1, 1, 0.5, 1.7])], shape: map, opset: 10 },
  ]),
];

export const arrangements: readonly Row[] = [...parts, ...shapes, ...paddings, ...resizes];
