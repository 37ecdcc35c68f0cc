import { describe, expect, test } from "vitest";
import { attributeInt, attributeInts, info, modelFile, node } from "../../test/helpers/onnx-seeds.ts";
import { importOnnx } from "../formats/onnx/import.ts";
import { encodeModel } from "../formats/onnx/proto.ts";
import { type Rng, rng } from "../random/rng.ts";
import { openModel } from "../runtime/node.ts";
import { classification } from "../spec/classification.ts";
import { verdictOf } from "../spec/verdict.ts";
import { networkOf } from "./network.ts";
import { leastMargin } from "./removed.ts";

const L1 = { name: "norm", type: 3, s: new TextEncoder().encode("L1") };
/** A softmax of x, as linear classifiers compute it. */
const scoresThemselves = (classes: number) => [
  {
    name: "coefficients",
    type: 6,
    floats: Array.from({ length: classes ** 2 }, (_, i) => (i % (classes + 1) ? 0 : 1)),
  },
  { name: "intercepts", type: 6, floats: new Array<number>(classes).fill(0) },
  attributeInts(
    "classlabels_ints",
    Array.from({ length: classes }, (_, k) => k),
  ),
  { name: "post_transform", type: 3, s: new TextEncoder().encode("SOFTMAX") },
];
const chain = (classes: number, ops: readonly string[], axis = 1): Uint8Array =>
  encodeModel({
    irVersion: 8,
    opsetImport: [
      { domain: "", version: 17 },
      { domain: "ai.onnx.ml", version: 1 },
    ],
    graph: {
      node: ops.map((op, k) => {
        const ports = [[k === 0 ? "x" : `v${k}`], [k === ops.length - 1 ? "y" : `v${k + 1}`]] as const;
        if (op === "LinearClassifier")
          return { ...node(op, ports[0], ["labels", ...ports[1]], scoresThemselves(classes)), domain: "ai.onnx.ml" };
        if (op === "Normalizer") return { ...node(op, ...ports, [L1]), domain: "ai.onnx.ml" };
        return node(op, ...ports, op === "Sigmoid" ? [] : [attributeInt("axis", axis)]);
      }),
      input: [info("x", ["N", classes])],
      output: [info("y", ["N", classes])],
    },
  });

/** Scores in which class 0 leads the best of the others by just more than `margin`, in float32. */
function scores(random: Rng, classes: number, spread: number, margin: number): Float32Array {
  const row = new Float32Array(classes);
  for (let j = 1; j < classes; j++) row[j] = spread * (2 * random.uniform() - 1);
  const best = row.subarray(1).reduce((a, b) => Math.max(a, b));
  row[0] = best + margin;
  for (let step = 1; row[0]! - best <= margin; step *= 2)
    row[0] = best + margin + step * 2 ** -149 + step * 2 ** -26 * Math.abs(best);
  return row;
}

describe("a margin above what the removed operators can round away", () => {
  const cases = [
    ["Softmax"],
    ["LogSoftmax"],
    ["Softmax", "LogSoftmax"],
    ["LogSoftmax", "Softmax"],
    ["Softmax", "Normalizer"],
    ["Softmax", "Normalizer", "Softmax"],
    ["LinearClassifier", "Normalizer"],
  ].flatMap((ops) => [2, 3, 10, 100].map((classes) => ({ ops, classes })));

  test.each(cases)("$ops of $classes classes never tie", async ({ ops, classes }) => {
    const file = chain(classes, ops);
    const network = networkOf(importOnnx(file).graph, "chain");
    // nothing is left but a linear classifier's sums
    const [ends] = ops[0] === "LinearClassifier" ? ["Add"] : ["input"];
    expect(network.logits.kind === "node" ? network.logits.op : network.logits.kind).toBe(ends);
    await using session = await openModel(file);
    const random = rng(11).split(`${ops} ${classes}`);
    const count = 400;
    for (const spread of [0, 1e-3, 1, 8]) {
      const rows = Array.from({ length: count }, () => scores(random, classes, spread, network.leastMargin));
      const data = new Float32Array(count * classes);
      for (const [i, row] of rows.entries()) data.set(row, i * classes);
      const { y } = await session.run({ x: { dtype: "float", shape: [count, classes], data } });
      for (let i = 0; i < count; i++) {
        const [own, ...others] = y!.data.subarray(i * classes, (i + 1) * classes);
        expect(own).toBeGreaterThan(Math.max(...others));
      }
    }
  });

  test("shares of scores that may be negative stay; of sigmoids they go, and the sigmoids stay", () => {
    const opOf = (ops: readonly string[]) => {
      const { logits } = networkOf(importOnnx(chain(3, ops)).graph, "chain");
      return logits.kind === "node" ? logits.op : logits.kind;
    };
    expect([opOf(["Normalizer"]), opOf(["Sigmoid", "Normalizer"])]).toEqual(["Div", "Sigmoid"]);
  });

  test("is needed: a hundredth of it does tie", async () => {
    await using session = await openModel(chain(3, ["LogSoftmax"]));
    const random = rng(12);
    const margin = networkOf(importOnnx(chain(3, ["LogSoftmax"])).graph, "chain").leastMargin / 100;
    const rows = Array.from({ length: 200 }, () => scores(random, 3, 1e-7, margin));
    const data = Float32Array.from(rows.flatMap((row) => [...row]));
    const { y } = await session.run({ x: { dtype: "float", shape: [200, 3], data } });
    const ties = rows.filter((_, i) => y!.data[3 * i]! <= Math.max(y!.data[3 * i + 1]!, y!.data[3 * i + 2]!));
    expect(ties.length).toBeGreaterThan(0);
  });

  test("is zero where nothing was removed, and then a verdict needs a bound above zero alone", () => {
    expect(leastMargin([], 10)).toBe(0);
    const bounds = { arithmetic: "float32", lower: Float64Array.of(1e-9) } as const;
    const verdict = (least: number) => {
      const network = { input: { name: "x" }, classes: 2, leastMargin: least };
      const images = { dtype: "float", shape: [1, 1], data: new Float32Array(1) } as const;
      const threat = { norm: "linf", epsilon: 0, domain: undefined } as const;
      return verdictOf(classification(network, { images, labels: Int32Array.of(0) }, threat), bounds, 0);
    };
    expect(verdict(0).kind).toBe("verified");
    expect(verdict(1e-9)).toMatchObject({ kind: "unknown", reason: "numerical" });
  });

  test("an operator over another axis than the classes stays", () => {
    const b = importOnnx(chain(3, ["Softmax"], 1)).graph;
    expect(networkOf(b, "x").logits.kind).toBe("input");
    const file = modelFile({
      node: [
        node("Reshape", ["x", "shape"], ["r"]),
        node("Softmax", ["r"], ["s"], [attributeInt("axis", 1)]),
        node("Reshape", ["s", "flat"], ["y"]),
      ],
      initializer: [
        { name: "shape", dims: [3], dataType: 7, int64Data: [0, 2, 3] },
        { name: "flat", dims: [2], dataType: 7, int64Data: [0, 6] },
      ],
      input: [info("x", ["N", 6])],
      output: [info("y", ["N", 6])],
    });
    expect(networkOf(importOnnx(file).graph, "grouped").logits.kind).toBe("node");
  });
});
