import { expect, test } from "vitest";
import type { AuditFacts } from "../../audit/facts.ts";
import { featuresOf, pairText } from "./features.ts";

test("as few digits as tell two values apart", () => {
  expect(pairText(1.23456, 1.5)).toEqual(["1.235", "1.5"]);
  expect(pairText(1000.01, 1000.02)).toEqual(["1000.01", "1000.02"]);
  expect(pairText(-2, 2)).toEqual(["\u22122", "2"]);
});

test("of a stated range, values are in it again, and those that moved most stand first", () => {
  const facts = {
    dataset: { shape: [3], range: [10, 30] },
    factor: undefined,
    chunk: { images: Float32Array.of(0, 0, 0, 0.5, 0.25, 1), labels: Int32Array.of(0, 0) },
  } as unknown as AuditFacts;
  const record = { witness: Float32Array.of(0.25, 0.125, 1) };
  const found = { record, epsilon: 0.25 } as unknown as Parameters<typeof featuresOf>[2];
  expect(featuresOf(facts, 1, found)).toEqual({
    of: 3,
    changed: 2,
    shown: [
      { name: "column 1", before: 20, after: 15, allowed: 5 },
      { name: "column 2", before: 15, after: 12.5, allowed: 5 },
    ],
  });
});
