/** @file `--memory` from the command line to the threads: what does not fit is unknown for that reason, and fits under more. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeNpy } from "../src/formats/npy.ts";
import { exportOnnx } from "../src/formats/onnx/export.ts";
import { rng } from "../src/random/rng.ts";
import { assay } from "./support/cli.ts";
import { residualNet } from "./support/residual-nets.ts";

let before: string;
let folder: string;
beforeAll(() => {
  before = process.cwd();
  folder = mkdtempSync(join(tmpdir(), "assay-memory-"));
  process.chdir(folder);
  const graph = residualNet({ input: [1, 48], stem: [32, 1], blocks: [[32, 1]], pool: true, dense: [3] });
  writeFileSync("net.onnx", exportOnnx(graph));
  const data = new Float32Array(3 * 48 * 48);
  rng(5).fillUniform(data, 0, 1);
  writeFileSync("x.npy", writeNpy({ dtype: "f4", shape: [3, 1, 48, 48], data }));
});
afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true });
});

interface Results {
  readonly counts: Readonly<Record<string, number>>;
  readonly reasons: Readonly<Record<string, number>>;
  readonly errors: readonly string[];
}

/** On two threads: the budget must reach them. */
const certify = async (method: string, ...more: readonly string[]) => {
  const given = ["--data", "x.npy", "--epsilon", "1e-7", "--method", method, "--gate", "0.1", "--jobs", "2", "--json"];
  const ended = await assay("certify", "net.onnx", ...given, ...more);
  if (ended.stdout === "") throw new Error(ended.stderr);
  return { code: ended.code, said: ended.stderr, ...(JSON.parse(ended.stdout) as Results) };
};

test.each(["ibp", "crown-ibp", "crown"])(
  "%s: unknown for memory under a small budget, certified under a large one",
  async (method) => {
    const small = await certify(method, "--memory", "1MB");
    expect(small).toMatchObject({ counts: { certified: 0, falsified: 0, unknown: 3 }, reasons: { memory: 3 } });
    // nothing is proved and nothing broken: the gate cannot be decided
    expect(small.code).toBe(5);
    // an answer for want of memory is not taken for the answer under a larger budget
    const large = await certify(method, "--memory", "256MB", "--resume");
    // nor is an attack's
    expect(large.said).not.toContain("--memory");
    expect(large).toMatchObject({ code: 0, errors: [] });
    expect(large.reasons).not.toHaveProperty("memory");
    expect(large.counts["certified"]).toBeGreaterThan(0);
  },
);
