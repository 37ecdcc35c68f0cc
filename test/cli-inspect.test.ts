/** @file `assay inspect` of models with operators that are not supported: the table all the same, and what stands in the way. */

import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { attributeInt, floats, info, modelFile, node } from "./helpers/onnx-seeds.ts";
import { assay } from "./support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "assay-inspect-"));
const save = (name: string, bytes: Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};

/** x → MatMul → Relu → Bernoulli → Cast; the scores leave before. */
const withDraws = (outputs: readonly string[]) =>
  save(
    `${outputs.join("-")}.onnx`,
    modelFile({
      node: [
        { ...node("MatMul", ["x", "W"], ["h"]), name: "fc" },
        { ...node("Relu", ["h"], ["scores"]), name: "act" },
        { ...node("Bernoulli", ["scores"], ["where"]), name: "picker" },
        { ...node("Cast", ["where"], ["last"], [attributeInt("to", 1)]), name: "after" },
      ],
      initializer: [floats("W", [2, 3], [1, 2, 3, 4, 5, 6])],
      input: [info("x", ["N", 2])],
      output: outputs.map((name) => info(name, ["N", 3])),
    }),
  );

test("the table has the nodes that are read, then those that are not with why, and ends with 3", async () => {
  const { code, stdout, stderr } = await assay("inspect", withDraws(["last"]));
  expect(code).toBe(3);
  const table = stdout.slice(stdout.indexOf("\n\n") + 2);
  expect(table).toBe(`node    op         shape  parameters  gradient  interval  relax
fc      MatMul     [N,3]           6  yes       yes       yes
act     Relu       [N,3]              yes       yes       yes
picker  Bernoulli
    not read: not supported in opset 17; replace it before export
after   Cast
    takes the result of a node that is not read
`);
  expect(stdout).toContain("2 of its nodes are not read");
  expect(stdout).toContain("methods none: each of them reads the whole graph\n");
  expect(stderr).toMatch(/Bernoulli \(picker\)/);
  expect(stderr.trim().split("\n")).toHaveLength(1);
});

test("an output that does without them is named, and allows what it says", async () => {
  const path = withDraws(["last", "scores"]);
  const { code, stdout } = await assay("inspect", path);
  expect([code, stdout]).toEqual([3, expect.stringContaining("; --output scores does without them\n")]);
  expect(stdout).not.toContain("--output last");
  expect((await assay("inspect", path, "--output", "scores")).code).toBe(0);
});

test("JSON and --out tell the same, with the reason of each node", async () => {
  const out = join(folder, "nodes.json");
  const { code, stdout } = await assay("inspect", withDraws(["last"]), "--json", "--out", out);
  expect(code).toBe(3);
  const told = JSON.parse(stdout);
  expect(JSON.parse(readFileSync(out, "utf8"))).toEqual(told);
  expect(told).toMatchObject({
    nodes: [{ name: "fc", parameters: 6 }, { name: "act" }],
    unsupported: [{ name: "picker", op: "Bernoulli", reason: expect.stringContaining("not supported") }],
    behind: [{ name: "after", op: "Cast" }],
    methods: [],
    readableOutputs: [],
  });
});

test("a known operator that is used in a way that is not supported stands in the table too", async () => {
  const path = save(
    "dropout.onnx",
    modelFile({
      node: [
        { ...node("Relu", ["x"], ["h"]), name: "act" },
        { ...node("Dropout", ["h"], ["y", "mask"]), name: "drop" },
        { ...node("Cast", ["mask"], ["m"], [attributeInt("to", 1)]), name: "cast" },
        { ...node("Mul", ["y", "m"], ["z"]), name: "times" },
      ],
      input: [info("x", ["N", 2])],
      output: [info("z", ["N", 2])],
    }),
  );
  const { code, stdout, stderr } = await assay("inspect", path);
  expect(code).toBe(3);
  expect(stdout).toMatch(/^act +Relu/m);
  expect(stdout).toMatch(/^drop +Dropout\n {4}not read: /m);
  expect(stderr).toContain("drop");
});

test("what cannot be read at all has its message and no table", async () => {
  const { code, stdout } = await assay("inspect", save("empty.onnx", new Uint8Array()));
  expect([code, stdout]).toEqual([3, ""]);
});
