/** @file What holds for every training method, over the table; and that bounds of other kinds can be trained as well. */

import { expect, test } from "vitest";
import { floatTensor, intTensor } from "../../graph/tensor.ts";
import type { Tensor } from "../../graph/types.ts";
import { evaluateGraph } from "../../ops/evaluate.ts";
import { rng } from "../../random/rng.ts";
import { compile } from "../../runtime/node.ts";
import { intervalBoxes, linearBounds } from "../../transforms/relax/index.ts";
import type { Samples } from "../samples.ts";
import { ARCHITECTURE_NAMES, buildModel, conv, dense } from "./architectures.ts";
import { parseTrainConfig } from "./config.ts";
import { objectiveOf, trainingMethods } from "./index.ts";
import { initialParameters } from "./initialise.ts";
import { certifiedCrossEntropy, crossEntropy, margins, pixelBox } from "./losses.ts";
import { trainingStep } from "./step.ts";
import { runTraining } from "./train.ts";
import type { Objective } from "./types.ts";

const COUNT = 4;
const SIZE = 2 * 5 * 5;
const model = buildModel("small", [conv(2, 3, 2, 1), dense(5)], [2, 5, 5], 3);
const random = rng(3);
const pixels = () =>
  floatTensor(
    [COUNT, 2, 5, 5],
    Array.from({ length: COUNT * SIZE }, () => random.uniform()),
  );
const [images, points] = [pixels(), pixels()];
const labels = intTensor([COUNT], [2, 0, 1, 1]);
const initial = Float64Array.from(initialParameters(model, "he", rng(8)));
const sgd = { kind: "sgd", momentum: 0, nesterov: false, weightDecay: 0 } as const;

const RADIUS = 0.03;
/** A small one. */
const ARCHITECTURE = ARCHITECTURE_NAMES[0]!;
/** A choice of the method with what has no default. */
const choose = (id: string, options: Readonly<Record<string, unknown>>, epsilon: number) => {
  const method = { kind: id, ...(Object.hasOwn(options, "epsilon") && { epsilon }) };
  return parseTrainConfig({ architecture: ARCHITECTURE, epochs: 1, method }).method;
};
const table = trainingMethods.map(({ id, options }) => ({
  id,
  options,
  objective: (epsilon: number) => objectiveOf(choose(id, options.shape, epsilon)),
}));

/** One step of descent at rate 1 in float64. */
function step(objective: Objective, theta: Float64Array, at = points) {
  const graph = trainingStep(model, { objective, optimiser: sgd });
  const numbers = { share: 1 / COUNT, learningRate: 1, ...objective.at(0.5) };
  const feeds: Readonly<Record<string, Tensor>> = {
    images,
    points: at,
    labels,
    theta: floatTensor([model.size], theta),
    ...Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, floatTensor([], [value])])),
  };
  const out = evaluateGraph(graph, new Map(graph.inputs.map(({ name }) => [name, feeds[name]!])));
  return { loss: out.get("loss")!.data[0]!, next: out.get("thetaNext")!.data };
}

function expectFiniteDifferences(objective: Objective): void {
  const { next } = step(objective, initial);
  const places = new Set([0, model.size - 1, ...Array.from({ length: 20 }, () => random.int(model.size))]);
  for (const place of places) {
    const moved = (by: number) => step(objective, initial.with(place, initial[place]! + by)).loss;
    expect(initial[place]! - next[place]!).toBeCloseTo((moved(1e-6) - moved(-1e-6)) / 2e-6, 6);
  }
}

test.for(table)("$id: what a step subtracts is the gradient of the loss, by finite differences", ({ objective }) => {
  expectFiniteDifferences(objective(RADIUS));
});

test("a method with two gradients a step fits: sharpness-aware minimisation follows the slope where the first one led", () => {
  const rho = 0.3;
  const sharpnessAware: Objective = {
    ...atPoints,
    at: () => ({ rho }),
    followed: (b, theta, slope, numbers) => {
      const squares = b.emit("ReduceSum", [b.emit("Mul", [slope, slope])], { axes: [0], keepdims: false });
      const length = b.emit("Div", [numbers["rho"]!, b.emit("Sqrt", [squares])]);
      return b.emit("Add", [theta, b.emit("Mul", [slope, length])]);
    },
  };
  const slopeAt = (theta: Float64Array) => {
    const { next } = step(atPoints, theta);
    return theta.map((value, i) => value - next[i]!);
  };
  const first = slopeAt(initial);
  const length = Math.hypot(...first);
  const second = slopeAt(initial.map((value, i) => value + (rho * first[i]!) / length));
  const { next, loss } = step(sharpnessAware, initial);
  second.forEach((slope, i) => {
    expect(initial[i]! - next[i]!).toBeCloseTo(slope, 10);
  });
  expect(loss).toBe(step(atPoints, initial).loss);
  expect(Math.max(...second.map((slope, i) => Math.abs(slope - first[i]!)))).toBeGreaterThan(1e-3);
});

/** The cross-entropy at what a step is given for points: the images, where there is no adversary. */
const atPoints: Objective = {
  at: () => ({}),
  loss: (b, network, { points, target }) => crossEntropy(b, network.logits(points), target),
};

test.for(table)("$id: at radius 0 the loss is the cross-entropy of the images", ({ objective }) => {
  const plain = step(atPoints, initial).loss;
  expect(step(objective(0), initial, images).loss).toBeCloseTo(plain, 10);
});

test.for(table)("$id: every option is explained, and has a default unless it is the radius", ({ options }) => {
  for (const [name, schema] of Object.entries(options.shape)) {
    expect(schema.description, name).toBeTruthy();
    expect(schema.safeParse(undefined).success, name).toBe(name !== "epsilon");
  }
});

test("no two methods have one name", () => {
  expect(new Set(trainingMethods.map(({ id }) => id)).size).toBe(trainingMethods.length);
});

test.for(table)("$id: interrupted in mid-epoch and resumed, a run ends bit-identical", async ({ id, options }) => {
  const noise = new Float32Array(20 * SIZE);
  rng(5).fillUniform(noise, 0, 1);
  const train: Samples = {
    images: noise,
    shape: [2, 5, 5],
    labels: Int32Array.from({ length: 20 }, (_, n) => n % 3),
    classes: 3,
  };
  const recipe = { architecture: ARCHITECTURE, epochs: 2, batch: 8, method: choose(id, options.shape, 0.1) };
  const config = parseTrainConfig(recipe);
  let saved: Uint8Array | undefined;
  const thetaOf = async (stopAfter: number) => {
    const controller = new AbortController();
    const checkpoints = {
      load: async () => saved,
      save: async (bytes: Uint8Array) => {
        saved = bytes;
      },
    };
    let steps = 0;
    const events = runTraining(config, { compile, train, checkpoints, signal: controller.signal, now: () => 0 });
    for await (const event of events) {
      if (event.kind === "step" && ++steps === stopAfter) controller.abort(new Error("stopped by the test"));
      if (event.kind === "done") return event.result.theta;
    }
    return undefined;
  };
  const whole = await thetaOf(Infinity);
  saved = undefined;
  await expect(thetaOf(4)).rejects.toThrow("stopped by the test");
  expect(await thetaOf(Infinity)).toEqual(whole);
});

/** CROWN-IBP's loss: interval boxes inside, one backward pass for the margins. */
const linear: Objective = {
  at: () => ({ epsilon: RADIUS }),
  loss(b, network, batch, { epsilon }) {
    const bounded = margins(b, network.logits(batch.images), batch.target);
    const domains = new Map([[batch.images, { box: pixelBox(b, batch.images, epsilon!) }]]);
    const options = { arithmetic: "real" } as const;
    const boxes = intervalBoxes(b, [bounded], domains, options);
    const { lower } = linearBounds(b, bounded, { kind: "all" }, domains, boxes, options);
    return certifiedCrossEntropy(b, lower, batch.target);
  },
};

test("a loss of backward linear bounds is trained by the same step, and bounds the loss at sampled points", () => {
  expectFiniteDifferences(linear);
  const bound = step(linear, initial).loss;
  const attacked: Objective = { ...atPoints, adversary: async () => async (batch) => batch.images };
  for (let trial = 0; trial < 40; trial++) {
    const inside = images.data.map((v) => Math.min(1, Math.max(0, v + RADIUS * Math.sign(random.uniform() - 0.5))));
    expect(step(attacked, initial, floatTensor(images.shape, inside)).loss).toBeLessThanOrEqual(bound);
  }
});
