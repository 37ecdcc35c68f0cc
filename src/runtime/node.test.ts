import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { info, modelFile, node } from "../../test/helpers/onnx-seeds.ts";
import { exportOnnx } from "../formats/onnx/export.ts";
import type { Graph, Tensor } from "../graph/types.ts";
import { builder } from "../ops/index.ts";
import { createRuntime, openModel } from "./node.ts";

const floats = (shape: number[], values: readonly number[]): Tensor => ({
  dtype: "float",
  shape,
  data: Float32Array.from(values),
});

/** y = relu(x·W + b), picked = the column of y that `which` names. */
function smallGraph(bias = 0.5): Graph {
  const b = builder();
  const x = b.input("x", ["N", 2]);
  const which = b.input("which", [1], "int");
  const w = b.constant(floats([2, 3], [1, -2, 0.1, 3, 0.5, 0.2]));
  const y = b.emit("Relu", [b.emit("Add", [b.emit("MatMul", [x, w]), b.constant(bias)])]);
  const picked = b.emit("Gather", [y, which], { axis: 1 });
  return {
    inputs: [x, which],
    outputs: [
      { name: "y", value: y },
      { name: "picked", value: picked },
    ],
  };
}

const which: Tensor = { dtype: "int", shape: [1], data: Int32Array.of(1) };
const x = floats([2, 2], [1, 2, -1, 1]);

test("runs a graph in float32", async () => {
  await using runtime = createRuntime();
  const session = await runtime.compile(smallGraph(), { float: "float32" });
  const { y, picked } = await session.run({ x, which });
  expect(y!.data).toBeInstanceOf(Float32Array);
  expect(y!.shape).toEqual([2, 3]);
  expect([...y!.data].map((v) => Number(v.toFixed(5)))).toEqual([7.5, 0, 1, 2.5, 3, 0.6]);
  expect(picked).toEqual(floats([2, 1], [0, 3]));
});

test("runs a graph in float64, with float32 feeds widened", async () => {
  await using runtime = createRuntime();
  const session = await runtime.compile(smallGraph(0.1), { float: "float64" });
  const { y } = await session.run({ x, which });
  expect(y!.data).toBeInstanceOf(Float64Array);
  expect(y!.data[0]).toBe(7 + 0.1);
});

test("ints and bools come back as such", async () => {
  await using runtime = createRuntime();
  const b = builder();
  const i = b.input("i", [2], "int");
  const c = b.input("c", [2], "bool");
  const graph: Graph = {
    inputs: [i, c],
    outputs: [
      { name: "i2", value: b.emit("Concat", [i, i], { axis: 0 }) },
      { name: "c2", value: b.emit("Concat", [c, c], { axis: 0 }) },
    ],
  };
  const session = await runtime.compile(graph, { float: "float32" });
  const { i2, c2 } = await session.run({
    i: { dtype: "int", shape: [2], data: Int32Array.of(-(2 ** 31), 2 ** 31 - 1) },
    c: { dtype: "bool", shape: [2], data: Uint8Array.of(0, 1) },
  });
  expect(i2).toEqual({
    dtype: "int",
    shape: [4],
    data: Int32Array.of(-(2 ** 31), 2 ** 31 - 1, -(2 ** 31), 2 ** 31 - 1),
  });
  expect(c2).toEqual({ dtype: "bool", shape: [4], data: Uint8Array.of(0, 1, 0, 1) });
});

test("equal graphs share a session, and disposing one holder's leaves the other's", async () => {
  await using runtime = createRuntime();
  const first = await runtime.compile(smallGraph(), { float: "float32" });
  const second = await runtime.compile(smallGraph(), { float: "float32", name: "second" });
  await first[Symbol.asyncDispose]();
  await expect(first.run({ x, which })).rejects.toThrow("graph: the session is closed");
  const { picked } = await second.run({ x, which });
  expect(picked!.shape).toEqual([2, 1]);
});

test("a session that the cache let go is made again when it is used", async () => {
  await using runtime = createRuntime({ cacheBytes: 0 });
  const first = await runtime.compile(smallGraph(1), { float: "float32" });
  const second = await runtime.compile(smallGraph(2), { float: "float32" });
  for (const [session, expected] of [
    [first, 8],
    [second, 9],
    [first, 8],
  ] as const) {
    const { y } = await session.run({ x, which });
    expect(y!.data[0]).toBe(expected);
  }
});

test("wrong feeds are refused with the graph's name", async () => {
  await using runtime = createRuntime();
  const session = await runtime.compile(smallGraph(), { float: "float32", name: "digits" });
  await expect(session.run({ x })).rejects.toThrow('digits: input "which" [1] is missing');
});

test("what fails inside ONNX Runtime is one line that names the graph", async () => {
  await using runtime = createRuntime();
  const session = await runtime.compile(smallGraph(), { float: "float32", name: "digits" });
  const outside: Tensor = { dtype: "int", shape: [1], data: Int32Array.of(9) };
  await expect(session.run({ x, which: outside })).rejects.toThrow(
    /^digits: ONNX Runtime failed: .*out of data bounds/,
  );
  await expect(session.run({ x, which: outside })).rejects.not.toThrow(/\n|onnxruntime_src/);
});

test("a model file runs as it is", async () => {
  await using model = await openModel(exportOnnx(smallGraph(), { float: "float32" }), { name: "small.onnx" });
  expect(model.inputs.map(({ name, dtype }) => `${name} ${dtype}`)).toEqual(["x float", "which int"]);
  const { picked } = await model.run({ x, which });
  expect(picked).toEqual(floats([2, 1], [0, 3]));
});

test("bytes that are no model are refused in one line", async () => {
  const open = openModel(Uint8Array.of(1, 2, 3, 4, 5), { name: "noise.onnx" });
  await expect(open).rejects.toThrow(/^noise\.onnx: ONNX Runtime refuses the model: [^\n]+$/);
});

test("a device that cannot start says so once and the CPU answers", async () => {
  const lines: string[] = [];
  await using runtime = createRuntime({ device: "webgpu", warn: (line) => lines.push(line) });
  const sessions = [
    await runtime.compile(smallGraph(), { float: "float32" }),
    await runtime.compile(smallGraph(3), { float: "float32" }),
  ];
  for (const session of sessions) {
    const { picked } = await session.run({ x, which });
    expect(picked!.shape).toEqual([2, 1]);
  }
  const fallen = sessions[0]!.device === "cpu";
  expect(lines.map((line) => line.split(" (")[0])).toEqual(fallen ? ["device webgpu cannot start"] : []);
  const double = await runtime.compile(smallGraph(), { float: "float64" });
  expect(double.device).toBe("cpu");
});

test("importing the runtime loads no native library, making a session does", () => {
  const script = `
    const loaded = () => process.report.getReport().sharedObjects.some((path) => path.includes("onnxruntime"));
    import(${JSON.stringify(new URL("./node.ts", import.meta.url).href)}).then(async ({ openModel }) => {
      const before = loaded();
      await openModel(new Uint8Array(1)).catch(() => {});
      process.stdout.write(before + " " + loaded());
    });`;
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
  expect(execFileSync(process.execPath, ["--import", tsx, "-e", script], { encoding: "utf8" })).toBe("false true");
});

test("an input that is no tensor is refused with the way out", async () => {
  const tensorType = { elemType: 1 };
  const file = modelFile({
    name: "sequence",
    node: [node("Neg", ["x"], ["y"])],
    input: [info("x", ["N", 2]), { name: "s", type: { sequenceType: { elemType: { tensorType } } } } as never],
    output: [info("y", ["N", 2])],
  });
  await expect(openModel(file, { name: "s.onnx" })).rejects.toThrow(
    /"s" is a sequence, a map or optional; export the model with tensors of float32 alone$/,
  );
});
