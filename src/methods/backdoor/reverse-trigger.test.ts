import { afterAll, describe, expect, test } from "vitest";
import { float32Tensor, floatTensor, intTensor } from "../../graph/tensor.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Tensor } from "../../graph/types.ts";
import { evaluateGraph } from "../../ops/evaluate.ts";
import { builder } from "../../ops/index.ts";
import { rng } from "../../random/rng.ts";
import { createRuntime } from "../../runtime/node.ts";
import { type Network, networkOf } from "../network.ts";
import { type Geometry, pixelIndex } from "../picture.ts";
import { compileTriggerEngine, randomStart, triggerAt, triggerGradientGraph, triggerSpace } from "./reverse-trigger.ts";
import type { CaseFacts } from "./types.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const [CHANNELS, HEIGHT, WIDTH, CLASSES, COUNT] = [3, 4, 5, 4, 6];
const SIZE = CHANNELS * HEIGHT * WIDTH;
const PIXELS = HEIGHT * WIDTH;

const normals = (label: string, size: number): Float32Array => {
  const out = new Float32Array(size);
  rng(3).split(label).fillNormal(out, 0, 0.5);
  return out;
};
const uniforms = (label: string, size: number): Float32Array => {
  const out = new Float32Array(size);
  rng(3).split(label).fillUniform(out, 0, 1);
  return out;
};

/** Weights and pixels of the same network and pictures in every layout, by channel, row, column. */
const FIRST = normals("first", SIZE * 8);
const SECOND = normals("second", 8 * CLASSES);
const PICTURES = uniforms("pictures", COUNT * SIZE);

const shapes = {
  NCHW: [CHANNELS, HEIGHT, WIDTH],
  NHWC: [HEIGHT, WIDTH, CHANNELS],
  flat: [SIZE],
} as const;
type LayoutName = keyof typeof shapes;
const geometryFor = (layout: LayoutName): Geometry => ({
  channels: CHANNELS as 3,
  height: HEIGHT,
  width: WIDTH,
  layout,
});

/** Where each value of a picture, by channel, row and column, lies in a layout. */
function places(layout: LayoutName): number[] {
  const at: number[] = [];
  for (let c = 0; c < CHANNELS; c++)
    for (let y = 0; y < HEIGHT; y++) for (let x = 0; x < WIDTH; x++) at.push(pixelIndex(geometryFor(layout), c, y, x));
  return at;
}

/** W₂·softsign(W₁ x): smooth, so that differences of its loss are clean. */
function networkIn(layout: LayoutName, batch: "N" | 1 = "N"): Network {
  const b = builder();
  const weights = new Float32Array(FIRST.length);
  for (const [i, at] of places(layout).entries()) weights.set(FIRST.subarray(i * 8, (i + 1) * 8), at * 8);
  const x = b.input("theta", [batch, ...shapes[layout]]); // a name that the trigger's graph uses too
  const flat = b.emit("Reshape", [x], { shape: [batch, SIZE] });
  const hidden = b.emit("Softsign", [
    b.emit("MatMul", [flat, b.constant({ dtype: "float", shape: [SIZE, 8], data: weights })]),
  ]);
  const logits = b.emit("MatMul", [hidden, b.constant({ dtype: "float", shape: [8, CLASSES], data: SECOND })]);
  return networkOf(makeGraph([x], [{ name: "logits", value: logits }]), layout);
}

const factsFor = (layout: LayoutName): CaseFacts => ({
  classes: CLASSES,
  inputShape: shapes[layout],
  geometry: geometryFor(layout),
  domain: [0, 1],
});

function imagesIn(layout: LayoutName): Tensor {
  const data = new Float32Array(PICTURES.length);
  for (let n = 0; n < COUNT; n++)
    for (const [i, at] of places(layout).entries()) data[n * SIZE + at] = PICTURES[n * SIZE + i]!;
  return { dtype: "float", shape: [COUNT, ...shapes[layout]], data };
}

/** θ with the same mask and pattern in every layout. */
function thetaIn(layout: LayoutName): Float64Array {
  const mask = normals("mask", PIXELS);
  const pattern = normals("pattern", SIZE);
  const theta = new Float64Array(PIXELS + SIZE);
  theta.set(mask);
  for (const [i, at] of places(layout).entries()) theta[PIXELS + at] = pattern[i]!;
  return theta;
}

/** By plain arithmetic, from the definition: pictures with the trigger, then the network, then cross-entropy. */
function expectedLoss(label: number): { crossEntropy: number; hits: number } {
  const unit = (value: number) => Math.tanh(value) / 2 + 0.5;
  const mask = normals("mask", PIXELS).map(unit);
  const pattern = normals("pattern", SIZE).map(unit);
  let [crossEntropy, hits] = [0, 0];
  for (let n = 0; n < COUNT; n++) {
    const hidden = new Array<number>(8).fill(0);
    for (let i = 0; i < SIZE; i++) {
      const m = mask[i % PIXELS]!;
      const value = (1 - m) * PICTURES[n * SIZE + i]! + m * pattern[i]!;
      for (let h = 0; h < 8; h++) hidden[h]! += value * FIRST[i * 8 + h]!;
    }
    const active = hidden.map((value) => value / (1 + Math.abs(value)));
    const logits = Array.from({ length: CLASSES }, (_, k) =>
      active.reduce((sum, value, h) => sum + value * SECOND[h * CLASSES + k]!, 0),
    );
    crossEntropy += Math.log(logits.reduce((sum, z) => sum + Math.exp(z), 0)) - logits[label]!;
    if (logits.indexOf(Math.max(...logits)) === label) hits++;
  }
  return { crossEntropy, hits };
}

const layouts = ["NCHW", "NHWC", "flat"] as const;
const WEIGHT = 0.37;

const graphOf = (layout: LayoutName) => triggerGradientGraph(networkIn(layout), triggerSpace(factsFor(layout)));
const graphs = { NCHW: graphOf("NCHW"), NHWC: graphOf("NHWC"), flat: graphOf("flat") };

const evaluate = (layout: LayoutName, theta: Float64Array, label: number) =>
  evaluateGraph(
    graphs[layout],
    new Map<string, Tensor>([
      ["images", imagesIn(layout)],
      ["label", intTensor([1], [label])],
      ["theta", floatTensor([theta.length], theta)],
      ["weight", floatTensor([], [WEIGHT])],
    ]),
  );

describe.each(layouts)("the trigger's loss in layout %s", (layout) => {
  test("is that of (1 − mask)·x + mask·pattern with one mask for all channels", () => {
    for (let label = 0; label < CLASSES; label++) {
      const out = evaluate(layout, thetaIn(layout), label);
      const { crossEntropy, hits } = expectedLoss(label);
      expect(out.get("crossEntropy")!.data[0]).toBeCloseTo(crossEntropy, 5);
      expect(out.get("hits")!.data[0]).toBe(hits);
    }
  });

  test("has the gradient that differences give", () => {
    const theta = thetaIn(layout);
    const slope = evaluate(layout, theta, 2).get("gradient")!.data;
    const loss = (i: number, by: number) => {
      const out = evaluate(layout, theta.with(i, theta[i]! + by), 2);
      return out.get("crossEntropy")!.data[0]! + WEIGHT * out.get("norm")!.data[0]!;
    };
    expect(slope).toHaveLength(theta.length);
    // all of the mask and every seventh value of the pattern
    for (let i = 0; i < theta.length; i += i < PIXELS ? 1 : 7)
      expect(slope[i]).toBeCloseTo((loss(i, 1e-4) - loss(i, -1e-4)) / 2e-4, 6);
  });
});

describe("one update", () => {
  test("is Adam's: the first moves every number by the learning rate against the sign of its slope", async () => {
    const layout = "NCHW";
    const engine = await compileTriggerEngine(networkIn(layout), runtime, factsFor(layout));
    const theta = Float32Array.from(thetaIn(layout));
    const search = engine.search(2, theta, 0.1);
    const cost = WEIGHT / COUNT;
    const answer = await search.step(imagesIn(layout), cost);
    const before = evaluate(layout, Float64Array.from(theta), 2);
    expect(answer.crossEntropy).toBeCloseTo(before.get("crossEntropy")!.data[0]! / COUNT, 4);
    expect(answer.norm).toBeCloseTo(before.get("norm")!.data[0]!, 4);
    const slope = before.get("gradient")!.data;
    const moved = triggerAt(
      engine.space,
      theta.map((value, i) => value - 0.1 * Math.sign(slope[i]!)),
    );
    search.trigger.mask.forEach((value, i) => {
      expect(value).toBeCloseTo(moved.mask[i]!, 4);
    });
    search.trigger.pattern.forEach((value, i) => {
      expect(value).toBeCloseTo(moved.pattern[i]!, 4);
    });
  });
});

describe("the space of triggers", () => {
  test("starts with mask and pattern uniform over their ranges", () => {
    const facts: CaseFacts = {
      classes: 2,
      inputShape: [3, 40, 40],
      geometry: { channels: 3, height: 40, width: 40, layout: "NCHW" },
      domain: [-1, 3],
    };
    const space = triggerSpace(facts);
    const { mask, pattern } = triggerAt(space, randomStart(space, rng(1)));
    expect([mask.length, pattern.length]).toEqual([1600, 4800]);
    for (const [values, low, high] of [
      [mask, 0, 1],
      [pattern, -1, 3],
    ] as const) {
      const unit = Array.from(values, (value) => (value - low) / (high - low));
      expect(Math.min(...unit)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...unit)).toBeLessThanOrEqual(1);
      // mean and variance of a uniform number, within four standard errors
      const mean = unit.reduce((sum, value) => sum + value, 0) / unit.length;
      const variance = unit.reduce((sum, value) => sum + (value - 0.5) ** 2, 0) / unit.length;
      expect(Math.abs(mean - 1 / 2)).toBeLessThan(4 * Math.sqrt(1 / 12 / unit.length));
      expect(Math.abs(variance - 1 / 12)).toBeLessThan(4 * Math.sqrt(1 / 180 / unit.length));
    }
  });

  test("has one number of the mask for each value of inputs that are no pictures", () => {
    const space = triggerSpace({ classes: 2, inputShape: [7], geometry: undefined, domain: [0, 1] });
    expect([space.maskSize, space.patternSize]).toEqual([7, 7]);
  });

  test("needs a range of values", () => {
    expect(() => triggerSpace({ classes: 2, inputShape: [7], geometry: undefined, domain: undefined })).toThrow(
      "state the pixel range",
    );
  });
});

test("a model whose file fixes the batch is refused with the way out", async () => {
  await expect(compileTriggerEngine(networkIn("NCHW", 1), runtime, factsFor("NCHW"))).rejects.toThrow(
    /fixes the batch at 1.*export the model with a free batch size/,
  );
});

test("a network without a gradient is refused: the norm of the mask alone would shrink any trigger", () => {
  const b = builder();
  const x = b.input("x", ["N", SIZE]);
  const steps = b.emit("MatMul", [
    b.emit("Round", [x]),
    b.constant(float32Tensor([SIZE, 2], new Float32Array(2 * SIZE))),
  ]);
  const network = networkOf(makeGraph([x], [{ name: "logits", value: steps }]), "steps");
  const facts = { classes: 2, inputShape: [SIZE], geometry: undefined, domain: [0, 1] as const };
  expect(() => triggerGradientGraph(network, triggerSpace(facts))).toThrow("has no gradient");
});
