import { expect, test } from "vitest";
import { floatTensor, intTensor } from "../../graph/tensor.ts";
import type { Graph, Tensor } from "../../graph/types.ts";
import { evaluateGraph } from "../../ops/evaluate.ts";
import { rng } from "../../random/rng.ts";
import { compile } from "../../runtime/node.ts";
import { distances } from "../../spec/sets.ts";
import { type AscentOptions, ascent, type PointLoss } from "./adversary.ts";
import { buildModel, type Layer, type Model } from "./architectures.ts";
import { evaluationGraph } from "./evaluate.ts";
import { objectiveOf } from "./index.ts";
import { initialParameters } from "./initialise.ts";
import { crossEntropy } from "./losses.ts";
import { trainingStep } from "./step.ts";

const conv = (filters: number): Layer => ({ kind: "conv", filters, kernel: 4, stride: 2, pad: 1 });
const small: Model = buildModel("small", [conv(3), { kind: "dense", units: 8 }], [1, 6, 6], 4, {
  mean: [0.3],
  std: [0.5],
});
const COUNT = 5;
const labels = intTensor([COUNT], [0, 3, 1, 2, 3]);
const images = floatTensor(
  [COUNT, 1, 6, 6],
  Float64Array.from({ length: COUNT * 36 }, () => 0).map((_, i) => ((i * 37) % 101) / 100),
);
const parameters = (seed: number) => Float64Array.from(initialParameters(small, "default", rng(seed)));

const objectives = {
  plain: objectiveOf({ kind: "plain" }),
  ibp: objectiveOf({ kind: "ibp", epsilon: 0.1, kappa: 0.4 }),
};
const loss: PointLoss = (b, network, { points, target }) => crossEntropy(b, network.logits(points), target);
const relativeStep = (steps: number) => 2.5 / steps;
/** Points of one batch by projected gradient steps. */
async function attacked(options: Omit<AscentOptions, "relativeStep">, epsilon: number, theta: Tensor, seed: number) {
  const adversary = await ascent(loss, { ...options, relativeStep: relativeStep(options.steps) })(small, compile);
  const x = { ...images, data: Float32Array.from(images.data) };
  return adversary({ images: x, labels: labels.data as Int32Array }, theta, { epsilon }, rng(seed));
}

const sgd = { kind: "sgd", momentum: 0, nesterov: false, weightDecay: 0 } as const;
const numbers = { share: 1 / COUNT, learningRate: 1, epsilon: 0.1, kappa: 0.4 };

function runStep(graph: Graph, theta: Float64Array, changed: Partial<typeof numbers> = {}): Map<string, Tensor> {
  const scalars = Object.entries({ ...numbers, ...changed }).map(([name, v]) => [name, floatTensor([], [v])] as const);
  const feeds = new Map([
    ...scalars,
    ["images", images],
    ["labels", labels],
    ["theta", floatTensor([small.size], theta)],
  ]);
  return evaluateGraph(graph, feeds as ReadonlyMap<string, Tensor>);
}

const lossAt = (graph: Graph, theta: Float64Array, changed = {}) =>
  runStep(graph, theta, changed).get("loss")!.data[0]!;

test.for(["plain", "ibp"] as const)("the gradient of the %s loss is that of finite differences in float64", (kind) => {
  const graph = trainingStep(small, { objective: objectives[kind], optimiser: sgd });
  const theta = parameters(1);
  // plain descent at rate 1: the gradient is what was subtracted
  const next = runStep(graph, theta).get("thetaNext")!.data;
  const h = 1e-6;
  const random = rng(7);
  const places = [0, 1, 50, 51, ...Array.from({ length: 24 }, () => random.int(small.size)), small.size - 1];
  for (const place of places) {
    const moved = (by: number) => theta.with(place, theta[place]! + by);
    const slope = (lossAt(graph, moved(h)) - lossAt(graph, moved(-h))) / (2 * h);
    expect(theta[place]! - next[place]!).toBeCloseTo(slope, 7);
  }
});

test("weight decay, clipping and momentum in the step act on the same gradient", () => {
  const theta = parameters(2);
  const gradientOf = (graph: Graph) => {
    const next = runStep(graph, theta).get("thetaNext")!.data;
    return Float64Array.from(theta, (value, i) => value - next[i]!);
  };
  const raw = gradientOf(trainingStep(small, { objective: objectives.plain, optimiser: sgd }));
  const length = Math.sqrt(raw.reduce((sum, value) => sum + value * value, 0));
  const clipped = gradientOf(
    trainingStep(small, { objective: objectives.plain, optimiser: sgd, clipNorm: length / 3 }),
  );
  const decayed = gradientOf(
    trainingStep(small, { objective: objectives.plain, optimiser: { ...sgd, weightDecay: 0.01 } }),
  );
  for (const i of [0, 3, 60, 100, small.size - 1]) {
    expect(clipped[i]!).toBeCloseTo(raw[i]! / 3, 5);
    expect(decayed[i]!).toBeCloseTo(raw[i]! + 0.01 * theta[i]!, 10);
  }
});

test("the IBP loss at epsilon 0 is the cross-entropy, whatever kappa", () => {
  const theta = parameters(3);
  const plain = lossAt(trainingStep(small, { objective: objectives.plain, optimiser: sgd }), theta);
  const ibp = trainingStep(small, { objective: objectives.ibp, optimiser: sgd });
  for (const kappa of [0, 0.3, 1]) expect(lossAt(ibp, theta, { epsilon: 0, kappa })).toBeCloseTo(plain, 10);
  // at kappa 1 the bounds do not count
  expect(lossAt(ibp, theta, { kappa: 1 })).toBeCloseTo(plain, 10);
});

test("the certified cross-entropy is at least the cross-entropy at every point of the box, attacked ones included", async () => {
  const theta = parameters(4);
  const graph = trainingStep(small, { objective: objectives.ibp, optimiser: sgd });
  const bound = lossAt(graph, theta, { kappa: 0 });
  const lossOf = (x: Tensor) => {
    const feeds = new Map<string, Tensor>([
      ["images", x],
      ["labels", labels],
      ["theta", floatTensor([small.size], theta)],
    ]);
    return evaluateGraph(evaluationGraph(small, false), feeds).get("loss")!.data[0]! / COUNT;
  };
  const options = { norm: "linf", steps: 10, restarts: 2, randomStart: true } as const;
  const worst = lossOf(await attacked(options, 0.1, floatTensor([small.size], theta), 5));
  expect(worst).toBeGreaterThan(lossOf(images));
  // the attack ran in float32
  expect(worst).toBeLessThanOrEqual(bound + 1e-6);
  const random = rng(6);
  for (let trial = 0; trial < 50; trial++) {
    const inside = images.data.map((v) => Math.min(1, Math.max(0, v + 0.1 * (2 * random.uniform() - 1))));
    expect(lossOf(floatTensor(images.shape, inside))).toBeLessThanOrEqual(bound);
  }
});

test.for(["linf", "l2"] as const)(
  "attacks for training stay in the %s ball and in [0, 1] and raise the loss",
  async (norm) => {
    const epsilon = norm === "linf" ? 0.08 : 0.5;
    const theta = floatTensor([small.size], parameters(5));
    const found = await attacked({ norm, steps: 5, restarts: 1, randomStart: true }, epsilon, theta, 1);
    const size = found.data.length / COUNT;
    let largest = 0;
    for (let n = 0; n < COUNT; n++) {
      const own = ({ data }: Tensor) => Float32Array.from(data.subarray(n * size, (n + 1) * size));
      const distance = distances[norm](own(found), own(images));
      largest = Math.max(largest, distance);
      // exactly, up to the sum of the distance in doubles
      expect(distance).toBeLessThanOrEqual(epsilon * (1 + 1e-12));
    }
    expect(largest).toBeGreaterThan(epsilon / 2);
    expect(Math.min(...found.data)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...found.data)).toBeLessThanOrEqual(1);
    const session = await compile(evaluationGraph(small, false), { float: "float32" });
    const loss = async (x: Tensor) => (await session.run({ images: x, labels, theta }))["loss"]!.data[0]!;
    expect(await loss(found)).toBeGreaterThan(await loss(images));
  },
);

test("more restarts never find a smaller loss", async () => {
  const theta = floatTensor([small.size], parameters(6));
  const session = await compile(evaluationGraph(small, false), { float: "float32" });
  const lossWith = async (restarts: number) => {
    const x = await attacked({ norm: "linf", steps: 2, restarts, randomStart: true }, 0.2, theta, 2);
    return (await session.run({ images: x, labels, theta }))["loss"]!.data[0]!;
  };
  const losses = [await lossWith(1), await lossWith(2), await lossWith(4)];
  expect(losses[1]!).toBeGreaterThanOrEqual(losses[0]!);
  expect(losses[2]!).toBeGreaterThanOrEqual(losses[1]!);
});

test("an attack step moves each pixel by the step towards the gradient's sign, as finite differences see it", async () => {
  const theta = floatTensor([small.size], parameters(8));
  const once = ascent(loss, { norm: "linf", steps: 1, restarts: 1, randomStart: false, relativeStep: 0.002 });
  const x = { ...images, data: Float32Array.from(images.data) };
  const adversary = await once(small, compile);
  const next = (await adversary({ images: x, labels: labels.data as Int32Array }, theta, { epsilon: 0.5 }, rng(1)))
    .data;
  const lossOf = (at: Tensor) => {
    const feeds = new Map<string, Tensor>([
      ["images", at],
      ["labels", labels],
      ["theta", theta],
    ]);
    return evaluateGraph(evaluationGraph(small, false), feeds).get("loss")!.data[0]!;
  };
  for (const at of [7, 8, 50, 100, 143]) {
    const moved = (by: number) =>
      floatTensor(images.shape, (images.data as Float64Array).with(at, images.data[at]! + by));
    const slope = lossOf(moved(1e-6)) - lossOf(moved(-1e-6));
    const inside = images.data[at]! + 0.001 * Math.sign(slope);
    expect(next[at]!).toBeCloseTo(Math.min(1, Math.max(0, inside)), 6);
  }
});

test("counts certified samples only where every other class stays behind, by enumerating corners", () => {
  // one pixel, so that the box is an interval and the network is checked on a fine grid of it
  const line = buildModel("line", [{ kind: "dense", units: 3 }], [1, 1, 1], 2);
  const count = 40;
  const x = floatTensor(
    [count, 1, 1, 1],
    Array.from({ length: count }, (_, i) => i / (count - 1)),
  );
  let [certified, robust] = [0, 0];
  for (let seed = 0; seed < 6; seed++) {
    const theta = floatTensor(
      [line.size],
      Float64Array.from(initialParameters(line, "he", rng(seed)), (v) => 2 * v + 0.05),
    );
    for (const label of [0, 1]) {
      const run = (epsilon: number, at: Tensor) =>
        evaluateGraph(
          evaluationGraph(line, true),
          new Map<string, Tensor>([
            ["images", at],
            ["labels", intTensor([at.shape[0]!], new Int32Array(at.shape[0]!).fill(label))],
            ["theta", theta],
            ["epsilon", floatTensor([], [epsilon])],
          ]),
        );
      for (let n = 0; n < count; n++) {
        const centre = x.data[n]!;
        const one = run(0.05, floatTensor([1, 1, 1, 1], [centre])).get("certified")!.data[0]!;
        const grid = Array.from({ length: 21 }, (_, i) => Math.min(1, Math.max(0, centre + 0.05 * (i / 10 - 1))));
        const everywhere = run(0, floatTensor([21, 1, 1, 1], grid)).get("correct")!.data[0] === 21;
        certified += one;
        robust += Number(everywhere);
        if (one === 1) expect(everywhere).toBe(true);
      }
    }
  }
  expect(certified).toBeGreaterThan(50);
  expect(certified).toBeLessThanOrEqual(robust);
});
