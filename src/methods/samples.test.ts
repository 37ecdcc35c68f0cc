import { expect, test } from "vitest";
import { rng } from "../random/rng.ts";
import { augment, gather, type Samples, samplesOf } from "./samples.ts";

const ramp = (count: number, size: number): Samples => ({
  images: Float32Array.from({ length: count * size * size }, (_, i) => (i % 97) / 100),
  shape: [1, size, size],
  labels: Int32Array.from({ length: count }, (_, i) => i % 4),
  classes: 4,
});

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
