import { describe, expect, test } from "vitest";
import { type FloatType, runOnnx } from "../../../test/helpers/ort.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Builder, InputValue, Tensor, Value } from "../../graph/types.ts";
import { evaluateGraph } from "../../ops/evaluate.ts";
import { builder } from "../../ops/index.ts";
import { rng } from "../../random/rng.ts";
import { exportOnnx } from "./export.ts";

/** float32: sums of at most a few hundred products; float64: the same in double. */
const TOLERANCE = { float32: 2e-5, float64: 1e-12 } satisfies Record<FloatType, number>;

const random = (shape: readonly number[], label: string): Tensor => {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  rng(3).split(label).fillNormal(data);
  return { dtype: "float", shape, data };
};

/** Largest difference of two tensors of one shape. */
const difference = (x: Tensor, y: Tensor): number =>
  Math.max(...Array.from(x.data, (value, i) => Math.abs(value - y.data[i]!)));

interface Case {
  readonly name: string;
  readonly inputs: Record<string, readonly ("N" | `${number}N` | number)[]>;
  readonly build: (b: Builder, inputs: Record<string, InputValue>) => Value;
}

const window = { strides: [2, 1], dilations: [1, 2], pads: [1, 0, 2, 1] };

const cases: Case[] = [
  {
    name: "a convolution with stride, dilation and asymmetric pads",
    inputs: { x: ["N", 4, 7, 8] },
    build: (b, { x }) => b.emit("Conv", [x!, b.constant(random([6, 2, 3, 2], "w"))], { ...window, group: 2 }),
  },
  {
    name: "a convolution over one axis",
    inputs: { x: ["N", 3, 9] },
    build: (b, { x }) =>
      b.emit("Conv", [x!, b.constant(random([2, 3, 4], "w1"))], {
        strides: [2],
        dilations: [1],
        pads: [1, 2],
        group: 1,
      }),
  },
  {
    name: "a convolution with the batch among the channels",
    inputs: { x: ["N", 3, 6, 6], y: ["N", 2, 4, 4] },
    build: (b, { x, y }) =>
      b.emit(
        "Conv",
        [x!, y!].map((v) => b.emit("Transpose", [v], { perm: [1, 0, 2, 3] })),
        { strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0], group: 1 },
      ),
  },
  {
    name: "a transposed convolution in groups with output padding",
    inputs: { x: ["N", 4, 3, 4] },
    build: (b, { x }) =>
      b.emit("ConvTranspose", [x!, b.constant(random([4, 3, 3, 2], "wt"))], {
        strides: [2, 3],
        dilations: [2, 1],
        pads: [1, 0, 2, 1],
        group: 2,
        outputPadding: [1, 2],
      }),
  },
  {
    name: "windows",
    inputs: { x: ["N", 2, 6, 5] },
    build: (b, { x }) => b.emit("Unfold", [x!], { ...window, kernel: [3, 2] }),
  },
  {
    name: "every second column",
    inputs: { x: ["N", 6] },
    build: (b, { x }) => b.emit("Slice", [x!], { axis: 1, start: 1, size: 3, step: 2 }),
  },
  {
    name: "a row repeated over the batch, and the batch repeated",
    inputs: { x: ["N", 3] },
    build: (b, { x }) => {
      const rows = b.emit("Expand", [b.constant(random([1, 3], "row"))], { shape: ["N", 3] });
      return b.emit("Expand", [b.emit("Add", [x!, rows])], { shape: [2, "N", 3] });
    },
  },
  {
    name: "sums over no, one and two axes",
    inputs: { x: ["N", 3, 4] },
    build: (b, { x }) => {
      const sum = (axes: number[]) => b.emit("ReduceSum", [x!], { axes, keepdims: true });
      return b.emit("Add", [b.emit("Add", [sum([]), sum([1])]), sum([1, 2])]);
    },
  },
  {
    name: "a padded and transposed matrix",
    inputs: { x: ["N", 3, 4] },
    build: (b, { x }) =>
      b.emit("Transpose", [b.emit("Pad", [x!], { pads: [0, 1, 0, 0, 0, 2], value: 0.5 })], { perm: [2, 0, 1] }),
  },
];

describe.each(["float32", "float64"] as const)("in %s, ONNX Runtime and the reference agree on", (float) => {
  test.each(cases)("$name", async ({ inputs, build }) => {
    const b = builder();
    const values = Object.fromEntries(Object.entries(inputs).map(([name, shape]) => [name, b.input(name, shape)]));
    const graph = makeGraph(Object.values(values), [{ name: "out", value: build(b, values) }]);
    const feeds = new Map(
      Object.entries(inputs).map(([name, shape]) => [
        name,
        random(
          shape.map((dim) => (typeof dim === "number" ? dim : 3 * (dim === "N" ? 1 : Number(dim.slice(0, -1))))),
          name,
        ),
      ]),
    );
    const expected = evaluateGraph(graph, feeds).get("out")!;
    const got = (await runOnnx(exportOnnx(graph, { float }), feeds, float)).get("out")!;
    expect(got.shape).toEqual(expected.shape);
    expect(difference(got, expected)).toBeLessThan(TOLERANCE[float]);
  });
});

describe("outputs", () => {
  test("an input, a constant and one value twice can be outputs", async () => {
    const b = builder();
    const x = b.input("x", ["N", 2]);
    const sum = b.emit("Add", [x, b.constant(1)]);
    const graph = makeGraph(
      [x],
      [
        { name: "same", value: x },
        { name: "one", value: b.constant(1) },
        { name: "a", value: sum },
        { name: "b", value: sum },
        { name: "twice", value: b.emit("Add", [sum, sum]) },
      ],
    );
    const result = await runOnnx(
      exportOnnx(graph),
      new Map([["x", { dtype: "float", shape: [1, 2], data: Float32Array.of(3, 4) } as Tensor]]),
    );
    const values = Object.fromEntries([...result].map(([name, { data }]) => [name, Array.from(data)]));
    expect(values).toEqual({ same: [3, 4], one: [1], a: [4, 5], b: [4, 5], twice: [8, 10] });
  });
});
