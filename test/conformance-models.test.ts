/**
 * @file Networks of other people: read, written again and run by ONNX Runtime, they must compute what ONNX Runtime
 * computes of the original file, one sample at a time and in a batch.
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { exportOnnx } from "../src/formats/onnx/export.ts";
import { type Declared, importOnnx, type OnnxModel } from "../src/formats/onnx/import.ts";
import { bindShape, sizeOf } from "../src/graph/dims.ts";
import type { Tensor } from "../src/graph/types.ts";
import { rng } from "../src/random/rng.ts";
import { relativeError } from "./helpers/compare.ts";
import { type OrtModel, openOnnx } from "./helpers/ort.ts";

const data = "../shared/data";
const folders = ["no-explicit-licence/vnncomp", "robust-models", "backdoor", "reference-bounds", "verification"];

/** Of the output's scale: float32 sums may be taken in another order. */
const TOLERANCE = 1e-5;

/** Larger files are run once, as they are; smaller ones also in a batch of three. */
const LARGE_FILE_BYTES = 20e6;

/** Files whose input has no batch axis: they are read with the sizes that they declare. */
const WITHOUT_BATCH: ReadonlyMap<string, string> = new Map([
  ["test_nano.onnx.gz", "its input is a vector of one element, multiplied from the left"],
  ["test_small.onnx.gz", "its input is a vector of one element, multiplied from the left"],
  ["test_tiny.onnx.gz", "its input is a vector of one element, multiplied from the left"],
]);

const modelFiles = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: "utf8" })
        .filter((name) => /\.onnx(\.gz)?$/.test(name))
        .map((name) => `${folder}/${name}`)
    : [];

const readModel = (path: string): Uint8Array =>
  path.endsWith(".gz") ? gunzipSync(readFileSync(path)) : readFileSync(path);

function randomInputs({ graph }: OnnxModel, batch: number, label: string): Map<string, Tensor> {
  return new Map(
    graph.inputs.map((input) => {
      const shape = bindShape(input.shape, batch);
      const values = new Float32Array(sizeOf(shape));
      rng(11).split(label).split(input.name).fillUniform(values, 0, 1);
      return [input.name, { dtype: "float", shape, data: values }];
    }),
  );
}

/** Sample `index` of `batch`, in the shape that the original file declares. */
function sample(
  feeds: ReadonlyMap<string, Tensor>,
  inputs: readonly Declared[],
  index: number,
  batch: number,
): Map<string, Tensor> {
  return new Map(
    inputs
      .filter(({ name }) => feeds.has(name))
      .map(({ name, shape }) => {
        const tensor = feeds.get(name)!;
        const size = tensor.data.length / batch;
        const declared = shape!.map((dim) => (typeof dim === "number" ? dim : 1));
        return [name, { ...tensor, shape: declared, data: tensor.data.slice(index * size, (index + 1) * size) }];
      }),
  );
}

/** Largest relative error of our outputs for a batch against the original's, sample by sample. */
async function worstError(
  original: OrtModel,
  ours: OrtModel,
  model: OnnxModel,
  batch: number,
  label: string,
): Promise<number> {
  const feeds = randomInputs(model, batch, label);
  const got = await ours.run(feeds);
  let worst = 0;
  for (let index = 0; index < batch; index++) {
    const expected = await original.run(sample(feeds, model.inputs, index, batch));
    for (const [name, tensor] of expected) {
      const { data: all } = got.get(name)!;
      const part = { ...tensor, data: all.slice(index * tensor.data.length, (index + 1) * tensor.data.length) };
      expect(all.length, `elements of ${name}`).toBe(batch * tensor.data.length);
      worst = Math.max(worst, relativeError(part, tensor));
    }
  }
  return worst;
}

async function check(path: string): Promise<void> {
  const bytes = readModel(path);
  const model = importOnnx(bytes, { fileName: path });
  const batched = !WITHOUT_BATCH.has(path.split("/").at(-1)!);
  expect(
    model.graph.inputs.every(({ shape }) => shape[0] === "N"),
    `${path} has a batch axis`,
  ).toBe(batched);
  expect(model.warnings.length, `${path}: ${model.warnings}`).toBe(batched ? 0 : 1);
  const original = await openOnnx(bytes);
  const ours = await openOnnx(exportOnnx(model.graph));
  try {
    for (const batch of batched && bytes.length < LARGE_FILE_BYTES ? [1, 3] : [1])
      expect(await worstError(original, ours, model, batch, path), `${path}, batch ${batch}`).toBeLessThan(TOLERANCE);
  } finally {
    await original.release();
    await ours.release();
  }
}

describe.each(folders)("networks of %s (skipped without the data)", (folder) => {
  const files = modelFiles(`${data}/${folder}`);
  test.skipIf(files.length === 0)(
    "give ONNX Runtime's outputs after reading and writing",
    async () => {
      for (const file of files) await check(file);
      console.log(`${folder}: ${files.length} networks agree with ONNX Runtime`);
    },
    300_000,
  );
});
