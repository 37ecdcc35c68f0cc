import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { type Dataset, sample } from "../../data/dataset.ts";
import { loadDataset } from "../../data/files.ts";
import type { Dim } from "../../graph/dims.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Graph } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { rng } from "../../random/rng.ts";
import { type Geometry, geometryOf } from "../picture.ts";
import { samplesOf } from "../samples.ts";
import { isAccepted } from "./acceptance.ts";
import { architectureHash, type DataFacts, dataFacts } from "./facts.ts";
import {
  cleanScans,
  dataDifference,
  type ModelFacts,
  matchPopulation,
  PopulationError,
  readPopulation,
} from "./reference.ts";
import type { Member, Population } from "./types.ts";
import { populationText, shortEvidence } from "./write.ts";

const GREY: Geometry = { channels: 1, height: 28, width: 28, layout: "NCHW" };

const loaded = new Map<string, Promise<Dataset>>();
const load = (source: string): Promise<Dataset> => {
  if (!loaded.has(source)) loaded.set(source, loadDataset(source));
  return loaded.get(source)!;
};

/** Facts of inputs drawn by class, after a change to their pixels. */
async function factsOf(
  source: string,
  images: number,
  seed: number,
  change: (pixels: Float32Array) => Float32Array = (pixels) => pixels,
): Promise<DataFacts> {
  const drawn = samplesOf(sample(await load(source), images, rng(seed).split("sample")));
  const pixels = { dtype: "float", shape: [images, 1, 28, 28], data: change(drawn.images) } as const;
  return dataFacts(source, { images: pixels, labels: drawn.labels }, geometryOf(drawn.shape, "NCHW"));
}

const member = (id: string, of: Partial<Member> = {}): Member => ({
  id,
  group: "clean",
  seed: 0,
  poison: null,
  target: null,
  sha256: "0",
  cleanAccuracy: 0.95,
  attackSuccess: null,
  accepted: true,
  trainSeconds: 1,
  scans: {},
  ...of,
});

const scan = { flagged: null, score: 1, pValue: null, target: null, seconds: 0, evidence: {} };

const FACTS: DataFacts = { name: "mnist:test", mean: 0.13, std: 0.31, coarse: new Array<number>(49).fill(0.13) };
const POPULATION: Population = {
  schema: 1,
  name: "digits",
  task: {
    shape: [1, 28, 28],
    classes: 10,
    architecture: "a",
    architectureName: "FCNNa",
    weightScales: [0.2, 0.1],
    data: FACTS,
  },
  scan: { data: "mnist:test", images: 400, seed: 0 },
  recipe: { architecture: "FCNNa" },
  members: [
    member("clean-0", { scans: { titration: { ...scan, version: 2 } } }),
    member("patch-1", { group: "patch" }),
  ],
};
const MODEL = {
  shape: [1, 28, 28],
  classes: 10,
  architecture: "a",
  weightScales: [0.21, 0.09],
  data: FACTS,
  images: 400,
};

describe("matching", () => {
  test("a model of the same task and architecture matches, with and without inputs", () => {
    expect(matchPopulation(POPULATION, MODEL)).toEqual({ kind: "matches" });
    expect(matchPopulation(POPULATION, { ...MODEL, data: undefined })).toEqual({ kind: "matches" });
  });

  test("another architecture is said, not refused", () => {
    expect(matchPopulation(POPULATION, { ...MODEL, architecture: "b" })).toMatchObject({
      kind: "other architecture",
      reason: expect.stringContaining("FCNNa"),
    });
  });

  test.for([
    [[0.279, 0.072], undefined],
    [[0.281, 0.1], "layer 1 are 1.4 times"],
    [[0.2, 0.071], "layer 2 are 0.71 times"],
    [[0.2, 0], "layer 2 are 0.0 times"],
  ] as const)("weights of other sizes tell another training: %j", ([weightScales, fact]) => {
    const match = matchPopulation(POPULATION, { ...MODEL, weightScales });
    if (fact === undefined) expect(match).toEqual({ kind: "matches" });
    else expect(match).toMatchObject({ kind: "other training", reason: expect.stringContaining(fact) });
  });

  test.for<readonly [Partial<ModelFacts>, RegExp]>([
    [{ shape: [3, 32, 32] }, /inputs are \[1,28,28\], the model's are \[3,32,32\]/],
    [{ classes: 43 }, /10 classes, the model has 43/],
    [
      { data: { ...FACTS, name: "clothes", mean: 0.29 } },
      /\(mnist:test\) have pixels with the mean 0.130, .*\(clothes\) 0.290/,
    ],
    [{ data: { ...FACTS, name: "table", coarse: [] } }, /\(mnist:test\) and .*\(table\) are pictures/],
  ])("another task is refused: %j", ([change, line]) => {
    const attempt = () => matchPopulation(POPULATION, { ...MODEL, ...change });
    expect(attempt).toThrow(PopulationError);
    expect(attempt).toThrow(line);
    expect(attempt).toThrow(/give a population of the model's own task/);
  });

  test("only scans of clean members by the same version of the detector are compared with", () => {
    expect(cleanScans(POPULATION, { id: "titration", version: 2 })).toHaveLength(1);
    expect(cleanScans(POPULATION, { id: "titration", version: 3 })).toEqual([]);
    const own = { sigmas: "0 1" };
    const scanned = POPULATION.members.map(({ scans, ...member }) => ({
      ...member,
      scans: scans["titration"] ? { titration: { ...scans["titration"], settings: own } } : {},
    }));
    const population = readPopulation({ ...POPULATION, members: scanned });
    expect(cleanScans(population, { id: "titration", version: 2 })).toEqual([]);
    expect(cleanScans(population, { id: "titration", version: 2 }, { sigmas: "0 2" })).toEqual([]);
    expect(cleanScans(population, { id: "titration", version: 2 }, own)).toHaveLength(1);
    expect(cleanScans(POPULATION, { id: "titration", version: 2 }, own)).toEqual([]);
  });
});

describe("what inputs look like", () => {
  test("samples of the bundled digits are alike, changed ones are not", async () => {
    const reference = await factsOf("mnist:test", 400, 0);
    for (const [images, seed] of [
      [20, 1],
      [100, 2],
      [400, 3],
    ] as const)
      expect(dataDifference(reference, await factsOf("mnist:train", images, seed), { a: 400, b: images })).toBe(
        undefined,
      );
    const random = rng(3);
    const noisy = await factsOf("mnist:train", 300, 4, (pixels) =>
      pixels.map((value) => Math.min(1, Math.max(0, value + 0.2 * random.normal()))),
    );
    expect(dataDifference(reference, noisy, { a: 400, b: 300 })).toMatch(/pixels with the mean/);
    const moved = await factsOf("mnist:train", 300, 4, (pixels) => pixels.map((_, i) => pixels[i - 3] ?? 0));
    expect(dataDifference(reference, moved, { a: 400, b: 300 })).toMatch(/mean pictures that differ/);
  });

  const fashion = resolve(import.meta.dirname, "../../../../shared/data/fashion-mnist");
  const digits = resolve(import.meta.dirname, "../../../../shared/data/mnist");
  test.skipIf(!existsSync(fashion))(
    "clothes are refused for digits and digits taken (needs ../shared/data)",
    async () => {
      const task = { ...POPULATION.task, data: await factsOf("mnist:test", 400, 0) };
      const population = { ...POPULATION, task };
      for (const images of [20, 400]) {
        const clothes = { ...MODEL, data: await factsOf(fashion, images, 5), images };
        expect(() => matchPopulation(population, clothes)).toThrow(/fashion-mnist/);
        const others = { ...MODEL, data: await factsOf(digits, images, 5), images };
        expect(matchPopulation(population, others)).toEqual({ kind: "matches" });
      }
    },
  );

  test("the coarse picture holds block means of the first channel in any layout", () => {
    const pixels = Float32Array.from({ length: 28 * 28 }, (_, i) => (Math.floor(i / 28) < 4 && i % 28 < 4 ? 1 : 0));
    const image = { dtype: "float", shape: [1, 1, 28, 28], data: pixels } as const;
    const facts = dataFacts("corner", { images: image, labels: Int32Array.of(0) }, GREY);
    expect(facts.coarse[0]).toBe(1);
    expect(facts.coarse.slice(1).every((value) => value === 0)).toBe(true);
    expect(facts.mean).toBeCloseTo(1 / 49, 5);
    const coloured = Float32Array.from({ length: 3 * 28 * 28 }, (_, i) => (i % 3 === 0 ? pixels[i / 3]! : 0.5));
    const rows = { dtype: "float", shape: [1, 28, 28, 3], data: coloured } as const;
    const geometry = { ...GREY, channels: 3, layout: "NHWC" } as const;
    expect(dataFacts("corner", { images: rows, labels: Int32Array.of(0) }, geometry).coarse).toEqual(facts.coarse);
  });
});

describe("the architecture", () => {
  const dense = (units: number, weight: number, batch: Dim = "N", op: "Relu" | "Tanh" = "Relu"): Graph => {
    const b = builder();
    const x = b.input("x", [batch, 1, 2, 2]);
    const flat = b.emit("Reshape", [x], { shape: [batch, 4] });
    const hidden = b.emit(op, [b.emit("MatMul", [flat, b.constant(weight, [4, units])])]);
    return makeGraph([x], [{ name: "logits", value: b.emit("MatMul", [hidden, b.constant(weight, [units, 3])]) }]);
  };
  test("is the same for other weights and for a batch fixed to 1, another for other units or ops", () => {
    const hash = architectureHash(dense(5, 1));
    expect(architectureHash(dense(5, 2))).toBe(hash);
    expect(architectureHash(dense(5, 1, 1))).toBe(hash);
    expect(architectureHash(dense(6, 1))).not.toBe(hash);
    expect(architectureHash(dense(5, 1, "N", "Tanh"))).not.toBe(hash);
  });
});

describe("the file", () => {
  test("a population is read as it was written, a member a line", () => {
    const text = populationText(POPULATION);
    expect(readPopulation(JSON.parse(text))).toEqual(POPULATION);
    expect(text.split("\n").filter((line) => line.startsWith('{"id"'))).toHaveLength(2);
  });

  test("what is no population, or one of another version, is refused", () => {
    expect(() => readPopulation({ ...POPULATION, members: [{}] })).toThrow(/no population .*: members\.0\.id/);
    expect(() => readPopulation({ ...POPULATION, schema: 7 })).toThrow(/version 7, this program reads version 1/);
    expect(() => readPopulation(null)).toThrow(PopulationError);
  });

  test("evidence keeps counts, rounds fractions, and leaves pictures out", () => {
    const evidence = {
      count: 123456789,
      share: 1 / 3,
      odd: Number.NaN,
      picture: new Float32Array(4),
      rows: [{ p: 2 / 3 }],
    };
    expect(shortEvidence(evidence)).toEqual({ count: 123456789, share: 0.333333, odd: null, rows: [{ p: 0.666667 }] });
  });
});

test("a backdoored member is accepted when the trigger works and little accuracy was lost", () => {
  const clean = [0.9, 0.95, 0.99].map((cleanAccuracy) => ({ cleanAccuracy, attackSuccess: null }));
  expect(isAccepted({ cleanAccuracy: 0.94, attackSuccess: 0.9 }, clean)).toBe(true);
  expect(isAccepted({ cleanAccuracy: 0.94, attackSuccess: 0.89 }, clean)).toBe(false);
  expect(isAccepted({ cleanAccuracy: 0.92, attackSuccess: 1 }, clean)).toBe(false);
  expect(isAccepted(clean[0]!, clean)).toBe(true);
});
