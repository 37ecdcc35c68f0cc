import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import {
  attack,
  attackOf,
  certify,
  detectorOf,
  examineFile,
  parseReport,
  type ResultFile,
  type Searched,
  searchFile,
  verifierOf,
} from "../src/index.ts";
import { VERSION } from "../src/web/place.ts";
import { CHROMIUM } from "./support/chromium.ts";
import { AUDIT_PAGE, CERTIFY_PAGE, certifyFiles, runPage } from "./support/page.ts";
import { LONG, longTest, PATIENT } from "./support/patience.ts";

const MODEL = "zoo/mnist-cnna-ibp.onnx";
const COUNT = 6;

test("the browser's version is the package's", () => {
  expect(VERSION).toBe((JSON.parse(readFileSync("package.json", "utf8")) as { readonly version: string }).version);
});

describe.skipIf(!existsSync(CHROMIUM))(`in ${CHROMIUM} (skipped where it is not installed)`, () => {
  test.skipIf(!PATIENT)(
    `a page proves and breaks the digits that Node does, with the same margins (${LONG})`,
    { timeout: 120_000 },
    async () => {
      const page = (await runPage(
        {
          stdin: { contents: CERTIFY_PAGE, resolveDir: resolve("."), loader: "js" },
          alias: { "assay/browser": resolve("src/web/index.ts") },
        },
        await certifyFiles(MODEL, COUNT, "node_modules"),
      )) as { readonly proved: ResultFile; readonly attacked: ResultFile };
      await using digits = await examineFile(MODEL, { data: "mnist", limit: COUNT, workers: 1 });
      const verifiers = [verifierOf("ibp"), verifierOf("crown")];
      const { file: proved } = await certify(digits, { epsilon: 0.1, verifiers, attack: false });
      const { file: attacked } = await attack(digits, { epsilon: 0.3, attacks: [attackOf("fgsm")] });
      const verdicts = ({ results }: ResultFile) => results.map(({ verdict }) => verdict);
      expect(verdicts(page.proved)).toEqual(verdicts(proved));
      expect(verdicts(page.attacked)).toEqual(verdicts(attacked));
      expect(new Set(verdicts(proved))).toContain("certified");
      expect(new Set(verdicts(attacked))).toContain("falsified");
      for (const [i, { margin }] of proved.results.entries())
        expect(Math.abs(page.proved.results[i]!.margin! - margin!)).toBeLessThan(1e-5);
    },
  );

  longTest("a page audits a model, looks for a backdoor as Node does, and makes the report's page", async () => {
    const page = (await runPage(
      {
        stdin: { contents: AUDIT_PAGE, resolveDir: resolve("."), loader: "js" },
        alias: { "assay/browser": resolve("src/web/index.ts") },
      },
      await certifyFiles("zoo/mnist-mlp.onnx", 20, "node_modules"),
    )) as {
      readonly report: unknown;
      readonly html: string;
      readonly searched: Searched["file"];
      readonly failures: unknown;
    };
    const report = parseReport(page.report);
    expect(page.failures).toEqual([]);
    const [point] = report.robustness[0]!.points;
    expect(point).toMatchObject({ epsilon: 0.05, clean: { trials: 20 } });
    expect(point!.counts.falsified).toBeGreaterThan(0);
    expect(page.html).toMatch(/^<!doctype html>/i);
    expect(page.html).toContain("How the decision came about");
    const { file } = await searchFile("zoo/mnist-mlp.onnx", {
      detectors: [detectorOf("last-layer"), detectorOf("clp")],
    });
    for (const [k, { score, flagged }] of file.detectors.entries()) {
      expect(page.searched.detectors[k]).toMatchObject({ flagged });
      expect(page.searched.detectors[k]!.score!).toBeCloseTo(score!, 4);
    }
  });
});
