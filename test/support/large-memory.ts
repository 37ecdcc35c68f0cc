/**
 * @file A process that runs one method on one picture through a large network and prints its answer and its peak memory,
 * as JSON: `large-memory.ts NETWORK METHOD [BUDGET]`.
 */

import { float32Tensor } from "../../src/graph/tensor.ts";
import { pgd } from "../../src/methods/attack/pgd.ts";
import { networkOf } from "../../src/methods/network.ts";
import { verifierOf } from "../../src/methods/verify/index.ts";
import { createRuntime } from "../../src/runtime/node.ts";
import { classification } from "../../src/spec/classification.ts";
import type { Threat } from "../../src/spec/types.ts";
import { verdictOf } from "../../src/spec/verdict.ts";
import { mobileNetV2, resNet18, resNet50 } from "./large-nets.ts";

const NETS = { resNet18, resNet50, mobileNetV2 } as const;

const [name, method, budget] = process.argv.slice(2) as [keyof typeof NETS, string, string | undefined];
const network = networkOf(NETS[name](), name);
const runtime = createRuntime();
const threat: Threat = { norm: "linf", epsilon: 1e-6, domain: [0, 1] };
const options = budget === undefined ? {} : { memoryBudget: Number(budget) };

/** Pictures of noise in coarse tiles. */
function pictures(count: number): ReturnType<typeof float32Tensor> {
  const data = new Float32Array(count * 3 * 224 * 224);
  for (let i = 0; i < data.length; i++) data[i] = ((i * 2654435761) % 97) / 97;
  return float32Tensor([count, 3, 224, 224], data);
}

async function attacked() {
  const prepared = await pgd.prepare(network, runtime, { ...options, threat, seed: 1, steps: 2, restarts: 1 });
  const count = 16;
  const images = pictures(count);
  const first = await runtime.compile(network.graph, { float: "float32" });
  const one = { ...images, shape: [1, 3, 224, 224], data: images.data.slice(0, 3 * 224 * 224) };
  const logits = Array.from((await first.run({ x: one }))["logits"]!.data);
  const attempts = await prepared.attack({
    images,
    labels: new Int32Array(count).fill(logits.indexOf(Math.max(...logits))),
    indices: Int32Array.from({ length: count }, (_, i) => i),
  });
  return { attempts: attempts.length, queries: attempts[0]!.queries };
}

async function bounded() {
  const prepared = await verifierOf(method).prepare(network, runtime, { ...options, norm: threat.norm });
  const queries = classification(network, { images: pictures(1), labels: Int32Array.of(3) }, threat);
  const bounds = await prepared.bounds(queries);
  return {
    verdict: verdictOf(queries, bounds, 0),
    open: bounds.lower.filter((bound) => bound === Number.NEGATIVE_INFINITY).length,
  };
}

const answer = method === "pgd" ? await attacked() : await bounded();
const peak = process.resourceUsage().maxRSS * 1024;
process.stdout.write(JSON.stringify({ ...answer, peak, seconds: process.cpuUsage().user / 1e6 }));
process.exit(0);
