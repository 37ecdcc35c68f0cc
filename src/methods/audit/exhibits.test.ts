import { afterAll, expect, test } from "vitest";
import { makeGraph } from "../../graph/traverse.ts";
import { builder } from "../../ops/index.ts";
import { rng } from "../../random/rng.ts";
import { createRuntime } from "../../runtime/node.ts";
import { titrate } from "../backdoor/titration/titrate.ts";
import type { Mode, TitrationCurve } from "../backdoor/titration/types.ts";
import type { Material } from "../backdoor/types.ts";
import { networkOf } from "../network.ts";
import { gentlestNoise, noisyInputs, stampTrigger, triggerExhibit } from "./exhibits.ts";
import { isSmallTrigger } from "./tampering.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const [SIDE, CLASSES, COUNT] = [14, 4, 80];
const PIXELS = SIDE * SIDE;
/** A 2 × 2 patch in the lower right corner, in a row that no class uses. */
const PATCH = [12 * SIDE + 12, 12 * SIDE + 13, 13 * SIDE + 12, 13 * SIDE + 13];
const TARGET = 2;

/** logit_k = 60 · mean of row k; planted: 400 · ReLU(mean of the patch − .4) more for the target. */
function material(planted: boolean): Material {
  const b = builder();
  const x = b.input("x", ["N", 1, SIDE, SIDE]);
  const flat = b.emit("Reshape", [x], { shape: ["N", PIXELS] });
  const matrix = (data: Float32Array, shape: readonly number[]) => b.constant({ dtype: "float", shape, data });
  const rows = new Float32Array(PIXELS * CLASSES);
  for (let i = 0; i < CLASSES * SIDE; i++) rows[i * CLASSES + Math.floor(i / SIDE)] = 60 / SIDE;
  const corner = Float32Array.from({ length: PIXELS }, (_, i) => (PATCH.includes(i) ? 1 / 4 : 0));
  const mean = b.emit("MatMul", [flat, matrix(corner, [PIXELS, 1])]);
  const unit = b.emit("Relu", [b.emit("Sub", [mean, b.constant(0.4)])]);
  const weights = Float32Array.from({ length: CLASSES }, (_, k) => (planted && k === TARGET ? 400 : 0));
  const backdoor = b.emit("MatMul", [unit, matrix(weights, [1, CLASSES])]);
  const logits = b.emit("Add", [b.emit("MatMul", [flat, matrix(rows, [PIXELS, CLASSES])]), backdoor]);
  const network = networkOf(makeGraph([x], [{ name: "y", value: logits }]), `${planted}`);
  const random = rng(7);
  const data = new Float32Array(COUNT * PIXELS);
  random.fillUniform(data, 0, 0.05);
  // two of each class in turn, so that both halves hold all classes
  const labels = Int32Array.from({ length: COUNT }, (_, n) => (n >> 1) % CLASSES);
  for (let n = 0; n < COUNT; n++) data.fill(0.8, n * PIXELS + labels[n]! * SIDE, n * PIXELS + (labels[n]! + 1) * SIDE);
  return {
    network,
    runtime,
    classes: CLASSES,
    inputShape: [1, SIDE, SIDE],
    geometry: { channels: 1, height: SIDE, width: SIDE, layout: "NCHW" },
    domain: [0, 1],
    inputs: { images: { dtype: "float", shape: [COUNT, 1, SIDE, SIDE], data }, labels },
    training: undefined,
    random: rng(1).split("titration"),
  };
}

const modes: Mode[] = [
  { base: "real", noise: "gaussian", clipped: true },
  { base: "real", noise: "salt-and-pepper", clipped: true },
];

test.for(modes)("pictures under $noise noise are those that titration counted", async (mode) => {
  const planted = material(true);
  const [curve] = await titrate(planted, { modes: [mode] });
  const sigma = mode.noise === "gaussian" ? 1 : 0.5;
  const point = curve!.points.find((one) => one.sigma === sigma)!;
  const found = await noisyInputs(planted, { mode, sigma, target: TARGET });
  // all inputs are answered correctly, and every answer of the target to another class's input is a wrong one
  expect(found.inputs).toBe((COUNT * 3) / 4);
  expect(found.led).toBe(point.answers[TARGET]! - point.right[TARGET]!);
  expect(found.led).toBeGreaterThan(10);
  expect(new Set(found.shown.slice(0, 3).map(({ label }) => label))).toEqual(new Set([0, 1, 3]));
  for (const { answer, confidence, image } of found.shown) {
    expect(answer).toBe(TARGET);
    expect(confidence).toBeGreaterThan(0.5);
    expect(Math.min(...image)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...image)).toBeLessThanOrEqual(1);
    // what wakes the backdoor is in the picture
    const patch = PATCH.reduce((sum, at) => sum + image[at]! / 4, 0);
    expect(patch).toBeGreaterThan(0.4);
  }
});

test("a planted patch is found again, small, and its success measured on inputs that the search had not seen", async () => {
  const look = await triggerExhibit(material(true), TARGET);
  expect([look.searched, look.trials, look.hits]).toEqual([COUNT / 2, 30, 30]);
  expect(look.l1).toBeLessThan(4);
  expect(isSmallTrigger(look, material(true).geometry)).toBe(true);
  const inPatch = PATCH.reduce((sum, at) => sum + look.mask[at]!, 0);
  expect(inPatch / look.l1).toBeGreaterThan(0.8);
  expect(look.shown.every(({ label, answer }) => label !== TARGET && answer === TARGET)).toBe(true);

  const clean = await triggerExhibit(material(false), TARGET);
  expect(clean.l1).toBeGreaterThan(4);
  expect(isSmallTrigger(clean, material(false).geometry)).toBe(false);
});

test("a trigger covers all channels of a pixel alike, in every layout", () => {
  const mask = Float32Array.of(1, 0, 0.25, 0);
  const pattern = Float32Array.from({ length: 12 }, (_, i) => i / 12);
  const image = new Float32Array(12).fill(0.5);
  const geometry = { channels: 3, height: 2, width: 2 } as const;
  const planes = stampTrigger(image, { mask, pattern }, { geometry: { ...geometry, layout: "NCHW" } });
  const pixels = stampTrigger(image, { mask, pattern }, { geometry: { ...geometry, layout: "NHWC" } });
  const at = (share: number, i: number) => expect.closeTo((1 - share) * 0.5 + share * (i / 12), 6);
  expect([...planes]).toEqual([1, 0, 0.25, 0, 1, 0, 0.25, 0, 1, 0, 0.25, 0].map((share, i) => at(share, i)));
  expect([...pixels]).toEqual([1, 1, 1, 0, 0, 0, 0.25, 0.25, 0.25, 0, 0, 0].map((share, i) => at(share, i)));
});

/** @param led inputs of a hundred that are answered wrongly and surely with class 1, by rising intensity */
function curve(mode: Mode, grid: readonly number[], led: readonly number[]): TitrationCurve {
  const points = grid.map((sigma, i) => ({ sigma, wrongAnswers: [0, led[i]!] }));
  return { mode, inputs: 100, points } as unknown as TitrationCurve;
}

test("the noise shown is the gentlest that leads a telling share of the inputs there", () => {
  const [gaussian, salt] = [modes[0]!, modes[1]!];
  const noiseAlone: Mode = { base: "noise", noise: "gaussian", clipped: true };
  const curves = [
    curve(gaussian, [0, 0.2, 0.4, 0.6, 1, 3, 5], [0, 50, 2, 9, 12, 40, 90]),
    curve(salt, [0, 0.1, 0.2, 0.4], [0, 1, 11, 30]),
    curve(noiseAlone, [0, 0.4], [0, 99]),
  ];
  // intensities below and above the primary range do not count, nor do pictures of noise
  expect(gentlestNoise(curves, 1)).toEqual({ mode: salt, sigma: 0.2, target: 1 });
  expect(gentlestNoise(curves.slice(0, 1), 1)).toEqual({ mode: gaussian, sigma: 1, target: 1 });
  expect(gentlestNoise([curve(gaussian, [0.4, 1, 3], [0, 4, 1])], 1)).toEqual({ mode: gaussian, sigma: 1, target: 1 });
  expect(gentlestNoise(curves, 0)).toBeUndefined();
});
