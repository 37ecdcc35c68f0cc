/** @file Residual networks: built, bounded, trained, exported and certified. */

import { afterAll, expect, test } from "vitest";
import { loadDataset } from "../../data/files.ts";
import { exportOnnx } from "../../formats/onnx/export.ts";
import { importOnnx } from "../../formats/onnx/import.ts";
import { float32Tensor, floatTensor, intTensor } from "../../graph/tensor.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Graph, NodeValue, Tensor, Value } from "../../graph/types.ts";
import { evaluateGraph } from "../../ops/evaluate.ts";
import { rng } from "../../random/rng.ts";
import { createRuntime } from "../../runtime/node.ts";
import { classification } from "../../spec/classification.ts";
import type { Threat } from "../../spec/types.ts";
import { interval } from "../../transforms/interval.ts";
import { networkOf } from "../network.ts";
import { samplesOf } from "../samples.ts";
import { crown } from "../verify/crown.ts";
import { ibp } from "../verify/ibp.ts";
import { buildModel, conv, type Model, modelOf, pool, residual } from "./architectures.ts";
import { inColumns } from "./columns.ts";
import { parseTrainConfig } from "./config.ts";
import { evaluate } from "./evaluate.ts";
import { objectiveOf } from "./index.ts";
import { initialParameters } from "./initialise.ts";
import { pixelBox } from "./losses.ts";
import { trainedGraph } from "./model.ts";
import { trainingInputs, trainingStep } from "./step.ts";
import { runTraining } from "./train.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const small = buildModel("small", [conv(2, 3, 1, 1), residual(2, 1), residual(3, 2), pool], [1, 5, 6], 4);
const COUNT = 3;
const SIZE = 30;

/** Initial values with noise on them, so that the branches, which begin at zero, take part. */
function noisy(model: Model, seed: number): Float64Array {
  const noise = new Float64Array(model.size);
  rng(seed).fillNormal(noise, 0, 0.3);
  const initial = initialParameters(model, "he", rng(seed));
  return noise.map((value, i) => value + initial[i]!);
}

function pixels(seed: number, count = COUNT): Tensor {
  const values = new Float64Array(count * SIZE);
  rng(seed).fillUniform(values, 0, 1);
  return floatTensor([count, 1, 5, 6], values);
}

const run = (graph: Graph, feeds: Record<string, Tensor>) => evaluateGraph(graph, new Map(Object.entries(feeds)));

/** What the last layer reads. */
function hidden(logits: Value): Value {
  const product = (logits as NodeValue).inputs[0] as NodeValue;
  expect(product.op).toBe("MatMul");
  return product.inputs[0]!;
}

function featuresOf(model: Model, x: Tensor, theta: Float64Array): Tensor {
  const { images, theta: input, network } = trainingInputs(model);
  const graph = makeGraph([images, input], [{ name: "hidden", value: hidden(network.logits(images)) }]);
  return run(graph, { images: x, theta: floatTensor([model.size], theta) }).get("hidden")!;
}

test("a block adds its branch to its shortcut before the ReLU: by hand on 2×2 pixels", () => {
  const model = buildModel("by hand", [residual(2, 2), pool], [1, 2, 2], 2);
  const theta = new Float64Array(model.size);
  const set = (name: string, at: number, value: number) => {
    theta[model.parameters.find((parameter) => parameter.name === name)!.offset + at] = value;
  };
  // the only window begins in the padding: its taps 4, 5, 7, 8 see the four pixels
  [1, 2, 3, 4].forEach((weight, i) => {
    set("residual1.first.weight", [4, 5, 7, 8][i]!, weight);
  });
  set("residual1.first.bias", 0, 0.5);
  set("residual1.first.weight", 9 + 4, -1);
  // one position: of the second kernels [out, in, 3, 3] only the centres (4) count
  set("residual1.second.weight", 4, 2);
  set("residual1.second.weight", 9 + 4, 7);
  set("residual1.second.weight", 18 + 4, -1);
  set("residual1.second.bias", 1, 0.25);
  set("residual1.shortcut.weight", 0, -3);
  set("residual1.shortcut.weight", 1, 5);
  set("residual1.shortcut.bias", 0, 0.75);
  const features = featuresOf(model, floatTensor([2, 1, 2, 2], [0.5, 0.25, 0.75, 1, 0.5, 0, 0, 0.125]), theta);
  // first: relu(1·x₁ + 2·x₂ + 3·x₃ + 4·x₄ + 0.5) = 7.75, and 1.5; relu(−x₁) = 0, the 7 never counts
  // channel 0: 2·first − 3·x₁ + 0.75; channel 1: −first + 0.25 + 5·x₁, cut at 0 in the first image
  expect(features.shape).toEqual([2, 2]);
  expect(Array.from(features.data)).toEqual([14.75, 0, 2.25, 1.25]);
});

test("pooling takes the mean of each channel", () => {
  const model = buildModel("pooled", [pool], [2, 1, 3], 2);
  const features = featuresOf(model, floatTensor([1, 2, 1, 3], [1, 2, 6, 0, 0, 1.5]), new Float64Array(model.size));
  expect(Array.from(features.data)).toEqual([3, 0.5]);
});

test("ResNetS has the sizes counted by hand", () => {
  // stem + three blocks (two 3×3 convolutions each, and the shortcuts of the last two) + dense
  const blocks = 2 * (16 * 144 + 16) + (32 * 144 + 32 * 288 + 32 * 16 + 96) + (64 * 288 + 64 * 576 + 64 * 32 + 192);
  const digits = modelOf("ResNetS", [1, 28, 28], 10);
  expect(digits.size).toBe(16 * 9 + 16 + blocks + 650);
  // 14×14, 7×7 and 4×4 positions
  expect(digits.neurons).toBe(3 * 16 * 196 + 2 * 32 * 49 + 2 * 64 * 16 + 10);
  const pictures = modelOf("ResNetS", [3, 32, 32], 7);
  expect(pictures.size).toBe(16 * 27 + 16 + blocks + 65 * 7);
  expect(pictures.neurons).toBe(3 * 16 * 256 + 2 * 32 * 64 + 2 * 64 * 16 + 7);
  expect(() => modelOf("ResNetS", [784], 10)).toThrow(/ResNetS .*takes \[C, H, W\]/);
});

test("ResNet32 has the weights of the paper's 32 layers (0.46 million), and its own biases and two shortcuts", () => {
  const { parameters, size, neurons } = modelOf("ResNet32", [3, 32, 32], 10);
  const weights = parameters.filter(({ role }) => role === "weight");
  expect(weights.filter(({ name }) => name.includes("shortcut"))).toHaveLength(2);
  expect(weights).toHaveLength(1 + 30 + 2 + 1);
  // 16, 32 and 64 filters: a stage's first convolution reads the filters of the one before
  const stages = 10 * 16 * 144 + (32 * 144 + 9 * 32 * 288) + (64 * 288 + 9 * 64 * 576);
  const biases = 16 + 10 * (16 + 32 + 64);
  const shortcuts = 16 * 32 + 32 + 32 * 64 + 64;
  expect(size).toBe(27 * 16 + stages + biases + shortcuts + 650);
  expect((size / 1e6).toFixed(2)).toBe("0.47");
  expect(neurons).toBe(11 * 16 * 1024 + 10 * 32 * 256 + 10 * 64 * 64 + 10);
});

test.for(["default", "he", "ibp"] as const)("%s initialisation: branches add nothing at first", (kind) => {
  const { parameters } = small;
  const theta = initialParameters(small, kind, rng(3));
  for (const { name, offset, size } of parameters) {
    const zero = theta.subarray(offset, offset + size).every((value) => value === 0);
    if (name.includes("second")) expect(zero, name).toBe(true);
    if (name.endsWith("weight")) expect(zero, name).toBe(name.includes("second"));
  }
});

test("the first layers of three branches begin 1/√3 as large as He's, and so they do by default", () => {
  const model = modelOf("ResNetS", [1, 28, 28], 10);
  const first = model.parameters.find(({ name }) => name === "residual4.first.weight")!;
  const values = initialParameters(model, "he", rng(3)).subarray(first.offset, first.offset + first.size);
  const spread = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
  // 18,432 draws: known to about 0.5 %
  expect(spread * Math.sqrt((3 * first.fanIn) / 2)).toBeCloseTo(1, 1);
  expect(initialParameters(model, "default", rng(3))).toEqual(initialParameters(model, "he", rng(3)));
});

test.for(["plain", "ibp"] as const)("the gradient of the %s loss is that of finite differences", (loss) => {
  const sgd = { kind: "sgd", momentum: 0, nesterov: false, weightDecay: 0 } as const;
  const objective = objectiveOf(loss === "ibp" ? { kind: "ibp", epsilon: 0.02, kappa: 0.4 } : { kind: "plain" });
  const graph = trainingStep(small, { objective, optimiser: sgd });
  const number = (value: number) => floatTensor([], [value]);
  const step = (theta: Float64Array) =>
    run(graph, {
      images: pixels(1),
      labels: intTensor([COUNT], [2, 0, 3]),
      theta: floatTensor([small.size], theta),
      share: number(1 / COUNT),
      learningRate: number(1),
      ...(loss === "ibp" ? { epsilon: number(0.02), kappa: number(0.4) } : {}),
    });
  const theta = noisy(small, 2);
  const next = step(theta).get("thetaNext")!.data;
  const h = 1e-6;
  for (const { offset, size } of small.parameters)
    for (const place of new Set([offset, offset + Math.floor(size / 2), offset + size - 1])) {
      const lossAt = (by: number) => step(theta.with(place, theta[place]! + by)).get("loss")!.data[0]!;
      expect(theta[place]! - next[place]!).toBeCloseTo((lossAt(h) - lossAt(-h)) / (2 * h), 6);
    }
});

test("the box of the features holds the features of every sample drawn from the box", () => {
  const { b, images, theta: input, network } = trainingInputs(small);
  const features = hidden(network.logits(images));
  const domain = new Map([[images, pixelBox(b, images, b.constant(0.05))]]);
  const box = interval(b, [features], domain, { arithmetic: "real" }).get(features)!;
  const [low, high] = inColumns(b, [box.lower, box.upper], input);
  const graph = makeGraph(
    [images, input],
    [
      { name: "lower", value: low! },
      { name: "upper", value: high! },
    ],
  );
  const [x, theta] = [pixels(3, 1), noisy(small, 4)];
  const ends = run(graph, { images: x, theta: floatTensor([small.size], theta) });
  const [lower, upper] = [ends.get("lower")!.data, ends.get("upper")!.data];
  const random = rng(5);
  const count = 300;
  const drawn = Float64Array.from({ length: count * SIZE }, (_, i) => {
    // corners too: they are where bounds are attained
    const away = i < (count * SIZE) / 2 ? 2 * random.uniform() - 1 : Math.sign(random.uniform() - 0.5);
    return Math.min(1, Math.max(0, x.data[i % SIZE]! + 0.05 * away));
  });
  const drawnFeatures = featuresOf(small, floatTensor([count, 1, 5, 6], drawn), theta).data;
  drawnFeatures.forEach((value, i) => {
    const unit = i % lower.length;
    expect(value).toBeGreaterThanOrEqual(lower[unit]! - 1e-12);
    expect(value).toBeLessThanOrEqual(upper[unit]! + 1e-12);
  });
  expect(Math.max(...upper)).toBeGreaterThan(0.1);
});

test("an epoch on a few hundred digits lowers the loss, and the file answers as the network does", async () => {
  const digits = samplesOf(await loadDataset("mnist:train"));
  const train = { ...digits, images: digits.images.subarray(0, 320 * 784), labels: digits.labels.subarray(0, 320) };
  const raw = { architecture: "ResNetS", epochs: 1, batch: 16, learningRate: 0.005 };
  const { compile } = runtime;
  for await (const event of runTraining(parseTrainConfig(raw), { compile, train, now: () => 0 })) {
    if (event.kind !== "done") continue;
    const { model, theta, graph, onnx } = event.result;
    const start = initialParameters(
      modelOf("ResNetS", [1, 28, 28], 10),
      "default",
      rng(0).split("train").split("initial"),
    );
    const lossAt = async (values: Float32Array) =>
      (await evaluate(model, float32Tensor([model.size], values), train, compile)).loss;
    expect(await lossAt(theta)).toBeLessThan(0.9 * (await lossAt(start)));
    const x = float32Tensor([2, 1, 28, 28], train.images.slice(0, 2 * 784));
    const logits = async (of: Graph) =>
      (await (await compile(of, { float: "float32" })).run({ [of.inputs[0]!.name]: x }))["logits"]!.data;
    expect(await logits(importOnnx(onnx).graph)).toEqual(await logits(graph));
    return;
  }
  throw new Error("the run did not finish");
});

test.for(Object.entries({ ibp, crown }))(
  "%s bounds the file below the margins of all samples",
  async ([, verifier]) => {
    const graph = trainedGraph(small, Float32Array.from(noisy(small, 6)));
    const network = networkOf(importOnnx(exportOnnx(graph, { name: "small" })).graph, "small");
    const threat: Threat = { norm: "linf", epsilon: 0.01, domain: [0, 1] };
    const x = pixels(7, 1);
    const labels = Int32Array.of(1);
    const prepared = await verifier.prepare(network, runtime, { norm: threat.norm });
    const batch = { images: float32Tensor(x.shape, Float32Array.from(x.data)), labels };
    const { lower } = await prepared.bounds(classification(network, batch, threat));
    const random = rng(8);
    const count = 300;
    const drawn = Float32Array.from({ length: count * SIZE }, (_, i) =>
      Math.min(1, Math.max(0, x.data[i % SIZE]! + 0.01 * Math.sign(random.uniform() - 0.5))),
    );
    const session = await runtime.compile(graph, { float: "float32" });
    const logits = (await session.run({ images: float32Tensor([count, 1, 5, 6], drawn) }))["logits"]!.data;
    for (let n = 0; n < count; n++)
      [0, 2, 3].forEach((other, row) => {
        expect(logits[4 * n + 1]! - logits[4 * n + other]!).toBeGreaterThanOrEqual(lower[row]!);
      });
    expect(lower.every(Number.isFinite)).toBe(true);
  },
);
