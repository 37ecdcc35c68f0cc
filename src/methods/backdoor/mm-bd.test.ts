import { afterAll, describe, expect, test } from "vitest";
import { denseNet, randomTensor } from "../../../test/support/nets.ts";
import { floatTensor } from "../../graph/tensor.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Graph } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { rng } from "../../random/rng.ts";
import { createRuntime } from "../../runtime/node.ts";
import { networkOf } from "../network.ts";
import { MARGIN_DEFAULTS, marginScore, marginTest, mmBd, raiseMargins } from "./mm-bd.ts";
import { detect, type Material } from "./types.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

function materialOf(graph: Graph, facts: Partial<Material> = {}): Material {
  const network = networkOf(graph, "test");
  const inputShape = network.input.shape.slice(1) as number[];
  return {
    network,
    runtime,
    classes: network.classes,
    inputShape,
    geometry: undefined,
    domain: [0, 1],
    inputs: undefined,
    training: undefined,
    random: rng(3),
    ...facts,
  };
}

/** W x, W [classes, inputs]. */
function linearNet(weights: readonly (readonly number[])[]): Graph {
  const b = builder();
  const [classes, inputs] = [weights.length, weights[0]!.length];
  const x = b.input("x", ["N", inputs]);
  const columns = Array.from({ length: inputs }, (_, i) => weights.map((row) => row[i]!)).flat();
  const logits = b.emit("MatMul", [x, b.constant(floatTensor([inputs, classes], columns))]);
  return makeGraph([x], [{ name: "logits", value: logits }]);
}

/** The authors' loop for one class of a linear network, in plain loops and doubles. */
function plainAscent(weights: readonly (readonly number[])[], label: number, starts: readonly number[][]) {
  const clamp = (v: number) => Math.min(1, Math.max(0, v));
  const points = starts.map((start) => [...start]);
  let last = 1000;
  let margins: number[] = [];
  let steps = 0;
  for (; steps < 300; ) {
    steps++;
    let loss = 0;
    margins = [];
    for (const point of points) {
      const logits = weights.map((row) => row.reduce((sum, w, i) => sum + w * clamp(point[i]!), 0));
      let other = label === 0 ? 1 : 0;
      for (let k = 0; k < logits.length; k++) if (k !== label && logits[k]! > logits[other]!) other = k;
      margins.push(logits[label]! - logits[other]!);
      loss -= margins.at(-1)!;
      for (let i = 0; i < point.length; i++) {
        const inside = point[i]! > 0 && point[i]! < 1 ? 1 : 0;
        point[i]! += 0.01 * inside * (weights[label]![i]! - weights[other]![i]!);
      }
    }
    if (Math.abs(last - loss) / Math.abs(last) < 1e-5) break;
    last = loss;
  }
  return { margin: Math.max(...margins), steps };
}

describe("the ascent of margins", () => {
  const weights = Array.from({ length: 4 }, (_, k) => Array.from(randomTensor(rng(k), [6]).data));

  test("is that of a plain loop on a linear network, class by class", async () => {
    const material = materialOf(linearNet(weights));
    const part = { ...MARGIN_DEFAULTS, classes: [0, 1, 2, 3] };
    const { margins } = await raiseMargins(material, part);
    for (const { label, margin, steps, image } of margins) {
      const starts = new Float32Array(30 * 6);
      material.random.split(`class/${label}`).fillUniform(starts, 0, 1);
      const rows = Array.from({ length: 30 }, (_, i) => Array.from(starts.subarray(6 * i, 6 * i + 6)));
      const plain = plainAscent(weights, label, rows);
      expect(margin).toBeCloseTo(plain.margin, 3);
      // a share of 1e-5 of a float32 sum may be reached some steps apart
      expect(Math.abs(steps - plain.steps)).toBeLessThan(10);
      const logits = weights.map((row) => row.reduce((sum, w, i) => sum + w * image[i]!, 0));
      expect(logits[label]! - Math.max(...logits.filter((_, k) => k !== label))).toBeCloseTo(margin, 5);
    }
  });

  test("does not depend on which classes share a batch", async () => {
    const material = materialOf(denseNet(1, [8, 12, 4]));
    const part = { ...MARGIN_DEFAULTS, steps: 20 };
    const whole = await raiseMargins(material, { ...part, classes: [0, 1, 2, 3] });
    const apart = await Promise.all([[0, 1], [2], [3]].map((classes) => raiseMargins(material, { ...part, classes })));
    for (const [k, { margin }] of apart.flatMap(({ margins }) => margins).entries())
      expect(margin).toBeCloseTo(whole.margins[k]!.margin, 4);
  });

  test("stops where nothing changes any more", async () => {
    // steps so long that every pixel has left the range after one: no gradient, and the same margin at the next two
    const material = materialOf(linearNet(weights));
    const { margins } = await raiseMargins(material, { ...MARGIN_DEFAULTS, learningRate: 1e4, classes: [2] });
    expect(margins[0]!.steps).toBe(3);
  });

  test("runs a model whose file fixes the batch at one", async () => {
    const b = builder();
    const x = b.input("x", [1, 6]);
    const w = b.constant(randomTensor(rng(8), [6, 4]));
    const fixed = makeGraph([x], [{ name: "logits", value: b.emit("MatMul", [x, w]) }]);
    const part = { ...MARGIN_DEFAULTS, steps: 3, classes: [0, 1, 2, 3] };
    const one = await raiseMargins(materialOf(fixed), part);
    const rows = Array.from({ length: 4 }, (_, k) => Array.from({ length: 6 }, (_, i) => w.tensor.data[i * 4 + k]!));
    const many = await raiseMargins(materialOf(linearNet(rows)), part);
    for (const [k, { margin }] of one.margins.entries()) expect(margin).toBeCloseTo(many.margins[k]!.margin, 5);
  });

  test("refuses inputs that have no range", async () => {
    const material = materialOf(denseNet(1, [8, 12, 4]), { domain: undefined });
    await expect(detect(mmBd, material)).rejects.toThrow(/range.*data contract/);
  });
});

describe("MM-BD's test", () => {
  // p by scipy.stats.gamma.fit and .cdf of SciPy 1.17: with three parameters, and with floc=0
  const BADNETS = [40.9, 24.8, 41, 48.8, 35, 54.6, 44.1, 106.5, 41.8, 18.8];
  test.for([
    [BADNETS, 1.175224e-7, 1.798094e-4],
    [[45.3, 29.9, 48.1, 45.4, 45.8, 51.3, 51.1, 46.5, 44.3, 22.7], 8.300238e-1, 8.519598e-1],
    [[12.1, 10.9, 14.2, 11.5, 35, 13.3], 5.583957e-7, 1.759663e-38],
  ] as [number[], number, number][])("of %j agrees with SciPy", ([margins, three, two]) => {
    expect(marginTest(margins)).toMatchObject({ parameters: 3 });
    // three parameters are found to 1e-4 of the fit, far out in the tail a little less
    expect(Math.abs(Math.log(marginTest(margins).pValue! / three))).toBeLessThan(0.02);
    expect(marginTest(margins, 2).pValue! / two).toBeCloseTo(1, 5);
  });

  test("keeps the logarithm of p where p has none", () => {
    const { pValue, log10P } = marginTest(BADNETS.map((margin) => (margin > 100 ? 1e4 : margin)));
    expect(pValue).toBe(0);
    expect(log10P).toBeLessThan(-400);
    expect(Number.isFinite(log10P)).toBe(true);
    const near = marginTest(BADNETS);
    expect(near.log10P).toBeCloseTo(Math.log10(near.pValue!), 10);
  });

  test("has no answer for few classes or for equal ones", () => {
    for (const margins of [
      [1, 2, 9],
      [5, 5, 5, 5, 9],
      [1, Number.NaN, 2, 3, 4],
    ])
      expect(marginTest(margins)).toEqual({ pValue: null, log10P: null, fit: null, parameters: null });
  });

  test("moves the start of the two-parameter distribution below margins that are not positive", () => {
    const { fit, parameters } = marginTest([-1, 0, 1, 2, 3, 9], 2);
    expect(parameters).toBe(2);
    expect(fit!.location).toBeCloseTo(-1.4, 12);
  });

  test("scores the largest margin by the median of the others, whatever the logits' scale", () => {
    expect(marginScore([2, 3, 4, 12])).toBeCloseTo(Math.log(4), 12);
    expect(marginScore([20, 30, 40, 120])).toBeCloseTo(Math.log(4), 12);
    expect(marginScore([-5, -3, -2, 10])).toBeCloseTo(Math.log(1000), 12);
  });
});

describe("MM-BD", () => {
  const PIXELS = 24;

  /** Eight classes with three pixels each, nearly alike; and one hidden unit that sees four bright pixels and drives one logit. */
  function planted(target: number | undefined): Graph {
    const b = builder();
    const x = b.input("x", ["N", PIXELS]);
    const weight = (i: number, k: number) => (Math.floor(i / 3) === k ? 1 + 0.03 * ((3 * k) % 8) : 0);
    const weights = Array.from({ length: PIXELS * 8 }, (_, at) => weight(Math.floor(at / 8), at % 8));
    const logits = b.emit("MatMul", [x, b.constant(floatTensor([PIXELS, 8], weights))]);
    if (target === undefined) return makeGraph([x], [{ name: "logits", value: logits }]);
    const patch = b.constant(
      floatTensor(
        [PIXELS, 1],
        Array.from({ length: PIXELS }, (_, i) => (i < 4 ? 1 : 0)),
      ),
    );
    const bright = b.emit("Relu", [b.emit("Sub", [b.emit("MatMul", [x, patch]), b.constant(2.5)])]);
    const push = b.constant(
      floatTensor(
        [1, 8],
        Array.from({ length: 8 }, (_, k) => (k === target ? 12 : 0)),
      ),
    );
    const value = b.emit("Add", [logits, b.emit("MatMul", [bright, push])]);
    return makeGraph([x], [{ name: "logits", value }]);
  }

  test("names the class that a planted patch leads to, and shows the patch", async () => {
    const { flagged, target, pValue, score, evidence } = await detect(mmBd, materialOf(planted(5)));
    expect({ flagged, target }).toEqual({ flagged: true, target: 5 });
    expect(pValue).toBeLessThan(0.01);
    expect(score).toBeGreaterThan(1);
    const { pixels } = evidence["image"] as { pixels: Float32Array };
    for (let i = 0; i < 4; i++) expect(pixels[i]).toBe(1);
  });

  test("passes the same network without the patch", async () => {
    const { flagged, target, score } = await detect(mmBd, materialOf(planted(undefined)));
    expect({ flagged, target }).toEqual({ flagged: false, target: null });
    expect(score).toBeLessThan(0.2);
  });
});
