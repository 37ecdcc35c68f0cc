/** @file CROWN on the largest convolutional architecture with three dense layers stays within a memory budget. */

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { builtOf } from "./support/built.ts";
import { LONG, PATIENT } from "./support/patience.ts";

const MIB = 2 ** 20;
const SMALL = 16 * MIB;
const LARGE = 1024 * MIB;

/** Weights, in every session that holds them, and the code: what the process takes with the smallest budget. */
const BASE = 512 * MIB;
/** Sessions that keep the memory of their largest run, two a layer at most, and allocators that round up. */
const RUNS = 24;

/** Sums of up to 4,096 terms in another order, relative to the largest margin. */
const TOLERANCE = 1e-4;

interface Report {
  readonly margins: readonly number[];
  /** Bytes the process took beyond what it held before the bounds. */
  readonly peak: number;
}

async function crownOf(budget: number): Promise<Report> {
  const script = builtOf(join(import.meta.dirname, "support/crown-memory.ts"));
  const { stdout } = await promisify(execFile)(process.execPath, [script, `${budget}`]);
  return JSON.parse(stdout) as Report;
}

describe.skipIf(!PATIENT)(`CROWN on CNNc (${LONG})`, () => {
  test("stays near its budget, and finds the same margins in small chunks of rows as in large ones", async () => {
    const [small, large] = await Promise.all([crownOf(SMALL), crownOf(LARGE)]);
    const scale = Math.max(...large.margins.map(Math.abs));
    expect(small.margins).toHaveLength(9);
    expect(scale).toBeLessThan(100);
    small.margins.forEach((margin, row) => {
      expect(Math.abs(margin - large.margins[row]!)).toBeLessThan(TOLERANCE * scale);
    });
    expect(small.peak).toBeLessThan(BASE + RUNS * SMALL);
    // the test would see a budget that is ignored
    expect(large.peak).toBeGreaterThan(1.5 * small.peak);
  }, 240_000);
});
