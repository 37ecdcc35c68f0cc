import { expect, test } from "vitest";
import { rng } from "../../random/rng.ts";
import { modelOf } from "./architectures.ts";
import { initialParameters } from "./initialise.ts";

// SoK: Certified Robustness for Deep Neural Networks (arXiv:2009.04131): [neurons, parameters] for MNIST and CIFAR-10
const PUBLISHED: Record<string, readonly [readonly [number, number], readonly [number, number]]> = {
  FCNNa: [
    [50, 16_330],
    [50, 62_090],
  ],
  FCNNb: [
    [310, 99_710],
    [310, 328_510],
  ],
  FCNNc: [
    [7_178, 7_111_690],
    [7_178, 9_454_602],
  ],
  CNNa: [
    [4_814, 166_406],
    [6_254, 214_918],
  ],
  CNNb: [
    [24_042, 833_786],
    [31_242, 1_079_834],
  ],
  CNNc: [
    [48_074, 1_974_762],
    [62_474, 2_466_858],
  ],
  CNNd: [
    [176_138, 13_314_634],
    [229_898, 17_247_946],
  ],
};

test.for(Object.keys(PUBLISHED))("%s has the published numbers of neurons and parameters", (name) => {
  const counts = [
    [1, 28, 28],
    [3, 32, 32],
  ].map((shape) => {
    const { neurons, size } = modelOf(name, shape, 10);
    return [neurons, size];
  });
  expect(counts).toEqual(PUBLISHED[name]);
});

test("MLP is 784-256-128-10 on digits", () => {
  const { parameters, size } = modelOf("MLP", [1, 28, 28], 10);
  expect(parameters.filter(({ role }) => role === "weight").map(({ shape }) => shape)).toEqual([
    [784, 256],
    [256, 128],
    [128, 10],
  ]);
  expect(size).toBe(785 * 256 + 257 * 128 + 129 * 10);
});

test("the parameters of a network lie side by side in the flat vector", () => {
  const { parameters, size } = modelOf("CNNb", [3, 32, 32], 10);
  let end = 0;
  for (const parameter of parameters) {
    expect(parameter.offset).toBe(end);
    end += parameter.size;
  }
  expect(end).toBe(size);
});

test("an unknown architecture is refused with the names of the known ones", () => {
  expect(() => modelOf("CNNz", [1, 28, 28], 10)).toThrow(/unknown architecture "CNNz"; known: FCNNa, .*CNNd/);
});

test("an input that is too small for the windows is refused", () => {
  expect(() => modelOf("CNNa", [1, 1, 1], 10)).toThrow(/samples of \[1,1,1\] are too small for CNNa/);
});

test("a convolutional network refuses flat samples", () => {
  expect(() => modelOf("CNNa", [784], 10)).toThrow(/takes \[C, H, W\]; these samples are \[784\]/);
});

test("initial weights have the spread of their formula, and the same seed gives the same ones", () => {
  const model = modelOf("FCNNb", [1, 28, 28], 10);
  const [first] = model.parameters;
  const spread = (kind: "default" | "he" | "ibp") => {
    const values = initialParameters(model, kind, rng(3)).subarray(0, first!.size);
    return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
  };
  // 78,400 draws: a standard deviation is known to about 0.3 %
  expect(spread("default")).toBeCloseTo(1 / Math.sqrt(3 * 784), 3);
  expect(spread("he")).toBeCloseTo(Math.sqrt(2 / 784), 3);
  expect(spread("ibp")).toBeCloseTo(Math.sqrt(2 * Math.PI) / 784, 4);
  expect(initialParameters(model, "he", rng(3))).toEqual(initialParameters(model, "he", rng(3)));
  expect(initialParameters(model, "he", rng(3))).not.toEqual(initialParameters(model, "he", rng(4)));
});

test("He and IBP initialisation leave biases at zero, but for the last layer's of IBP", () => {
  const model = modelOf("FCNNa", [1, 28, 28], 10);
  const biases = (kind: "he" | "ibp") => {
    const theta = initialParameters(model, kind, rng(0));
    return model.parameters
      .filter(({ role }) => role === "bias")
      .map(({ offset, size }) => theta.subarray(offset, offset + size).every((value) => value === 0));
  };
  expect(biases("he")).toEqual([true, true, true]);
  expect(biases("ibp")).toEqual([true, true, false]);
});
