/** @file Sets given end by end, against hand arithmetic on networks of two values, and by the file itself. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeNpz } from "../src/formats/npz.ts";
import { exportOnnx } from "../src/formats/onnx/export.ts";
import { floatTensor } from "../src/graph/tensor.ts";
import { makeGraph } from "../src/graph/traverse.ts";
import { recheck } from "../src/methods/attack/witness.ts";
import { networkOf } from "../src/methods/network.ts";
import { originalOf, runOriginal } from "../src/methods/original.ts";
import { builder } from "../src/ops/index.ts";
import { rng } from "../src/random/rng.ts";
import { cpuRuntime } from "../src/runtime/node.ts";
import { withSets } from "../src/studies/boxes.ts";
import { assay } from "./support/cli.ts";

let folder: string;
const home = process.cwd();
const at = (name: string) => join(folder, name);
/** Scores 2·a − b and 0: class 0 wins where 2a > b. */
function pair() {
  const b = builder();
  const x = b.input("x", ["N", 2]);
  const scores = b.emit("MatMul", [x, b.constant(floatTensor([2, 2], [2, 0, -1, 0]))]);
  return makeGraph([x], [{ name: "logits", value: scores }]);
}
/** Pictures of [N, 2, 2, 3], channels last: the second channel at row 0, column 1 against 0.5. */
function picture() {
  const b = builder();
  const x = b.input("x", ["N", 2, 2, 3]);
  const flat = b.emit("Reshape", [x], { shape: ["N", 12] });
  const weights = Array.from({ length: 24 }, (_, i) => (i === 2 * 4 ? 1 : 0));
  const scores = b.emit("Add", [
    b.emit("MatMul", [flat, b.constant(floatTensor([12, 2], weights))]),
    b.constant(floatTensor([2], [0, 0.5])),
  ]);
  return makeGraph([x], [{ name: "logits", value: scores }]);
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "assay-boxes-"));
  process.chdir(folder);
  writeFileSync(at("pair.onnx"), exportOnnx(pair()));
  writeFileSync(at("picture.onnx"), exportOnnx(picture()));
  writeFileSync(at("rows.csv"), "a,b,label\n3,1,0\n5,2,0\n4,7,0\n");
});
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

const run = (verb: string, ...more: string[]) =>
  assay(verb, "pair.onnx", "--data", "rows.csv", "--json", "--jobs", "1", ...more);
const verdicts = (text: string) => JSON.parse(text).results.map(({ verdict }: { verdict: string }) => verdict);

describe("a box in place of a ball", () => {
  test("decides as its corners do, where no ball that holds it could", async () => {
    // least of 2a − b: input 0: 2·2 − 3.5 > 0; 1: 2·4 − 8.5 < 0; 2: 2·4 − 7.5 > 0
    const lower = { dtype: "f4", shape: [3, 2], data: Float32Array.of(2, -9, 4, 0, 4, -50) } as const;
    const upper = { dtype: "f4", shape: [3, 2], data: Float32Array.of(90, 3.5, 5, 8.5, 40, 7.5) } as const;
    writeFileSync(at("ends.npz"), writeNpz({ lower, upper }));
    const found = await run("certify", "--box", "ends.npz");
    expect(found.stderr).toContain("sets given by ends.npz");
    expect(verdicts(found.stdout)).toEqual(["certified", "falsified", "certified"]);
    const file = JSON.parse(found.stdout);
    expect(file).toMatchObject({ norm: null, epsilon: null, unit: "given by ends.npz", box: { name: "ends.npz" } });
    expect(file.box.sha256).toMatch(/^[0-9a-f]{64}$/);
    const [a, b] = file.results[1].witness;
    expect(a >= 4 && a <= 5 && b >= 0 && b <= 8.5 && 2 * a <= b).toBe(true);
    expect(verdicts((await run("attack", "--box", "ends.npz")).stdout)).toEqual(["unknown", "falsified", "unknown"]);
    // 1,000 points of each certified box through the file
    await using runtime = await cpuRuntime();
    const session = await runtime.openModel(exportOnnx(pair()), { name: "pair" });
    const original = originalOf(session, networkOf(pair(), "pair"));
    for (const i of [0, 2]) {
      const random = rng(i + 1);
      const points = Float32Array.from({ length: 2000 }, (_, k) => {
        const place = 2 * i + (k % 2);
        return lower.data[place]! + random.uniform() * (upper.data[place]! - lower.data[place]!);
      });
      const scores = await runOriginal(original, points);
      for (let k = 0; k < 1000; k++) expect(scores[2 * k]!).toBeGreaterThan(scores[2 * k + 1]!);
    }
    // a point that the file gets wrong, but that lies outside, is no witness
    const claim = {
      centre: Float32Array.of(3, 1),
      label: 0,
      box: { lower: Float32Array.of(2, -9), upper: Float32Array.of(90, 3.5) },
    };
    const threat = { norm: "linf", epsilon: 1000, domain: undefined } as const;
    const [outside] = await recheck(original, threat, [{ ...claim, point: Float32Array.of(2, 5) }]);
    expect(outside).toMatchObject({ holds: false });
  });
  test("of another file is another question: stored answers are not taken", async () => {
    writeFileSync(at("one.csv"), "a,b\n2.9,0\n6,7.5\n");
    expect(verdicts((await run("certify", "--box", "one.csv", "--resume")).stdout)).toEqual([
      "falsified",
      "falsified",
      "falsified",
    ]);
    // the same inputs, a wider box on the harmless side only
    writeFileSync(at("one.csv"), "a,b\n3,0\n9,7\n");
    expect(verdicts((await run("certify", "--box", "one.csv", "--limit", "1", "--resume")).stdout)).toEqual([
      "falsified",
    ]);
    writeFileSync(at("one.csv"), "a,b\n3,0\n9,5.5\n");
    expect(verdicts((await run("certify", "--box", "one.csv", "--limit", "1", "--resume")).stdout)).toEqual([
      "certified",
    ]);
  });
  test("must hold its input, and stands alone", async () => {
    writeFileSync(at("out.csv"), "a,b\n2,0\n4,9\n");
    expect(await run("certify", "--box", "out.csv")).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/out\.csv: input 1, column "a": the input's 5 lies outside 2 … 4/),
    });
    for (const other of ["--epsilon=1", "--norm=l2", "--fixed=a", "--epsilon-unit=raw"])
      expect(await run("certify", "--box", "out.csv", other)).toMatchObject({ code: 2 });
    writeFileSync(at("bare.npz"), writeNpz({ lower: { dtype: "f4", shape: [2], data: new Float32Array(2) } }));
    expect((await run("certify", "--box", "bare.npz")).stderr).toMatch(/bare\.npz.*"lower" and "upper"/);
  });
});

test.each([Number.NaN, -1, Number.POSITIVE_INFINITY])("an epsilon of %s is refused, not answered", async (epsilon) => {
  await expect(withSets({} as never, { epsilon })).rejects.toThrow(/finite number from 0 on/);
});

test("boxes of pictures lie as their data does: channels last, in whole numbers", async () => {
  const images = new Uint8Array(2 * 12).fill(100);
  images[4] = 200;
  images[12 + 4] = 200;
  const labels = { dtype: "i4", shape: [2], data: Int32Array.of(0, 0) } as const;
  writeFileSync(at("pictures.npz"), writeNpz({ images: { dtype: "u1", shape: [2, 2, 2, 3], data: images }, labels }));
  // only the value that counts stays above 0.5 = 127.5/255 for the first picture; all others may be anything
  const lower = new Uint8Array(24);
  lower[4] = 128;
  lower[12 + 4] = 127;
  const ends = {
    lower: { dtype: "u1", shape: [2, 2, 2, 3], data: lower },
    upper: { dtype: "u1", shape: [2, 2, 3], data: new Uint8Array(12).fill(255) },
  } as const;
  writeFileSync(at("ends.npz"), writeNpz(ends));
  const found = await assay(
    "certify",
    "picture.onnx",
    "--data",
    "pictures.npz",
    "--box",
    "ends.npz",
    "--json",
    "--jobs",
    "1",
  );
  expect([found.stderr, verdicts(found.stdout)]).toEqual([expect.anything(), ["certified", "falsified"]]);
});
