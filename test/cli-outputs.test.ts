/** @file What outputs say and do not say: words of each arithmetic, reasons, witnesses in files, signals, silence on the network. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { shellWord } from "../src/cli/program.ts";
import { readNpz, writeNpz } from "../src/formats/npz.ts";
import { exportOnnx } from "../src/formats/onnx/export.ts";
import { rng } from "../src/random/rng.ts";
import type { AuditReport } from "../src/report/schema.ts";
import { assay, ended, PROGRAM, spawnAssay } from "./support/cli.ts";
import { denseNet } from "./support/nets.ts";
import { longTest } from "./support/patience.ts";

const MLP = resolve("zoo/mnist-mlp.onnx");
const IBP = resolve("zoo/mnist-cnna-ibp.onnx");
const CNN = resolve("zoo/mnist-cnna-clean.onnx");
const home = process.cwd();
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "assay-outputs-"));
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

const QUICK = ["--data", "mnist", "--limit", "10"];

/** A small network of its own, and inputs that it answers by themselves. */
function small(): { readonly model: string; readonly data: string } {
  const [model, data] = [join(folder, "small.onnx"), join(folder, "small.npz")];
  writeFileSync(model, exportOnnx(denseNet(2, [4, 8, 3])));
  const inputs = new Float32Array(40 * 4);
  rng(5).fillUniform(inputs, 0, 1);
  writeFileSync(data, writeNpz({ images: { dtype: "f4", shape: [40, 4], data: inputs } }));
  return { model, data };
}

describe("a word for each arithmetic", () => {
  test("bounds in real arithmetic are never called certified, and meet no gate", async () => {
    const argv = ["certify", IBP, ...QUICK, "--epsilon", "0.1", "--method", "ibp", "--no-attack"];
    const real = await assay(...argv, "--arithmetic", "real", "--json", "--gate", "0.1");
    const file = JSON.parse(real.stdout);
    expect(file.arithmetic).toBe("real");
    expect(file.counts).toMatchObject({ certified: 0 });
    expect(file.counts.bounded).toBeGreaterThan(5);
    expect(new Set(file.results.map((own: { verdict: string }) => own.verdict))).not.toContain("certified");
    expect(real.code).toBe(5);
    const words = (await assay(...argv, "--arithmetic", "real")).stdout;
    expect(words).not.toMatch(/certified/);
    expect(words).toMatch(/bounded \(real arithmetic\).*no proof/);
    const float = await assay(...argv, "--json", "--gate", "0.1");
    expect(JSON.parse(float.stdout)).toMatchObject({ arithmetic: "float32" });
    expect(float.code).toBe(0);
  });

  test("unknown comes with its reason, in JSON and in words", async () => {
    const argv = ["certify", MLP, ...QUICK, "--epsilon", "0.1", "--method", "ibp", "--no-attack"];
    const { counts, reasons, results } = JSON.parse((await assay(...argv, "--json")).stdout);
    expect(reasons).toEqual({ "relaxation-too-loose": counts.unknown });
    for (const { verdict, reason } of results)
      expect(reason).toBe(verdict === "unknown" ? "relaxation-too-loose" : undefined);
    expect((await assay(...argv)).stdout).toContain(`${counts.unknown} (bounds too loose ${counts.unknown})`);
    const slow = JSON.parse((await assay(...argv, "--json", "--timeout", "0.0001")).stdout);
    expect(slow.reasons).toEqual({ timeout: slow.counts.unknown });
  });
});

test("a targeted attack does not count inputs that have the class already as survivors", async () => {
  const argv = ["attack", MLP, ...QUICK, "--epsilon", "0.5", "--target", "3", "--steps", "100"];
  const { counts, results } = JSON.parse((await assay(...argv, "--json")).stdout);
  const there = results.filter(({ label }: { label: number }) => label === 3);
  expect(there.length).toBeGreaterThan(0);
  for (const { verdict } of there) expect(verdict).toBe("already-there");
  expect(counts.alreadyThere).toBe(there.length);
  expect(counts.correct).toBe(counts.falsified + counts.unknown + counts.alreadyThere);
  const { stdout } = await assay(...argv);
  expect(stdout).toContain(`already there      ${there.length}`);
  expect(stdout).toContain(`of ${10 - there.length})`);
});

test("--witnesses names file and row of each, and they are the ones that are otherwise inline", async () => {
  const argv = ["attack", MLP, ...QUICK, "--epsilon", "0.2", "--json", "--seed", "1"];
  const inline = JSON.parse((await assay(...argv)).stdout);
  const filed = JSON.parse((await assay(...argv, "--witnesses", "found")).stdout);
  let seen = 0;
  for (const [k, { verdict, witness, index, label }] of filed.results.entries()) {
    if (verdict !== "falsified") continue;
    seen++;
    const arrays = readNpz(readFileSync(witness.file));
    const row = arrays.get("images")!.data.slice(784 * witness.index, 784 * (witness.index + 1));
    expect(Array.from(row as Float32Array)).toEqual(inline.results[k].witness.map(Math.fround));
    expect(Number(arrays.get("indices")!.data[witness.index])).toBe(index);
    expect(Number(arrays.get("labels")!.data[witness.index])).toBe(label);
  }
  expect(seen).toBeGreaterThan(3);
});

describe("friction", () => {
  test("a config file may begin with a byte-order mark", async () => {
    writeFileSync("marked.json", `\uFEFF${JSON.stringify({ data: "mnist", limit: 4, epsilon: 0.01, method: "fgsm" })}`);
    expect((await assay("attack", MLP, "--config", "marked.json")).code).toBe(0);
  });

  test("words of the printed command are what a shell takes for them", () => {
    for (const word of ["plain", "a b", "it's", "''", '"$HOME"', "back\\slash", "`x`", "ü", "-", ""]) {
      const { stdout } = spawnSync("sh", ["-c", `printf %s ${shellWord(word)}`], { encoding: "utf8" });
      expect(stdout).toBe(word);
    }
  });

  test("a misspelt name is answered with names of its own family", async () => {
    const detector = (await assay("backdoor", MLP, "--detector", "titraton")).stderr;
    expect(detector).toContain("titration");
    expect(detector).not.toMatch(/\b(pgd|crown|ibp)\b/);
    const attack = (await assay("attack", MLP, ...QUICK, "--epsilon", "0.1", "--method", "pgdd")).stderr;
    expect(attack).toContain("pgd");
    expect(attack).not.toMatch(/\b(titration|crown)\b/);
  });
});

test.for([
  ["SIGTERM", 143],
  ["SIGINT", 130],
] as const)("%s ends a run on the main thread, too", { timeout: 60_000 }, async ([signal, code]) => {
  const cwd = mkdtempSync(join(folder, "signal-"));
  // one chunk: it computes on the main thread
  const child = spawnAssay(
    ["certify", CNN, "--data", "mnist", "--limit", "32", "--epsilon", "0.02", "--no-attack", "--json"],
    { cwd },
  );
  const finished = ended(child);
  // clean answers are kept when the proofs begin
  while (!existsSync(join(cwd, ".assay/results")) || readdirSync(join(cwd, ".assay/results")).length < 1)
    await new Promise((next) => setTimeout(next, 5));
  child.kill(signal);
  const { code: own, stdout, stderr } = await finished;
  expect(own).toBe(code);
  expect(stdout).toBe("");
  expect(stderr).toContain("--resume");
});

describe("the audit within its time", () => {
  test("a budget that is used up leaves a whole report that says so, and never ships", async () => {
    const run = await assay(
      "audit",
      MLP,
      "--data",
      "mnist",
      "--limit",
      "40",
      "--budget",
      "0.001",
      "--json",
      "--out",
      "short",
    );
    const report = JSON.parse(run.stdout) as AuditReport;
    expect(report).toEqual(JSON.parse(readFileSync("short/report.json", "utf8")));
    expect(report.decision.kind).toBe("cannot-tell");
    expect(run.code).toBe(5);
    const [incident] = report.incidents;
    expect(incident).toMatchObject({ kind: "unfinished", title: expect.stringContaining("time budget") });
    expect(incident!.sentence).toMatch(/PGD.*IBP.*CROWN/s);
    const point = report.robustness[0]!.points.at(-1)!;
    expect([point.attackedUpper, point.certifiedLower]).toEqual([null, null]);
    const conditions = report.decision.gate.conditions.map(({ outcome }) => outcome);
    expect(conditions.slice(1)).not.toContain("met");
    expect(readFileSync("short/index.html", "utf8")).toContain("time budget");
    expect((await assay("audit", MLP, ...QUICK, "--budget", "soon")).stderr).toContain("such as 90, 90s or 3m");
  });

  longTest("an interruption leaves the report of what was examined until then", async () => {
    const cwd = mkdtempSync(join(folder, "interrupted-"));
    const child = spawnAssay(["audit", CNN, "--data", "mnist", "--limit", "64", "--out", "out"], { cwd });
    const finished = ended(child);
    // the clean answers are in, and the audit begins
    let told = "";
    child.stderr!.on("data", (piece: Buffer) => {
      told += piece.toString();
    });
    while (!told.includes("confirmed") && child.exitCode === null) await new Promise((next) => setTimeout(next, 5));
    child.kill("SIGTERM");
    const { code, stderr } = await finished;
    expect(code).toBe(143);
    expect(stderr).toContain("--resume");
    const report = JSON.parse(readFileSync(join(cwd, "out/report.json"), "utf8")) as AuditReport;
    expect(report.decision.kind).not.toBe("ship");
    expect(report.incidents.map(({ title }) => title).join()).toContain("interrupted");
    expect(existsSync(join(cwd, "out/index.html"))).toBe(true);
  });
});

longTest(
  "nothing leaves the machine: audit, certify and train touch no network and leave nothing in the user's folder",
  () => {
    const { model, data } = small();
    const recipe = join(folder, "recipe.json");
    writeFileSync(recipe, JSON.stringify({ architecture: "MLP", data: "mnist", epochs: 1, batch: 64, limit: 64 }));
    const user = join(folder, "user");
    mkdirSync(user);
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(CI|GITHUB_|ORT_|VITEST|NODE_ENV|XDG_)/.test(name)),
    );
    const trap = join(folder, "trap.mjs");
    writeFileSync(trap, TRAP);
    // in a network of its own where that is allowed
    const apart = spawnSync("unshare", ["-rn", "true"]).status === 0 ? ["unshare", "-rn"] : [];
    const traced = spawnSync("strace", ["-V"]).status === 0;
    const trace = join(folder, "trace.txt");
    const runs = [
      ["audit", model, "--data", data, "--epsilon", "0.01", "--budget", "20s", "--out", "apart"],
      ["certify", model, "--data", data, "--epsilon", "0.01", "--jobs", "2", "--json"],
      ["train", recipe, "--out", "trained.onnx"],
    ];
    for (const argv of runs) {
      const strace = traced ? ["strace", "-f", "-qq", "-e", "trace=connect,sendto", "-o", trace] : [];
      const words = [...apart, ...strace, process.execPath, "--import", trap, PROGRAM, ...argv];
      const { stderr, status } = spawnSync(words[0]!, words.slice(1), {
        encoding: "utf8",
        cwd: folder,
        env: { ...env, HOME: user },
      });
      expect(stderr).not.toContain("internal error");
      expect(stderr).not.toContain("NETWORK");
      expect([0, 1, 5]).toContain(status);
      if (traced) expect(readFileSync(trace, "utf8")).not.toMatch(/AF_INET/);
    }
    // the runtime keeps an identifier and unsent events there, unless it is told not to
    expect(readdirSync(user)).toEqual([]);
  },
);

/** Says where anything in JavaScript opens a connection. */
const TRAP = `
import dgram from "node:dgram";
import dns from "node:dns";
import net from "node:net";
for (const [object, name] of [[net.Socket.prototype, "connect"], [dgram, "createSocket"], [dns, "lookup"]]) {
  const own = object[name];
  object[name] = function (...args) {
    if (!(args[0]?.path ?? args[0]?.[0]?.path)) process.stderr.write("NETWORK " + name + "\\n");
    return own.apply(this, args);
  };
}
`;
