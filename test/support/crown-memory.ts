/** @file A process that bounds one image by CROWN on CNNc and prints the margins and its peak memory, as JSON. */

import { float32Tensor } from "../../src/graph/tensor.ts";
import { networkOf } from "../../src/methods/network.ts";
import { type Model, modelOf } from "../../src/methods/train/architectures.ts";
import { trainedGraph } from "../../src/methods/train/model.ts";
import { crownBounder } from "../../src/methods/verify/crown.ts";
import { rng } from "../../src/random/rng.ts";
import { createRuntime } from "../../src/runtime/node.ts";
import { classification } from "../../src/spec/classification.ts";
import { randomTensor } from "./nets.ts";

function network(model: Model) {
  const random = rng(3);
  const theta = new Float32Array(model.size);
  for (const { name, shape, fanIn, offset } of model.parameters)
    theta.set(randomTensor(random.split(name), shape, Math.sqrt(1 / fanIn)).data, offset);
  return networkOf(trainedGraph(model, theta), "cnnc");
}

const budget = Number(process.argv[2]);
const runtime = createRuntime();
const images = float32Tensor(
  [1, 1, 28, 28],
  Float32Array.from({ length: 784 }, (_, i) => (i % 29) / 29),
);
const before = process.memoryUsage.rss();
const cnn = network(modelOf("CNNc", [1, 28, 28], 10));
const crown = await crownBounder(cnn.graph, runtime, {
  norm: "linf",
  arithmetic: "float32",
  memoryBudget: budget,
});
const threat = { norm: "linf", epsilon: 0.002, domain: [0, 1] } as const;
const { lower } = await crown.bounds(classification(cnn, { images, labels: Int32Array.of(3) }, threat));
const peak = process.resourceUsage().maxRSS * 1024 - before;
await crown[Symbol.asyncDispose]();
await runtime[Symbol.asyncDispose]();
process.stdout.write(JSON.stringify({ margins: [...lower], peak }));
