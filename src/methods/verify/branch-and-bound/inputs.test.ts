/**
 * @file Branch and bound on random networks: what it decides is what enumeration of the activation patterns finds, and its
 * points are unsafe.
 */

import { afterAll, describe, expect, test } from "vitest";
import { exactMinima, forward, marginNet } from "../../../../test/support/plain.ts";
import {
  batchOf,
  boxAround,
  CLASSES,
  graphOf,
  pointIn,
  randomCases,
  randomPlain,
  randomSizes,
} from "../../../../test/support/random-nets.ts";
import { rng } from "../../../random/rng.ts";
import { createRuntime } from "../../../runtime/node.ts";
import { classification } from "../../../spec/classification.ts";
import type { LinearSpec, Queries, Threat } from "../../../spec/types.ts";
import { verdictOf } from "../../../spec/verdict.ts";
import { networkOf } from "../../network.ts";
import { clip, whereAtMost } from "./clip.ts";
import { branchAndBound } from "./index.ts";
import { Pool } from "./pool.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const BOX: Threat = { norm: "linf", epsilon: 0, domain: undefined };
const NETS = process.env["CI"] === undefined ? 16 : 100;
const CASES = 4;
/** Cutting a box into simplices is exponential in its dimensions. */
const ENUMERABLE_INPUTS = 3;
/** What float32 may hide of a margin of these networks. */
const TIE = 1e-4;

const seeds = Array.from({ length: NETS }, (_, seed) => seed);
const netOf = (seed: number) => {
  const net = randomPlain(seed, randomSizes(seed));
  return { net, cases: randomCases(seed, net, CASES), network: networkOf(graphOf(net), `net ${seed}`) };
};

test.each(seeds)("net %i: verified or falsified as enumeration says", async (seed) => {
  const { net, cases, network } = netOf(seed);
  const queries = classification(network, batchOf(cases), BOX);
  await using prepared = await branchAndBound.prepare(network, runtime, { norm: "linf" });
  const bounds = await prepared.bounds(queries, () => 20);
  for (const [i, one] of cases.entries()) {
    const verdict = verdictOf(queries, bounds, i);
    const claims = (bounds.claims ?? []).filter(({ query }) => query === i);
    for (const claim of claims)
      expect(Math.min(...forward(marginNet(net, one.label), claim.inputs.get("x")!.point))).toBeLessThan(TIE);
    expect(claims.length > 0).toBe(verdict.kind === "unknown");
    if (one.centre.length > ENUMERABLE_INPUTS) continue;
    const exact = Math.min(...exactMinima(marginNet(net, one.label), boxAround(one)));
    expect(verdict.margin).toBeLessThanOrEqual(exact);
    if (Math.abs(exact) > TIE) expect(verdict.kind).toBe(exact > 0 ? "verified" : "unknown");
  }
});

describe("of any question", () => {
  test.each(seeds)("net %i: what is proved holds at every sample", async (seed) => {
    const { net, cases, network } = netOf(seed);
    const random = rng(seed).split("questions");
    const size = 4;
    const count = cases.length;
    const inputs = cases[0]!.centre.length;
    // rows of random coefficients, in two disjuncts, with thresholds around what the network says in the middle
    const matrix = Float32Array.from({ length: count * size * CLASSES }, () => Math.fround(random.normal()));
    const valueAt = (i: number, r: number, x: ArrayLike<number>) =>
      forward(net, x).reduce((sum, y, k) => sum + y * matrix[(i * size + r) * CLASSES + k]!, 0);
    const thresholds = Float64Array.from(
      { length: count * size },
      (_, at) =>
        valueAt(Math.floor(at / size), at % size, cases[Math.floor(at / size)]!.centre) - 0.4 * random.uniform(),
    );
    const spec: LinearSpec = { outputs: CLASSES, size, rows: { kind: "dense", matrix }, thresholds, disjuncts: [1, 3] };
    // one half-space of the inputs, through a point near the middle
    const normal = Float64Array.from({ length: count * inputs }, () => random.normal());
    const limits = Float64Array.from({ length: count }, (_, i) =>
      cases[i]!.centre.reduce((sum, x, k) => sum + x * normal[i * inputs + k]!, 0.02),
    );
    const sets = classification(network, batchOf(cases), BOX).sets;
    const queries: Queries = {
      count,
      sets,
      spec,
      linearInputs: { size: 1, matrix: normal, thresholds: limits },
    };
    await using prepared = await branchAndBound.prepare(network, runtime, { norm: "linf" });
    const bounds = await prepared.bounds(queries, () => 5);
    let [proved, met] = [0, 0];
    for (const [i, one] of cases.entries()) {
      for (const claim of (bounds.claims ?? []).filter(({ query }) => query === i)) {
        met++;
        const { point } = claim.inputs.get("x")!;
        const excess = (r: number) => valueAt(i, r, point) - thresholds[i * size + r]!;
        const unsafe = Math.min(excess(0), Math.max(excess(1), excess(2), excess(3)));
        expect(unsafe).toBeLessThan(TIE);
      }
      if (verdictOf(queries, bounds, i).kind !== "verified") continue;
      proved++;
      for (let k = 0; k < 500; k++) {
        const x = pointIn(boxAround(one), random);
        if (x.reduce((sum, own, j) => sum + own * normal[i * inputs + j]!, 0) > limits[i]!) continue;
        const excess = (r: number) => valueAt(i, r, x) - thresholds[i * size + r]!;
        expect(Math.min(excess(0), Math.max(excess(1), excess(2), excess(3)))).toBeGreaterThan(0);
      }
    }
    expect(proved + met).toBe(count);
  });
});

test("half-spaces cut off nothing that lies in them", () => {
  const random = rng(5);
  let shrunk = 0;
  for (let trial = 0; trial < 400; trial++) {
    const inputs = 1 + random.int(4);
    const lower = Float32Array.from({ length: inputs }, () => random.normal());
    const upper = lower.map((low) => low + random.uniform());
    const box = { lower, upper };
    const spaces = Array.from({ length: 1 + random.int(3) }, () => {
      const a = Float64Array.from({ length: inputs }, () => (random.int(4) === 0 ? 0 : random.normal()));
      const least = a.reduce((sum, own, k) => sum + own * (own > 0 ? lower[k]! : upper[k]!), 0);
      // as if a row were ⟨a, x⟩ and had to be at most a little more than its least
      return whereAtMost(a, least, box, least + random.uniform() - 0.2)!;
    });
    const rest = clip(box, spaces);
    for (let k = 0; k < 50; k++) {
      const x = Float32Array.from(pointIn(box as never, random));
      if (!spaces.every(({ a, limit }) => x.reduce((sum, own, j) => sum + own * a[j]!, 0) <= limit - 1e-9)) continue;
      expect(rest).toBeDefined();
      expect(x.every((own, j) => own >= rest!.lower[j]! && own <= rest!.upper[j]!)).toBe(true);
    }
    if (!rest || rest.lower.some((low, k) => low > lower[k]! || rest.upper[k]! < upper[k]!)) shrunk++;
  }
  expect(shrunk).toBeGreaterThan(100);
});

test("the pool gives the worst first", () => {
  const random = rng(6);
  const pool = new Pool<{ readonly bound: number }>();
  const bounds = Array.from({ length: 500 }, () => random.normal());
  for (const bound of bounds) pool.add({ bound });
  expect(pool.worst).toBe(Math.min(...bounds));
  expect([...pool.take(200), ...pool.take(1000)].map(({ bound }) => bound)).toEqual(bounds.toSorted((x, y) => x - y));
  expect(pool.worst).toBe(Number.POSITIVE_INFINITY);
});
