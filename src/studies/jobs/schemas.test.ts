import { expect, test } from "vitest";
import { bound, predict } from "./schemas.ts";

test("a stored record that calls bounds over the reals verified, or leaves out the arithmetic, is no record", () => {
  const parse = (verdict: object) => bound.record.parse({ verdict, sampled: null });
  const margin = 1;
  for (const verdict of [
    { kind: "verified", arithmetic: "float32", margin },
    { kind: "bounded", arithmetic: "real", margin },
    { kind: "unknown", arithmetic: "real", margin: Number.NEGATIVE_INFINITY, reason: "timeout" },
  ]) {
    expect(parse(verdict)).toMatchObject({ verdict });
  }
  for (const verdict of [
    { kind: "verified", arithmetic: "real", margin },
    { kind: "verified", margin },
    { kind: "bounded", arithmetic: "float32", margin },
    { kind: "unknown", arithmetic: "float32", margin },
    { kind: "verified", arithmetic: "float32", margin: Number.NaN },
  ]) {
    expect(() => parse(verdict), JSON.stringify(verdict)).toThrow();
  }
});

test("a clean answer that was stored is read whole", () => {
  const record = { predicted: 3, margin: Number.NEGATIVE_INFINITY, spread: Number.NaN, confidence: 0.25 };
  expect(predict.record.parse(record)).toEqual(record);
});
