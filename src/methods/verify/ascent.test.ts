/**
 * @file Slopes and multipliers chosen by ascent, on random networks: never above what enumeration of the activation patterns
 * finds, never below the bound they start from, and valid at any choice.
 */

import { afterAll, describe, expect, test } from "vitest";
import { exactMinima, forward, marginNet } from "../../../test/support/plain.ts";
import {
  batchOf,
  boxAround,
  graphOf,
  pointIn,
  randomCases,
  randomPlain,
  randomSizes,
} from "../../../test/support/random-nets.ts";
import { makeGraph } from "../../graph/traverse.ts";
import { builder } from "../../ops/index.ts";
import { rng } from "../../random/rng.ts";
import { createRuntime } from "../../runtime/node.ts";
import { classification } from "../../spec/classification.ts";
import type { Threat } from "../../spec/types.ts";
import { networkOf } from "../network.ts";
import { alphaCrown } from "./alpha-crown.ts";
import { ascentOf } from "./ascent.ts";
import { boundable } from "./boundable.ts";
import { crown, crownBounder } from "./crown.ts";
import { ownRows, repeatedBox } from "./row-queries.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const BOX: Threat = { norm: "linf", epsilon: 0, domain: undefined };
const OPTIONS = { norm: "linf" } as const;
const NETS = process.env["CI"] === undefined ? 12 : 60;
const CASES = 3;
/** Cutting a box into simplices is exponential in its dimensions. */
const ENUMERABLE_INPUTS = 3;

const seeds = Array.from({ length: NETS }, (_, seed) => seed);
const netOf = (seed: number) => {
  const net = randomPlain(seed, randomSizes(seed));
  const cases = randomCases(seed, net, CASES);
  return { net, cases, network: networkOf(graphOf(net), `net ${seed}`) };
};

test.each(seeds)("α-CROWN of net %i is at least CROWN and at most the exact minimum", async (seed) => {
  const { net, cases, network } = netOf(seed);
  const queries = classification(network, batchOf(cases), BOX);
  await using optimised = await alphaCrown.prepare(network, runtime, OPTIONS);
  await using fixed = await crown.prepare(network, runtime, OPTIONS);
  const [better, plain] = [await optimised.bounds(queries), await fixed.bounds(queries)];
  // a batch's sums and one query's are rounded in their own order
  for (const [i, bound] of better.lower.entries())
    expect(bound).toBeGreaterThanOrEqual(plain.lower[i]! - 1e-6 * (1 + Math.abs(plain.lower[i]!)));
  for (const [i, one] of cases.entries()) {
    if (one.centre.length > ENUMERABLE_INPUTS) continue;
    const exact = exactMinima(marginNet(net, one.label), boxAround(one));
    for (const [r, minimum] of exact.entries())
      expect(better.lower[i * exact.length + r]!).toBeLessThanOrEqual(minimum);
  }
});

test("α-CROWN closes most of what CROWN leaves open", async () => {
  let [gap, left] = [0, 0];
  for (const seed of seeds) {
    const { net, cases, network } = netOf(seed);
    if (cases[0]!.centre.length > ENUMERABLE_INPUTS) continue;
    const queries = classification(network, batchOf(cases), BOX);
    await using optimised = await alphaCrown.prepare(network, runtime, OPTIONS);
    await using fixed = await crown.prepare(network, runtime, OPTIONS);
    const [better, plain] = [await optimised.bounds(queries), await fixed.bounds(queries)];
    for (const [i, one] of cases.entries())
      for (const [r, minimum] of exactMinima(marginNet(net, one.label), boxAround(one)).entries()) {
        const at = i * queries.spec.size + r;
        // what CROWN proves is left as it is
        if (plain.lower[at]! > 0) continue;
        gap += minimum - plain.lower[at]!;
        left += minimum - better.lower[at]!;
      }
  }
  expect(gap).toBeGreaterThan(0);
  expect(left).toBeLessThan(0.7 * gap);
});

describe("at any choice of lines and multipliers", () => {
  test.each(seeds)("a bound of net %i holds where the signs do", async (seed) => {
    const { net, cases, network } = netOf(seed);
    const random = rng(seed).split("choices");
    const queries = classification(network, batchOf(cases), BOX);
    const boundaries = boundable(network.graph, "float32");
    await using bounder = await crownBounder(network.graph, runtime, OPTIONS);
    await using ascent = await ascentOf(boundaries, runtime, OPTIONS);
    for (const [i, one] of cases.entries()) {
      const rows = [0, 1];
      // signs of a random point of the box, so that some point obeys them
      const centre = pointIn(boxAround(one), random);
      const signs = layersOf(net, centre).map((layer) =>
        Int8Array.from(layer, (value) => (random.int(2) === 0 ? 0 : value > 0 ? 1 : -1)),
      );
      const given = { splits: new Map(signs.map((own, k) => [k, own])) };
      const query = classification(network, batchOf([one]), BOX);
      const { boxes } = await bounder.bounds(query, given);
      const start = new Map(
        ascent.choices.map(({ name, size }) => [
          name,
          Float32Array.from({ length: rows.length * size }, () => random.uniform() * (name.startsWith("beta") ? 3 : 1)),
        ]),
      );
      const problem = {
        queries: ownRows(queries, i, rows),
        boxes: boxes.map((box) => repeatedBox(box, rows.length)),
        signs: new Map(signs.map((own, k) => [k, Int8Array.from([...own, ...own])])),
      };
      const settings = { steps: 15, rate: 0.1, betaRate: 0.1, decay: 0.98, onwards: true };
      const fuzzed = await ascent.ascend({ ...problem, start }, { ...settings, steps: 0 });
      const climbed = await ascent.ascend(problem, settings);
      const margins = marginNet(net, one.label);
      let obeying = 0;
      for (let k = 0; k < 300; k++) {
        const x = k === 0 ? centre : pointIn(boxAround(one), random);
        const obeys = layersOf(net, x).every((layer, l) => layer.every((value, j) => signs[l]![j]! * value >= 0));
        if (!obeys) continue;
        obeying++;
        for (const [r, margin] of forward(margins, x).entries()) {
          expect(fuzzed.lower[r]!).toBeLessThanOrEqual(margin);
          expect(climbed.lower[r]!).toBeLessThanOrEqual(margin);
        }
      }
      expect(obeying).toBeGreaterThan(0);
    }
  });
});

test("coefficients go with the bound that they give, where rounding made the start's the better one", async () => {
  const { cases, network } = netOf(1);
  let runs = 0;
  const worse: Pick<typeof runtime, "compile"> = {
    async compile(graph, options) {
      const session = await runtime.compile(graph, options);
      if (!options.name?.endsWith("/bound")) return session;
      return {
        ...session,
        [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
        async run(feeds) {
          const found = await session.run(feeds);
          const rows = found["rows"]!;
          // the second run bounds what the search found
          return runs++ === 0 ? found : { ...found, rows: { ...rows, data: rows.data.map((row) => row - 100) } };
        },
      };
    },
  };
  await using bounder = await crownBounder(network.graph, runtime, OPTIONS);
  await using ascent = await ascentOf(boundable(network.graph, "float32"), worse, OPTIONS);
  const query = classification(network, batchOf(cases.slice(0, 1)), BOX);
  const { boxes } = await bounder.bounds(query, {});
  const settings = { steps: 3, rate: 0.1, betaRate: 0, decay: 1, onwards: true };
  const found = await ascent.ascend({ queries: ownRows(query, 0, [0]), boxes }, settings);
  expect(runs).toBe(2);
  expect(found.lower[0]! - found.linear[0]!).toBeGreaterThan(50);
});

test("a layer of which nothing is known proves nothing, whatever a later clip makes of it", async () => {
  const b = builder();
  const x = b.input("x", ["N", 1]);
  const hidden = b.emit("Clip", [b.emit("Mul", [x, b.constant(3)])], { min: 1, max: 2 });
  const graph = makeGraph([x], [{ name: "y", value: hidden }]);
  const net = boundable(graph, "float32");
  await using ascent = await ascentOf(net, runtime, OPTIONS);
  const queries = {
    count: 2,
    sets: new Map([["x", { kind: "box", lower: new Float32Array(2), upper: new Float32Array(2).fill(1) } as const]]),
    spec: { outputs: 1, size: 1, rows: { kind: "dense", matrix: Float32Array.of(1, 1) } as const },
  };
  const boxes = [{ lower: Float32Array.of(0, 0), upper: Float32Array.of(3, Number.POSITIVE_INFINITY) }];
  const found = await ascent.ascend({ queries, boxes }, { steps: 2, rate: 0.1, betaRate: 0, decay: 1 });
  expect(found.lower[0]).toBeGreaterThan(0);
  expect(found.lower[1]).toBe(Number.NEGATIVE_INFINITY);
});

/** What goes into each ReLU. */
const layersOf = (net: Parameters<typeof forward>[0], x: Float64Array): Float64Array[] =>
  net.slice(0, -1).map((_, k) => forward(net.slice(0, k + 1), x));
