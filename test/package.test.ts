/** @file The packed package in a project of its own: what a program does with it is what the command line does. */

import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM } from "./support/chromium.ts";
import { CERTIFY_PAGE, certifyFiles, runPage } from "./support/page.ts";

const NODE_MODULES = resolve("node_modules");
const MODEL = resolve("zoo/mnist-cnna-ibp.onnx");

/** Fifteen lines of a program (in TypeScript, or a newer Node, `await using` ends the threads) that has nothing of this repository but the package. */
const PROGRAM = `
import { certify, countingProgress, examineFile, verifierOf } from "assay";

const steps = [];
const progress = countingProgress((step) => steps.push(step));
const digits = await examineFile(${JSON.stringify(MODEL)}, { data: "mnist", limit: 100, progress });
const { file } = await certify(digits, {
  epsilon: 0.1,
  verifiers: [verifierOf("ibp"), verifierOf("crown")],
});
await digits[Symbol.asyncDispose]();
console.log(JSON.stringify({ file, steps: steps.length }));
`;

/** An attack of one's own by its path. */
const MINE = `
import { attackOf, defineAttack } from "assay";

export default defineAttack({
  id: "mine", version: 1, title: "Mine", summary: "A test.", source: "a test", norms: ["linf"],
  settings: {}, options: () => ({}),
  prepare: (network, runtime, terms) => attackOf("fgsm").prepare(network, runtime, terms),
});
`;

/** Digits that a page examines. */
const IN_PAGE = 6;

interface Results {
  readonly environment?: unknown;
  readonly command?: unknown;
  readonly results: readonly { readonly seconds: number; readonly verdict: string; readonly margin: number }[];
}

/** Times differ from run to run; what was typed, and on what it ran, the command line alone says. */
const withoutTimes = ({ results, environment: _, command: __, ...file }: Results) => ({
  ...file,
  results: results.map(({ seconds: _, ...result }) => result),
});

describe.skipIf(!process.env["CI"])("the packed package (with CI=1: it is built and packed)", () => {
  let project: string;
  let program: { readonly file: Results; readonly steps: number };
  const modules = () => join(project, "node_modules");
  const run = (...argv: readonly string[]): string => runIn(project, ...argv);
  const runIn = (cwd: string, ...argv: readonly string[]): string =>
    execFileSync(process.execPath, argv, {
      cwd,
      encoding: "utf8",
      maxBuffer: 2 ** 26,
      stdio: ["ignore", "pipe", "ignore"],
    });

  beforeAll(() => {
    project = mkdtempSync(join(tmpdir(), "assay-project-"));
    // built beside the sources, and not in their dist, which may be in use
    const source = join(project, "source");
    execFileSync("git", ["clone", "-q", resolve("."), source]);
    symlinkSync(NODE_MODULES, join(source, "node_modules"));
    const [packed] = JSON.parse(
      execFileSync("npm", ["pack", "--json", "--silent"], { cwd: source, encoding: "utf8" }),
    ) as { readonly filename: string }[];
    const { dependencies, peerDependencies } = JSON.parse(readFileSync("package.json", "utf8")) as {
      readonly dependencies: Readonly<Record<string, string>>;
      readonly peerDependencies: Readonly<Record<string, string>>;
    };
    // as npm lays them out; installing would ask a registry
    mkdirSync(join(project, "node_modules/assay"), { recursive: true });
    execFileSync("tar", [
      "xzf",
      join(source, packed!.filename),
      "--strip-components=1",
      "-C",
      join(project, "node_modules/assay"),
    ]);
    for (const name of [...Object.keys(dependencies), ...Object.keys(peerDependencies)]) {
      mkdirSync(join(project, "node_modules", name, ".."), { recursive: true });
      symlinkSync(join(NODE_MODULES, name), join(project, "node_modules", name));
    }
    writeFileSync(join(project, "package.json"), '{ "type": "module" }\n');
    writeFileSync(join(project, "program.mjs"), PROGRAM);
    program = JSON.parse(run("program.mjs")) as typeof program;
  }, 360_000);
  afterAll(() => rmSync(project, { recursive: true, force: true }));

  test("certifies a hundred digits as the command line does, with alarm, re-check and progress", {
    timeout: 120_000,
  }, () => {
    const { file, steps } = program;
    const stated = ["--data", "mnist", "--limit", "100", "--epsilon", "0.1", "--method", "ibp", "--method", "crown"];
    const own = JSON.parse(run("node_modules/assay/bin/assay.js", "certify", MODEL, ...stated, "--json")) as Results;
    expect(file.results).toHaveLength(100);
    expect(withoutTimes(file)).toEqual(withoutTimes(own));
    expect(steps).toBeGreaterThan(4);
  });

  test("runs its example of an attack of one's own inside an audit", { timeout: 120_000 }, async () => {
    const home = join(modules(), "assay");
    const outfile = join(project, "own-attack.mjs");
    const entry = join(home, "examples/own-attack.ts");
    await build({ entryPoints: [entry], bundle: true, packages: "external", platform: "node", format: "esm", outfile });
    const lines = runIn(home, outfile);
    expect(lines).toMatch(/^Brightness \{[^}]*shades: 2[^}]*\} \d+ of \d+ falsified$/m);
    expect(lines).toMatch(/^PGD \{[^}]*\} \d+ of \d+ falsified$/m);
  });

  test("runs an attack of a module's in an audit of its command line, on threads", { timeout: 120_000 }, () => {
    writeFileSync(join(project, "mine.mjs"), MINE);
    const stated = ["--data", "mnist", "--limit", "20", "--epsilon", "0.05", "--budget", "60", "--jobs", "2"];
    const audit = ["node_modules/assay/bin/assay.js", "audit", MODEL, ...stated, "--plugin", "mine.mjs"];
    // the exit code is the decision
    spawnSync(process.execPath, audit, { cwd: project, stdio: "ignore" });
    const { runs } = JSON.parse(readFileSync(join(project, "report/report.json"), "utf8")) as {
      readonly runs: readonly { readonly method: string; readonly options: Readonly<Record<string, unknown>> }[];
    };
    const own = runs.find(({ method }) => method === "Mine")!;
    expect(own.options).toMatchObject({
      module: "mine.mjs",
      sha256: createHash("sha256").update(MINE).digest("hex"),
    });
  });

  test.skipIf(!existsSync(CHROMIUM))(
    `certifies in ${CHROMIUM} (skipped where it is not installed) as in Node`,
    {
      timeout: 120_000,
    },
    async () => {
      const page = (await runPage(
        { stdin: { contents: CERTIFY_PAGE, resolveDir: project, loader: "js" } },
        await certifyFiles(MODEL, IN_PAGE, modules()),
      )) as { readonly proved: Results };
      const certified = program.file.results.slice(0, IN_PAGE).map(({ verdict }) => verdict === "certified");
      expect(page.proved.results.map(({ verdict }) => verdict === "certified")).toEqual(certified);
      expect(certified).toContain(true);
      for (const [i, { margin }] of page.proved.results.entries())
        if (certified[i]) expect(Math.abs(margin - program.file.results[i]!.margin)).toBeLessThan(1e-5);
    },
  );
});
