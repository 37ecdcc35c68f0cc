/**
 * @file Every operator that is read, in its attributes and opsets: ONNX Runtime on the file, one sample at a time, and
 * the graph that is read from it must answer alike.
 */

import { expect, test } from "vitest";
import { exportOnnx } from "../src/formats/onnx/export.ts";
import { importOnnx } from "../src/formats/onnx/import.ts";
import type { Tensor } from "../src/graph/types.ts";
import { rng } from "../src/random/rng.ts";
import { difference } from "./helpers/compare.ts";
import { openOnnx } from "./helpers/ort.ts";
import type { OneOperatorModel } from "./support/one-operator.ts";
import { oneOperatorModels } from "./support/one-operator-models.ts";

const SAMPLES = 5;

/** Random numbers of the range; halves, zeros of both signs and its ends; large ones where it lets them. */
function samples({ name, shape, range: [low, high] }: OneOperatorModel): Float32Array[] {
  const random = rng(8).split(name);
  const size = shape.reduce((a, b) => a * b, 1);
  const make = (draw: () => number) => Float32Array.from({ length: size }, () => Math.max(low, Math.min(high, draw())));
  const uniform = () => low + (high - low) * random.uniform();
  const special = [-0, 0, 0.5, -0.5, 1, -1, 1.5, 2.5, -2.5, low, high];
  return [
    make(uniform),
    make(uniform),
    make(() => special[random.int(special.length)]!),
    make(() => Math.round(2 * uniform()) / 2),
    low < 0 && high > 1 ? make(uniform).map((value, i) => value * 10 ** (i % 5)) : make(uniform),
  ];
}

/** Sums of a few dozen terms in another order; each answer beside the largest of its sample. */
const TOLERANCE = 2e-6;

async function compare(model: OneOperatorModel): Promise<string | undefined> {
  const { graph } = importOnnx(model.bytes);
  const [input] = graph.inputs;
  const points = samples(model);
  const file = await openOnnx(model.bytes);
  const own = await openOnnx(exportOnnx(graph));
  const size = points[0]!.length;
  const one = (data: Float32Array): Map<string, Tensor> =>
    new Map([["x", { dtype: "float", shape: model.shape, data }]]);
  const expected = await Promise.all(points.map(async (data) => (await file.run(one(data))).get("y")!));
  let got: Tensor[];
  if (input?.shape[0] === "N" && graph.outputs[0]!.value.shape[0] === "N") {
    const all = new Float32Array(SAMPLES * size);
    for (const [i, data] of points.entries()) all.set(data, i * size);
    const shape = [SAMPLES * model.shape[0]!, ...model.shape.slice(1)];
    const y = (await own.run(new Map([["x", { dtype: "float", shape, data: all }]]))).get("y")!;
    const part = y.data.length / SAMPLES;
    got = expected.map(({ shape }, i) => ({ ...y, shape, data: y.data.slice(i * part, (i + 1) * part) }));
  } else got = await Promise.all(points.map(async (data) => (await own.run(one(data))).get("y")!));
  await Promise.all([file.release(), own.release()]);
  for (const [i, answer] of expected.entries()) {
    const largest = Array.from(answer.data).reduce((a, b) => (Number.isFinite(b) ? Math.max(a, Math.abs(b)) : a), 0);
    const fact = difference(got[i], answer, { relative: TOLERANCE, absolute: TOLERANCE * largest });
    if (fact)
      return `sample ${i} ${fact} (file [${answer.shape}] ${Array.from(answer.data.slice(0, 12))}; graph ${Array.from(got[i]!.data.slice(0, 12))}; x ${points[i]!.slice(0, 12)})`;
  }
  const scores = expected[0]!.shape.length === 2 && expected[0]!.shape[0] === 1 && expected[0]!.shape[1]! > 1;
  if (model.classifier && !scores) return `has no scores: [${expected[0]!.shape}]`;
  return undefined;
}

test("names differ", () => {
  const names = oneOperatorModels.map(({ name }) => name);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});

test.each(oneOperatorModels)("$name", async (model) => {
  const fact = await compare(model);
  if (fact !== undefined) expect.fail(fact);
});
