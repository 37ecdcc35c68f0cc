/**
 * @file A process that bounds one image by CROWN through a plain and a residual network, through one with a dense layer
 * first, or through a model file, and prints the processor seconds of each and the peak memory of all, as JSON.
 */

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { importOnnx } from "../../src/formats/onnx/import.ts";
import { float32Tensor } from "../../src/graph/tensor.ts";
import type { Graph } from "../../src/graph/types.ts";
import { networkOf } from "../../src/methods/network.ts";
import { crown } from "../../src/methods/verify/crown.ts";
import { rng } from "../../src/random/rng.ts";
import { createRuntime } from "../../src/runtime/node.ts";
import { classification } from "../../src/spec/classification.ts";
import { denseThenConv, type ResidualOptions, residualNet } from "./residual-nets.ts";

const one = { stem: [16, 1], blocks: [[16, 1]] } as const;
const four = {
  stem: [8, 2],
  blocks: [
    [8, 1],
    [8, 1],
    [16, 2],
    [16, 1],
  ],
  pool: true,
} as const;

const both = (options: ResidualOptions): Graph[] => [
  residualNet({ ...options, residual: false }),
  residualNet(options),
];

const sets: Readonly<Record<string, () => Graph[]>> = {
  "1 block": () => both(one),
  "4 blocks, norm": () => both({ ...four, norm: true }),
  "dense first": () => [denseThenConv({ inputs: 16, image: [3, 32], channels: [16, 16] })],
};

function fromFile(path: string): Graph[] {
  const bytes = readFileSync(path);
  return [importOnnx(path.endsWith(".gz") ? gunzipSync(bytes) : bytes, { fileName: path }).graph];
}

const runtime = createRuntime();

async function secondsOf(graph: Graph): Promise<number> {
  const network = networkOf(graph, "rows");
  const shape = [1, ...(network.input.shape.slice(1) as number[])];
  const pixels = new Float32Array(shape.reduce((x, y) => x * y, 1));
  rng(2).fillUniform(pixels, 0, 1);
  const threat = { norm: "linf", epsilon: 2 / 255, domain: [0, 1] } as const;
  await using prepared = await crown.prepare(network, runtime, { norm: threat.norm });
  const before = process.cpuUsage();
  const batch = { images: float32Tensor(shape, pixels), labels: Int32Array.of(0) };
  const { lower } = await prepared.bounds(classification(network, batch, threat));
  const { user, system } = process.cpuUsage(before);
  if (!lower.every(Number.isFinite)) throw new Error("a bound is not finite");
  return (user + system) / 1e6;
}

const name = process.argv[2]!;
const seconds: number[] = [];
for (const graph of sets[name]?.() ?? fromFile(name)) seconds.push(await secondsOf(graph));
await runtime[Symbol.asyncDispose]();
process.stdout.write(JSON.stringify({ seconds, peak: process.resourceUsage().maxRSS * 1024 }));
