/** @file Small models and data of the kind that users bring, each through the command line as they would; what must come of it. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AuditReport } from "../src/report/schema.ts";
import { assay, type Ended } from "./support/cli.ts";
import { DATA, missing } from "./support/data.ts";

interface Results {
  readonly counts: Readonly<Record<"inputs" | "correct" | "certified" | "falsified" | "unknown", number>>;
  readonly results: readonly { readonly verdict: string; readonly notANumber?: true; readonly zeroGradient?: true }[];
  readonly errors: readonly string[];
}

const skipped = missing("cases/README.md");
const at = (path: string): string => join(DATA, "cases", path);
const resultsOf = ({ stdout }: Ended): Results => JSON.parse(stdout) as Results;

let before: string;
let folder: string;
beforeAll(() => {
  before = process.cwd();
  folder = mkdtempSync(join(tmpdir(), "assay-cases-"));
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true });
});

const certify = (model: string, data: string, epsilon: string, ...more: string[]): Promise<Ended> =>
  assay("certify", at(model), "--data", at(data), "--epsilon", epsilon, "--json", "--limit", "30", ...more);

describe.skipIf(skipped !== false)(`cases${skipped === false ? "" : ` (${skipped})`}`, () => {
  describe.each(["log-near", "nan-near", "walks-into-nan"])("%s", (model) => {
    test.each(["ibp", "crown-ibp", "crown"])(
      "is never certified at 0.1 by %s, and nothing else ends",
      async (method) => {
        const file = `nan-inside-the-set/${model}.onnx`;
        const ended = await certify(file, "nan-inside-the-set/data.npz", "0.1", "--method", method);
        const { counts, errors } = resultsOf(ended);
        expect(errors).toEqual([]);
        expect(counts).toMatchObject({ correct: 30, certified: 0 });
      },
    );

    test("is not shipped", async () => {
      const data = at("nan-inside-the-set/data.npz");
      const ended = await assay(
        "audit",
        at(`nan-inside-the-set/${model}.onnx`),
        "--data",
        data,
        "--epsilon",
        "0.1",
        "--limit",
        "30",
        "--budget",
        "20",
      );
      expect([1, 5]).toContain(ended.code);
    });
  });

  test("an answer that is no number is a witness", async () => {
    const ended = await certify("nan-inside-the-set/nan-near.onnx", "nan-inside-the-set/data.npz", "0.1");
    expect(resultsOf(ended).results.filter(({ notANumber }) => notANumber).length).toBeGreaterThan(0);
  });

  test("Reduce operators over no axis are read as the runtime runs them", async () => {
    const ended = await certify("reading-differs/reduce-noop-logsum.onnx", "reading-differs/x.npy", "0.001");
    expect(ended.stderr).not.toContain("read otherwise");
    expect(resultsOf(ended).errors).toEqual([]);
  });

  test("a file that mixes the batch is run one input at a time, and it is said", async () => {
    for (const verb of ["certify", "attack"]) {
      const data = at("mixes-the-batch/data.npz");
      const ended = await assay(
        verb,
        at("mixes-the-batch/batch-max.onnx"),
        "--data",
        data,
        "--epsilon",
        "0.02",
        "--json",
      );
      expect(ended.stderr).toContain("one sample at a time");
      expect(resultsOf(ended).counts.correct).toBe(60);
    }
  });

  test("no certificate for what a removed softmax can round to a tie", async () => {
    const ended = await certify("removed-softmax/t1e-6-LogSoftmax.onnx", "removed-softmax/data.npz", "0");
    expect(resultsOf(ended).counts.certified).toBe(0);
  });

  test("the scale of the data is stated or asked for", async () => {
    const model = "scale-of-the-data/model.onnx";
    const right = resultsOf(await certify(model, "scale-of-the-data/10-uint8.npz", "0.02"));
    expect(right.counts).toMatchObject({ correct: 30, certified: 30 });
    const asked = await certify(model, "scale-of-the-data/09-minus1to1.npz", "0.02");
    expect(asked.code).toBe(3);
    expect(asked.stderr).toContain("--data-range");
    const stated = await certify(model, "scale-of-the-data/09-minus1to1.npz", "0.02", "--data-range", "-1,1");
    expect(resultsOf(stated).counts).toEqual(right.counts);
    const over = await certify(model, "scale-of-the-data/07-tiny-over.npz", "0.02", "--limit", "60");
    expect(over.stderr).toContain("a rounding error");
    expect(JSON.parse(over.stdout)).toMatchObject({ range: [0, 1] });
  });

  test("a constant classifier is neither confirmed nor shipped", async () => {
    const [model, data] = ["constant-classifier/always-0.onnx", "constant-classifier/imbalanced.npz"];
    const ended = await assay("audit", at(model), "--data", at(data));
    expect(ended.code).toBe(1);
    expect(ended.stdout + ended.stderr).toContain("balanced accuracy");
    expect((await certify(model, data, "0.01", "--limit", "500")).code).toBe(3);
  });

  test.each(["round", "cast"])("proofs and attacks do without a gradient: %s", async (name) => {
    const [model, data] = [`no-gradient/${name}.onnx`, "no-gradient/data.npz"];
    const proved = await certify(model, data, "0.002");
    expect(resultsOf(proved)).toMatchObject({ counts: { certified: 30 }, errors: [] });
    const attacked = await assay(
      "attack",
      at(model),
      "--data",
      at(data),
      "--epsilon",
      "0.3",
      "--limit",
      "30",
      "--json",
    );
    expect(attacked.stderr).toContain("the gradient was exactly 0 for");
    expect(attacked.stderr).not.toContain("does not depend");
    expect(resultsOf(attacked).counts.falsified).toBeGreaterThan(0);
  });

  test("an audit does without a gradient, and says what that leaves open", async () => {
    const out = join(folder, "no-gradient");
    const [model, ...data] = [at("no-gradient/cast.onnx"), "--data", at("no-gradient/data.npz")];
    const ended = await assay("audit", model, ...data, "--epsilon", "0.02", "--out", out);
    expect(ended.code).toBe(5);
    const text = readFileSync(join(out, "report.json"), "utf8");
    expect(text).not.toContain("does not depend on its input");
    expect(text).not.toContain("No patches were tried");
    const report = JSON.parse(text) as AuditReport;
    expect(report.suspicions.map(({ id }) => id)).toContain("patch-screen");
    const screened = report.decision.gate.conditions.find(({ sentence }) => sentence.includes("patch"))!;
    expect(screened).toMatchObject({ outcome: "undecided", measured: expect.stringContaining("no gradient") });
    const climbing = await assay("backdoor", model, ...data, "--detector", "all", "--json");
    const { detectors } = JSON.parse(climbing.stdout) as {
      detectors: { name: string; score: number; reason: string }[];
    };
    for (const { name: id, score, reason } of detectors) {
      if (!["neural-cleanse", "mm-bd", "universal-perturbation"].includes(id)) continue;
      expect([id, score, reason]).toEqual([id, null, expect.stringContaining("has no gradient")]);
    }
  });

  test("a saturated output is said", async () => {
    const data = at("saturated/data.npz");
    const ended = await assay(
      "attack",
      at("saturated/softmax-clip.onnx"),
      "--data",
      data,
      "--epsilon",
      "0.1",
      "--json",
    );
    expect(ended.stderr).toContain("the gradient was exactly 0 for");
  });

  test.each([
    ["lrn.onnx", "data.npz"],
    ["standardise-1-keepdims1.onnx", "data.npz"],
    ["tile-1.onnx", "tile-data.npz"],
  ])("linear bounds go through %s", async (model, data) => {
    const ended = await certify(`shapes-in-relax/${model}`, `shapes-in-relax/${data}`, "0.001", "--force");
    const { counts, errors } = resultsOf(ended);
    expect(errors).toEqual([]);
    expect(counts.certified).toBeGreaterThan(0);
  });

  test("of several outputs one is named, and they are listed", async () => {
    const [model, data] = ["several-outputs/value-first.onnx", "several-outputs/data.npz"];
    const asked = await certify(model, data, "0.01");
    expect(asked.code).toBe(3);
    expect(asked.stderr).toContain('"action" [N,3]');
    expect(resultsOf(await certify(model, data, "0.01", "--output", "action")).counts.certified).toBe(30);
  });

  test.each(["mask-float-min", "mask-inf-matrix"])("bounds stay finite beside %s", async (name) => {
    const ended = await certify(`masks/${name}.onnx`, "masks/data.npz", "0.01");
    expect(resultsOf(ended).counts.certified).toBe(30);
  });

  const EXPORTS = [
    "09-no-batch-vector",
    "16-uint8-input",
    "18-float16-weights-cast",
    "21-qdq",
    "33-open-height",
    "36-opset22",
    "38-if-squeeze",
  ];
  test.each(EXPORTS)("%s is read as it is", async (name) => {
    const { counts, errors } = resultsOf(await certify(`exports/${name}.onnx`, "exports/data.npz", "0.01"));
    expect(errors).toEqual([]);
    expect(counts).toMatchObject({ correct: 30, certified: 30 });
  });

  test("scores [N,K,1,1] are read, though this file answers one class", async () => {
    const ended = await certify("exports/30-fully-conv-NK11.onnx", "exports/data.npz", "0.0001", "--force");
    expect(resultsOf(ended).counts.correct).toBe(10);
  });

  test("one sigmoid output is read as two classes", async () => {
    const ended = await assay("inspect", at("exports/31-sigmoid-single.onnx"));
    expect(ended.code).toBe(0);
    const examined = await certify("exports/31-sigmoid-single.onnx", "exports/data.npz", "0.01");
    expect(examined.stderr).toContain("the model has 2 classes");
  });

  test("hidden and empty folders are no classes, and the class map is shown", async () => {
    const ended = await certify("class-folders/model3.onnx", "class-folders/hidden", "0.01");
    expect(ended.stderr).toContain("0 cat, 1 dog, 2 fox");
    expect(resultsOf(ended).counts).toMatchObject({ correct: 30, certified: 30 });
  });

  test.each([
    ["res.onnx", "r16.npz"],
    ["gemmconv_16_2.onnx", "x16.npz"],
  ])("rows stay sparse in %s", async (model, data) => {
    const raw = data === "x16.npz" ? ["--epsilon-unit", "raw"] : [];
    const ended = await certify(`dense-rows/${model}`, `dense-rows/${data}`, "0.001", ...raw);
    const { counts, errors } = resultsOf(ended);
    expect(errors).toEqual([]);
    expect(counts.certified + counts.falsified + counts.unknown).toBe(1);
  });

  test("inspect and certify say the same of a batch on the last axis", async () => {
    const ended = await certify("lines/transposed.onnx", "lines/x4.npz", "0.001", "--epsilon-unit", "raw");
    expect(resultsOf(ended).errors).toEqual([]);
    expect((await assay("inspect", at("lines/transposed.onnx"))).code).toBe(0);
  });
});
