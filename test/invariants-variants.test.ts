/** @file The relations between bounds on image networks: strides, padding, pools, normalisations, residual sums. */

import { afterAll, describe, expect, test } from "vitest";
import { floatTensor } from "../src/graph/tensor.ts";
import type { Graph } from "../src/graph/types.ts";
import { evaluateGraph } from "../src/ops/evaluate.ts";
import { type Rng, rng } from "../src/random/rng.ts";
import type { Batch } from "../src/spec/classification.ts";
import { METHOD_NAMES, type Method, realMargins, runtime } from "./support/margins.ts";
import {
  type Box,
  backwardMargins,
  dualMargins,
  intervalMargins,
  marginNet,
  plainOf,
  SLOPES,
  zonotopeMargins,
} from "./support/plain.ts";
import { pointIn } from "./support/random-nets.ts";
import { SEQUENTIAL, VARIANTS } from "./support/variants.ts";

const IMAGES = 3;
const LABEL = 1;
const TOLERANCE = 1e-9;

afterAll(() => runtime[Symbol.asyncDispose]());

interface Problem {
  readonly batch: Batch;
  readonly boxes: readonly Box[];
}

function problemOf(graph: Graph, random: Rng): Problem {
  const sample = graph.inputs[0]!.shape.slice(1) as number[];
  const size = sample.reduce((p, q) => p * q, 1);
  const boxes = Array.from({ length: IMAGES }, (_, k): Box => {
    const radius = [0.02, 0.08, 0.3][k]!;
    const centre = Float64Array.from({ length: size }, () => random.uniform());
    return { lower: centre.map((c) => c - radius), upper: centre.map((c) => c + radius) };
  });
  const flat = (side: keyof Box) => Float64Array.from(boxes.flatMap((box) => [...box[side]]));
  const images = floatTensor([IMAGES, ...sample], flat("lower"));
  return {
    boxes,
    batch: { images, labels: new Int32Array(IMAGES).fill(LABEL), box: { lower: flat("lower"), upper: flat("upper") } },
  };
}

const slack = (x: number, y: number): number => TOLERANCE * (1 + Math.abs(x) + Math.abs(y));

const expectEqual = (x: number, y: number, label: string): void => {
  if (!(Math.abs(x - y) <= slack(x, y))) expect.fail(`${label}: ${x} and ${y}`);
};
const expectBelow = (x: number, y: number, label: string): void => {
  if (!(x <= y + slack(x, y))) expect.fail(`${label}: ${x} above ${y}`);
};

async function boundsOf(graph: Graph, batch: Batch): Promise<Record<Method, Float64Array>> {
  const bounds: Partial<Record<Method, Float64Array>> = {};
  for (const method of METHOD_NAMES) bounds[method] = await (await realMargins(graph, method))(batch);
  return bounds as Record<Method, Float64Array>;
}

describe.each(Object.entries(VARIANTS))("%s", (name, graph) => {
  const random = rng(41).split(name);
  const { batch, boxes } = problemOf(graph, random);

  test("no bound exceeds a sample, and IBP ≤ CROWN-IBP ≤ CROWN with lower slope 0 (I1, I4)", async () => {
    const bounds = await boundsOf(graph, batch);
    const count = 100;
    for (const [i, box] of boxes.entries()) {
      const points = floatTensor(
        [count, ...(graph.inputs[0]!.shape.slice(1) as number[])],
        Array.from({ length: count }, () => [...pointIn(box, random)]).flat(),
      );
      const logits = evaluateGraph(graph, new Map([["x", points]])).get("logits")!.data;
      for (const [row, j] of [0, 2].entries()) {
        const at = i * 2 + row;
        let least = Number.POSITIVE_INFINITY;
        for (let k = 0; k < count; k++) least = Math.min(least, logits[3 * k + LABEL]! - logits[3 * k + j]!);
        for (const method of METHOD_NAMES) expectBelow(bounds[method][at]!, least, `${method}, image ${i}`);
        expectBelow(bounds.ibp[at]!, bounds.crownIbpZero[at]!, `image ${i}`);
        expectBelow(bounds.crownIbpZero[at]!, bounds.crownZero[at]!, `image ${i}`);
      }
    }
  });

  test("a batch gives what its images give alone (I20)", async () => {
    for (const method of ["ibp", "crown"] as const) {
      const margins = await realMargins(graph, method);
      const together = await margins(batch);
      for (let i = 0; i < IMAGES; i++) {
        const per = boxes[i]!.lower.length;
        const part = (data: Float64Array) => data.slice(i * per, (i + 1) * per);
        const { lower, upper } = batch.box as Box;
        const alone = await margins({
          images: floatTensor([1, ...batch.images.shape.slice(1)], part(lower)),
          labels: Int32Array.of(LABEL),
          box: { lower: part(lower), upper: part(upper) },
        });
        alone.forEach((margin, row) => {
          expectEqual(margin, together[i * 2 + row]!, `${method}, image ${i}`);
        });
      }
    }
  });
});

describe.each(Object.entries(SEQUENTIAL))("%s, as matrices", (name, graph) => {
  test("bounds are those of DeepPoly, DeepZ, the dual network and intervals, neuron by neuron (I2, I3)", async () => {
    const { batch, boxes } = problemOf(graph, rng(41).split(name));
    const bounds = await boundsOf(graph, batch);
    const net = marginNet(plainOf(graph), LABEL);
    for (const [i, box] of boxes.entries()) {
      const expected: [Method, Float64Array][] = [
        ["fastLin", zonotopeMargins(net, box)],
        ["fastLin", dualMargins(net, box)],
        ["crown", backwardMargins(net, box, { slope: SLOPES.adaptive })],
        ["crownZero", backwardMargins(net, box, { slope: SLOPES.zero })],
      ];
      // intervals put a box around each of two affine layers that the matrices make one
      if (name !== "average pool")
        expected.push(
          ["ibp", intervalMargins(net, box)],
          ["crownIbp", backwardMargins(net, box, { slope: SLOPES.adaptive, interval: true })],
        );
      for (const [method, rows] of expected)
        rows.forEach((row, r) => {
          expectEqual(bounds[method][i * 2 + r]!, row, `${method}, image ${i}, row ${r}`);
        });
    }
  });
});
