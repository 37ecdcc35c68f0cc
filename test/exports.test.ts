/**
 * @file Models as users export them: whatever the form of a file's input and answer, what is examined is what the file
 * computes. Each is run by ONNX Runtime on the file and as the graph that was read, on the same points.
 */

import { afterAll, describe, expect, test } from "vitest";
import { toHalf } from "../src/formats/float16.ts";
import type { Choice } from "../src/formats/onnx/choose.ts";
import { importOnnx } from "../src/formats/onnx/import.ts";
import {
  type AttributeProto,
  DATA_TYPE,
  encodeModel,
  type FunctionProto,
  type GraphProto,
  type NodeProto,
  type TensorProto,
} from "../src/formats/onnx/proto.ts";
import { topological } from "../src/graph/traverse.ts";
import { recheck } from "../src/methods/attack/witness.ts";
import { networkOf } from "../src/methods/network.ts";
import { type Original, originalOf, runOriginal } from "../src/methods/original.ts";
import { verifierOf } from "../src/methods/verify/index.ts";
import { rng } from "../src/random/rng.ts";
import { createRuntime, openModel } from "../src/runtime/node.ts";
import { classification } from "../src/spec/classification.ts";
import { attributeInt, attributeInts, floats, info, ints, node } from "./helpers/onnx-seeds.ts";
import { dataFile, missing } from "./support/data.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const random = rng(11);
const weights = (label: string, count: number): number[] => {
  const data = new Float32Array(count);
  random.split(label).fillNormal(data, 0, 0.4);
  return [...data];
};
const W = floats("W", [36, 3], weights("W", 108));
const W1 = floats("W1", [36, 1], weights("W1", 36));

const raw = (name: string, dataType: number, dims: readonly number[], data: ArrayBufferView): TensorProto => ({
  name,
  dims,
  dataType,
  rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
});
const scalar = (name: string, value: number): TensorProto => floats(name, [], [value]);
const int = (name: string, value: number): TensorProto => ({ ...ints(name, [value]), dims: [] });
const graphAttribute = (name: string, g: GraphProto): AttributeProto => ({ name, type: 5, g });

interface Extra {
  readonly opset?: number;
  readonly functions?: readonly FunctionProto[];
}

const file = (graph: GraphProto, { opset = 13, functions = [] }: Extra = {}): Uint8Array =>
  encodeModel({
    irVersion: 9,
    opsetImport: [{ domain: "", version: opset }, ...(functions.length > 0 ? [{ domain: "local", version: 1 }] : [])],
    graph: { name: "g", ...graph },
    functions,
  });

/** From x to q by these nodes. */
const model = (
  [x, q]: readonly [readonly (number | string)[], readonly (number | string)[]],
  nodes: readonly NodeProto[],
  initializer: readonly TensorProto[],
  {
    type = DATA_TYPE.FLOAT,
    out = DATA_TYPE.FLOAT,
    ...extra
  }: Extra & { readonly type?: number; readonly out?: number } = {},
): Uint8Array => file({ node: nodes, initializer, input: [info("x", x, type)], output: [info("q", q, out)] }, extra);

const flattenThen = (weight: string, to: string): NodeProto[] => [
  node("Flatten", ["x"], ["flat"]),
  node("MatMul", ["flat", weight], [to]),
];
const cast = (from: string, to: string, type: number): NodeProto =>
  node("Cast", [from], [to], [attributeInt("to", type)]);

// ---------------------------------------------------------------- reading

interface Read {
  readonly original: Original;
  readonly half: string | undefined;
  /** Of file and graph, [n · classes]. */
  readonly file: Float32Array;
  readonly graph: readonly number[];
}

async function read(bytes: Uint8Array, choice: Choice = {}, count = 5): Promise<Read> {
  const { graph, half, bound } = importOnnx(bytes, { classifier: choice, fileName: "m.onnx" });
  const network = { ...networkOf(graph, "test"), ...(half !== undefined && { half }) };
  const original = originalOf(await openModel(bytes), network, undefined, bound);
  const size = original.shape.reduce((a, b) => a * b, 1);
  const whole = /^u?int/.test(original.file.element);
  const half16 = original.file.element === "float16";
  const points = Float32Array.from({ length: count * size }, (_, i) => {
    const value = ((i * 37) % 256) / 255;
    return whole ? Math.round(255 * value) : half16 ? Math.round(value * 64) / 64 : value;
  });
  await using session = await runtime.compile(network.graph, { float: "float32" });
  const own: number[] = [];
  for (let i = 0; i < count; i++) {
    const data = points.slice(i * size, (i + 1) * size);
    const shape = [1, ...original.shape];
    own.push(...(await session.run({ [network.input.name]: { dtype: "float", shape, data } }))["logits"]!.data);
  }
  return { original, half, file: await runOriginal(original, points), graph: own };
}

/** Of both, what decides: the margin of class 1 for one number, the scores for several. */
function expectSame({ original, file: answers, graph }: Read, tolerance = 1e-4): void {
  const sigmoid = original.file.answer === "probability";
  const expected = sigmoid
    ? graph.map((z, i) => (i % 2 === 1 ? 1 / (1 + Math.exp(-z)) : 1 - 1 / (1 + Math.exp(-graph[i + 1]!))))
    : graph;
  expect(answers.length).toBe(expected.length);
  for (const [i, value] of answers.entries()) expect(Math.abs(value - expected[i]!)).toBeLessThan(tolerance);
  expect(new Set(answers).size).toBeGreaterThan(2);
}

const { UINT8, INT8, FLOAT16, FLOAT } = DATA_TYPE;
const halves = (name: string, dims: readonly number[], values: readonly number[]) =>
  raw(name, FLOAT16, dims, Uint16Array.from(values, toHalf));
const quantised = () =>
  raw(
    "Wq",
    INT8,
    [36, 3],
    Int8Array.from({ length: 108 }, (_, i) => ((i * 53) % 255) - 127),
  );
const qdq = (x: string, y: string): NodeProto[] => [
  node("QuantizeLinear", [x, "s", "z"], [`${x}8`]),
  node("DequantizeLinear", [`${x}8`, "s", "z"], [y]),
];
const steps = [scalar("s", 1 / 255), raw("z", UINT8, [], Uint8Array.of(3))];

const NCHW = ["N", 1, 6, 6] as const;
const plain = (extra: Extra = {}, shape: readonly (number | string)[] = NCHW) =>
  model([shape, [shape[0]!, 3]], flattenThen("W", "q"), [W], extra);

describe("file and graph say the same", () => {
  test.each<[string, Uint8Array, Partial<Original["file"]>]>([
    ["an open batch", plain(), { batch: "any", answer: "scores" }],
    ["a batch of 1", plain({}, [1, 1, 6, 6]), { batch: 1 }],
    ["a batch of 4", plain({}, [4, 1, 6, 6]), { batch: 4 }],
    [
      "a batch of 4, flattened by a reshape",
      model(
        [
          [4, 1, 6, 6],
          [4, 3],
        ],
        [node("Reshape", ["x", "to"], ["f"]), node("MatMul", ["f", "W"], ["q"])],
        [W, ints("to", [4, 36])],
      ),
      { batch: 4 },
    ],
    [
      "a batch of 2, as rows and back",
      model(
        [
          [2, 1, 6, 6],
          [2, 3],
        ],
        [
          node("Reshape", ["x", "rows"], ["r"]),
          node("Relu", ["r"], ["p"]),
          node("Reshape", ["p", "to"], ["f"]),
          node("MatMul", ["f", "W"], ["q"]),
        ],
        [W, ints("rows", [12, 6]), ints("to", [2, -1])],
      ),
      { batch: 2 },
    ],
    ["a vector without a batch axis", model([[36], [3]], [node("MatMul", ["x", "W"], ["q"])], [W]), { batch: "none" }],
    [
      "a matrix without a batch axis",
      model(
        [[6, 6], [3]],
        [node("Reshape", ["x", "to"], ["f"]), node("MatMul", ["f", "W"], ["q"])],
        [W, ints("to", [36])],
      ),
      { batch: "none" },
    ],
    [
      "a matrix without a batch axis, softmax",
      model(
        [
          [6, 6],
          [1, 3],
        ],
        [node("Reshape", ["x", "to"], ["f"]), node("MatMul", ["f", "W"], ["l"]), node("Relu", ["l"], ["q"])],
        [W, ints("to", [1, 36])],
      ),
      { batch: "none" },
    ],
    [
      "uint8",
      model(
        [NCHW, ["N", 3]],
        [
          cast("x", "f", FLOAT),
          node("Mul", ["f", "k"], ["y"]),
          node("Flatten", ["y"], ["flat"]),
          node("MatMul", ["flat", "W"], ["q"]),
        ],
        [W, scalar("k", 1 / 255)],
        { type: UINT8 },
      ),
      { element: "uint8" },
    ],
    [
      "uint8 rows last",
      model(
        [
          ["N", 6, 6, 1],
          ["N", 3],
        ],
        [
          node("Transpose", ["x"], ["t"], [attributeInts("perm", [0, 3, 1, 2])]),
          cast("t", "f", FLOAT),
          node("Mul", ["f", "k"], ["y"]),
          node("Flatten", ["y"], ["flat"]),
          node("MatMul", ["flat", "W"], ["q"]),
        ],
        [W, scalar("k", 1 / 255)],
        { type: UINT8 },
      ),
      { element: "uint8" },
    ],
    [
      "uint8, four at a time",
      model(
        [
          [4, 1, 6, 6],
          [4, 3],
        ],
        [
          cast("x", "f", FLOAT),
          node("Mul", ["f", "k"], ["y"]),
          node("Flatten", ["y"], ["flat"]),
          node("MatMul", ["flat", "W"], ["q"]),
        ],
        [W, scalar("k", 1 / 255)],
        { type: UINT8 },
      ),
      { element: "uint8", batch: 4 },
    ],
    [
      "float16 weights behind a Cast",
      model(
        [NCHW, ["N", 3]],
        [cast("W16", "W", FLOAT), ...flattenThen("W", "q")],
        [halves("W16", [36, 3], weights("h", 108))],
      ),
      {},
    ],
    [
      "a float16 input that is cast",
      model(
        [NCHW, ["N", 3]],
        [cast("x", "f", FLOAT), node("Flatten", ["f"], ["flat"]), node("MatMul", ["flat", "W"], ["q"])],
        [W],
        { type: FLOAT16 },
      ),
      { element: "float16" },
    ],
    [
      "weights of 8 bits",
      model(
        [NCHW, ["N", 3]],
        [node("DequantizeLinear", ["Wq", "s"], ["W"]), ...flattenThen("W", "q")],
        [quantised(), scalar("s", 0.01)],
      ),
      {},
    ],
    [
      "weights of 8 bits, a scale a column",
      model(
        [NCHW, ["N", 3]],
        [node("DequantizeLinear", ["Wq", "ss", "zs"], ["W"], [attributeInt("axis", 1)]), ...flattenThen("W", "q")],
        [quantised(), floats("ss", [3], [0.01, 0.02, 0.03]), raw("zs", INT8, [3], Int8Array.of(1, 0, -4))],
      ),
      {},
    ],
    [
      "quantised activations",
      model(
        [NCHW, ["N", 3]],
        [...qdq("x", "d"), node("Flatten", ["d"], ["flat"]), node("MatMul", ["flat", "W"], ["q"])],
        [W, ...steps],
      ),
      {},
    ],
    [
      "quantised activations and weights",
      model(
        [NCHW, ["N", 3]],
        [
          ...qdq("x", "d"),
          node("DequantizeLinear", ["Wq", "ws"], ["W"]),
          node("Flatten", ["d"], ["flat"]),
          node("MatMul", ["flat", "W"], ["q"]),
        ],
        [quantised(), scalar("ws", 0.01), ...steps],
      ),
      {},
    ],
    [
      "scores [N, 3, 1, 1]",
      model(
        [NCHW, ["N", 3, 1, 1]],
        [node("Conv", ["x", "K"], ["c"]), node("GlobalAveragePool", ["c"], ["q"])],
        [floats("K", [3, 1, 3, 3], weights("K", 27))],
      ),
      { answer: "scores" },
    ],
    [
      "scores [N, 3, 1, 1] by softmax",
      model([NCHW, ["N", 3, 1, 1]], [node("Conv", ["x", "K"], ["q"])], [floats("K", [3, 1, 6, 6], weights("K6", 108))]),
      { answer: "scores" },
    ],
    ["one logit", model([NCHW, ["N", 1]], flattenThen("W1", "q"), [W1]), { answer: "logit" }],
    [
      "one logit without an axis of its own",
      model([NCHW, ["N"]], [...flattenThen("W1", "l"), node("Squeeze", ["l", "one"], ["q"])], [W1, ints("one", [1])]),
      { answer: "logit" },
    ],
    [
      "one probability",
      model([NCHW, ["N", 1]], [...flattenThen("W1", "z"), node("Sigmoid", ["z"], ["q"])], [W1]),
      { answer: "probability" },
    ],
    [
      "one probability, four at a time",
      model(
        [
          [4, 1, 6, 6],
          [4, 1],
        ],
        [...flattenThen("W1", "z"), node("Sigmoid", ["z"], ["q"])],
        [W1],
      ),
      { answer: "probability", batch: 4 },
    ],
    [
      "one probability, then squeezed",
      model(
        [NCHW, ["N"]],
        [...flattenThen("W1", "z"), node("Sigmoid", ["z"], ["p"]), node("Squeeze", ["p", "one"], ["q"])],
        [W1, ints("one", [1])],
      ),
      { answer: "probability" },
    ],
    [
      "one probability without a batch axis",
      model([[36], [1]], [node("MatMul", ["x", "W1"], ["z"]), node("Sigmoid", ["z"], ["q"])], [W1]),
      { answer: "probability", batch: "none" },
    ],
    ...[9, 11, 15, 18, 21, 22, 23, 24, 25].map((opset): [string, Uint8Array, Partial<Original["file"]>] => [
      `opset ${opset}`,
      plain({ opset }),
      {},
    ]),
    ...[9, 15, 23].map((opset): [string, Uint8Array, Partial<Original["file"]>] => [
      `opset ${opset}, three at a time`,
      plain({ opset }, [3, 1, 6, 6]),
      { batch: 3 },
    ]),
  ])("%s", async (_, bytes, facts) => {
    const answers = await read(bytes);
    expect(answers.original.file).toMatchObject(facts);
    expect(answers.half).toBeUndefined();
    expectSame(answers);
  });

  test("open height and width come from the data", async () => {
    const bytes = plain({}, ["N", 1, "H", "W"]);
    expect(() => importOnnx(bytes, { classifier: {} })).toThrow(/axis 2 of its input "x" is open \("H"\)/);
    expectSame(await read(bytes, { sizes: [1, 6, 6] }));
    expect(() => importOnnx(bytes, { classifier: { sizes: [3, 6, 6] } })).toThrow(/inputs of \[3,6,6\] do not fit/);
  });
});

// ---------------------------------------------------------------- branches and functions

const branch = (nodes: readonly NodeProto[], out: string, initializer: readonly TensorProto[] = []): GraphProto => ({
  name: out,
  node: nodes,
  initializer,
  output: [{ name: out, type: { tensorType: { elemType: FLOAT } } }],
});

/** As PyTorch writes squeeze: Shape → Gather → Equal → If; the other branch computes something else. */
const squeezing = (size: number) =>
  model(
    [NCHW, ["N", 3]],
    [
      node("Reshape", ["x", "to"], ["r"]),
      node("Shape", ["r"], ["shape"]),
      node("Gather", ["shape", "at"], ["dim"], [attributeInt("axis", 0)]),
      node("Equal", ["dim", "one"], ["same"]),
      node(
        "If",
        ["same"],
        ["f"],
        [
          graphAttribute("then_branch", branch([node("Reshape", ["r", "rows"], ["a"])], "a", [ints("rows", [0, 36])])),
          graphAttribute(
            "else_branch",
            branch([node("Reshape", ["r", "rows"], ["n"]), node("Neg", ["n"], ["b"])], "b", [ints("rows", [0, 36])]),
          ),
        ],
      ),
      node("MatMul", ["f", "W"], ["q"]),
    ],
    [W, ints("to", [0, size, 36 / size]), int("at", 1), int("one", 1)],
  );

const scaled: FunctionProto = {
  name: "Scaled",
  domain: "local",
  input: ["a"],
  output: ["c"],
  attribute: ["factor"],
  attributeProto: [{ name: "slope", type: 1, f: 0.5 }],
  opsetImport: [{ domain: "", version: 13 }],
  node: [
    node("Constant", [], ["k"], [{ name: "value_float", refAttrName: "factor", type: 1 }]),
    node("Mul", ["a", "k"], ["b"]),
    node("LeakyRelu", ["b"], ["c"], [{ name: "alpha", refAttrName: "slope", type: 1 }]),
  ],
};
const twice: FunctionProto = {
  name: "Twice",
  domain: "local",
  input: ["a"],
  output: ["c"],
  attribute: ["by"],
  opsetImport: [
    { domain: "", version: 13 },
    { domain: "local", version: 1 },
  ],
  node: [
    { ...node("Scaled", ["a"], ["b"], [{ name: "factor", refAttrName: "by", type: 1 }]), domain: "local" },
    {
      ...node(
        "Scaled",
        ["b"],
        ["c"],
        [
          { name: "factor", type: 1, f: -2 },
          { name: "slope", type: 1, f: 0.1 },
        ],
      ),
      domain: "local",
    },
  ],
};
const calling = (functions: readonly FunctionProto[], op: string, attribute: readonly AttributeProto[]) =>
  model([NCHW, ["N", 3]], [...flattenThen("W", "l"), { ...node(op, ["l"], ["q"], attribute), domain: "local" }], [W], {
    functions,
  });

describe("branches and functions are written out", () => {
  test.each<[string, Uint8Array]>([
    ["a branch that is taken", squeezing(1)],
    ["a branch that is not", squeezing(4)],
    ["a function", calling([scaled], "Scaled", [{ name: "factor", type: 1, f: 3 }])],
    ["a function of functions", calling([scaled, twice], "Twice", [{ name: "by", type: 1, f: 1.5 }])],
  ])("%s", async (_, bytes) => {
    expectSame(await read(bytes));
  });

  test("what depends on the data, calls itself or has no end is refused by name", () => {
    const onData = model(
      [
        [1, 1, 6, 6],
        [1, 3],
      ],
      [
        ...flattenThen("W", "l"),
        node("ReduceMax", ["l"], ["m"], [attributeInt("keepdims", 0)]),
        node("Greater", ["m", "zero"], ["c"]),
        node(
          "If",
          ["c"],
          ["q"],
          [
            graphAttribute("then_branch", branch([node("Relu", ["l"], ["a"])], "a")),
            graphAttribute("else_branch", branch([node("Neg", ["l"], ["b"])], "b")),
          ],
        ),
      ],
      [W, scalar("zero", 0)],
    );
    expect(() => importOnnx(onData)).toThrow(/If "If_q": its condition depends on the data/);
    const self = { ...scaled, node: [{ ...node("Scaled", ["a"], ["c"]), domain: "local" }] };
    expect(() => importOnnx(calling([self], "Scaled", []))).toThrow(/its function calls itself/);
    // 2⁴⁰ nodes if they were written out
    const doubling = Array.from(
      { length: 40 },
      (_, i): FunctionProto => ({
        ...scaled,
        name: `F${i}`,
        node: [0, 1].map((k) => ({
          ...node(`F${i + 1}`, [k === 0 ? "a" : "b"], [k === 0 ? "b" : "c"]),
          domain: "local",
        })),
      }),
    );
    const last = { ...scaled, name: "F40", node: [node("Relu", ["a"], ["c"])] };
    expect(() => importOnnx(calling([...doubling, last], "F0", []))).toThrow(
      /deep; no more are read|nodes with its functions/,
    );
    const shallow = [...doubling.slice(0, 20), { ...last, name: "F20" }];
    expect(() => importOnnx(calling(shallow, "F0", []))).toThrow(/nodes with its functions written out/);
  });

  test("an operator of a function that is not supported is named", () => {
    const odd = { ...scaled, node: [node("Magic", ["a"], ["c"])] };
    expect(() => importOnnx(calling([odd], "Scaled", []))).toThrow(/Magic "Magic_c": is not supported/);
  });
});

// ---------------------------------------------------------------- what rounds otherwise

describe("arithmetic that is not float32's", () => {
  const half = () =>
    model([NCHW, ["N", 3]], flattenThen("W", "q"), [halves("W", [36, 3], weights("h", 108))], {
      type: FLOAT16,
      out: FLOAT16,
    });

  test("half precision runs through the file, but no verifier takes it", async () => {
    const answers = await read(half());
    expect(answers.half).toBe('MatMul "MatMul_q"');
    expect(answers.original.file.element).toBe("float16");
    expectSame(answers, 0.05);
    const network = { ...networkOf(importOnnx(half()).graph, "half"), half: answers.half! };
    for (const id of ["ibp", "crown"])
      await expect(
        verifierOf(id).prepare(network, runtime, {
          norm: "linf",
        }),
      ).rejects.toThrow(/MatMul "MatMul_q" has no bound: the file computes in float16 from there on; export/);
  });

  test.each<[string, NodeProto[], string]>([
    ["a round trip through half precision", [cast("x", "h", FLOAT16), cast("h", "f", FLOAT)], 'Cast "Cast_h"'],
    ["a result in half precision", [node("Identity", ["x"], ["f"])], 'Cast "Cast_q"'],
  ])("%s is named", (name, nodes, place) => {
    const ends = name.startsWith("a result") ? [cast("l", "q", FLOAT16)] : [node("Identity", ["l"], ["q"])];
    const bytes = model(
      [NCHW, ["N", 3]],
      [...nodes, node("Flatten", ["f"], ["flat"]), node("MatMul", ["flat", "W"], ["l"]), ...ends],
      [W],
    );
    expect(importOnnx(bytes)).toMatchObject({
      half: place,
      warnings: [expect.stringContaining("computes in float16")],
    });
  });

  test("arithmetic on whole numbers of 8 bits wraps around, and is refused by name", () => {
    const bytes = model(
      [NCHW, ["N", 3]],
      [
        node("Add", ["x", "x"], ["y"]),
        cast("y", "f", FLOAT),
        node("Flatten", ["f"], ["flat"]),
        node("MatMul", ["flat", "W"], ["q"]),
      ],
      [W],
      { type: UINT8, opset: 14 },
    );
    expect(() => importOnnx(bytes)).toThrow(/Add "Add_y": computes with uint8 numbers, which wrap around/);
  });

  test("blocks and types beyond 8 bits are refused by name", () => {
    const blocks = model(
      [NCHW, ["N", 3]],
      [node("DequantizeLinear", ["Wq", "s"], ["W"], [attributeInt("block_size", 2)]), ...flattenThen("W", "q")],
      [quantised(), scalar("s", 0.01)],
      { opset: 21 },
    );
    expect(() => importOnnx(blocks)).toThrow(/is quantised in blocks/);
  });
});

describe("whole numbers", () => {
  /** Class 1 where the pixel exceeds 100.5. */
  const threshold = model(
    [
      ["N", 1],
      ["N", 2],
    ],
    [cast("x", "f", FLOAT), node("MatMul", ["f", "A"], ["m"]), node("Add", ["m", "b"], ["q"])],
    [floats("A", [1, 2], [0, 1]), floats("b", [2], [0, -100.5])],
    { type: UINT8 },
  );
  const at = (value: number): Float32Array => Float32Array.of(value / 255);

  test.each([
    // the nearest pixel lies in the set and is got wrong
    ["100 + 0.9 of a pixel", 100, 100.9, 1, true, 101],
    // rounding up would leave the set: the pixel inward is right
    ["100 + 0.8, of 0.9 allowed", 100, 100.8, 0.9, false, undefined],
    // rounding down is right, and no other pixel is near
    ["100 + 0.4 of 1 allowed", 100, 100.4, 1, false, 100],
    ["101 − 1 of 1 allowed", 101, 100, 1, true, 100],
  ])("a witness is a pixel that there is: %s", async (_, centre, point, allowed, holds, run) => {
    const normalisation = { mean: [0], std: [1 / 255], axis: 1 };
    const network = networkOf(importOnnx(threshold).graph, "test", normalisation);
    const original = originalOf(await openModel(threshold), network, normalisation);
    const threat = { norm: "linf", epsilon: allowed / 255, domain: [0, 1] } as const;
    const label = centre > 100.5 ? 1 : 0;
    const [check] = await recheck(original, threat, [{ point: at(point), centre: at(centre), label }]);
    expect(check!.holds).toBe(holds);
    if (run !== undefined) expect(Math.round(check!.point[0]! * 255)).toBe(run);
  });

  test("a set reaches every whole pixel that it is meant to: exactly 8 of 255 in every place", async () => {
    const normalisation = { mean: [0], std: [1 / 255], axis: 1 };
    const network = networkOf(importOnnx(threshold).graph, "test", normalisation);
    const original = originalOf(await openModel(threshold), network, normalisation);
    const threat = { norm: "linf", epsilon: 8 / 255, domain: [0, 1] } as const;
    for (let centre = 93; centre < 101; centre++) {
      const [check] = await recheck(original, threat, [{ point: at(centre + 8), centre: at(centre), label: 0 }]);
      expect(check).toMatchObject({ holds: true, predicted: 1 });
    }
  });
});

// ---------------------------------------------------------------- several outputs and inputs

describe("which output and input", () => {
  const nodes = [
    ...flattenThen("W", "q"),
    node("MatMul", ["q", "V"], ["value"]),
    node("ArgMax", ["q"], ["label"], [attributeInt("axis", 1), attributeInt("keepdims", 0)]),
  ];
  const several = (outputs: readonly ["value" | "q" | "label", ...string[]]) =>
    file({
      node: nodes,
      initializer: [W, floats("V", [3, 1], [1, -2, 3])],
      input: [info("x", NCHW), info("unused", ["N", 2])],
      output: outputs.map((name) =>
        name === "label" ? info(name, ["N"], DATA_TYPE.INT64) : info(name, ["N", name === "q" ? 3 : 1]),
      ),
    });

  test("two that could be scores are listed", () => {
    expect(() => importOnnx(several(["value", "q"]), { classifier: {} })).toThrow(
      'model: has 2 outputs: "value" [N,1] float, "q" [N,3] float; say which holds the class scores with --output NAME',
    );
    expect(() => importOnnx(several(["value", "q"]), { classifier: { output: "z" } })).toThrow(/has no output "z"/);
  });

  test("the named one is examined, whichever comes first, and an input that it does not need is fed", async () => {
    for (const outputs of [
      ["value", "q"],
      ["q", "value"],
    ] as const) {
      const scores = await read(several(outputs), { output: "q" });
      expect(scores.original.file.output).toBe("q");
      expect(scores.original.file.others.map(({ name }) => name)).toEqual(["unused"]);
      expectSame(scores);
      const value = await read(several(outputs), { output: "value" });
      expect(value.original.file).toMatchObject({ output: "value", answer: "logit" });
      expectSame(value);
    }
  });

  test("beside labels there is no doubt", async () => {
    const answers = await read(several(["label", "q"]));
    expect(answers.original.file.output).toBe("q");
    expectSame(answers);
  });

  test("several inputs are listed, with the way out", () => {
    const two = file({
      node: [node("Add", ["x", "mask"], ["y"]), node("Flatten", ["y"], ["flat"]), node("MatMul", ["flat", "W"], ["q"])],
      initializer: [W],
      input: [info("x", NCHW), info("mask", NCHW)],
      output: [info("q", ["N", 3])],
    });
    expect(() => importOnnx(two, { classifier: {} })).toThrow(
      /from 2 inputs: "x" \[N,1,6,6\] float, "mask" .* --input NAME/,
    );
    expect(() => importOnnx(two, { classifier: { input: "x" } })).toThrow(
      /also needs "mask" .* give each of the others a value with --bind/,
    );
    expect(() => importOnnx(two, { classifier: { input: "y" } })).toThrow(/has no input "y"; its inputs are/);
  });
});

describe("inputs that are given a value", () => {
  const all = file({
    node: [
      node("Add", ["x", "mask"], ["masked"]),
      node("Flatten", ["masked"], ["flat"]),
      node("Dropout", ["flat", "ratio", "training"], ["dropped"]),
      node("Slice", ["dropped", "from", "length", "axes"], ["part"]),
      node("MatMul", ["part", "V"], ["sums"]),
      node("Mul", ["sums", "ratio"], ["scaled"]),
      node("Where", ["open", "scaled", "far"], ["q"]),
    ],
    initializer: [floats("V", [20, 3], weights("V", 60)), ints("from", [0]), ints("axes", [1]), scalar("far", -9)],
    input: [
      info("x", NCHW),
      info("mask", NCHW),
      info("ratio", []),
      info("training", [], DATA_TYPE.BOOL),
      info("length", [1], DATA_TYPE.INT64),
      info("open", ["N", 3], DATA_TYPE.BOOL),
    ],
    output: [info("q", ["N", 3])],
  });
  const mask = { shape: [1, 1, 6, 6], data: weights("mask", 36) };
  const open = { shape: [1, 3], data: [1, 0, 1] };
  const bound = { mask, ratio: 0.7, training: 0, length: 20, open };

  test("are constants of the graph, and the file is run with them, whatever their type and the batch", async () => {
    const answers = await read(all, { bound });
    expectSame(answers);
    // the second class is masked out
    expect(answers.file.filter((_, i) => i % 3 === 1)).toEqual(new Float32Array(5).fill(-9));
    const other = await read(all, { bound: { ...bound, ratio: 0.35, mask: 0.25 } });
    expectSame(other);
    const same = await read(all, { bound: { ...bound, mask: 0.25 } });
    // by hand: half the factor, half the scores
    for (const [i, value] of other.file.entries()) if (i % 3 !== 1) expect(2 * value).toBeCloseTo(same.file[i]!, 4);
  });

  test("what does not fit is said in one line, with the inputs", () => {
    const refused = (more: Record<string, unknown>, expected: RegExp) =>
      expect(() => importOnnx(all, { classifier: { bound: { ...bound, ...more } as never } })).toThrow(expected);
    refused({ nothing: 1 }, /has no input "nothing" to bind; its inputs are "x" \[N,1,6,6\] float, "mask"/);
    refused({ mask: { shape: [2, 2], data: [1, 2, 3, 4] } }, /"mask" \[N,1,6,6\] float, which an array of \[2,2\]/);
    refused({ training: 0.5 }, /cannot take 0.5 for its input "training" \[\] bool/);
    refused({ length: 2 ** 40 }, /cannot take 1099511627776 for its input "length"/);
    refused({ x: 0 }, /depends on no input/);
    const { ratio: _, ...others } = bound;
    expect(() => importOnnx(all, { classifier: { bound: others } })).toThrow(
      /from 2 inputs: "x" \[N,1,6,6\] float, "ratio" \[\] float; .* --bind NAME=VALUE/,
    );
  });
});

// ---------------------------------------------------------------- masks

describe("masks of −∞ and of very low numbers", () => {
  const attention = (mask: readonly NodeProto[], initializer: readonly TensorProto[]) =>
    model(
      [NCHW, ["N", 3]],
      [
        ...flattenThen("W", "l"),
        node("Unsqueeze", ["l", "one"], ["row"]),
        ...mask,
        node("Softmax", ["masked"], ["p"], [attributeInt("axis", 2)]),
        node("ReduceSum", ["pv", "one"], ["q"], [attributeInt("keepdims", 0)]),
        node("Mul", ["p", "v"], ["pv"]),
      ],
      [W, ints("one", [1]), floats("v", [3, 3], [1, 2, 4, -1, 0, 3, 5, 1, 1]), ...initializer],
    );
  const low = -3.4028234663852886e38;
  const added = (value: number) =>
    attention([node("Add", ["row", "m"], ["masked"])], [floats("m", [3, 3], [0, value, value, 0, 0, value, 0, 0, 0])]);
  const filled = (value: number) =>
    attention(
      [node("Where", ["c", "row", "m"], ["masked"])],
      [scalar("m", value), raw("c", DATA_TYPE.BOOL, [3, 3], Uint8Array.of(1, 0, 0, 1, 1, 0, 1, 1, 1))],
    );

  test.each<[string, Uint8Array]>([
    ["−∞, added", added(Number.NEGATIVE_INFINITY)],
    ["−∞, filled in", filled(Number.NEGATIVE_INFINITY)],
    ["the lowest float, added", added(low)],
    ["the lowest float, filled in", filled(low)],
    ["−10³⁰, added", added(-1e30)],
  ])("%s: the file's function, with bounds as tight as those of −10,000", async (_, bytes) => {
    expectSame(await read(bytes));
    const threat = { norm: "linf", epsilon: 0.01, domain: [0, 1] } as const;
    const images = { dtype: "float", shape: [1, 1, 6, 6], data: new Float32Array(36).fill(0.5) } as const;
    const boundsOf = async (file: Uint8Array) => {
      const network = networkOf(importOnnx(file).graph, "masks");
      await using prepared = await verifierOf("ibp").prepare(network, runtime, { norm: threat.norm });
      return (await prepared.bounds(classification(network, { images, labels: Int32Array.of(0) }, threat))).lower;
    };
    const [own, plain] = [await boundsOf(bytes), await boundsOf(added(-10_000))];
    for (const [i, bound] of own.entries()) expect(Math.abs(bound - plain[i]!)).toBeLessThan(1e-3);
  });

  test("a mask that reaches what tells it from a low number stays −∞", () => {
    const bytes = model(
      [NCHW, ["N", 3]],
      [...flattenThen("W", "l"), node("Add", ["l", "m"], ["a"]), node("Reciprocal", ["a"], ["q"])],
      [W, floats("m", [3], [0, Number.NEGATIVE_INFINITY, 0])],
    );
    const values = topological(importOnnx(bytes).graph.outputs.map(({ value }) => value));
    expect(values.some((value) => value.kind === "constant" && value.tensor.data.includes(-Infinity))).toBe(true);
  });
});

// ---------------------------------------------------------------- the cases

describe.skipIf(missing("cases/exports"))("the cases of the data folder (skipped without it)", () => {
  test.each<[string, Choice?]>([
    ["exports/09-no-batch-vector"],
    ["exports/16-uint8-input"],
    ["exports/18-float16-weights-cast"],
    ["exports/21-qdq"],
    ["exports/30-fully-conv-NK11"],
    ["exports/31-sigmoid-single"],
    ["exports/33-open-height", { sizes: [1, 6, 6] }],
    ["exports/36-opset22"],
    ["exports/38-if-squeeze"],
    ["masks/mask-float-min"],
    ["masks/mask-inf-matrix"],
    ["several-outputs/value-first", { output: "action" }],
  ])("%s", async (name, choice = {}) => {
    expectSame(await read(dataFile(`cases/${name}.onnx`), choice));
  });
});
