/**
 * @file Attack and bounds of pictures of 224 × 224 through networks of 11 to 100 MB of weights, each in a process of its
 * own: what it takes at most, and that it ends with an answer or a reason.
 */

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { builtOf } from "./support/built.ts";
import { LONG, longTest, PATIENT } from "./support/patience.ts";

const MB = 2 ** 20;

/** Of the process at its peak: code, weights in three to six copies (ResNet-50 has 97 MB of them), and one run. */
const LIMITS = { resNet18: 1300 * MB, mobileNetV2: 900 * MB, resNet50: 2000 * MB } as const;

interface Report {
  readonly verdict?: { readonly kind: string; readonly reason: string; readonly detail?: string };
  readonly attempts?: number;
  readonly queries?: number;
  readonly peak: number;
  readonly seconds: number;
}

async function reportOf(network: string, method: string): Promise<Report> {
  const script = builtOf(join(import.meta.dirname, "support/large-memory.ts"));
  const { stdout } = await promisify(execFile)(process.execPath, [script, network, method]);
  const report = JSON.parse(stdout) as Report;
  console.log(
    `${method} on ${network}: peak ${Math.round(report.peak / MB)} MB, ${report.seconds.toFixed(1)} s of processor time`,
  );
  return report;
}

const TIME_OUT = 240_000;

const networks = Object.keys(LIMITS) as (keyof typeof LIMITS)[];

test.skipIf(!PATIENT).each(networks)(
  `PGD, IBP and CROWN-IBP on one picture through %s end within their memory (${LONG})`,
  async (network) => {
    const attacked = await reportOf(network, "pgd");
    expect(attacked.attempts).toBe(16);
    expect(attacked.queries).toBeGreaterThan(0);
    const ibp = await reportOf(network, "ibp");
    const crownIbp = await reportOf(network, "crown-ibp");
    for (const { verdict } of [ibp, crownIbp]) {
      expect(verdict?.kind).toBe("unknown");
      expect(["relaxation-too-loose", "numerical", "memory"]).toContain(verdict?.reason);
      if (verdict?.reason === "memory")
        expect(verdict.detail).toMatch(/at least \d+ MB, more than the 256 MB .*--memory/);
    }
    expect(ibp.verdict?.reason).not.toBe("memory");
    for (const { peak } of [attacked, ibp, crownIbp]) expect(peak).toBeLessThan(LIMITS[network]);
  },
  3 * TIME_OUT,
);

longTest(
  "CROWN on ResNet-18, whose rows do not fit, says so before it compiles anything",
  async () => {
    const { verdict, peak } = await reportOf("resNet18", "crown");
    expect(verdict).toMatchObject({ kind: "unknown", reason: "memory" });
    expect(peak).toBeLessThan(700 * MB);
  },
  TIME_OUT,
);
