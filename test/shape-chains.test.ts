/**
 * @file Networks of random shape chains, with an open batch and one fixed at 1: every verifier bounds what interval
 * bounds, and what it says holds on points that the runtime evaluates.
 */

import { afterAll, describe, expect, test } from "vitest";
import { bindShape } from "../src/graph/dims.ts";
import { printGraph } from "../src/graph/print.ts";
import { float32Tensor } from "../src/graph/tensor.ts";
import type { Graph } from "../src/graph/types.ts";
import { type Network, networkOf } from "../src/methods/network.ts";
import { boundable } from "../src/methods/verify/boundable.ts";
import { crown } from "../src/methods/verify/crown.ts";
import { crownIbp } from "../src/methods/verify/crown-ibp.ts";
import { fastLin } from "../src/methods/verify/fast-lin.ts";
import { ibp } from "../src/methods/verify/ibp.ts";
import type { Verifier } from "../src/methods/verify/types.ts";
import { compileWhole, runWhole } from "../src/methods/verify/whole.ts";
import { rng } from "../src/random/rng.ts";
import { createRuntime } from "../src/runtime/node.ts";
import { type Batch, classification } from "../src/spec/classification.ts";
import { sliceQueries } from "../src/spec/queries.ts";
import { UnsupportedReading } from "../src/transforms/unsupported.ts";
import { PATIENT } from "./support/patience.ts";
import { CLASSES, shapeChain } from "./support/shape-chains.ts";

/** Of each kind of batch; ASSAY_FUZZ=N takes N. */
const CHAINS = Number(process.env["ASSAY_FUZZ"] ?? (PATIENT ? 5 : 1));
const FIRST = Number(process.env["ASSAY_FUZZ_FROM"] ?? 0);
const GROUP = 20;
const RADII = [0.01, 0.1, 0.5] as const;
const POINTS = 60;
/** Bounds of deep chains amplify the rounding of a box. */
const ROUNDING = 1e-3;

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const threat = { norm: "linf", epsilon: 1, domain: undefined } as const;

/** CROWN in one graph, which must give what the staged one gives. */
const oneGraph: Verifier = {
  ...crown,
  id: "crown in one graph",
  async prepare(network, target, options) {
    const net = boundable(network.graph, "float32");
    const relaxation = { boxes: "backward", rows: "backward", slope: "adaptive" } as const;
    const full = { ...options, relaxation, arithmetic: "float32", memoryBudget: 2 ** 28 } as const;
    const stage = await compileWhole(net, target, full, network.classes - 1);
    if ("reason" in stage) throw new Error(stage.detail);
    return {
      async bounds(queries) {
        const lower = new Float64Array(queries.count * queries.spec.size);
        await runWhole(net, stage, full, queries, lower);
        return { arithmetic: "float32", lower };
      },
      [Symbol.asyncDispose]: () => stage.session[Symbol.asyncDispose](),
    };
  },
};

function batchOf(network: Network, seed: number): Batch {
  const sample = bindShape(network.input.shape, 1).slice(1);
  const size = sample.reduce((p, q) => p * q, 1);
  const random = rng(seed).split("batch");
  const data = Float32Array.from({ length: RADII.length * size }, () => random.normal());
  const end = (sign: number) => data.map((v, i) => v + sign * RADII[Math.floor(i / size)]!);
  return {
    images: float32Tensor([RADII.length, ...sample], data),
    labels: Int32Array.from(RADII, (_, i) => (seed + i) % CLASSES),
    box: { lower: end(-1), upper: end(1) },
  };
}

async function boundsOf(
  verifier: Verifier,
  network: Network,
  batch: Batch,
): Promise<Float64Array | UnsupportedReading> {
  try {
    await using prepared = await verifier.prepare(network, runtime, { norm: threat.norm });
    const queries = classification(network, batch, threat);
    const whole = (await prepared.bounds(queries)).lower;
    const first = (await prepared.bounds(sliceQueries(queries, 0, 1))).lower;
    expectClose(first, whole.subarray(0, first.length), `${verifier.id}, alone and in company`);
    return whole;
  } catch (error) {
    if (error instanceof UnsupportedReading) return error;
    throw error;
  }
}

/** Bounds of the same rows by sums of another order: of what is infinite, both. */
function expectClose(found: Float64Array, other: Float64Array, what: string): void {
  found.forEach((bound, k) => {
    if (bound === other[k]) return;
    const room = ROUNDING * (1 + Math.abs(other[k]!));
    expect(Math.abs(bound - other[k]!), `${what}, row ${k}: ${bound} and ${other[k]}`).toBeLessThanOrEqual(room);
  });
}

/** The least margins of points and corners of each box, one at a time. */
async function sampledMargins(graph: Graph, { labels, box }: Batch, seed: number): Promise<Float64Array> {
  await using session = await runtime.compile(graph, { float: "float32" });
  const random = rng(seed).split("points");
  const shape = bindShape(graph.inputs[0]!.shape, 1);
  const size = shape.reduce((p, q) => p * q, 1);
  const least = new Float64Array(labels.length * (CLASSES - 1)).fill(Number.POSITIVE_INFINITY);
  for (const [i, label] of labels.entries())
    for (let p = 0; p < POINTS; p++) {
      const corner = p % 2 === 0;
      const data = Float32Array.from({ length: size }, (_, k) => {
        const [lower, upper] = [box!.lower[i * size + k]!, box!.upper[i * size + k]!];
        const t = corner ? random.int(2) : random.uniform();
        return t === 1 ? upper : Math.min(upper, lower + t * (upper - lower));
      });
      const { logits } = await session.run({ x: float32Tensor(shape, data) });
      for (let r = 0; r < CLASSES - 1; r++) {
        const margin = logits!.data[label]! - logits!.data[r < label ? r : r + 1]!;
        const at = i * (CLASSES - 1) + r;
        least[at] = Math.min(least[at]!, margin);
      }
    }
  return least;
}

async function check(seed: number, batch: "N" | 1): Promise<void> {
  const graph = shapeChain(seed, batch);
  const network = networkOf(graph, `chain ${seed}`);
  const images = batchOf(network, seed);
  const least = await sampledMargins(graph, images, seed);
  const interval = await boundsOf(ibp, network, images);
  if (interval instanceof UnsupportedReading) throw interval;
  const staged = await boundsOf(crown, network, images);
  for (const verifier of [crownIbp, fastLin, oneGraph, crown]) {
    const found = verifier === crown ? staged : await boundsOf(verifier, network, images);
    if (found instanceof UnsupportedReading) throw found;
    found.forEach((bound, k) => {
      expect(bound, `${verifier.id}, row ${k}`).toBeLessThanOrEqual(least[k]!);
      if (Number.isFinite(interval[k]!)) expect(bound, `${verifier.id}, row ${k}`).toBeGreaterThan(-Infinity);
    });
    if (verifier === oneGraph) expectClose(found, staged as Float64Array, "in one graph and in stages");
  }
}

describe.each(["N", 1] as const)("with a batch of %s", (batch) => {
  const groups = Array.from({ length: Math.ceil(CHAINS / GROUP) }, (_, i) => FIRST + i * GROUP);
  test.each(groups)(
    "chains %i and the next",
    async (first) => {
      for (let seed = first; seed < Math.min(first + GROUP, FIRST + CHAINS); seed++)
        try {
          await check(seed, batch);
        } catch (error) {
          const place = `chain ${seed}, batch ${batch}:\n${printGraph(shapeChain(seed, batch))}`;
          throw new Error(`${place}\n${(error as Error).message}`, { cause: error });
        }
    },
    600_000,
  );
});
