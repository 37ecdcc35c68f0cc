import { expect, test } from "vitest";
import { floatTensor } from "../../graph/tensor.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Tensor } from "../../graph/types.ts";
import { evaluateGraph } from "../../ops/evaluate.ts";
import { builder } from "../../ops/index.ts";
import { clipNorm, type Optimiser, stateNames, stepNumbers, update } from "./optimisers.ts";

/** Three steps on f(x) = ½(x₁² + 10·x₂²) from (1, −2): the gradient is (x₁, 10·x₂). Float64. */
function descend(optimiser: Optimiser, learningRate: number, steps = 3): number[][] {
  const b = builder();
  const input = (name: string, shape: number[] = []) => b.input(name, shape);
  const theta = input("theta", [2]);
  const gradient = input("gradient", [2]);
  const state = stateNames(optimiser).map((name) => input(name, [2]));
  const numbers = {
    learningRate: input("learningRate"),
    correction1: input("correction1"),
    correction2: input("correction2"),
  };
  const next = update(b, optimiser, theta, gradient, Object.fromEntries(state.map((s) => [s.name, s])), numbers);
  const graph = makeGraph(
    [theta, gradient, ...state, ...Object.values(numbers)],
    [{ name: "theta", value: next.theta }, ...Object.entries(next.state).map(([name, value]) => ({ name, value }))],
  );
  let x = floatTensor([2], [1, -2]);
  let carried = new Map<string, Tensor>(stateNames(optimiser).map((name) => [name, floatTensor([2], [0, 0])]));
  const path: number[][] = [];
  for (let t = 1; t <= steps; t++) {
    const scalars = Object.entries(stepNumbers(optimiser, t, learningRate));
    const out = evaluateGraph(
      graph,
      new Map([
        ["theta", x],
        ["gradient", floatTensor([2], [x.data[0]!, 10 * x.data[1]!])],
        ...carried,
        ...scalars.map(([name, value]) => [name, floatTensor([], [value])] as const),
      ]),
    );
    x = out.get("theta")!;
    carried = new Map(stateNames(optimiser).map((name) => [name, out.get(name)!]));
    path.push([...x.data]);
  }
  return path;
}

const close = (path: readonly (readonly number[])[]) => path.map((x) => x.map((v) => expect.closeTo(v, 9)));

test("plain gradient descent takes the steps of the formula", () => {
  const sgd = { kind: "sgd", momentum: 0, nesterov: false, weightDecay: 0 } as const;
  // x ← x − 0.05·g: factors 0.95 and 0.5 a step
  expect(descend(sgd, 0.05)).toEqual(
    close([
      [0.95, -1],
      [0.9025, -0.5],
      [0.857375, -0.25],
    ]),
  );
});

test("weight decay in gradient descent adds to the gradient", () => {
  const sgd = { kind: "sgd", momentum: 0, nesterov: false, weightDecay: 2 } as const;
  // factors 1 − 0.05·(1 + 2) and 1 − 0.05·(10 + 2)
  expect(descend(sgd, 0.05, 2)).toEqual(
    close([
      [0.85, -0.8],
      [0.7225, -0.32],
    ]),
  );
});

test("momentum accumulates the gradients", () => {
  const sgd = { kind: "sgd", momentum: 0.9, nesterov: false, weightDecay: 0 } as const;
  // x₁: v = 1, 1.85, 2.425…: x = 0.95, then v = 0.9 + 0.95 = 1.85, x = 0.8575, then v = 1.665 + 0.8575 = 2.5225
  // x₂: v = −20, x = −1; v = −18 − 10 = −28, x = 0.4; v = −25.2 + 4 = −21.2, x = 1.46
  expect(descend(sgd, 0.05)).toEqual(
    close([
      [0.95, -1],
      [0.8575, 0.4],
      [0.731375, 1.46],
    ]),
  );
});

test("Nesterov's momentum looks one step ahead", () => {
  const sgd = { kind: "sgd", momentum: 0.9, nesterov: true, weightDecay: 0 } as const;
  // x₁: v = 1, step 0.9·1 + 1 = 1.9, x = 0.905; v = 1.805, step 1.6245 + 0.905 = 2.5295, x = 0.778525
  // x₂: v = −20, step −38, x = −0.1; v = −19, step −17.1 − 1 = −18.1, x = 0.805
  expect(descend(sgd, 0.05, 2)).toEqual(
    close([
      [0.905, -0.1],
      [0.778525, 0.805],
    ]),
  );
});

test("Adam's first step is the learning rate towards the gradient's sign, the next as computed by hand", () => {
  const adam = { kind: "adam", beta1: 0.9, beta2: 0.999, epsilon: 0, weightDecay: 0 } as const;
  // x₁ = 1: g = 1, x = 0.9.  g = 0.9: m = 0.09 + 0.09 = 0.18, m̂ = 0.18/0.19; v = 0.000999 + 0.00081 = 0.001809,
  // v̂ = 0.001809/0.001999 ⇒ x = 0.9 − 0.1·0.947368…/0.951290… ; the third step likewise
  const first = 0.9;
  const second = first - (0.1 * (0.18 / 0.19)) / Math.sqrt(0.001809 / 0.001999);
  const m3 = 0.9 * 0.18 + 0.1 * second;
  const v3 = 0.999 * 0.001809 + 0.001 * second * second;
  const third = second - (0.1 * (m3 / 0.271)) / Math.sqrt(v3 / 0.002997001);
  const path = descend(adam, 0.1);
  expect(path.map(([x]) => x)).toEqual([first, second, third].map((x) => expect.closeTo(x, 9)));
  expect(second).toBeCloseTo(0.80041223, 7);
  expect(path[0]![1]).toBeCloseTo(-1.9, 9);
});

test("AdamW shrinks the parameters apart from the gradient's step", () => {
  const adam = { kind: "adam", beta1: 0.9, beta2: 0.999, epsilon: 0, weightDecay: 0 } as const;
  const [plain] = descend(adam, 0.1, 1);
  const [decayed] = descend({ ...adam, kind: "adamw", weightDecay: 0.5 }, 0.1, 1);
  expect(decayed![0]).toBeCloseTo(plain![0]! - 0.1 * 0.5 * 1, 9);
  expect(decayed![1]).toBeCloseTo(plain![1]! + 0.1 * 0.5 * 2, 9);
});

test("a long gradient is cut to the limit and keeps its direction; a short one stays", () => {
  const b = builder();
  const gradient = b.input("gradient", [2]);
  const graph = makeGraph([gradient], [{ name: "out", value: clipNorm(b, gradient, 5) }]);
  const clip = (values: number[]) => [
    ...evaluateGraph(graph, new Map([["gradient", floatTensor([2], values)]])).get("out")!.data,
  ];
  const [x, y] = clip([30, -40]);
  expect(x).toBeCloseTo(3, 5);
  expect(y).toBeCloseTo(-4, 5);
  expect(clip([0.3, -0.4])).toEqual([0.3, -0.4]);
  expect(clip([0, 0])).toEqual([0, 0]);
});
