import { describe, expect, test } from "vitest";
import {
  attributeInt,
  attributeInts,
  floats,
  info,
  ints,
  modelFile,
  node,
  seeds,
} from "../../../test/helpers/onnx-seeds.ts";
import { OnnxError, UnsupportedError } from "./error.ts";
import { importOnnx } from "./import.ts";
import { DATA_TYPE, encodeModel, type GraphProto, type NodeProto, type TensorProto } from "./proto.ts";

/** The message of the refusal; every one names the file and is one line. */
function refusal(bytes: Uint8Array): string {
  try {
    importOnnx(bytes, { fileName: "m.onnx" });
  } catch (error) {
    expect(error).toBeInstanceOf(OnnxError);
    const { message } = error as OnnxError;
    expect(message).toMatch(/^m\.onnx: [^\n]+$/);
    return message;
  }
  throw new Error("the model was read");
}

const model = (part: Partial<GraphProto>): Uint8Array =>
  modelFile({
    node: [node("Add", ["x", "w"], ["y"])],
    initializer: [floats("w", [2], [1, 2])],
    input: [info("x", ["N", 2])],
    output: [info("y", ["N", 2])],
    ...part,
  });

const withWeights = (part: Partial<TensorProto>): Uint8Array =>
  model({ initializer: [{ ...floats("w", [2], [1, 2]), ...part }] });

const chain = (count: number, make: (from: string, to: string) => NodeProto): NodeProto[] =>
  Array.from({ length: count }, (_, i) => make(i === 0 ? "x" : `v${i}`, i === count - 1 ? "y" : `v${i + 1}`));

/** `levels` messages inside each other, each the only field of its parent; the tags repeat. */
function nested(levels: number, tags: readonly number[]): Uint8Array {
  let bytes: number[] = [];
  for (let level = levels - 1; level >= 0; level--) {
    const length: number[] = [];
    for (let rest = bytes.length; ; rest >>>= 7) {
      length.push(rest > 127 ? (rest & 127) | 128 : rest);
      if (rest <= 127) break;
    }
    bytes = [tags[level % tags.length]!, ...length, ...bytes];
  }
  return Uint8Array.from(bytes);
}

describe("files that are no model", () => {
  test("nothing, text and noise are refused", () => {
    expect(refusal(new Uint8Array())).toContain("is empty");
    expect(refusal(new TextEncoder().encode("<html>not found</html>"))).toContain("is not an ONNX model");
    expect(refusal(Uint8Array.from({ length: 5000 }, (_, i) => (i * 7919) % 251))).toContain("is not an ONNX model");
  });

  test("every truncation of a model is refused", () => {
    const bytes = seeds()[1]!;
    for (let length = 0; length < bytes.length; length++) refusal(bytes.slice(0, length));
  });

  test("messages nested 1,000 deep are refused", () => {
    // graph (7) holds node (1) holds attribute (5) holds graph (6), and again
    const graphs = nested(1000, [0x0a, 0x2a, 0x32]);
    const bytes = Uint8Array.from([0x3a, 128 + (graphs.length & 127), graphs.length >>> 7, ...graphs]);
    expect(refusal(bytes)).toContain("max depth exceeded");
  });

  test("six million empty nodes in twelve megabytes are refused", () => {
    const nodes = new Uint8Array(12e6);
    for (let i = 0; i < nodes.length; i += 2) nodes[i] = 0x0a;
    const length = [(12e6 & 127) | 128, ((12e6 >>> 7) & 127) | 128, ((12e6 >>> 14) & 127) | 128, 12e6 >>> 21];
    const bytes = new Uint8Array(nodes.length + 5);
    bytes.set([0x3a, ...length]);
    bytes.set(nodes, 5);
    expect(refusal(bytes)).toMatch(/more than 2000000 messages|more than 4000000 fields/);
  });
});

describe("graphs that do not hold together", () => {
  test.each<[string, Partial<GraphProto>, string]>([
    ["a cycle", { node: [node("Add", ["x", "b"], ["y"]), node("Relu", ["y"], ["b"])] }, "depends on itself"],
    ["a node on itself", { node: [node("Relu", ["y"], ["y"])] }, "depends on itself"],
    ["a missing tensor", { node: [node("Add", ["x", "z"], ["y"])] }, 'nothing makes the tensor "z"'],
    ["a missing output", { output: [info("z", ["N", 2])] }, 'nothing makes the tensor "z"'],
    ["no outputs", { output: [] }, "has no outputs"],
    ["two outputs of one name", { output: [info("y", ["N", 2]), info("y", ["N", 2])] }, "two of one name"],
    ["two makers", { node: [node("Relu", ["x"], ["y"]), node("Abs", ["x"], ["y"])] }, 'two things make the tensor "y"'],
    ["two weights", { initializer: [floats("w", [2], [1, 2]), floats("w", [2], [1, 2])] }, 'two initializers "w"'],
    ["a missing operand", { node: [node("Add", ["x"], ["y"])] }, 'Add "Add_y": its input 1 is missing'],
    ["shapes that do not fit", { initializer: [floats("w", [3], [1, 2, 3])] }, 'Add "Add_y": shapes [N,2] and [3]'],
  ])("%s is refused", (_, part, fact) => {
    expect(refusal(model(part))).toContain(fact);
  });

  test("a chain of 50,000 nodes is read", () => {
    const { graph } = importOnnx(model({ node: chain(50_000, (from, to) => node("Relu", [from], [to])) }));
    expect(graph.outputs[0]!.value.shape).toEqual(["N", 2]);
  });

  test("nodes in any order are read", () => {
    const nodes = chain(50, (from, to) => node("Relu", [from], [to]));
    expect(importOnnx(model({ node: nodes.toReversed() })).graph.outputs).toHaveLength(1);
  });

  test("names with control characters do not reach the terminal", () => {
    const evil = "\u001b[31mred\u001b[0m\n\u202eback";
    const message = refusal(model({ node: [node("Add", ["x", evil], ["y"])] }));
    expect(message).toContain("[31mred");
    expect(message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });
});

describe("weights", () => {
  test.each<[string, Partial<TensorProto>, string]>([
    ["NaN", floats("w", [2], [1, Number.NaN]), 'tensor "w" holds NaN at element 1'],
    ["an infinity", floats("w", [2], [Infinity, 0]), 'tensor "w" holds Infinity at element 0'],
    ["too few bytes", { dims: [3] }, 'tensor "w" needs 3 elements, but 2 are stored'],
    ["odd bytes", { rawData: new Uint8Array(7) }, "needs 2 elements"],
    ["4 GiB that are not there", { dims: [2 ** 15, 2 ** 15] }, "needs 1073741824 elements, but 2 are stored"],
    ["sizes that overflow", { dims: [2 ** 31, 2 ** 31] }, "impossible shape [2147483648, 2147483648]"],
    ["a negative size", { dims: [-2] }, "impossible shape [-2]"],
    ["a thousand axes", { dims: new Array(1000).fill(1) }, "has 1000 axes"],
    ["float16 of twice the bytes", { dataType: DATA_TYPE.FLOAT16 }, "needs 2 elements, but 4 are stored"],
    ["int8 of four times the bytes", { dataType: DATA_TYPE.INT8 }, "needs 2 elements, but 8 are stored"],
    ["bfloat16", { dataType: DATA_TYPE.BFLOAT16 }, 'tensor "w" holds bfloat16'],
    ["complex numbers", { dataType: DATA_TYPE.COMPLEX64 }, 'tensor "w" holds complex64'],
    ["an unknown type", { dataType: 99 }, 'tensor "w" holds data type 99'],
    [
      "an external file",
      { dataLocation: 1, externalData: [{ key: "location", value: "w.bin" }] },
      'in the file "w.bin"',
    ],
    [
      "a path upwards",
      { dataLocation: 1, externalData: [{ key: "location", value: "../w" }] },
      "outside the model's folder",
    ],
  ])("%s: refused by the tensor's name", (_, part, fact) => {
    expect(refusal(withWeights(part))).toContain(fact);
  });

  test("a million dimensions are refused", () => {
    const bytes = encodeModel({
      irVersion: 8,
      opsetImport: [{ version: 17 }],
      graph: { initializer: [{ name: "w", dims: new Array(1e6).fill(1), dataType: 1 }], output: [info("w", [1])] },
    });
    expect(refusal(bytes)).toContain("has 1000000 axes");
  });
});

describe("small files that ask for much", () => {
  const big = (opType: string, inputs: string[], initializer: TensorProto[], attribute: NodeProto["attribute"] = []) =>
    model({ node: [node(opType, inputs, ["y"], attribute)], initializer });

  test.each<[string, Uint8Array]>([
    ["an input", model({ input: [info("x", [2 ** 20, 2 ** 20])] })],
    ["an input beside an empty axis", model({ input: [info("x", [0, 2 ** 40])] })],
    ["ConstantOfShape", big("ConstantOfShape", ["s"], [ints("s", [2 ** 20, 2 ** 20])])],
    ["Expand", big("Expand", ["x", "s"], [ints("s", [2 ** 30, 1, 2])])],
    ["Tile", big("Tile", ["x", "s"], [ints("s", [1, 2 ** 30])])],
    [
      "Range",
      big(
        "Range",
        ["a", "b", "c"],
        [ints("a", [0]), ints("b", [2 ** 31 - 1]), ints("c", [1])].map((t) => ({ ...t, dims: [] })),
      ),
    ],
    ["Pad", big("Pad", ["x", "p"], [ints("p", [0, 0, 0, 2 ** 30])])],
    [
      "Pad by reflection",
      big(
        "Pad",
        ["x", "p"],
        [ints("p", [0, 0, 0, 2 ** 30])],
        [{ name: "mode", type: 3, s: new TextEncoder().encode("reflect") }],
      ),
    ],
    ["Resize", big("Resize", ["x", "", "s"], [floats("s", [2], [1, 1e9])])],
    ["a kernel", big("MaxPool", ["x"], [], [attributeInts("kernel_shape", [2 ** 31 - 1])])],
    [
      "doubling 60 times",
      model({ node: chain(60, (from, to) => node("Concat", [from, from], [to], [attributeInt("axis", 1)])) }),
    ],
    [
      "doubling a constant",
      model({
        node: [
          ...chain(60, (from, to) =>
            node("Concat", [from === "x" ? "w" : from, from === "x" ? "w" : from], [to], [attributeInt("axis", 0)]),
          ),
        ],
      }),
    ],
  ])("%s: refused at once", (_, bytes) => {
    const start = process.cpuUsage();
    const message = refusal(bytes);
    expect(message).toMatch(/too large|impossible|do not fit|needs an input/);
    // microseconds of this process, however busy the machine is
    expect(process.cpuUsage(start).user).toBeLessThan(5e6);
  });
});

describe("models outside the op set", () => {
  test("all unsupported ops are named at once", () => {
    const bytes = model({
      node: [
        node("LSTM", ["x"], ["a"]),
        node("LSTM", ["a"], ["b"]),
        { ...node("Magic", ["b"], ["y"]), domain: "com.example" },
      ],
    });
    expect(refusal(bytes)).toBe(
      "m.onnx: uses ops of opset 17 that are not supported: LSTM (LSTM_a and 1 more), com.example.Magic (Magic_y); replace them before export",
    );
  });

  test.each([["Loop"], ["If"], ["Scan"], ["constructor"], ["__proto__"], ["toString"], [""]])(
    "op %j is refused by name",
    (op) => {
      expect(() => importOnnx(model({ node: [node(op, ["x"], ["y"])] }))).toThrow(UnsupportedError);
    },
  );

  test("what no output needs does not matter", () => {
    const nodes = [node("Add", ["x", "w"], ["y"]), node("LSTM", ["x"], ["unused"])];
    expect(importOnnx(model({ node: nodes })).nodeNames).toEqual(["Add_y"]);
  });

  test.each([1, 5, 26, 2 ** 40])("opset %d is refused with the way out", (version) => {
    const graph: GraphProto = { node: [node("Relu", ["x"], ["y"])], input: [info("x", [1])], output: [info("y", [1])] };
    expect(refusal(modelFile(graph, version))).toContain("export or convert it to opset 17");
  });

  test("an open axis beside the batch is refused by name", () => {
    expect(refusal(model({ input: [info("x", ["N", "width"])] }))).toContain(
      'axis 1 of its input "x" is open ("width")',
    );
  });
});
