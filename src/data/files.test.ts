import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import type { NdArray } from "../formats/array.ts";
import { gzip } from "../formats/gzip.ts";
import { writeIdx } from "../formats/idx.ts";
import { writeNpy } from "../formats/npy.ts";
import { writeNpz } from "../formats/npz.ts";
import { writePng } from "../formats/png.ts";
import { takeSample } from "./dataset.ts";
import { loadDataset } from "./files.ts";
import { DIGIT_COUNTS, digitPlaces, readDigits } from "./mnist.ts";

const root = mkdtempSync(join(tmpdir(), "assay-data-"));
afterAll(() => rmSync(root, { recursive: true }));

/** Writes files into a new folder and returns its path. */
function folder(files: Readonly<Record<string, Uint8Array | string>>): string {
  const path = mkdtempSync(join(root, "case-"));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), content);
  }
  return path;
}

const bytes = (shape: readonly number[], first = 0): NdArray => ({
  dtype: "u1",
  shape,
  data: Uint8Array.from({ length: shape.reduce((p, n) => p * n, 1) }, (_, i) => (first + i * 3) & 255),
});
const floats = (shape: readonly number[], of: (i: number) => number): NdArray => ({
  dtype: "f4",
  shape,
  data: Float32Array.from({ length: shape.reduce((p, n) => p * n, 1) }, (_, i) => of(i)),
});
const labels = (...values: number[]): NdArray => ({
  dtype: "u1",
  shape: [values.length],
  data: Uint8Array.from(values),
});
const solid = (width: number, height: number, colour: readonly [number] | readonly [number, number, number]) =>
  writePng({
    width,
    height,
    channels: colour.length,
    data: Uint8Array.from({ length: width * height * colour.length }, (_, i) => colour[i % colour.length]!),
  });

describe("IDX", () => {
  const images = bytes([3, 2, 2], 9);
  const file = gzip(writeIdx(images));
  const path = folder({
    "t10k-images-idx3-ubyte.gz": file,
    "t10k-labels-idx1-ubyte.gz": gzip(writeIdx(labels(7, 2, 1))),
    "train-images.idx3-ubyte": writeIdx(bytes([1, 2, 2])),
    "train-labels.idx1-ubyte": writeIdx(labels(4)),
  });

  test("a folder gives its test split, or the one asked for", async () => {
    const data = await loadDataset(path);
    expect(data).toMatchObject({ shape: [1, 2, 2], range: "0..255", labels: Int32Array.of(7, 2, 1) });
    expect([...data.images]).toEqual([...images.data]);
    expect(data.sha256).toBe(createHash("sha256").update(file).digest("hex"));
    expect((await loadDataset(path, { split: "train" })).labels).toEqual(Int32Array.of(4));
  });

  test("a file finds its labels beside it, and takes others when stated", async () => {
    const images = join(path, "t10k-images-idx3-ubyte.gz");
    expect(await loadDataset(images, { limit: 2 })).toMatchObject({
      name: "t10k-images-idx3-ubyte.gz",
      labels: Int32Array.of(7, 2),
      indices: Int32Array.of(0, 1),
    });
    const other = join(folder({ "labels.txt": "0\n1\n1\n" }), "labels.txt");
    expect((await loadDataset(images, { labels: other })).labels).toEqual(Int32Array.of(0, 1, 1));
  });

  test("refuses labels that do not belong to the images", async () => {
    const other = join(folder({ "y.npy": writeNpy(labels(1, 2)) }), "y.npy");
    await expect(loadDataset(path, { labels: other })).rejects.toThrow(/3 samples but 2 labels/);
    const missing = join(path, "nowhere.npy");
    await expect(loadDataset(path, { labels: missing })).rejects.toThrow(/nowhere.npy: no such file/);
    const alone = folder({ "t10k-images-idx3-ubyte": writeIdx(bytes([1, 2, 2])) });
    await expect(loadDataset(alone)).rejects.toThrow(/t10k-images-idx3-ubyte: its file of labels is not beside it/);
  });
});

describe("NPY and NPZ", () => {
  test("turns NHWC to NCHW and says so; finds y beside x", async () => {
    const path = folder({
      "x_test.npy": writeNpy(floats([2, 2, 1, 3], (i) => i / 12)),
      "y_test.npy": writeNpy({ dtype: "i8", shape: [2], data: BigInt64Array.of(3n, 5n) }),
    });
    const data = await loadDataset(join(path, "x_test.npy"));
    expect(data).toMatchObject({ shape: [3, 2, 1], range: "0..1", labels: Int32Array.of(3, 5) });
    expect([...takeSample(data, 1).image]).toEqual([6, 9, 7, 10, 8, 11].map((i) => Math.fround(i / 12)));
    expect(data.notes.join()).toMatch(/turned to NCHW/);
  });

  test.for<[NdArray, number[], string]>([
    [bytes([2, 3, 4, 4]), [3, 4, 4], "0..255"],
    [bytes([2, 4, 5]), [1, 4, 5], "0..255"],
    [bytes([1, 784]), [1, 28, 28], "0..255"],
    [floats([1, 3072], (i) => (i % 9) / 9), [3, 32, 32], "0..1"],
    [floats([2, 1, 2, 2], (i) => i * 20), [1, 2, 2], "0..255"],
    [floats([2, 1, 2, 2], (i) => i - 3), [1, 2, 2], "unknown"],
    [floats([2, 1, 2, 2], (i) => i * 1.5), [1, 2, 2], "unknown"],
    [floats([2, 5], (i) => i / 10), [5], "unknown"],
    [floats([1, 784], (i) => i - 5), [784], "unknown"],
    [floats([2, 7, 4, 4], () => 1), [7, 4, 4], "0..1"],
  ])("of %j tells shape and range", async ([array, shape, range]) => {
    const path = join(folder({ "a.npy": writeNpy(array) }), "a.npy");
    expect(await loadDataset(path)).toMatchObject({ shape, range });
  });

  test("the range does not depend on how many samples are read", async () => {
    const path = join(folder({ "a.npy": writeNpy(floats([2, 1, 1, 2], (i) => 60 * i)) }), "a.npy");
    expect(await loadDataset(path, { limit: 1 })).toMatchObject({ range: "0..255", images: Float32Array.of(0, 60) });
  });

  test("takes shape and range as stated, unless the values contradict", async () => {
    const path = join(folder({ "a.npy": writeNpy(floats([3, 4], (i) => i * 12.5)) }), "a.npy");
    expect(await loadDataset(path, { shape: [1, 2, 2], range: "0..255" })).toMatchObject({
      shape: [1, 2, 2],
      range: "0..255",
    });
    expect(await loadDataset(path, { range: "0..255" })).toMatchObject({ shape: [4], range: "0..255" });
    await expect(loadDataset(path, { shape: [1, 3, 3] })).rejects.toThrow(/\[1,3,3\] is stated, but a sample has 4/);
    await expect(loadDataset(path, { range: "0..1" })).rejects.toThrow(
      /0..1 is stated, but values lie between 0 and 137.5/,
    );
  });

  test("wants doubtful axes stated, finite values, and samples", async () => {
    const doubtful = join(folder({ "a.npy": writeNpy(bytes([1, 3, 5, 3])) }), "a.npy");
    await expect(loadDataset(doubtful)).rejects.toThrow(/a.npy: array: shape .* may be NCHW or NHWC; state the layout/);
    expect((await loadDataset(doubtful, { layout: "NHWC" })).shape).toEqual([3, 3, 5]);
    const infinite = join(folder({ "a.npy": writeNpy(floats([1, 2], (i) => 1 / i)) }), "a.npy");
    await expect(loadDataset(infinite)).rejects.toThrow(/value 0 is Infinity/);
    const empty = join(folder({ "a.npy": writeNpy(bytes([0, 5])) }), "a.npy");
    await expect(loadDataset(empty)).rejects.toThrow(/holds no values/);
    const row = join(folder({ "a.npy": writeNpy(bytes([5])) }), "a.npy");
    await expect(loadDataset(row)).rejects.toThrow(/samples along the first axis/);
  });

  test("an archive gives the split asked for", async () => {
    const file = writeNpz({
      x_train: bytes([1, 2, 2]),
      y_train: labels(1),
      x_test: bytes([2, 2, 2], 7),
      y_test: labels(2, 3),
    });
    const path = join(folder({ "digits.npz": file }), "digits.npz");
    expect(await loadDataset(path)).toMatchObject({ shape: [1, 2, 2], labels: Int32Array.of(2, 3) });
    expect((await loadDataset(path, { split: "train" })).labels).toEqual(Int32Array.of(1));
    const plain = join(folder({ "a.npz": writeNpz({ Images: bytes([2, 1, 2, 2]), labels: labels(0, 1) }) }), "a.npz");
    expect((await loadDataset(plain, { limit: 1 })).labels).toEqual(Int32Array.of(0));
    const other = join(folder({ "a.npz": writeNpz({ w1: bytes([2, 2]) }) }), "a.npz");
    await expect(loadDataset(other)).rejects.toThrow(/a.npz: NPZ: no array is called x .* there are: w1/);
  });
});

describe("CIFAR", () => {
  const record = (label: number) => Uint8Array.of(label, ...(bytes([3072], label).data as Uint8Array));

  test("reads a file and folders of batches", async () => {
    const path = folder({
      "test_batch.bin": Uint8Array.of(...record(3), ...record(4)),
      "data_batch_1.bin": record(1),
      "data_batch_2.bin": record(2),
    });
    const data = await loadDataset(path);
    expect(data).toMatchObject({ shape: [3, 32, 32], labels: Int32Array.of(3, 4), range: "0..255" });
    expect(data.classNames?.[3]).toBe("cat");
    const train = await loadDataset(path, { split: "train" });
    expect(train.labels).toEqual(Int32Array.of(1, 2));
    expect([...train.images.subarray(3072, 3075)]).toEqual([2, 5, 8]);
    expect(await loadDataset(join(path, "test_batch.bin"), { limit: 1 })).toMatchObject({ labels: Int32Array.of(3) });
  });
});

describe("CSV", () => {
  test("reads features and labels", async () => {
    const path = join(folder({ "iris.csv": "a,b,species\n1,-2,x\n3,4,y\n" }), "iris.csv");
    const data = await loadDataset(path, { csv: { label: "last" } });
    expect(data).toMatchObject({ shape: [2], range: "unknown", labels: Int32Array.of(0, 1), classNames: ["x", "y"] });
    await expect(loadDataset(path)).rejects.toThrow(/iris.csv: CSV: line 2, column 3/);
  });

  test("reads rows of 785 numbers as labelled digits", async () => {
    const row = (label: number) => `${label},${Array.from({ length: 784 }, (_, i) => i % 256).join(",")}`;
    const path = join(folder({ "mnist.csv": `${row(8)}\n${row(1)}\n` }), "mnist.csv");
    expect(await loadDataset(path)).toMatchObject({ shape: [1, 28, 28], range: "0..255", labels: Int32Array.of(8, 1) });
  });
});

describe("folders of pictures", () => {
  test("number the classes by sorted names and show all classes in turn", async () => {
    const path = folder({
      "test/dog/b.png": solid(2, 1, [3, 3, 3]),
      "test/dog/a.png": solid(2, 1, [1, 2, 3]),
      "test/cat/z.png": solid(2, 1, [9]),
      "test/cat/notes.txt": "not a picture",
    });
    const data = await loadDataset(path);
    expect(data).toMatchObject({ shape: [3, 1, 2], classNames: ["cat", "dog"], labels: Int32Array.of(1, 0, 1) });
    expect([...takeSample(data, 0).image]).toEqual([1, 1, 2, 2, 3, 3]);
    expect([...takeSample(data, 1).image]).toEqual([9, 9, 9, 9, 9, 9]);
    expect(data.notes.join()).toMatch(/read as RGB/);
    expect((await loadDataset(path, { limit: 2 })).labels).toEqual(Int32Array.of(1, 0));
  });

  test("called by numbers are the labels, in numeric order", async () => {
    const path = folder({ "10/a.png": solid(1, 1, [1]), "9/a.png": solid(1, 1, [2]) });
    expect(await loadDataset(path)).toMatchObject({ shape: [1, 1, 1], labels: Int32Array.of(9, 10) });
  });

  test("name the picture that does not fit", async () => {
    const sizes = folder({ "a/1.png": solid(2, 2, [1]), "b/2.png": solid(3, 2, [1]) });
    await expect(loadDataset(sizes)).rejects.toThrow(
      /"b\/2.png" has 2×3 pixels \(height × width\), "a\/1.png" 2×2; --resize 224 --crop 224 .*--resize 224x224/,
    );
    await expect(loadDataset(sizes, { modelPicture: [1, 8, 6] })).rejects.toThrow(/--resize 8 --crop 8x6 /);
    const broken = folder({ "a/1.png": "no picture" });
    await expect(loadDataset(broken)).rejects.toThrow(/1.png: picture: neither PNG nor JPEG/);
    const alpha = writePng({ width: 1, height: 1, channels: 4, data: Uint8Array.of(1, 2, 3, 128) });
    await expect(loadDataset(folder({ "a/1.png": alpha }))).rejects.toThrow(/"a\/1.png" is partly transparent/);
    await expect(loadDataset(folder({ "a/readme.txt": "" }))).rejects.toThrow(/hold no PNG or JPEG/);
  });

  test("of mixed size come to one: the shorter side as stated, then the middle", async () => {
    // rows of grey: 0 1 2 3 on the left of one picture, 9 everywhere on the other
    const wide = writePng({ width: 4, height: 2, channels: 1, data: Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7) });
    const path = folder({ "a/1.png": wide, "b/2.png": solid(6, 6, [9]) });
    const data = await loadDataset(path, { resize: 2, crop: [2, 2] });
    expect([...data.images]).toEqual([1, 2, 5, 6, 9, 9, 9, 9]);
    expect([data.shape, data.steps]).toEqual([
      [1, 2, 2],
      ["shorter side resized to 2 (bilinear, antialiased where it shrinks)", "middle 2×2 kept"],
    ]);
    await expect(loadDataset(path, { crop: [3, 3] })).rejects.toThrow(/1\.png.*--resize|2×4 pixels.*--resize/);
    const array = await loadDataset(join(path, "a", "1.png"), { crop: [1, 2], channels: "rgb" });
    expect([array.shape, [...array.images]]).toEqual([
      [3, 1, 2],
      [1, 2, 1, 2, 1, 2],
    ]);
  });

  test("beside one another are read by name, without labels or with those stated", async () => {
    const path = folder({ "b.png": solid(1, 1, [2]), "a.jpg.png": solid(1, 1, [1]), "._a.png": "", "notes.txt": "" });
    const data = await loadDataset(path);
    expect([[...data.images], data.labels]).toEqual([[1, 2], undefined]);
    expect(data.notes.join()).toContain("no labels");
    const labels = join(folder({ "labels.txt": "4\n7\n" }), "labels.txt");
    const stated = await loadDataset(path, { labels });
    expect([stated.labels, stated.notes]).toEqual([Int32Array.of(4, 7), []]);
    expect((await loadDataset(path, { labels, limit: 1 })).labels).toEqual(Int32Array.of(4));
  });

  test("a single picture is a sample; opaque alpha is dropped", async () => {
    const file = writePng({ width: 1, height: 1, channels: 4, data: Uint8Array.of(1, 2, 3, 255) });
    const data = await loadDataset(join(folder({ "one.png": file }), "one.png"));
    expect(data).toMatchObject({ shape: [3, 1, 1], images: Float32Array.of(1, 2, 3) });
    expect(data.labels).toBeUndefined();
  });
});

describe("what is not there or not known", () => {
  test("gets one line that names the path", async () => {
    await expect(loadDataset(join(root, "nothing"))).rejects.toThrow(
      /nothing: no such file or folder. Bundled data: mnist/,
    );
    const path = folder({ "a.dat": "what is this" });
    await expect(loadDataset(join(path, "a.dat"))).rejects.toThrow(/a.dat: data: not recognised; known are IDX/);
    await expect(loadDataset(path)).rejects.toThrow(/holds no test data that is recognised/);
    await expect(loadDataset("mnist", { limit: 0 })).rejects.toThrow(/limit is a whole number/);
  });

  test("bundled data is told nothing of labels in files", async () => {
    for (const [options, said] of [
      [{ firstLabel: 1 }, "--first-label 1 is for files with labels; mnist:train has labels from 0 to 9 of its own"],
      [{ labels: "y.npy" }, "--labels y.npy is for files with labels"],
    ] as const) {
      const refusal = await loadDataset("mnist:train", options).catch((error: unknown) => error);
      expect(refusal).toMatchObject({ fault: "usage", message: expect.stringContaining(said) });
    }
    expect((await loadDataset("mnist", { firstLabel: 0, limit: 1 })).labels).toHaveLength(1);
  });
});

describe("the bundled digits", () => {
  const require = createRequire(import.meta.url);
  const key = (image: Float32Array): string => Buffer.from(Uint8Array.from(image)).toString("latin1");

  test("are split in 2,000 and 8,000 with the same share of every class, and no image is in both or twice", async () => {
    const [testing, training] = [await loadDataset("mnist"), await loadDataset("mnist:train")];
    expect([testing.name, training.name]).toEqual(["mnist:test", "mnist:train"]);
    expect([testing.indices.length, training.indices.length]).toEqual([2000, 8000]);
    const seen = new Set<string>();
    for (const data of [testing, training]) {
      const perClass = new Array<number>(10).fill(0);
      for (let i = 0; i < data.indices.length; i++) {
        const { image, label } = takeSample(data, i);
        seen.add(key(image));
        perClass[label!]!++;
      }
      const share = data.indices.length / 10_000;
      perClass.forEach((n, digit) => {
        expect(Math.abs(n - share * DIGIT_COUNTS[digit]!)).toBeLessThanOrEqual(0.5);
      });
    }
    expect(seen.size).toBe(10_000);
    expect(testing.notes.join()).toMatch(/MNIST's training set/);
  });

  test("equal what JSON.parse reads from the package", () => {
    const file = readFileSync(join(dirname(require.resolve("mnist/package.json")), "src/digits/5.json"));
    const { data } = JSON.parse(file.toString()) as { data: number[] };
    expect(data.length / 784).toBe(DIGIT_COUNTS[5]);
    const expected = Uint8Array.from(data, (v) => Math.round(v * 255));
    expect(Buffer.compare(readDigits(file, DIGIT_COUNTS[5]), expected)).toBe(0);
    expect(() => readDigits(file, DIGIT_COUNTS[5] + 1)).toThrow(/version 1.1.0/);
    expect(() => readDigits(file.subarray(0, 3000), 2)).toThrow(/version 1.1.0/);
    expect(() => readDigits(Buffer.from('{"data": [0.5'), 1)).toThrow(/version 1.1.0/);
  });

  test("a limit reads the same first digits, with all classes among them", async () => {
    const few = await loadDataset("mnist:test", { limit: 100 });
    const all = await loadDataset("mnist:test");
    expect(few.images.length).toBe(78_400);
    expect(few.images.every((v, i) => v === all.images[i])).toBe(true);
    expect(new Set(few.labels).size).toBe(10);
    const all10 = await loadDataset("mnist:all", { limit: 10 });
    expect(all10.indices.length).toBe(10);
    expect(digitPlaces("train", 3).every(({ digit, place }) => place >= Math.round(DIGIT_COUNTS[digit]! / 5))).toBe(
      true,
    );
  });
});

const shared = fileURLToPath(new URL("../../../shared/data/", import.meta.url));

describe.skipIf(!existsSync(join(shared, "mnist")))(
  "MNIST itself (skipped where ../shared/data/mnist is absent)",
  () => {
    test("the test set has 10,000 labelled images with the known statistics", async () => {
      const data = await loadDataset(join(shared, "mnist"));
      expect(data).toMatchObject({ shape: [1, 28, 28], range: "0..255" });
      const perClass = new Array<number>(10).fill(0);
      for (const label of data.labels!) perClass[label]!++;
      // Counts of the published test set; its mean pixel is 0.1325 (0.13251 in full).
      expect(perClass).toEqual([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
      const sum = data.images.reduce((s, v) => s + v, 0);
      expect(sum / 7_840_000 / 255).toBeCloseTo(0.1325, 4);
      expect(sum).toBe(264_923_200);
    });

    test("the bundled digits are the first 10,000 of its training set", async () => {
      const original = await loadDataset(join(shared, "mnist"), { split: "train", limit: 10_000 });
      const bundled = await loadDataset("mnist:all");
      const next = new Array<number>(10).fill(0);
      const places = new Map(digitPlaces("all").map(({ digit, place }, i) => [`${digit}/${place}`, i]));
      const differing = Array.from(original.labels!).filter((label, i) => {
        const at = places.get(`${label}/${next[label]!++}`)!;
        const [a, b] = [takeSample(original, i).image, takeSample(bundled, at).image];
        return !a.every((v, p) => v === b[p]);
      });
      expect(differing).toEqual([]);
    });
  },
);

const cifarSubset = join(shared, "cifar10-exact-subset", "test_subset.bin.gz");

describe.skipIf(!existsSync(cifarSubset))("CIFAR-10 (skipped where ../shared/data is absent)", () => {
  test("the subset begins like the published test set", async () => {
    const data = await loadDataset(cifarSubset);
    expect(data.indices.length).toBe(300);
    // cat, ship, ship, airplane, frog, frog, automobile, frog, cat, automobile; first pixels 158, 159, 165 (red).
    expect([...data.labels!.subarray(0, 10)]).toEqual([3, 8, 8, 0, 6, 6, 1, 6, 3, 1]);
    expect([...data.images.subarray(0, 3)]).toEqual([158, 159, 165]);
  });
});
