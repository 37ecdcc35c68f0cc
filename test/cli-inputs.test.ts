/** @file Inputs as users have them: their scale, their units, their classes, and what the program says before any number. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import jpeg from "jpeg-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeNpz } from "../src/formats/npz.ts";
import { exportOnnx } from "../src/formats/onnx/export.ts";
import { writePng } from "../src/formats/png.ts";
import { floatTensor } from "../src/graph/tensor.ts";
import { makeGraph } from "../src/graph/traverse.ts";
import { builder } from "../src/ops/index.ts";
import { rng } from "../src/random/rng.ts";
import type { AuditReport } from "../src/report/schema.ts";
import { runOnnx } from "./helpers/ort.ts";
import { assay, type Ended } from "./support/cli.ts";
import { DATA, missing } from "./support/data.ts";

const home = process.cwd();
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "assay-inputs-"));
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

function file(name: string, contents: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, contents);
  return path;
}

/** logits = x·W + b of flat inputs. */
function linearModel(name: string, weights: readonly (readonly number[])[], bias: readonly number[]): string {
  const b = builder();
  const x = b.input("x", ["N", weights.length]);
  const w = b.constant(floatTensor([weights.length, bias.length], weights.flat()));
  const logits = b.emit("Add", [b.emit("MatMul", [x, w]), b.constant(floatTensor([bias.length], [...bias]))]);
  return file(name, exportOnnx(makeGraph([x], [{ name: "logits", value: logits }])));
}

/** A convolution over coloured pictures of 4 × 4, in the model's own order of axes. */
function pictureModel(name: string, order: "NCHW" | "NHWC"): string {
  const b = builder();
  const draw = (label: string, shape: readonly number[]) => {
    const data = new Float64Array(shape.reduce((p, q) => p * q, 1));
    rng(6).split(label).fillNormal(data);
    return b.constant(floatTensor(shape, data.map(Math.fround)));
  };
  const x = b.input("x", order === "NCHW" ? ["N", 3, 4, 4] : ["N", 4, 4, 3]);
  const planes = order === "NCHW" ? x : b.emit("Transpose", [x], { perm: [0, 3, 1, 2] });
  const attrs = { strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0], group: 1 };
  const y = b.emit("Relu", [b.emit("Conv", [planes, draw("w", [2, 3, 3, 3])], attrs)]);
  const flat = b.emit("Reshape", [y], { shape: ["N", 8] });
  return file(name, exportOnnx(makeGraph([x], [{ name: "y", value: b.emit("MatMul", [flat, draw("v", [8, 3])]) }])));
}

describe.each(["NCHW", "NHWC"] as const)("rows that are pictures, for a model of %s", (order) => {
  test.each(["NCHW", "NHWC"] as const)("in the order %s, as stated, are those pictures", async (rows) => {
    const model = pictureModel(`pictures-${order}.onnx`, order);
    const pixels = new Float32Array(6 * 48);
    rng(3).fillUniform(pixels, 0, 1);
    const shape = rows === "NCHW" ? [6, 3, 4, 4] : [6, 4, 4, 3];
    const argv = ["certify", model, "--epsilon", "0.001", "--method", "ibp", "--no-attack", "--json", "--data"];
    const expected = await assay(...argv, npz(`${rows}.npz`, pixels, shape, []));
    const flat = npz(`${rows}-rows.npz`, pixels, [6, 48], []);
    const got = await assay(...argv, flat, "--row-order", rows);
    expect([got.code, got.stderr.match(/as stated/)?.[0]]).toEqual([0, "as stated"]);
    const margins = ({ stdout }: Ended) =>
      JSON.parse(stdout).results.map(({ margin }: { margin: number }) => margin) as number[];
    expect(margins(got)).toEqual(margins(expected));
    const other = await assay(...argv, flat, "--row-order", rows === "NCHW" ? "NHWC" : "NCHW");
    expect(margins(other)).not.toEqual(margins(expected));
  });
});

test("an order of rows is refused for what is no row of a picture", async () => {
  const model = pictureModel("pictures.onnx", "NCHW");
  const argv = ["certify", model, "--epsilon", "0.001", "--row-order", "NHWC", "--data"];
  const array = await assay(...argv, npz("array.npz", new Float32Array(2 * 48).fill(0.5), [2, 3, 4, 4], []));
  expect([array.code, array.stderr]).toEqual([3, expect.stringContaining("an order is stated for rows (--row-order)")]);
  const short = await assay(...argv, npz("short.npz", new Float32Array(2 * 12).fill(0.5), [2, 12], []));
  expect([short.code, short.stderr]).toEqual([3, expect.stringContaining("the model takes none of so many values")]);
});

/** Two classes: 1 where the mean of the values is above a threshold. */
const brightness = (name: string, size: number, threshold: number, steepness = 10): string =>
  linearModel(
    name,
    Array.from({ length: size }, () => [0, steepness / size]),
    [0, -steepness * threshold],
  );

const npz = (name: string, x: Float32Array | Uint8Array, shape: readonly number[], y: readonly number[]): string =>
  file(
    name,
    writeNpz({
      x: { dtype: x instanceof Uint8Array ? "u1" : "f4", shape, data: x },
      ...(y.length > 0 && { y: { dtype: "i4", shape: [y.length], data: Int32Array.from(y) } }),
    }),
  );

interface Results {
  readonly unit: string;
  readonly range: readonly number[] | null;
  readonly classes: readonly string[];
  readonly notices: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
  readonly results: readonly {
    readonly label: number;
    readonly output: number;
    readonly predicted: number;
    readonly predictedOutput: number;
    readonly verdict: string;
    readonly margin: number;
    readonly witness?: readonly number[];
  }[];
}
const resultsOf = (run: Ended): Results => {
  expect([run.code, run.stderr]).toEqual([0, expect.any(String)]);
  return JSON.parse(run.stdout) as Results;
};
const verdicts = (run: Ended): string[] => resultsOf(run).results.map(({ verdict }) => verdict);

function expectStopped(run: Ended, ...parts: readonly string[]): void {
  expect([run.code, run.stdout]).toEqual([3, ""]);
  const line = run.stderr.trimEnd().split("\n").at(-1)!;
  for (const part of parts) expect(line).toContain(part);
}

// ---------------------------------------------------------------- scale

const SIDE = 4;
const SIZE = SIDE * SIDE;
/** Pictures of 0 to 1, dark ones of class 0 and bright ones of class 1, near enough to the threshold to fall at 0.1. */
function pictures(count: number): { readonly x: Float32Array; readonly y: readonly number[] } {
  const y = Array.from({ length: count }, (_, i) => i % 2);
  const x = new Float32Array(count * SIZE);
  rng(7).fillUniform(x, 0, 0.38);
  for (let i = 0; i < x.length; i++) x[i]! += y[Math.floor(i / SIZE)]! * 0.55 + 0.02;
  return { x, y };
}

describe("the scale of pictures", () => {
  const COUNT = 16;
  const shape = [COUNT, 1, SIDE, SIDE];
  const scaled = (black: number, white: number): string => {
    const { x, y } = pictures(COUNT);
    return npz(
      `${black}-${white}.npz`,
      x.map((value) => black + value * (white - black)),
      shape,
      y,
    );
  };
  const argv = (data: string, ...rest: string[]) => [
    "certify",
    brightness("bright.onnx", SIZE, 0.5),
    "--data",
    data,
    "--epsilon",
    "0.27",
    "--jobs",
    "1",
    "--json",
    ...rest,
  ];

  test.for([
    [0, 255],
    [-1, 1],
    [0, 16],
    [0, 65535],
    [-0.4242, 2.8215],
    [-127.5, 127.5],
  ] as const)(
    "values of %d to %d that do not tell are asked about, and give what the same pictures in 0 to 1 give",
    async ([black, white]) => {
      const path = scaled(black, white);
      expectStopped(await assay(...argv(path)), path.split("/").at(-1)!, "--data-range");
      const plain = await assay(...argv(scaled(0, 1)));
      const stated = await assay(...argv(path, "--data-range", `${black},${white}`));
      expect(verdicts(stated)).toEqual(verdicts(plain));
      expect(new Set(verdicts(plain)).size).toBeGreaterThan(1);
      const { unit, range, results } = resultsOf(stated);
      expect([unit, range]).toEqual(["pixel values scaled to 0…1", [black, white]]);
      for (const { witness } of results) expect(witness?.every((v) => v >= 0 && v <= 1) ?? true).toBe(true);
      expect(stated.stderr).toContain("epsilon in pixel values scaled to 0…1");
      expect(resultsOf(plain).range).toEqual([0, 1]);
    },
  );

  test("whole numbers of bytes tell it, in bytes and as floats; those of fewer bits do not", async () => {
    const { x, y } = pictures(COUNT);
    const bytes = Uint8Array.from(x, (value) => Math.round(value * 255));
    const asBytes = resultsOf(await assay(...argv(npz("u1.npz", bytes, shape, y))));
    const asFloats = resultsOf(await assay(...argv(npz("f4.npz", Float32Array.from(bytes), shape, y))));
    expect([asBytes.range, asFloats.range]).toEqual([
      [0, 255],
      [0, 255],
    ]);
    const sixteen = Float32Array.from(x, (value) => Math.round(value * 16));
    expectStopped(await assay(...argv(npz("digits.npz", sixteen, shape, y))), "between 0 and 15", "--data-range");
  });

  test("a rounding error beyond an end is clipped and noted; more than that is asked about", async () => {
    const { x, y } = pictures(COUNT);
    const over = x.slice();
    over[3] = 1.0000001;
    over[5] = -1e-7;
    const run = await assay(...argv(npz("over.npz", over, shape, y)));
    expect(resultsOf(run).range).toEqual([0, 1]);
    expect(run.stderr).toMatch(/2 values beyond 0 … 1 by at most 1\.\de-7/);
    for (const { witness } of resultsOf(run).results) expect(Math.max(...(witness ?? [0]))).toBeLessThanOrEqual(1);
    over[3] = 1.01;
    expectStopped(await assay(...argv(npz("beyond.npz", over, shape, y))), "1.01", "--data-range");
    expectStopped(await assay(...argv(npz("beyond.npz", over, shape, y), "--data-range", "0,1")), "0,1 is stated");
  });

  test("rows that are pictures to the model are asked about like pictures, tables are not", async () => {
    const { x, y } = pictures(COUNT);
    const b = builder();
    const input = b.input("x", ["N", 1, SIDE, SIDE]);
    const flat = b.emit("Reshape", [input], { shape: ["N", SIZE] });
    const w = b.constant(
      floatTensor(
        [SIZE, 2],
        Array.from({ length: 2 * SIZE }, (_, i) => (i % 2 ? 1 : 0)),
      ),
    );
    const value = b.emit("Add", [b.emit("MatMul", [flat, w]), b.constant(floatTensor([2], [0, -SIZE / 2]))]);
    const model = file("picture.onnx", exportOnnx(makeGraph([input], [{ name: "logits", value }])));
    const rows = npz(
      "rows.npz",
      x.map((value_) => 2 * value_ - 1),
      [COUNT, SIZE],
      y,
    );
    const call = (path: string, ...rest: string[]) =>
      assay("certify", path, "--data", rows, "--epsilon", "0.01", "--jobs", "1", "--json", ...rest);
    expectStopped(await call(model), "--data-range");
    expect(resultsOf(await call(model, "--data-range", "-1,1")).range).toEqual([-1, 1]);
    const none = resultsOf(await call(brightness("table.onnx", SIZE, 0), "--force"));
    expect([none.range, none.unit]).toEqual([null, expect.stringContaining("standard deviations")]);
  });
});

// ---------------------------------------------------------------- tables

describe("tables", () => {
  const ROWS = 24;
  /** Columns of very different units: a share, an amount of money, a constant, a category. */
  const table = (money = 1000) => {
    const random = rng(11);
    const rows = Array.from({ length: ROWS }, (_, i) => {
      const r = random.split(`${i}`);
      return [Math.fround(r.uniform()), Math.fround(money * (r.uniform() - 0.5)), 7, i % 2] as const;
    });
    const classOf = (row: readonly number[]) => (row[0]! - 0.5 + row[1]! / money > 0 ? 1 : 0);
    const lines = rows.map((row) => `${row.join(",")},${classOf(row) ? "yes" : "no"}`);
    return { rows, labels: rows.map(classOf), csv: `part,money,same,kind,outcome\n${lines.join("\n")}\n` };
  };
  /** The classifier that made the labels, and one that also reads the constant and the category. */
  const model = (money = 1000, [same, kind] = [0, 0]) =>
    linearModel(
      `table-${money}-${same}-${kind}.onnx`,
      [
        [0, 1],
        [0, 1 / money],
        [0, same],
        [0, kind],
      ],
      [0, -0.5 - 7 * same - kind / 2],
    );
  const deviation = (values: readonly number[]): number => {
    const mean = values.reduce((a, b) => a + b) / values.length;
    return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  };
  const call = (verb: string, path: string, csv: string, ...rest: string[]) =>
    assay(verb, path, "--data", csv, "--label-column", "outcome", "--jobs", "1", "--json", ...rest);

  test("epsilon counts each column's standard deviation: proofs and witnesses by hand, whatever the units", async () => {
    const epsilon = 0.3;
    for (const money of [1000, 1e-4]) {
      const { rows, csv } = table(money);
      const data = file(`table-${money}.csv`, csv);
      const run = await call("certify", model(money), data, "--epsilon", `${epsilon}`);
      const { results, unit, range, classes } = resultsOf(run);
      expect([unit, range, classes]).toEqual([
        `standard deviations of each feature over the ${ROWS} rows of the data`,
        null,
        ["no", "yes"],
      ]);
      const reach = epsilon * (deviation(rows.map(([a]) => a)) + deviation(rows.map(([, b]) => b)) / money);
      for (const [i, row] of rows.entries()) {
        const distance = Math.abs(row[0] - 0.5 + row[1] / money);
        if (Math.abs(distance - reach) > 1e-3 * reach)
          expect(results[i]!.verdict).toBe(distance > reach ? "certified" : "falsified");
        const { witness, predictedOutput } = results[i]!;
        if (!witness) continue;
        // in the data's own units: the file itself answers so, and what does not vary has not moved
        const [logits] = [
          ...(await runOnnx(readFileSync(model(money)), new Map([["x", floatTensor([1, 4], witness)]]))).values(),
        ];
        expect(logits!.data[1]! > logits!.data[0]! ? 1 : 0).toBe(predictedOutput);
        expect(witness[2]).toBe(7);
        expect(Math.abs(witness[1]! - row[1])).toBeLessThanOrEqual(1.001 * epsilon * deviation(rows.map(([, b]) => b)));
      }
      expect(new Set(results.map(({ verdict }) => verdict)).size).toBe(2);
      expect(run.stderr).toContain("The same in all rows, and held fixed: same.");
      expect(run.stderr).toMatch(/Always whole numbers.*: kind\./);
    }
  });

  test.for(["linf", "l2", "l1"])(
    "in %s, constant and fixed columns do not move, however much hangs on them",
    async (norm) => {
      const { csv } = table();
      const data = file("table.csv", csv);
      const heavy = model(1000, [1e4, 1e4]);
      const argv = ["--epsilon", "1.5", "--norm", norm, "--force"];
      const free = resultsOf(await call("certify", heavy, data, ...argv));
      expect(free.counts["certified"]).toBe(0);
      const fixed = resultsOf(await call("certify", heavy, data, ...argv, "--fixed", "kind"));
      expect(fixed.counts["correct"]).toBe(free.counts["correct"]);
      expect(fixed.counts["certified"]).toBe(fixed.counts["correct"]);
      const attacked = resultsOf(await call("attack", heavy, data, ...argv, "--fixed", "4"));
      expect(attacked.counts["falsified"]).toBe(0);
    },
  );

  test("a radius for each feature, in its own unit; raw units; and what does not fit is said in one line", async () => {
    const { rows, csv } = table();
    const data = file("table.csv", csv);
    const { results, unit } = resultsOf(await call("certify", model(), data, "--feature-epsilon", "0.1,50,0,0"));
    expect(unit).toBe("times the radius stated for each feature");
    for (const [i, row] of rows.entries()) {
      const distance = Math.abs(row[0] - 0.5 + row[1] / 1000);
      if (Math.abs(distance - 0.15) > 1e-4)
        expect(results[i]!.verdict).toBe(distance > 0.15 ? "certified" : "falsified");
    }
    const listed = file("radii.txt", "0.1\n50\n0\n0\n");
    const again = resultsOf(await call("certify", model(), data, "--feature-epsilon", listed));
    expect(again.results.map(({ verdict }) => verdict)).toEqual(results.map(({ verdict }) => verdict));
    const raw = resultsOf(await call("certify", model(), data, "--epsilon", "0.1", "--epsilon-unit", "raw"));
    expect(raw.unit).toBe("units of the data");
    expectStopped(await call("certify", model(), data, "--feature-epsilon", "1,2"), "2 radii", "4 features");
    expectStopped(await call("certify", model(), data, "--epsilon", "1", "--fixed", "none"), "columns are part, money");
  });

  test("the audit states the unit, and takes no epsilon for pixels", async () => {
    const { csv } = table();
    const data = file("table.csv", csv);
    const run = await call("audit", model(), data, "--out", join(folder, "table-report"));
    const report = JSON.parse(run.stdout) as {
      data: { classNames: string[] };
      robustness: { unit: string; points: { epsilon: number }[]; headlineEpsilon: number }[];
    };
    expect(report.robustness[0]!.unit).toContain("standard deviations of each feature");
    expect(report.robustness[0]!.headlineEpsilon).toBe(0.1);
    expect(report.data.classNames).toEqual(["no", "yes"]);
    expect(readFileSync(join(folder, "table-report/index.html"), "utf8")).toContain(
      "standard deviations of each feature",
    );
    const raw = await call("audit", model(), data, "--epsilon-unit", "raw");
    expect([raw.code, raw.stderr]).toEqual([2, expect.stringContaining("say with --epsilon")]);
  });

  test("what changed in a row is shown by the names and in the units of the data, each within its own radius", async () => {
    const { rows, csv } = table();
    const argv = [
      model(),
      file("table.csv", csv),
      "--feature-epsilon",
      "0.1,200,0,0",
      "--epsilon",
      "1",
      "--profile",
      "robust",
    ];
    const run = await call("audit", ...(argv as [string, string]), "--out", join(folder, "features"));
    const { examples, unit } = (JSON.parse(run.stdout) as AuditReport).robustness[0]!;
    expect(unit).toBe("times the radius stated for each feature");
    expect(examples.length).toBeGreaterThan(0);
    for (const { index, features, picture } of examples) {
      expect([picture, features!.of]).toEqual([null, 4]);
      expect(features!.shown.length).toBe(features!.changed);
      for (const { name, before, after, allowed } of features!.shown) {
        const at = ["part", "money"].indexOf(name);
        expect(Math.abs(before - rows[index]![at]!)).toBeLessThanOrEqual(1e-6 * Math.abs(rows[index]![at]!));
        expect(Math.abs(allowed - [0.1, 200][at]!)).toBeLessThan(1e-3 * allowed);
        expect(after).not.toBe(before);
        expect(Math.abs(after - before)).toBeLessThanOrEqual(1.001 * allowed);
      }
    }
    const page = readFileSync(join(folder, "features", "index.html"), "utf8");
    const [section] = /<section[^>]*id="examples"[\s\S]*?<\/section>/.exec(page)!;
    expect(section).toContain("What changed in input");
    expect(section).toContain("±200");
    expect(section).not.toMatch(/<img|scale-bar|picture/);
  });

  test("a column of labels by name, by place, and by its usual name; what is missing is named with the option", async () => {
    const { csv, labels } = table();
    const data = file("table.csv", csv);
    for (const column of ["outcome", "5", "last"]) {
      const run = await assay(
        "certify",
        model(),
        "--data",
        data,
        "--label-column",
        column,
        "--epsilon",
        "0.1",
        "--json",
      );
      expect(resultsOf(run).results.map(({ label }) => label)).toEqual(labels);
    }
    const argv = ["certify", model(), "--data", data, "--epsilon", "0.1"];
    expectStopped(await assay(...argv), '"no" is no finite number', "--label-column");
    expectStopped(await assay(...argv, "--label-column", "fate"), 'no column is called "fate"', "1 to 5");
  });
});

// ---------------------------------------------------------------- confirmation

describe("confirmation", () => {
  const COUNT = 40;
  /** One pixel; labels as given. */
  const data = (name: string, values: readonly number[], labels: readonly number[]) =>
    npz(name, Float32Array.from(values), [values.length, 1, 1, 1], labels);

  test("one answer to everything is a finding, not confirmed and not shipped, however common the class", async () => {
    const model = linearModel("always-0.onnx", [[0, 0, 0]], [1, 0, 0]);
    const labels = Array.from({ length: 100 }, (_, i) => (i % 20 === 0 ? 1 + (i % 40 === 0 ? 1 : 0) : 0));
    const path = data(
      "imbalanced.npz",
      labels.map((_, i) => i / 100),
      labels,
    );
    expectStopped(
      await assay("certify", model, "--data", path, "--epsilon", "0.1"),
      "One-class answers",
      "chance is 95.0%",
      "balanced accuracy 33.3%",
    );
    const run = await assay("audit", model, "--data", path, "--out", join(folder, "always"), "--json", "--jobs", "1");
    const report = JSON.parse(run.stdout) as {
      decision: { kind: string };
      findings: { id: string; severity: string }[];
    };
    expect([run.code, report.decision.kind]).toEqual([1, "do-not-ship"]);
    expect(report.findings.find(({ id }) => id === "one-class")?.severity).toBe("critical");
  });

  test("a usual mean and std that the file expects is named where it makes more right, and keeps the audit open", async () => {
    const model = linearModel("mnist-scaled.onnx", [[0, 1]], [0, 0.2]);
    const values = Array.from({ length: COUNT }, (_, i) =>
      i % 2 ? 0.2 + (0.6 * ((i * 7) % COUNT)) / COUNT : (0.05 * ((i * 3) % COUNT)) / COUNT,
    );
    const labels = values.map((value) => ((value - 0.1307) / 0.3081 + 0.2 > 0 ? 1 : 0));
    const path = data("scaled.npz", values, labels);
    const argv = ["attack", model, "--data", path, "--epsilon", "0.001", "--jobs", "1"];
    expectStopped(await assay(...argv), "One-class", "--mean 0.1307 --std 0.3081", "100.0% of 40 inputs");
    const right = await assay(...argv, "--mean", "0.1307", "--std", "0.3081", "--json");
    expect(resultsOf(right).notices).toEqual([]);
    expect(right.stderr).toContain("Preprocessing confirmed");
    const part = linearModel("nearly.onnx", [[0, 1]], [0, -0.055]);
    const nearly = values.map((value) => (value < 0.1 ? value * 1.6 + 0.03 : value));
    const truth = nearly.map((value) => ((value - 0.1307) / 0.3081 - 0.055 > 0 ? 1 : 0));
    const run = await assay(
      "audit",
      part,
      "--data",
      data("nearly.npz", nearly, truth),
      "--epsilon",
      "0.0001",
      "--json",
      "--out",
      join(folder, "nearly"),
    );
    const report = JSON.parse(run.stdout) as {
      decision: { kind: string; gate: { conditions: { sentence: string; outcome: string }[] } };
    };
    expect(report.decision.kind).not.toBe("ship");
    expect(
      report.decision.gate.conditions.find(({ sentence }) => sentence.startsWith("No usual preprocessing"))?.outcome,
    ).toBe("undecided");
    expect(run.stderr).toContain("--mean 0.1307 --std 0.3081");
  });

  test("labels one too high, and classes in another order, are named with what to type", async () => {
    const model = linearModel("three.onnx", [[0, 10, 20]], [0, -2, -8]);
    const values = Array.from({ length: COUNT }, (_, i) => [0.05, 0.4, 0.9][i % 3]! + 0.001 * i);
    const truth = values.map((_, i) => i % 3);
    const argv = (labels: number[], ...rest: string[]) => [
      "certify",
      model,
      "--data",
      data(`labels-${labels.slice(0, 3).join("")}.npz`, values, labels),
      "--epsilon",
      "0.01",
      "--jobs",
      "1",
      "--json",
      ...rest,
    ];
    const fromOne = truth.map((label) => label + 1);
    expectStopped(await assay(...argv(fromOne)), "has the label 3", "--first-label 1");
    const shifted = resultsOf(await assay(...argv(fromOne, "--first-label", "1"))).results;
    expect(shifted.map(({ label }) => label)).toEqual(fromOne);
    expect(shifted.map(({ output }) => output)).toEqual(truth);
    const swapped = truth.map((label) => [2, 0, 1][label]!);
    expectStopped(await assay(...argv(swapped)), "--class-order 2,0,1");
    const ordered = resultsOf(await assay(...argv(swapped, "--class-order", "2,0,1")));
    expect(ordered.results.map(({ label }) => label)).toEqual(swapped);
    expect(ordered.results.map(({ predicted }) => predicted)).toEqual(swapped);
    expect(ordered.classes).toEqual(["class 2", "class 0", "class 1"]);
  });

  test("a target is a label of the data, and witnesses are answered by it", async () => {
    const model = linearModel("three.onnx", [[0, 10, 20]], [0, -2, -8]);
    const values = Array.from({ length: COUNT }, (_, i) => [0.19, 0.4, 0.9][i % 3]!);
    const path = data(
      "order.npz",
      values,
      values.map((_, i) => [2, 0, 1][i % 3]!),
    );
    const argv = [
      "attack",
      model,
      "--data",
      path,
      "--class-order",
      "2,0,1",
      "--epsilon",
      "0.05",
      "--jobs",
      "1",
      "--json",
    ];
    const { results } = resultsOf(await assay(...argv, "--target", "0"));
    const broken = results.filter(({ verdict }) => verdict === "falsified");
    expect(broken.length).toBeGreaterThan(5);
    for (const { label, output, predicted, predictedOutput } of broken) {
      expect([label, output, predicted, predictedOutput]).toEqual([2, 0, 0, 1]);
    }
    const wrong = await assay(...argv, "--target", "3");
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("the labels 2,0,1")]);
  });
});

// ---------------------------------------------------------------- pictures in folders

/** A JPEG with an EXIF segment that says how the camera was held. */
function heldCamera(orientation: number): Uint8Array {
  const [width, height] = [16, 8];
  const data = new Uint8Array(4 * width * height).fill(255);
  // the left half is black
  for (let p = 0; p < width * height; p++) if (p % width < 8) data.fill(0, 4 * p, 4 * p + 3);
  const bytes = jpeg.encode({ data, width, height }, 100).data;
  const tiff = [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];
  const body = [...new TextEncoder().encode("Exif"), 0, 0, ...tiff];
  return Uint8Array.from([0xff, 0xd8, 0xff, 0xe1, 0, body.length + 2, ...body, ...bytes.subarray(2)]);
}

test("the first inputs of one class only: the way to draw from all is named", async () => {
  const { x } = pictures(8);
  const data = npz("sorted.npz", x, [8, 1, SIDE, SIDE], [0, 0, 0, 0, 1, 1, 1, 1]);
  const argv = ["certify", brightness("any.onnx", SIZE, 0.5), "--data", data, "--epsilon", "0.001", "--limit"];
  const advice = "The first 4 inputs are all of one class: --sample 4";
  expect((await assay(...argv, "4", "--force")).stderr).toContain(advice);
  expect((await assay(...argv, "5", "--force")).stderr).not.toContain("are all of one class");
});

describe("folders of pictures", () => {
  const grey = (value: number) => writePng({ width: 2, height: 2, channels: 1, data: new Uint8Array(4).fill(value) });

  test("hidden and empty folders and leftovers are no classes and no pictures, and the class map is shown", async () => {
    for (let i = 0; i < 6; i++) {
      file(`set/dark/${i}.png`, grey(20 + i));
      file(`set/light/${i}.png`, grey(220 + i));
    }
    for (const rest of [
      ".cache/a.png",
      "__MACOSX/dark/._0.png",
      ".DS_Store",
      "dark/._0.png",
      "dark/.DS_Store",
      "light/Thumbs.db",
    ]) {
      file(`set/${rest}`, "no picture");
    }
    mkdirSync(join(folder, "set", "aaa"));
    const argv = [
      "certify",
      brightness("two.onnx", 4, 0.5),
      "--data",
      join(folder, "set"),
      "--epsilon",
      "0.1",
      "--json",
    ];
    const run = await assay(...argv, "--jobs", "1");
    const { results, classes, counts } = resultsOf(run);
    expect([classes, counts["correct"], counts["inputs"]]).toEqual([["dark", "light"], 12, 12]);
    expect(results.map(({ label }) => label)).toEqual(Array.from({ length: 12 }, (_, i) => i % 2));
    expect(run.stderr).toContain("Classes by folder: 0 dark, 1 light.");
    expect(run.stderr).toContain("Folders without pictures are no classes: aaa.");
  });

  test.for([
    [6, [0, 0, 255, 255]],
    [8, [255, 255, 0, 0]],
    [1, [0, 255]],
    [3, [255, 0]],
  ] as const)("a JPEG held as EXIF orientation %d says is turned upright", async ([orientation, expected]) => {
    const { loadDataset } = await import("../src/data/files.ts");
    const { shape, images, notes } = await loadDataset(file(`held-${orientation}.jpg`, heldCamera(orientation)));
    const [, height, width] = shape as [number, number, number];
    const tall = orientation >= 5;
    expect([height, width]).toEqual(tall ? [16, 8] : [8, 16]);
    // along the long side: what lies left in the file comes to lie above (6) or below (8)
    const at = (k: number) => images[tall ? k * width + 4 : 4 * width + k]!;
    const step = 16 / expected.length;
    for (const [k, value] of expected.entries()) expect(Math.abs(at(k * step + step / 2) - value)).toBeLessThan(8);
    expect(notes.some((note) => note.includes("EXIF"))).toBe(orientation !== 1);
  });

  test("grey to RGB, size and order of colours are done as stated, and stated in the contract", async () => {
    const model = linearModel(
      "rgb.onnx",
      Array.from({ length: 12 }, (_, i) => [0, i < 4 ? 1 : 0]),
      [0, -2],
    );
    for (let i = 0; i < 4; i++) {
      for (const [name, colour] of [
        ["cold", [10, 90, 250]],
        ["warm", [250, 90, 10]],
      ] as const) {
        const data = Uint8Array.from({ length: 3 * 16 }, (_, k) => colour[k % 3]! + i);
        file(`colours/${name}/${i}.png`, writePng({ width: 4, height: 4, channels: 3, data }));
      }
    }
    const argv = [
      "audit",
      model,
      "--data",
      join(folder, "colours"),
      "--epsilon",
      "0.001",
      "--out",
      join(folder, "coloured"),
      "--json",
    ];
    expectStopped(await assay(...argv), "no order of axes");
    const picture = pictureModel("of-colours.onnx", "NCHW");
    file("small/a.png", writePng({ width: 6, height: 5, channels: 3, data: new Uint8Array(90).fill(7) }));
    const small = ["certify", picture, "--data", join(folder, "small"), "--epsilon", "0.001", "--method", "ibp"];
    expectStopped(await assay(...small), "no order of axes", "--resize 4 --crop 4");
    const sized = await assay(...small, "--resize", "4", "--crop", "4", "--no-attack");
    expect([sized.code, sized.stderr]).toEqual([0, expect.stringContaining("no labels")]);
    const run = await assay(...argv, "--resize", "2", "--jobs", "1");
    const { data } = JSON.parse(run.stdout) as {
      data: { terms: { term: string; value: string }[]; cleanAccuracy: { estimate: number } };
    };
    expect(data.cleanAccuracy.estimate).toBe(1);
    expect(data.terms.find(({ term }) => term === "layout")?.value).toContain("resized to 2×2 (bilinear, antialiased");
    const { loadDataset } = await import("../src/data/files.ts");
    const bgr = await loadDataset(join(folder, "colours"), { resize: [2, 2], channelOrder: "bgr", limit: 1 });
    expect([...bgr.images]).toEqual([250, 250, 250, 250, 90, 90, 90, 90, 10, 10, 10, 10]);
    const blueFirst = linearModel(
      "bgr.onnx",
      Array.from({ length: 12 }, (_, i) => [0, i < 8 ? 0 : 1]),
      [0, -2],
    );
    const asBgr = [blueFirst, ...argv.slice(2, 5), "0.9", ...argv.slice(6), "--channel-order", "bgr", "--resize", "2"];
    const shown = JSON.parse((await assay("audit", ...asBgr, "--jobs", "1")).stdout) as AuditReport;
    const originals = shown.robustness[0]!.examples.map(({ label, picture }) => [
      shown.data.classNames[label],
      ...Buffer.from(picture!.original.pixels, "base64").subarray(0, 3),
    ]);
    // pictures are shown as they are, whatever the model takes first
    expect(originals.length).toBeGreaterThan(0);
    for (const [name, red] of originals) expect([name, Number(red) > 128]).toEqual([name, name === "warm"]);
    const toRgb = await loadDataset(join(folder, "set"), { channels: "rgb", limit: 1 });
    expect([toRgb.shape, [...toRgb.images]]).toEqual([[3, 2, 2], Array<number>(12).fill(20)]);
    expect(toRgb.steps).toEqual(["grey copied to red, green and blue"]);
    const toGrey = await loadDataset(join(folder, "colours"), { channels: "grey", limit: 1 });
    // 0.299·10 + 0.587·90 + 0.114·250 = 84.32
    expect(new Set(toGrey.images)).toEqual(new Set([84]));
  });
});

describe.skipIf(missing("cases"))("the shared cases", () => {
  const cases = join(DATA, "cases");

  test("one picture set in three scales", async () => {
    const model = join(cases, "scale-of-the-data/model.onnx");
    const call = (name: string, ...rest: string[]) =>
      assay(
        "certify",
        model,
        "--data",
        join(cases, "scale-of-the-data", name),
        "--epsilon",
        "0.05",
        "--jobs",
        "1",
        "--json",
        ...rest,
      );
    expect(resultsOf(await call("07-tiny-over.npz")).range).toEqual([0, 1]);
    expect(resultsOf(await call("10-uint8.npz")).range).toEqual([0, 255]);
    expectStopped(await call("09-minus1to1.npz"), "--data-range", "-1,1");
    expect(resultsOf(await call("09-minus1to1.npz", "--data-range", "-1,1")).counts["correct"]).toBe(60);
  });

  test("a constant classifier is not shipped", async () => {
    const [model, data] = ["always-0.onnx", "imbalanced.npz"].map((name) => join(cases, "constant-classifier", name));
    const run = await assay("audit", model!, "--data", data!, "--jobs", "1", "--out", join(folder, "constant"));
    expect([run.code, run.stdout]).toEqual([1, expect.stringContaining("One-class answers")]);
    expect(run.stderr).toContain("balanced accuracy 33.3%");
  });

  test("class folders beside hidden ones", async () => {
    const argv = [join(cases, "class-folders/model3.onnx"), "--data", join(cases, "class-folders/hidden")];
    const { counts, classes } = resultsOf(
      await assay("certify", ...argv, "--epsilon", "0.01", "--jobs", "1", "--json"),
    );
    expect([counts["correct"], classes]).toEqual([60, ["cat", "dog", "fox"]]);
  });
});
