/** @file The command line on models with several outputs and open sizes. */

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { writeNpy } from "../src/formats/npy.ts";
import { importOnnx } from "../src/formats/onnx/import.ts";
import { nodeDigest } from "../src/runtime/node-digest.ts";
import { loadModel } from "../src/runtime/node-model.ts";
import { subjectHash } from "../src/studies/jobs/subject.ts";
import { floats, info, modelFile, node } from "./helpers/onnx-seeds.ts";
import { assay } from "./support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "assay-exports-"));
const save = (name: string, bytes: Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};

const twoHeads = save(
  "two.onnx",
  modelFile({
    node: [node("MatMul", ["x", "W"], ["scores"]), node("MatMul", ["scores", "V"], ["value"])],
    initializer: [floats("W", [2, 3], [1, 2, 3, 4, 5, 6]), floats("V", [3, 1], [1, 1, 1])],
    input: [info("x", ["N", 2])],
    output: [info("value", ["N", 1]), info("scores", ["N", 3])],
  }),
);
const open = save(
  "open.onnx",
  modelFile({
    node: [node("GlobalAveragePool", ["x"], ["p"]), node("Flatten", ["p"], ["q"])],
    input: [info("x", ["N", 3, "H", "W"])],
    output: [info("q", ["N", 3])],
  }),
);
const data = save("data.csv", new TextEncoder().encode("0.1,0.2\n0.3,0.4\n"));

describe("several outputs", () => {
  test.each(["attack", "certify", "audit", "backdoor"])("%s stops and lists them", async (verb) => {
    const { code, stderr } = await assay(
      verb,
      twoHeads,
      "--data",
      data,
      ...(verb === "attack" || verb === "certify" ? ["--epsilon", "0.1"] : []),
    );
    expect(code).toBe(3);
    expect(stderr).toContain('has 2 outputs: "value" [N,1] float, "scores" [N,3] float; say which');
  });

  test("inspect shows the named one alone", async () => {
    const { stdout } = await assay("inspect", twoHeads, "--output", "scores", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ outputs: [{ name: "scores" }] });
    expect(JSON.parse(stdout).nodes).toHaveLength(1);
    const both = await assay("inspect", twoHeads, "--json");
    expect(JSON.parse(both.stdout).outputs).toHaveLength(2);
  });

  test("results of one output are not taken for those of another", async () => {
    const hashes = await Promise.all(
      ["value", "scores"].map(async (output) =>
        subjectHash(await loadModel(twoHeads, { classifier: { output } }), undefined, nodeDigest),
      ),
    );
    expect(new Set(hashes).size).toBe(2);
  });
});

test("another input is given a value, by number or by file, and results say so", async () => {
  const model = save(
    "gated.onnx",
    modelFile({
      node: [node("Mul", ["x", "gate"], ["gated"]), node("MatMul", ["gated", "W"], ["q"])],
      initializer: [floats("W", [2, 2], [1, 0, 0, 1])],
      input: [info("x", ["N", 2]), info("gate", ["N", 2])],
      output: [info("q", ["N", 2])],
    }),
  );
  const rows = save("gated.csv", new TextEncoder().encode("3,1\n1,4\n"));
  const argv = ["certify", model, "--data", rows, "--epsilon", "0.4", "--epsilon-unit", "raw", "--json"];
  const asked = await assay(...argv);
  expect([asked.code, asked.stderr]).toEqual([3, expect.stringContaining('"gate" [N,2] float; say with --input NAME')]);
  expect(asked.stderr).toContain("--bind NAME=VALUE");
  const gate = save("gate.npy", writeNpy({ dtype: "f8", shape: [1, 2], data: Float64Array.of(1, 3) }));
  // the margin of [3, 1] is 3 − 1 − 0.8 with the gate at 1; with [1, 3] it is 3 − 3 = 0: the other class has it
  const open = JSON.parse((await assay(...argv, "--bind", "gate=1")).stdout);
  expect(open).toMatchObject({ model: { bound: { gate: 1 } }, counts: { certified: 2 } });
  expect(open.results[0].margin).toBeCloseTo(1.2, 4);
  const run = await assay(...argv, "--bind", `gate=${gate}`);
  const shut = JSON.parse(run.stdout);
  expect(shut.counts).toMatchObject({ certified: 1 });
  expect(shut.results[1].margin).toBeCloseTo(12 - 1 - 4 * 0.4, 3);
  expect(run.stderr).toContain('input "gate" is fixed, as stated: an array of [1,2]');
  expect((await assay(...argv, "--bind", "gate=nothing.npy")).stderr).toContain("is no number and cannot be read");
  expect((await assay(...argv, "--bind", "gate")).stderr).toContain("--bind needs NAME=VALUE");
});

test("inspect says which sizes are open, and what settles them", async () => {
  const { code, stdout } = await assay("inspect", open);
  expect(code).toBe(0);
  expect(stdout).toContain('open    axes 2, 3 of "x": the data settles them');
  expect((await assay("backdoor", open)).stderr).toContain("leaves sizes open; give inputs with --data");
  const { graph } = importOnnx(
    modelFile({
      node: [node("GlobalAveragePool", ["x"], ["p"]), node("Flatten", ["p"], ["q"])],
      input: [info("x", ["N", 3, "H", "W"])],
      output: [info("q", ["N", 3])],
    }),
    { classifier: { sizes: [3, 5, 4] } },
  );
  expect(graph.inputs[0]!.shape).toEqual(["N", 3, 5, 4]);
});
