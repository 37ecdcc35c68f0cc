import { readFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { loadDataset } from "../../data/files.ts";
import { importOnnx } from "../../formats/onnx/import.ts";
import { float32Tensor, floatTensor, intTensor } from "../../graph/tensor.ts";
import { makeGraph, nodesOf } from "../../graph/traverse.ts";
import type { Graph, Tensor } from "../../graph/types.ts";
import { evaluateGraph } from "../../ops/evaluate.ts";
import { builder } from "../../ops/index.ts";
import { rng } from "../../random/rng.ts";
import { createRuntime } from "../../runtime/node.ts";
import { classification } from "../../spec/classification.ts";
import { type Network, networkOf } from "../network.ts";
import { type Samples, samplesOf } from "../samples.ts";
import { ibp } from "../verify/ibp.ts";
import { parseTrainConfig } from "./config.ts";
import { objectiveOf } from "./index.ts";
import { trainedGraph } from "./model.ts";
import { trainingStep } from "./step.ts";
import { runTraining, type TrainEvent, type TrainResult } from "./train.ts";
import { drawnAnew, sameOrder, trainable } from "./trainable.ts";

const runtime = createRuntime();
const { compile } = runtime;
afterAll(() => runtime[Symbol.asyncDispose]());

const ZOO = "zoo/mnist-cnna-clean.onnx";
const zoo = (): Network => networkOf(importOnnx(readFileSync(ZOO)).graph, "clean");
const digits = samplesOf(await loadDataset("mnist:train"));
const firstOf = (count: number): Samples => ({
  ...digits,
  images: digits.images.subarray(0, count * 784),
  labels: digits.labels.subarray(0, count),
});

const finish = async (recipe: object, pretrained: Network | undefined, train = firstOf(128), saved?: Uint8Array) => {
  const events: TrainEvent[] = [];
  let kept: Uint8Array | undefined;
  const checkpoints = {
    load: async () => saved,
    save: async (bytes: Uint8Array) => {
      kept = bytes;
    },
  };
  const raw = { architecture: { onnx: ZOO }, epochs: 1, batch: 64, ...recipe };
  for await (const event of runTraining(parseTrainConfig(raw), {
    compile,
    train,
    pretrained,
    checkpoints,
    now: () => 0,
  }))
    events.push(event);
  return { events, kept, result: (events.at(-1) as { result: TrainResult }).result };
};

const logitsOf = async (graph: Graph, x: Tensor) =>
  (await (await compile(graph, { float: "float32" })).run({ [graph.inputs[0]!.name]: x }))[graph.outputs[0]!.name]!
    .data;

test.for([
  ["plain", { kind: "plain" }],
  ["pgd", { kind: "pgd", epsilon: 0.1, steps: 2 }],
  ["ibp", { kind: "ibp", epsilon: 0.1 }],
] as const)(
  "steps of %s training from a file lower the loss, and the file made of it answers the same",
  async ([, method]) => {
    const { events, result } = await finish({ method, epochs: 4, learningRate: 1e-3 }, zoo());
    const losses = events.flatMap((event) => (event.kind === "epoch" ? [event.loss] : []));
    expect(losses[3]!).toBeLessThan(0.8 * losses[0]!);
    const x = float32Tensor([8, 1, 28, 28], digits.images.slice(0, 8 * 784));
    const again = importOnnx(result.onnx).graph;
    expect(await logitsOf(again, x)).toEqual(await logitsOf(result.graph, x));
    expect(await logitsOf(again, x)).not.toEqual(await logitsOf(zoo().graph, x));
  },
);

test("without a step the network is the file's", async () => {
  const network = zoo();
  const { model, theta } = trainable(network, ZOO);
  // CNNa on digits
  expect(model.size).toBe(166_406);
  const x = float32Tensor([5, 1, 28, 28], digits.images.slice(0, 5 * 784));
  expect(await logitsOf(trainedGraph(model, theta), x)).toEqual(await logitsOf(network.graph, x));
});

test("the interval loss on a file's network is made of the bounds that the verifier finds", async () => {
  const network = zoo();
  const { model, theta } = trainable(network, ZOO);
  const count = 6;
  const images = float32Tensor([count, 1, 28, 28], digits.images.slice(0, count * 784));
  const labels = digits.labels.slice(0, count);
  const epsilon = 0.01;
  await using prepared = await ibp.prepare(network, runtime, { norm: "linf", arithmetic: "real" });
  const queries = classification(network, { images, labels }, { norm: "linf", epsilon, domain: [0, 1] });
  const { lower } = await prepared.bounds(queries);
  const losses = Array.from(labels, (_, n) =>
    Math.log1p(lower.subarray(9 * n, 9 * n + 9).reduce((sum, bound) => sum + Math.exp(-bound), 0)),
  );
  const objective = objectiveOf({ kind: "ibp", epsilon, kappa: 0 });
  const sgd = { kind: "sgd", momentum: 0, nesterov: false, weightDecay: 0 } as const;
  const session = await compile(trainingStep(model, { objective, optimiser: sgd }), { float: "float32" });
  const number = (value: number) => float32Tensor([], Float32Array.of(value));
  const out = await session.run({
    images,
    labels: intTensor([count], labels),
    theta: float32Tensor([model.size], theta),
    share: number(1 / count),
    learningRate: number(0),
    epsilon: number(epsilon),
    kappa: number(0),
  });
  const mean = losses.reduce((x, y) => x + y) / count;
  expect(mean).toBeGreaterThan(0.01);
  expect(out["loss"]!.data[0]! / mean).toBeCloseTo(1, 4);
});

/** [1 or N, 2, 4, 4]: convolution, batch normalisation, ReLU, an average that import writes as a product, dense layer. */
function normalised(batch: "N" | 1 | 8): Graph {
  const b = builder();
  const random = rng(2);
  const weights = (...shape: readonly number[]) => {
    const data = new Float32Array(shape.reduce((p, q) => p * q, 1));
    random.fillNormal(data, 0, 0.5);
    return b.constant(float32Tensor(shape, data));
  };
  const window = { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1], group: 1 };
  const x = b.input("pixels", [batch, 2, 4, 4]);
  const product = b.emit("Conv", [x, weights(3, 2, 3, 3)], window);
  const biased = b.emit("Add", [product, b.constant(float32Tensor([3, 1, 1], new Float32Array(3)))]);
  const scaled = b.emit("Mul", [biased, b.constant(floatTensor([3, 1, 1], [2, 0.5, 1]))]);
  const shifted = b.emit("Add", [scaled, b.constant(floatTensor([3, 1, 1], [0.1, -0.2, 0]))]);
  const flat = b.emit("Reshape", [b.emit("Relu", [shifted])], { shape: [batch, 48] });
  const halves = floatTensor(
    [48, 24],
    Array.from({ length: 48 * 24 }, (_, i) => (Math.floor(i / 24) % 24 === i % 24 ? 0.5 : 0)),
  );
  const dense = b.emit("MatMul", [b.emit("MatMul", [flat, b.constant(halves)]), weights(24, 3)]);
  // the zero biases of both layers are one constant in memory
  const scores = b.emit("Add", [dense, b.constant(float32Tensor([3], new Float32Array(3)))]);
  return makeGraph([x], [{ name: "scores", value: scores }]);
}

test("weights and biases are trained; batch normalisation and what import makes itself stay as they are", async () => {
  const { model, theta } = trainable(networkOf(normalised("N"), "n"), "n.onnx");
  expect(model.parameters.map(({ shape }) => shape)).toEqual([[3, 2, 3, 3], [3, 1, 1], [24, 3], [3]]);
  expect(model.size).toBe(54 + 3 + 72 + 3);
  const moved = theta.map((value, i) => value + 1 + i / 100);
  const graph = trainedGraph(model, moved);
  expect([graph.inputs[0]!.name, graph.outputs[0]!.name]).toEqual(["pixels", "logits"]);
  const doubles = (of: Graph) =>
    nodesOf(of).flatMap(({ inputs }) =>
      inputs.flatMap((input) =>
        input.kind === "constant" && input.tensor.data instanceof Float64Array ? [Array.from(input.tensor.data)] : [],
      ),
    );
  expect(doubles(graph)).toEqual(doubles(normalised("N")));
  expect(doubles(graph)).toHaveLength(3);
});

test("drawn anew, nothing of the file's weights, scales and shifts is left, and the seed decides", () => {
  const network = networkOf(normalised("N"), "n");
  const drawn = (seed: number) => drawnAnew(network, "n.onnx", "default", rng(seed));
  const { model, theta } = drawn(1);
  expect(model.parameters.map(({ shape }) => shape)).toEqual([
    [3, 2, 3, 3],
    [3, 1, 1],
    [3, 1, 1],
    [3, 1, 1],
    [24, 3],
    [3],
  ]);
  const part = (k: number) =>
    Array.from(theta.subarray(model.parameters[k]!.offset).subarray(0, model.parameters[k]!.size));
  expect([1, 2, 3, 5].map(part)).toEqual([
    [0, 0, 0],
    [1, 1, 1],
    [0, 0, 0],
    [0, 0, 0],
  ]);
  // He's spread: √(2 / 18) and √(2 / 24), by 54 and 72 draws
  const spread = (values: readonly number[]) => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
  expect(spread(part(0)) / Math.sqrt(2 / 18)).toBeCloseTo(1, 0);
  expect(spread(part(4)) / Math.sqrt(2 / 24)).toBeCloseTo(1, 0);
  const numbers = (graph: Graph) =>
    nodesOf(graph).flatMap(({ inputs }) =>
      inputs.flatMap((input) => (input.kind === "constant" ? [Array.from(input.tensor.data).join()] : [])),
    );
  const [own, others] = [numbers(trainedGraph(model, theta)), numbers(network.graph)];
  // but for the average's matrix and biases of zeros
  expect(own.filter((one) => others.includes(one) && /[1-9]/.test(one))).toHaveLength(1);
  expect(drawn(1).theta).toEqual(theta);
  expect(drawn(2).theta.filter((value, i) => value === theta[i] && value !== 0 && value !== 1)).toHaveLength(0);
});

test("a tensor of the file that is no weight of a product, scale or shift cannot be drawn anew", () => {
  const b = builder();
  const x = b.input("x", ["N", 2]);
  const weights = (shape: readonly number[], values: readonly number[]) =>
    b.constant(float32Tensor(shape, Float32Array.from(values)));
  const dense = b.emit("MatMul", [x, weights([2, 2], [1, 2, 3, 4])]);
  const value = b.emit("Max", [dense, weights([1, 2], [0.5, 0.25])]);
  const network = networkOf(makeGraph([x], [{ name: "y", value }]), "token");
  expect(() => drawnAnew(network, "token.onnx", "default", rng(1))).toThrow(
    /^token\.onnx: Max takes a tensor of the file that is no weight .* cannot be drawn anew$/,
  );
});

test("a file that fixes its batch at 1 is trained with batches, and answers as it did for one", () => {
  const { model, theta } = trainable(networkOf(normalised(1), "n"), "n.onnx");
  const x = floatTensor(
    [2, 2, 4, 4],
    Array.from({ length: 64 }, (_, i) => (i % 13) / 13),
  );
  const both = evaluateGraph(trainedGraph(model, theta), new Map([["pixels", x]])).get("logits")!;
  expect(both.shape).toEqual([2, 3]);
  for (const n of [0, 1]) {
    const one = floatTensor([1, 2, 4, 4], x.data.slice(32 * n, 32 * n + 32));
    const alone = evaluateGraph(normalised(1), new Map([["pixels", one]])).get("scores")!.data;
    alone.forEach((value, k) => {
      expect(both.data[3 * n + k]).toBeCloseTo(value, 6);
    });
  }
});

test("what cannot be trained is refused in one line", async () => {
  expect(() => trainable(networkOf(normalised(8), "n"), "eight.onnx")).toThrow(/eight\.onnx takes 8 samples at a time/);
  const b = builder();
  const x = b.input("x", ["N", 3]);
  const bare = networkOf(makeGraph([x], [{ name: "y", value: b.emit("Relu", [x]) }]), "bare");
  expect(() => trainable(bare, "bare.onnx")).toThrow(/bare\.onnx has no float32 weights/);
  await expect(finish({}, networkOf(normalised("N"), "n"))).rejects.toThrow(
    /takes \[2,4,4\] and knows 3 classes; the samples are \[1,28,28\] of 10 classes/,
  );
  await expect(finish({}, undefined)).rejects.toThrow(/is not at hand/);
});

test("samples of another shape but the same order fit", () => {
  expect(sameOrder([784], [1, 28, 28])).toBe(true);
  expect(sameOrder([1, 784, 1], [1, 28, 28])).toBe(true);
  expect(sameOrder([28, 28, 1], [1, 28, 28])).toBe(true);
  expect(sameOrder([32, 32, 3], [3, 32, 32])).toBe(false);
  expect(sameOrder([783], [1, 28, 28])).toBe(false);
});

test("a checkpoint of another file is refused", async () => {
  const first = await finish({}, zoo());
  await expect(finish({}, { ...zoo(), hash: "another" }, firstOf(128), first.kept)).rejects.toThrow(/other options/);
  const again = await finish({}, zoo(), firstOf(128), first.kept);
  expect(again.events.map(({ kind }) => kind)).toEqual(["resume", "done"]);
});
