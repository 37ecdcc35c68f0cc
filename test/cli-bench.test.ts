import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readPopulation } from "../src/methods/population/reference.ts";
import type { EvaluationFile } from "../src/studies/evaluation/types.ts";
import { assay, type Ended, ended, spawnAssay } from "./support/cli.ts";
import { LONG, PATIENT } from "./support/patience.ts";

const REFERENCE = {
  name: "tiny digits",
  train: { architecture: "FCNNa", data: "mnist:train", limit: 2000, epochs: 6, batch: 20, learningRate: 0.01 },
  scan: { data: "mnist:test", images: 50 },
  seed: 5,
  clean: 2,
  detectors: ["titration", "last-layer"],
};
const EVALUATION = {
  ...REFERENCE,
  name: "tiny digits, judged",
  seed: 100,
  backdoored: [{ name: "patch-10", count: 2, poison: { kind: "patch", rate: 0.1 } }],
};
const CONTROL = {
  ...REFERENCE,
  name: "tiny digits, fewer of them",
  train: { ...REFERENCE.train, limit: 300 },
  seed: 200,
  detectors: ["titration"],
};
const CONFIG = {
  tasks: [{ name: "digits", dataset: "MNIST", reference: "reference.json", evaluation: "evaluation.json" }],
  controls: [{ name: "fewer", title: "trained on 300 images", task: "digits", recipe: "control.json" }],
  detectors: ["titration", "last-layer", "spectral-signatures", { id: "strip", perGroup: 1 }],
};

let folder: string;
const write = (name: string, value: unknown): void => writeFileSync(join(folder, name), JSON.stringify(value));
const read = (path: string): string => readFileSync(join(folder, path), "utf8");

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "assay-bench-"));
  write("reference.json", REFERENCE);
  write("evaluation.json", EVALUATION);
  write("control.json", CONTROL);
  write("config.json", CONFIG);
});
afterAll(() => rmSync(folder, { recursive: true }));

const bench = (...more: readonly string[]): Promise<Ended> =>
  ended(spawnAssay(["bench", "backdoor", "config.json", "--jobs", "1", ...more], { cwd: folder }));

test.skipIf(!PATIENT)(
  `an evaluation interrupted and resumed ends in a file, a page and its plots (${LONG})`,
  async () => {
    const child = spawnAssay(["bench", "backdoor", "config.json", "--out", "out", "--jobs", "1"], { cwd: folder });
    child.stderr!.once("data", () => child.kill("SIGINT"));
    const stopped = await ended(child);
    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toMatch(/assay: interrupted; .*--resume/);
    expect(existsSync(join(folder, "out/evaluation.json"))).toBe(false);

    const { code, stdout, stderr } = await bench("--out", "out", "--page", "page.md", "--resume", "--json");
    expect(stderr).toMatch(/^training: [12] of 2 are finished already/);
    expect(code).toBe(0);
    expect(stdout).toBe(read("out/evaluation.json"));
    const file = JSON.parse(stdout) as EvaluationFile;
    expect(file.tasks).toMatchObject([
      {
        name: "digits",
        dataset: "MNIST",
        architecture: "FCNNa",
        reference: { clean: 2, seeds: [5, 6], detectors: ["titration", "last-layer"] },
        seeds: [100, 103],
        groups: [
          { group: "clean", members: 2 },
          { group: "patch-10", members: 2, family: "patch" },
        ],
      },
    ]);
    const scanned = file.models.map(({ outcomes }) => Object.keys(outcomes).length);
    expect(scanned).toEqual([4, 3, 4, 3]);
    // the reference was scanned by these two alone, and two clean models cannot show more than 1/3
    for (const { outcomes } of file.models) {
      expect(outcomes["titration"]!.pValue).toBeGreaterThanOrEqual(1 / 3);
      expect(outcomes["last-layer"]!.pValue).toBeGreaterThanOrEqual(1 / 3);
      expect(outcomes["spectral-signatures"]!.pValue).toBeNull();
    }

    const evaluation = readPopulation(JSON.parse(read("out/digits/evaluation/population.json")));
    const accepted = evaluation.members.filter((member) => member.poison && member.accepted).length;
    expect(accepted).toBeGreaterThan(0);
    const overall = file.evaluation.rows.find(
      ({ detector, architecture, family, stratum }) =>
        detector === "titration" && architecture === null && family === null && stratum === "accepted",
    );
    expect(overall).toMatchObject({ clean: 2, backdoored: accepted });
    expect(file.inputs.map(({ detector, family }) => [detector, family])).toEqual([
      ["strip", "patch"],
      ["spectral-signatures", "patch"],
    ]);

    // two reference models cannot show 5 %: nothing is flagged, however it was trained
    expect(file.controls).toMatchObject([
      {
        name: "fewer",
        dataset: "MNIST",
        architecture: "FCNNa",
        changes: "limit 300 instead of 2000",
        seeds: [200, 201],
        recognised: { trials: 2 },
        flagged: { successes: 0, trials: 2 },
        alarms: { successes: 0, trials: 2 },
      },
    ]);
    expect(file.controls[0]!.models.map(({ pValue }) => pValue! >= 1 / 3)).toEqual([true, true]);
    const control = readPopulation(JSON.parse(read("out/controls/fewer/population.json")));
    expect(control.members.map(({ seed }) => seed)).toEqual([200, 201]);
    expect(file.evaluation.summary.map(({ dataset, row }) => [dataset, row.clean, row.backdoored])).toEqual([
      [null, 2, accepted],
      [null, 2, accepted],
      ["MNIST", 2, accepted],
      ["MNIST", 2, accepted],
    ]);

    const page = read("page.md");
    for (const title of ["Does `titration` do what is asked", "## The rivals", "## What else moves the score"])
      expect(page).toContain(title);
    expect(page).toContain("MNIST, FCNNa: trained on 300 images | limit 300 instead of 2000");
    const pictures = [...page.matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)].map(([, path]) => path!);
    expect(pictures.toSorted()).toEqual(readdirSync(join(folder, "page")).map((name) => `page/${name}`));
    for (const path of pictures) expect(statSync(join(folder, path)).size).toBeLessThan(60_000);
    expect(page).not.toMatch(/undefined|NaN|\[object/);

    // everything is kept: made again it is the same, without a training or a scan
    const again = await bench("--out", "out", "--page", "page.md", "--resume");
    expect(again.stderr).toMatch(/training: 4 of 4 are finished already/);
    expect(again.stderr).not.toMatch(/ of \d+\): /);
    expect(read("page.md").replace(/Made by.*\n/, "")).toBe(page.replace(/Made by.*\n/, ""));
  },
  120_000,
);

test.for([
  [{ evaluation: { seed: 4 } }, /task "digits": the seed 5 of the evaluation also occurs in the reference of "digits"/],
  [{ evaluation: { train: { ...REFERENCE.train, epochs: 5 } } }, /reference and evaluation differ in train\.epochs/],
  [{ evaluation: { scan: { data: "mnist:test", images: 60 } } }, /reference and evaluation differ in scan/],
  [{ config: { detectors: [] } }, /wrong\.json: detectors: /],
  [{ config: { detectors: ["titratoin"] } }, /no detector "titratoin".*Did you mean "titration"\?/],
  [{ config: { tasks: [{ ...CONFIG.tasks[0], reference: "none.json" }] } }, /none\.json cannot be read: no such file/],
  [{ config: { tasks: [CONFIG.tasks[0], CONFIG.tasks[0]] } }, /two tasks are called "digits"/],
  [{ config: { controls: [CONFIG.controls[0], CONFIG.controls[0]] } }, /two controls are called "fewer"/],
  [{ config: { controls: [{ ...CONFIG.controls[0], task: "digit" }] } }, /no task "digit"; known are digits/],
  [{ control: { backdoored: EVALUATION.backdoored } }, /control "fewer": it is of clean models/],
  [{ control: { detectors: ["mm-bd"] } }, /control "fewer": add "titration" to the detectors/],
  [{ control: { train: REFERENCE.train } }, /control "fewer": its models are trained as those of the reference/],
  [{ control: { train: { ...CONTROL.train, architecture: "MLP" } } }, /differs from .* in train\.architecture/],
  [{ control: { scan: { data: "mnist:test", images: 60 } } }, /control "fewer": it differs from .* in scan/],
] as const)("a configuration that cannot work is refused in one line: %j", async ([change, line]) => {
  const { evaluation = {}, config = {}, control = {} } = change as Partial<Record<string, object>>;
  write("wrong-evaluation.json", { ...EVALUATION, ...evaluation });
  write("wrong-control.json", { ...CONTROL, ...control });
  const tasks = [{ ...CONFIG.tasks[0], evaluation: "wrong-evaluation.json" }];
  const controls = [{ ...CONFIG.controls[0], recipe: "wrong-control.json" }];
  write("wrong.json", { ...CONFIG, tasks, controls, ...config });
  const { code, stderr } = await assay("bench", "backdoor", join(folder, "wrong.json"), "--out", join(folder, "wrong"));
  expect(stderr).toMatch(/^assay: [^\n]*\n$/);
  expect(stderr).toMatch(line);
  expect(code).toBe(2);
});

test("only what there is an evaluation of can be evaluated", async () => {
  const { code, stderr } = await assay("bench", "backdor");
  expect(code).toBe(2);
  expect(stderr).toMatch(/no evaluation of "backdor".*Did you mean "backdoor"\?/);
});
