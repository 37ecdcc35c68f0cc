import { expect, test } from "vitest";
import type { AuditFacts } from "../../audit/facts.ts";
import { mistakesCard } from "./measured.ts";

const TABLE = {
  dataset: { shape: [2], range: "unknown", columns: ["age", "income"] },
  // income in units of eight
  factor: Float32Array.of(1, 0.125),
  labelled: true,
  geometry: undefined,
  chunk: {
    images: Float32Array.of(30, 1, 32, 2, 34, 3, 90, 2, 60, 7),
    labels: Int32Array.of(0, 0, 0, 0, 1),
    indices: Int32Array.of(5, 6, 7, 8, 9),
  },
  predictions: [0, 0, 0, 1, 1].map((predicted) => ({ predicted, confidence: 0.875, margin: 1 })),
} as unknown as AuditFacts;

test("of a row the features that are farthest from its class stand first, in the data's units", () => {
  // medians of class 0: 33 and 2; of class 1: 60 and 7
  expect(mistakesCard(TABLE)!.surest).toEqual([
    {
      index: 8,
      label: 0,
      predicted: 1,
      confidence: 0.875,
      picture: null,
      features: [
        { name: "age", value: 90, ofLabel: 33, ofPredicted: 60 },
        { name: "income", value: 16, ofLabel: 16, ofPredicted: 56 },
      ],
    },
  ]);
});

test("without labels nothing is known of mistakes", () => {
  expect(mistakesCard({ ...TABLE, labelled: false })).toBeNull();
});

test("a picture is shown as it is, small", () => {
  const geometry = { channels: 1, height: 2, width: 1, layout: "NCHW" } as const;
  const card = mistakesCard({ ...TABLE, dataset: { ...TABLE.dataset, shape: [1, 2, 1] }, geometry } as AuditFacts);
  expect(card!.surest[0]).toMatchObject({ picture: { width: 1, height: 2, channels: 1 }, features: null });
});
