import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DATA_TYPE, encodeModel, type TensorProto } from "../formats/onnx/proto.ts";
import { loadModel } from "./node-model.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "assay-model-"));
  mkdirSync(join(folder, "model"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** y = x + w with w = [1, 2] in an external file. */
function externalModel(location: string, extra: Record<string, string> = {}): string {
  const w: TensorProto = {
    name: "w",
    dims: [2],
    dataType: DATA_TYPE.FLOAT,
    dataLocation: 1,
    externalData: Object.entries({ location, ...extra }).map(([key, value]) => ({ key, value })),
  };
  const type = { tensorType: { elemType: DATA_TYPE.FLOAT, shape: { dim: [{ dimParam: "N" }, { dimValue: 2 }] } } };
  const path = join(folder, "model", "m.onnx");
  writeFileSync(
    path,
    encodeModel({
      irVersion: 8,
      opsetImport: [{ domain: "", version: 17 }],
      graph: {
        node: [{ opType: "Add", input: ["x", "w"], output: ["y"] }],
        initializer: [w],
        input: [{ name: "x", type }],
        output: [{ name: "y", type }],
      },
    }),
  );
  return path;
}

const weights = new Uint8Array(Float32Array.of(0, 1, 2).buffer);

test("weights are read from a file beside the model, from an offset", async () => {
  writeFileSync(join(folder, "model", "w.bin"), weights);
  const model = await loadModel(externalModel("./w.bin", { offset: "4", length: "8" }));
  const [sum] = model.graph.outputs;
  const w = sum?.value.kind === "node" ? sum.value.inputs[1] : undefined;
  expect(w?.kind === "constant" && Array.from(w.tensor.data)).toEqual([1, 2]);
  expect(model.external).toEqual([{ path: "w.bin", sha256: createHash("sha256").update(weights).digest("hex") }]);
  expect(model.sha256).toBe(createHash("sha256").update(model.bytes).digest("hex"));
});

test.each([
  ["../w.bin", "outside the model's folder"],
  ["/etc/passwd", "outside the model's folder"],
  ["a/../../w.bin", "outside the model's folder"],
  ["C:\\w.bin", "outside the model's folder"],
  ["a\\..\\..\\w.bin", "outside the model's folder"],
  ["", "outside the model's folder"],
  ["missing.bin", "cannot be read (ENOENT); put it beside the model"],
  ["link.bin", "is a link out of the model's folder"],
  ["folder", "is not a file"],
])("external data at %j is refused in one line", async (location, fact) => {
  writeFileSync(join(folder, "w.bin"), weights);
  symlinkSync(join(folder, "w.bin"), join(folder, "model", "link.bin"));
  mkdirSync(join(folder, "model", "folder"));
  const failure = await loadModel(externalModel(location)).catch((error: unknown) => error);
  expect(failure).toMatchObject({ name: "OnnxError", message: expect.stringContaining(fact) });
  expect((failure as Error).message).not.toContain("\n");
});

test.each([
  [{ offset: "8", length: "8" }, "lies outside its file"],
  [{ offset: "-4" }, "impossible external offset"],
  [{ offset: "1e3" }, "impossible external offset"],
  [{ length: "4" }, "needs 2 elements, but 1 are stored"],
])("external data with %j is refused", async (extra, fact) => {
  writeFileSync(join(folder, "model", "w.bin"), weights);
  await expect(loadModel(externalModel("w.bin", extra))).rejects.toThrow(fact);
});

test("a missing model and a folder are refused by name", async () => {
  await expect(loadModel(join(folder, "none.onnx"))).rejects.toThrow(/none\.onnx: cannot be read \(ENOENT\)/);
  await expect(loadModel(folder)).rejects.toThrow("is not a file");
});
