import { afterAll, describe, expect, test } from "vitest";
import { denseNet, randomTensor } from "../../../test/support/nets.ts";
import type { Dim } from "../../graph/dims.ts";
import { floatTensor } from "../../graph/tensor.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Builder, Graph, Value } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { rng } from "../../random/rng.ts";
import { createRuntime } from "../../runtime/node.ts";
import { networkOf } from "../network.ts";
import { distances, lastLayer, lastLayerOutlier } from "./last-layer.ts";
import { detect, type Material } from "./types.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const HIDDEN = 300;
const CLASSES = 6;
const WEIGHTS = randomTensor(rng(2), [HIDDEN, CLASSES]);

function net(tail: (b: Builder, products: Value) => Value, weights = WEIGHTS, batch: Dim = "N"): Graph {
  const b = builder();
  const x = b.input("x", [batch, 5]);
  const hidden = b.emit("Relu", [b.emit("MatMul", [x, b.constant(randomTensor(rng(1), [5, HIDDEN]))])]);
  const logits = tail(b, b.emit("MatMul", [hidden, b.constant(weights)]));
  return makeGraph([x], [{ name: "logits", value: logits }]);
}

const material = (graph: Graph) => {
  const network = networkOf(graph, "test");
  return { network, runtime, classes: network.classes } as unknown as Material;
};

describe("the last layer", () => {
  const bias = [1, -2, 3, -4, 5, -6];
  const biased = (b: Builder, z: Value) => b.emit("Add", [z, b.constant(floatTensor([CLASSES], bias))]);

  test("is read by its values", async () => {
    const { weights, bias: read } = await lastLayer(material(net(biased)));
    expect([...read]).toEqual(bias);
    expect(weights.length).toBe(CLASSES);
    for (const [c, row] of weights.entries())
      for (let i = 0; i < HIDDEN; i++) expect(row[i]).toBeCloseTo(WEIGHTS.data[i * CLASSES + c]!, 5);
  });

  test("is read through a temperature and for a fixed batch", async () => {
    const scaled = net((b, z) => b.emit("Div", [biased(b, z), b.constant(4)]), WEIGHTS, 1);
    const { weights, bias: read } = await lastLayer(material(scaled));
    expect([...read]).toEqual(bias.map((value) => value / 4));
    expect(weights[3]![299]).toBeCloseTo(WEIGHTS.data[299 * CLASSES + 3]! / 4, 5);
  });
});

describe("distances from the others", () => {
  test("by hand", () => {
    // to 100: median of 1, 2, 3, 4 is 2.5, their median deviation 1; to 3: 3 and 1.5
    const [, , three, , hundred] = distances([1, 2, 3, 4, 100]);
    expect(hundred).toBeCloseTo(97.5 / 1.4826, 10);
    expect(three).toBe(0);
    expect(distances([-1, -2, -3, -4, -100])[4]).toBeCloseTo(-97.5 / 1.4826, 10);
  });

  test("are zero for equal values, and finite beside equal ones", () => {
    expect(distances([5, 5, 5, 5])).toEqual([0, 0, 0, 0]);
    expect(distances([5, 5, 5, 6]).every(Number.isFinite)).toBe(true);
  });
});

describe("the last-layer outlier", () => {
  const boosted = floatTensor(
    [HIDDEN, CLASSES],
    Array.from(WEIGHTS.data, (w, at) => (at % CLASSES === 4 ? 3 * w : w)),
  );

  test.for([
    ["weights' norm", net((_, z) => z, boosted)],
    ["bias", net((b, z) => b.emit("Add", [z, b.constant(floatTensor([CLASSES], [0.1, -0.2, 0.3, 0, 20, 0.2]))]))],
    [
      "mean weight",
      net(
        (_, z) => z,
        floatTensor(
          [HIDDEN, CLASSES],
          Array.from(WEIGHTS.data, (w, at) => w + (at % CLASSES === 4 ? 2 : 0)),
        ),
      ),
    ],
  ] as [string, Graph][])("names the class of another %s", async ([reading, graph]) => {
    const { flagged, target, score, reason } = await detect(lastLayerOutlier, material(graph));
    expect({ flagged, target }).toEqual({ flagged: null, target: 4 });
    expect(score).toBeGreaterThan(8);
    expect(reason).toContain(reading);
  });

  test("scores a network of alike classes lower", async () => {
    const { score } = await detect(lastLayerOutlier, material(net((_, z) => z)));
    expect(score).toBeLessThan(8);
  });

  test("compares one measure alone where that is stated", () => {
    const record = { means: [0, 0.1, -0.1, 0.2, 9], norms: [1, 1.1, 0.9, 50, 1], biases: [0, 1, -1, 2, -2] };
    const facts = { classes: 5, inputShape: [4], geometry: undefined, domain: undefined };
    const of = (compared: string) => lastLayerOutlier.with({ compared }).conclude([record], facts);
    expect([of("means").target, of("norms").target]).toEqual([4, 3]);
    expect(Object.keys((of("norms").evidence as { z: object }).z)).toEqual(["norms"]);
    expect(of("all")).toEqual(lastLayerOutlier.conclude([record], facts));
  });

  test("has no score for three classes", async () => {
    const { score, target, reason } = await detect(lastLayerOutlier, material(denseNet(1, [4, 5, 3])));
    expect({ score, target }).toEqual({ score: null, target: null });
    expect(reason).toMatch(/3 classes are too few/);
  });

  test("refuses a network without a hidden layer", async () => {
    await expect(detect(lastLayerOutlier, material(denseNet(1, [4, 5])))).rejects.toThrow(/no hidden layer/);
  });
});
