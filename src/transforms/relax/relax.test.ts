import { describe, expect, test } from "vitest";
import { convNet, denseNet } from "../../../test/support/nets.ts";
import { floatTensor } from "../../graph/tensor.ts";
import { makeGraph, outputOf } from "../../graph/traverse.ts";
import type { Graph, Tensor, Value } from "../../graph/types.ts";
import { evaluateGraph } from "../../ops/evaluate.ts";
import { builder } from "../../ops/index.ts";
import type { SlopeRule } from "../../ops/op.ts";
import { simplify } from "../../ops/simplify.ts";
import { rng } from "../../random/rng.ts";
import type { Arithmetic } from "../../spec/types.ts";
import { backwardBoxes, type Domains, intervalBoxes, linearBounds } from "./index.ts";
import { identityShortcuts, patchShortcuts } from "./shortcuts.ts";

/** Bounds of all logits, and of every relaxed operand, as one graph. */
function boundGraph(
  net: Graph,
  { slope = "adaptive" as SlopeRule, arithmetic = "real" as Arithmetic, intermediate = "backward" } = {},
): Graph {
  const b = builder();
  const x = net.inputs[0]!;
  const lower = b.input("lower", x.shape);
  const upper = b.input("upper", x.shape);
  const domains: Domains = new Map([[x as Value, { box: { lower, upper } }]]);
  const target = outputOf(net);
  const boxes =
    intermediate === "backward"
      ? backwardBoxes(b, target, domains, { slope, arithmetic })
      : intervalBoxes(b, [target], domains, { arithmetic });
  const bounds = linearBounds(b, target, { kind: "all" }, domains, boxes, { twoSided: true, slope, arithmetic });
  const outputs = [
    { name: "lower", value: bounds.lower },
    { name: "upper", value: bounds.upper! },
  ];
  return simplify(makeGraph([lower, upper], outputs));
}

const run = (graph: Graph, feeds: Record<string, Tensor>) => evaluateGraph(graph, new Map(Object.entries(feeds)));

function randomBox(seed: number, shape: readonly number[], radius: number) {
  const random = rng(seed);
  const size = shape.reduce((p, q) => p * q, 1);
  const centre = Float64Array.from({ length: size }, () => random.uniform());
  return {
    lower: floatTensor(
      shape,
      centre.map((c) => c - radius),
    ),
    upper: floatTensor(
      shape,
      centre.map((c) => c + radius),
    ),
  };
}

const nets: Record<string, Graph> = {
  dense: denseNet(1, [5, 8, 7, 3]),
  "conv-conv-dense": convNet(
    2,
    [2, 8],
    [
      { channels: 3, kernel: 4, stride: 2, pad: 1 },
      { channels: 4, kernel: 3, stride: 2, pad: 1 },
    ],
    [5, 3],
  ),
  "three convolutions": convNet(
    3,
    [1, 9],
    [
      { channels: 2, kernel: 3, stride: 1, pad: 1 },
      { channels: 3, kernel: 4, stride: 2, pad: 1 },
      { channels: 2, kernel: 3, stride: 1, pad: 0 },
    ],
    [3],
  ),
  residual: convNet(
    4,
    [2, 6],
    [
      { channels: 3, kernel: 3, stride: 1, pad: 1 },
      { channels: 3, kernel: 3, stride: 1, pad: 1 },
      { channels: 3, kernel: 3, stride: 1, pad: 1 },
    ],
    [4, 3],
    true,
  ),
};

describe.each(Object.entries(nets))("linear bounds of a %s net", (_, net) => {
  const shape = net.inputs[0]!.shape.slice(1) as number[];
  const batch = 3;
  const box = randomBox(7, [batch, ...shape], 0.08);

  test.each(["adaptive", "parallel", "zero", "one"] as const)("contain 500 sampled outputs with slope %s", (slope) => {
    const bounds = run(boundGraph(net, { slope }), box);
    const random = rng(11);
    for (let i = 0; i < 500; i++) {
      const corner = i % 2 === 0;
      const x = box.lower.data.map((l, k) => {
        const t = corner ? random.int(2) : random.uniform();
        return l + t * (box.upper.data[k]! - l);
      });
      const logits = run(net, { x: floatTensor([batch, ...shape], x) }).get("logits")!.data;
      logits.forEach((logit, k) => {
        expect(logit).toBeGreaterThanOrEqual(bounds.get("lower")!.data[k]! - 1e-9);
        expect(logit).toBeLessThanOrEqual(bounds.get("upper")!.data[k]! + 1e-9);
      });
    }
  });

  test("are the same with sparse coefficients and with dense ones", () => {
    const sparse = run(boundGraph(net), box);
    const saved = [identityShortcuts, patchShortcuts].map((table) => {
      const copy = { ...table };
      for (const op of Object.keys(table)) delete table[op as keyof typeof table];
      return copy;
    });
    const dense = run(boundGraph(net), box);
    Object.assign(identityShortcuts, saved[0]);
    Object.assign(patchShortcuts, saved[1]);
    for (const side of ["lower", "upper"])
      sparse.get(side)!.data.forEach((bound, k) => {
        expect(bound).toBeCloseTo(dense.get(side)!.data[k]!, 9);
      });
  });

  test("are the network itself on a point", () => {
    const point = { lower: box.lower, upper: box.lower };
    const bounds = run(boundGraph(net), point);
    const logits = run(net, { x: box.lower }).get("logits")!.data;
    for (const side of ["lower", "upper"])
      bounds.get(side)!.data.forEach((bound, k) => {
        expect(bound).toBeCloseTo(logits[k]!, 9);
      });
  });

  test("lie outside the float32 ones nowhere: the rounding error only widens", () => {
    const real = run(boundGraph(net), box);
    const safe = run(boundGraph(net, { arithmetic: "float32" }), box);
    real.get("lower")!.data.forEach((bound, k) => {
      expect(safe.get("lower")!.data[k]!).toBeLessThan(bound);
      expect(safe.get("lower")!.data[k]!).toBeGreaterThan(bound - 0.01);
      expect(safe.get("upper")!.data[k]!).toBeGreaterThan(real.get("upper")!.data[k]!);
    });
  });
});
