/**
 * @file Transforms of transforms on whole networks: the gradient of a bound, the bound of a gradient, the gradient of a
 * gradient; dense and convolutional, with slopes and weights as inputs.
 */

import { describe, expect, test } from "vitest";
import { floatTensor } from "../src/graph/tensor.ts";
import { makeGraph, outputOf, rewriteGraph } from "../src/graph/traverse.ts";
import type { Builder, Graph, InputValue, NodeValue, Tensor, Value } from "../src/graph/types.ts";
import { evaluateGraph } from "../src/ops/evaluate.ts";
import { builder } from "../src/ops/index.ts";
import type { SlopeRule } from "../src/ops/op.ts";
import { reemit } from "../src/ops/rules.ts";
import { simplify } from "../src/ops/simplify.ts";
import { type Rng, rng } from "../src/random/rng.ts";
import { gradient } from "../src/transforms/gradient.ts";
import { interval } from "../src/transforms/interval.ts";
import {
  backwardBoxes,
  type Domains,
  expandForRelax,
  intervalBoxes,
  linearBounds,
  relaxedOperands,
} from "../src/transforms/relax/index.ts";
import { convNet, denseNet } from "./support/nets.ts";

type Feeds = ReadonlyMap<string, Tensor>;

/** Central differences in float64: about h² of truncation and 1e-16/h of rounding, relative to the function's scale. */
const STEP = 1e-6;
const DIFFERENCE_TOLERANCE = 1e-5;

const nets: Record<string, Graph> = {
  dense: denseNet(21, [4, 6, 5, 3]),
  convolutional: convNet(
    22,
    [2, 6],
    [
      { channels: 3, kernel: 3, stride: 2, pad: 1 },
      { channels: 2, kernel: 2, stride: 1, pad: 0 },
    ],
    [4, 3],
  ),
  residual: convNet(
    23,
    [2, 4],
    [0, 1].map(() => ({ channels: 2, kernel: 3, stride: 1, pad: 1 })),
    [3],
    true,
  ),
};

/** The same network with every ReLU made smooth, so that second derivatives are not zero. */
function smooth(graph: Graph): Graph {
  const b = builder();
  return rewriteGraph(
    graph,
    (node, inputs) => (node.op === "Relu" ? b.emit("Softplus", inputs) : undefined),
    (node, inputs) => reemit(b, node, inputs),
  );
}

/** The network with its large constants as inputs, and what to feed for them. */
function withWeights(graph: Graph): { graph: Graph; weights: readonly InputValue[]; values: Feeds } {
  const b = builder();
  const weights: InputValue[] = [];
  const values = new Map<string, Tensor>();
  const rewritten = rewriteGraph(
    graph,
    () => undefined,
    (node, inputs) => reemit(b, node, inputs),
    (leaf) => {
      if (leaf.kind !== "constant" || leaf.tensor.data.length < 4) return leaf;
      const input = b.input(`w${weights.length}`, leaf.shape);
      weights.push(input);
      values.set(input.name, leaf.tensor);
      return input;
    },
  );
  return { graph: makeGraph([graph.inputs[0]!, ...weights], rewritten.outputs), weights, values };
}

const randomFeed = (random: Rng, shape: readonly number[], from: number, to: number): Tensor => {
  const data = new Float64Array(shape.reduce((p, q) => p * q, 1));
  random.fillUniform(data, from, to);
  return floatTensor(shape, data);
};

const BATCH = 2;
const shapeOf = ({ shape }: Value): number[] => shape.map((dim) => (typeof dim === "number" ? dim : BATCH));

function boxFeeds(random: Rng, x: InputValue, radius: number): Map<string, Tensor> {
  const centre = randomFeed(random, shapeOf(x), 0, 1);
  const end = (by: number) =>
    floatTensor(
      centre.shape,
      (centre.data as Float64Array).map((c) => c + by),
    );
  return new Map([
    ["lower", end(-radius)],
    ["upper", end(radius)],
  ]);
}

const run = (inputs: readonly InputValue[], outputs: Record<string, Value>, feeds: Feeds): Map<string, Tensor> =>
  evaluateGraph(
    simplify(
      makeGraph(
        inputs,
        Object.entries(outputs).map(([name, value]) => ({ name, value })),
      ),
    ),
    feeds,
  );

/** A weighted sum of everything in a value: [] */
function weighted(b: Builder, value: Value, random: Rng): Value {
  const sample = value.shape.slice(1) as number[];
  const weights = b.constant(randomFeed(random, [1, ...sample], -1, 1));
  return b.emit("ReduceSum", [b.emit("Mul", [value, weights])], {
    axes: value.shape.map((_, i) => i),
    keepdims: false,
  });
}

/** d loss / d wrt by the transform, and along random directions by differences. */
function expectDerivative(
  b: Builder,
  inputs: readonly InputValue[],
  loss: Value,
  wrt: readonly InputValue[],
  feeds: Feeds,
  random: Rng,
): void {
  const cotangents = gradient(b, loss, wrt);
  const named = Object.fromEntries(cotangents.flatMap((value, i) => (value ? [[wrt[i]!.name, value]] : [])));
  const found = run(inputs, named, feeds);
  expect(found.size).toBeGreaterThan(0);
  let steepest = 0;
  for (let k = 0; k < 3; k++) {
    let slope = 0;
    const directions = new Map(
      wrt.map(({ name }) => [name, Float64Array.from(feeds.get(name)!.data, () => random.normal())]),
    );
    for (const [name, { data }] of found)
      data.forEach((d, i) => {
        slope += d * directions.get(name)![i]!;
      });
    const at = (t: number): number => {
      const moved = new Map(feeds);
      for (const [name, direction] of directions) {
        const own = feeds.get(name)!;
        moved.set(
          name,
          floatTensor(
            own.shape,
            direction.map((d, i) => own.data[i]! + t * d),
          ),
        );
      }
      return run(inputs, { loss }, moved).get("loss")!.data[0]!;
    };
    const difference = (at(STEP) - at(-STEP)) / (2 * STEP);
    steepest = Math.max(steepest, Math.abs(difference));
    expect(Math.abs(slope - difference)).toBeLessThan(DIFFERENCE_TOLERANCE * (1 + Math.abs(difference)));
  }
  expect(steepest, "the loss depends on what it is derived by").toBeGreaterThan(1e-4);
}

interface Bounded {
  readonly lower: InputValue;
  readonly upper: InputValue;
  readonly domains: Domains;
}

function boxed(b: Builder, x: InputValue): Bounded {
  const [lower, upper] = [b.input("lower", x.shape), b.input("upper", x.shape)];
  return { lower, upper, domains: new Map([[x as Value, { box: { lower, upper } }]]) };
}

describe.each(Object.entries(nets))("on a %s network", (name, net) => {
  const random = rng(31).split(name);
  const target = outputOf(net);
  const x = net.inputs[0]!;

  test("gradient ∘ interval is the derivative in the ends of the box and in the weights", () => {
    const b = builder();
    const { graph, weights, values } = withWeights(net);
    const { lower, upper } = boxed(b, x);
    const box = interval(b, [outputOf(graph)], new Map([[graph.inputs[0]! as Value, { lower, upper }]]), {
      arithmetic: "real",
    }).get(outputOf(graph))!;
    const loss = b.emit("Sub", [weighted(b, box.upper, random.split("u")), weighted(b, box.lower, random.split("l"))]);
    const inputs = [lower, upper, ...weights];
    expectDerivative(b, inputs, loss, inputs, new Map([...boxFeeds(random, x, 0.1), ...values]), random);
  });

  test("gradient ∘ relax is the derivative in the slopes of every ReLU", () => {
    const b = builder();
    const { lower, upper, domains } = boxed(b, x);
    const alphas = new Map<NodeValue, InputValue>();
    const slope = (node: NodeValue): SlopeRule => {
      const known = alphas.get(node) ?? b.input(`alpha${alphas.size}`, node.shape);
      alphas.set(node, known);
      return { alpha: known };
    };
    const boxes = intervalBoxes(b, [target], domains, { arithmetic: "real" });
    const { lower: bound } = linearBounds(b, target, { kind: "all" }, domains, boxes, { slope, arithmetic: "real" });
    expect(alphas.size).toBe(relaxedOperands(target, new Set([x])).length);
    const feeds = new Map([
      ...boxFeeds(random, x, 0.3),
      ...[...alphas.values()].map((alpha) => [alpha.name, randomFeed(random, shapeOf(alpha), 0.1, 0.9)] as const),
    ]);
    const wrt = [...alphas.values()];
    expectDerivative(b, [lower, upper, ...wrt], weighted(b, bound, random.split("w")), wrt, feeds, random);
  });

  test("any slope in [0, 1] gives a sound bound", () => {
    const b = builder();
    const { lower, upper, domains } = boxed(b, x);
    const alpha = b.input("alpha", []);
    const options = { slope: { alpha }, arithmetic: "real" } as const;
    const boxes = backwardBoxes(b, target, domains, options);
    const { lower: bound } = linearBounds(b, target, { kind: "all" }, domains, boxes, options);
    const box = boxFeeds(random, x, 0.2);
    for (const value of [0, 0.3, 0.77, 1]) {
      const bounds = run([lower, upper, alpha], { bound }, new Map([...box, ["alpha", floatTensor([], [value])]])).get(
        "bound",
      )!;
      expectBelow(bounds, outputsInside(net, box, random));
    }
  });

  test("gradient ∘ relax is the derivative in the weights", () => {
    const b = builder();
    const { graph, weights, values } = withWeights(net);
    const { lower, upper, domains } = boxed(b, graph.inputs[0]!);
    const options = { slope: "parallel", arithmetic: "real" } as const;
    const boxes = intervalBoxes(b, [outputOf(graph)], domains, options);
    const { lower: bound } = linearBounds(b, outputOf(graph), { kind: "all" }, domains, boxes, options);
    const feeds = new Map([...boxFeeds(random, x, 0.1), ...values]);
    expectDerivative(b, [lower, upper, ...weights], weighted(b, bound, random.split("w")), weights, feeds, random);
  });

  test("interval ∘ gradient and relax ∘ gradient contain sampled gradients", () => {
    const b = builder();
    const derivative = gradient(b, weighted(b, target, random.split("j")), [x])[0]!;
    const jacobian = expandForRelax(simplify(makeGraph([x], [{ name: "g", value: derivative }])));
    const g = outputOf(jacobian);
    const { lower, upper, domains } = boxed(b, x);
    const boxes = intervalBoxes(b, [g], domains, { arithmetic: "real" });
    const lines = linearBounds(b, g, { kind: "all" }, domains, boxes, { twoSided: true, arithmetic: "real" });
    const box = boxFeeds(random, x, 0.05);
    const found = run(
      [lower, upper],
      { il: boxes.get(g)!.lower, iu: boxes.get(g)!.upper, rl: lines.lower, ru: lines.upper! },
      box,
    );
    const gradients = outputsInside(jacobian, box, random);
    for (const side of ["il", "rl"]) expectBelow(found.get(side)!, gradients);
    for (const side of ["iu", "ru"]) expectBelow(negated(found.get(side)!), gradients.map(negated));
    // not everything: the box of some element is a point or narrow
    const widths = found.get("iu")!.data.map((u, i) => u - found.get("il")!.data[i]!);
    expect(Math.min(...widths)).toBeLessThan(10);
  });

  test("gradient ∘ gradient is the derivative of the gradient", () => {
    const b = builder();
    const { graph, weights, values } = withWeights(smooth(net));
    const input = graph.inputs[0]!;
    const [first] = gradient(b, weighted(b, outputOf(graph), random.split("1")), [input]);
    const loss = weighted(b, first!, random.split("2"));
    const feeds = new Map([[input.name, randomFeed(random, shapeOf(input), 0, 1)], ...values]);
    expectDerivative(b, [input, ...weights], loss, [input, ...weights], feeds, random);
  });
});

const negated = (x: Tensor): Tensor =>
  floatTensor(
    x.shape,
    Float64Array.from(x.data, (v) => -v),
  );

/** The output at points of the box, corners among them. */
function outputsInside(graph: Graph, box: Feeds, random: Rng): Tensor[] {
  const [lower, upper] = [box.get("lower")!, box.get("upper")!];
  return Array.from({ length: 60 }, (_, k) => {
    const data = Float64Array.from(
      lower.data,
      (l, i) => l + (k % 2 ? random.uniform() : random.int(2)) * (upper.data[i]! - l),
    );
    return evaluateGraph(graph, new Map([[graph.inputs[0]!.name, floatTensor(lower.shape, data)]])).get(
      graph.outputs[0]!.name,
    )!;
  });
}

function expectBelow(bound: Tensor, values: readonly Tensor[]): void {
  for (const { data } of values)
    data.forEach((v, i) => {
      expect(bound.data[i]!).toBeLessThanOrEqual(v + 1e-9 * (1 + Math.abs(v)));
    });
}
