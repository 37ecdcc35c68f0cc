/** @file Queries on the command line: the form of answers, and what is refused. */

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { gzip } from "../src/formats/gzip.ts";
import { exportOnnx } from "../src/formats/onnx/export.ts";
import { makeGraph } from "../src/graph/traverse.ts";
import { builder } from "../src/ops/index.ts";
import { assay } from "./support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "assay-verify-"));
const file = (name: string, contents: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, contents);
  return path;
};

/** y = relu(x) of two numbers. */
function relu(): Uint8Array {
  const b = builder();
  const x = b.input("x", ["N", 2]);
  return exportOnnx(makeGraph([x], [{ name: "y", value: b.emit("Relu", [x]) }]));
}

const model = file("relu.onnx", relu());
const FIRST =
  "(declare-const X_0 Real)(declare-const X_1 Real)(declare-const Y_0 Real)(declare-const Y_1 Real)(assert (<= 0 X_0))(assert (<= X_0 1))(assert (= X_1 0.000000059604644775390625))";
const SECOND =
  "(vnnlib-version <2.1>)(declare-network f (declare-input A float32 [1,2]) (declare-output B float32 [1,2]))(assert (and (<= 1 A[0,0] ) (<= A[0,0] 1) (== A[0,1] -2)))";

test("sat in the form of the competitions, of a query of version 1: numbers without exponents", async () => {
  const query = file("first.vnnlib.gz", gzip(new TextEncoder().encode(`${FIRST}(assert (>= Y_0 1))`)));
  const { code, stdout } = await assay("verify", query, "--network", model);
  expect(stdout).toBe("sat\n((X_0 1)\n(X_1 0.00000005960464477539063)\n(Y_0 1)\n(Y_1 0.00000005960464477539063))\n");
  expect(code).toBe(0);
});

test("sat in the form of VNN-LIB 2.1, of a query of version 2", async () => {
  const query = file("second.vnnlib", `${SECOND}(assert (>= B[0,0] 1))`);
  const { stdout } = await assay("verify", query, "--network", `f=${model}`);
  expect(stdout).toBe("sat\nA float32 [1,2]\n1\n-2\nB float32 [1,2]\n1\n0\n");
});

test("unsat and the time that is up, with their exit codes; JSON says by what", async () => {
  const query = file("unsat.vnnlib", `${FIRST}(assert (>= Y_0 1.5))`);
  expect(await assay("verify", query, "--network", model)).toMatchObject({ code: 0, stdout: "unsat\n" });
  expect(await assay("verify", query, "--network", model, "--timeout", "0")).toMatchObject({
    code: 5,
    stdout: "timed-out\n",
  });
  const { stdout } = await assay("verify", query, "--network", model, "--json");
  expect(JSON.parse(stdout)).toMatchObject({
    verdict: "unsat",
    arithmetic: "float32",
    cases: 1,
    proved: 1,
    margin: expect.closeTo(0.5, 4),
  });
  const real = await assay("verify", query, "--network", model, "--arithmetic", "real");
  expect(real).toMatchObject({ code: 5, stdout: "unknown\n" });
});

test("wrong files and names are refused in one line", async () => {
  const query = file("third.vnnlib", `${SECOND}(assert (>= B[0,0] 1))`);
  const refused = async (...argv: string[]) => {
    const { code, stderr, stdout } = await assay("verify", ...argv);
    expect([code > 0, stdout, stderr.trim().split("\n").length]).toEqual([true, "", 1]);
    return stderr;
  };
  expect(await refused(query)).toContain("--network f=model.onnx");
  expect(await refused(query, "--network", `g=${model}`)).toContain('declares no network "g"; it declares f');
  expect(await refused(query, "--network", "f=none.onnx")).toContain("none.onnx: no such file");
  expect(await refused("none.vnnlib", "--network", model)).toContain("none.vnnlib: no such file");
  const broken = file("broken.vnnlib", "(assert (<= X_0 1)");
  expect(await refused(broken, "--network", model)).toContain("broken.vnnlib:1:1: ");
});

test("supports answers each capability of the standard", async () => {
  expect(await assay("supports", "--vnnlib-versions")).toMatchObject({ code: 0, stdout: "1.0\n2.1\n" });
  const { stdout } = await assay("supports", "--onnx-operators");
  expect(stdout.split("\n")).toContain("Conv");
  expect((await assay("supports")).code).toBe(2);
});
