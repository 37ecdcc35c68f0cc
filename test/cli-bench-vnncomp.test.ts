/** @file A category of the competitions on the command line: answers, files, resuming, and the comparison with known verdicts. */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { gzip } from "../src/formats/gzip.ts";
import { exportOnnx } from "../src/formats/onnx/export.ts";
import { makeGraph } from "../src/graph/traverse.ts";
import { builder } from "../src/ops/index.ts";
import { assay, ended, spawnAssay } from "./support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "assay-vnncomp-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** y = relu(factor · x) of one number. */
function scaled(factor: number): Uint8Array {
  const b = builder();
  const x = b.input("x", ["N", 1]);
  const value = b.emit("Relu", [b.emit("Mul", [x, b.constant(factor)])]);
  return exportOnnx(makeGraph([x], [{ name: "y", value }]));
}

function category(name: string, instances: string, truth?: string): string {
  const path = join(folder, name);
  mkdirSync(join(path, "onnx"), { recursive: true });
  mkdirSync(join(path, "vnnlib"), { recursive: true });
  writeFileSync(join(path, "onnx/one.onnx"), scaled(1));
  writeFileSync(join(path, "onnx/two.onnx.gz"), gzip(scaled(2)));
  const query = (least: number) =>
    `(declare-const X_0 Real)(declare-const Y_0 Real)(assert (<= -1 X_0))(assert (<= X_0 1))(assert (>= Y_0 ${least}))`;
  writeFileSync(join(path, "vnnlib/one.vnnlib"), query(1));
  writeFileSync(join(path, "vnnlib/more.vnnlib.gz"), gzip(new TextEncoder().encode(query(1.5))));
  writeFileSync(join(path, "instances.csv"), instances);
  if (truth !== undefined) writeFileSync(join(path, "truth.csv"), truth);
  return path;
}

const LISTED = `onnx/one.onnx,vnnlib/one.vnnlib,60
onnx/one.onnx,vnnlib/more.vnnlib,60
onnx/two.onnx,vnnlib/more.vnnlib,60
onnx/two.onnx,vnnlib/one.vnnlib,0
`;
const truth = (...verdicts: readonly string[]): string =>
  `onnx,vnnlib,timeout_s,verdict\n${LISTED.trim()
    .split("\n")
    .map((line, k) => `${line},${verdicts[k]}\n`)
    .join("")}`;

const bench = (path: string, ...more: readonly string[]) =>
  ended(spawnAssay(["bench", "vnncomp", path, "--jobs", "1", "--out", `${path}-out`, ...more], { cwd: folder }));

test("a category is decided, its answers written, compared, and taken up again", async () => {
  const path = category("good", LISTED, truth("sat", "unsat", "unsat", "sat"));
  const { code, stdout, stderr } = await bench(path);
  expect(stderr).toContain("1 of 4: ");
  // the list is wrong about 2·x ≥ 1.5: x = 1 is checked, and no contradiction of ours
  expect(stdout).toContain("two_more.counterexample meets it exactly by the outputs of the file");
  expect(stdout).toContain("good: 3 of 4 instances decided: 2 sat, 1 unsat; 0 unknown, 1 timed-out\n");
  expect(stdout).toContain("truth.csv: 2 agree, 0 contradict, 1 refuted by a checked input, 0 decided");
  expect(code).toBe(0);
  const table = readFileSync(`${path}-out/results.csv`, "utf8");
  expect(table.split("\r\n").map((line) => line.split(",").filter((_, k) => k === 3 || k > 5))).toEqual([
    ["verdict", "witness", "truth", "comparison", "detail"],
    ["sat", "one_one.counterexample", "sat", "agrees", ""],
    ["unsat", "", "unsat", "agrees", ""],
    ["sat", "two_more.counterexample", "unsat", "refutes", ""],
    ["timed-out", "", "sat", "", ""],
    [],
  ]);
  expect(readFileSync(`${path}-out/one_one.counterexample`, "utf8")).toBe("sat\n((X_0 1)\n(Y_0 1))\n");
  const again = await bench(path, "--resume", "--json");
  expect(again.stderr.match(/\(kept\)/g)).toHaveLength(4);
  expect(readFileSync(`${path}-out/results.csv`, "utf8")).toBe(table);
  expect(again.stdout).toBe(readFileSync(`${path}-out/results.json`, "utf8"));
  expect(JSON.parse(again.stdout)).toMatchObject({
    tool: "assay bench vnncomp",
    category: "good",
    summary: { verdicts: { sat: 2, unsat: 1, "timed-out": 1 }, comparisons: { refutes: 1, contradicts: 0 } },
    answers: [{ verdict: "sat" }, { verdict: "unsat" }, { verdict: "sat" }, { verdict: "timed-out", limit: 0 }],
  });
});

test("unsat where the list says sat is said, and the exit code is 1", async () => {
  const path = category("contradicted", LISTED, truth("sat", "sat", "sat", "none"));
  const { code, stdout, stderr } = await bench(path, "--only", "one.onnx", "--timeout", "30");
  const alarm = "CONTRADICTION: vnnlib/more.vnnlib of onnx/one.onnx is unsat here, and sat in truth.csv";
  expect([stdout.includes(alarm), stderr.includes(alarm), code]).toEqual([true, true, 1]);
  expect(stdout).toContain("2 of 2 instances decided");
});

test("what cannot be run is refused in one line before anything is computed", async () => {
  const good = category("refused", LISTED);
  const refused = async (...argv: string[]) => {
    const { code, stderr, stdout } = await assay("bench", "vnncomp", ...argv, "--out", join(folder, "refused-out"));
    expect([code > 0, stdout, stderr.trim().split("\n").length]).toEqual([true, "", 1]);
    return stderr;
  };
  expect(await refused()).toContain("name the folder of a category");
  expect(await refused(join(folder, "none"))).toContain("instances.csv: no such file");
  expect(await refused(category("wrong", "a.onnx,b.vnnlib,soon"))).toContain("instances.csv: CSV: line 1 is not");
  expect(await refused(category("missing", "onnx/three.onnx,vnnlib/one.vnnlib,5"))).toContain(
    "three.onnx: no such file",
  );
  expect(await refused(good, "--only", "*three*")).toContain("no instance of refused is like that");
  expect(await refused(good, "--page", "page.md")).toContain("bench vnncomp takes no --page");
  expect((await assay("bench", "backdoor", "--only", "3")).stderr).toContain("bench backdoor takes no --only");
  expect(existsSync(join(folder, "refused-out/results.csv"))).toBe(false);
});
