/**
 * @file Networks whose sums leave float32: of a set in which the file answers what is no number, or ties at infinity, no
 * verifier claims anything, in either arithmetic. `ASSAY_FUZZ=N` tries N networks.
 */

import { afterAll, expect, test } from "vitest";
import { exportOnnx } from "../src/formats/onnx/export.ts";
import { float32Tensor } from "../src/graph/tensor.ts";
import { networkOf } from "../src/methods/network.ts";
import { type Rng, rng } from "../src/random/rng.ts";
import { createRuntime, openModel } from "../src/runtime/node.ts";
import { classification } from "../src/spec/classification.ts";
import type { Arithmetic, Threat } from "../src/spec/types.ts";
import { verdictOf } from "../src/spec/verdict.ts";
import { OVERFLOW_CLASSES as CLASSES, OVERFLOW_INPUTS as INPUTS, overflowNet } from "./support/overflow-nets.ts";
import { PATIENT } from "./support/patience.ts";
import { verifiers } from "./support/verifiers.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const COUNT = Number(process.env["ASSAY_FUZZ"] ?? (PATIENT ? 40 : 6));
const POINTS = 200;
/** Two inputs, each for every class. */
const ROWS = 2 * CLASSES;

/** Corners and points inside. */
function pointsOf(centre: Float32Array, radius: number, random: Rng): Float32Array {
  return Float32Array.from({ length: POINTS * INPUTS }, (_, at) => {
    const [k, i] = [Math.floor(at / INPUTS), at % INPUTS];
    if (k === 0) return centre[i]!;
    const t = k <= 16 ? ((k - 1) >> i) & 1 : k % 2 === 0 ? random.int(2) : random.uniform();
    return Math.min(1, Math.max(0, centre[i]! + radius * (2 * t - 1)));
  });
}

test("no verifier claims what a point of the set contradicts through the file", async () => {
  const claims: Record<string, number> = {};
  let [spoilt, finite] = [0, 0];
  for (let seed = 0; seed < COUNT; seed++) {
    const graph = overflowNet(seed);
    await using session = await openModel(exportOnnx(graph));
    const answers = async (points: Float32Array) =>
      (await session.run({ x: float32Tensor([points.length / INPUTS, INPUTS], points) }))["logits"]!
        .data as Float32Array;
    const random = rng(seed).split("points");
    const two = Float32Array.from({ length: 2 * INPUTS }, () => random.uniform());
    const inputs = Float32Array.from(
      { length: ROWS * INPUTS },
      (_, at) => two[Math.floor(at / (CLASSES * INPUTS)) * INPUTS + (at % INPUTS)]!,
    );
    const threat: Threat = { norm: "linf", epsilon: [0, 1e-3, 0.1][Math.floor(seed / 3) % 3]!, domain: [0, 1] };
    // every class is asked for: where the answer is no number, there is none of its own
    const labels = Int32Array.from({ length: ROWS }, (_, i) => i % CLASSES);
    const seen: Float32Array[] = [];
    for (let i = 0; i < ROWS; i++)
      seen.push(await answers(pointsOf(inputs.slice(i * INPUTS, (i + 1) * INPUTS), threat.epsilon, random)));
    for (const rows of seen) rows.every(Number.isFinite) ? finite++ : spoilt++;
    const network = networkOf(graph, `seed ${seed}`);
    const queries = classification(network, { images: float32Tensor([ROWS, INPUTS], inputs), labels }, threat);
    for (const [a, arithmetic] of (["float32", "real"] as readonly Arithmetic[]).entries())
      for (const [v, verifier] of verifiers.entries()) {
        // where a person waits, each in turn in one arithmetic
        if (!PATIENT && (a + v + seed) % 2 === 1) continue;
        await using prepared = await verifier.prepare(network, runtime, { norm: "linf", arithmetic });
        const bounds = await prepared.bounds(queries);
        for (let i = 0; i < ROWS; i++) {
          const { kind } = verdictOf(queries, bounds, i);
          if (kind === "unknown") continue;
          claims[`${verifier.id} ${arithmetic}`] = (claims[`${verifier.id} ${arithmetic}`] ?? 0) + 1;
          for (let k = 0; k < POINTS; k++) {
            const row = Array.from(seen[i]!.subarray(k * CLASSES, (k + 1) * CLASSES));
            // bounds over the reals say nothing of rounding, but of numbers they speak
            if (kind === "bounded" && row.every(Number.isFinite)) continue;
            const others = row.filter((_, j) => j !== labels[i]);
            const wins =
              row.every((score) => !Number.isNaN(score)) && others.every((score) => row[labels[i]!]! > score);
            expect(wins, `${verifier.id} ${arithmetic}, seed ${seed}, input ${i}, point ${k}: ${row}`).toBe(true);
          }
        }
      }
  }
  // networks of both kinds, and claims of each verifier: silence would pass as well
  expect(Math.min(spoilt, finite)).toBeGreaterThanOrEqual(COUNT);
  expect(Object.keys(claims)).toHaveLength(2 * verifiers.length);
}, 600_000);
