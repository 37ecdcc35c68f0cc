import stdlibBetaQuantile from "@stdlib/stats-base-dists-beta-quantile";
import { describe, expect, test } from "vitest";
import { betaDistribution, betaQuantile } from "./beta.ts";
import { normalQuantile } from "./normal.ts";
import { proportion, proportionLower, proportionUpper } from "./proportion.ts";
import { mean, median, quantiles, std } from "./summary.ts";

describe("normalQuantile", () => {
  // Reference values from SciPy 1.17 (norm.ppf).
  test.for([
    [1e-300, -37.0470962993612],
    [1e-20, -9.262340089798409],
    [1e-10, -6.361340902404056],
    [1e-4, -3.7190164854556804],
    [0.025, -1.9599639845400545],
    [0.3, -0.5244005127080409],
    [0.6, 0.2533471031357997],
    [0.975, 1.959963984540054],
    [0.9999, 3.719016485455709],
  ] as const)("at %f is %f", ([p, expected]) => {
    expect(Math.abs(normalQuantile(p) / expected - 1)).toBeLessThan(1e-14);
  });

  test("is 0 at ½, infinite at the ends, odd and increasing", () => {
    expect(normalQuantile(0.5)).toBe(0);
    expect(normalQuantile(0)).toBe(Number.NEGATIVE_INFINITY);
    expect(normalQuantile(1)).toBe(Number.POSITIVE_INFINITY);
    expect(normalQuantile(Number.MIN_VALUE)).toBeLessThan(-38);
    let previous = Number.NEGATIVE_INFINITY;
    for (let i = 1; i < 4096; i++) {
      const x = normalQuantile(i / 4096);
      expect(x).toBeGreaterThan(previous);
      expect(normalQuantile(1 - i / 4096) + x).toBe(0);
      previous = x;
    }
  });

  test("refuses what is no probability", () => {
    for (const bad of [-0.1, 1.1, Number.NaN]) expect(() => normalQuantile(bad)).toThrow(/probability/);
  });
});

describe("beta distribution", () => {
  const shapes = [
    [1, 1],
    [1, 20],
    [0.5, 0.5],
    [3, 98],
    [98, 3],
    [451, 550],
    [99_990, 11],
    [11, 99_990],
    [50_000, 50_001],
    [1, 1_000_000],
  ] as const;

  test("agrees with another implementation of its quantiles", () => {
    for (const [a, b] of shapes) {
      for (const p of [1e-6, 0.0005, 0.025, 0.5, 0.975, 0.999]) {
        const [below, above] = betaQuantile(p, a, b);
        expect(above - below).toBeLessThanOrEqual(2 ** -53);
        expect(Math.abs(below / stdlibBetaQuantile(p, a, b) - 1)).toBeLessThan(1e-11);
      }
    }
  });

  test("is the binomial tail, by enumeration", () => {
    // P(at least k of n) = I_p(k, n − k + 1)
    const [n, p] = [12, 0.3];
    const choose = (k: number): number => (k === 0 ? 1 : (choose(k - 1) * (n - k + 1)) / k);
    for (let k = 1; k <= n; k++) {
      let tail = 0;
      for (let j = k; j <= n; j++) tail += choose(j) * p ** j * (1 - p) ** (n - j);
      expect(Math.abs(betaDistribution(p, k, n - k + 1) / tail - 1)).toBeLessThan(1e-12);
    }
    expect([betaDistribution(0, 2, 3), betaDistribution(1, 2, 3)]).toEqual([0, 1]);
  });
});

describe("proportion (Clopper–Pearson)", () => {
  // SciPy 1.17, by beta quantiles; 10 of 100 is the textbook [4.90%, 17.62%].
  test.for([
    { k: 10, n: 100, confidence: 0.95, lower: 0.04900468922148596, upper: 0.17622259774002266 },
    { k: 1, n: 3, confidence: 0.95, lower: 0.008403758659612643, upper: 0.9057006759497539 },
    { k: 99_990, n: 100_000, confidence: 0.95, lower: 0.9998161041546233, upper: 0.999952045104861 },
    { k: 50_000, n: 100_000, confidence: 0.95, lower: 0.4968960624918004, upper: 0.5031039375081996 },
    { k: 9877, n: 10_000, confidence: 0.999, lower: 0.9836391066959754, upper: 0.9910108401540031 },
  ])("of $k in $n", ({ k, n, confidence, lower, upper }) => {
    const interval = proportion(k, n, confidence);
    expect(interval.estimate).toBe(k / n);
    expect(interval.lower).toBeCloseTo(lower, 11);
    expect(interval.upper).toBeCloseTo(upper, 11);
  });

  test("has the closed forms at the ends", () => {
    for (const n of [1, 20, 1000]) {
      expect(proportion(0, n)).toMatchObject({ estimate: 0, lower: 0 });
      expect(proportion(0, n).upper).toBeCloseTo(1 - 0.025 ** (1 / n), 12);
      expect(proportion(n, n)).toMatchObject({ estimate: 1, upper: 1 });
      expect(proportion(n, n).lower).toBeCloseTo(0.025 ** (1 / n), 12);
    }
    // Cohen et al. 2019: all of 100,000 votes equal, failure probability 0.001.
    expect(proportionLower(100_000, 100_000, 0.999)).toBeCloseTo(0.001 ** 1e-5, 12);
    expect(proportionUpper(0, 59, 0.95)).toBeCloseTo(1 - 0.05 ** (1 / 59), 12);
  });

  test("covers the true rate at least as often as it says, by enumeration", () => {
    const n = 25;
    for (const p of [0.01, 0.1, 0.37, 0.5, 0.8, 0.99]) {
      let coverage = 0;
      let probability = (1 - p) ** n;
      for (let k = 0; k <= n; k++) {
        const { lower, upper } = proportion(k, n, 0.9);
        if (lower <= p && p <= upper) coverage += probability;
        probability *= ((n - k) / (k + 1)) * (p / (1 - p));
      }
      expect(coverage).toBeGreaterThanOrEqual(0.9);
    }
  });

  test("knows nothing from no trials, and refuses impossible counts", () => {
    expect(proportion(0, 0)).toEqual({
      estimate: Number.NaN,
      lower: 0,
      upper: 1,
      successes: 0,
      trials: 0,
      confidence: 0.95,
    });
    for (const [k, n] of [
      [2, 1],
      [-1, 5],
      [0.5, 2],
      [Number.NaN, 2],
    ] as const) {
      expect(() => proportion(k, n)).toThrow(/0 ≤ successes ≤ trials/);
    }
    expect(() => proportion(1, 2, 1)).toThrow(/confidence/);
  });
});

describe("summary", () => {
  test("mean and standard deviation by hand", () => {
    expect(mean([2, 4, 4, 4, 5, 5, 7, 9])).toBe(5);
    expect(std([2, 4, 4, 4, 5, 5, 7, 9])).toBeCloseTo(Math.sqrt(32 / 7), 14);
    expect(mean([])).toBeNaN();
    expect(std([1])).toBeNaN();
    // Stable far from zero.
    expect(std(Float64Array.of(1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16))).toBeCloseTo(Math.sqrt(30), 10);
  });

  test("quantiles interpolate as NumPy does", () => {
    expect(quantiles([40, 10, 30, 20], [0, 0.25, 0.5, 0.9, 1])).toEqual([10, 17.5, 25, 37, 40]);
    expect(median([3])).toBe(3);
    expect(quantiles([1, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY], [0.75])).toEqual([
      Number.POSITIVE_INFINITY,
    ]);
    expect(median([])).toBeNaN();
    expect(() => quantiles([1, Number.NaN], [0.5])).toThrow(/NaN/);
    expect(() => quantiles([1], [2])).toThrow(/probability/);
  });
});
