import { expect, test } from "vitest";
import { float32Tensor } from "../../graph/tensor.ts";
import { rng } from "../../random/rng.ts";
import { augment, gather, poisoned, type Samples, samplesOf, stamp } from "./samples.ts";

const ramp = (count: number, size: number): Samples => ({
  images: Float32Array.from({ length: count * size * size }, (_, i) => (i % 97) / 100),
  shape: [1, size, size],
  labels: Int32Array.from({ length: count }, (_, i) => i % 4),
  classes: 4,
});
const patch = { kind: "patch", size: 2, margin: 1, value: 1, target: 3, rate: 0.25 } as const;

test("pixels of bytes are brought to [0, 1]; labels are counted", () => {
  const dataset = {
    name: "two",
    images: Float32Array.of(0, 255, 51, 102),
    shape: [1, 1, 2],
    labels: Int32Array.of(2, 0),
    indices: Int32Array.of(0, 1),
    range: "0..255",
    source: "test",
    notes: [],
  } as const;
  const samples = samplesOf(dataset);
  expect(Array.from(samples.images)).toEqual([0, 1, Math.fround(0.2), Math.fround(0.4)]);
  expect(samples.classes).toBe(3);
  expect(() => samplesOf(dataset, 2)).toThrow("two: label 2 is beyond the 2 classes");
  const { labels: _, ...unlabelled } = dataset;
  expect(() => samplesOf(unlabelled)).toThrow(/two: training needs labels/);
  expect(() => samplesOf({ ...dataset, range: "unknown" })).toThrow(/scale of its values is unknown/);
});

test("a batch holds the images at its places, in their order", () => {
  const samples = ramp(6, 3);
  const { images, labels } = gather(samples, Int32Array.of(4, 1));
  expect(Array.from(labels)).toEqual([0, 1]);
  expect(Array.from(images.data)).toEqual([...samples.images.subarray(36, 45), ...samples.images.subarray(9, 18)]);
});

test("augmentation shifts and mirrors and invents no pixel", () => {
  const samples = ramp(30, 5);
  const batch = gather(
    samples,
    Int32Array.from({ length: 30 }, (_, i) => i),
  );
  const { images } = augment(batch, { crop: 2, flip: true }, rng(3));
  const seen = new Set<string>();
  for (let n = 0; n < 30; n++) {
    const out = images.data.subarray(n * 25, (n + 1) * 25);
    const source = batch.images.data.subarray(n * 25, (n + 1) * 25);
    const found = candidates(source).find(({ pixels }) => pixels.every((value, i) => value === out[i]));
    expect(found, `image ${n}`).toBeDefined();
    seen.add(found!.name);
  }
  expect(seen.size).toBeGreaterThan(12);
});

/** Every shift by up to two pixels, mirrored or not, written down plainly. */
function candidates(source: ArrayLike<number>): { name: string; pixels: number[] }[] {
  const at = (y: number, x: number) => (y >= 0 && y < 5 && x >= 0 && x < 5 ? source[y * 5 + x]! : 0);
  const shifts = [-2, -1, 0, 1, 2];
  return shifts.flatMap((dy) =>
    shifts.flatMap((dx) =>
      [false, true].map((mirrored) => ({
        name: `${dy} ${dx} ${mirrored}`,
        pixels: Array.from({ length: 25 }, (_, i) => {
          const column = mirrored ? 4 - (i % 5) : i % 5;
          return at(Math.floor(i / 5) + dy, column + dx);
        }),
      })),
    ),
  );
}

test("without crop and flip an image stays as it is", () => {
  const batch = gather(ramp(3, 4), Int32Array.of(0, 1, 2));
  expect(augment(batch, { crop: 0, flip: false }, rng(0)).images.data).toEqual(batch.images.data);
});

test("the patch covers the lower right corner, a margin away from the edges", () => {
  const stamped = stamp(new Float32Array(25), [1, 5, 5], patch);
  const white = Array.from(stamped.keys()).filter((i) => stamped[i] === 1);
  expect(white).toEqual([2 * 5 + 2, 2 * 5 + 3, 3 * 5 + 2, 3 * 5 + 3]);
});

test("a patch that does not fit is refused", () => {
  expect(() => stamp(new Float32Array(9), [1, 3, 3], { ...patch, size: 3 })).toThrow(/does not fit an image of 3×3/);
});

test("poisoning changes the stated share, none of the target's own images, and nothing else", () => {
  const samples = ramp(80, 5);
  const { images, labels } = poisoned(samples, patch, rng(1));
  let changed = 0;
  for (let n = 0; n < 80; n++) {
    const [before, after] = [samples, { images }].map((s) => s.images.subarray(n * 25, (n + 1) * 25));
    if (labels[n] === samples.labels[n]) {
      expect(after).toEqual(before);
      continue;
    }
    changed++;
    expect(samples.labels[n]).not.toBe(3);
    expect(labels[n]).toBe(3);
    expect(after).toEqual(stamp(before!, [1, 5, 5], patch));
  }
  expect(changed).toBe(20);
  expect(float32Tensor([80, 1, 5, 5], samples.images).data).toEqual(ramp(80, 5).images);
});
