import { afterAll, describe, expect, test } from "vitest";
import { randomTensor } from "../../../test/support/nets.ts";
import { float32Tensor, floatTensor } from "../../graph/tensor.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Graph } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { rng } from "../../random/rng.ts";
import { createRuntime } from "../../runtime/node.ts";
import type { Batch } from "../../spec/classification.ts";
import { networkOf } from "../network.ts";
import {
  belowOrderStatistic,
  meanEntropy,
  overlayEntropies,
  STRIP_DEFAULTS,
  strip,
  stripRates,
  thresholdsOf,
} from "./strip.ts";
import { detect, type Material } from "./types.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const plainEntropy = (logits: readonly number[]) => {
  const total = logits.reduce((sum, z) => sum + Math.exp(z), 0);
  return -logits.reduce((sum, z) => sum + (Math.exp(z) / total) * Math.log2(Math.exp(z) / total), 0);
};

describe("the entropy of answers", () => {
  test("is that of the definition, as a mean over rows", () => {
    expect(meanEntropy([1, 1, 1, 1], 4)).toBeCloseTo(2, 14);
    const rows = [
      [0.3, -1, 2],
      [4, 4, -3],
    ];
    const expected = (plainEntropy(rows[0]!) + plainEntropy(rows[1]!)) / 2;
    expect(meanEntropy(rows.flat(), 3)).toBeCloseTo(expected, 13);
  });

  test("is exact where softmax rounds to certainty", () => {
    // p = e^−60 of the other class: p (1 + 60) nats
    expect(meanEntropy([70, 10], 2) / ((Math.exp(-60) * 61) / Math.LN2)).toBeCloseTo(1, 12);
  });
});

describe("thresholds", () => {
  test("are order statistics that reject at most the level on average", () => {
    const ninetyNine = Float64Array.from({ length: 99 }, (_, i) => 99 - i);
    expect(thresholdsOf(ninetyNine)).toEqual([
      { level: 0.01, k: 1, entropy: 1 },
      { level: 0.05, k: 5, entropy: 5 },
      { level: 0.1, k: 10, entropy: 10 },
    ]);
    expect(thresholdsOf(ninetyNine.slice(0, 50)).map(({ level, k }) => [level, k])).toEqual([
      [0.05, 2],
      [0.1, 5],
    ]);
    expect(thresholdsOf(ninetyNine.slice(0, 8))).toEqual([]);
  });

  test("have the tail probability that counting all orders gives", () => {
    const [m, n] = [4, 5];
    for (const k of [1, 2, 5]) {
      const tails = new Array<number>(m + 1).fill(0);
      let orders = 0;
      for (let mask = 0; mask < 2 ** (m + n); mask++) {
        // by rising value, bit set: one of the m
        const bits = Array.from({ length: m + n }, (_, i) => (mask >> i) & 1);
        if (bits.reduce((sum, bit) => sum + bit, 0) !== m) continue;
        orders++;
        const at = bits.flatMap((bit, i) => (bit === 0 ? [i] : []))[k - 1]!;
        const below = at - (k - 1);
        for (let count = 0; count <= below; count++) tails[count]!++;
      }
      for (let count = 0; count <= m; count++)
        expect(belowOrderStatistic(count, m, k, n)).toBeCloseTo(tails[count]! / orders, 12);
    }
  });
});

/** Nine pixels: three classes of two pixels each, two idle ones, and one whose brightness alone forces class 1. */
function net(backdoored: boolean): Graph {
  const b = builder();
  const x = b.input("x", ["N", 9]);
  const w = Array.from({ length: 27 }, (_, at) => {
    const [pixel, k] = [Math.floor(at / 3), at % 3];
    return pixel < 6 && Math.floor(pixel / 2) === k ? 2 : 0;
  });
  const logits = b.emit("MatMul", [x, b.constant(floatTensor([9, 3], w))]);
  const pick = b.constant(floatTensor([9, 1], [0, 0, 0, 0, 0, 0, 0, 0, 1]));
  const bright = b.emit("Relu", [b.emit("Sub", [b.emit("MatMul", [x, pick]), b.constant(0.5)])]);
  const push = b.constant(floatTensor([1, 3], [0, backdoored ? 60 : 0, 0]));
  return makeGraph([x], [{ name: "logits", value: b.emit("Add", [logits, b.emit("MatMul", [bright, push])]) }]);
}

function inputs(seed: number, count: number, triggered: (i: number) => boolean = () => false): Batch {
  const data = new Float32Array(count * 9);
  rng(seed).fillUniform(data, 0, 1);
  for (let i = 0; i < count; i++) data[i * 9 + 8] = triggered(i) ? 1 : 0;
  const labels = Int32Array.from({ length: count }, (_, i) => (triggered(i) ? 1 : i % 3));
  return { images: float32Tensor([count, 9], data), labels };
}

const materialOf = (graph: Graph, facts: Partial<Material>): Material => ({
  network: networkOf(graph, "test"),
  runtime,
  classes: 3,
  inputShape: [9],
  geometry: undefined,
  domain: [0, 1],
  inputs: undefined,
  training: undefined,
  random: rng(1),
  ...facts,
});

describe("entropies under overlays", () => {
  test("never lay an input over itself", async () => {
    const b = builder();
    const x = b.input("x", ["N", 3]);
    const w = randomTensor(rng(9), [3, 3]);
    const linear = makeGraph([x], [{ name: "logits", value: b.emit("MatMul", [x, b.constant(w)]) }]);
    const pair = float32Tensor([2, 3], Float32Array.of(0.1, 0.2, 0.9, 0.4, 0.7, 0.5));
    const two: Batch = { images: pair, labels: Int32Array.of(0, 1) };
    const logitsOf = (pixels: readonly number[]) =>
      [0, 1, 2].map((k) => pixels.reduce((sum, v, i) => sum + v * w.data[i * 3 + k]!, 0));
    const entropies = (weight: number, clipped: boolean) =>
      overlayEntropies(materialOf(linear, {}), two, two, { overlays: 5, weight, clipped });
    for (const value of await entropies(1, false))
      expect(value).toBeCloseTo(plainEntropy(logitsOf([0.5, 0.9, 1.4])), 5);
    for (const value of await entropies(1, true)) expect(value).toBeCloseTo(plainEntropy(logitsOf([0.5, 0.9, 1])), 5);
    for (const value of await entropies(0.5, true))
      expect(value).toBeCloseTo(plainEntropy(logitsOf([0.25, 0.45, 0.7])), 5);
  });

  test("are low for inputs with the trigger, and only on a network that obeys it", async () => {
    const rates = async (backdoored: boolean) => {
      const setting = materialOf(net(backdoored), {});
      return stripRates(
        setting,
        inputs(1, 99),
        inputs(2, 40, () => true),
      );
    };
    const caught = await rates(true);
    expect(caught.map(({ detected }) => detected.estimate)).toEqual([1, 1, 1]);
    expect(caught.map(({ threshold }) => threshold.level)).toEqual([0.01, 0.05, 0.1]);
    for (const { detected } of await rates(false)) expect(detected.estimate).toBeLessThan(0.25);
  });
});

describe("STRIP", () => {
  const held = inputs(3, 120);
  const poisoned = inputs(4, 150, (i) => i % 10 === 0);
  const options = { ...STRIP_DEFAULTS, overlays: 20 };
  const examine = async (graph: Graph, facts: Partial<Material>) => {
    const material = materialOf(graph, facts);
    return strip.conclude([await strip.examine(material, options)], material);
  };

  test("flags poisoned training data and names their label", async () => {
    const { flagged, target, pValue, score, evidence } = await examine(net(true), { inputs: held, training: poisoned });
    expect({ flagged, target }).toEqual({ flagged: true, target: 1 });
    expect(pValue).toBeLessThan(0.01);
    expect(score).toBeCloseTo(0.1, 1);
    const places = [...(evidence["places"] as Int32Array)];
    for (let i = 0; i < 150; i += 10) expect(places).toContain(i);
  });

  test("passes clean training data", async () => {
    const { flagged, target } = await examine(net(true), { inputs: held, training: inputs(5, 150) });
    expect({ flagged, target }).toEqual({ flagged: false, target: null });
  });

  test("has no answer without suspects, or with few inputs", async () => {
    const none = await detect(strip, materialOf(net(true), { inputs: inputs(6, 20) }));
    expect(none).toMatchObject({ flagged: null, score: null, pValue: null });
    expect(none.reason).toMatch(/inputs, not models/);
    const few = await examine(net(true), { inputs: inputs(6, 8), training: poisoned });
    expect(few.flagged).toBeNull();
    expect(few.reason).toMatch(/8 held-out inputs are too few/);
  });

  test("refuses to lay one input over itself, and to work without inputs", async () => {
    await expect(examine(net(true), { inputs: inputs(6, 1) })).rejects.toThrow(/only one/);
    await expect(examine(net(true), {})).rejects.toThrow(/--data/);
  });
});
