import { describe, expect, test } from "vitest";
import { floatTensor } from "../../graph/tensor.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Value } from "../../graph/types.ts";
import { evaluateGraph } from "../../ops/evaluate.ts";
import { builder } from "../../ops/index.ts";
import { type Rng, rng } from "../../random/rng.ts";
import type { Arithmetic } from "../../spec/types.ts";
import { type Domains, linearBounds } from "./index.ts";

/** The bound of ⟨a, x⟩ over an l2 ball ∩ box. */
function bound(
  a: readonly number[],
  centre: readonly number[],
  radius: number,
  [low, high]: readonly [number, number],
  arithmetic: Arithmetic = "real",
): number {
  const b = builder();
  const size = a.length;
  const x = b.input("x", ["N", size]);
  const [lower, upper, c, r] = [
    b.input("lower", ["N", size]),
    b.input("upper", ["N", size]),
    b.input("centre", ["N", size]),
    b.input("radius", []),
  ];
  const target = b.emit("MatMul", [x, b.constant(floatTensor([size, 1], a))]);
  const domains: Domains = new Map([
    [x as Value, { box: { lower, upper }, ball: { norm: "l2", centre: c, radius: r } }],
  ]);
  const boxes = new Map([...domains].map(([value, { box }]) => [value, box]));
  const { lower: value } = linearBounds(b, target, { kind: "all" }, domains, boxes, { arithmetic });
  const graph = makeGraph([lower, upper, c, r], [{ name: "bound", value }]);
  const rows = (values: readonly number[]) => floatTensor([1, size], values);
  const feeds = new Map([
    ["lower", rows(centre.map((v) => Math.max(v - radius, low)))],
    ["upper", rows(centre.map((v) => Math.min(v + radius, high)))],
    ["centre", rows(centre)],
    ["radius", floatTensor([], [radius])],
  ]);
  return evaluateGraph(graph, feeds).get("bound")!.data[0]!;
}

/** The exact minimum, by bisection on the multiplier of the ball (the objective is convex). */
function exact(
  a: readonly number[],
  centre: readonly number[],
  radius: number,
  [low, high]: readonly [number, number],
): number {
  const at = (mu: number) => centre.map((c, i) => Math.min(Math.max(c - a[i]! / mu, low), high));
  const distance = (x: readonly number[]) => Math.hypot(...x.map((v, i) => v - centre[i]!));
  const value = (x: readonly number[]) => x.reduce((sum, v, i) => sum + a[i]! * v, 0);
  let [least, most] = [1e-12, 1e12];
  if (distance(at(least)) <= radius) return value(at(least));
  for (let step = 0; step < 300; step++) {
    const middle = Math.sqrt(least * most);
    if (distance(at(middle)) > radius) least = middle;
    else most = middle;
  }
  return value(at(most));
}

const problem = (random: Rng, size: number) => ({
  a: Array.from({ length: size }, () => random.normal()),
  centre: Array.from({ length: size }, () => (random.uniform() < 0.5 ? 0 : random.uniform())),
});

describe("the bound over an l2 ball in a box", () => {
  test.each(["real", "float32"] as const)("never exceeds the exact minimum, in %s arithmetic", (arithmetic) => {
    for (let seed = 0; seed < 200; seed++) {
      const random = rng(seed);
      const { a, centre } = problem(random, 1 + random.int(12));
      const radius = 10 ** (2 * random.uniform() - 2);
      const least = exact(a, centre, radius, [0, 1]);
      expect(bound(a, centre, radius, [0, 1], arithmetic)).toBeLessThanOrEqual(least + 1e-9);
    }
  });

  test("is that of the ball where the box is far, and better than the ball's and the box's where it is near", () => {
    let better = 0;
    for (let seed = 0; seed < 100; seed++) {
      const random = rng(seed);
      const { a, centre } = problem(random, 8);
      const [ball, radius] = [0.4 * Math.hypot(...a), 0.4];
      const middle = centre.reduce((sum, c, i) => sum + c * a[i]!, 0);
      expect(bound(a, centre, radius, [-9, 9])).toBeCloseTo(middle - ball, 10);
      const near = bound(a, centre, radius, [0, 1]);
      expect(near).toBeGreaterThanOrEqual(middle - ball - 1e-9);
      const least = exact(a, centre, radius, [0, 1]);
      if (near > middle - ball + 0.1 * (least - middle + ball)) better++;
    }
    expect(better).toBeGreaterThan(80);
  });

  test("is the centre's value where the radius or the row is zero", () => {
    expect(bound([1, -2], [0.5, 0.25], 0, [0, 1])).toBeCloseTo(0, 12);
    expect(bound([0, 0], [0.5, 0.25], 0.3, [0, 1])).toBeCloseTo(0, 12);
  });

  test("stays finite for a radius beyond the box", () => {
    expect(bound([1, -2], [0.5, 0.25], 1e6, [0, 1])).toBeCloseTo(-2, 9);
  });
});
