/** @file What the command line says to a slip of the hand, and what its help says of other verbs: nothing. */

import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { assay } from "./support/cli.ts";

const MODEL = resolve("zoo/mnist-mlp.onnx");
const DATA = ["--data", "mnist", "--limit", "3"];

test("the beginning of an option is answered with the options that begin so", async () => {
  const { code, stderr } = await assay("certify", MODEL, ...DATA, "--eps", "0.1");
  expect(code).toBe(2);
  expect(stderr).toContain("unknown option '--eps' (Did you mean --epsilon or --epsilon-unit?)");
  expect((await assay("certify", MODEL, ...DATA, "--zzz", "1")).stderr).not.toContain("Did you mean");
});

test("an epsilon beyond the range of a pixel is asked for in 255ths; in other norms it may be meant", async () => {
  for (const verb of ["certify", "attack", "audit"]) {
    const { code, stderr } = await assay(verb, MODEL, ...DATA, "--epsilon", "8");
    expect([verb, code]).toEqual([verb, 2]);
    expect(stderr).toContain("did you mean 8/255?");
  }
  const far = await assay(
    "certify",
    MODEL,
    ...DATA,
    "--epsilon",
    "2",
    "--norm",
    "l2",
    "--method",
    "ibp",
    "--no-attack",
  );
  expect(far.code).toBe(0);
});

test("a misspelt method is answered with the methods of its verb alone", async () => {
  const { code, stderr } = await assay("attack", MODEL, ...DATA, "--epsilon", "0.1", "--method", "pgdd");
  expect(code).toBe(2);
  expect(stderr).toContain('Did you mean "pgd"? There are fgsm, pgd, square.');
  expect(stderr).not.toMatch(/crown|titration/);
});

test("the help of a verb says no other verb's defaults", async () => {
  for (const verb of ["certify", "attack", "backdoor", "compare"]) {
    const { stdout } = await assay(verb, "--help");
    expect(stdout.replaceAll(/\s+/g, " ")).not.toMatch(/default: [^)]*\b(for|with) audit/);
  }
  expect((await assay("audit", "--help")).stdout.replaceAll(/\s+/g, " ")).toContain("(default: 500)");
});

test("radii are printed as they were typed: one, several, in tables, in comparisons", async () => {
  const folder = mkdtempSync(join(tmpdir(), "assay-words-"));
  const [json, csv] = [join(folder, "radii.json"), join(folder, "radii.csv")];
  const typed = ["1/255", "8/255", "0.1234", "1.5/255"];
  const fast = ["--method", "fgsm", "--limit", "2"];
  const one = await assay("attack", MODEL, "--data", "mnist", ...fast, "--epsilon", "1/255");
  expect(one.stdout).toContain("linf 1/255 (");
  const argv = ["attack", MODEL, "--data", "mnist", ...fast, "--epsilon", typed.join(",")];
  const several = await assay(...argv, "--out", json, "--csv", csv);
  expect([...several.stdout.matchAll(/^(\d\S*) /gm)].map(([, text]) => text)).toEqual(typed);
  const [head, ...rows] = readFileSync(csv, "utf8")
    .trim()
    .split("\r\n")
    .map((line) => line.split(","));
  const column = (name: string) => rows.map((row) => row[head!.indexOf(name)]);
  expect(column("epsilon_text")).toEqual(typed.flatMap((text) => [text, text]));
  expect(column("epsilon").map(Number)).toEqual(
    [1 / 255, 8 / 255, 0.1234, 1.5 / 255].flatMap((value) => [value, value]),
  );
  const compared = await assay("compare", json, json);
  for (const text of typed) expect(compared.stdout).toContain(`within linf ${text}`);
  expect(several.stdout + compared.stdout).not.toMatch(/0\.00392|0\.0313|0\.00588/);
});
