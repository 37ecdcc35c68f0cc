import { describe, expect, test } from "vitest";
import { rng } from "../random/rng.ts";
import { digamma, fitGamma, fitShiftedGamma, fittedSides, gammaSides, logGamma, trigamma } from "./gamma.ts";
import { nelderMead } from "./nelder-mead.ts";
import { mean } from "./summary.ts";

const near = (value: number, expected: number, tolerance: number) =>
  expect(Math.abs(value - expected), `${value} for ${expected}`).toBeLessThan(
    tolerance * Math.max(1, Math.abs(expected)),
  );

describe("the gamma function's logarithm and its derivatives", () => {
  // mpmath 1.3, 40 digits
  test.for([
    [0.01, 4.599479878042022, -100.56088545786866, 10001.621213528313],
    [0.5, 0.5723649429247001, -1.9635100260214235, 4.934802200544679],
    [1, 0, -0.5772156649015329, 1.6449340668482264],
    [2.5, 0.2846828704729192, 0.7031566406452432, 0.49035775610023485],
    [11.9, 17.25847745059552, 2.4339335368825377, 0.08766320119000419],
    [100, 359.1342053695754, 4.600161852738087, 0.010050166663333571],
    [1e6, 12815504.5691476, 13.815510057964191, 1.0000005000001667e-6],
  ] as const)("at %f", ([x, value, first, second]) => {
    near(logGamma(x), value, 1e-13);
    near(digamma(x), first, 1e-13);
    expect(Math.abs(trigamma(x) / second - 1)).toBeLessThan(1e-13);
  });
});

describe("the gamma distribution", () => {
  // mpmath 1.3, 40 digits; the ninth by SciPy 1.17
  test.for([
    [0.1, 1e-4, 0.418461375237963, -0.542077886594674],
    [0.5, 0.2, 0.4729107431344619, -0.6403853769155964],
    [1, 3, 0.950212931632136, -3.0],
    [3.7, 2, 0.18627467088905397, -0.20613240344773498],
    [3.7, 60, 1, -50.32809162386492],
    [50, 40, 0.07033506665939496, -0.07293104448422515],
    [50, 900, 1, -711.1924853996745],
    [1e4, 10100, 0.8413487504471796, -1.84104688482372],
    [1e6, 999_000, 0.15865521357430365, -0.1727537310560113],
    [0.05, 30, 0.9999999999999998, -36.23025715336331],
  ] as const)("of shape %f at %f", ([shape, x, below, logAbove]) => {
    const sides = gammaSides(x, shape);
    near(sides.below, below, 1e-12);
    near(sides.logAbove, logAbove, 1e-12);
  });

  test("is the integral of its density", () => {
    const shape = 2.6;
    const norm = Math.exp(logGamma(shape));
    const steps = 20_000;
    for (const x of [0.3, 2, 5, 11]) {
      const density = (t: number) => (t ** (shape - 1) * Math.exp(-t)) / norm;
      let integral = 0; // Simpson's rule
      for (let i = 0; i <= steps; i++) {
        integral += (i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2) * density((x * i) / steps);
      }
      near(gammaSides(x, shape).below, (integral * x) / steps / 3, 1e-9);
    }
  });

  test("has its whole weight above 0, and the Poisson sum for whole shapes", () => {
    expect(gammaSides(-1, 2)).toEqual({ below: 0, logAbove: 0 });
    expect(gammaSides(Number.POSITIVE_INFINITY, 2).below).toBe(1);
    // P(X > x) = e^−x Σ_{k<a} x^k / k!
    near(gammaSides(5, 3).logAbove, -5 + Math.log(1 + 5 + 12.5), 1e-14);
  });
});

describe("a fitted gamma distribution", () => {
  const samples = {
    "mild skew": [11.2, 9.8, 12.5, 10.1, 14.9, 10.7, 9.1, 11.9, 13.3],
    "left skew": [3.1, 4.4, 4.9, 5.2, 5.3, 5.5, 5.6, 5.7, 5.8],
    "long tail": [1.1, 1.2, 1.25, 1.4, 1.9, 2.2, 3.5, 5.1, 9.7],
    "around zero": [-0.6, 0.1, 0.2, 0.5, 0.9, 1.1, 1.4, 2.0, 3.2],
    "two groups": [20.1, 20.4, 20.9, 21.3, 21.8, 22.6, 30.2, 31.5, 33.0],
  };

  // scipy.stats.gamma.fit(x, floc=0) of SciPy 1.17
  test.for([
    ["mild skew", 44.99511782829973, 0.25558328447730083],
    ["left skew", 32.32159537296319, 0.15641417130617555],
    ["long tail", 1.8926676859170863, 1.6056114401384756],
    ["two groups", 26.31992685751627, 0.9363416767021391],
  ] as const)("with two parameters agrees with SciPy: %s", ([name, shape, scale]) => {
    const fit = fitGamma(samples[name])!;
    expect(Math.abs(fit.shape / shape - 1)).toBeLessThan(1e-8);
    expect(Math.abs(fit.scale / scale - 1)).toBeLessThan(1e-8);
    expect(fit.location).toBe(0);
  });

  // scipy.stats.gamma.fit(x), and ln P(X > 1.5 max x)
  test.for([
    ["mild skew", 0.23542545706463858, 9.1, -6.5833025318713325],
    ["left skew", 345.3355138895042, -10.623600861499785, -10.635559774308916],
    ["long tail", 0.3979076773015169, 1.1, -6.184595856418352],
    ["around zero", 3.979729831854377, -1.2236074112910522, -5.257427276450521],
    ["two groups", 0.897076814547429, 20.1, -10.891205369617776],
  ] as const)("with three parameters ends where SciPy's search ends: %s", ([name, shape, location, logAbove]) => {
    const fit = fitShiftedGamma(samples[name])!;
    // the search ends within 1e-4 of where it is drawn to, and rounding decides where in that
    expect(Math.abs(fit.shape / shape - 1)).toBeLessThan(1e-4);
    near(fit.location, location, 1e-4);
    near(fittedSides(1.5 * Math.max(...samples[name]), fit).logAbove, logAbove, 1e-4);
  });

  test("finds the shape and scale that a large sample was drawn with", () => {
    // a gamma variable of shape 3 is a sum of three exponential ones
    const random = rng(5);
    const draw = () => -2 * Math.log((1 - random.uniform()) * (1 - random.uniform()) * (1 - random.uniform()));
    const values = Array.from({ length: 20_000 }, draw);
    const fit = fitGamma(values)!;
    expect(Math.abs(fit.shape - 3)).toBeLessThan(0.12); // four standard errors
    expect(fit.shape * fit.scale).toBeCloseTo(mean(values), 10);
    const moved = fitGamma(
      values.map((value) => value + 7),
      7,
    )!;
    expect(moved.shape).toBeCloseTo(fit.shape, 6);
  });

  test("survives values that hardly differ, and refuses those that have no fit", () => {
    const close = [5, 5.001, 5.002];
    // mean² / variance, in the limit
    expect(fitGamma(close)!.shape / (5.001 ** 2 / ((2 / 3) * 1e-6))).toBeCloseTo(1, 3);
    expect(fitGamma([2, 2, 2])).toBeUndefined();
    expect(fitGamma([2])).toBeUndefined();
    expect(fitGamma([2, 0, 3])).toBeUndefined();
    expect(fitShiftedGamma([2, 2, 2])).toBeUndefined();
  });
});

describe("the simplex method", () => {
  test("finds the bottom of Rosenbrock's valley", () => {
    const { x, value } = nelderMead(([a, b]) => (1 - a!) ** 2 + 100 * (b! - a! * a!) ** 2, [-1.2, 1]);
    expect(x[0]).toBeCloseTo(1, 3);
    expect(x[1]).toBeCloseTo(1, 3);
    expect(value).toBeLessThan(1e-7);
  });

  test("stays out of where the function is infinite", () => {
    const { x } = nelderMead(([a]) => (a! > 2 ? a! : Number.POSITIVE_INFINITY), [3]);
    expect(x[0]).toBeGreaterThan(2);
    expect(x[0]).toBeLessThan(2.001);
  });
});
