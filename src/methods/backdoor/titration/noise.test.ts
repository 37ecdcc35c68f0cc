import { expect, test } from "vitest";
import { rng } from "../../../random/rng.ts";
import { mean, std } from "../../../stats/summary.ts";
import { drawBases, drawNoise } from "./noise.ts";
import type { NoiseKind } from "./types.ts";

const size = (count: number, values = 100) => ({ count, size: values, geometry: undefined });

test.for(["gaussian", "uniform"] as const)("%s noise has mean 0 and standard deviation 1", (kind) => {
  const noise = drawNoise(kind, rng(1), size(400));
  expect(Math.abs(mean(noise))).toBeLessThan(3 / Math.sqrt(noise.length));
  expect(std(noise)).toBeCloseTo(1, 1.5);
  const most = noise.reduce((m, value) => Math.max(m, Math.abs(value)), 0);
  if (kind === "uniform") expect(most).toBeLessThanOrEqual(Math.fround(Math.sqrt(3)));
  else expect(most).toBeGreaterThan(3.5);
});

test("salt-and-pepper is uniform on (0, 1), with a random sign", () => {
  const noise = drawNoise("salt-and-pepper", rng(1), size(400));
  const depth = noise.map(Math.abs);
  expect(mean(depth)).toBeCloseTo(1 / 2, 1.5);
  expect(std(depth)).toBeCloseTo(Math.sqrt(1 / 12), 1.5);
  expect(Math.min(...depth)).toBeGreaterThan(0);
  expect(Math.max(...depth)).toBeLessThan(1);
  const white = noise.filter((value) => value > 0).length;
  expect(Math.abs(white - 20_000)).toBeLessThan(3 * Math.sqrt(40_000 / 4));
});

test("salt-and-pepper takes all channels of a pixel at once, in either layout", () => {
  const picture = { channels: 3, height: 2, width: 5 } as const;
  const planes = drawNoise("salt-and-pepper", rng(1), { count: 4, size: 30, geometry: { ...picture, layout: "NCHW" } });
  const mixed = drawNoise("salt-and-pepper", rng(1), { count: 4, size: 30, geometry: { ...picture, layout: "NHWC" } });
  for (let i = 0; i < 4; i++) {
    for (let p = 0; p < 10; p++) {
      const values = [0, 1, 2].flatMap((c) => [planes[i * 30 + c * 10 + p], mixed[i * 30 + p * 3 + c]]);
      expect(new Set(values).size).toBe(1);
    }
  }
  expect(new Set(planes).size).toBe(40);
});

test.for(["gaussian", "uniform", "salt-and-pepper"] as const)(
  "%s noise of an input does not depend on how many there are, and two seeds differ",
  (kind: NoiseKind) => {
    const few = drawNoise(kind, rng(5), size(3));
    expect(few).toEqual(drawNoise(kind, rng(5), size(8)).subarray(0, 300));
    expect(few).not.toEqual(drawNoise(kind, rng(6), size(3)));
  },
);

test("what was drawn before is given out again, and is what a fresh stream yields", () => {
  const noise = drawNoise("gaussian", rng(7), size(3));
  expect(drawNoise("gaussian", rng(7), size(3)).buffer).toBe(noise.buffer);
  // for fewer inputs, the first of what was drawn for more
  const two = drawNoise("gaussian", rng(7), size(2));
  expect(two.buffer).toBe(noise.buffer);
  expect(two).toEqual(noise.subarray(0, 200));
  const fresh = new Float32Array(300);
  rng(7).split("noise/gaussian").fillNormal(fresh);
  expect(noise).toEqual(fresh);
});

test("pictures of noise reach from 0 to 1 each", () => {
  const bases = drawBases(rng(1), size(5));
  for (let i = 0; i < 5; i++) {
    const picture = bases.subarray(i * 100, (i + 1) * 100);
    expect([Math.min(...picture), Math.max(...picture)]).toEqual([0, 1]);
  }
  expect(drawBases(rng(1), size(20, 1)).every((value) => value === 0)).toBe(true);
});
