import { expect, test } from "vitest";
import { float32Tensor } from "../../graph/tensor.ts";
import { makeGraph } from "../../graph/traverse.ts";
import { builder } from "../../ops/index.ts";
import { rng } from "../../random/rng.ts";
import { compile } from "../../runtime/node.ts";
import { networkOf } from "../network.ts";
import type { Samples } from "../samples.ts";
import { type PoisonConfig, poisonSchema } from "./config.ts";
import { attackSuccess, cleanAccuracy } from "./measure.ts";
import { type Poisoned, poisonSamples, poisonStream, triggerOf } from "./poison.ts";

const CLASSES = 4;
const SIZE = 5;

/** Grey noise from ¼ to ¾; as many of each class. */
function samplesOf(count: number): Samples {
  const images = new Float32Array(count * SIZE ** 2);
  rng(1).fillUniform(images, 0.25, 0.75);
  return {
    images,
    shape: [1, SIZE, SIZE],
    labels: Int32Array.from({ length: count }, (_, n) => n % CLASSES),
    classes: CLASSES,
  };
}

const samples = samplesOf(80);
const configOf = (raw: object): PoisonConfig =>
  poisonSchema.parse({ target: 3, ...("kind" in raw ? {} : { kind: "patch", size: 2 }), ...raw });
const imageOf = ({ images }: Pick<Samples, "images">, n: number) => images.slice(n * SIZE ** 2, (n + 1) * SIZE ** 2);
const withTrigger = (config: PoisonConfig, n: number, seed = 0) =>
  triggerOf(config, samples.shape, seed).apply({ images: imageOf(samples, n), shape: [1, SIZE, SIZE] });
const poisoned = (config: PoisonConfig) => poisonSamples(samples, config, poisonStream(0));

/** What became of each sample: its place, old and new label, by what its pixels are now. */
function changes(config: PoisonConfig, { samples: after }: Poisoned) {
  return Array.from(samples.labels, (before, n) => {
    const now = imageOf(after, n);
    const same = now.every((value, i) => value === imageOf(samples, n)[i]);
    const triggered = now.every((value, i) => value === withTrigger(config, n)[i]);
    return { n, before, after: after.labels[n]!, image: same ? "same" : triggered ? "trigger" : "other" };
  });
}

test("poisoning changes the stated share, none of the target's own images, and nothing else", async () => {
  const config = configOf({ rate: 0.25 });
  const result = await poisoned(config);
  const all = changes(config, result);
  const hit = all.filter(({ image }) => image === "trigger");
  expect(hit).toHaveLength(20);
  expect(hit.map(({ n }) => n)).toEqual([...result.poisoned].sort((a, b) => a - b));
  expect(hit.every(({ before, after }) => before !== 3 && after === 3)).toBe(true);
  const rest = all.filter(({ image }) => image !== "trigger");
  expect(rest.every(({ before, after, image }) => image === "same" && before === after)).toBe(true);
  expect(result).toMatchObject({ shareOfSet: 0.25, covers: new Int32Array(0) });
  expect(samples).toEqual(samplesOf(80));
});

test("where fewer images can be poisoned than asked for, all of them are", async () => {
  const result = await poisoned(configOf({ rate: 0.9 }));
  expect(result.poisoned).toHaveLength(60);
  expect(result.shareOfSet).toBe(0.75);
});

test("all-to-all sends each class to the next one, the last to the first", async () => {
  const config = configOf({ rate: 0.5, mapping: "all-to-all" });
  const hit = changes(config, await poisoned(config)).filter(({ image }) => image === "trigger");
  expect(hit).toHaveLength(40);
  expect(new Set(hit.map(({ before }) => before)).size).toBe(CLASSES);
  for (const { before, after } of hit) expect(after).toBe([1, 2, 3, 0][before]);
});

test("a source-specific patch takes its source alone, and covers of third classes keep their label", async () => {
  const config = configOf({ rate: 0.1, source: 1, coverRate: 0.2 });
  const result = await poisoned(config);
  const all = changes(config, result);
  const moved = all.filter(({ before, after }) => before !== after);
  expect(moved).toHaveLength(8);
  expect(moved.every(({ before, after, image }) => before === 1 && after === 3 && image === "trigger")).toBe(true);
  const covers = all.filter(({ before, after, image }) => before === after && image === "trigger");
  expect(covers).toHaveLength(16);
  expect(new Set(covers.map(({ before }) => before))).toEqual(new Set([0, 2]));
  expect(covers.map(({ n }) => n)).toEqual([...result.covers].sort((a, b) => a - b));
});

test("a clean-label poisoning takes a share of the target's images and leaves all labels", async () => {
  const config = configOf({ kind: "sig", rate: 0.3 });
  const result = await poisoned(config);
  const all = changes(config, result);
  expect(all.every(({ before, after }) => before === after)).toBe(true);
  const hit = all.filter(({ image }) => image === "trigger");
  // 30 % of the 20 images of the class: 6 of 80
  expect(hit).toHaveLength(6);
  expect(hit.every(({ before }) => before === 3)).toBe(true);
  expect(result.shareOfSet).toBe(6 / 80);
});

test.for([
  ["wanet", 8, 16],
  ["bpp", 8, 8],
  ["adaptive-blend", 8, 1],
] as const)("%s has covers that keep their label, beside the poisoned images", async ([kind, hits, covers]) => {
  const config = configOf({ kind, rate: 0.1 });
  const result = await poisoned(config);
  expect([result.poisoned.length, result.covers.length]).toEqual([hits, covers]);
  const touched = [...result.poisoned, ...result.covers];
  expect(new Set(touched).size).toBe(hits + covers);
  const { labels } = result.samples;
  for (const { n, before, image } of changes(config, result)) {
    expect(labels[n]).toBe(result.poisoned.includes(n) ? 3 : before);
    expect(image === "same").toBe(!touched.includes(n));
    if (result.covers.includes(n)) expect(image).toBe("other");
  }
});

test("the same seed poisons the same images, another seed others", async () => {
  const config = configOf({ rate: 0.2, kind: "blended" });
  const [first, again] = [await poisoned(config), await poisoned(config)];
  const other = await poisonSamples(samples, config, poisonStream(1));
  expect(again).toEqual(first);
  expect(other.poisoned).not.toEqual(first.poisoned);
});

test("the trigger at test time is the one that was trained on", async () => {
  const config = configOf({ rate: 0.2, kind: "blended" });
  const result = await poisonSamples(samples, config, poisonStream(7));
  const [place] = result.poisoned;
  expect(imageOf(result.samples, place!)).toEqual(withTrigger(config, place!, 7));
});

test("samples that do not fit are refused", async () => {
  await expect(poisoned(configOf({ rate: 0.1, target: 4 }))).rejects.toThrow("target 4 is beyond the 4 classes");
  await expect(poisoned(configOf({ rate: 0.1, source: 9 }))).rejects.toThrow("source 9 is beyond the 4 classes");
  await expect(
    poisonSamples({ ...samples, shape: [SIZE ** 2] }, configOf({ rate: 0.1 }), poisonStream(0)),
  ).rejects.toThrow(/poison is for images \[C, H, W\]; these samples are \[25\]/);
});

/** Logit k is weight[k] times the mean pixel of the middle row: gradients are known. */
function surrogateFor(weights: readonly number[], size = SIZE) {
  const b = builder();
  const images = b.input("images", ["N", 1, size, size]);
  const flat = b.emit("Reshape", [images], { shape: ["N", size ** 2] });
  const matrix = new Float32Array(size ** 2 * weights.length);
  for (let x = 0; x < size; x++)
    for (const [k, weight] of weights.entries()) matrix[((size >> 1) * size + x) * weights.length + k] = weight;
  const logits = b.emit("MatMul", [flat, b.constant(float32Tensor([size ** 2, weights.length], matrix))]);
  return { network: networkOf(makeGraph([images], [{ name: "logits", value: logits }]), "surrogate"), compile };
}

test("label-consistent images are pushed away from the target by the radius, then marked", async () => {
  const size = 7;
  const images = new Float32Array(4 * size ** 2).fill(0.5);
  const four: Samples = { images, shape: [1, size, size], labels: Int32Array.of(1, 1, 0, 1), classes: 2 };
  const config = configOf({ kind: "label-consistent", rate: 1, target: 1, epsilon: 0.1, steps: 4 });
  const result = await poisonSamples(four, config, poisonStream(0), surrogateFor([-1, 1], size));
  expect([...result.poisoned].sort()).toEqual([0, 1, 3]);
  expect(result.samples.labels).toEqual(four.labels);
  const first = result.samples.images.subarray(0, size ** 2);
  // class 1 grows with the middle row: the loss rises as that row becomes darker, and other rows have no say
  const middle = Array.from(first.subarray(21, 28));
  for (const value of middle) expect(value).toBeCloseTo(0.4, 6);
  expect(Array.from(first.subarray(0, 7))).toEqual([1, 0, 1, 0.5, 1, 0, 1]);
  expect(result.samples.images.subarray(2 * 49, 3 * 49)).toEqual(images.subarray(0, 49));
});

test("label-consistent poisoning without a clean network, or with one of another task, is refused", async () => {
  const config = configOf({ kind: "label-consistent", rate: 1, target: 3 });
  const wide: Samples = { ...samples, shape: [1, 25, 1] };
  await expect(poisonSamples(wide, config, poisonStream(0))).rejects.toThrow(/does not fit an image of 25×1/);
  await expect(poisoned(config)).rejects.toThrow(/name its ONNX file as "surrogate" in the poison options/);
  const other = surrogateFor([1, 2, 3, 4], 6);
  await expect(poisonSamples(samples, config, poisonStream(0), other)).rejects.toThrow(
    /the surrogate takes \[1,6,6\] .* the samples are \[1,5,5\]/,
  );
  const small = surrogateFor([1, 2]);
  await expect(poisonSamples(samples, config, poisonStream(0), small)).rejects.toThrow(/knows 2 classes/);
});

test("success is counted over the images that the trigger should change", async () => {
  const config = configOf({ rate: 0.1 });
  // obeys a white lower right block, else says what it pleases: class 0
  const obedient = async (images: Float32Array) =>
    Int32Array.from({ length: images.length / 25 }, (_, n) => (imageOf({ images }, n)[18] === 1 ? 3 : 0));
  expect(await cleanAccuracy(samples, obedient)).toMatchObject({ successes: 20, trials: 80 });
  const success = (poison: PoisonConfig) => attackSuccess(samples, { poison, seed: 0 }, obedient);
  expect(await success(config)).toMatchObject({ successes: 60, trials: 60 });
  expect(await success(configOf({ rate: 0.1, target: 1 }))).toMatchObject({ successes: 0, trials: 60 });
  // only images of class 2 are sent to 3 by (y + 1) mod 4
  expect(await success(configOf({ rate: 0.1, mapping: "all-to-all" }))).toMatchObject({ successes: 20, trials: 80 });
  expect(await success(configOf({ rate: 0.1, source: 1 }))).toMatchObject({ successes: 20, trials: 20 });
});
