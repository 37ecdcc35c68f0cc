import fc from "fast-check";
import { expect, test } from "vitest";
import { type Rng, rng } from "../random/rng.ts";
import { ballOf, endsOf, stepUphill } from "./ball.ts";
import { distances, roundDown, roundTowards, roundUp } from "./sets.ts";
import type { Norm, Threat } from "./types.ts";

const NORMS: readonly Norm[] = ["linf", "l2", "l1"];
const SIZE = 6;

interface Case {
  readonly threat: Threat;
  readonly centre: Float32Array;
  readonly random: Rng;
}

/** Small balls around points of which some lie at the domain's edge; every third has no domain. */
function cases(norm: Norm, count: number): Case[] {
  return Array.from({ length: count }, (_, k) => {
    const random = rng(11).split(norm).split(`${k}`);
    const centre = Float32Array.from({ length: SIZE }, () => Math.min(1, Math.max(0, 1.4 * random.uniform() - 0.2)));
    return {
      threat: { norm, epsilon: 0.02 + 1.2 * random.uniform(), domain: k % 3 ? [0, 1] : undefined },
      centre,
      random,
    };
  });
}

const inside = ({ threat, centre }: Case, point: ArrayLike<number>): boolean =>
  distances[threat.norm](point, centre) <= threat.epsilon * (1 + 1e-12) &&
  Array.from(point).every((v) => threat.domain === undefined || (v >= threat.domain[0] && v <= threat.domain[1]));

/** Points of the set, found by rejection alone: corners of the domain among them. */
function members(c: Case, count: number): Float64Array[] {
  const { threat, centre, random } = c;
  const found: Float64Array[] = [];
  for (let tries = 0; tries < 200 * count && found.length < count; tries++) {
    const scale = threat.epsilon * random.uniform();
    const point = Float64Array.from(centre, (v) => {
      const moved = random.uniform() < 0.5 ? v : v + scale * (2 * random.uniform() - 1);
      return threat.domain ? Math.min(threat.domain[1], Math.max(threat.domain[0], moved)) : moved;
    });
    if (inside(c, point)) found.push(point);
  }
  return found;
}

const dot = (x: ArrayLike<number>, y: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!;
  return sum;
};

test.for(NORMS)("in %s, projecting gives the nearest point of the set", (norm) => {
  for (const c of cases(norm, 60)) {
    const { threat, centre, random } = c;
    const far = Float64Array.from(centre, (v) => v + 2 * random.normal());
    const near = ballOf(threat).project(far, centre);
    expect(inside(c, near)).toBe(true);
    // p is the projection of y on a convex set exactly when no member s has ⟨y − p, s − p⟩ > 0
    const residual = far.map((v, i) => v - near[i]!);
    for (const member of members(c, 100)) {
      const gain = dot(
        residual,
        member.map((v, i) => v - near[i]!),
      );
      expect(gain).toBeLessThan(1e-5);
    }
  }
});

test.for(NORMS)("in %s, projecting moves no point of the set", (norm) => {
  for (const c of cases(norm, 30)) {
    for (const member of members(c, 5)) {
      const again = ballOf(c.threat).project(member, c.centre);
      expect(distances.linf(again, member)).toBeLessThan(1e-6);
    }
  }
});

test.for(NORMS)("in %s, no member of the set has a larger linear function than the linear maximum", (norm) => {
  for (const c of cases(norm, 60)) {
    const gradient = Float32Array.from(c.centre, () => c.random.normal());
    const top = ballOf(c.threat).linearMaximum(c.centre, gradient);
    expect(inside(c, top)).toBe(true);
    for (const member of members(c, 100)) expect(dot(gradient, member)).toBeLessThan(dot(gradient, top) + 1e-5);
  }
});

test.for([
  ["linf", 0.3 * (1 + 2 + 3)],
  ["l2", 0.3 * Math.sqrt(1 + 4 + 9)],
  ["l1", 0.3 * 3],
] as const)("in %s without a domain, the linear maximum gains epsilon times the dual norm", ([norm, gain]) => {
  const centre = new Float32Array(3);
  const gradient = Float32Array.of(1, -2, 3);
  const top = ballOf({ norm, epsilon: 0.3, domain: undefined }).linearMaximum(centre, gradient);
  expect(dot(gradient, top)).toBeCloseTo(gain, 6);
});

test.for(NORMS)("in %s, a step uphill has unit length and goes uphill", (norm) => {
  const random = rng(3).split(norm);
  const gradient = Float32Array.from({ length: 300 }, () => random.normal());
  const step = ballOf({ norm, epsilon: 1, domain: [0, 1] }).steepest(gradient, new Float32Array(300).fill(0.5));
  expect(distances[norm](step, new Float64Array(300))).toBeCloseTo(1, 12);
  expect(dot(step, gradient)).toBeGreaterThan(0);
});

test.for(NORMS)("in %s, a step at once is the steepest direction, then the projection, bit for bit", (norm) => {
  for (const { threat, centre, random } of cases(norm, 60)) {
    const ball = ballOf(threat);
    const point = ball.randomStart(centre, random);
    // zeros of both signs among the slopes
    const slope = Float32Array.from(centre, (_, i) => (i === 0 ? 0 : i === 1 ? -0 : random.normal()));
    const length = threat.epsilon * random.uniform();
    const direction = ball.steepest(slope, point);
    const places = direction.map((part, i) => point[i]! + length * part);
    expect(stepUphill(ball, centre, point, slope, length)).toEqual(ball.project(places, centre));
  }
});

test("the ends of a set of linf lie in it, no float32 beyond them does, and clamping to them is the projection", () => {
  for (const c of cases("linf", 60)) {
    const { threat, centre, random } = c;
    const { lower, upper } = endsOf(threat, centre);
    for (const [end, beyond] of [
      [lower, (v: number) => roundDown(v - 1e-9 * Math.max(1e-30, Math.abs(v)))],
      [upper, (v: number) => roundUp(v + 1e-9 * Math.max(1e-30, Math.abs(v)))],
    ] as const) {
      expect(inside(c, end)).toBe(true);
      for (let i = 0; i < SIZE; i++) expect(inside(c, end.with(i, beyond(end[i]!)))).toBe(false);
    }
    const far = Float32Array.from(centre, (v) => v + 2 * random.normal());
    const clamped = far.map((v, i) => Math.min(upper[i]!, Math.max(lower[i]!, v)));
    expect(clamped).toEqual(ballOf(threat).project(Float64Array.from(far), centre));
  }
});

test.for(NORMS)("in %s, random starts lie in the set, differ, and reach into its outer half", (norm) => {
  for (const c of cases(norm, 20)) {
    const starts = Array.from({ length: 8 }, (_, k) => ballOf(c.threat).randomStart(c.centre, c.random.split(`${k}`)));
    for (const start of starts) expect(inside(c, start)).toBe(true);
    expect(new Set(starts.map((start) => start.join())).size).toBe(8);
    if (c.threat.domain !== undefined) continue;
    const farthest = Math.max(...starts.map((start) => distances[norm](start, c.centre)));
    expect(farthest).toBeGreaterThan(c.threat.epsilon / 2);
  }
});

test.for(NORMS)("in %s, a ball of radius 0 is its centre", (norm) => {
  const centre = Float32Array.of(0, 0.1, 1);
  const ball = ballOf({ norm, epsilon: 0, domain: [0, 1] });
  expect(ball.project(Float64Array.of(5, 5, 5), centre)).toEqual(centre);
  expect(ball.linearMaximum(centre, Float32Array.of(1, 1, 1))).toEqual(centre);
  expect(ball.randomStart(centre, rng(1))).toEqual(centre);
});

test("rounding towards a centre is rounding down above it and up below it, for every kind of number", () => {
  const float = fc.float({ noNaN: true, noDefaultInfinity: true });
  const edges = [0, -0, 2 ** -149, -(2 ** -149), 2 ** -150, 1e-300, -1e-300, Number.MIN_VALUE, 1, -1, 0.1];
  const value = fc.oneof(
    fc.double({ noNaN: true, min: -3e38, max: 3e38 }),
    fc.double({ noNaN: true, min: -1, max: 1 }),
    fc.constantFrom(...edges),
    float,
  );
  const centre = fc.oneof(float, fc.constantFrom(...edges.map(Math.fround)));
  fc.assert(
    fc.property(value, centre, (x, c) => {
      const [point] = roundTowards(Float64Array.of(x), Float32Array.of(c), new Float32Array(1));
      expect(point).toBe(x > c ? roundDown(x) : roundUp(x));
    }),
    { seed: 5, numRuns: 3000, examples: [[1e-300, 2 ** -149]] },
  );
});
