import { describe, expect, test } from "vitest";
import type { Dim } from "../../graph/dims.ts";
import { floatTensor } from "../../graph/tensor.ts";
import { makeGraph, outputOf } from "../../graph/traverse.ts";
import type { Graph, Value } from "../../graph/types.ts";
import { evaluateGraph } from "../../ops/evaluate.ts";
import { builder } from "../../ops/index.ts";
import { simplify } from "../../ops/simplify.ts";
import { rng } from "../../random/rng.ts";
import { backwardBoxes, type Domains, expandForRelax, kinksOf, linearBounds, relaxedOperands } from "./index.ts";

/** Convolution, ReLU, max pool, convolution, max pool, dense: as old image networks are. */
function pooled(): Graph {
  const b = builder();
  const random = rng(5);
  const tensor = (shape: number[]) => {
    const data = new Float64Array(shape.reduce((x, y) => x * y, 1));
    random.fillNormal(data, 0, 0.4);
    return b.constant(floatTensor(shape, data));
  };
  const x = b.input("x", ["N", 1, 8, 8]);
  const window = { strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] };
  const pool = { kernel: [2, 2], strides: [2, 2], dilations: [1, 1], pads: [0, 0, 0, 0] };
  let y: Value = b.emit(
    "Add",
    [b.emit("Conv", [x, tensor([3, 1, 3, 3])], { ...window, group: 1 }), tensor([1, 3, 1, 1])],
    {},
    "first",
  );
  y = b.emit("MaxPool", [b.emit("Relu", [y])], pool);
  y = b.emit("Conv", [y, tensor([2, 3, 2, 2])], { ...window, group: 1 }, "second");
  y = b.emit("Reshape", [b.emit("MaxPool", [y], { ...pool, strides: [1, 1], kernel: [2, 2] })], {
    shape: ["N", 2] as Dim[],
  });
  return expandForRelax(simplify(makeGraph([x], [{ name: "logits", value: b.emit("MatMul", [y, tensor([2, 2])]) }])));
}

describe("the operands whose boxes shape the lines", () => {
  test("are the values that mixed elements, not their windows nor the results of activations", () => {
    const net = pooled();
    const operands = relaxedOperands(outputOf(net), new Set(net.inputs));
    expect(
      operands.map((operand) => (operand.kind === "node" ? `${operand.op} [${operand.shape}]` : operand.kind)),
    ).toEqual(["Add [N,3,6,6]", "Conv [N,2,2,2]"]);
  });

  test("know the kinks of what reads them through a movement, and that a maximum bends everywhere", () => {
    const net = pooled();
    const [first, second] = relaxedOperands(outputOf(net), new Set(net.inputs));
    expect(kinksOf(first!, outputOf(net))).toEqual([0]);
    expect(kinksOf(second!, outputOf(net))).toBeUndefined();
    const b = builder();
    const x = b.input("x", ["N", 2, 3]);
    const y = b.emit("Relu", [b.emit("Reshape", [x], { shape: ["N", 6] as Dim[] })]);
    expect(kinksOf(x, y)).toEqual([0]);
  });

  test("give bounds that contain samples of a pooled network", () => {
    const net = pooled();
    const b = builder();
    const x = net.inputs[0]!;
    const [lower, upper] = [b.input("lower", x.shape), b.input("upper", x.shape)];
    const domains: Domains = new Map([[x as Value, { box: { lower, upper } }]]);
    const target = outputOf(net);
    const boxes = backwardBoxes(b, target, domains, { arithmetic: "real" });
    const bounds = linearBounds(b, target, { kind: "all" }, domains, boxes, { twoSided: true, arithmetic: "real" });
    const graph = simplify(
      makeGraph(
        [lower, upper],
        [
          { name: "lower", value: bounds.lower },
          { name: "upper", value: bounds.upper! },
        ],
      ),
    );
    const random = rng(8);
    const centre = Float64Array.from({ length: 64 }, () => random.uniform());
    const at = (shift: (i: number) => number) =>
      floatTensor(
        [1, 1, 8, 8],
        centre.map((c, i) => c + shift(i)),
      );
    const ends = evaluateGraph(
      graph,
      new Map([
        ["lower", at(() => -0.1)],
        ["upper", at(() => 0.1)],
      ]),
    );
    for (let sample = 0; sample < 300; sample++) {
      const corner = sample % 2 === 0;
      const logits = evaluateGraph(
        net,
        new Map([["x", at(() => 0.1 * (corner ? 2 * random.int(2) - 1 : 2 * random.uniform() - 1))]]),
      ).get("logits")!;
      logits.data.forEach((logit, k) => {
        expect(logit).toBeGreaterThanOrEqual(ends.get("lower")!.data[k]! - 1e-9);
        expect(logit).toBeLessThanOrEqual(ends.get("upper")!.data[k]! + 1e-9);
      });
    }
  });
});
