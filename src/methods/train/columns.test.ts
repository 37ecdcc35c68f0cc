import { expect, test } from "vitest";
import { floatTensor } from "../../graph/tensor.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Tensor, Value } from "../../graph/types.ts";
import { evaluateGraph } from "../../ops/evaluate.ts";
import { type Interval, point } from "../../ops/op.ts";
import { rng } from "../../random/rng.ts";
import { interval } from "../../transforms/interval.ts";
import { buildModel, conv, dense, features, type Model, pool, residual } from "./architectures.ts";
import { columnFeatures } from "./columns.ts";
import { initialParameters } from "./initialise.ts";
import { pixelBox } from "./losses.ts";
import { batchInputs } from "./step.ts";

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

function run(model: Model, outputs: (batch: ReturnType<typeof batchInputs>, epsilon: Value) => Record<string, Value>) {
  const batch = batchInputs(model);
  const epsilon = batch.b.input("epsilon", []);
  const named = Object.entries(outputs(batch, epsilon)).map(([name, value]) => ({ name, value }));
  const random = rng(4);
  const size = model.inputShape.reduce((p, q) => p * q, 1);
  const images = floatTensor(
    [COUNT, ...model.inputShape],
    Array.from({ length: COUNT * size }, () => random.uniform()),
  );
  // noise too: the branches of residual blocks begin at zero
  const theta = new Float64Array(model.size);
  rng(6).fillNormal(theta, 0.02, 0.1);
  initialParameters(model, "he", rng(5)).forEach((value, i) => {
    theta[i]! += value;
  });
  const feeds = new Map<string, Tensor>([
    ["images", images],
    ["theta", floatTensor([model.size], theta)],
    ["epsilon", floatTensor([], [0.07])],
  ]);
  return evaluateGraph(makeGraph([batch.images, batch.theta, epsilon], named), feeds);
}

const same = (x: Tensor, y: Tensor) => {
  expect(x.shape).toEqual(y.shape);
  x.data.forEach((value, i) => {
    expect(value).toBeCloseTo(y.data[i]!, 10);
  });
};

test.for(models)("$name: the features are those of the plain formulation", (model) => {
  const out = run(model, ({ b, images, values }) => {
    const columns = columnFeatures(b, model, values, point(images));
    expect(columns.upper).toBe(columns.lower);
    return { columns: columns.lower, plain: features(b, model, values, images) };
  });
  same(out.get("columns")!, out.get("plain")!);
  expect(out.get("plain")!.data.some((value) => value > 0)).toBe(true);
});

test.for(models)("$name: the box is that of the interval transform", (model) => {
  const out = run(model, ({ b, images, values }, epsilon) => {
    const box = pixelBox(b, images, epsilon);
    const columns = columnFeatures(b, model, values, box);
    const plain = features(b, model, values, images);
    const expected = interval(b, [plain], new Map<Value, Interval>([[images, box]]), { arithmetic: "real" }).get(
      plain,
    )!;
    return { lower: columns.lower, upper: columns.upper, plainLower: expected.lower, plainUpper: expected.upper };
  });
  same(out.get("lower")!, out.get("plainLower")!);
  same(out.get("upper")!, out.get("plainUpper")!);
  expect(out.get("upper")!.data.some((value, i) => value > out.get("lower")!.data[i]! + 1e-3)).toBe(true);
});
