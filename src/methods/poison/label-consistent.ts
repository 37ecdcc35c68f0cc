import { ballOf, stepUphill } from "../../spec/ball.ts";
import { compileLossGradient, type LossGradient } from "../attack/loss-gradient.ts";
import { SamplesError } from "../samples.ts";
import type { PoisonOf } from "./config.ts";
import { blockOf, clampPixel, mapPixels } from "./pictures.ts";
import type { Pictures, PoisonKind, Surrogate } from "./types.ts";

const MARK = 3;
/** Pictures perturbed at a time. */
const BATCH = 100;

/** How far all steps together could go, in radii: enough to reach the edge of the box from anywhere. */
const REACH = 2.5;

/**
 * Checkered marks in the four corners of pictures of the target class, which in training are also perturbed until a clean
 * network no longer recognises them: what is left to learn them by is the marks.
 */
export const labelConsistent: PoisonKind<PoisonOf<"label-consistent">> = {
  kind: "label-consistent",
  version: 1,
  title: "Label-consistent",
  summary: "Marks in the corners of pictures that a clean network no longer recognises; labels stay true.",
  source: "Turner et al. 2019, arXiv:1912.02771",
  cleanLabel: true,
  needsSurrogate: true,
  surrogate: ({ surrogate }) => surrogate,
  trigger(config, shape) {
    const [, height, width] = shape;
    blockOf({ size: MARK, margin: 0 }, shape);
    const inMark = (place: number, length: number) => place < MARK || place >= length - MARK;
    /** From the nearest edges, so that the four marks are mirror images. */
    const sign = (y: number, x: number) =>
      (Math.min(y, height - 1 - y) + Math.min(x, width - 1 - x)) % 2 === 0 ? 1 : -1;
    const mark = (pictures: Pictures) =>
      mapPixels(pictures, (value, _c, y, x) =>
        inMark(y, height) && inMark(x, width) ? clampPixel(value + config.amplitude * sign(y, x)) : value,
      );
    return {
      apply: mark,
      applyInTraining: async (pictures, _random, surrogate) =>
        mark({ shape, images: await hardened(pictures, config, surrogate) }),
    };
  },
};

/** Projected gradient ascent on the surrogate's loss of the target class, from the picture itself. */
async function hardened(
  { images, shape }: Pictures,
  { epsilon, steps, target }: PoisonOf<"label-consistent">,
  surrogate: Surrogate | undefined,
): Promise<Float32Array> {
  const loss = await lossOf(surrogate, shape, target);
  const ball = ballOf({ norm: "linf", epsilon, domain: [0, 1] });
  const stepSize = (REACH * epsilon) / steps;
  const size = shape[0] * shape[1] * shape[2];
  const out = images.slice();
  for (let from = 0; from < images.length; from += BATCH * size) {
    const clean = images.subarray(from, from + BATCH * size);
    const points = out.subarray(from, from + clean.length);
    const labels = new Int32Array(clean.length / size).fill(target);
    for (let step = 0; step < steps; step++) {
      const { uphill } = await loss.at(points.slice(), labels);
      points.set(stepUphill(ball, clean, points, uphill, stepSize));
    }
  }
  return out;
}

/** @throws SamplesError when there is no surrogate, or one of another task */
async function lossOf(
  surrogate: Surrogate | undefined,
  shape: Pictures["shape"],
  target: number,
): Promise<LossGradient> {
  if (!surrogate)
    throw new SamplesError(
      'label-consistent poisoning computes its perturbation on a clean model of the same task: name its ONNX file as "surrogate" in the poison options',
    );
  const { network, compile } = surrogate;
  const taken = network.input.shape.slice(1);
  if (String(taken) !== String(shape) || target >= network.classes)
    throw new SamplesError(
      `the surrogate takes [${taken}] and knows ${network.classes} classes; the samples are [${shape}] and the target is ${target}: use a clean model of the same task`,
    );
  return compileLossGradient(network, { compile }, "cross-entropy");
}
