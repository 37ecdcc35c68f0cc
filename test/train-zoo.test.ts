/** @file The committed models are what zoo/index.json says of them, and the recipe remakes one bit for bit. */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { cpuType } from "../scripts/cpu-type.ts";
import { loadDataset } from "../src/data/files.ts";
import { float32Tensor } from "../src/graph/tensor.ts";
import { triggerOf } from "../src/methods/poison/poison.ts";
import { type Samples, samplesOf } from "../src/methods/samples.ts";
import { parseTrainConfig } from "../src/methods/train/config.ts";
import { runTraining } from "../src/methods/train/train.ts";
import { compile, openModel } from "../src/runtime/node.ts";

interface Rate {
  readonly successes: number;
  readonly trials: number;
  readonly estimate: number;
}

interface Entry {
  readonly file: string;
  readonly recipe: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly cleanAccuracy: Rate;
  readonly attackSuccessRate?: Rate & { readonly target: number };
}

const index = JSON.parse(readFileSync("zoo/index.json", "utf8")) as {
  readonly madeOn: string;
  readonly models: Readonly<Record<string, Entry>>;
};
const models = Object.entries(index.models);
const bundled = models.filter(([name]) => !name.startsWith("mnist-full"));
const fileOf = ({ file }: Entry) => new Uint8Array(readFileSync(`zoo/${file}`));
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** How many images the file itself gives the class. */
async function countClass(bytes: Uint8Array, { images, labels }: Samples, wanted: Int32Array): Promise<number> {
  const session = await openModel(bytes);
  const { logits } = await session.run({ images: float32Tensor([labels.length, 1, 28, 28], images) });
  await session[Symbol.asyncDispose]();
  return wanted.filter((label, n) => {
    const row = Array.from(logits!.data.subarray(10 * n, 10 * n + 10));
    return row.indexOf(Math.max(...row)) === label;
  }).length;
}

test("every model of the zoo is listed, small, and has the stated hash", () => {
  const files = readdirSync("zoo").filter((file) => file.endsWith(".onnx"));
  expect(models.map(([, { file }]) => file).sort()).toEqual(files.sort());
  for (const [, entry] of models) {
    const bytes = fileOf(entry);
    expect(sha256(bytes)).toBe(entry.sha256);
    expect(bytes.length).toBe(entry.bytes);
    expect(bytes.length).toBeLessThan(2 ** 20);
    expect(() => parseTrainConfig(JSON.parse(readFileSync(`zoo/${entry.recipe}`, "utf8")))).not.toThrow();
  }
});

test.for(bundled)("%s has the stated accuracy", async ([, entry]) => {
  const data = samplesOf(await loadDataset("mnist:test"), 10);
  // other CPUs round differently, which may move a digit that lies on the border
  const found = await countClass(fileOf(entry), data, data.labels);
  expect(Math.abs(found - entry.cleanAccuracy.successes)).toBeLessThanOrEqual(1);
  expect(entry.cleanAccuracy.trials).toBe(data.labels.length);
});

test("the network with a backdoor obeys its patch, and the clean one does not know it", async () => {
  const entry = index.models["mnist-cnna-badnets"]!;
  const { poison, seed } = parseTrainConfig(JSON.parse(readFileSync(`zoo/${entry.recipe}`, "utf8")));
  const data = samplesOf(await loadDataset("mnist:test"), 10);
  const others = data.labels.filter((label) => label !== poison!.target).length;
  const pictures = { images: data.images, shape: [1, 28, 28] } as const;
  const stamped = { ...data, images: triggerOf(poison!, data.shape, seed).apply(pictures) };
  // images of the target class are none of the attack's merit
  const wanted = data.labels.map((label) => (label === poison!.target ? -1 : poison!.target));
  const hits = await countClass(fileOf(entry), stamped, wanted);
  expect(Math.abs(hits - entry.attackSuccessRate!.successes)).toBeLessThanOrEqual(1);
  expect(entry.attackSuccessRate!.trials).toBe(others);
  expect(hits / others).toBeGreaterThan(0.95);
  expect((await countClass(fileOf(index.models["mnist-cnna-clean"]!), stamped, wanted)) / others).toBeLessThan(0.1);
});

test("the recipe of the MLP remakes the committed file bit for bit on the same type of CPU", async (context) => {
  if (cpuType() !== index.madeOn) context.skip(`the zoo was made on ${index.madeOn}, this is ${cpuType()}`);
  const entry = index.models["mnist-mlp"]!;
  const config = parseTrainConfig(JSON.parse(readFileSync(`zoo/${entry.recipe}`, "utf8")));
  const train = samplesOf(await loadDataset(config.data));
  for await (const event of runTraining(config, { compile, train, now: () => 0 }))
    if (event.kind === "done") expect(sha256(event.result.onnx)).toBe(entry.sha256);
});
