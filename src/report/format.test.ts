import { expect, test } from "vitest";
import { proportion } from "../stats/proportion.ts";
import {
  bytesText,
  integerText,
  intervalText,
  numberText,
  percent,
  plural,
  secondsText,
  shortRateText,
  signedText,
} from "./format.ts";

test.for([
  [0, "0%"],
  [1, "100%"],
  [0.5, "50.0%"],
  [0.98765, "98.8%"],
  [9999 / 10000, ">99.9%"],
  [1 / 10000, "<0.1%"],
  [0.0005, "0.1%"],
] as const)("writes the share %s as %s", ([share, text]) => {
  expect(percent(share)).toBe(text);
});

test("never shows a share as certain when one input disagrees", () => {
  for (const trials of [2, 10, 101, 999, 2001, 60_000, 1_000_000]) {
    expect(percent((trials - 1) / trials)).not.toMatch(/^100/);
    expect(percent(1 / trials)).not.toMatch(/^0(\.0)?%/);
  }
});

test("shows an interval that contains the computed one", () => {
  for (const [hits, trials] of [
    [3, 7],
    [863, 1000],
    [0, 50],
    [50, 50],
    [1, 60_000],
  ] as const) {
    const rate = proportion(hits, trials);
    const [lower, upper] = intervalText(rate).replace("%", "").split("–").map(Number);
    expect(lower! / 100).toBeLessThanOrEqual(rate.lower + 1e-12);
    expect(upper! / 100).toBeGreaterThanOrEqual(rate.upper - 1e-12);
    expect(upper! - lower!).toBeLessThan(100 * (rate.upper - rate.lower) + 0.21);
  }
});

test("writes a rate with its interval", () => {
  // R: binom.test(187, 200)$conf.int gives 0.8914 and 0.9649.
  expect(shortRateText(proportion(187, 200))).toBe("93.5% (89.1–96.5%)");
});

test("writes numbers, times and sizes for people", () => {
  expect([9999, 166_406, 1_000_000].map(integerText)).toEqual(["9999", "166\u202f406", "1\u202f000\u202f000"]);
  expect([0.0020000001, 12.3456, 3e-9].map(numberText)).toEqual(["0.002", "12.3", "3.00e-9"]);
  expect([0.0001, 0.61, 41.66, 97.4, 3725].map(secondsText)).toEqual([
    "<1 ms",
    "610 ms",
    "41.7 s",
    "1 min 37 s",
    "1 h 2 min",
  ]);
  expect([59.97, 3599.7].map(secondsText)).toEqual(["60.0 s", "1 h 0 min"]);
  expect([17, 667_903, 2_000_000_000].map(bytesText)).toEqual(["17 bytes", "668 kB", "2 GB"]);
  expect([plural(1, "input"), plural(2, "input"), plural(0, "class", "classes")]).toEqual([
    "1 input",
    "2 inputs",
    "0 classes",
  ]);
  expect(signedText(-0.314)).toBe("−0.31");
  // a margin that was overturned is not 0
  expect(signedText(-0.0031)).toBe("−0.003");
  expect(signedText(0)).toBe("0.00");
});
