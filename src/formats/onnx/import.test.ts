import { describe, expect, test } from "vitest";
import { difference } from "../../../test/helpers/compare.ts";
import { attributeInt, attributeInts, floats, info, ints, modelFile, node } from "../../../test/helpers/onnx-seeds.ts";
import { runOnnx } from "../../../test/helpers/ort.ts";
import { bindShape, sizeOf } from "../../graph/dims.ts";
import { printGraph } from "../../graph/print.ts";
import type { Tensor } from "../../graph/types.ts";
import { evaluateGraph } from "../../ops/evaluate.ts";
import { rng } from "../../random/rng.ts";
import { exportOnnx } from "./export.ts";
import { importOnnx } from "./import.ts";
import { type AttributeProto, DATA_TYPE, type GraphProto, type NodeProto, type TensorProto } from "./proto.ts";

const text = (name: string, value: string): AttributeProto => ({ name, type: 3, s: new TextEncoder().encode(value) });
const real = (name: string, value: number): AttributeProto => ({ name, type: 1, f: value });

const noise = (shape: readonly number[], label: string): Tensor => {
  const data = new Float32Array(sizeOf(shape));
  rng(4).split(label).fillNormal(data);
  return { dtype: "float", shape, data };
};
const weights = (name: string, dims: readonly number[]): TensorProto =>
  floats(name, dims, Array.from(noise(dims, name).data));

/** A model of one input x and one output y, whose declared shape is left to the runtime. */
const model = (shape: readonly (number | string)[], nodes: NodeProto[], initializer: TensorProto[] = [], opset = 17) =>
  modelFile(
    {
      node: nodes,
      initializer,
      input: [info("x", shape)],
      output: [{ name: "y", type: { tensorType: { elemType: 1 } } }],
    } satisfies GraphProto,
    opset,
  );

const one = (op: string, attributes: AttributeProto[] = [], more: string[] = []): NodeProto[] => [
  node(op, ["x", ...more], ["y"], attributes),
];

interface Case {
  readonly name: string;
  readonly shape: readonly number[];
  readonly nodes: NodeProto[];
  readonly initializer?: TensorProto[];
  readonly opset?: number;
}

const image = [1, 3, 7, 6];
const kernel = (...sizes: number[]) => attributeInts("kernel_shape", sizes);
const conv = [weights("w", [4, 3, 3, 2])];

/** What the ONNX project's own tests leave out. */
const cases: Case[] = [
  { name: "softmax of opset 11 over everything from axis 1", shape: [1, 3, 4], nodes: one("Softmax"), opset: 11 },
  {
    name: "log-softmax of opset 11 over a middle axis",
    shape: [2, 3, 4],
    nodes: one("LogSoftmax", [attributeInt("axis", 1)]),
    opset: 11,
  },
  ...["SAME_UPPER", "SAME_LOWER", "VALID"].flatMap((pad): Case[] => [
    {
      name: `a convolution padded ${pad}`,
      shape: image,
      nodes: one("Conv", [text("auto_pad", pad), attributeInts("strides", [2, 3])], ["w"]),
      initializer: conv,
    },
    {
      name: `an average pool padded ${pad}`,
      shape: image,
      nodes: one("AveragePool", [text("auto_pad", pad), kernel(3, 2), attributeInts("strides", [2, 2])]),
    },
    {
      name: `a max pool padded ${pad}`,
      shape: image,
      nodes: one("MaxPool", [text("auto_pad", pad), kernel(3, 2), attributeInts("strides", [2, 2])]),
    },
  ]),
  ...[0, 1].flatMap((ceil): Case[] =>
    [0, 1].map((include) => ({
      name: `an average pool with ceil_mode ${ceil} and count_include_pad ${include}`,
      shape: image,
      nodes: one("AveragePool", [
        kernel(3, 3),
        attributeInts("strides", [2, 2]),
        attributeInts("pads", [1, 1, 1, 0]),
        attributeInt("ceil_mode", ceil),
        attributeInt("count_include_pad", include),
      ]),
    })),
  ),
  {
    name: "a max pool with ceil_mode and dilation",
    shape: image,
    nodes: one("MaxPool", [
      kernel(2, 2),
      attributeInts("strides", [2, 2]),
      attributeInts("dilations", [2, 1]),
      attributeInt("ceil_mode", 1),
    ]),
  },
  {
    name: "pools over one axis",
    shape: [2, 3, 9],
    nodes: [node("AveragePool", ["x"], ["a"], [kernel(3)]), node("MaxPool", ["a"], ["y"], [kernel(2)])],
  },
  {
    name: "a Gemm with every attribute",
    shape: [4, 3],
    nodes: one(
      "Gemm",
      [attributeInt("transA", 1), attributeInt("transB", 1), real("alpha", 0.5), real("beta", 2)],
      ["b", "c"],
    ),
    initializer: [weights("b", [5, 4]), weights("c", [5])],
  },
  ...["Sum", "Mean", "Max", "Min", "L1", "L2", "SumSquare", "LogSum", "LogSumExp"].map((op): Case => {
    const reduce = node(`Reduce${op}`, ["p"], ["y"], [attributeInt("noop_with_empty_axes", 1)]);
    const shifted = node("Add", ["x", "c"], ["p"]);
    // the logarithm needs numbers above 0, the absolute value and the square some below
    const initializer = [floats("c", [], [op === "LogSum" ? 5 : 0])];
    return { name: `Reduce${op} over no axis`, shape: [2, 5], nodes: [shifted, reduce], initializer, opset: 18 };
  }),
  {
    name: "products with vectors",
    shape: [3, 4],
    nodes: [node("MatMul", ["x", "v"], ["a"]), node("MatMul", ["a", "m"], ["y"])],
    initializer: [weights("v", [4]), weights("m", [3, 2])],
  },
  {
    name: "a slice backwards, by step and clamped",
    shape: [5, 8],
    nodes: one("Slice", [], ["s", "e", "a", "t"]),
    initializer: [ints("s", [-1, 1]), ints("e", [-100, 100]), ints("a", [0, -1]), ints("t", [-2, 3])],
  },
  {
    name: "a split by number of outputs of opset 18",
    shape: [7, 2],
    nodes: [
      node("Split", ["x"], ["a", "b", "c"], [attributeInt("num_outputs", 3)]),
      node("Concat", ["c", "a"], ["y"], [attributeInt("axis", 0)]),
    ],
    opset: 18,
  },
  {
    name: "a gather of rows twice and backwards",
    shape: [4, 3],
    nodes: one("Gather", [], ["i"]),
    initializer: [{ ...ints("i", [-1, 0, 0, 2]), dims: [2, 2] }],
  },
  {
    name: "padding by reflection, cropped",
    shape: [4, 5],
    nodes: one("Pad", [text("mode", "reflect")], ["p"]),
    initializer: [ints("p", [2, 1, 0, 3])],
  },
  {
    name: "negative pads",
    shape: [4, 5],
    nodes: one("Pad", [], ["p", "v"]),
    initializer: [ints("p", [-1, 1, 2, -2]), floats("v", [], [0.5])],
  },
  { name: "tiles", shape: [2, 3], nodes: one("Tile", [], ["r"]), initializer: [ints("r", [2, 3])] },
  ...["half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"].flatMap((mode): Case[] =>
    ["nearest", "linear", "cubic"].map((style) => ({
      name: `a ${style} resize with ${mode} coordinates`,
      shape: [1, 2, 4, 3],
      nodes: one("Resize", [text("mode", style), text("coordinate_transformation_mode", mode)], ["", "", "n"]),
      initializer: [ints("n", [1, 2, 7, 5])],
    })),
  ),
  {
    name: "Upsample of opset 9",
    shape: [1, 2, 3, 4],
    nodes: one("Upsample", [text("mode", "linear")], ["s"]),
    initializer: [floats("s", [4], [1, 1, 2, 2])],
    opset: 9,
  },
  {
    name: "local response normalisation",
    shape: image,
    nodes: one("LRN", [attributeInt("size", 3), real("alpha", 0.5)]),
  },
  {
    name: "group normalisation of opset 21",
    shape: [2, 4, 5],
    nodes: one("GroupNormalization", [attributeInt("num_groups", 2)], ["g", "b"]),
    initializer: [weights("g", [4]), weights("b", [4])],
    opset: 21,
  },
  {
    name: "batch normalisation",
    shape: image,
    nodes: one("BatchNormalization", [real("epsilon", 0.01)], ["g", "b", "m", "v"]),
    initializer: [weights("g", [3]), weights("b", [3]), weights("m", [3]), floats("v", [3], [0.5, 1, 2])],
  },
  {
    name: "powers",
    shape: [6],
    nodes: [
      node("Abs", ["x"], ["a"]),
      node("Pow", ["a", "half"], ["r"]),
      node("Pow", ["x", "two"], ["s"]),
      node("Pow", ["a", "odd"], ["p"]),
      node("Sum", ["r", "s", "p"], ["y"]),
    ],
    initializer: [floats("half", [], [0.5]), floats("two", [1], [2]), floats("odd", [], [1.7])],
  },
  {
    name: "a transposed convolution of a given size",
    shape: [1, 3, 4, 5],
    nodes: one("ConvTranspose", [attributeInts("strides", [2, 3]), attributeInts("output_shape", [8, 15])], ["w"]),
    initializer: [weights("w", [3, 2, 3, 4])],
  },
  {
    name: "running sums",
    shape: [3, 4],
    nodes: one("CumSum", [attributeInt("reverse", 1), attributeInt("exclusive", 1)], ["a"]),
    initializer: [{ ...ints("a", [1]), dims: [] }],
  },
];

describe("ONNX Runtime agrees with the graph that is read from", () => {
  test.each(cases)("$name", async ({ shape, nodes, initializer, opset, name }) => {
    const bytes = model(shape, nodes, initializer, opset);
    const { graph } = importOnnx(bytes, { batch: "as-declared" });
    const feeds = new Map([["x", noise(shape, name)]]);
    const expected = (await runOnnx(bytes, feeds)).get("y")!;
    const tolerance = { relative: 1e-4, absolute: 1e-5 };
    expect(difference(evaluateGraph(graph, feeds).get("y"), expected, tolerance)).toBeUndefined();
    expect(difference((await runOnnx(exportOnnx(graph), feeds)).get("y"), expected, tolerance)).toBeUndefined();
  });
});

// ---------------------------------------------------------------- the batch

/** Reshape to the batch size and the rest, as PyTorch writes `x.view(x.size(0), -1)`. */
const viewNodes: NodeProto[] = [
  node("Shape", ["x"], ["shape"]),
  node("Gather", ["shape", "zero"], ["size"], [attributeInt("axis", 0)]),
  node("Unsqueeze", ["size", "axis0"], ["size1"]),
  node("Concat", ["size1", "rest"], ["target"], [attributeInt("axis", 0)]),
  node("Reshape", ["x", "target"], ["y"]),
];
const viewConstants = [{ ...ints("zero", [0]), dims: [] }, ints("axis0", [0]), ints("rest", [-1])];

describe("a batch that the file fixes at 1", () => {
  const general: { name: string; shape: number[]; nodes: NodeProto[]; initializer?: TensorProto[] }[] = [
    {
      name: "a reshape to a literal 1",
      shape: [1, 2, 6],
      nodes: one("Reshape", [], ["s"]),
      initializer: [ints("s", [1, 3, -1])],
    },
    {
      name: "a reshape that merges the batch",
      shape: [1, 2, 6],
      nodes: one("Reshape", [], ["s"]),
      initializer: [ints("s", [-1, 6])],
    },
    {
      name: "a reshape to several rows a sample",
      shape: [1, 3],
      nodes: one("Reshape", [], ["s"]),
      initializer: [ints("s", [3, 1])],
    },
    { name: "a view of the batch size", shape: [1, 2, 6], nodes: viewNodes, initializer: viewConstants },
    { name: "Flatten at axis 0", shape: [1, 6], nodes: one("Flatten", [attributeInt("axis", 0)]) },
    {
      name: "a constant row beside every sample",
      shape: [1, 2, 3],
      nodes: one("Concat", [attributeInt("axis", 1)], ["w"]),
      initializer: [weights("w", [1, 1, 3])],
    },
    {
      name: "the batch behind another axis and back",
      shape: [1, 2, 3],
      nodes: [
        node("Transpose", ["x"], ["t"], [attributeInts("perm", [1, 0, 2])]),
        node("ReduceSum", ["t", "a"], ["y"], [attributeInt("keepdims", 0)]),
      ],
      initializer: [ints("a", [0])],
    },
    {
      name: "a mean over everything but the batch",
      shape: [1, 2, 3],
      nodes: one("ReduceMean", [attributeInts("axes", [1, 2])]),
    },
  ];
  test.each(general)("is any batch with $name", async ({ name, shape, nodes, initializer }) => {
    const bytes = model(shape, nodes, initializer);
    const { graph, warnings } = importOnnx(bytes);
    expect(warnings).toEqual([]);
    expect(graph.inputs[0]!.shape[0]).toBe("N");
    const batch = noise(bindShape(graph.inputs[0]!.shape, 3), name);
    const got = (await runOnnx(exportOnnx(graph), new Map([["x", batch]]))).get("y")!;
    const size = batch.data.length / 3;
    for (let i = 0; i < 3; i++) {
      const sample = { ...batch, shape, data: batch.data.slice(i * size, (i + 1) * size) };
      const expected = (await runOnnx(bytes, new Map([["x", sample]]))).get("y")!;
      const count = expected.data.length;
      const part = { ...expected, data: got.data.slice(i * count, (i + 1) * count) };
      expect(difference(part, expected, { relative: 1e-5, absolute: 1e-6 })).toBeUndefined();
      expect(got.data.length).toBe(3 * count);
    }
  });

  const particular: { name: string; shape: number[]; nodes: NodeProto[]; initializer?: TensorProto[] }[] = [
    {
      name: "a sum over it",
      shape: [1, 3],
      nodes: one("ReduceSum", [attributeInt("keepdims", 0)], ["a"]),
      initializer: [ints("a", [0])],
    },
    { name: "a softmax over it", shape: [1, 3], nodes: one("Softmax", [attributeInt("axis", 0)]) },
    {
      name: "a product that sums over it",
      shape: [1, 3],
      nodes: one("MatMul", [], ["x"]).map((n) => ({ ...n, input: ["w", "x"] })),
      initializer: [weights("w", [2, 1])],
    },
    { name: "its axis removed", shape: [1, 3], nodes: one("Squeeze", [], ["a"]), initializer: [ints("a", [0])] },
    {
      name: "its only sample taken",
      shape: [1, 3],
      nodes: one("Gather", [], ["i"]),
      initializer: [{ ...ints("i", [0]), dims: [] }],
    },
  ];
  test.each(particular)(
    "stays 1, with a warning, where there is $name",
    async ({ name, shape, nodes, initializer }) => {
      const bytes = model(shape, nodes, initializer);
      const { graph, warnings } = importOnnx(bytes);
      expect(graph.inputs[0]!.shape).toEqual(shape);
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toMatch(/not every sample is treated alone \(.*\): the batch size is fixed/);
      const feeds = new Map([["x", noise(shape, name)]]);
      const expected = (await runOnnx(bytes, feeds)).get("y")!;
      const got = (await runOnnx(exportOnnx(graph), feeds)).get("y")!;
      expect(difference(got, expected, { relative: 1e-5, absolute: 1e-6 })).toBeUndefined();
    },
  );

  test("stays 1 when it is read as declared", () => {
    const { graph } = importOnnx(model([1, 3], one("Relu")), { batch: "as-declared" });
    expect(graph.inputs[0]!.shape).toEqual([1, 3]);
  });
});

describe("a batch that the file leaves open", () => {
  test("is fixed at one sample where the model mixes samples", async () => {
    const bytes = model(["batch", 3], one("ReduceSum", [], ["a"]), [ints("a", [0])]);
    const { graph, warnings } = importOnnx(bytes);
    expect(graph.inputs[0]!.shape).toEqual([1, 3]);
    expect(warnings).toEqual([
      'not every sample is treated alone (ReduceSum "ReduceSum_y": ReduceSum goes over the batch axis): it is read for one sample at a time',
    ]);
    expect(importOnnx(bytes, { batch: "as-declared" }).graph.inputs[0]!.shape).toEqual(["N", 3]);
  });

  test("must be the first axis", () => {
    expect(() => importOnnx(model([1, "time"], one("Relu")))).toThrow('axis 1 of its input "x" is open');
  });
});

test("a model in double says so", () => {
  const { warnings, inputs } = importOnnx(
    modelFile({
      node: one("Relu"),
      input: [info("x", [1, 3], DATA_TYPE.DOUBLE)],
      output: [info("y", [1, 3], DATA_TYPE.DOUBLE)],
    }),
  );
  expect(inputs[0]!.elementType).toBe("double");
  expect(warnings).toEqual([expect.stringContaining("the file computes in double")]);
});

test("shape arithmetic leaves no trace in the graph", () => {
  const { graph } = importOnnx(model(["batch", 2, 6], viewNodes, viewConstants));
  expect(printGraph(graph)).toBe("x: float[N,2,6]\nv0 = Reshape(x) shape=[N,12] : [N,12]\nreturn y = v0\n");
});

test("weights stay views of the file, and keep their bits when only moved", () => {
  const bytes = model(["N", 3], one("Gemm", [attributeInt("transB", 1)], ["b"]), [weights("b", [2, 3])]);
  const { graph } = importOnnx(bytes);
  const product = graph.outputs[0]!.value;
  const b = product.kind === "node" ? product.inputs[1] : undefined;
  const original = noise([2, 3], "b").data;
  expect(b?.kind === "constant" && b.tensor.data).toEqual(
    Float32Array.of(...[0, 3, 1, 4, 2, 5].map((i) => original[i]!)),
  );
});

test("an input can be bound to a constant", () => {
  const bytes = modelFile({
    node: [node("Reshape", ["x", "s"], ["y"])],
    input: [info("x", ["N", 4]), info("s", [3], DATA_TYPE.INT64)],
    output: [info("y", ["N", 2, 2])],
  });
  const bind = new Map<string, Tensor>([["s", { dtype: "int", shape: [3], data: Int32Array.of(-1, 2, 2) }]]);
  const { graph } = importOnnx(bytes, { bind });
  expect(graph.inputs.map(({ name }) => name)).toEqual(["x"]);
  expect(graph.outputs[0]!.value.shape).toEqual(["N", 2, 2]);
  expect(() => importOnnx(bytes)).toThrow("depends on the data");
});

test("what the file says of itself comes back", () => {
  const { opset, irVersion, inputs, outputs, nodeNames } = importOnnx(model(["batch", 3], one("Relu"), [], 13));
  expect({ opset, irVersion, nodeNames }).toEqual({ opset: 13, irVersion: 8, nodeNames: ["Relu_y"] });
  expect(inputs).toEqual([{ name: "x", dtype: "float", elementType: "float", shape: ["batch", 3] }]);
  expect(outputs).toEqual([{ name: "y", dtype: "float", elementType: "float", shape: undefined }]);
});

test("batch normalisation that puts its statistics out is training, whether or not anything reads them", () => {
  const statistics = [weights("g", [3]), weights("b", [3]), weights("m", [3]), floats("v", [3], [0.5, 1, 2])];
  for (const outputs of [
    ["y", "mean", "variance"],
    ["y", "", "", "saved", ""],
  ])
    expect(() =>
      importOnnx(model([3], [node("BatchNormalization", ["x", "g", "b", "m", "v"], outputs)], statistics, 9)),
    ).toThrow(/BatchNormalization.*training mode; export the model for inference/);
});
