/** @file assay backdoor as its users meet it: results, exit codes, reference populations, and one clear line for whatever is wrong. */

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { loadDataset } from "../src/data/files.ts";
import { writeNpy } from "../src/formats/npy.ts";
import { exportOnnx } from "../src/formats/onnx/export.ts";
import { makeGraph, outputOf } from "../src/graph/traverse.ts";
import type { Graph } from "../src/graph/types.ts";
import { BUNDLED, bundledReferences, readReference } from "../src/local/reference.ts";
import * as decision from "../src/methods/backdoor/decision.ts";
import { detectorOf, detectors } from "../src/methods/backdoor/index.ts";
import { type CaseFacts, defineDetector, type Need } from "../src/methods/backdoor/types.ts";
import { networkOf } from "../src/methods/network.ts";
import { architectureHash, dataFacts, weightScales } from "../src/methods/population/facts.ts";
import type { ModelFacts } from "../src/methods/population/reference.ts";
import type { Member, Population } from "../src/methods/population/types.ts";
import { builder } from "../src/ops/index.ts";
import { rng } from "../src/random/rng.ts";
import type { PlainRecord } from "../src/runtime/jobs.ts";
import { loadModel } from "../src/runtime/node-model.ts";
import { examineWith } from "../src/studies/backdoor/detectors.ts";
import { compareWith } from "../src/studies/backdoor/reference.ts";
import { type BackdoorFile, backdoorFile } from "../src/studies/backdoor/results.ts";
import type { Engine, Task } from "../src/studies/engine.ts";
import { assay, type Ended } from "./support/cli.ts";
import { convNet } from "./support/nets.ts";
import { longTest } from "./support/patience.ts";

const CLEAN = resolve("zoo/mnist-cnna-clean.onnx");
const IBP = resolve("zoo/mnist-cnna-ibp.onnx");
const BADNETS = resolve("zoo/mnist-cnna-badnets.onnx");
const MLP = resolve("zoo/mnist-mlp.onnx");
const TARGET = 7;
const home = process.cwd();
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "assay-backdoor-"));
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});
afterEach(() => vi.restoreAllMocks());

const file = (name: string, contents: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, contents);
  return path;
};

const pictures = (name: string, shape: readonly number[], pixel: (i: number) => number): string => {
  const size = shape.reduce((product, dim) => product * dim, 1);
  return file(name, writeNpy({ dtype: "f4", shape, data: Float32Array.from({ length: size }, (_, i) => pixel(i)) }));
};

/** Detectors that take no inputs, and milliseconds. */
const FAST: readonly string[] = ["clp", "last-layer"];
const QUICK = ["--data", "mnist:test", "--images", "40", "--detector", "titration"];

const resultOf = ({ stdout }: Ended): BackdoorFile => JSON.parse(stdout) as BackdoorFile;

/** All but the times, which differ from run to run. */
const timeless = (run: Ended) => {
  const result = resultOf(run);
  return { ...result, detectors: result.detectors.map(({ seconds: _, ...rest }) => rest) };
};

function expectOneLine({ stderr, stdout }: Ended, ...parts: readonly string[]): void {
  expect(stdout).toBe("");
  const line = stderr.trimEnd().split("\n").at(-1)!;
  expect(line.startsWith("assay: ")).toBe(true);
  for (const part of parts) expect(line).toContain(part);
}

describe("results", () => {
  test("are the agreed JSON, the same on stdout and in --out", async () => {
    const out = join(folder, "result.json");
    const run = await assay("backdoor", BADNETS, ...QUICK, "--seed", "3", "--json", "--out", out);
    const result = resultOf(run);
    expect(readFileSync(out, "utf8")).toBe(run.stdout);
    expect(Object.keys(result).filter((key) => !["data", "training", "notes"].includes(key))).toEqual([
      "tool",
      "version",
      "model",
      "seed",
      "reference",
      "detectors",
      "verdict",
      "classes",
    ]);
    const { sha256 } = await loadModel(BADNETS);
    expect(result).toMatchObject({ tool: "assay", model: { path: BADNETS, sha256 }, seed: 3 });
    // it comes with the program
    expect(result.reference).toMatchObject({ name: "mnist-cnna", clean: 40, used: true });
    expect(result.data).toEqual({ name: "mnist:test", images: 40, labels: "data" });
    const [titration] = result.detectors;
    expect(Object.keys(titration!)).toEqual([
      "name",
      "version",
      "settings",
      "flagged",
      "score",
      "pValue",
      "target",
      "targetOutput",
      "seconds",
      "reason",
      "ownPValue",
      "evidence",
    ]);
    const { curves } = titration!.evidence as { curves: { inputs: number; points: { sigma: number }[] }[] };
    expect(curves.length).toBeGreaterThan(1);
    expect(curves[0]!.points.map(({ sigma }) => sigma)).toContain(1);
    expect(["statistical", "heuristic", "undecided"]).toContain(result.verdict.kind);
  });

  longTest("do not depend on the number of workers, and resumed ones are those that were kept", async () => {
    const argv = [
      "backdoor",
      BADNETS,
      ...QUICK,
      ...detectors.flatMap(({ id }) => (FAST.includes(id) ? ["--detector", id] : [])),
      "--json",
    ];
    const first = await assay(...argv, "--jobs", "1");
    expect(timeless(await assay(...argv, "--jobs", "2"))).toEqual(timeless(first));
    const [kept, again] = [await assay(...argv, "--resume"), await assay(...argv, "--resume")];
    // computing anew takes another time
    expect(again!.stdout).toBe(kept!.stdout);
    expect(timeless(kept!)).toEqual(timeless(first));
  });

  test("hold evidence as JSON can say it", () => {
    const evidence = {
      mask: Float32Array.of(0.1, Number.NaN),
      index: [Number.POSITIVE_INFINITY, 1],
      inner: { places: Int32Array.of(3) },
      nothing: undefined,
    };
    const detection = { flagged: null, score: Number.NaN, pValue: 0.5, target: null, reason: "", evidence };
    const { detectors: found } = backdoorFile({
      tool: "assay",
      version: "0",
      model: { path: "", sha256: "" },
      data: null,
      training: null,
      seed: 0,
      reference: null,
      notes: [],
      examined: [{ detector: detectorOf("titration"), detection, seconds: 1 }],
      decision: decision.decide({ detections: [], reference: undefined }),
    });
    expect(found[0]!.evidence).toEqual({ mask: [0.1, null], index: [null, 1], inner: { places: [3] }, nothing: null });
    expect(found[0]).toMatchObject({ score: null, pValue: 0.5, ownPValue: 0.5 });
  });

  test("as text: a row a detector, the answer, and what to do next", async () => {
    const { stdout } = await assay("backdoor", BADNETS, ...QUICK);
    const lines = stdout.split("\n");
    const head = lines.findIndex((line) => /^detector +flagged +score +p +target +seconds$/.test(line));
    expect(lines[head + 1]).toMatch(/^titration +[a-z–]+ +[\d.]+ /);
    expect(stdout).toMatch(/^(BACKDOOR SUSPECTED|NOT FLAGGED|UNDECIDED)/m);
    expect(lines.at(-2)).toMatch(/^- /);
    expect(stdout).toContain("Compared with 40 clean models of mnist-cnna");
  });

  longTest("a model that ends in Softmax is scanned as the one that gives logits", async () => {
    const graph = convNet(5, [1, 8], [{ channels: 4, kernel: 3, stride: 2, pad: 1 }], [4]);
    const random = rng(4);
    const data = pictures("small.npy", [40, 8, 8], () => random.uniform());
    const logits = file("logits.onnx", exportOnnx(graph));
    const b = builder();
    const probabilities = b.emit("Softmax", [outputOf(graph)], { axis: 1 });
    const softmax = file(
      "softmax.onnx",
      exportOnnx(makeGraph(graph.inputs, [{ name: "probabilities", value: probabilities }])),
    );
    const argv = ["--data", data, "--detector", "titration", "--detector", "mm-bd", "--json"];
    const results = [];
    for (const path of [logits, softmax]) {
      const { model: _, ...rest } = timeless(await assay("backdoor", path, ...argv));
      results.push(rest);
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[0]!.detectors.every(({ score }) => score !== null)).toBe(true);
  });

  test("normalisation outside the model is applied", async () => {
    const { images, labels } = await loadDataset("mnist:test", { limit: 40 });
    // the same model, fed with 2x - 1 by the command line instead of x
    const model = await loadModel(BADNETS);
    const b = builder();
    const input = b.input("images", ["N", 1, 28, 28]);
    const half = b.constant({ dtype: "float", shape: [1], data: Float32Array.of(0.5) });
    const { substitute } = await import("../src/methods/network.ts");
    const shifted = b.emit("Add", [b.emit("Mul", [input, half]), half]);
    const graph = substitute(model.graph, new Map([[model.graph.inputs[0]!, shifted]]), [input]);
    const path = file("shifted.onnx", exportOnnx(graph));
    writeFileSync(join(folder, "y_digits.npy"), writeNpy({ dtype: "i4", shape: [40], data: labels! }));
    const data = pictures("x_digits.npy", [40, 28, 28], (i) => images[i]!);
    const argv = ["--data", data, "--detector", "titration", "--json"];
    const plain = resultOf(await assay("backdoor", BADNETS, ...argv)).detectors[0]!;
    const stretched = resultOf(await assay("backdoor", path, ...argv, "--range", "-1,1")).detectors[0]!;
    expect(stretched.target).toBe(plain.target);
    expect(Math.abs(stretched.score! - plain.score!)).toBeLessThan(0.02);
  });
});

describe("what is not there", () => {
  test("without inputs, detectors that need none go on, and the others say what they need", async () => {
    const names = ["titration", ...FAST, "strip", "spectral-signatures"];
    const known = names.filter((name) => detectors.some(({ id }) => id === name));
    const run = await assay("backdoor", BADNETS, ...known.flatMap((name) => ["--detector", name]), "--json");
    const result = resultOf(run);
    expect(result.data).toBeNull();
    expect(result.notes.join()).toContain("assumed");
    for (const { name, score, flagged, reason } of result.detectors) {
      const { needs } = detectors.find(({ id }) => id === name)!;
      expect(score === null).toBe(needs !== "nothing");
      if (needs === "nothing") continue;
      expect(flagged).toBeNull();
      expect(reason).toContain(needs === "inputs" ? "--data" : "--training");
    }
  });

  test("without labels, the model's own answers stand for them", async () => {
    const { images } = await loadDataset("mnist:test", { limit: 40 });
    const data = pictures("unlabelled.npy", [40, 28, 28], (i) => images[i]!);
    const run = await assay("backdoor", CLEAN, "--data", data, "--detector", "titration", "--json");
    expect(resultOf(run).data).toMatchObject({ images: 40, labels: "model" });
    expect(resultOf(run).notes.join()).toContain("the model's own answers");
    // all of them are then answered rightly
    const { curves } = resultOf(run).detectors[0]!.evidence as { curves: { inputs: number }[] };
    expect(curves[0]!.inputs).toBe(40);
  });

  test("a detector that does not apply, or lacks its data, does not stop the others", async () => {
    const facts: CaseFacts = { classes: 2, inputShape: [1], geometry: undefined, domain: undefined };
    const fake = (id: string, needs: Need, parts: number) =>
      defineDetector<PlainRecord, { readonly value: number }>({
        id,
        needs,
        version: 1,
        title: id,
        summary: id,
        source: id,
        blindTo: "all",
        parts: () => Array.from({ length: parts }, (_, part) => ({ part })),
        examine: async () => ({ value: 0 }),
        conclude: (records) => ({
          flagged: true,
          score: records.reduce((sum, { value }) => sum + value, 0),
          pValue: null,
          target: records.length,
          reason: id,
          evidence: {},
        }),
      });
    const asked: Pick<Task<unknown, unknown>, "method" | "training">[] = [];
    const engine: Pick<Engine, "all"> = {
      all: async (_, tasks) => {
        asked.push(...tasks);
        return tasks.map(({ method }, i) =>
          method.id === "refuses"
            ? { kind: "refused", reason: "no convolution" }
            : { kind: "done", records: [{ record: { value: i }, seconds: 1 }] as never[], seconds: 1 },
        );
      },
    };
    const table = [fake("refuses", "nothing", 2), fake("lacks", "training data", 3), fake("works", "nothing", 2)];
    const examined = await examineWith(engine, table, { facts, inputs: undefined, training: undefined, seed: 1 });
    expect(asked.map(({ method }) => method.id)).toEqual(["refuses", "refuses", "works", "works"]);
    expect(examined.map(({ detection }) => detection.reason)).toEqual([
      "no convolution",
      expect.stringContaining("--training"),
      "works",
    ]);
    // records 2 and 3 are those of the last detector
    expect(examined[2]).toMatchObject({ seconds: 2, detection: { flagged: true, score: 5, target: 2 } });
    expect(examined[0]!.detection.flagged).toBeNull();
    asked.length = 0;
    const chunk = { images: Float32Array.of(0, 1), labels: Int32Array.of(0, 1), indices: Int32Array.of(0, 1) };
    const both = [fake("inputs", "inputs", 1), fake("training", "training data", 1), fake("works", "nothing", 1)];
    await examineWith(engine, both, { facts, inputs: chunk, training: chunk, seed: 1 });
    expect(asked.map(({ training }) => training === chunk)).toEqual([true, true, false]);
    // where time is short, what takes hardly any comes first, and what cannot end in it is not begun
    asked.length = 0;
    const slow = { ...fake("slow", "nothing", 4), leastRuns: () => 100 };
    const timed = [slow, fake("works", "nothing", 1)];
    const given = { facts, inputs: undefined, training: undefined, seed: 1 };
    // four parts on two cores: 200 runs each
    expect((await examineWith(engine, timed, given, { runs: 200 })).map(({ detection }) => detection.reason)).toEqual([
      "slow",
      "works",
    ]);
    expect(asked.map(({ method }) => method.id)).toEqual(["works", "slow", "slow", "slow", "slow"]);
    asked.length = 0;
    const [left, done] = await examineWith(engine, timed, given, { runs: 50 });
    expect(asked.map(({ method }) => method.id)).toEqual(["works"]);
    expect([left!.detection.flagged, left!.detection.reason]).toEqual([null, expect.stringContaining("4 times")]);
    expect(done!.detection.reason).toBe("works");
  });
});

describe("exit codes", () => {
  test.for([
    [true, 1, "BACKDOOR SUSPECTED, leading to class 3"],
    [false, 0, "NOT FLAGGED"],
    [null, 5, "UNDECIDED"],
  ] as const)("flagged %s: %d", async ([flagged, code, words]) => {
    vi.spyOn(decision, "decide").mockReturnValue({
      flagged,
      target: flagged ? 3 : null,
      kind: flagged === null ? "undecided" : "heuristic",
      pValue: null,
      threshold: null,
      reason: "It was said so.",
      perDetector: {},
      lean: null,
    });
    const run = await assay("backdoor", CLEAN, ...QUICK);
    expect(run.code).toBe(code);
    expect(run.stdout).toContain(words);
    expect(run.stdout).toContain("It was said so.");
  });
});

describe("reference populations", () => {
  const member = (seed: number, score: number): Member => ({
    id: `clean-${seed}`,
    group: "clean",
    seed,
    poison: null,
    target: null,
    sha256: "",
    cleanAccuracy: 0.98,
    attackSuccess: null,
    accepted: true,
    trainSeconds: 1,
    scans: {
      titration: {
        version: detectorOf("titration").version,
        flagged: null,
        score,
        pValue: null,
        target: null,
        seconds: 1,
        evidence: {},
      },
    },
  });

  async function population(scores: readonly number[], task: Partial<Population["task"]> = {}): Promise<Population> {
    const { images, labels } = await loadDataset("mnist:test", { limit: 400 });
    const tensor = {
      dtype: "float",
      shape: [400, 1, 28, 28],
      data: Float32Array.from(images, (value) => value / 255),
    } as const;
    const geometry = { channels: 1, height: 28, width: 28, layout: "NCHW" } as const;
    return {
      schema: 1,
      name: "test population",
      task: {
        shape: [1, 28, 28],
        classes: 10,
        architecture: architectureHash(networkOf((await loadModel(CLEAN)).graph, "").graph),
        architectureName: "CNNa",
        weightScales: weightScales((await loadModel(CLEAN)).graph),
        data: dataFacts("mnist:test", { images: tensor, labels: labels! }, geometry),
        ...task,
      },
      scan: { data: "mnist:test", images: 40, seed: 0 },
      recipe: {},
      members: scores.map((score, i) => member(i, score)),
    };
  }
  const saved = async (name: string, ...rest: Parameters<typeof population>) =>
    file(name, JSON.stringify(await population(...rest)));
  const SCAN = ["--data", "mnist:test", "--detector", "titration", "--json"];

  test("of the same task and architecture give p-values and the settings of the scan", async () => {
    const { score } = resultOf(await assay("backdoor", BADNETS, ...QUICK, "--json")).detectors[0]!;
    const scores = Array.from({ length: 24 }, (_, i) => (i < 3 ? score! + 0.01 * i : score! / 2));
    const path = await saved("fits.json", scores);
    const result = resultOf(await assay("backdoor", BADNETS, ...SCAN, "--reference", path));
    expect(result.data!.images).toBe(40);
    expect(result.reference).toEqual({
      name: "test population",
      path,
      clean: 24,
      smallestP: 1 / 25,
      used: true,
      reason: null,
    });
    // 3 of 24 clean members score as high
    expect(result.detectors[0]!.pValue).toBeCloseTo(4 / 25, 12);
    const other = resultOf(await assay("backdoor", BADNETS, ...SCAN, "--reference", path, "--seed", "5"));
    expect(other.notes.join()).toContain("less exact");
    const more = resultOf(await assay("backdoor", BADNETS, ...SCAN, "--detector", "clp", "--reference", path));
    expect(more.notes.join()).toContain("no scans by this version of clp");
  });

  test("of another architecture leave a heuristic answer, with the reason", async () => {
    const path = await saved("cnn.json", [0, 0, 0]);
    const result = resultOf(await assay("backdoor", MLP, ...SCAN, "--reference", path));
    expect(result.reference).toMatchObject({ used: false, reason: expect.stringContaining("architecture") });
    expect(result.verdict.kind).not.toBe("statistical");
    expect(result.detectors[0]!.pValue).toBeNull();
  });

  test("of another training leave a heuristic answer, with the reason", async () => {
    const path = await saved("cnn.json", [0, 0, 0]);
    const result = resultOf(await assay("backdoor", IBP, ...SCAN, "--reference", path));
    expect(result.reference).toMatchObject({ used: false, reason: expect.stringContaining("trained otherwise") });
    expect(result.verdict.kind).not.toBe("statistical");
  });

  test.for([
    ["shape", { shape: [3, 32, 32] }],
    ["classes", { classes: 43 }],
    ["data", { data: { name: "clothes", mean: 0.29, std: 0.35, coarse: Array<number>(49).fill(0.29) } }],
  ] as const)("of another task are refused: %s", async ([name, task]) => {
    const path = await saved(`other-${name}.json`, [0], task as Partial<Population["task"]>);
    const run = await assay("backdoor", BADNETS, ...SCAN, "--reference", path);
    expect(run.code).toBe(3);
    expectOneLine(run, path, "another task");
  });

  test("that are bundled are found by architecture and data, and only where there are inputs", async () => {
    const clothes = { name: "clothes", mean: 0.29, std: 0.35, coarse: Array<number>(49).fill(0.29) };
    const digits = await population([0, 1]);
    const { architecture, weightScales, shape, classes, data } = digits.task;
    const bundle = mkdtempSync(join(folder, "bundle-"));
    writeFileSync(join(bundle, "clothes.json"), JSON.stringify({ ...digits, task: { ...digits.task, data: clothes } }));
    writeFileSync(join(bundle, "digits.json"), JSON.stringify(digits));
    writeFileSync(join(bundle, "index.json"), JSON.stringify({ [architecture]: ["clothes.json", "digits.json"] }));
    const model = { architecture, weightScales, shape, classes };
    const found = (facts: ModelFacts) =>
      compareWith(undefined, facts, (architecture) => bundledReferences(architecture, bundle)).result?.path;
    expect(found({ ...model, data, images: 400 })).toBe(join(bundle, "digits.json"));
    expect(found({ ...model, data: clothes, images: 400 })).toBe(join(bundle, "clothes.json"));
    expect(found({ ...model, data: { ...clothes, mean: 0.6 }, images: 400 })).toBeUndefined();
    expect(found({ ...model, architecture: "another", data, images: 400 })).toBeUndefined();
    expect(found(model)).toBeUndefined();
    expect(
      compareWith(undefined, { ...model, data }, () => bundledReferences("x", join(bundle, "nothing"))).result,
    ).toBeNull();
  });

  test.skipIf(!existsSync(BUNDLED))("that are bundled are all listed under their architecture", () => {
    const index = JSON.parse(readFileSync(join(BUNDLED, "index.json"), "utf8")) as Record<string, string[]>;
    const listed = Object.entries(index).flatMap(([architecture, files]) =>
      files.map((name) => [name, architecture] as const),
    );
    const files = readdirSync(BUNDLED).filter((name) => name.endsWith(".json") && name !== "index.json");
    expect(listed.map(([name]) => name).sort()).toEqual(files.sort());
    for (const [name, architecture] of listed) {
      expect(readReference(join(BUNDLED, name)).population.task.architecture).toBe(architecture);
    }
  });

  test.for([
    ["not JSON", "{", 3],
    ["something else", "{}", 3],
    ["not there", undefined, 2],
  ] as const)("that are %s", async ([name, contents, code]) => {
    const path = join(folder, `${name}.json`);
    if (contents !== undefined) writeFileSync(path, contents);
    const run = await assay("backdoor", BADNETS, ...SCAN, "--reference", path);
    expect(run.code).toBe(code);
    expectOneLine(run, path);
  });
});

describe("bad input ends in one line that names it", () => {
  const classifier = (make: (b: ReturnType<typeof builder>) => Graph): string =>
    file("other.onnx", exportOnnx(make(builder())));

  test("a model with one output decides between two classes: digits have more", async () => {
    const path = classifier((b) => {
      const x = b.input("x", ["N", 784]);
      const w = b.constant({ dtype: "float", shape: [784, 1], data: new Float32Array(784).fill(0.1) });
      return makeGraph([x], [{ name: "y", value: b.emit("MatMul", [x, w]) }]);
    });
    const run = await assay("backdoor", path, "--data", "mnist:test");
    expect(run.code).toBe(3);
    expect(run.stderr).toContain("the model has 2 classes");
  });

  test("a model whose output is no list of classes", async () => {
    const path = classifier((b) => {
      const x = b.input("x", ["N", 1, 28, 28]);
      return makeGraph([x], [{ name: "y", value: b.emit("Relu", [x]) }]);
    });
    const run = await assay("backdoor", path, ...QUICK);
    expect(run.code).toBe(3);
    expectOneLine(run, "classifier");
  });

  test.for([
    ["fewer than 20 inputs asked for", () => ["--data", "mnist", "--images", "19"], 2, "at least 20"],
    [
      "fewer than 20 inputs in the file",
      () => ["--data", pictures("few.npy", [19, 28, 28], () => 0.5)],
      3,
      "19 inputs, but detectors need at least 20",
    ],
    [
      "pixels above their range",
      () => ["--data", pictures("bright.npy", [30, 28, 28], (i) => (i === 5 ? 1.5 : 0.5))],
      3,
      "between 0.5 and 1.5",
    ],
    [
      "pixels below their range, though one is stated",
      () => ["--data", pictures("dark.npy", [30, 28, 28], (i) => (i === 5 ? -0.5 : 0.5)), "--range", "0,1"],
      3,
      "range",
    ],
    [
      "training data without labels",
      () => ["--training", pictures("train.npy", [30, 28, 28], () => 0.5)],
      3,
      "without labels",
    ],
    [
      "training data of another shape",
      () => ["--training", pictures("t.npy", [30, 3, 32, 32], () => 0.5)],
      3,
      "[3, 32",
    ],
    ["an unknown detector", () => ["--detector", "titratoin"], 2, 'Did you mean "titration"?'],
    ["a method that is no detector", () => ["--detector", "pgd"], 2, "assay attack"],
    ["an option of another verb", () => ["--epsilon", "0.1"], 2, "--epsilon"],
    ["a place that cannot be written", () => ["--out", join(file("plain", ""), "x.json")], 2, "--out"],
  ] as const)("%s", async ([, options, code, part]) => {
    const run = await assay("backdoor", CLEAN, ...options());
    expect(run.code).toBe(code);
    expectOneLine(run, part);
  });

  test("a model that is not there", async () => {
    const run = await assay("backdoor", "nowhere.onnx");
    expect(run.code).toBe(2);
    expectOneLine(run, "nowhere.onnx");
  });
});

test("methods lists the detectors with what they need, and explains what they are blind to", async () => {
  const listed = JSON.parse((await assay("methods", "--json")).stdout) as { id: string; needs?: string }[];
  for (const { id, needs, blindTo } of detectors) {
    expect(listed.find((method) => method.id === id)).toMatchObject({ needs, blindTo });
    const { stdout } = await assay("methods", "--explain", id);
    expect(stdout).toContain(blindTo);
    expect(stdout).toContain(`--detector ${id}`);
  }
});

test("noise leads the network with a backdoor to its target more surely than the clean one anywhere", async () => {
  const argv = ["--data", "mnist:test", "--images", "100", "--detector", "titration", "--json"];
  const [clean, badnets] = [
    resultOf(await assay("backdoor", CLEAN, ...argv)).detectors[0]!,
    resultOf(await assay("backdoor", BADNETS, ...argv)).detectors[0]!,
  ];
  expect(badnets!.target).toBe(TARGET);
  expect(badnets!.score).toBeGreaterThan(2 * clean!.score!);
});
