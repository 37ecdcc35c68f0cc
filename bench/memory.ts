/**
 * Time and memory of CROWN on CNNc (initial weights, one 28 × 28 image of noise, ε 0.01) under several memory budgets:
 * `npx tsx bench/memory.ts [MEGABYTES …]`. Each budget runs in a process of its own; its peak is the whole process's.
 */

import { spawnSync } from "node:child_process";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { float32Tensor } from "../src/graph/tensor.ts";
import { networkOf } from "../src/methods/network.ts";
import { modelOf } from "../src/methods/train/architectures.ts";
import { initialParameters } from "../src/methods/train/initialise.ts";
import { trainedGraph } from "../src/methods/train/model.ts";
import { crown } from "../src/methods/verify/crown.ts";
import { rng } from "../src/random/rng.ts";
import { createRuntime } from "../src/runtime/node.ts";
import { classification } from "../src/spec/classification.ts";

const MEGABYTE = 2 ** 20;
const megabytes = (bytes: number): string => `${(bytes / MEGABYTE).toFixed(0)} MB`;

async function measure(memoryBudget: number): Promise<void> {
  const model = modelOf("CNNc", [1, 28, 28], 10);
  const theta = initialParameters(model, "he", rng(1));
  const network = networkOf(trainedGraph(model, theta), "bench");
  const pixels = new Float32Array(784);
  rng(2).fillUniform(pixels, 0, 1);
  const runtime = createRuntime();
  const threat = { norm: "linf", epsilon: 0.01, domain: [0, 1] } as const;
  const start = performance.now();
  const prepared = await crown.prepare(network, runtime, { norm: threat.norm, memoryBudget });
  const ready = performance.now();
  const before = process.memoryUsage.rss();
  const batch = { images: float32Tensor([1, 1, 28, 28], pixels), labels: Int32Array.of(0) };
  await prepared.bounds(classification(network, batch, threat));
  const peak = process.resourceUsage().maxRSS * 1024;
  const seconds = (from: number, to: number) => `${((to - from) / 1000).toFixed(1)} s`;
  console.log(
    `budget ${megabytes(memoryBudget)}: compiled in ${seconds(start, ready)}, one image ${seconds(ready, performance.now())}; ` +
      `process ${megabytes(before)} before, peak ${megabytes(peak)}`,
  );
}

const [first = "", ...rest] = process.argv.slice(2);
if (first === "--one") await measure(Number(rest[0]) * MEGABYTE);
else {
  console.log(`${cpus()[0]?.model}, Node ${process.version}; CROWN on CNNc`);
  for (const budget of first === "" ? ["32", "256", "1024"] : [first, ...rest]) {
    const child = ["--import", "tsx", fileURLToPath(import.meta.url), "--one", budget];
    spawnSync(process.execPath, child, { stdio: "inherit" });
  }
}
