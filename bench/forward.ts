/**
 * Forward pass and input gradient at batch 64 against plain onnxruntime-node on the same model, interleaved in one run:
 * `npx tsx bench/forward.ts [ROUNDS]`. Ratios of the least processor times; one thread each.
 */

import { cpus } from "node:os";
import * as ort from "onnxruntime-node";
import { exportOnnx } from "../src/formats/onnx/export.ts";
import { importOnnx } from "../src/formats/onnx/import.ts";
import { float32Tensor } from "../src/graph/tensor.ts";
import { lossGradientGraph } from "../src/methods/attack/loss-gradient.ts";
import { networkOf } from "../src/methods/network.ts";
import { modelOf } from "../src/methods/train/architectures.ts";
import { initialParameters } from "../src/methods/train/initialise.ts";
import { trainedGraph } from "../src/methods/train/model.ts";
import { simplify } from "../src/ops/simplify.ts";
import { rng } from "../src/random/rng.ts";
import { createRuntime } from "../src/runtime/node.ts";

const BATCH = 64;
const ROUNDS = Number(process.argv[2] ?? 40);

/** Least processor and wall milliseconds of each run, taken in turns. */
async function leastOf(
  runs: Readonly<Record<string, () => Promise<unknown>>>,
): Promise<Record<string, { cpu: number; wall: number }>> {
  const least = Object.fromEntries(Object.keys(runs).map((name) => [name, { cpu: Infinity, wall: Infinity }]));
  for (let round = -5; round < ROUNDS; round++)
    for (const [name, run] of Object.entries(runs)) {
      const [before, start] = [process.cpuUsage(), performance.now()];
      await run();
      const [{ user, system }, wall] = [process.cpuUsage(before), performance.now() - start];
      if (round < 0) continue;
      least[name]!.cpu = Math.min(least[name]!.cpu, (user + system) / 1000);
      least[name]!.wall = Math.min(least[name]!.wall, wall);
    }
  return least;
}

async function measure(architecture: string): Promise<void> {
  const model = modelOf(architecture, [1, 28, 28], 10);
  const bytes = exportOnnx(trainedGraph(model, initialParameters(model, "default", rng(1))));
  const network = networkOf(importOnnx(bytes).graph, architecture);
  const data = new Float32Array(BATCH * 784);
  rng(2).fillUniform(data, 0, 1);
  const plain = await ort.InferenceSession.create(bytes, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
  });
  await using runtime = createRuntime();
  await using forward = await runtime.compile(network.graph, { float: "float32" });
  await using gradient = await runtime.compile(simplify(lossGradientGraph(network, "cross-entropy")), {
    float: "float32",
  });
  const images = float32Tensor([BATCH, 1, 28, 28], data);
  const onehot = float32Tensor(
    [BATCH, 10],
    Float32Array.from({ length: BATCH * 10 }, (_, i) => (i % 10 === 3 ? 1 : 0)),
  );
  const fed = plain.inputNames[0]!;
  const least = await leastOf({
    plain: () => plain.run({ [fed]: new ort.Tensor("float32", data, [BATCH, 1, 28, 28]) }),
    forward: () => forward.run({ [network.input.name]: images }),
    gradient: () => gradient.run({ [network.input.name]: images, onehot }),
  });
  const ratio = (name: string) => (least[name]!.cpu / least["plain"]!.cpu).toFixed(3);
  console.log(
    `${architecture}: plain ${least["plain"]!.cpu.toFixed(2)} ms (wall ${least["plain"]!.wall.toFixed(2)}), ` +
      `forward ×${ratio("forward")}, loss gradient ×${ratio("gradient")}`,
  );
  await plain.release();
}

console.log(`${cpus()[0]?.model}, node ${process.version}; batch ${BATCH}`);
for (const architecture of ["CNNa", "CNNc"]) await measure(architecture);
