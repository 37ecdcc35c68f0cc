import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BackdoorFile, ResultFile } from "assay";
import { afterAll, afterEach, beforeEach, expect, test, vi } from "vitest";
import { assay } from "../test/support/cli.ts";
import { longTest } from "../test/support/patience.ts";

/** Where examples leave their files. */
const folder = mkdtempSync(join(tmpdir(), "assay-examples-"));
vi.stubEnv("TMPDIR", folder);
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const printed: unknown[][] = [];
beforeEach(() => {
  printed.length = 0;
  vi.spyOn(console, "log").mockImplementation((...line: unknown[]) => {
    printed.push(line);
  });
});
afterEach(() => vi.restoreAllMocks());

test("certify.ts gives every digit a verdict, and proves some and not all", async () => {
  await import("./certify.ts");
  const kinds = printed.map(([, verdict]) => (verdict as { readonly kind: string }).kind);
  expect(kinds.length).toBe(10);
  expect(new Set(kinds)).toEqual(new Set(["verified", "unknown"]));
});

test("certify-batch.ts says what the command line says", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  await import("./certify-batch.ts");
  const run = await assay(
    "certify",
    "zoo/mnist-cnna-ibp.onnx",
    "--data",
    "mnist",
    "--limit",
    "100",
    "--epsilon",
    "0.1",
    "--method",
    "ibp",
    "--method",
    "crown",
    "--json",
  );
  const { counts, results } = JSON.parse(run.stdout) as ResultFile;
  expect(printed[0]).toEqual([
    `${counts.certified} certified, ${counts.falsified} falsified, ${counts.unknown} unknown`,
  ]);
  expect(printed.slice(1)).toEqual(results.map(({ index, verdict, margin }) => [index, verdict, margin]));
});

longTest("audit.ts decides against a network that small changes overturn", async () => {
  await import("./audit.ts");
  expect(printed[0]![0]).toBe("do-not-ship");
  expect(printed.slice(1).map(([kind]) => kind)).toContain("attacked");
});

longTest("own-attack.ts shows its attack with its settings in the report, and PGD breaks what it leaves", async () => {
  await import("./own-attack.ts");
  expect(printed.map(([method]) => method)).toEqual(["Brightness", "PGD"]);
  const [own, pgd] = printed as [string, Record<string, unknown>, string][];
  expect(own![1]).toMatchObject({ version: 1, shades: 2, norm: "linf", epsilon: 0.05 });
  const counts = [own!, pgd!].map(([, , text]) => /^(\d+) of (\d+) falsified$/.exec(text)!.slice(1).map(Number));
  const [[broken, all], [, left]] = counts as [[number, number], [number, number]];
  expect(left).toBe(all - broken);
});

test("attack.ts prints only witnesses that the model file confirms, for most digits of an undefended model", async () => {
  await import("./attack.ts");
  expect(printed.length).toBeGreaterThan(5);
  for (const [line] of printed) expect(line).toMatch(/^a (\d) taken for a (?!\1)\d, 0\.\d{3} away: holds$/);
});

test("backdoor.ts suspects the class that the bundled network's backdoor leads to", async () => {
  await import("./backdoor.ts");
  expect(printed.map(([answer]) => answer)).toEqual(["suspected: class 7"]);
});

test("backdoor-search.ts says what the command line says", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  await import("./backdoor-search.ts");
  const options = [
    "--data",
    "mnist",
    "--images",
    "100",
    "--detector",
    "titration",
    "--detector",
    "last-layer",
    "--json",
  ];
  const run = await assay("backdoor", "zoo/mnist-cnna-badnets.onnx", ...options);
  const { verdict, detectors } = JSON.parse(run.stdout) as BackdoorFile;
  expect(printed).toEqual([
    ["suspected: class 7", verdict.reason],
    ...detectors.map(({ name, flagged, pValue, target }) => [name, flagged, pValue, target]),
  ]);
  expect(run.code).toBe(1);
});

longTest("population.ts leaves four models, all of which count, each scanned", async () => {
  await import("./population.ts");
  expect(printed.map(([model, accepted]) => [/[\w-]+(?=\.onnx$)/.exec(model as string)?.[0], accepted])).toEqual([
    ["clean-0", true],
    ["clean-1", true],
    ["patch-2", true],
    ["patch-3", true],
  ]);
  for (const [model, , scans] of printed) {
    expect(readFileSync(model as string).length).toBeGreaterThan(1000);
    expect(Object.keys(scans as object)).toEqual(["titration"]);
  }
});

longTest(
  "evaluation.ts judges clean and backdoored models by p-values, which two reference models keep above 1/3",
  async () => {
    await import("./evaluation.ts");
    expect(printed.map(([id, family]) => [id, family])).toEqual([
      ["digits/clean-100", "clean"],
      ["digits/clean-101", "clean"],
      ["digits/patch-102", "patch"],
      ["digits/patch-103", "patch"],
    ]);
    for (const pValue of printed.flatMap(([, , ...pValues]) => pValues)) expect([1 / 3, 2 / 3, 1]).toContain(pValue);
  },
);

test("readings.ts prints a network, its gradient, and interval bounds of that gradient", async () => {
  await import("./readings.ts");
  const [score, slope, bounds] = printed.map(([text]) => text as string);
  expect(score).toContain("return score");
  expect(slope).toContain("Step(");
  expect(bounds).toContain("return least slope");
  expect(bounds).toContain("return most slope");
});
