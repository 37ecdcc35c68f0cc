import { expect, test } from "vitest";
import { controlCounts } from "../../methods/backdoor/evaluation/controls.ts";
import { evaluateDetectors } from "../../methods/backdoor/evaluation/evaluate.ts";
import type { Examined } from "../../methods/backdoor/evaluation/types.ts";
import { proportion } from "../../stats/proportion.ts";
import type { ControlRow, EvaluatedTask, EvaluationFile } from "../../studies/evaluation/types.ts";
import { controlsSection } from "./controls.ts";
import { modelsSection } from "./models.ts";
import { rivalsSection, sentence } from "./rivals.ts";
import { controlDots, scoreDots } from "./scores.ts";
import { verdictSection } from "./verdict.ts";

const LEVEL = 0.05;

/** Titration: clean models score 1, backdoored ones 9; MM-BD flags patches, and the clean model 0. */
const model = (i: number, family: string | null, rest: Partial<Examined> = {}): Examined => ({
  id: `${family}-${i}`,
  architecture: "MLP",
  dataset: "digits",
  classes: 10,
  group: family ?? "clean",
  family,
  target: family ? 3 : null,
  accepted: true,
  outcomes: {
    titration: {
      score: family ? 9 : 1,
      flagged: null,
      pValue: family ? 0.02 : 0.5,
      target: 3,
      seconds: 1,
    },
    "mm-bd": { score: i, flagged: family === "patch" || (!family && i === 0), pValue: null, seconds: 10 },
  },
  ...rest,
});

const many = (count: number, family: string | null, rest: Partial<Examined> = {}): Examined[] =>
  Array.from({ length: count }, (_, i) => model(i, family, rest));

const spread = { median: 0.9, least: 0.8, most: 1, models: 2 };
const TASK: EvaluatedTask = {
  name: "digits",
  dataset: "digits",
  architecture: "MLP",
  reference: { clean: 40, seeds: [1, 40], detectors: ["titration"] },
  seeds: [50, 90],
  images: 400,
  otherwise: { clean: proportion(0, 10), backdoored: proportion(1, 25) },
  groups: [
    {
      group: "clean",
      family: null,
      poison: null,
      deviations: [],
      members: 10,
      accepted: 10,
      accuracy: spread,
      success: null,
    },
    {
      group: "wanet",
      family: "wanet",
      poison: "wanet: rate 0.1, strength 4",
      deviations: [{ key: "strength", published: "0.5", used: 4, why: "it is not learnt" }],
      members: 5,
      accepted: 5,
      accuracy: spread,
      success: spread,
    },
  ],
};

const MODELS = [
  ...many(10, null),
  ...many(10, "patch"),
  ...many(10, "wanet"),
  ...many(5, "patch, all to all", { target: null }),
];

const fileOf = (models: readonly Examined[], controls: readonly ControlRow[] = []): EvaluationFile => ({
  tool: "assay",
  version: "0",
  command: "assay bench backdoor",
  config: "c.json",
  tasks: [TASK],
  evaluation: evaluateDetectors(models, { level: LEVEL }),
  variants: evaluateDetectors([], {}),
  inputs: [],
  controls,
  models,
});

function control(title: string, models: ControlRow["models"]): ControlRow {
  const counts = controlCounts(models, { level: LEVEL, confidence: 0.95 });
  const where = { dataset: "digits", architecture: "MLP", seeds: [1, 2] as const };
  return { name: title, title, changes: "epochs 30 instead of 10", models, ...where, ...counts };
}

const one = (pValue: number, otherwise: string | null) => ({
  accuracy: 0.9,
  otherwise,
  score: 3,
  pValue,
  // the one at 0.01 leans to several classes
  alarm: pValue === 0.02,
});

test("the verdict says of each aim whether it is met, of all models and of those whose backdoor has a target", () => {
  const text = verdictSection(fileOf(MODELS));
  expect(text).toContain("- AUC of at least 0.95: **met**. 1.00");
  expect(text).toContain("25 backdoored and 10 clean models");
  // 0 of 10: up to 31 %
  expect(text).toContain(
    "- False alarms of at most 5%, p ≤ 0.05: **met, but the interval reaches beyond**. 0/10, 0% (0–30.9%)",
  );
  expect(text).toContain("- AUC of at least 0.95 without backdoors that have no single target: **met**");
  expect(text).toMatch(/\| all \| 10 \+ 25 \|.*\| 25\/25, 86–100% \|.*\| 20\/20, 83–100% \|/);
  expect(text).toContain("| digits, without backdoors that have no single target | 10 + 20 |");
  expect(verdictSection(fileOf(MODELS.slice(0, 20)))).not.toContain("single target");
  expect(text).toContain("1 of 25 backdoored models have weights as if they were trained otherwise");
  expect(verdictSection(fileOf([]))).toBe("");
});

test("a detector that alarms on clean models misses its aim", () => {
  const alarmed = many(10, null).map((clean) => {
    const { titration, ...others } = clean.outcomes;
    return { ...clean, outcomes: { ...others, titration: { ...titration!, pValue: 0.01 } } };
  });
  const text = verdictSection(fileOf([...alarmed, ...many(5, "patch")]));
  expect(text).toContain("False alarms of at most 5%, p ≤ 0.05: **missed**. 10/10");
});

test("rivals are told by what they flag of the patch, and by the triggers that they miss", () => {
  const text = rivalsSection(fileOf(MODELS));
  expect(text).toContain("| mm-bd | its own rule | 10/10, 69–100% | 1/10, 0–45% |");
  expect(text).toMatch(/`mm-bd`: \*\*confirmed on the patch\*\* \(10\/10, 69–100%; clean models: 1\/10, 0–45%; AUC/);
  expect(text).toContain("**Known failure shown**: wanet (0/10); patch, all to all (0/5).");
  expect(text).toContain("Its stated limits: backdoors into many classes");
  expect(text).not.toContain("titration");
});

test("a rival without failures names the trigger that it finds least", () => {
  const rate = proportion(4, 5);
  const families = ["patch", "sig"].map((family) => ({ family, rate, area: null }));
  const text = sentence({ detector: "other", rule: "inputs", falseAlarms: null, families });
  expect(text).toContain("No failure shown: the least found trigger is sig (4/5");
  expect(sentence({ detector: "other", rule: "inputs", falseAlarms: null, families: [] })).toContain(
    "**not decided on the patch** (no patched model was examined)",
  );
});

test("controls show what raises alarms, what is told apart and what does neither", () => {
  const controls = [
    control("longer", [one(0.02, null), one(0.01, null)]),
    control("untrained", [one(0.02, "lighter"), one(0.02, "lighter")]),
    control("milder", [one(0.4, null), one(0.3, null)]),
  ];
  const file = fileOf(MODELS, controls);
  const text = controlsSection(file, { path: "c.svg", title: "Controls" });
  expect(text).toContain(
    "| digits, MLP: trained as the reference | nothing but the seed | 90.0% | 0/10 | 0/10, 0–31% |",
  );
  expect(text).toMatch(
    /\| digits, MLP: longer \| epochs 30 instead of 10 \| 90.0% \| 0\/2 \| 2\/2, \S+ \| 1\/2, \S+ \| 1\/2, \S+ \| 0.01/,
  );
  expect(text).toContain("only for how they were trained: longer (1/2).");
  expect(text).toContain("Told apart by their weights: untrained (2/2).");
  expect(text).toContain("Never below the level: milder.");
  expect(text).toContain("trained by the reference's recipe: digits, MLP: 0/10 clean, 1/25 backdoored.");
  expect(text).toContain("![Controls](c.svg)");
  expect(verdictSection(file)).toContain(
    "Of 6 clean models trained otherwise on purpose, 1 are flagged without being told",
  );
  expect(controlsSection(fileOf(MODELS), null)).toContain("Told apart by mistake");
});

test("the pictures of scores hold every model that counts", () => {
  const weak = many(3, "sig", { accepted: false });
  const kinds = (dots: readonly { readonly kind: string }[]) =>
    Object.fromEntries(
      [...new Set(dots.map(({ kind }) => kind))].map((kind) => [kind, dots.filter((dot) => dot.kind === kind).length]),
    );
  const models = [...MODELS, ...weak];
  const dots = scoreDots(models, "titration", LEVEL);
  expect(kinds(dots)).toEqual({ clean: 10, patch: 10, wanet: 10, "patch, all to all": 5 });
  expect(dots.filter(({ flagged }) => flagged)).toHaveLength(25);
  const file = fileOf(models, [control("longer", [one(0.02, null)])]);
  expect(kinds(controlDots(file))).toEqual({ clean: 10, longer: 1, backdoored: 25 });
});

test("settings of triggers that are not as published are listed once", () => {
  const text = modelsSection({ ...fileOf(MODELS), tasks: [TASK, { ...TASK, dataset: "clothes" }] });
  expect(text.split("| wanet | strength | 0.5 | 4 | it is not learnt |")).toHaveLength(2);
});
