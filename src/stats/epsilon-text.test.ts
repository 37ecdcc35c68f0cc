import fc from "fast-check";
import { expect, test } from "vitest";
import { epsilonText } from "./epsilon-text.ts";

test.for([
  [8 / 255, "8/255"],
  [Math.fround(8 / 255), "8/255"],
  [Math.fround(0.1), "0.1"],
  [0.5 / 255, "0.5/255"],
  [1.25 / 255, "1.25/255"],
  [0.1, "0.1"],
  [0.3, "0.3"],
  [0, "0"],
  [0.123456, "0.123456"],
  [1 / 7, "1/7"],
  [1 / 256, "0.00390625"],
  [2, "2"],
  [Math.PI / 100, "0.0314"],
  [1000 * Math.PI, "3140"],
  [1e-7, "1e-7"],
] as const)("writes epsilon %s as %s", ([epsilon, text]) => {
  expect(epsilonText(epsilon)).toBe(text);
});

test("255ths are written as such wherever they are no short decimal, in float32 too", () => {
  for (let k = 1; k < 255; k++) {
    const text = k % 51 === 0 ? String(k / 255) : `${k}/255`;
    expect([epsilonText(k / 255), epsilonText(Math.fround(k / 255))]).toEqual([text, text]);
  }
});

test("a decimal of up to nine digits is written as it was typed", () => {
  const digits = fc.integer({ min: 1, max: 10 ** 9 - 1 });
  fc.assert(
    fc.property(digits, fc.integer({ min: 0, max: 9 }), (whole, places) => {
      const epsilon = Number(`${whole}e-${places}`);
      expect(Number(epsilonText(epsilon))).toBe(epsilon);
    }),
    { seed: 9, numRuns: 2000 },
  );
});

test("whatever is written reads as the number, to three digits at least", () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-6, max: 100, noNaN: true }), (epsilon) => {
      expect(Math.abs(fractionOf(epsilonText(epsilon)) - epsilon)).toBeLessThanOrEqual(5.01e-3 * epsilon);
    }),
    { seed: 9, numRuns: 2000 },
  );
});

function fractionOf(text: string): number {
  const [top, bottom = "1"] = text.split("/");
  return Number(top) / Number(bottom);
}
