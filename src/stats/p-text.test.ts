import { expect, test } from "vitest";
import { pText } from "./p-text.ts";

test("a p-value is never printed as zero", () => {
  expect([0.5, 0.0316, 0.001, 0.00099, 1e-300, 0].map((p) => pText(p))).toEqual([
    "p = 0.5",
    "p = 0.032",
    "p = 0.001",
    "p < 0.001",
    "p < 0.001",
    "p < 0.001",
  ]);
});
