/** @file `assay compare`: two models, two results, two audits. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Comparison } from "../src/studies/compare/types.ts";
import { suspiciousReport } from "./report/fixture.ts";
import { healthyReport } from "./report/variants.ts";
import { assay } from "./support/cli.ts";
import { longTest } from "./support/patience.ts";

const folder = mkdtempSync(join(tmpdir(), "assay-compare-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ROBUST = resolve("zoo/mnist-cnna-ibp.onnx");
const PLAIN = resolve("zoo/mnist-cnna-clean.onnx");
const DATA = ["--data", "mnist", "--limit", "40"];
const SET = ["--epsilon", "0.1", "--method", "ibp"];

const comparisonOf = async (...argv: string[]) => {
  const { code, stdout } = await assay("compare", ...argv, "--json");
  return { code, comparison: JSON.parse(stdout) as Comparison };
};

longTest("a model has no regression against itself, in its answers or within a set", async () => {
  const { code, comparison } = await comparisonOf(ROBUST, ROBUST, ...DATA, ...SET);
  expect(code).toBe(0);
  expect(comparison).toMatchObject({ outcome: "none", paired: true, inputs: 40, changed: [] });
  expect(comparison.rates.map(({ id, drop }) => [id, drop])).toEqual([
    ["accuracy", 0],
    ["attacked", 0],
    ["proved", 0],
  ]);
});

longTest("a model that lost its robustness fails the build, though its accuracy stayed", async () => {
  const { code, comparison } = await comparisonOf(ROBUST, PLAIN, ...DATA, ...SET);
  expect(code).toBe(1);
  const outcomes = Object.fromEntries(comparison.rates.map(({ id, outcome }) => [id, outcome]));
  expect(outcomes).toEqual({ accuracy: "none", attacked: "regression", proved: "regression" });
  // and as result files of two runs
  const [before, after] = [join(folder, "before.json"), join(folder, "after.json")];
  await assay("certify", ROBUST, ...DATA, ...SET, "--out", before);
  await assay("certify", PLAIN, ...DATA, ...SET, "--out", after);
  const files = await comparisonOf(before, after);
  expect(files.code).toBe(1);
  expect(files.comparison.rates).toEqual(comparison.rates);
});

test("two audits are compared by rates, conditions and decisions", async () => {
  const write = (name: string, report: object) => {
    const path = join(folder, name);
    writeFileSync(path, JSON.stringify(report));
    return path;
  };
  const [healthy, suspicious] = [write("healthy.json", healthyReport()), write("bad.json", suspiciousReport())];
  const same = await comparisonOf(healthy, healthy);
  expect([same.code, same.comparison.outcome]).toEqual([0, "none"]);
  const { code, comparison } = await comparisonOf(healthy, suspicious);
  expect(code).toBe(1);
  expect(comparison.states).toContainEqual({
    what: "the decision",
    a: "Ship",
    b: "Do not ship",
    outcome: "regression",
  });
  expect(comparison.rates.find(({ what }) => what === "proved right within linf 0.1")).toMatchObject({
    outcome: "regression",
  });
  const text = await assay("compare", healthy, suspicious);
  expect(text.stdout.split("\n")[0]).toBe("REGRESSION: the second is worse");
});

test("what cannot be compared ends in one line", async () => {
  const cases: readonly (readonly [argv: readonly string[], message: RegExp, code: number])[] = [
    [[ROBUST], /compare BEFORE AFTER/, 2],
    [[ROBUST, join(folder, "healthy.json"), ...DATA], /name two of one kind/, 2],
    [[join(folder, "healthy.json"), join(folder, "before.json")], /name two results of one kind/, 2],
    [[ROBUST, PLAIN, ...DATA, "--method", "ibp"], /say with --epsilon/, 2],
    [[ROBUST, PLAIN], /--data/, 2],
  ];
  for (const [argv, message, code] of cases) {
    const ended = await assay("compare", ...argv);
    expect([ended.code, ended.stderr.trim().split("\n").length]).toEqual([code, 1]);
    expect(ended.stderr).toMatch(message);
  }
});
