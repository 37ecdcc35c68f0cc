/** @file CROWN on one 32 × 32 image: a residual addition, or a dense layer before convolutions, keeps rows sparse. */

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { builtOf } from "./support/built.ts";
import { DATA, missing } from "./support/data.ts";
import { PATIENT } from "./support/patience.ts";

const LARGEST_PEAK = 1.5 * 2 ** 30;

/** Times of one process, in turns; a row gone dense costs hundreds of times as much. */
const LARGEST_RATIO = 3;

interface Report {
  readonly seconds: readonly number[];
  readonly peak: number;
}

async function reportOf(name: string): Promise<Report> {
  const script = builtOf(join(import.meta.dirname, "support/crown-rows.ts"));
  const { stdout } = await promisify(execFile)(process.execPath, [script, name]);
  return JSON.parse(stdout) as Report;
}

describe("CROWN", () => {
  test.each(PATIENT ? ["1 block", "4 blocks, norm"] : ["1 block"])(
    "costs a residual network what it costs a plain one: %s",
    async (name) => {
      const { seconds, peak } = await reportOf(name);
      const [plain, residual] = seconds as [number, number];
      expect(residual).toBeLessThan(LARGEST_RATIO * plain);
      expect(peak).toBeLessThan(LARGEST_PEAK);
    },
    120_000,
  );

  test("takes little memory where a dense layer comes before convolutions", async () => {
    expect((await reportOf("dense first")).peak).toBeLessThan(LARGEST_PEAK);
  }, 120_000);

  const files = [
    "cases/dense-rows/res.onnx",
    "cases/dense-rows/gemmconv_16_2.onnx",
    "no-explicit-licence/vnncomp/cifar10_resnet/onnx/resnet_2b.onnx.gz",
    "no-explicit-licence/vnncomp/cifar10_resnet/onnx/resnet_4b.onnx.gz",
  ];
  for (const file of files)
    test.skipIf(missing(file))(
      `bounds ${file}`,
      async () => {
        expect((await reportOf(join(DATA, file))).peak).toBeLessThan(LARGEST_PEAK);
      },
      120_000,
    );
});
