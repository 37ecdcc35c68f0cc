/** @file Settings that are found and not typed: assay.config.json, and "assay" in a package.json. */

import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { settingsFor } from "../src/cli/settings.ts";
import { VERBS } from "../src/cli/verbs.ts";
import type { ResultFile } from "../src/studies/result-schema.ts";
import { assay } from "./support/cli.ts";

const home = process.cwd();
const MLP = resolve("zoo/mnist-mlp.onnx");
const root = realpathSync(mkdtempSync(join(tmpdir(), "assay-settings-")));
const inner = join(root, "models/new");

const write = (name: string, value: unknown) =>
  writeFileSync(join(root, name), typeof value === "string" ? value : JSON.stringify(value));

beforeEach(() => {
  mkdirSync(inner, { recursive: true });
  process.chdir(inner);
});
afterEach(() => {
  process.chdir(home);
  rmSync(root, { recursive: true });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const of = (verb: string, typed: Readonly<Record<string, unknown>> = {}, cwd = inner) =>
  settingsFor(VERBS.find(({ name }) => name === verb)!, VERBS, typed, cwd);

describe("a file of settings", () => {
  test("from a folder above stands for flags, which win; what was taken from where is said", async () => {
    write("assay.config.json", {
      $schema: "x",
      data: "mnist",
      limit: 6,
      epsilon: "0.2,0.01",
      steps: 1,
      attack: { seed: 5, restarts: 1 },
      train: { seed: 6 },
    });
    const { code, stdout, stderr } = await assay("attack", MLP, "--epsilon", "0.05", "--json");
    expect([code, stderr.split("\n")[0]]).toEqual([
      0,
      "settings from ../../assay.config.json: data, limit, steps, seed, restarts",
    ]);
    const file = JSON.parse(stdout) as ResultFile;
    expect(file).toMatchObject({ epsilon: 0.05, seed: 5, counts: { inputs: 6 } });
    expect(file.methods[0]!.settings).toMatchObject({ steps: 1, restarts: 1 });
  });

  test("is the nearest; a package.json has it under a key, or is passed over; --config is taken in its place", () => {
    write("assay.config.json", { seed: 1 });
    write("models/package.json", { name: "x", assay: { seed: 2 } });
    write("models/new/package.json", { name: "y" });
    expect(of("attack").values).toEqual({ seed: 2 });
    expect(of("attack", {}, root).values).toEqual({ seed: 1 });
    write("models/new/package.json", "{ broken");
    expect(of("attack").values).toEqual({ seed: 2 });
    expect(of("attack", { config: "own.json" })).toEqual({ values: {}, line: undefined });
    // in one folder the file of its own goes first
    write("models/assay.config.json", { seed: 3 });
    expect(of("attack").values).toEqual({ seed: 3 });
  });

  test("is read for every verb that has the option, and paths are from its folder", () => {
    write("assay.config.json", {
      data: "digits/test.npz",
      training: "mnist:train",
      from: ["a.onnx", "b.onnx"],
      out: "/tmp/abroad",
      attack: false,
    });
    expect(of("certify").values).toEqual({ data: "../../digits/test.npz", attack: false, out: "/tmp/abroad" });
    expect(of("backdoor").values).toEqual({
      data: "../../digits/test.npz",
      training: "mnist:train",
      out: "/tmp/abroad",
    });
    expect(of("population").values).toMatchObject({ from: ["../../a.onnx", "../../b.onnx"] });
    expect(of("methods")).toEqual({ values: {}, line: undefined });
  });

  test.for<readonly [unknown, RegExp]>([
    [{ epsilom: 1 }, /assay\.config\.json: unknown option "epsilom"\. Did you mean "?epsilon/],
    [{ "min-accuracy": 1 }, /assay\.config\.json: unknown option "min-accuracy"\. Did you mean "?minAccuracy/],
    [{ certify: { restart: 1 } }, /assay\.config\.json: "certify": unknown option "restart"/],
    [{ seed: -1 }, /assay\.config\.json: "seed" must be a whole number from 0/],
    [{ config: "x.json" }, /unknown option "config"/],
    [[1], /assay\.config\.json must hold one object/],
    ["{", /the settings .*assay\.config\.json is not JSON/],
  ])("that is wrong is refused in one line with its name: %o", async ([content, message]) => {
    write("assay.config.json", content);
    const { code, stderr } = await assay("attack", MLP);
    expect([code, stderr.trim().split("\n").length]).toEqual([2, 1]);
    expect(stderr).toMatch(message);
  });

  test("is described by a published schema, which takes and refuses what the program does", () => {
    const text = readFileSync(join(home, "docs/schemas/config.schema.json"), "utf8");
    const valid = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(JSON.parse(text));
    const good = {
      $schema: "x",
      data: "mnist",
      epsilon: ["8/255", 0.1],
      method: [{ id: "pgd", steps: 5 }, "fgsm"],
      mean: 0.13,
      norm: "l2",
      attack: { steps: 3 },
    };
    expect([valid(good), valid.errors]).toEqual([true, null]);
    expect(valid({ attack: false })).toBe(true);
    for (const bad of [
      { epsilom: 1 },
      { attack: { arithmetic: "real" } },
      { device: "gpu" },
      { json: "yes" },
      { config: "x" },
    ])
      expect(valid(bad), JSON.stringify(bad)).toBe(false);
  });
});
