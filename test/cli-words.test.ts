/** @file What the command line says to a slip of the hand, and what its help says of other verbs: nothing. */

import { resolve } from "node:path";
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
  expect(stderr).toContain('Did you mean "pgd"?');
  expect(stderr).not.toMatch(/crown|titration/);
});

test("the help of a verb says no other verb's defaults", async () => {
  for (const verb of ["certify", "attack", "backdoor", "compare"]) {
    const { stdout } = await assay(verb, "--help");
    expect(stdout.replaceAll(/\s+/g, " ")).not.toMatch(/default: [^)]*\b(for|with) audit/);
  }
  expect((await assay("audit", "--help")).stdout.replaceAll(/\s+/g, " ")).toContain("(default: 500)");
});
