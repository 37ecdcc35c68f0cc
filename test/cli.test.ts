/** @file The command line as its users meet it: results, exit codes, and one clear line for whatever is wrong. */

import { existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { VERBS } from "../src/cli/verbs.ts";
import { writeNpy } from "../src/formats/npy.ts";
import { exportOnnx } from "../src/formats/onnx/export.ts";
import { DATA_TYPE, encodeModel } from "../src/formats/onnx/proto.ts";
import { floatTensor } from "../src/graph/tensor.ts";
import { makeGraph } from "../src/graph/traverse.ts";
import { methods } from "../src/methods/index.ts";
import { builder } from "../src/ops/index.ts";
import { rng } from "../src/random/rng.ts";
import { runOnnx } from "./helpers/ort.ts";
import { assay, type Ended, ended, spawnAssay } from "./support/cli.ts";
import { denseNet } from "./support/nets.ts";
import { longTest } from "./support/patience.ts";

const MLP = resolve("zoo/mnist-mlp.onnx");
const CNN = resolve("zoo/mnist-cnna-ibp.onnx");
const home = process.cwd();
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "assay-cli-"));
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

const file = (name: string, contents: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, contents);
  return path;
};

function expectOneLine({ stderr, stdout }: Ended, ...parts: readonly string[]): void {
  expect(stdout).toBe("");
  // notes may come first; what went wrong is the last line
  const line = stderr.trimEnd().split("\n").at(-1)!;
  expect(line.startsWith("assay: ")).toBe(true);
  for (const part of parts) expect(line).toContain(part);
}

interface Results {
  readonly counts: Readonly<Record<string, number>>;
  readonly results: readonly {
    readonly index: number;
    readonly label: number;
    readonly predicted: number;
    readonly verdict: string;
    readonly margin: number | null;
    readonly seconds: number;
    readonly witness?: readonly number[];
  }[];
}

const resultsOf = ({ stdout }: Ended): Results => JSON.parse(stdout) as Results;
/** All but the times, which differ from run to run, and the command. */
const timeless = (run: Ended) => ({
  ...resultsOf(run),
  command: null,
  results: resultsOf(run).results.map(({ seconds: _, ...rest }) => rest),
});

const QUICK = ["--data", "mnist", "--limit", "10"];

describe("words", () => {
  test("--version prints the version of package.json", async () => {
    const { version } = JSON.parse(readFileSync(join(home, "package.json"), "utf8")) as { version: string };
    expect(await assay("--version")).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
  });

  test("help names every verb, and every option of each", async () => {
    const { stdout, code } = await assay("--help");
    expect(code).toBe(0);
    for (const { name } of VERBS) expect(stdout).toContain(`\n  ${name} `);
    for (const { name } of VERBS) expect((await assay(name, "--help")).code).toBe(0);
  });

  test("methods lists the whole table, as text and as JSON", async () => {
    const { stdout } = await assay("methods");
    const listed = JSON.parse((await assay("methods", "--json")).stdout) as { id: string; family: string }[];
    expect(listed.map(({ id }) => id)).toEqual(methods.map(({ method }) => method.id));
    for (const { method } of methods) expect(stdout).toContain(`\n  ${method.id} `);
  });

  test("methods --explain tells the source of a method", async () => {
    const { stdout, code } = await assay("methods", "--explain", "pgd");
    expect(code).toBe(0);
    expect(stdout).toContain("arXiv:1706.06083");
  });
});

describe("inspect", () => {
  test("shows every node with its parameters and readings", async () => {
    const { stdout, code } = await assay("inspect", MLP, "--json");
    const { nodes, parameters } = JSON.parse(stdout) as {
      parameters: number;
      nodes: { op: string; parameters: number; gradient: null; interval: null; relax: null }[];
    };
    expect(code).toBe(0);
    expect(nodes.reduce((sum, node) => sum + node.parameters, 0)).toBe(parameters);
    expect(nodes.map(({ op }) => op)).toContain("MatMul");
    for (const { gradient, interval, relax } of nodes) expect([gradient, interval, relax]).toEqual([null, null, null]);
  });

  test("says why a node has no reading", async () => {
    const b = builder();
    const x = b.input("x", ["N", 4]);
    const path = file(
      "argmax.onnx",
      exportOnnx(makeGraph([x], [{ name: "y", value: b.emit("ArgMax", [x], { axis: 1, keepdims: true }) }])),
    );
    const { stdout } = await assay("inspect", path);
    expect(stdout).toMatch(/ArgMax.* no\n/);
    expect(stdout).toMatch(/no relax: an index/);
  });
});

describe("attack and certify", () => {
  test("print exactly the agreed JSON", async () => {
    for (const verb of ["attack", "certify"]) {
      const run = await assay(verb, MLP, ...QUICK, "--epsilon", "8/255", "--seed", "3", "--json");
      expect(run.code).toBe(0);
      const json = JSON.parse(run.stdout) as Record<string, unknown>;
      expect(Object.keys(json)).toEqual([
        "schema",
        "tool",
        "version",
        "command",
        "environment",
        "model",
        "data",
        "contract",
        "method",
        "methods",
        "norm",
        "epsilon",
        "unit",
        "range",
        "classes",
        "notices",
        "seed",
        "arithmetic",
        "target",
        "limits",
        "errors",
        "counts",
        "reasons",
        "results",
      ]);
      expect(json).toMatchObject({ tool: "assay", norm: "linf", epsilon: 8 / 255, seed: 3, model: { path: MLP } });
      expect(json).toMatchObject({ unit: "pixel values scaled to 0…1", range: [0, 255], classes: [] });
      const { counts, results } = resultsOf(run);
      expect(Object.keys(counts)).toEqual(["inputs", "correct", "certified", "falsified", "unknown"]);
      expect(counts["correct"]).toBe(counts["certified"]! + counts["falsified"]! + counts["unknown"]!);
      expect(json["arithmetic"]).toBe(verb === "certify" ? "float32" : null);
      expect(json["errors"]).toEqual([]);
      expect(Object.values(json["reasons"] as Record<string, number>).reduce((a, b) => a + b, 0)).toBe(
        counts["unknown"],
      );
      for (const { witness, ...result } of results) {
        expect(Object.keys(result)).toEqual([
          "index",
          "label",
          "output",
          "predicted",
          "predictedOutput",
          "verdict",
          "margin",
          "seconds",
          ...(result.verdict === "unknown" ? ["reason"] : []),
        ]);
        expect(witness?.length).toBe(result.verdict === "falsified" ? 784 : undefined);
      }
    }
  });

  test.for([
    ["linf", 0.05],
    ["l2", 1],
    ["l1", 8],
  ] as const)("in %s, witnesses hold when plain ONNX Runtime runs the file on them", async ([norm, epsilon]) => {
    const argv = ["attack", MLP, ...QUICK, "--norm", norm, "--epsilon", `${epsilon}`, "--json"];
    const { results } = resultsOf(await assay(...argv));
    const { stdout } = await assay("attack", MLP, ...QUICK, "--epsilon", "0", "--json");
    expect(resultsOf({ code: 0, stdout, stderr: "" }).counts["falsified"]).toBe(0);
    const { loadDataset } = await import("../src/data/files.ts");
    const { images } = await loadDataset("mnist", { limit: 10 });
    const falsified = results.filter(({ verdict }) => verdict === "falsified");
    expect(falsified.length).toBeGreaterThan(2);
    for (const { index, label, predicted, witness } of falsified) {
      const moves = witness!.map((value, k) => Math.abs(value - Math.fround(images[784 * index + k]! / 255)));
      const size = { linf: Math.max(...moves), l2: Math.hypot(...moves), l1: moves.reduce((a, b) => a + b) }[norm];
      expect(size).toBeLessThanOrEqual(epsilon * (1 + 1e-6));
      for (const value of witness!) expect(value >= 0 && value <= 1).toBe(true);
      const feeds = new Map([["images", floatTensor([1, 1, 28, 28], witness!)]]);
      const [logits] = [...(await runOnnx(readFileSync(MLP), feeds)).values()];
      const row = Array.from(logits!.data);
      expect(row.indexOf(Math.max(...row))).toBe(predicted);
      expect(predicted).not.toBe(label);
    }
  });

  longTest("do not depend on the number of workers, bit for bit", async () => {
    const argv = ["certify", CNN, "--data", "mnist", "--limit", "80", "--epsilon", "0.1", "--method", "ibp", "--json"];
    const [one, two, three] = [
      await assay(...argv, "--jobs", "1"),
      await assay(...argv, "--jobs", "2"),
      await assay(...argv, "--jobs", "3"),
    ];
    expect(resultsOf(one!).counts["certified"]).toBeGreaterThan(60);
    expect(timeless(two!)).toEqual(timeless(one!));
    expect(timeless(three!)).toEqual(timeless(one!));
  });

  test("several methods certify at least what each of them does", async () => {
    const argv = ["certify", CNN, ...QUICK, "--epsilon", "0.1", "--json", "--no-attack"];
    const count = async (...names: string[]) => {
      const { counts } = resultsOf(await assay(...argv, ...names.flatMap((name) => ["--method", name])));
      return counts["certified"]!;
    };
    const both = await count("crown-ibp", "ibp");
    expect(both).toBeGreaterThanOrEqual(Math.max(await count("ibp"), await count("crown-ibp")));
  });

  test("the gate fails, passes, or stays undecided between what is proved and what is falsified", async () => {
    const certify = (gate: string) => assay("certify", MLP, ...QUICK, "--epsilon", "0.02", "--gate", gate);
    const { counts } = resultsOf(await assay("certify", MLP, ...QUICK, "--epsilon", "0.02", "--json"));
    expect(counts["unknown"]).toBeGreaterThan(0);
    const proved = counts["certified"]! / 10;
    const standing = proved + counts["unknown"]! / 10;
    expect((await certify(`${proved}`)).code).toBe(0);
    expect((await certify(`${standing}`)).code).toBe(5);
    expect((await certify(`${standing + 0.05}`)).code).toBe(1);
    // an attack alone can fail a gate, never pass it
    const attack = (gate: string) => assay("attack", MLP, ...QUICK, "--epsilon", "0.2", "--gate", gate);
    expect((await attack("0.9")).code).toBe(1);
    expect((await attack("0")).code).toBe(0);
  });

  test("a limit of time makes what takes longer unknown, never an error", async () => {
    const argv = ["certify", CNN, ...QUICK, "--epsilon", "0.05", "--no-attack", "--json"];
    const { counts, results } = resultsOf(await assay(...argv, "--timeout", "0.0001"));
    expect(counts).toMatchObject({ inputs: 10, correct: 10, certified: 0, unknown: 10 });
    for (const { margin } of results) expect(margin).toBe(null);
  });

  test("a targeted attack reports the target", async () => {
    const run = await assay("attack", MLP, ...QUICK, "--epsilon", "0.2", "--target", "3", "--json");
    const falsified = resultsOf(run).results.filter(({ verdict }) => verdict === "falsified");
    expect(falsified.length).toBeGreaterThan(3);
    for (const { predicted, label } of falsified) {
      expect(predicted).toBe(3);
      expect(label).not.toBe(3);
    }
  });

  test("--out writes the same as --json prints, and --config gives options", async () => {
    const config = file("options.json", JSON.stringify({ data: "mnist", limit: 10, epsilon: "8/255", method: "fgsm" }));
    const out = join(folder, "results.json");
    const run = await assay("attack", MLP, "--config", config, "--json", "--out", out);
    expect(JSON.parse(readFileSync(out, "utf8"))).toEqual(JSON.parse(run.stdout));
    expect(JSON.parse(run.stdout)).toMatchObject({ method: "fgsm", epsilon: 8 / 255 });
    const other = await assay("attack", MLP, "--config", config, "--json", "--epsilon", "0.5");
    expect(JSON.parse(other.stdout)).toMatchObject({ method: "fgsm", epsilon: 0.5 });
  });

  test("data without labels: the model's own answers are to be kept", async () => {
    const pixels = new Float32Array(10 * 784);
    rng(2).fillUniform(pixels, 0, 1);
    const data = file("plain.npy", writeNpy({ dtype: "f4", shape: [10, 1, 28, 28], data: pixels }));
    const { counts } = resultsOf(
      await assay("certify", MLP, "--data", data, "--layout", "NCHW", "--epsilon", "0.001", "--json"),
    );
    expect(counts).toMatchObject({ inputs: 10, correct: 10 });
  });

  test("normalisation stated outside the model counts pixels all the same", async () => {
    // the model of x answers like the model of (x − 0.5)/0.25 on pixels prepared so, and radii stay those of pixels
    const graph = denseNet(6, [784, 12, 10]);
    const path = file("shifted.onnx", exportOnnx(graph));
    const argv = ["--data", "mnist", "--limit", "20", "--force", "--epsilon", "0.02", "--json", "--no-attack"];
    const whole = await assay("certify", path, ...argv, "--mean", "0.5", "--std", "0.25");
    const stretched = await assay("certify", path, ...argv, "--range", "-2,2");
    expect(timeless(whole).results).toEqual(timeless(stretched).results);
  });
});

describe("the audit", () => {
  test("writes a report that report makes again, and exits by its decision", async () => {
    const out = join(folder, "audit");
    const run = await assay(
      "audit",
      MLP,
      "--data",
      "mnist",
      "--limit",
      "60",
      "--epsilon",
      "0.05,0.02",
      "--out",
      out,
      "--json",
    );
    const report = JSON.parse(readFileSync(join(out, "report.json"), "utf8")) as {
      decision: { kind: string };
      robustness: { headlineEpsilon: number; points: { epsilon: number; counts: Record<string, number> }[] }[];
      suspicions: unknown[];
    };
    expect(JSON.parse(run.stdout)).toEqual(report);
    expect(run.code).toBe({ ship: 0, "do-not-ship": 1, "cannot-tell": 5 }[report.decision.kind]);
    expect(report.suspicions.length).toBe(1);
    const [{ headlineEpsilon, points }] = report.robustness as [(typeof report.robustness)[0]];
    expect(headlineEpsilon).toBe(0.05);
    expect(points.map(({ epsilon }) => epsilon)).toEqual([0.02, 0.05]);
    for (const { counts } of points) {
      expect(counts["correct"]).toBe(counts["certified"]! + counts["falsified"]! + counts["unknown"]!);
    }
    const page = readFileSync(join(out, "index.html"), "utf8");
    const beside = ["report.sarif", "junit.xml", "summary.md", "bom.json"].map(
      (name) => statSync(join(out, name)).size,
    );
    expect(beside.every((size) => size > 500)).toBe(true);
    const again = join(folder, "again");
    expect((await assay("report", join(out, "report.json"), "--out", again)).code).toBe(0);
    expect(readFileSync(join(again, "index.html"), "utf8")).toBe(page);
  });
});

describe("bad input ends in one line that names it", () => {
  const model = readFileSync(resolve("zoo/mnist-mlp.onnx"));
  const noise = new Uint8Array(5000);
  for (let i = 0; i < noise.length; i++) noise[i] = rng(1).split(`${i}`).int(256);

  test.for([
    ["empty", new Uint8Array(0)],
    ["cut in the middle", model.subarray(0, model.length / 2)],
    ["random bytes", noise],
    ["text", new TextEncoder().encode("not a model at all")],
  ] as const)("a model file that is %s", async ([name, bytes]) => {
    const path = file(`${name}.onnx`, bytes);
    for (const verb of ["inspect", "attack", "certify", "audit"]) {
      const rest = verb === "inspect" ? [] : [...QUICK, "--epsilon", "0.1"];
      const run = await assay(verb, path, ...rest);
      expect(run.code).toBe(3);
      expectOneLine(run, path);
    }
  });

  test("a model with NaN among its weights", async () => {
    const b = builder();
    const x = b.input("x", ["N", 784]);
    const w = floatTensor(
      [784, 10],
      new Float64Array(7840).map((_, i) => (i === 77 ? Number.NaN : 0.1)),
    );
    const path = file(
      "nan.onnx",
      exportOnnx(makeGraph([x], [{ name: "y", value: b.emit("MatMul", [x, b.constant(w)]) }])),
    );
    const run = await assay("attack", path, ...QUICK, "--epsilon", "0.1");
    expect(run.code).toBe(3);
    expectOneLine(run, path, "NaN");
  });

  test.for(["missing.bin", "../outside.bin"])("a model whose weights are in %s", async (location) => {
    const type = { tensorType: { elemType: DATA_TYPE.FLOAT, shape: { dim: [{ dimParam: "N" }, { dimValue: 2 }] } } };
    const w = {
      name: "w",
      dims: [2],
      dataType: DATA_TYPE.FLOAT,
      dataLocation: 1,
      externalData: [{ key: "location", value: location }],
    };
    const graph = {
      node: [{ opType: "Add", input: ["x", "w"], output: ["y"] }],
      initializer: [w],
      input: [{ name: "x", type }],
      output: [{ name: "y", type }],
    };
    const bytes = encodeModel({ irVersion: 8, opsetImport: [{ domain: "", version: 17 }], graph });
    const run = await assay("certify", file("external.onnx", bytes), ...QUICK, "--epsilon", "0.1");
    expect(run.code).toBe(3);
    expectOneLine(run, location);
  });

  test("a model that is no classifier", async () => {
    const b = builder();
    const x = b.input("x", ["N", 1, 28, 28]);
    const path = file("picture.onnx", exportOnnx(makeGraph([x], [{ name: "y", value: b.emit("Relu", [x]) }])));
    const run = await assay("certify", path, ...QUICK, "--epsilon", "0.1");
    expect(run.code).toBe(3);
    expectOneLine(run, "classifier");
  });

  const array = (name: string, shape: readonly number[], value = 0.5) =>
    file(name, writeNpy({ dtype: "f4", shape, data: new Float32Array(shape.reduce((p, q) => p * q)).fill(value) }));

  test.for([
    ["data of another shape", () => ["--data", array("big.npy", [4, 3, 32, 32])], 3, "[3, 32, 32]"],
    ["data with NaN", () => ["--data", array("nan.npy", [4, 28, 28], Number.NaN)], 3, "nan.npy"],
    ["data that is no data", () => ["--data", file("data.npy", "nothing")], 3, "data.npy"],
    ["data that is not there", () => ["--data", join(folder, "nowhere")], 3, "nowhere"],
    ["data of an unknown bundle", () => ["--data", "mnist:tset"], 3, "mnist:tset"],
    [
      "labels that do not fit",
      () => ["--data", array("few.npy", [4, 28, 28]), "--labels", file("y.csv", "1\n2\n")],
      3,
      "labels",
    ],
    [
      "labels beyond the classes",
      () => ["--data", array("four.npy", [4, 28, 28]), "--labels", file("z.csv", "1\n2\n99\n3\n")],
      3,
      "99",
    ],
    ["no data", () => [], 2, "--data"],
    ["an epsilon below 0", () => [...QUICK, "--epsilon", "-0.1"], 2, "--epsilon"],
    ["an epsilon that is no number", () => [...QUICK, "--epsilon", "large"], 2, "8/255"],
    ["an epsilon divided by 0", () => [...QUICK, "--epsilon", "1/0"], 2, "--epsilon"],
    ["an unknown method", () => [...QUICK, "--method", "crwon"], 2, 'Did you mean "crown"?'],
    ["a method of another verb", () => [...QUICK, "--method", "pgd"], 2, "assay attack"],
    ["an unknown norm", () => [...QUICK, "--norm", "l7"], 2, "linf, l2, l1"],
    ["an unknown option", () => [...QUICK, "--epsilom", "1"], 2, "--epsilon"],
    ["a limit of 0", () => ["--data", "mnist", "--limit", "0"], 2, "--limit"],
    ["a limit that is no whole number", () => ["--data", "mnist", "--limit", "2.5"], 2, "--limit"],
    [
      "a config file with an unknown key",
      () => ["--config", file("c.json", '{"epsilno": 1}')],
      2,
      'Did you mean "epsilon"?',
    ],
    ["a config file that is not JSON", () => ["--config", file("d.json", "{")], 2, "d.json"],
    ["a config file with a wrong value", () => ["--config", file("e.json", '{"epsilon": -1}')], 2, '"epsilon"'],
    ["a config file that is not there", () => ["--config", "none.json"], 2, "none.json"],
    ["a place that cannot be written", () => [...QUICK, "--out", join(file("plain", ""), "x.json")], 2, "--out"],
    ["a folder for a file", () => [...QUICK, "--out", folder], 2, "--out"],
  ] as const)("%s", async ([, options, code, part]) => {
    const stated: readonly string[] = options();
    const config = stated.includes("--config") ? ["--data", "mnist"] : [];
    const epsilon = stated.includes("--epsilon") || stated.includes("--config") ? [] : ["--epsilon", "0.1"];
    const run = await assay("certify", MLP, ...config, ...stated, ...epsilon);
    expect(run.code).toBe(code);
    expectOneLine(run, part);
  });

  test.for([
    ["no epsilon", ["certify", MLP, ...QUICK], "--epsilon"],
    ["a model that is not there", ["inspect", "nowhere.onnx"], "nowhere.onnx"],
    ["an unknown verb", ["certfy", MLP], "certify"],
    ["no model", ["certify"], "model"],
    ["a target beyond the classes", ["attack", MLP, ...QUICK, "--epsilon", "0.1", "--target", "10"], "0 to 9"],
    ["a recipe that is not there", ["train", "none.json"], "none.json"],
    ["results that are not there", ["report", "none.json"], "none.json"],
  ] as const)("%s", async ([, argv, part]) => {
    const run = await assay(...argv);
    expect(run.code).toBe(2);
    expectOneLine(run, part);
  });

  test("accuracy at chance stops everything, unless told to go on", async () => {
    const labels = Array.from({ length: 100 }, (_, i) => (i * 7) % 10).join("\n");
    const pixels = new Float32Array(100 * 784);
    rng(4).fillUniform(pixels, 0, 1);
    const data = file("noise.npy", writeNpy({ dtype: "f4", shape: [100, 28, 28], data: pixels }));
    const argv = [
      "attack",
      MLP,
      "--data",
      data,
      "--labels",
      file("labels.csv", labels),
      "--epsilon",
      "0.01",
      "--steps",
      "1",
    ];
    const refused = await assay(...argv);
    expect(refused.code).toBe(3);
    expectOneLine(refused, "chance", "--force");
    expect((await assay(...argv, "--force")).code).toBe(0);
  });

  test("results that are no report", async () => {
    const run = await assay("report", file("odd.json", '{"schema": 1}'));
    expect(run.code).toBe(3);
    expectOneLine(run);
  });

  test.skipIf(!existsSync("/dev/full"))("a full disk (needs /dev/full)", async () => {
    const run = await assay("attack", MLP, ...QUICK, "--epsilon", "0.1", "--out", "/dev/full");
    expect(run.code).toBe(4);
    expectOneLine(run, "/dev/full", "full");
    const child = spawnAssay(["methods"], { cwd: folder, stdout: openSync("/dev/full", "w") });
    const piped = await ended(child);
    expect(piped.code).toBe(4);
    expectOneLine(piped, "full");
  });
});

longTest("Ctrl-C keeps what is finished, and --resume goes on to the same results", async () => {
  const cwd = mkdtempSync(join(tmpdir(), "assay-interrupt-"));
  const argv = [
    "attack",
    CNN,
    "--data",
    "mnist",
    "--limit",
    "256",
    "--epsilon",
    "0.1",
    "--steps",
    "60",
    "--jobs",
    "1",
    "--json",
  ];
  const stored = () => (existsSync(join(cwd, ".assay/results")) ? readdirSync(join(cwd, ".assay/results")).length : 0);
  const child = spawnAssay(argv, { cwd });
  const finished = ended(child);
  // clean answers and two chunks of eight
  while (stored() < 3) await new Promise((next) => setTimeout(next, 5));
  child.kill("SIGINT");
  const interrupted = await finished;
  expect(interrupted.code).toBe(130);
  expectOneLine(interrupted, "--resume");
  const kept = stored();
  expect(kept).toBeLessThan(9);
  const resumed = await ended(spawnAssay([...argv, "--resume"], { cwd }));
  const whole = await ended(spawnAssay(argv, { cwd }));
  expect(resumed.code).toBe(0);
  expect(timeless(resumed)).toEqual(timeless(whole));
  // times are kept with results: those of the first run's chunks come back unchanged
  expect(resultsOf(resumed).results[0]!.seconds).not.toBe(resultsOf(whole).results[0]!.seconds);
  rmSync(cwd, { recursive: true });
});
