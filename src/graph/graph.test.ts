import { describe, expect, test } from "vitest";
import { convNet, denseNet } from "../../test/support/nets.ts";
import { evaluateGraph } from "../ops/evaluate.ts";
import { builder, check } from "../ops/index.ts";
import { simplify } from "../ops/simplify.ts";
import { gradient } from "../transforms/gradient.ts";
import { interval } from "../transforms/interval.ts";
import { linearBounds } from "../transforms/relax/index.ts";
import { bindBatch } from "./bind.ts";
import { batchFactor, broadcastShapes, type Dim, divideDims, elements, multiplyDims, ShapeError } from "./dims.ts";
import { printGraph } from "./print.ts";
import { floatTensor } from "./tensor.ts";
import { makeGraph, nodesOf, outputOf, pruneInputs, topological } from "./traverse.ts";
import type { Graph, Value } from "./types.ts";

const tiny = (): Graph => {
  const b = builder();
  const x = b.input("x", ["N", 2]);
  const w = b.constant(floatTensor([2, 3], [1, -2, 0.5, 3, 0, -1]));
  const z = b.emit("Add", [b.emit("MatMul", [x, w]), b.constant(floatTensor([3], [0.1, 0.2, 0.3]))]);
  return makeGraph([x], [{ name: "y", value: b.emit("Relu", [z], {}, "act") }]);
};

describe("sizes", () => {
  test("multiply and divide with a symbolic batch", () => {
    expect(multiplyDims("N", 9)).toBe("9N");
    expect(multiplyDims("3N", 2)).toBe("6N");
    expect(divideDims("6N", "N")).toBe(6);
    expect(divideDims("6N", 3)).toBe("2N");
    expect(divideDims(6, "N")).toBeUndefined();
    expect(divideDims("6N", 4)).toBeUndefined();
    expect(elements(["N", 3, 4])).toBe("12N");
    expect(batchFactor("12N")).toBe(12);
  });

  test("of two batch axes are refused", () => {
    expect(() => multiplyDims("N", "N")).toThrow(ShapeError);
  });

  test("broadcast like NumPy's", () => {
    expect(broadcastShapes(["N", 1, 4], [3, 1])).toEqual(["N", 3, 4]);
    expect(() => broadcastShapes([2, 3], [4])).toThrow("do not broadcast");
    expect(() => broadcastShapes(["N", 3], [5, 3])).toThrow(ShapeError);
  });
});

describe("the builder", () => {
  test("returns one object for equal nodes, whatever is infinite or negative zero in them", () => {
    const b = builder();
    const x = b.input("x", ["N", 2]);
    expect(b.emit("Relu", [x])).toBe(b.emit("Relu", [x]));
    const pad = (value: number) => b.emit("Pad", [x], { pads: [0, 1, 0, 0], value });
    expect(pad(Number.POSITIVE_INFINITY)).not.toBe(pad(Number.NEGATIVE_INFINITY));
    expect(pad(0)).not.toBe(pad(-0));
    expect(pad(1)).toBe(pad(1));
  });

  test("names the node in a shape error", () => {
    const b = builder();
    const x = b.input("x", ["N", 4]);
    const w = b.constant(floatTensor([3, 1], [1, 2, 3]));
    expect(() => b.emit("MatMul", [x, w], {}, "fc1")).toThrow(
      'MatMul "fc1": inner sizes 4 and 3 differ; inputs [N,4], [3,1]',
    );
    expect(() => b.emit("Add", [x])).toThrow("Add: takes 2 inputs, got 1");
  });

  test("keeps a number that float32 cannot hold in float64", () => {
    const b = builder();
    expect(b.constant(0.1).tensor.data).toBeInstanceOf(Float64Array);
    expect(b.constant(0.5).tensor.data).toBeInstanceOf(Float32Array);
  });
});

describe("the checker", () => {
  test("accepts what the builder makes", () => {
    check(tiny());
    check(denseNet(1, [3, 4, 2]));
  });

  const node = (graph: Graph): Value => outputOf(graph);

  test.each<[string, (graph: Graph) => Graph, string]>([
    [
      "a wrong shape",
      (g) => makeGraph(g.inputs, [{ name: "y", value: { ...node(g), shape: ["N", 7] } as Value }]),
      'Relu "act" says float[N,7]',
    ],
    [
      "a wrong type",
      (g) => makeGraph(g.inputs, [{ name: "y", value: { ...node(g), dtype: "int" } as Value }]),
      'Relu "act" says int',
    ],
    ["an input that is not declared", (g) => makeGraph([], g.outputs), 'input "x" is used but is not among'],
    ["two outputs of one name", (g) => makeGraph(g.inputs, [...g.outputs, ...g.outputs]), 'two outputs are called "y"'],
    ["no output", (g) => makeGraph(g.inputs, []), "needs an output"],
    [
      "a constant of the wrong length",
      (g) => {
        const b = builder();
        const broken = {
          ...b.constant(1, [3]),
          tensor: { dtype: "float", shape: [3], data: new Float32Array(2) },
        } as Value;
        return makeGraph(g.inputs, [
          {
            name: "y",
            value: { ...b.emit("Add", [g.inputs[0]!, b.constant(1)]), inputs: [g.inputs[0]!, broken] } as Value,
          },
        ]);
      },
      "holds 2 elements, not 3",
    ],
  ])("refuses %s by name", (_, spoil, message) => {
    expect(() => check(spoil(tiny()))).toThrow(message);
  });
});

describe("traversal", () => {
  test("does not overflow on a chain of 100,000 nodes", () => {
    const b = builder();
    let x: Value = b.input("x", ["N", 1]);
    for (let i = 0; i < 100_000; i++) x = b.emit(i % 2 ? "Neg" : "Relu", [x]);
    expect(topological([x])).toHaveLength(100_001);
  });

  test("drops inputs that nothing needs", () => {
    const b = builder();
    const [x, unused] = [b.input("x", ["N", 1]), b.input("unused", ["N"])];
    expect(pruneInputs(makeGraph([x, unused], [{ name: "y", value: x }])).inputs).toEqual([x]);
  });

  test("binds the batch in shapes and attributes", () => {
    const b = builder();
    const x = b.input("x", ["N", 2, 3]);
    const graph = makeGraph([x], [{ name: "y", value: b.emit("Reshape", [x], { shape: ["2N", 3] as Dim[] }) }]);
    const bound = bindBatch(b, graph, 4);
    expect(outputOf(bound).shape).toEqual([8, 3]);
    check(bound);
  });
});

describe("passes", () => {
  const equal = (net: Graph, rewritten: Graph, shape: readonly number[]) => {
    const x = floatTensor(
      shape,
      Array.from({ length: shape.reduce((p, q) => p * q, 1) }, (_, i) => Math.sin(3 * i)),
    );
    const [before, after] = [net, rewritten].map(
      (graph) => evaluateGraph(graph, new Map([["x", x]])).get(net.outputs[0]!.name)!,
    );
    after!.data.forEach((value, i) => {
      expect(value).toBeCloseTo(before!.data[i]!, 12);
    });
  };

  /** Normalisation of pixels and of a convolution's output, as a model file has them. */
  const normalised = (): Graph => {
    const b = builder();
    const x = b.input("x", ["N", 2, 5, 5]);
    const per = (values: number[]) => b.constant(floatTensor([1, values.length, 1, 1], values));
    let y: Value = b.emit("Div", [b.emit("Sub", [x, per([0.3, 0.4])]), per([0.2, 0.25])]);
    const kernel = Array.from({ length: 3 * 2 * 9 }, (_, i) => Math.cos(i));
    y = b.emit("Conv", [y, b.constant(floatTensor([3, 2, 3, 3], kernel))], {
      strides: [1, 1],
      dilations: [1, 1],
      pads: [0, 0, 0, 0],
      group: 1,
    });
    y = b.emit("Add", [b.emit("Mul", [b.emit("Add", [y, per([1, 2, 3])]), per([2, -1, 0.5])]), per([0.1, 0.2, 0.3])]);
    y = b.emit("Reshape", [b.emit("Relu", [y])], { shape: ["N", 27] as Dim[] });
    y = b.emit("Mul", [
      y,
      b.constant(
        floatTensor(
          [27],
          Array.from({ length: 27 }, (_, i) => i - 13),
        ),
      ),
    ]);
    return makeGraph(
      [x],
      [
        {
          name: "y",
          value: b.emit("MatMul", [
            y,
            b.constant(
              floatTensor(
                [27, 2],
                Array.from({ length: 54 }, (_, i) => Math.sin(i)),
              ),
            ),
          ]),
        },
      ],
    );
  };

  test("fold batch normalisation and scales into the weights, and nothing else changes", () => {
    const net = normalised();
    const folded = simplify(net, { foldAffine: true });
    equal(net, folded, [2, 2, 5, 5]);
    check(folded);
    expect(nodesOf(folded).map((node) => node.op)).toEqual(["Conv", "Add", "Relu", "Reshape", "MatMul"]);
  });

  test("leave a float-sound graph's scales alone", () => {
    expect(nodesOf(simplify(normalised())).filter((node) => node.op === "Mul")).toHaveLength(2);
  });

  test("fold constants, drop dead code, share common subexpressions and undo movements", () => {
    const b = builder();
    const x = b.input("x", ["N", 2, 3]);
    const turned = b.emit("Transpose", [b.emit("Transpose", [x], { perm: [0, 2, 1] })], { perm: [0, 2, 1] });
    const scaled = b.emit("Mul", [turned, b.emit("Add", [b.constant(0.5), b.constant(0.5)])]);
    const twice = b.emit("Neg", [
      b.emit("Neg", [
        b.emit("Reshape", [b.emit("Reshape", [scaled], { shape: ["N", 6] as Dim[] })], { shape: ["N", 2, 3] as Dim[] }),
      ]),
    ]);
    const net = makeGraph([x], [{ name: "y", value: b.emit("Add", [b.emit("Relu", [twice]), b.emit("Relu", [x])]) }]);
    expect(printGraph(simplify(net))).toBe(
      "x: float[N,2,3]\nv0 = Relu(x) : [N,2,3]\nv1 = Add(v0, v0) : [N,2,3]\nreturn y = v1\n",
    );
  });

  test("keep a broadcast that changes the shape", () => {
    const b = builder();
    const x = b.input("x", ["N", 1]);
    const net = makeGraph([x], [{ name: "y", value: b.emit("Add", [x, b.constant(0, [1, 3])]) }]);
    expect(outputOf(simplify(net)).shape).toEqual(["N", 3]);
  });
});

describe("printed graphs", () => {
  const golden = (name: string) => `../../test/golden/graph-${name}.txt`;

  test("of a dense network", async () => {
    await expect(printGraph(tiny())).toMatchFileSnapshot(golden("dense"));
  });

  test("of its gradient", async () => {
    const net = tiny();
    const b = builder();
    const [dx] = gradient(b, outputOf(net), net.inputs);
    await expect(printGraph(simplify(makeGraph(net.inputs, [{ name: "dx", value: dx! }])))).toMatchFileSnapshot(
      golden("gradient"),
    );
  });

  test.each(["real", "float32"] as const)("of its interval bounds in %s arithmetic", async (arithmetic) => {
    const net = tiny();
    const b = builder();
    const [lower, upper] = [b.input("lower", ["N", 2]), b.input("upper", ["N", 2])];
    const y = outputOf(net);
    const box = interval(b, [y], new Map([[net.inputs[0] as Value, { lower, upper }]]), { arithmetic }).get(y)!;
    const graph = makeGraph(
      [lower, upper],
      [
        { name: "lower", value: box.lower },
        { name: "upper", value: box.upper },
      ],
    );
    await expect(printGraph(simplify(graph))).toMatchFileSnapshot(golden(`interval-${arithmetic}`));
  });

  test("of its backward linear bounds", async () => {
    const net = convNet(1, [1, 5], [{ channels: 2, kernel: 3, stride: 2, pad: 1 }], [2]);
    const b = builder();
    const x = net.inputs[0]!;
    const [lower, upper] = [b.input("lower", x.shape), b.input("upper", x.shape)];
    const target = outputOf(net);
    const domains = new Map([[x as Value, { box: { lower, upper } }]]);
    const boxes = interval(b, [target], new Map([[x as Value, { lower, upper }]]), { arithmetic: "real" });
    const bounds = linearBounds(b, target, { kind: "all" }, domains, boxes, { arithmetic: "real" });
    await expect(
      printGraph(simplify(makeGraph([lower, upper], [{ name: "lower", value: bounds.lower }]))),
    ).toMatchFileSnapshot(golden("relax"));
  });
});
