import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { attack, attackOf, certify, examineFile, type ResultFile, verifierOf } from "../src/index.ts";
import { VERSION } from "../src/web/place.ts";
import { CHROMIUM } from "./support/chromium.ts";
import { CERTIFY_PAGE, certifyFiles, runPage } from "./support/page.ts";
import { LONG, PATIENT } from "./support/patience.ts";

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
});
