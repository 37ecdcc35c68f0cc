import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { confirmContract } from "./confirm.ts";
import { type Contract, inferContract, type Layout, prepare, type StatedContract } from "./contract.ts";
import type { Dataset, PixelRange } from "./dataset.ts";

const infer = (
  modelInputShape: readonly (number | "N")[],
  shape: readonly number[],
  stated: StatedContract = {},
  range: PixelRange = "0..255",
) => inferContract({ modelInputShape, dataset: { shape, range }, stated });

function dataset(shape: readonly number[], images: readonly number[], more: Partial<Dataset> = {}): Dataset {
  const size = shape.reduce((p, n) => p * n, 1);
  const total = images.length / size;
  return {
    name: "made",
    images: Float32Array.from(images),
    shape,
    indices: Int32Array.from({ length: total }, (_, i) => i),
    range: "0..255",
    source: "made by hand",
    notes: [],
    ...more,
  };
}

describe("layout", () => {
  test.for<[(number | "N")[], number[], Layout, "inferred" | "assumed", number[]]>([
    [["N", 1, 28, 28], [1, 28, 28], "NCHW", "inferred", [1, 28, 28]],
    [["N", 28, 28, 1], [1, 28, 28], "NHWC", "inferred", [28, 28, 1]],
    [["N", 784], [1, 28, 28], "flat", "inferred", [784]],
    [[1, 784, 1], [1, 28, 28], "flat", "inferred", [784, 1]],
    [[1, 1, 1, 784], [1, 28, 28], "flat", "inferred", [1, 1, 784]],
    [["N", 28, 28], [1, 28, 28], "NCHW", "inferred", [28, 28]],
    [["N", 3, 32, 32], [3, 32, 32], "NCHW", "inferred", [3, 32, 32]],
    [["N", 32, 32, 3], [3, 32, 32], "NHWC", "inferred", [32, 32, 3]],
    [["N", 3072], [3, 32, 32], "flat", "assumed", [3072]],
    [["N", 3, "N", "N"], [3, 32, 40], "NCHW", "inferred", [3, 32, 40]],
    [["N", "N", "N", 3], [3, 32, 40], "NHWC", "inferred", [32, 40, 3]],
    [["N", 5], [5], "flat", "inferred", [5]],
    [[1, 1, 1, 5], [5], "flat", "assumed", [1, 1, 5]],
    [["N", "N"], [5], "flat", "inferred", [5]],
    [["N", 10, 4], [10, 4], "flat", "inferred", [10, 4]],
    [["N", 3, 1, 1], [3, 1, 1], "NCHW", "inferred", [3, 1, 1]],
  ])("a model of %j takes data of %j as %s, %s", ([model, data, layout, basis, shape]) => {
    const { contract, items } = infer(model, data);
    expect([contract.layout, contract.shape]).toEqual([layout, shape]);
    expect(items.find(({ item }) => item === "layout")?.basis).toBe(basis);
  });

  test.for<[(number | "N")[], number[], RegExp]>([
    [["N", 3, 3, 3], [3, 3, 3], /NCHW and NHWC both fit. State the layout/],
    [["N", "N", "N", "N"], [3, 32, 32], /State the layout/],
    [["N", 1, 32, 32], [1, 28, 28], /\(1024 values\) .* \(784 values\): no order of axes joins them/],
    [["N", 3, 32, 32], [1, 28, 28], /no order of axes/],
    [["N", 32, 3, 32], [3, 32, 32], /no order of axes/],
    [["N", 3, "N", "N"], [1, 28, 28], /no order of axes/],
    [["N", 6], [5], /no order of axes/],
  ])("a model of %j refuses data of %j", ([model, data, message]) => {
    expect(() => infer(model, data)).toThrow(message);
  });

  test("a stated layout settles the doubt, and one that cannot be is refused", () => {
    const { contract, items } = infer(["N", 3, 3, 3], [3, 3, 3], { layout: "NHWC" });
    expect(contract.layout).toBe("NHWC");
    expect(items[0]).toMatchObject({ item: "layout", basis: "stated" });
    expect(() => infer(["N", 3, 32, 32], [3, 32, 32], { layout: "NHWC" })).toThrow(/possible: NCHW/);
    // With one channel the name makes no difference.
    expect(infer(["N", 28, 28], [1, 28, 28], { layout: "NHWC" }).contract.shape).toEqual([28, 28]);
  });
});

describe("range, normalisation and class order", () => {
  const cifar = (stated?: StatedContract, range?: PixelRange) => infer(["N", 3, 32, 32], [3, 32, 32], stated, range);
  const basisOf = (inferred: ReturnType<typeof infer>) =>
    Object.fromEntries(inferred.items.map(({ item, basis }) => [item, basis]));

  test("pixels go to [0, 1], without normalisation, in the data's order: all assumed", () => {
    for (const range of ["0..255", "0..1"] as const) {
      const inferred = cifar({}, range);
      expect(inferred.contract).toMatchObject({ range: [0, 1], mean: [0, 0, 0], std: [1, 1, 1] });
      expect(inferred.contract.classOrder).toBeUndefined();
      expect(basisOf(inferred)).toEqual({
        layout: "inferred",
        range: "assumed",
        normalisation: "assumed",
        "class order": "assumed",
      });
    }
  });

  test("what is stated is taken as stated", () => {
    const inferred = cifar({ range: [-1, 1], mean: [0.5], std: [0.2, 0.3, 0.4], classOrder: [1, 0, 2] });
    expect(inferred.contract).toMatchObject({
      range: [-1, 1],
      mean: [0.5, 0.5, 0.5],
      std: [0.2, 0.3, 0.4],
      classOrder: [1, 0, 2],
    });
    expect(basisOf(inferred)).toMatchObject({ range: "stated", normalisation: "stated", "class order": "stated" });
  });

  test("values of unknown scale stay as they are", () => {
    const inferred = infer(["N", 5], [5], { mean: [1, 2, 3, 4, 5] }, "unknown");
    expect(inferred.contract.range).toBeUndefined();
    expect(inferred.contract.mean).toEqual([1, 2, 3, 4, 5]);
  });

  test.for<[StatedContract, RegExp]>([
    [{ std: [0] }, /std \[0\] is stated; numbers above 0/],
    [{ mean: [Number.NaN] }, /mean \[NaN\]/],
    [{ mean: [1, 2] }, /2 numbers are stated for mean; give one, or 3/],
    [{ range: [1, 1] }, /two different numbers/],
    [{ classOrder: [0, 0, 1] }, /must name each label 0 … 2 once/],
  ])("refuses %j", ([stated, message]) => {
    expect(() => cifar(stated)).toThrow(message);
  });

  test("refuses a range for values of unknown scale", () => {
    expect(() => cifar({ range: [0, 1] }, "unknown")).toThrow(/scale of the data cannot be told/);
  });
});

describe("prepare", () => {
  const contract = (model: readonly (number | "N")[], data: Dataset, stated?: StatedContract): Contract =>
    inferContract({ modelInputShape: model, dataset: data, ...(stated && { stated }) }).contract;

  test("scales, normalises and moves channels last, by hand", () => {
    // Two channels of 1 × 2 pixels: 0 255 / 51 102.
    const data = dataset([2, 1, 2], [0, 255, 51, 102]);
    const prepared = prepare(data, contract(["N", 1, 2, 2], data, { layout: "NHWC", mean: [0.5, 0], std: [0.5, 2] }));
    // Pixels 0 1 / 0.2 0.4 → (x − 0.5) / 0.5 and x / 2 → −1 1 / 0.1 0.2, then pixel by pixel.
    expect([...prepared.images]).toEqual([-1, 0.1, 1, 0.2].map(Math.fround));
    expect([...prepared.lower]).toEqual([-1, 0, -1, 0]);
    expect([...prepared.upper]).toEqual([1, 0.5, 1, 0.5]);
    expect([...prepared.scale]).toEqual([2, 0.5, 2, 0.5]);
    expect(prepared.perSample).toBe(4);
  });

  test("leaves pixels of 0 … 1 in their order for a flat model", () => {
    const data = dataset([1, 2, 2], [0, 0.25, 0.5, 1, 1, 0, 0, 0.75], { range: "0..1" });
    const prepared = prepare(data, contract(["N", 4], data));
    expect(prepared.images).toEqual(data.images);
    expect([...prepared.upper]).toEqual([1, 1, 1, 1]);
  });

  test("puts no box around values that are no pixels", () => {
    const data = dataset([2], [-3, 7], { range: "unknown" });
    const prepared = prepare(data, contract(["N", 2], data, { mean: [1, 3], std: [2, 4] }));
    expect([...prepared.images]).toEqual([-2, 1]);
    expect([...prepared.lower]).toEqual([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    expect([...prepared.upper]).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
    expect([...prepared.scale]).toEqual([0.5, 0.25]);
  });

  test("turns labels into the model's outputs", () => {
    const data = dataset([1], [0, 1, 2, 3], { labels: Int32Array.of(0, 1, 2, 1) });
    expect([...prepare(data, contract(["N", 1], data, { classOrder: [2, 0, 1] })).labels!]).toEqual([1, 2, 0, 2]);
    expect(prepare(data, contract(["N", 1], data)).labels).toEqual(data.labels);
    expect(() => prepare(data, contract(["N", 1], data, { classOrder: [1, 0] }))).toThrow(/Sample 2 has the label 2/);
  });

  test("no pixel leaves the box, whatever the rounding", () => {
    const number = fc.double({ min: -3, max: 3, noNaN: true });
    fc.assert(
      fc.property(number, number, number, fc.double({ min: 0.01, max: 5, noNaN: true }), (low, high, mean, std) => {
        fc.pre(low !== high);
        const data = dataset(
          [1, 16, 16],
          Array.from({ length: 256 }, (_, i) => i),
        );
        const { images, lower, upper } = prepare(
          data,
          contract(["N", 256], data, { range: [low, high], mean: [mean], std: [std] }),
        );
        expect(images.every((v, i) => lower[i]! <= v && v <= upper[i]!)).toBe(true);
        expect(Math.min(...images)).toBe(lower[0]);
        expect(Math.max(...images)).toBe(upper[0]);
      }),
      { seed: 5, numRuns: 200 },
    );
  });
});

describe("confirmContract", () => {
  test("confirms what is better than chance", () => {
    const result = confirmContract({ correct: 97, total: 100, classes: 10 });
    expect(result).toMatchObject({ kind: "confirmed", ok: true, chance: 0.1 });
    expect(result.message).toMatch(
      /^Preprocessing confirmed: 97 of 100 samples correct \(95.0% interval 91.5% to 99.4%/,
    );
  });

  test.for([
    [12, 100, 10],
    [0, 50, 10],
    // 3 of 10: the exact interval begins at 6.7%.
    [3, 10, 10],
    [55, 100, 2],
  ] as const)("refuses %i of %i with %i classes, in one line that says what to check", ([correct, total, classes]) => {
    const { kind, ok, message } = confirmContract({ correct, total, classes });
    expect([kind, ok]).toEqual(["at-chance", false]);
    expect(message).toMatch(/cannot be told from chance.*Check layout/);
    expect(message).not.toContain("\n");
  });

  test("says when there are too few samples to tell", () => {
    expect(confirmContract({ correct: 1, total: 1, classes: 10 })).toMatchObject({ kind: "too-few", ok: true });
    expect(confirmContract({ correct: 5, total: 5, classes: 2 })).toMatchObject({ kind: "too-few" });
    expect(confirmContract({ correct: 6, total: 6, classes: 2 })).toMatchObject({ kind: "confirmed" });
    expect(confirmContract({ correct: 0, total: 0, classes: 2 })).toMatchObject({ kind: "too-few" });
    expect(() => confirmContract({ correct: 1, total: 1, classes: 1 })).toThrow(/at least 2 classes/);
  });
});
