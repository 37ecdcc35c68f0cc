import { beforeAll, describe, expect, test } from "vitest";
import { attributeInt, attributeInts, floats, info, modelFile, node } from "../../../test/helpers/onnx-seeds.ts";
import { importOnnx } from "../../formats/onnx/import.ts";
import { decodeModel, encodeModel, type TensorProto } from "../../formats/onnx/proto.ts";
import { rng } from "../../random/rng.ts";
import { peakBytes } from "../../runtime/memory.ts";
import { createRuntime, openModel } from "../../runtime/node.ts";
import type { Runtime, Session } from "../../runtime/session.ts";
import { networkOf } from "../network.ts";
import { originalOf } from "../original.ts";
import { compileReading, type Difference } from "./compare.ts";
import { locateDifference } from "./locate.ts";

const runtime = createRuntime();

const random = (label: string, count: number, scale: number): number[] => {
  const data = new Float32Array(count);
  rng(3).split(label).fillNormal(data, 0, scale);
  return [...data];
};

/** Convolution, normalisation, a product of two branches, a quotient, and an S-shaped activation: every constant matters. */
const FILE = modelFile({
  node: [
    node("Conv", ["x", "w", "wb"], ["conv"], [attributeInts("pads", [1, 1, 1, 1])]),
    node("BatchNormalization", ["conv", "scale", "shift", "mean", "var"], ["bn"]),
    node("Tanh", ["bn"], ["act"]),
    node("Mul", ["act", "gate"], ["gated"]),
    node("ReduceMean", ["gated"], ["pooled"], [attributeInts("axes", [2, 3]), attributeInt("keepdims", 0)]),
    node("Pow", ["pooled", "two"], ["squares"]),
    node("Add", ["squares", "one"], ["above"]),
    node("Div", ["pooled", "above"], ["ratio"]),
    node("Gemm", ["ratio", "dense", "bias"], ["logits"]),
    node("Softmax", ["logits"], ["y"], [attributeInt("axis", 1)]),
  ],
  initializer: [
    floats("w", [3, 1, 3, 3], random("w", 27, 0.5)),
    floats("wb", [3], [0.3, -0.2, 0.4]),
    floats("scale", [3], [1.1, 0.8, 1.3]),
    floats("shift", [3], [0.1, -0.3, 0.2]),
    floats("mean", [3], [0.2, -0.1, 0.3]),
    floats("var", [3], [0.9, 1.2, 0.7]),
    floats("gate", [3, 1, 1], [0.7, -1.1, 1.4]),
    floats("two", [], [2]),
    floats("one", [], [1]),
    floats("dense", [3, 4], random("dense", 12, 1)),
    floats("bias", [4], [0.1, -0.2, 0.3, 0.2]),
  ],
  input: [info("x", ["N", 1, 5, 5])],
  output: [info("y", ["N", 4])],
});

const SIZE = 25;
const POINTS = Float32Array.from(random("points", 12 * SIZE, 1));

const withConstants = (bytes: Uint8Array, change: (tensor: TensorProto) => TensorProto): Uint8Array => {
  const model = decodeModel(bytes);
  const graph = model.graph!;
  return encodeModel({ ...model, graph: { ...graph, initializer: graph.initializer!.map(change) } });
};

/** The file with one constant 1 % larger. */
const tampered = (bytes: Uint8Array, name: string): Uint8Array =>
  withConstants(bytes, (tensor) => {
    if (tensor.name !== name) return tensor;
    const data = new Float32Array(new Uint8Array(tensor.rawData!).buffer).map((value) => value * 1.01);
    return { ...tensor, rawData: new Uint8Array(data.buffer) };
  });

const feed = (points: Float32Array) => ({
  dtype: "float" as const,
  shape: [points.length / SIZE, 1, 5, 5],
  data: points,
});

async function differenceBetween(file: Session, read: Uint8Array): Promise<Difference | undefined> {
  const reading = await compileReading(importOnnx(read).graph, runtime);
  const { y } = await file.run({ x: feed(POINTS) });
  return (await reading!.compare(POINTS, [y!.data]))[0];
}

describe("a file and its reading", () => {
  let session: Session;
  beforeAll(async () => {
    session = await openModel(FILE);
  });

  test("agree within rounding where the reading is right", async () => {
    expect(await differenceBetween(session, FILE)).toBeUndefined();
  });

  const constants = decodeModel(FILE).graph!.initializer!.map(({ name }) => name!);

  test.each(constants)(
    "differ where %s is read 1 %% too large, and the operator that it is for is named",
    async (name) => {
      const wrong = tampered(FILE, name);
      const found = await differenceBetween(session, wrong);
      expect(found).toBeDefined();
      const original = originalOf(session, networkOf(importOnnx(FILE).graph, "test"));
      // the same outputs asked of the file as it is
      const asIs = (variant: Uint8Array) =>
        withConstants(variant, ({ name: own }) => decodeModel(FILE).graph!.initializer!.find((t) => t.name === own)!);
      const point = POINTS.slice(found!.point * SIZE, (found!.point + 1) * SIZE);
      const file = { bytes: wrong, open: (variant: Uint8Array) => openModel(asIs(variant)) };
      const place = await locateDifference(file, original, point, runtime);
      const user = decodeModel(FILE).graph!.node!.find(({ input }) => input!.includes(name))!;
      expect(place).toBe(`${user.opType} "${user.name}"`);
    },
  );

  test("are the same where neither gives a number, and not where only one does", async () => {
    const reading = await compileReading(importOnnx(FILE).graph, runtime);
    const { y } = await session.run({ x: feed(POINTS) });
    const broken = Float32Array.from(y!.data);
    broken[5] = Number.NaN;
    expect((await reading!.compare(POINTS, [broken]))[0]).toMatchObject({ point: 1, file: Number.NaN });
    broken[5] = y!.data[5]! + 1e-4;
    expect((await reading!.compare(POINTS, [broken]))[0]).toMatchObject({ point: 1 });
  });

  test("are compared a few points at a time under a small memory budget, to the same end", async () => {
    const rows: number[] = [];
    const counting: Pick<Runtime, "compile"> = {
      async compile(graph, options) {
        const compiled = await runtime.compile(graph, options);
        const { inputs, outputs, device } = compiled;
        const run: Session["run"] = (feeds) => {
          rows.push(feeds["x"]!.shape[0]!);
          return compiled.run(feeds);
        };
        return { inputs, outputs, device, run, [Symbol.asyncDispose]: () => compiled[Symbol.asyncDispose]() };
      },
    };
    const { graph } = importOnnx(tampered(FILE, constants[0]!));
    const { y } = await session.run({ x: feed(POINTS) });
    const compared = async (memoryBudget: number) => {
      rows.length = 0;
      const reading = await compileReading(graph, counting, { memoryBudget });
      return { found: await reading!.compare(POINTS, [y!.data]), most: Math.max(...rows) };
    };
    const whole = await compared(2 ** 28);
    // less than what a single point takes: the file runs it all the same
    const [least, few] = [await compared(1), await compared(4 * peakBytes(graph, 3, "float32"))];
    expect(whole.most).toBe(POINTS.length / SIZE);
    expect(least.most).toBe(1);
    expect(few.most).toBeLessThan(whole.most);
    expect(least.found[0]).toMatchObject({ point: whole.found[0]!.point });
    expect(few.found[0]).toMatchObject({ point: whole.found[0]!.point });
  });

  test("differ where the file gives another number of values", async () => {
    const reading = await compileReading(importOnnx(FILE).graph, runtime);
    expect((await reading!.compare(POINTS, [new Float32Array(7)]))[0]).toBeDefined();
  });
});
