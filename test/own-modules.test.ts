import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attack, attackOf, auditFile, certify, examineFile, loadMethods, reportOf, searchFile } from "../src/index.ts";
import { builtOf } from "./support/built.ts";
import { assay } from "./support/cli.ts";
import { longTest, PATIENT } from "./support/patience.ts";

const MLP = "zoo/mnist-mlp.onnx";

/** Methods that hand their work to listed ones, as a module of somebody's project. */
const MODULE = `
import { attackOf, defineAttack, defineDetector, defineVerifier, verifierOf } from ${JSON.stringify(pathToFileURL(builtOf(resolve("src/index.ts"))).href)};

const about = { version: 1, summary: "A test.", source: "a test", norms: ["linf"] };
export const helper = { unrelated: true };
const mine = defineAttack({
  ...about, id: "mine", title: "My search", settings: { steps: 5 },
  options: (z) => ({ steps: z.int().min(1).describe("how many") }),
  prepare: (network, runtime, { steps, ...terms }) => attackOf("pgd").with({ steps, restarts: 1 }).prepare(network, runtime, terms),
});
export const again = mine;
export const lists = [defineVerifier({
  ...about, id: "my-bounds", title: "My bounds", cheap: true,
  prepare: (network, runtime, options) => verifierOf("ibp").prepare(network, runtime, options),
})];
export const detector = defineDetector({
  ...about, id: "my-detector", title: "My detector", needs: "nothing", blindTo: "everything",
  settings: { volume: 1 }, options: (z) => ({ volume: z.int().describe("how loud") }),
  parts: (_, { volume }) => [1, 2, 3].map((k) => ({ k: k * volume })),
  examine: async ({ network }, { k }) => ({ score: k * network.classes }),
  conclude: (records) => ({ flagged: true, score: records.reduce((sum, { score }) => sum + score, 0), pValue: null, target: 3, reason: "it always does", evidence: {} }),
});
export default mine;
`;

let folder: string;
let file: string;
let sha256: string;
const written = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "assay-modules-"));
  file = written("mine.mjs", MODULE);
  sha256 = createHash("sha256").update(MODULE).digest("hex");
});
afterAll(() => rmSync(folder, { recursive: true }));

const open = (workers: number) =>
  examineFile(MLP, { data: "mnist", limit: 70, workers, store: join(folder, "store"), resume: true });
const plain = (results: readonly { readonly seconds: number }[]) => results.map(({ seconds: _, ...result }) => result);

describe("methods of a module", () => {
  longTest("give the same on any number of threads, which are what their work gives as a listed method's", async () => {
    const { attacks, verifiers } = await loadMethods([file]);
    const runs: unknown[] = [];
    for (const workers of PATIENT ? [1, 2, 3] : [1, 2]) {
      await using digits = await open(workers);
      const attacked = await attack(digits, { epsilon: 0.05, attacks: attacks.map((one) => one.with({ steps: 7 })) });
      const proved = await certify(digits, { epsilon: 0.0005, attack: false, verifiers });
      expect(digits.place.workers).toBe(workers);
      expect(attacked.file.methods).toEqual([
        { id: "mine", version: 1, settings: { steps: 7, module: "mine.mjs", sha256 } },
      ]);
      runs.push([plain(attacked.file.results), plain(proved.file.results)]);
      if (workers > 1) continue;
      const listed = await attack(digits, {
        epsilon: 0.05,
        attacks: [attackOf("pgd").with({ steps: 7, restarts: 1 })],
      });
      const verdicts = (results: typeof listed.file.results) => results.map(({ verdict, margin }) => [verdict, margin]);
      expect(verdicts(attacked.file.results)).toEqual(verdicts(listed.file.results));
      expect(attacked.file.counts.falsified).toBeGreaterThan(0);
      expect(proved.file.counts.certified).toBeGreaterThan(0);
    }
    for (const run of runs.slice(1)) expect(run).toEqual(runs[0]);
  });

  longTest("take part in an audit beside what runs by default, and the report names module and hash", async () => {
    const audited = await auditFile(MLP, {
      ...{ data: "mnist", limit: 20, workers: 2, plugins: [file], epsilons: [0.0005, 0.05] },
      detectors: [],
      budget: 60,
    });
    const report = reportOf(audited, { created: "2026-01-01T00:00:00Z", command: "a test" });
    const runs = report.runs.filter(({ options }) => options["sha256"] === sha256);
    expect(new Set(runs.map(({ method }) => method))).toEqual(new Set(["My search", "My bounds", "My detector"]));
    expect(report.runs.map(({ method }) => method)).toContain(attackOf("pgd").title);
    expect(report.backdoor!.detectors).toMatchObject([{ id: "my-detector", flagged: true, score: 60 }]);
    expect(report.backdoor!.verdict.flagged).toBe(null);
    const { sentence } = report.limits.find(({ title }) => title === "Methods of its own")!;
    expect(sentence).toContain(`My search (mine.mjs, SHA-256 ${sha256})`);
    expect(sentence).toContain("What they prove is as right as they are");
    expect(audited.failures).toEqual([]);
  });

  test("are not kept for resume, since what a module imports may be another", async () => {
    const { attacks } = await loadMethods([file]);
    await using digits = await open(1);
    const kept = () => readdirSync(join(folder, "store"), { recursive: true }).length;
    const before = kept();
    await attack(digits, { epsilon: 0.04, attacks });
    expect(kept()).toBe(before);
    await attack(digits, { epsilon: 0.04, attacks: [attackOf("fgsm")] });
    expect(kept()).toBeGreaterThan(before);
  });

  test("search for backdoors with options of their own", async () => {
    const [detector] = (await loadMethods([file])).detectors;
    const { file: found } = await searchFile(MLP, { detectors: [detector!.with({ volume: 2 })], workers: 2 });
    expect(found.detectors).toMatchObject([{ score: 120, settings: { volume: 2, module: "mine.mjs", sha256 } }]);
  });

  test("that is changed while it is in use is not taken", async () => {
    const own = written("changing.mjs", MODULE);
    const { attacks } = await loadMethods([own]);
    written("changing.mjs", `${MODULE}\n// later`);
    await using digits = await open(2);
    const { file: result } = await attack(digits, { epsilon: 0.05, attacks });
    expect(result.counts.falsified).toBe(0);
    expect(digits.engine.failures[0]!.message).toMatch(/changing\.mjs: .*changed while it was in use; run it again/);
  });
});

describe("on the command line", () => {
  const asked = ["attack", MLP, "--data", "mnist", "--limit", "5", "--epsilon", "0.05", "--json"];
  const ids = (stdout: string) =>
    (JSON.parse(stdout) as { readonly methods: readonly { readonly id: string }[] }).methods.map(({ id }) => id);

  test("a module's methods run after the default, or where they are named, also from a config file", async () => {
    const after = await assay(...asked, "--plugin", file);
    expect(ids(after.stdout)).toEqual(["pgd", "mine"]);
    const config = written("config.json", JSON.stringify({ plugin: [file], method: [{ id: "mine", steps: 3 }] }));
    const named = await assay(...asked, "--config", config);
    expect(JSON.parse(named.stdout)).toMatchObject({ methods: [{ id: "mine", settings: { steps: 3, sha256 } }] });
  });

  const made = (text: string) => MODULE.replace(/export const again[\s\S]*/, text);
  test.for<readonly [what: string, text: string | undefined, says: RegExp]>([
    ["no such file", undefined, /: no such file or folder; name a JavaScript module/],
    ["does not parse", "export default {", /: the module cannot be imported: .*Node imports/],
    ["throws", 'throw new Error("out of order");', /: the module cannot be imported: out of order; /],
    ["needs what is not there", 'import "assay-absent";', /cannot be imported: .*assay-absent.*installed beside it/],
    ["has no method", "export const x = 1;", /: it exports no method; export what defineAttack, .* makes/],
    [
      "exports a bare object",
      'export const x = { id: "x", prepare() {} };',
      /, export x: it is no method .*defineAttack/,
    ],
    [
      "has a bad id",
      made("export default mine;").replace('id: "mine"', 'id: "Mine 2"'),
      /, export default: its id must be/,
    ],
    [
      "has no norms",
      made("export default mine;").replace('norms: ["linf"]', "norms: []"),
      /, export default: its norms must be/,
    ],
    [
      "takes a listed name",
      made("export default mine;").replace('id: "mine"', 'id: "pgd"'),
      /already the name of .*another id/,
    ],
    [
      "has nothing for the verb",
      MODULE.replace(/const mine =[\s\S]*?\n}\);/, "const mine = 1;"),
      /there is no attack in it/,
    ],
  ])("a module that %s gets one line", async ([what, text, says]) => {
    const path = text === undefined ? join(folder, "absent.mjs") : written(`${what.replaceAll(" ", "-")}.mjs`, text);
    const { code, stderr } = await assay(...asked, "--plugin", path);
    expect(code).toBe(2);
    const line = stderr.trimEnd().split("\n").at(-1)!;
    expect(line).toMatch(says);
  });
});
