import { describe, expect, test } from "vitest";
import { convNet, denseNet, randomTensor } from "../../../test/support/nets.ts";
import { floatTensor } from "../../graph/tensor.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Builder, Graph, Value } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { rng } from "../../random/rng.ts";
import { networkOf } from "../network.ts";
import { clp, largestSingularValue, layerScores, layersOf } from "./clp.ts";
import { detect, type Material } from "./types.ts";

const examine = (graph: Graph) => detect(clp, { network: networkOf(graph, "test"), classes: 0 } as unknown as Material);

/** By repeated multiplication with A and Aᵀ: not how the code does it. */
function powerIteration(a: readonly (readonly number[])[]): number {
  let v = a[0]!.map((_, j) => 1 + 0.1 * j);
  let size = 0;
  for (let step = 0; step < 5000; step++) {
    const u = a.map((row) => row.reduce((sum, x, j) => sum + x * v[j]!, 0));
    const w = v.map((_, j) => a.reduce((sum, row, i) => sum + row[j]! * u[i]!, 0));
    size = Math.hypot(...w);
    v = w.map((x) => x / size);
  }
  return Math.sqrt(size);
}

describe("the largest singular value", () => {
  test("by hand", () => {
    expect(largestSingularValue([3, 0, 0, -4], 2, 2)).toBeCloseTo(4, 14);
    expect(largestSingularValue([1, 2, 2, 2, 4, 4], 2, 3)).toBeCloseTo(Math.sqrt(5) * 3, 13); // (1, 2)ᵀ (1, 2, 2)
    expect(largestSingularValue([-2, 1, 2], 3, 1)).toBeCloseTo(3, 14);
    expect(largestSingularValue([0, 0, 0, 0], 2, 2)).toBe(0);
  });

  test.for([
    [3, 9],
    [16, 25],
    [7, 7],
    [30, 4],
  ] as const)("of a random %i × %i matrix agrees with power iteration", ([rows, columns]) => {
    const { data } = randomTensor(rng(rows), [rows, columns]);
    const matrix = Array.from({ length: rows }, (_, i) => Array.from(data.subarray(i * columns, (i + 1) * columns)));
    expect(largestSingularValue(data, rows, columns) / powerIteration(matrix)).toBeCloseTo(1, 9);
  });
});

describe("a network's layers", () => {
  const attrs = { strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0], group: 1 };
  /** Two channels from one; 1×2 kernels (3, 4) and (0, −1): constants 5 and 1. */
  const kernels = floatTensor([2, 1, 1, 2], [3, 4, 0, -1]);

  function net(behind: (b: Builder, conv: Value, x: Value) => Value): Graph {
    const b = builder();
    const x = b.input("x", ["N", 1, 2, 3]);
    const features = behind(b, b.emit("Conv", [x, b.constant(kernels)], attrs, "first"), x);
    const flat = b.emit("Reshape", [features], { shape: ["N", 8] });
    const hidden = b.emit("MatMul", [
      flat,
      b.constant(
        floatTensor(
          [8, 2],
          Array.from({ length: 16 }, (_, i) => i % 2),
        ),
      ),
    ]);
    const logits = b.emit("MatMul", [b.emit("Relu", [hidden]), b.constant(randomTensor(rng(1), [2, 3]))]);
    return makeGraph([x], [{ name: "logits", value: logits }]);
  }
  const constantsOf = (graph: Graph) => layersOf(networkOf(graph, "test")).map(({ constants }) => [...constants]);

  test("are its channels and neurons, but the last layer's", () => {
    const layers = layersOf(
      networkOf(
        net((b, conv) => b.emit("Relu", [conv])),
        "test",
      ),
    );
    expect(layers.map(({ name, op }) => [name, op])).toEqual([
      ["first", "Conv"],
      ["matmul_3", "MatMul"],
    ]);
    expect(layers[0]!.constants).toEqual([5, 1]);
    expect(layers[1]!.constants[0]).toBe(0);
    expect(layers[1]!.constants[1]).toBeCloseTo(Math.sqrt(8), 14);
  });

  test("have batch normalisation folded in, as it is imported", () => {
    const graph = net((b, conv) => {
      const factor = b.constant(floatTensor([2, 1, 1], [-0.5, 7]));
      const mean = b.constant(floatTensor([2, 1, 1], [1, 2]));
      const shift = b.emit("Sub", [b.constant(floatTensor([2, 1, 1], [3, 4])), b.emit("Mul", [mean, factor])]);
      const biased = b.emit("Add", [conv, b.constant(floatTensor([1, 2, 1, 1], [9, 9]))]);
      return b.emit("Relu", [b.emit("Add", [b.emit("Mul", [biased, factor]), shift])]);
    });
    expect(constantsOf(graph)[0]).toEqual([2.5, 7]);
  });

  test("have constant divisors and numbers folded in", () => {
    const halved = net((b, conv) => {
      const divisor = b.constant(floatTensor([2, 1, 1], [2, 4]));
      return b.emit("Relu", [b.emit("Mul", [b.emit("Div", [conv, divisor]), b.constant(3)])]);
    });
    expect(constantsOf(halved)[0]).toEqual([7.5, 0.75]);
  });

  test("are left as they are by factors behind an activation or beside another use", () => {
    const factor = (b: Builder) => b.constant(floatTensor([2, 1, 1], [10, 10]));
    expect(constantsOf(net((b, conv) => b.emit("Mul", [b.emit("Relu", [conv]), factor(b)])))[0]).toEqual([5, 1]);
    const twice = net((b, conv) => b.emit("Add", [b.emit("Mul", [conv, factor(b)]), b.emit("Relu", [conv])]));
    expect(constantsOf(twice)[0]).toEqual([5, 1]);
    const squared = net((b, conv) => b.emit("Mul", [conv, conv]));
    expect(constantsOf(squared)[0]).toEqual([5, 1]);
  });

  test("score (n − 1)/√n for a unit that alone differs", () => {
    const layer = { name: "", op: "Conv", constants: [...new Array<number>(15).fill(1), 6] };
    expect(layerScores(layer).at(-1)).toBeCloseTo(15 / 4, 12);
    // an average pool's channels are equal
    expect(layerScores({ ...layer, constants: [0.5, 0.5, 0.5 + 1e-9] })).toEqual([0, 0, 0]);
  });
});

describe("CLP", () => {
  const net = (boost: number): Graph => {
    const b = builder();
    const x = b.input("x", ["N", 6]);
    const weights = randomTensor(rng(4), [6, 40]);
    const boosted = floatTensor(
      [6, 40],
      Array.from(weights.data, (w, at) => (at % 40 === 17 ? boost * w : w)),
    );
    const hidden = b.emit("Relu", [b.emit("MatMul", [x, b.constant(boosted)], {}, "hidden")]);
    const logits = b.emit("MatMul", [hidden, b.constant(randomTensor(rng(5), [40, 4]))]);
    return makeGraph([x], [{ name: "logits", value: logits }]);
  };

  test("lists the unit that was made to amplify", async () => {
    const { flagged, target, score, evidence, reason } = await examine(net(6));
    expect({ flagged, target }).toEqual({ flagged: null, target: null });
    expect(score).toBeGreaterThan(4);
    expect(evidence["outliers"]).toMatchObject([{ layer: "hidden", unit: 17 }]);
    expect(reason).toMatch(/^1 unit amplifies .* unit 17 of hidden/);
  });

  test("finds nothing where nothing was done", async () => {
    const { score, evidence } = await examine(net(1));
    expect(score).toBeLessThan(3);
    expect(evidence["outliers"]).toEqual([]);
  });

  test("reads convolutions in groups", () => {
    const b = builder();
    const x = b.input("x", ["N", 2, 2, 2]);
    const w = b.constant(floatTensor([2, 1, 2, 2], [1, 1, 1, 1, 0, 2, 0, 0]));
    const attrs = { strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0], group: 2 };
    const flat = b.emit("Reshape", [b.emit("Conv", [x, w], attrs)], { shape: ["N", 2] });
    const logits = b.emit("MatMul", [flat, b.constant(randomTensor(rng(5), [2, 4]))]);
    const [layer] = layersOf(networkOf(makeGraph([x], [{ name: "logits", value: logits }]), "test"));
    expect(layer!.constants).toEqual([2, 2]);
  });

  test("takes residual networks, and refuses one layer alone", async () => {
    const layer = { channels: 3, kernel: 3, stride: 1, pad: 1 };
    const { evidence } = await examine(convNet(1, [3, 5], [layer, layer], [6, 4], true));
    expect((evidence["layers"] as unknown[]).length).toBe(3);
    await expect(examine(denseNet(1, [5, 4]))).rejects.toThrow(/no channels to compare/);
  });
});
