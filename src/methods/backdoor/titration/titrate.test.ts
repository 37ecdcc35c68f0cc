import { afterAll, describe, expect, test } from "vitest";
import { floatTensor } from "../../../graph/tensor.ts";
import { makeGraph, outputOf } from "../../../graph/traverse.ts";
import type { Graph, Value } from "../../../graph/types.ts";
import { builder } from "../../../ops/index.ts";
import { rng } from "../../../random/rng.ts";
import { createRuntime } from "../../../runtime/node.ts";
import { loadModel } from "../../../runtime/node-model.ts";
import type { Batch } from "../../../spec/classification.ts";
import { networkOf } from "../../network.ts";
import { DetectorError, type Material } from "../types.ts";
import * as scores from "./scores.ts";
import { defaultModes, type TemperedCurve, titrate, titrateTempered } from "./titrate.ts";
import { type Mode, modeId, type NoiseKind } from "./types.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const real = (clipped: boolean, noise: NoiseKind = "gaussian"): Mode => ({ base: "real", noise, clipped });
const alone = (clipped: boolean): Mode => ({ base: "noise", noise: "gaussian", clipped });

/** x·w + bias for inputs of so many values; `batch` may be fixed. */
function linear(
  w: readonly (readonly number[])[],
  bias: readonly number[],
  { batch = "N" as "N" | number, softmax = false } = {},
): Graph {
  const b = builder();
  const x = b.input("noise", [batch, w.length]);
  const weights = b.constant(floatTensor([w.length, bias.length], w.flat()));
  const sums = b.emit("MatMul", [x, weights]);
  const logits = b.emit("Add", [sums, b.constant(floatTensor([bias.length], bias))]);
  const value = softmax ? b.emit("Softmax", [logits], { axis: 1 }) : logits;
  return makeGraph([x], [{ name: "y", value }]);
}

function material(graph: Graph, inputs: Batch | undefined, domain: Material["domain"] = [0, 1]): Material {
  const network = networkOf(graph, "test");
  const { classes } = network;
  const inputShape = network.input.shape.slice(1) as number[];
  const random = rng(11).split("titration");
  return { network, runtime, classes, inputShape, geometry: undefined, domain, inputs, training: undefined, random };
}

/** Copies of one input. */
function copies(count: number, values: readonly number[], label: number): Batch {
  const data = Float32Array.from({ length: count * values.length }, (_, i) => values[i % values.length]!);
  const images = { dtype: "float", shape: [count, values.length], data } as const;
  return { images, labels: new Int32Array(count).fill(label) };
}

/** Inputs of two random values and their labels under x₀ > x₁. */
function pairs(count: number): Batch {
  const data = new Float32Array(2 * count);
  rng(3).fillUniform(data, 0, 1);
  const labels = Int32Array.from({ length: count }, (_, i) => (data[2 * i]! >= data[2 * i + 1]! ? 0 : 1));
  return { images: { dtype: "float", shape: [count, 2], data }, labels };
}

/** Φ by its power series: Φ(x) = ½ + φ(x)·(x + x³/3 + x⁵/15 + …). */
function normalDistribution(x: number): number {
  let term = x;
  let sum = x;
  for (let k = 3; k < 200; k += 2) {
    term *= (x * x) / k;
    sum += term;
  }
  return 1 / 2 + (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * sum;
}

const standardError = (p: number, n: number): number => Math.sqrt((p * (1 - p)) / n);

describe("known answers", () => {
  test("a constant classifier never flips, always gives one answer, and is never wrong where it is right", async () => {
    const constant = linear([[0, 0, 0]], [0, 9, 0]);
    for (const curve of await titrate(material(constant, copies(30, [0.5], 1)))) {
      expect(scores.joint(curve)).toEqual(curve.grid.map(() => 0));
      expect(scores.flip(curve)).toEqual(curve.grid.map(() => 0));
      expect(scores.modalShare(curve)).toEqual(curve.grid.map(() => 1));
      expect(scores.entropy(curve)).toEqual(curve.grid.map(() => 0));
      expect(scores.confident(curve)).toEqual(curve.grid.map(() => 1));
      // nothing is wrong: there is nothing of which a share could be sure
      expect(scores.conditional(curve)).toEqual(curve.grid.map(() => null));
      expect(scores.conditionalArea(curve)).toBeNull();
    }
  });

  test.for([0.3, 0.7])(
    "a linear network on one pixel at %f flips as often as the normal distribution says",
    async (x) => {
      const count = 4000;
      // logits 2x − 1 and 0: margin |2x − 1|, ‖w‖ = 2
      const line = material(linear([[2, 0]], [-1, 0]), copies(count, [x], x > 0.5 ? 0 : 1));
      const modes = [real(false), real(true)];
      const curves = await titrate(line, { modes, inputs: count });
      for (const curve of curves) {
        for (const [i, rate] of scores.flip(curve).entries()) {
          const sigma = curve.grid[i]!;
          const p = sigma === 0 ? 0 : normalDistribution(-Math.abs(2 * x - 1) / (2 * sigma));
          expect(Math.abs(rate - p)).toBeLessThanOrEqual(3 * standardError(p, count));
        }
      }
      // clipping at 0 and 1 moves no pixel over ½
      expect(scores.flip(curves[1]!)).toEqual(scores.flip(curves[0]!));
    },
  );

  test("uniform noise flips as often as its distribution says", async () => {
    const line = material(linear([[2, 0]], [-1, 0]), copies(2000, [0.3], 1));
    const [curve] = await titrate(line, { modes: [real(false, "uniform")], inputs: 2000 });
    for (const [i, rate] of scores.flip(curve!).entries()) {
      const width = curve!.grid[i]! * Math.sqrt(3);
      const p = width <= 0.2 ? 0 : (width - 0.2) / (2 * width);
      expect(Math.abs(rate - p)).toBeLessThanOrEqual(3 * standardError(p, 2000));
    }
  });

  test("salt-and-pepper flips half of the replaced pixels, and none back at a higher share", async () => {
    const line = material(linear([[2, 0]], [-1, 0]), copies(2000, [0.3], 1));
    const [curve] = await titrate(line, { modes: [real(true, "salt-and-pepper")], inputs: 2000 });
    const rates = scores.flip(curve!);
    for (const [i, share] of curve!.grid.entries()) {
      expect(Math.abs(rates[i]! - share / 2)).toBeLessThanOrEqual(3 * standardError(share / 2, 2000));
      if (i > 0) expect(rates[i]).toBeGreaterThanOrEqual(rates[i - 1]!);
    }
  });

  test("counts by hand: what is sure, wrong, and where it leads", async () => {
    // one pixel at 0.3 of class 1; a flipped pixel is white, and its answer has confidence 1/(1 + e^−w)
    const rate = async (weight: number) => {
      const line = material(linear([[2 * weight, 0]], [-weight, 0]), copies(100, [0.3], 1));
      const [curve] = await titrate(line, { modes: [real(true, "salt-and-pepper")], shares: [0, 1] });
      return curve!.points[1]!;
    };
    const sure = await rate(5); // 0.9933
    expect(sure.wrongConfident).toEqual([sure.wrong, sure.wrong, sure.wrong]);
    expect(sure.wrongAnswers).toEqual([sure.wrong, 0]);
    expect(sure.wrongLabels).toEqual([0, sure.wrong]);
    expect(sure.answers).toEqual([sure.wrong, 100 - sure.wrong]);
    expect(sure.right).toEqual([0, 100 - sure.wrong]);
    const likely = await rate(2); // 0.8808
    expect(likely.wrongConfident).toEqual([sure.wrong, 0, 0]);
    expect(likely.wrongAnswers).toEqual([0, 0]);
  });

  test("without noise nothing flips, and real modes take only inputs that are answered right", async () => {
    const inputs = pairs(60);
    const labels = inputs.labels.map((label, i) => (i % 3 === 0 ? 1 - label : label));
    const order = material(
      linear(
        [
          [50, 0],
          [0, 50],
        ],
        [0, 0],
      ),
      { ...inputs, labels },
    );
    for (const curve of await titrate(order)) {
      expect(curve.inputs).toBe(curve.mode.base === "real" ? 40 : 400);
      expect(curve.points[0]).toMatchObject({ sigma: 0, wrong: 0, flips: 0, wrongConfident: [0, 0, 0] });
      expect(curve.points[0]!.answers).toEqual(curve.labels);
      expect(curve.points.at(-1)!.flips).toBeGreaterThan(0);
    }
  });
});

/** A unit that sees when a patch that is black in every digit becomes brighter than 0.3, and votes for one class. */
async function planted(target: number): Promise<Graph> {
  const { graph } = await loadModel("zoo/mnist-cnna-clean.onnx");
  const b = builder();
  const x = graph.inputs[0] as Value;
  const flat = b.emit("Reshape", [x], { shape: ["N", 784] });
  const inPatch = (k: number) => Math.floor(k / 28) < 4 && k % 28 < 4;
  const average = Array.from({ length: 784 }, (_, k) => (inPatch(k) ? 1 / 16 : 0));
  const brightness = b.emit("MatMul", [flat, b.constant(floatTensor([784, 1], average))]);
  const fires = b.emit("Relu", [b.emit("Sub", [brightness, b.constant(0.3)])]);
  const votes = Array.from({ length: 10 }, (_, k) => (k === target ? 300 : 0));
  const push = b.emit("MatMul", [fires, b.constant(floatTensor([1, 10], votes))]);
  return makeGraph([graph.inputs[0]!], [{ name: "y", value: b.emit("Add", [outputOf(graph), push]) }]);
}

async function digits(count: number): Promise<Batch> {
  const { loadDataset } = await import("../../../data/files.ts");
  const { images, labels } = await loadDataset("mnist:test", { limit: count });
  const data = Float32Array.from(images, (value) => value / 255);
  return { images: { dtype: "float", shape: [count, 1, 28, 28], data }, labels: Int32Array.from(labels!) };
}

test("a planted patch is found by clipped noise, which brightens it, rather than by noise of mean 0", async () => {
  const target = 4;
  const geometry = { channels: 1, height: 28, width: 28, layout: "NCHW" } as const;
  const modes = [real(true), real(false)];
  const inputs = await digits(150);
  const scan = async (graph: Graph) => titrate({ ...material(graph, inputs), geometry }, { modes });
  const [clipped, unclipped] = await scan(await planted(target));
  const [clean] = await scan((await loadModel("zoo/mnist-cnna-clean.onnx")).graph);
  expect(scores.inferTarget(clipped!)).toMatchObject({ target, votes: 3 });
  expect(scores.jointArea(clipped!)).toBeGreaterThan(4 * scores.jointArea(clean!)!);
  const led = [clipped!, unclipped!].map((curve) => scores.area(curve, scores.ledToOne(curve))!);
  expect(led[0]).toBeGreaterThan(1.5 * led[1]!);
  expect(scores.inferTarget(clean!).target).not.toBe(target);
});

describe("the same answers", () => {
  const order = [
    [40, 0],
    [0, 40],
  ];

  test("twice, bit for bit, and from a runtime of its own", async () => {
    const inputs = pairs(100);
    const first = await titrate(material(linear(order, [0, 0]), inputs));
    expect(await titrate(material(linear(order, [0, 0]), inputs))).toEqual(first);
    await using other = createRuntime();
    expect(await titrate({ ...material(linear(order, [0, 0]), inputs), runtime: other })).toEqual(first);
    const seeds = { ...material(linear(order, [0, 0]), inputs), random: rng(12) };
    expect(await titrate(seeds)).not.toEqual(first);
  });

  test("of an input, whatever the others are: two halves add up to the whole", async () => {
    const inputs = pairs(100);
    const modes = [real(true)];
    const scan = async (right: (i: number) => boolean) => {
      const labels = inputs.labels.map((label, i) => (right(i) ? label : 1 - label));
      return (await titrate(material(linear(order, [0, 0]), { ...inputs, labels }), { modes }))[0]!;
    };
    const [whole, even, odd] = [await scan(() => true), await scan((i) => i % 2 === 0), await scan((i) => i % 2 === 1)];
    expect([even.inputs, odd.inputs]).toEqual([50, 50]);
    for (const [p, { answers, wrongAnswers }] of whole.points.entries()) {
      const sum = (of: "answers" | "wrongAnswers") =>
        even.points[p]![of].map((count, k) => count + odd.points[p]![of][k]!);
      expect(sum("answers")).toEqual(answers);
      expect(sum("wrongAnswers")).toEqual(wrongAnswers);
    }
    const first = await titrate(material(linear(order, [0, 0]), inputs), { modes, inputs: 50 });
    expect([await scan((i) => i < 50)]).toEqual(first);
  });

  test("from a model that fixes its batch, and from one that ends in a softmax", async () => {
    const inputs = pairs(50);
    const sigmas = [0, 0.4, 2];
    const options = { inputs: 50, sigmas, shares: sigmas.map((sigma) => sigma / 4) };
    const plain = await titrate(material(linear(order, [0, 0]), inputs), options);
    for (const other of [{ batch: 1 }, { batch: 8 }, { softmax: true }]) {
      expect(await titrate(material(linear(order, [0, 0], other), inputs), options)).toEqual(plain);
    }
  });
});

/** Three classes of inputs of two values, none of them sure. */
const THREE = [
  [3, -1, 0],
  [0, 2, -3],
];

test("counts stay what they were: three classes, thirty inputs", async () => {
  const inputs = { ...pairs(30), labels: pairs(30).labels.map((label, i) => (i % 10 === 0 ? 2 : label)) };
  const modes = [real(true), real(false), real(true, "salt-and-pepper"), alone(true)];
  const sharp = material(
    linear(
      THREE.map((row) => row.map((w) => 4 * w)),
      [0, 0, 1],
    ),
    inputs,
  );
  const curves = await titrate(sharp, { modes, inputs: 30, sigmas: [0, 0.4, 2], shares: [0, 0.3, 1] });
  const counts = curves.map(({ inputs: used, points, timesSurelyWrong }) => [
    `${used}: ${timesSurelyWrong.join(" ")}`,
    ...points.map(({ wrong, flips, confident, wrongConfident, answers, right, wrongAnswers, wrongLabels, leanings }) =>
      [[wrong, flips], confident, wrongConfident, answers, right, wrongAnswers, wrongLabels, leanings]
        .map((values) => values.join(" "))
        .join(" | "),
    ),
  ]);
  expect(counts).toMatchInlineSnapshot(`
    [
      [
        "22: 19 3 0",
        "0 0 | 21 20 20 | 0 0 0 | 18 4 0 | 18 4 0 | 0 0 0 | 0 0 0 | 1.1421 -0.2222 -0.9199",
        "2 2 | 18 15 15 | 1 0 0 | 18 4 0 | 17 3 0 | 0 0 0 | 0 0 0 | 1.0601 -0.023 -1.0371",
        "9 9 | 18 18 16 | 5 5 3 | 14 5 3 | 12 1 0 | 1 2 0 | 2 1 0 | 0.7188 -0.0989 -0.6199",
      ],
      [
        "22: 13 9 0",
        "0 0 | 21 20 20 | 0 0 0 | 18 4 0 | 18 4 0 | 0 0 0 | 0 0 0 | 1.1421 -0.2222 -0.9199",
        "3 3 | 17 15 14 | 1 0 0 | 17 4 1 | 16 3 0 | 0 0 0 | 0 0 0 | 1.0029 -0.0649 -0.938",
        "12 12 | 21 20 18 | 11 10 9 | 9 7 6 | 9 1 0 | 0 5 4 | 6 3 0 | 0.3231 0.0181 -0.3412",
      ],
      [
        "22: 22 0",
        "0 0 | 21 20 20 | 0 0 0 | 18 4 0 | 18 4 0 | 0 0 0 | 0 0 0 | 1.1421 -0.2222 -0.9199",
        "6 6 | 18 15 14 | 2 0 0 | 13 6 3 | 13 3 0 | 0 0 0 | 0 0 0 | 0.7339 -0.1359 -0.598",
        "11 11 | 17 17 17 | 6 6 6 | 10 7 5 | 9 2 0 | 1 5 0 | 5 1 0 | 0.4564 -0.0929 -0.3635",
      ],
      [
        "30: 23 6 1",
        "0 0 | 30 30 30 | 0 0 0 | 17 13 0 | 17 13 0 | 0 0 0 | 0 0 0 | 0.8187 -0.0928 -0.7259",
        "2 2 | 29 28 25 | 2 1 1 | 19 11 0 | 17 11 0 | 1 0 0 | 0 1 0 | 0.931 -0.0831 -0.8479",
        "10 10 | 28 28 25 | 8 8 7 | 18 10 2 | 13 7 0 | 5 2 0 | 2 5 0 | 0.7542 0.0195 -0.7737",
      ],
    ]
  `);
});

test("the tempered score is that of a second run at the temperature", async () => {
  const inputs = { ...pairs(200), labels: pairs(200).labels.map((label, i) => (i % 10 === 0 ? 2 : label)) };
  const subject = material(
    linear(
      THREE.map((row) => row.map((w) => 30 * w)),
      [0, 0, 1],
    ),
    inputs,
  );
  const [{ tempered }, pictures] = (await titrateTempered(subject, { modes: [real(true), alone(true)] })) as [
    TemperedCurve,
    TemperedCurve,
  ];
  expect(tempered!.temperature).toBeGreaterThan(2);
  const [again] = await titrate(subject, { modes: [real(true)], temperature: tempered!.temperature });
  expect(tempered!.jointArea).toBeCloseTo(scores.jointArea(again!)!, 12);
  const [untempered] = await titrate(subject, { modes: [real(true)] });
  expect(tempered!.jointArea).toBeLessThan(scores.jointArea(untempered!)!);
  expect(pictures.tempered).toBeNull();
});

test("leanings do not change with the scale of the logits", async () => {
  const inputs = pairs(100);
  const modes = [real(false), alone(true)];
  const scan = (scale: number) =>
    titrate(
      material(
        linear(
          THREE.map((row) => row.map((w) => w * scale)),
          [0, 0, scale / 4],
        ),
        inputs,
      ),
      { modes },
    );
  const [plain, scaled] = [await scan(1), await scan(7.3)];
  const leaningsOf = (curves: Awaited<ReturnType<typeof scan>>) =>
    curves.flatMap(({ points, leaningsByLabel }) => [
      ...points.flatMap(({ leanings }) => leanings),
      ...leaningsByLabel,
    ]);
  const known = leaningsOf(scaled);
  for (const [i, value] of leaningsOf(plain).entries()) {
    if (value === null) expect(known[i]).toBeNull();
    else expect(Math.abs(value - known[i]!)).toBeLessThan(1e-3);
  }
  // not all alike, or this would say nothing
  expect(Math.max(...plain[0]!.points[0]!.leanings)).toBeGreaterThan(0.3);
});

test("a temperature changes how sure answers are, not what they are", async () => {
  const inputs = pairs(100);
  const steep = linear(
    [
      [40, 0],
      [0, 40],
    ],
    [0, 0],
  );
  const flat = linear(
    [
      [4, 0],
      [0, 4],
    ],
    [0, 0],
  );
  const modes = [real(true)];
  const [hot] = await titrate(material(steep, inputs), { modes, temperature: 10 });
  expect([hot]).toEqual(await titrate(material(flat, inputs), { modes }));
  const [cold] = await titrate(material(steep, inputs), { modes });
  expect(scores.flip(cold!)).toEqual(scores.flip(hot!));
  expect(scores.jointArea(cold!)).toBeGreaterThan(scores.jointArea(hot!)!);
});

describe("early stop", () => {
  test.for(["clean", "badnets"])("never changes on which side of a threshold mnist-cnna-%s lies", async (name) => {
    const { graph } = await loadModel(`zoo/mnist-cnna-${name}.onnx`);
    const geometry = { channels: 1, height: 28, width: 28, layout: "NCHW" } as const;
    const subject = { ...material(graph, await digits(100)), geometry };
    const modes = [real(true), real(true, "salt-and-pepper")];
    const whole = await titrate(subject, { modes });
    const lengths = new Set<number>();
    const near = whole.map((curve) => scores.jointArea(curve)!).flatMap((area) => [0.97 * area, 1.03 * area]);
    for (const stopAt of [0.01, 0.1, 0.9, ...near]) {
      for (const [m, curve] of (await titrate(subject, { modes, stopAt })).entries()) {
        expect(scores.jointArea(curve)! > stopAt).toBe(scores.jointArea(whole[m]!)! > stopAt);
        expect(curve.grid).toEqual(whole[m]!.grid);
        for (const point of curve.points) expect(whole[m]!.points).toContainEqual(point);
        lengths.add(curve.points.length);
      }
    }
    expect(Math.min(...lengths)).toBeLessThan(6);
  });
});

describe("what it refuses, and what it makes do with", () => {
  const order = linear(
    [
      [40, 0],
      [0, 40],
    ],
    [0, 0],
  );
  test("fewer than 20 inputs, given or answered right", async () => {
    await expect(titrate(material(order, pairs(19)))).rejects.toThrow(/at least 20 inputs, got 19.*noise alone/);
    const wrong = { ...pairs(30), labels: pairs(30).labels.map((label) => 1 - label) };
    const refused = titrate(material(order, wrong));
    await expect(refused).rejects.toThrow(/only 0 of 30 inputs with their label/);
    await expect(refused).rejects.toThrow(DetectorError);
  });

  test("without inputs it runs on noise alone, without a range it does not clip", () => {
    const names = (inputs: Batch | undefined, domain: Material["domain"]) =>
      defaultModes({ inputs, domain }).map(modeId);
    expect(names(pairs(20), [0, 1])).toHaveLength(5);
    expect(names(undefined, [0, 1])).toEqual(["noise-gaussian-clipped", "noise-gaussian-unclipped"]);
    expect(names(pairs(20), undefined)).toEqual(["real-gaussian-unclipped"]);
    expect(() => names(undefined, undefined)).toThrow(/give inputs, or the range/);
  });

  test("modes for which something is missing", async () => {
    await expect(titrate(material(order, undefined), { modes: [real(true)] })).rejects.toThrow(/needs inputs/);
    const boundless = { ...material(order, pairs(20)), domain: undefined };
    await expect(titrate(boundless, { modes: [real(true)] })).rejects.toThrow(/range of the pixels/);
    await expect(titrate(boundless, { modes: [alone(false)] })).rejects.toThrow(/range of the pixels/);
    expect(await titrate(boundless)).toHaveLength(1);
  });

  test("intensities that do not rise, and answers that are no numbers", async () => {
    const modes = [real(false)];
    await expect(titrate(material(order, pairs(20)), { modes, sigmas: [0, 2, 1] })).rejects.toThrow(/rise/);
    await expect(titrate(material(order, pairs(20)), { modes, temperature: 0 })).rejects.toThrow(/temperature/);
    const overflowing = linear(
      [
        [3e38, 3e38],
        [-3e38, -3e38],
      ],
      [0, 0],
    );
    const plain = material(overflowing, copies(20, [0.5, 0.5], 0));
    await expect(titrate(plain, { modes, sigmas: [0, 3] })).rejects.toThrow(/NaN at noise of intensity 3/);
  });

  test("one number an input decides between two classes; a table of numbers is no classifier's answer", () => {
    expect(networkOf(linear([[1]], [0]), "test").classes).toBe(2);
    const b = builder();
    const x = b.input("x", ["N", 4]);
    const value = b.emit("Reshape", [x], { shape: ["N", 2, 2] });
    expect(() => networkOf(makeGraph([x], [{ name: "y", value }]), "test")).toThrow(/output is \[N, classes\]/);
  });
});

test("where time ends the curve that is scored is there, the others are left out, and all that is done is told", async () => {
  const graph = linear(
    [
      [1, -1],
      [-1, 1],
    ],
    [0, 0],
  );
  const given = material(graph, copies(20, [0.9, 0.1], 0));
  const told: number[] = [];
  const all = await titrate({ ...given, progress: (done, total) => told.push(done / total) });
  expect(all.length).toBe(defaultModes(given).length);
  expect(told).toEqual(told.toSorted((a, b) => a - b));
  expect(told.at(-1)).toBe(1);
  const [only, ...others] = await titrate({ ...given, left: () => 0 });
  expect(others).toEqual([]);
  expect(only).toEqual(all[0]);
});
