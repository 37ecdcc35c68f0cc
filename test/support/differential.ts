/**
 * @file Random classifiers as files: the graph computes what the file computes, and what a verifier claims of a set holds
 * for a thousand points of it run through the file as it is. `ASSAY_FUZZ=N` tries N networks instead of a
 * hundred (six outside continuous integration).
 * In two test files, so that both cores work on them.
 */

import { afterAll, describe, expect, test } from "vitest";
import { importOnnx } from "../../src/formats/onnx/import.ts";
import { float32Tensor } from "../../src/graph/tensor.ts";
import { networkOf } from "../../src/methods/network.ts";
import { compileReading } from "../../src/methods/reading/compare.ts";
import { type Rng, rng } from "../../src/random/rng.ts";
import { createRuntime, openModel } from "../../src/runtime/node.ts";
import type { Session } from "../../src/runtime/session.ts";
import { ballOf } from "../../src/spec/ball.ts";
import { classification } from "../../src/spec/classification.ts";
import type { Norm, Threat } from "../../src/spec/types.ts";
import { verdictOf } from "../../src/spec/verdict.ts";
import { PATIENT } from "./patience.ts";
import { type RandomFile, randomFile } from "./random-files.ts";
import { inTurn } from "./verifiers.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

/** All of them in continuous integration; a few where a person waits. */
const COUNT = Number(process.env["ASSAY_FUZZ"] ?? (PATIENT ? 100 : 6));
const POINTS = 1000;
const RADII: Readonly<Record<Norm, readonly number[]>> = { linf: [0.01, 0.1], l2: [0.05, 0.4], l1: [0.1, 1] };

const size = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);

/** What plain ONNX Runtime says: [n · classes]. */
async function answers(session: Session, { shape, classes, openBatch }: RandomFile, points: Float32Array) {
  const count = points.length / size(shape);
  const atOnce = openBatch ? count : 1;
  const out = new Float32Array(count * classes);
  const [input, output] = [session.inputs[0]!.name, session.outputs[0]!.name];
  for (let from = 0; from < count; from += atOnce) {
    const data = points.slice(from * size(shape), (from + atOnce) * size(shape));
    const result = await session.run({ [input]: { dtype: "float", shape: [atOnce, ...shape], data } });
    out.set(result[output]!.data, from * classes);
  }
  return out;
}

/** The centre, corners, and points inside. */
function pointsOf(threat: Threat, centre: Float32Array, random: Rng): Float32Array {
  const ball = ballOf(threat);
  const all = new Float32Array(POINTS * centre.length);
  for (let k = 1; k < POINTS; k++) {
    const direction = Float32Array.from(centre, () => (random.uniform() < 0.5 ? -1 : 1) * random.uniform());
    const point = k % 2 === 0 ? ball.linearMaximum(centre, direction) : ball.randomStart(centre, random);
    all.set(point, k * centre.length);
  }
  all.set(centre, 0);
  return all;
}

const winner = (row: Float32Array): number => row.indexOf(row.reduce((a, b) => Math.max(a, b)));

/** Every second network, from the first or from the second. */
export const half = (first: 0 | 1): RandomFile[] =>
  Array.from({ length: COUNT }, (_, k) => k)
    .filter((k) => k % 2 === first)
    .map(randomFile);

export const differential = (files: readonly RandomFile[]): void =>
  describe.each(files)("$name", (file) => {
    const graph = () => importOnnx(file.bytes).graph;
    const random = rng(1).split(file.name);
    const inputs = Float32Array.from({ length: 2 * size(file.shape) }, () => random.uniform());

    test("computes the same as its reading", async () => {
      await using session = await openModel(file.bytes);
      const points = Float32Array.from({ length: 40 * size(file.shape) }, () => 4 * random.uniform() - 1.5);
      const reading = await compileReading(graph(), runtime);
      expect(await reading!.compare(points, [await answers(session, file, points)])).toEqual([undefined]);
    });

    test("keeps what is claimed of it", { timeout: 240_000 }, async () => {
      await using session = await openModel(file.bytes);
      const network = networkOf(graph(), file.name);
      const labels = Int32Array.from({ length: 2 }, (_, i) => i);
      const clean = await answers(session, file, inputs);
      for (let i = 0; i < 2; i++) labels[i] = winner(clean.subarray(i * file.classes, (i + 1) * file.classes));
      const images = float32Tensor([2, ...file.shape], inputs);
      const norm = (["linf", "l2", "l1"] as const)[file.bytes.length % 3]!;
      const threat: Threat = { norm, epsilon: RADII[norm][file.bytes.length % 2]!, domain: [0, 1] };
      const seen: Float32Array[] = [];
      for (let i = 0; i < 2; i++) {
        const centre = inputs.slice(i * size(file.shape), (i + 1) * size(file.shape));
        seen.push(await answers(session, file, pointsOf(threat, centre, random)));
      }
      for (const verifier of inTurn(Number.parseInt(file.name, 10))) {
        await using prepared = await verifier.prepare(network, runtime, { norm });
        const queries = classification(network, { images, labels }, threat);
        const bounds = await prepared.bounds(queries);
        for (let i = 0; i < 2; i++) {
          if (verdictOf(queries, bounds, i).kind !== "verified") continue;
          for (let k = 0; k < POINTS; k++) {
            const row = seen[i]!.subarray(k * file.classes, (k + 1) * file.classes);
            const others = row.filter((_, j) => j !== labels[i]);
            const what = `${verifier.id} at ${norm} ${threat.epsilon}, input ${i}, point ${k}`;
            expect(row[labels[i]!], what).toBeGreaterThan(Math.max(...others));
          }
        }
      }
    });
  });
