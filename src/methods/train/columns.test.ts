import { expect, test } from "vitest";
import { sizeOf } from "../../graph/dims.ts";
import { floatTensor, intTensor } from "../../graph/tensor.ts";
import { makeGraph, nodesOf } from "../../graph/traverse.ts";
import type { Tensor, Value } from "../../graph/types.ts";
import { evaluateGraph } from "../../ops/evaluate.ts";
import { builder } from "../../ops/index.ts";
import { rng } from "../../random/rng.ts";
import { buildModel, conv, dense, type Model, pool, residual } from "./architectures.ts";
import { inColumns } from "./columns.ts";
import { objectiveOf } from "./index.ts";
import { initialParameters } from "./initialise.ts";
import { trainingStep } from "./step.ts";

const COUNT = 3;

const models: readonly Model[] = [
  buildModel("strided", [conv(4, 4, 2, 1), conv(5, 3, 1, 1), dense(7)], [2, 8, 6], 3, {
    mean: [0.4, 0.2],
    std: [0.5, 2],
  }),
  buildModel("convolutions only", [conv(3, 3, 2, 0), conv(2, 2, 3, 2)], [1, 7, 7], 3),
  buildModel("one position", [conv(6, 5, 1, 0), dense(4)], [1, 5, 5], 2),
  buildModel("dense only", [dense(6), dense(5)], [1, 3, 3], 3),
  buildModel("residual", [conv(3, 3, 2, 1), residual(3, 1), residual(4, 2), pool], [2, 8, 7], 3, {
    mean: [0.4, 0.2],
    std: [0.5, 2],
  }),
  buildModel("residual, then dense", [residual(2, 1), dense(5)], [1, 4, 3], 3),
  buildModel("flat", [dense(6)], [9], 3, { mean: [0.5], std: [0.5] }),
];

const objectives = {
  plain: objectiveOf({ kind: "plain" }),
  ibp: objectiveOf({ kind: "ibp", epsilon: 0.07, kappa: 0.4 }),
};

/** One step of descent at rate 1 in float64: the loss, and the gradient as what was subtracted. */
function step(model: Model, kind: keyof typeof objectives, columns: boolean) {
  const sgd = { kind: "sgd", momentum: 0, nesterov: false, weightDecay: 0 } as const;
  const graph = trainingStep(model, { objective: objectives[kind], optimiser: sgd, columns });
  const random = rng(4);
  const size = model.inputShape.reduce((p, q) => p * q, 1);
  // noise too: the branches of residual blocks begin at zero
  const theta = new Float64Array(model.size);
  rng(6).fillNormal(theta, 0.02, 0.1);
  initialParameters(model, "he", rng(5)).forEach((value, i) => {
    theta[i]! += value;
  });
  const number = (value: number) => floatTensor([], [value]);
  const feeds: Readonly<Record<string, Tensor>> = {
    images: floatTensor(
      [COUNT, ...model.inputShape],
      Array.from({ length: COUNT * size }, () => random.uniform()),
    ),
    labels: intTensor([COUNT], [1, 0, 1]),
    theta: floatTensor([model.size], theta),
    share: number(1 / COUNT),
    learningRate: number(1),
    epsilon: number(0.07),
    kappa: number(0.4),
  };
  const inputs = graph.inputs.map(({ name }) => [name, feeds[name]!] as const);
  const ops = new Set(nodesOf(graph).map(({ op }) => op));
  return { out: evaluateGraph(graph, new Map(inputs)), ops };
}

const cases = models.flatMap((model) => (["plain", "ibp"] as const).map((kind) => ({ name: model.name, model, kind })));

test.for(cases)("$name, $kind: loss and gradient are those without the lowering", ({ model, kind }) => {
  const [lowered, plain] = [step(model, kind, true), step(model, kind, false)];
  expect(lowered.ops.has("Conv")).toBe(false);
  for (const name of ["loss", "correct", "thetaNext"]) {
    const [x, y] = [lowered.out.get(name)!, plain.out.get(name)!];
    expect(x.shape).toEqual(y.shape);
    x.data.forEach((value, i) => {
      expect(value).toBeCloseTo(y.data[i]!, 10);
    });
  }
  expect(plain.out.get("loss")!.data[0]).toBeGreaterThan(0.01);
});

test("a convolution with a constant kernel, in groups or of one axis stays the runtime's", () => {
  const b = builder();
  const theta = b.input("theta", [16]);
  const images = b.input("images", ["N", 2, 4, 4]);
  const window = { strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] };
  const kernel = (shape: readonly number[]) => b.emit("Reshape", [theta], { shape });
  const fixed = b.emit("Conv", [images, b.constant(1, [2, 2, 2, 2])], { ...window, group: 1 });
  const grouped = b.emit("Conv", [images, kernel([4, 1, 2, 2])], { ...window, group: 2 });
  const line = b.emit("Reshape", [images], { shape: ["N", 2, 16] });
  const oneAxis = b.emit("Conv", [line, kernel([4, 2, 2])], { strides: [1], dilations: [1], pads: [0, 0], group: 1 });
  expect(inColumns(b, [fixed, grouped, oneAxis], theta)).toEqual([fixed, grouped, oneAxis]);
});

test("dilated and unevenly padded convolutions, and what lies between them, are the same in columns", () => {
  const b = builder();
  const theta = b.input("theta", [90]);
  const images = b.input("images", ["N", 2, 5, 4]);
  const kernel = (start: number, size: number, shape: readonly number[]) =>
    b.emit("Reshape", [b.emit("Slice", [theta], { axis: 0, start, size, step: 1 })], { shape });
  const first = b.emit("Conv", [images, kernel(0, 36, [3, 2, 3, 2])], {
    strides: [2, 1],
    dilations: [1, 2],
    pads: [1, 0, 2, 1],
    group: 1,
  });
  // a scale and a shift a channel (batch normalisation), one for all, and one a place, which is turned back for
  const scaled = b.emit("Mul", [first, b.constant(floatTensor([3, 1, 1], [2, -1, 0.5]))]);
  const shifted = b.emit("Add", [b.emit("Mul", [scaled, b.constant(3)]), kernel(36, 3, [1, 3, 1, 1])]);
  const [, , height, width] = shifted.shape as [string, number, number, number];
  const places = b.constant(
    floatTensor(
      [height, width],
      Array.from({ length: height * width }, (_, i) => i / 7),
    ),
  );
  const bent = b.emit("Tanh", [b.emit("Add", [shifted, places])]);
  const second = b.emit("Conv", [b.emit("LeakyRelu", [bent], { alpha: 0.1 }), kernel(39, 48, [4, 3, 2, 2])], {
    strides: [1, 1],
    dilations: [1, 1],
    pads: [0, 0, 0, 0],
    group: 1,
  });
  const roots = [second, b.emit("ReduceSum", [second], { axes: [2, 3], keepdims: true })];
  const [p, q] = inColumns(b, roots, theta);
  const names = ["second", "sum"];
  const both = (values: readonly Value[]) =>
    makeGraph(
      [images, theta],
      values.map((value, i) => ({ name: names[i]!, value })),
    );
  const random = rng(9);
  const uniform = (shape: readonly number[]) =>
    floatTensor(
      shape,
      Array.from({ length: sizeOf(shape) }, () => 2 * random.uniform() - 1),
    );
  const feeds = new Map([
    ["images", uniform([3, 2, 5, 4])],
    ["theta", uniform([90])],
  ]);
  const [lowered, plain] = [both([p!, q!]), both(roots)];
  expect(nodesOf(lowered).some(({ op }) => op === "Conv")).toBe(false);
  const [x, y] = [evaluateGraph(lowered, feeds), evaluateGraph(plain, feeds)];
  for (const name of names) {
    expect(x.get(name)!.shape).toEqual(y.get(name)!.shape);
    x.get(name)!.data.forEach((value, i) => {
      expect(value).toBeCloseTo(y.get(name)!.data[i]!, 10);
    });
  }
});
