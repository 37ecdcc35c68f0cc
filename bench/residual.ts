/**
 * Seconds and peak memory of CROWN on one image through residual networks, plain ones of the same multiplications, and
 * dense layers before convolutions: `npx tsx bench/residual.ts [NAME …]`. Random weights, linf 2/255. Each runs in a process
 * of its own; its peak is the whole process's, of which node, the engine and the graphs take about 200 MB. LIMIT: seconds
 * for each; BUDGET: megabytes; METHOD: another verifier; EPSILON: another radius.
 */

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { importOnnx } from "../src/formats/onnx/import.ts";
import { float32Tensor } from "../src/graph/tensor.ts";
import type { Graph } from "../src/graph/types.ts";
import { networkOf } from "../src/methods/network.ts";
import { verifiers } from "../src/methods/verify/index.ts";
import { rng } from "../src/random/rng.ts";
import { createRuntime } from "../src/runtime/node.ts";
import { classification } from "../src/spec/classification.ts";
import { denseThenConv, residualNet } from "../test/support/residual-nets.ts";

const LIMIT_SECONDS = Number(process.env["LIMIT"] ?? 600);
const RESNETS = "../shared/data/no-explicit-licence/vnncomp/cifar10_resnet/onnx";

const file = (name: string) => (): Graph => {
  const bytes = readFileSync(`${RESNETS}/${name}.onnx.gz`);
  return importOnnx(gunzipSync(bytes), { fileName: name }).graph;
};

const one = { stem: [16, 1], blocks: [[16, 1]] } as const;
const two = {
  stem: [8, 2],
  blocks: [
    [16, 2],
    [16, 1],
  ],
  dense: [100, 10],
} as const;
const three = {
  stem: [8, 1],
  blocks: [
    [8, 2],
    [16, 2],
    [16, 1],
  ],
} as const;
const four = {
  stem: [16, 2],
  blocks: [
    [16, 1],
    [16, 1],
    [32, 2],
    [32, 1],
  ],
  pool: true,
} as const;
const wide = {
  stem: [16, 1],
  blocks: [
    [16, 1],
    [16, 1],
    [32, 2],
    [32, 1],
    [64, 2],
    [64, 1],
  ],
  pool: true,
} as const;

const shapes = { "1 block": one, "2 blocks": two, "3 blocks": three, "4 blocks": four };

const nets: Readonly<Record<string, () => Graph>> = {
  ...Object.fromEntries(
    Object.entries(shapes).flatMap(([name, shape]) => [
      [`${name}, plain`, () => residualNet({ ...shape, residual: false })],
      [`${name}, residual`, () => residualNet(shape)],
      [`${name}, plain, norm`, () => residualNet({ ...shape, residual: false, norm: true })],
      [`${name}, residual, norm`, () => residualNet({ ...shape, norm: true })],
    ]),
  ),
  "gemmconv 16": () => denseThenConv({ inputs: 16, image: [3, 16], channels: [16, 16] }),
  "gemmconv 32": () => denseThenConv({ inputs: 16, image: [3, 32], channels: [16, 16] }),
  "gemmconv 32, relu": () => denseThenConv({ inputs: 64, image: [8, 32], channels: [8, 8], relu: true }),
  ...(existsSync(RESNETS) ? { resnet_2b: file("resnet_2b"), resnet_4b: file("resnet_4b") } : {}),
  "WRN-16-1, plain": () => residualNet({ ...wide, residual: false, norm: true }),
  "WRN-16-1": () => residualNet({ ...wide, norm: true }),
};

const THREAT = { norm: "linf", epsilon: Number(process.env["EPSILON"] ?? 2 / 255), domain: [0, 1] } as const;

async function measure(name: string, id: string): Promise<void> {
  const graph = nets[name]!();
  const network = networkOf(graph, name);
  const shape = [1, ...(network.input.shape.slice(1) as number[])];
  const pixels = new Float32Array(shape.reduce((x, y) => x * y, 1));
  rng(2).fillUniform(pixels, 0, 1);
  const runtime = createRuntime();
  const verifier = verifiers.find((candidate) => candidate.id === id)!;
  const start = performance.now();
  const prepared = await verifier.prepare(network, runtime, {
    norm: THREAT.norm,
    ...(process.env["BUDGET"] && { memoryBudget: Number(process.env["BUDGET"]) * 2 ** 20 }),
  });
  const ready = performance.now();
  const cpu0 = process.cpuUsage();
  const { lower } = await prepared.bounds(
    classification(network, { images: float32Tensor(shape, pixels), labels: Int32Array.of(0) }, THREAT),
  );
  const seconds = (from: number, to: number) => `${((to - from) / 1000).toFixed(2)} s`;
  const cpu = process.cpuUsage(cpu0);
  const peak = process.resourceUsage().maxRSS / 1024;
  console.log(
    `${name.padEnd(24)} compiled in ${seconds(start, ready)}, one image ${seconds(ready, performance.now())} (processor ${(cpu.user / 1e6).toFixed(2)} + ${(cpu.system / 1e6).toFixed(2)} s), peak ${peak.toFixed(0)} MB; least margin ${Math.min(...lower).toFixed(4)}`,
  );
}

const args = process.argv.slice(2);
const method = process.env["METHOD"] ?? "crown";
if (args[0] === "--one") await measure(args[1]!, method);
else {
  console.log(`${cpus()[0]?.model}, Node ${process.version}; ${method}`);
  for (const name of args.length > 0 ? args : Object.keys(nets)) {
    const child = ["--import", "tsx", fileURLToPath(import.meta.url), "--one", name];
    const { status, signal, stderr } = spawnSync(process.execPath, child, {
      stdio: ["ignore", "inherit", "pipe"],
      timeout: LIMIT_SECONDS * 1000,
    });
    if (status !== 0)
      console.log(
        `${name.padEnd(24)} ${signal ? `not done in ${LIMIT_SECONDS} s` : `${stderr}`.match(/\w*Error: .*/)?.[0]}`,
      );
  }
}
