/** Sparse rows against dense ones: the same bounds from one-hot rows that are dense from the start, on random networks. */

import { describe, expect, test } from "vitest";
import { randomTensor } from "../../../test/support/nets.ts";
import { denseThenConv, residualNet } from "../../../test/support/residual-nets.ts";
import { bindBatch } from "../../graph/bind.ts";
import { floatTensor } from "../../graph/tensor.ts";
import { makeGraph, outputOf, topological } from "../../graph/traverse.ts";
import type { Builder, Graph, Tensor, Value } from "../../graph/types.ts";
import { evaluateGraph } from "../../ops/evaluate.ts";
import { builder } from "../../ops/index.ts";
import { simplify } from "../../ops/simplify.ts";
import { type Rng, rng } from "../../random/rng.ts";
import type { Arithmetic } from "../../spec/types.ts";
import { type Domain, expandForRelax, intervalBoxes, linearBounds, type Rows, relaxedOperands } from "./index.ts";

const sizesOf = (x: Value): number[] => x.shape.slice(2) as number[];
const channelsOf = (x: Value): number => x.shape[1] as number;
const same = (x: Value, y: Value): boolean => `${x.shape}` === `${y.shape}`;

interface Site {
  readonly b: Builder;
  readonly random: Rng;
}

const weights = ({ b, random }: Site, shape: readonly number[]): Value =>
  b.constant(
    randomTensor(random.split(`${random.int(1e9)}`), shape, 1 / Math.sqrt(shape.slice(1).reduce((p, q) => p * q, 1))),
  );

/** A convolution with random attributes that fits. */
function conv(site: Site, x: Value, to: number, fixed: { stride?: number; kernel?: number; pad?: number } = {}): Value {
  const { b, random } = site;
  const least = Math.min(...sizesOf(x));
  const kernel = fixed.kernel ?? Math.min(1 + random.int(3), least);
  const dilation = kernel === 2 && least > 3 ? 1 + random.int(2) : 1;
  const stride = fixed.stride ?? 1 + random.int(3);
  const [before, after] = [fixed.pad ?? random.int(3), fixed.pad ?? random.int(2)];
  const group = fixed.kernel === undefined && channelsOf(x) % 2 === 0 && to % 2 === 0 ? 1 + random.int(2) : 1;
  const per = <T>(value: T) => sizesOf(x).map(() => value);
  const attrs = {
    strides: per(stride),
    dilations: per(dilation),
    pads: [...per(before), ...per(after)],
    group,
  };
  return b.emit("Conv", [x, weights(site, [to, channelsOf(x) / group, ...per(kernel)])], attrs);
}

const bias = (site: Site, x: Value): Value =>
  site.b.emit("Add", [x, weights(site, [channelsOf(x), ...sizesOf(x).map(() => 1)])]);

const pool = (x: Value, random: Rng) => {
  const kernel = sizesOf(x).map((size) => Math.min(size, 2));
  const zeros = kernel.map(() => 0);
  return {
    kernel,
    strides: kernel.map(() => 1 + random.int(2)),
    dilations: kernel.map(() => 1),
    pads: [...zeros, ...zeros],
  };
};

/** What networks do with an image between their convolutions: each keeps an image, some of another shape. */
const blocks: readonly ((site: Site, x: Value) => Value)[] = [
  (site, x) => site.b.emit("Relu", [bias(site, conv(site, x, 2 + site.random.int(2)))]),
  // residual: the block's input, or a 1 × 1 convolution of it with the same stride
  (site, x) => {
    const stride = 1 + site.random.int(2);
    const inner = site.b.emit("Relu", [bias(site, conv(site, x, 2, { stride, kernel: 3, pad: 1 }))]);
    const y = conv(site, inner, channelsOf(x), { stride: 1, kernel: 3, pad: 1 });
    return site.b.emit("Add", [y, same(x, y) ? x : conv(site, x, channelsOf(x), { stride, kernel: 1, pad: 0 })]);
  },
  // two windows of one image
  (site, x) => {
    const [p, q] = [
      conv(site, x, 2, { stride: 2, kernel: 3, pad: 1 }),
      conv(site, x, 2, { stride: 2, kernel: 1, pad: 0 }),
    ];
    return site.b.emit("Sub", [p, site.b.emit("Neg", [q])]);
  },
  (site, x) => {
    const channel = [channelsOf(x), ...sizesOf(x).map(() => 1)];
    return site.b.emit("Div", [site.b.emit("Mul", [x, weights(site, channel)]), site.b.constant(1.5)]);
  },
  (site, x) => site.b.emit("Mul", [x, weights(site, x.shape.slice(1) as number[])]),
  ({ b, random }, x) => {
    const windows = b.emit("Unfold", [x], pool(x, random));
    const sums = b.emit("ReduceSum", [windows], { axes: [2], keepdims: random.int(2) === 0 });
    return b.emit("Reshape", [sums], { shape: ["N", channelsOf(x), ...windows.shape.slice(3)] });
  },
  ({ b, random }, x) => b.emit("MaxPool", [x], pool(x, random)),
  ({ b, random }, x) => {
    const at = 2 + random.int(sizesOf(x).length);
    const pads = [...x.shape, ...x.shape].map((_, i) => (i % x.shape.length === at ? random.int(3) : 0));
    return b.emit("Pad", [x], { pads, value: 0.5 });
  },
  ({ b, random }, x) => {
    const axis = 2 + random.int(sizesOf(x).length);
    const size = x.shape[axis] as number;
    return size < 3 ? x : b.emit("Slice", [x], { axis, start: random.int(2), size: size - 1, step: 1 });
  },
  (site, x) => site.b.emit("Concat", [conv(site, x, 2, { stride: 1, kernel: 3, pad: 1 }), x], { axis: 1 }),
  ({ b, random }, x) => b.emit("Concat", [x, b.emit("LeakyRelu", [x], { alpha: 0.1 })], { axis: 1 + random.int(2) }),
  // a dense layer between
  (site, x) => {
    const sample = x.shape.slice(1) as number[];
    const size = sample.reduce((p, q) => p * q, 1);
    if (size > 60) return site.b.emit("Relu", [x]);
    const flat = site.b.emit("Reshape", [x], { shape: ["N", size] });
    const y = site.b.emit("Add", [site.b.emit("MatMul", [flat, weights(site, [size, size])]), flat]);
    return site.b.emit("Relu", [site.b.emit("Reshape", [y], { shape: x.shape })]);
  },
  // the mean of each channel scales it, and is added to it
  ({ b }, x) => {
    const axes = sizesOf(x).map((_, i) => i + 2);
    const mean = b.emit("ReduceSum", [x], { axes, keepdims: true });
    return b.emit("Add", [x, b.emit("Mul", [mean, b.constant(0.1)])]);
  },
];

function randomNet(seed: number): Graph {
  const random = rng(seed);
  const site: Site = { b: builder(), random };
  const planes = random.int(4) === 0 ? 1 : 2;
  const size = 5 + random.int(4);
  const input = site.b.input("x", ["N", 2, ...Array<number>(planes).fill(size)]);
  let x: Value = input;
  const count = 2 + random.int(4);
  for (let k = 0; k < count; k++) {
    const y = blocks[random.int(blocks.length)]!(site, x);
    const elements = (y.shape.slice(1) as number[]).reduce((p, q) => p * q, 1);
    if (elements <= 160) x = y;
    if (random.int(3) === 0) x = site.b.emit("Relu", [x]);
  }
  return bindBatch(builder(), expandForRelax(makeGraph([input], [{ name: "y", value: x }])), 1);
}

/** Bounds of ± every element, by three kinds of rows: those asked for, all of both signs, and a dense specification. */
function threeWays(
  net: Graph,
  target: Value,
  domain: Domain["ball"] extends infer B ? B : never,
  arithmetic: Arithmetic,
) {
  const b = builder();
  const x = net.inputs[0]!;
  const box = { lower: b.input("lower", x.shape), upper: b.input("upper", x.shape) };
  const domains = new Map<Value, Domain>([[x, domain ? { box, ball: domain } : { box }]]);
  const boxes = intervalBoxes(b, [target], domains, { arithmetic });
  const sample = target.shape.slice(1) as number[];
  const size = sample.reduce((p, q) => p * q, 1);
  const of = (rows: Rows, twoSided: boolean) => linearBounds(b, target, rows, domains, boxes, { twoSided, arithmetic });
  const asked = Array.from({ length: 2 * size }, (_, i) => (7 * i + 3) % size);
  const signs = asked.map((_, i) => (i % 3 === 0 ? -1 : 1));
  const oneHot = (rows: readonly number[], sign: (i: number) => number): Value => {
    const data = new Float64Array(rows.length * size);
    rows.forEach((row, i) => {
      data[i * size + row] = sign(i);
    });
    return b.constant(floatTensor([1, rows.length, ...sample], data));
  };
  const each = Array.from({ length: 2 * size }, (_, i) => i % size);
  const all = of({ kind: "all" }, true);
  const chosen = {
    kind: "elements",
    indices: b.ints(asked),
    signs: b.constant(floatTensor([asked.length], signs)),
  } as const;
  const outputs: Record<string, Value> = {
    elements: of(chosen, false).lower,
    elementsDense: of({ kind: "spec", matrix: oneHot(asked, (i) => signs[i]!) }, false).lower,
    lower: all.lower,
    upper: all.upper!,
    allDense: of({ kind: "spec", matrix: oneHot(each, (i) => (i < size ? 1 : -1)) }, false).lower,
  };
  const graph = makeGraph(
    [box.lower, box.upper],
    Object.entries(outputs).map(([name, value]) => ({ name, value })),
  );
  return { graph, size };
}

/** Sums of at most some thousand terms of size up to a few hundred, in float64. */
const DIGITS = 8;

/** 135, 192, 252: a reshape between the rows' elements and an image. `ASSAY_FUZZ=300` tries more of them. */
const seeds = [135, 192, 252, ...Array.from({ length: Number(process.env["ASSAY_FUZZ"] ?? 27) }, (_, seed) => seed)];

describe("sparse rows", () => {
  test.each(seeds)("give the bounds of dense ones: network %d", (seed) => {
    const net = randomNet(seed);
    const x = net.inputs[0]!;
    const shape = [1, ...(x.shape.slice(1) as number[])];
    const random = rng(seed).split("box");
    const centre = Float64Array.from({ length: shape.reduce((p, q) => p * q, 1) }, () => random.uniform());
    const feeds = new Map<string, Tensor>([
      [
        "lower",
        floatTensor(
          shape,
          centre.map((c) => c - 0.1),
        ),
      ],
      [
        "upper",
        floatTensor(
          shape,
          centre.map((c) => c + 0.1),
        ),
      ],
    ]);
    const operands = relaxedOperands(outputOf(net), new Set([x])).filter((operand) => operand !== x);
    const targets = [...new Set([operands.at(-1), outputOf(net)])].filter((value) => value !== undefined);
    const b = builder();
    const ball = {
      norm: seed % 2 === 0 ? "l2" : "l1",
      centre: b.constant(floatTensor(shape, centre)),
      radius: b.constant(0.15),
    } as const;
    for (const target of targets) {
      const arithmetic = seed % 3 === 0 ? "float32" : "real";
      const { graph, size } = threeWays(net, target, seed % 4 === 1 ? ball : undefined, arithmetic);
      const found = evaluateGraph(graph, feeds);
      const data = (name: string) => [...found.get(name)!.data];
      const dense = data("allDense");
      const pairs: [number[], number[]][] = [
        [data("elements"), data("elementsDense")],
        [data("lower"), dense.slice(0, size)],
        [data("upper"), dense.slice(size).map((value) => -value)],
      ];
      for (const [sparse, expected] of pairs) {
        expect(sparse).toHaveLength(expected.length);
        sparse.forEach((bound, k) => {
          expect(bound, `${target.shape} row ${k}`).toBeCloseTo(expected[k]!, DIGITS);
        });
      }
    }
  });
});

describe("graph constants", () => {
  const image = { input: [3, 12], stem: [4, 1], blocks: [[4, 1]] } as const;
  const nets: Record<string, Graph> = {
    residual: residualNet(image),
    "residual, norm, stride": residualNet({ ...image, blocks: [[4, 2]], norm: true }),
    "dense, then convolutions": denseThenConv({ inputs: 4, image: [3, 12], channels: [4, 4], relu: true }),
  };

  test.each(Object.entries(nets))("grow with no product of rows and elements: %s", (_, graph) => {
    const net = bindBatch(builder(), expandForRelax(graph), 1);
    const x = net.inputs[0]!;
    const operands = relaxedOperands(outputOf(net), new Set([x]));
    const weight = (value: Value) => (value.kind === "constant" ? value.tensor.data.length : 0);
    // 576 elements: as many rows of them would be 331,776
    const largest = Math.max(...topological([outputOf(net)]).map(weight), 576);
    // ReLU results too: sums of them start from the identity there
    for (const target of [
      ...operands,
      ...topological([outputOf(net)]).filter((v) => v.kind === "node" && v.op === "Relu"),
    ]) {
      const b = builder();
      const box = { lower: b.input("l", x.shape), upper: b.input("u", x.shape) };
      const domains = new Map<Value, Domain>([[x, { box }]]);
      const boxes = intervalBoxes(b, [target], domains);
      const rows: Rows = { kind: "elements", indices: b.input("i", ["N"], "int"), signs: b.input("s", ["N"]) };
      const bound = simplify(
        makeGraph([], [{ name: "rows", value: linearBounds(b, target, rows, domains, boxes).lower }]),
      );
      for (const value of topological([outputOf(bound)])) expect(weight(value)).toBeLessThanOrEqual(2 * largest);
    }
  });
});
