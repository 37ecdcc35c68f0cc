/** @file Options of methods from the command line and from config files, for every family that has a verb. */

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { attackFamily } from "../src/methods/attack/index.ts";
import { backdoorFamily, detectorFor } from "../src/methods/backdoor/index.ts";
import type { Settings } from "../src/methods/options.ts";
import { verifyFamily } from "../src/methods/verify/index.ts";
import { assay } from "./support/cli.ts";
import { longTest } from "./support/patience.ts";

const MLP = fileURLToPath(new URL("../zoo/mnist-mlp.onnx", import.meta.url));
const QUICK = ["--data", "mnist:test", "--limit", "4", "--jobs", "1", "--json"];

const home = process.cwd();
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "assay-methods-"));
  process.chdir(folder);
});
beforeEach(() => rmSync(".assay", { recursive: true, force: true }));
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true, force: true });
});

interface Ran {
  readonly methods: readonly { readonly id: string; readonly version: number; readonly settings: Settings }[];
  readonly counts: unknown;
  readonly results: unknown;
}
const ranBy = async (...argv: readonly string[]): Promise<Ran> => JSON.parse((await assay(...argv)).stdout) as Ran;

const ATTACK = ["attack", MLP, ...QUICK, "--epsilon", "0.05"];
/** Attacks that take steps, and one that takes none. */
const stepping = attackFamily.methods.filter(({ settings }) => "steps" in settings);
const others = attackFamily.methods.filter(({ settings }) => !("steps" in settings));

describe("attack", () => {
  test("every method states all its settings, as they were stated or as they are by default", async () => {
    const named = attackFamily.methods.map(({ id, settings }) => ("steps" in settings ? `${id}:steps=3` : id));
    const { methods } = await ranBy(...ATTACK, "--method", named.join());
    expect(methods).toEqual(
      attackFamily.methods.map(({ id, version, settings }) => ({
        id,
        version,
        settings: { ...settings, ...("steps" in settings && { steps: 3 }) },
      })),
    );
  });

  test("a config file's objects, options behind a name and the flags for all methods say the same", async () => {
    const [{ id }] = stepping as [(typeof stepping)[number]];
    writeFileSync("config.json", JSON.stringify({ method: [{ id, steps: 3, restarts: 2 }, others[0]!.id] }));
    const asked = [
      ["--config", "config.json"],
      ["--method", `${id}:steps=3,restarts=2,${others[0]!.id}`],
      ["--method", others[0]!.id, "--method", id, "--steps", "3", "--restarts", "2"],
      // what stands behind a name wins
      ["--method", others[0]!.id, "--method", `${id}:restarts=2,steps=3`, "--steps", "7"],
    ];
    const ran: Ran[] = [];
    for (const argv of asked) ran.push(await ranBy(...ATTACK, ...argv));
    expect(ran[0]!.methods.map(({ settings }) => settings)).toContainEqual(
      expect.objectContaining({ steps: 3, restarts: 2 }),
    );
    const plain = ({ methods, counts, results }: Ran) =>
      JSON.stringify({ methods, counts, results }).replaceAll(/"seconds":[^,}]*/g, "");
    for (const one of ran) expect(plain(one)).toBe(plain(ran[0]!));
  });

  test("results are kept under their settings", async () => {
    const kept = () =>
      readdirSync(".assay", { recursive: true, withFileTypes: true }).filter((one) => one.isFile()).length;
    const [{ id }] = stepping as [(typeof stepping)[number]];
    const counts: number[] = [];
    for (const steps of [1, 2, 1]) {
      await ranBy(...ATTACK, "--method", `${id}:steps=${steps}`, "--resume");
      counts.push(kept());
    }
    expect(counts[1]).toBeGreaterThan(counts[0]!);
    expect(counts[2]).toBe(counts[1]);
  });

  test.each<[what: string, argv: string[], said: string[]]>([
    [
      "an unknown option",
      ["--method", `${stepping[0]!.id}:stpes=3`],
      ['Did you mean "steps"?', "It has steps, restarts"],
    ],
    ["a value out of bounds", ["--method", `${stepping[0]!.id}:steps=0`], ["steps=0"]],
    [
      "a word that is no choice",
      ["--method", `${others[0]!.id}:loss=margni`],
      ['Did you mean "margin"?', "options of"],
    ],
    ["an option before any method", ["--method", "steps=3"], ["NAME:OPTION=VALUE"]],
    [
      "one method with two sets of options",
      ["--method", `${stepping[0]!.id}:steps=1,${stepping[0]!.id}:steps=2`],
      ["named twice"],
    ],
    [
      "a flag that no chosen method has",
      ["--method", others[0]!.id, "--steps", "3"],
      [`--steps: no such option of ${others[0]!.id}`],
    ],
  ])("%s is one line and exit code 2", async (_, argv, said) => {
    const { code, stderr, stdout } = await assay(...ATTACK, ...argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr.trim().split("\n")).toHaveLength(1);
    for (const text of said) expect(stderr).toContain(text);
  });
});

describe("certify and audit", () => {
  test("certify states the verifiers and the attack that is held against them", async () => {
    const argv = ["certify", MLP, ...QUICK, "--epsilon", "0.01"];
    const [attack] = attackFamily.standard;
    const own = verifyFamily.standard.map(({ id, version, settings }) => ({ id, version, settings }));
    const { id, version, settings } = attack!.with(attack!.quick!);
    expect((await ranBy(...argv)).methods).toEqual([...own, { id, version, settings }]);
    expect((await ranBy(...argv, "--no-attack")).methods).toEqual(own);
  });

  test("an audit takes options of its attacks", async () => {
    const [first, second] = attackFamily.methods.map(({ id }) => id);
    const wrong = await assay("audit", MLP, "--data", "mnist:test", "--method", `${first},${second}:no=1`);
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining(`${second} has no option "no"`) });
  });
});

describe("backdoor", () => {
  interface Scan {
    readonly detectors: readonly {
      readonly name: string;
      readonly version: number;
      readonly settings: Settings;
      readonly flagged: boolean | null;
    }[];
    readonly verdict: { readonly flagged: boolean | null; readonly kind: string };
    readonly notes: readonly string[];
  }
  const ARGV = ["backdoor", MLP, "--jobs", "1", "--json"];
  const judge = detectorFor("margins");

  longTest("a detector with other settings is shown and takes no part in the verdict", async () => {
    const standard = JSON.parse((await assay(...ARGV, "--detector", judge.id)).stdout) as Scan;
    expect(standard.verdict.kind).toBe("heuristic");
    expect(standard.detectors).toMatchObject([{ name: judge.id, version: judge.version, settings: judge.settings }]);
    const run = await assay(...ARGV, "--detector", `${judge.id}:steps=5`);
    const other = JSON.parse(run.stdout) as Scan;
    expect(other.detectors[0]!.settings).toEqual({ ...judge.settings, steps: 5 });
    expect(other.verdict).toMatchObject({ kind: "undecided", flagged: null });
    expect(run.code).toBe(5);
    expect(other.notes.join()).toContain(`Settings of ${judge.id} are not the standard ones`);
  });

  test("all detectors, one of them with options", async () => {
    const wrong = await assay(...ARGV, "--detector", `all,${judge.id}:stpes=5`);
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('Did you mean "steps"?') });
    const refused = await assay(...ARGV, "--detector", "last-layer:steps=3");
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("It has compared.") });
  });
});

describe("methods --explain", () => {
  test("lists the options of every method, and as JSON schema", async () => {
    for (const method of [...attackFamily.methods, ...verifyFamily.methods, ...backdoorFamily.methods]) {
      const text = (await assay("methods", "--explain", method.id)).stdout;
      const [json] = JSON.parse((await assay("methods", "--explain", method.id, "--json")).stdout) as [
        {
          readonly options: readonly string[];
          readonly schema: { readonly properties: Readonly<Record<string, { default: unknown }>> };
        },
      ];
      for (const name of json.options) {
        expect(text).toMatch(new RegExp(`^  ${name} +.*default: `, "m"));
        expect(json.schema.properties[name]!.default).toEqual(method.settings[name]);
      }
      if (json.options.length === 0) expect(text).toContain("It has no options.");
    }
  });
});
