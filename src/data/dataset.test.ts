import { describe, expect, test } from "vitest";
import { rng } from "../random/rng.ts";
import { count, type Dataset, interleave, limit, perSample, sample, select, takeSample } from "./dataset.ts";

/** Sample i is the row [10 i, 10 i + 1]. */
function rows(labels: readonly number[] | undefined, total = labels?.length ?? 0): Dataset {
  return {
    name: "rows",
    images: Float32Array.from({ length: 2 * total }, (_, i) => 10 * Math.floor(i / 2) + (i % 2)),
    shape: [2],
    ...(labels && { labels: Int32Array.from(labels) }),
    indices: Int32Array.from({ length: total }, (_, i) => i),
    range: "unknown",
    source: "made by hand",
    notes: [],
  };
}

describe("datasets", () => {
  test("gives single samples with their labels and places", () => {
    const data = rows([5, 6, 7]);
    expect([count(data), perSample(data)]).toEqual([3, 2]);
    expect(takeSample(data, 1)).toEqual({ image: Float32Array.of(10, 11), label: 6, index: 1 });
    expect(takeSample(rows(undefined, 1), 0)).toEqual({ image: Float32Array.of(0, 1), index: 0 });
    for (const bad of [-1, 3, 0.5]) expect(() => takeSample(data, bad)).toThrow(/samples 0 to 2/);
  });

  test("selects in the order asked and remembers places through several selections", () => {
    const once = select(rows([5, 6, 7, 8]), [3, 1, 2]);
    const twice = select(once, [0, 2]);
    expect(twice).toMatchObject({
      images: Float32Array.of(30, 31, 20, 21),
      labels: Int32Array.of(8, 7),
      indices: Int32Array.of(3, 2),
    });
    expect(() => select(once, [3])).toThrow(/samples 0 to 2/);
  });

  test("limits to the first samples", () => {
    const data = rows([5, 6, 7]);
    expect(limit(data, 2)).toMatchObject({ images: Float32Array.of(0, 1, 10, 11), labels: Int32Array.of(5, 6) });
    expect(limit(data, 9)).toBe(data);
    for (const bad of [0, -1, 1.5]) expect(() => limit(data, bad)).toThrow(/whole number from 1/);
  });

  test("samples each class in its share, without repetition, by the stream alone", () => {
    // 60, 30 and 10 of three classes, in mixed order.
    const data = rows(Array.from({ length: 100 }, (_, i) => (i % 10 < 6 ? 2 : i % 10 < 9 ? 0 : 1)));
    const drawn = sample(data, 20, rng(1));
    const perClass = [0, 0, 0];
    for (const label of drawn.labels!) perClass[label]!++;
    expect(perClass).toEqual([6, 2, 12]);
    expect(new Set(drawn.indices).size).toBe(20);
    expect([...drawn.indices]).toEqual([...drawn.indices].sort((a, b) => a - b));
    expect(drawn.images[0]).toBe(10 * drawn.indices[0]!);
    expect(sample(data, 20, rng(1))).toEqual(drawn);
    expect([...sample(data, 20, rng(2)).indices]).not.toEqual([...drawn.indices]);
    expect(sample(data, 100, rng(1))).toBe(data);
  });

  test("gives what remains of the shares to the largest remainders", () => {
    // Shares of 3 in 4 + 4 + 2: 1.2, 1.2, 0.6.
    const drawn = sample(rows([0, 0, 0, 0, 1, 1, 1, 1, 2, 2]), 3, rng(3));
    expect([...drawn.labels!]).toEqual([0, 1, 2]);
  });

  test("samples data without labels", () => {
    expect(count(sample(rows(undefined, 50), 7, rng(1)))).toBe(7);
  });

  test("interleaves groups so that every beginning is balanced", () => {
    const order = interleave([4, 2]).map(({ group, place }) => `${group}:${place}`);
    expect(order).toEqual(["0:0", "1:0", "0:1", "0:2", "1:1", "0:3"]);
    const seen = [0, 0, 0];
    interleave([500, 300, 200]).forEach(({ group }, i) => {
      seen[group]!++;
      for (const [g, share] of [0.5, 0.3, 0.2].entries())
        expect(Math.abs(seen[g]! - share * (i + 1))).toBeLessThan(1.5);
    });
  });
});
