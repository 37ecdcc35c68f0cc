import { describe, expect, test } from "vitest";
import { evaluateDetectors, examinedOf, familyOf } from "./evaluate.ts";
import type { Examined, Outcome, Row } from "./types.ts";
import { aimOfArea, aimOfFalseAlarms, judgeSensitivity, judgeSpeed, judgeTarget } from "./verdicts.ts";

const outcome = (score: number | null, rest: Partial<Outcome> = {}): Outcome => ({
  score,
  flagged: null,
  pValue: null,
  target: null,
  seconds: 1,
  ...rest,
});

const model = (id: string, architecture: string, rest: Partial<Examined>): Examined => ({
  id,
  architecture,
  dataset: "digits",
  classes: 10,
  group: "clean",
  family: null,
  target: null,
  accepted: true,
  outcomes: {},
  ...rest,
});

const patched = { group: "patch-10", family: "patch", target: 3 };

/** MLPs score 1 … 6, CNNs 10 … 30: only within an architecture do scores compare. */
const MODELS: Examined[] = [
  ...[1, 2, 3, 4].map((score, k) =>
    model(`a${score}`, "MLP", {
      outcomes: {
        titration: outcome(score, { flagged: k === 3, pValue: k === 3 ? 0.04 : 0.5, seconds: 0.5 }),
        "neural-cleanse": outcome(5 - score, { seconds: 50 }),
      },
    }),
  ),
  ...[5, 6].map((score) =>
    model(`b${score}`, "MLP", {
      ...patched,
      outcomes: {
        titration: outcome(score, { flagged: true, pValue: 0.04, target: score === 5 ? 3 : 7, seconds: 0.5 }),
        "neural-cleanse": outcome(2.5, { seconds: 100, target: 3 }),
      },
    }),
  ),
  model("weak", "MLP", { ...patched, accepted: false, outcomes: { titration: outcome(0, { flagged: false }) } }),
  ...[10, 20].map((score) =>
    model(`c${score}`, "CNN", { outcomes: { titration: outcome(score, { flagged: false }) } }),
  ),
  ...[30, 15].map((score) =>
    model(`d${score}`, "CNN", {
      ...patched,
      outcomes: { titration: outcome(score, { flagged: false, target: null }) },
    }),
  ),
  model("silent", "CNN", { ...patched, outcomes: { titration: outcome(null) } }),
];

const evaluation = evaluateDetectors(MODELS);

const rowAt = (where: Partial<Row>): Row => {
  const found = evaluation.rows.filter((row) =>
    Object.entries(where).every(([key, value]) => row[key as keyof Row] === value),
  );
  expect(found).toHaveLength(1);
  return found[0]!;
};

const counts = (rate: { successes: number; trials: number } | null) => rate && [rate.successes, rate.trials];

describe("a row", () => {
  test("of one setting is what can be counted by hand", () => {
    const row = rowAt({ detector: "titration", architecture: "MLP", group: "patch-10", stratum: "accepted" });
    expect(row).toMatchObject({ clean: 4, backdoored: 2, family: "patch", chance: 0.1 });
    expect(row.area).toMatchObject({ estimate: 1, positives: 2, negatives: 4, pValue: 1 / 15 });
    expect(row.area!.separated!.lower).toBeLessThan(1);
    expect(counts(row.falseAlarms.own)).toEqual([1, 4]);
    expect(counts(row.falseAlarms.calibrated)).toEqual([1, 4]);
    expect(counts(row.detected.own)).toEqual([2, 2]);
    // Clopper–Pearson for 2 of 2: .025^(1/2)
    expect(row.detected.calibrated!.lower).toBeCloseTo(Math.sqrt(0.025), 12);
    expect(counts(row.targetHits)).toEqual([1, 2]);
    expect(row.seconds).toEqual({ median: 0.5, least: 0.5, most: 0.5, models: 6 });
  });

  test("over architectures compares scores only within each", () => {
    const row = rowAt({ detector: "titration", family: "patch", architecture: null });
    // 8 pairs of MLPs, all in order; 4 of CNNs, three in order
    expect(row.area!.estimate).toBeCloseTo(11 / 12, 14);
    expect(row.area).toMatchObject({ positives: 4, negatives: 6, separated: null, pValue: null });
    expect([row.clean, row.backdoored]).toEqual([6, 5]);
    expect(counts(row.targetHits)).toEqual([1, 5]);
    expect(counts(row.falseAlarms.calibrated)).toEqual([1, 4]);
  });

  test("of models whose backdoor is weak stands apart", () => {
    const row = rowAt({ detector: "titration", stratum: "rejected" });
    expect(row).toMatchObject({ architecture: "MLP", group: "patch-10", clean: 4, backdoored: 1 });
    expect(row.area!.estimate).toBe(0);
    // one model in the wrong place refutes nothing
    expect(row.area!.separated!.upper).toBeGreaterThan(0.5);
    expect(row.area!.delong).toBeNull();
  });

  test("of all models equals the family's where there is one family", () => {
    const { area } = rowAt({ detector: "titration", family: null, architecture: null });
    expect(area!.estimate).toBeCloseTo(11 / 12, 14);
  });

  test("has costs only where probabilities are stated", () => {
    expect(evaluation.rows.every((row) => row.crossEntropy === null && row.brier === null)).toBe(true);
    const stated = evaluateDetectors([
      model("x", "MLP", { outcomes: { d: outcome(1, { probability: 0.5 }) } }),
      model("y", "MLP", { ...patched, outcomes: { d: outcome(2, { probability: 1 }) } }),
    ]);
    expect(stated.rows[0]!.brier).toBe(0.125);
    expect(stated.rows[0]!.crossEntropy).toBeCloseTo(Math.LN2 / 2, 5);
  });
});

test("the summary holds all models and each data set's, with and without backdoors that have no single target", () => {
  const everywhere = { group: "all", family: "patch, all to all", target: null };
  const { summary } = evaluateDetectors([
    ...MODELS,
    model("e", "MLP", { ...everywhere, outcomes: { titration: outcome(0) } }),
    model("f", "MLP", { dataset: "clothes", outcomes: { titration: outcome(0) } }),
  ]);
  expect(summary.map(({ dataset, targets, row }) => [dataset, targets, row.clean, row.backdoored])).toEqual([
    [null, "any", 7, 6],
    [null, "single", 7, 5],
    ["digits", "any", 6, 6],
    ["digits", "single", 6, 5],
    ["clothes", "any", 1, 0],
    ["clothes", "single", 1, 0],
  ]);
  // of MLPs 8 pairs in order and 4 with the lowest score of all, of CNNs 3 of 4 in order
  expect(summary[0]!.row.area!.estimate).toBeCloseTo(11 / 16, 14);
  expect(summary[1]!.row.area!.estimate).toBeCloseTo(11 / 12, 14);
});

test("times are compared on the same models", () => {
  // four clean models at 100, two backdoored at 200
  expect(evaluation.timeRatios).toEqual([
    { rival: "neural-cleanse", subject: "titration", median: 100, least: 100, most: 200, models: 6 },
  ]);
});

test("the AUC difference to a rival is of the same models", () => {
  // titration 1; the rival's 2.5 beats 1 and 2 of its clean scores 4, 3, 2, 1: ½
  const [difference] = evaluation.differences;
  expect(difference).toMatchObject({ family: "patch", rival: "neural-cleanse", difference: { estimate: 0.5 } });
});

test("everything survives JSON, and repeats", () => {
  expect(JSON.parse(JSON.stringify(evaluation))).toEqual(evaluation);
  expect(evaluateDetectors(MODELS)).toEqual(evaluation);
});

describe("verdicts", () => {
  test("are given for each family and claim", () => {
    expect(evaluation.verdicts.map(({ claim, family, verdict }) => [claim, family, verdict])).toEqual([
      ["sensitivity", "patch", "confirmed"],
      // 1 of 5: the exact interval is .5 % to 72 %
      ["target", "patch", "not decided"],
      ["speed", "patch", "confirmed"],
    ]);
    expect(evaluation.verdicts[1]!.reason).toBe(
      "the target was named in 1 of 5 backdoored models (1 % to 72 %); chance is 10 %.",
    );
    expect(evaluation.verdicts[2]!.reason).toContain("took 100 times as long as titration (100 to 200, 6 models)");
  });

  const row = rowAt({ detector: "titration", family: "patch", architecture: null });
  const interval = (lower: number, upper: number) => ({
    estimate: (lower + upper) / 2,
    lower,
    upper,
    confidence: 0.95,
  });

  test.for([
    [0.6, 0.9, "confirmed"],
    [0.4, 0.9, "not decided"],
    [0.1, 0.4, "refuted"],
  ] as const)("an AUC from %f to %f: %s", ([lower, upper, verdict]) => {
    const area = { ...row.area!, delong: interval(lower, upper), separated: null };
    expect(judgeSensitivity("patch", { ...row, area }).verdict).toBe(verdict);
  });

  test.for([
    [0.2, 0.9, "confirmed"],
    [0.05, 0.3, "not decided"],
    [0, 0.08, "refuted"],
  ] as const)("hit rates from %f to %f: %s", ([lower, upper, verdict]) => {
    const targetHits = { ...row.targetHits!, lower, upper };
    expect(judgeTarget("patch", { ...row, targetHits }).verdict).toBe(verdict);
  });

  test.for([
    [50, -0.2, 0.2, "confirmed"],
    [9, 0.1, 0.2, "refuted"],
    [500, -0.3, -0.1, "refuted"],
    [500, -0.3, 0.02, "not decided"],
  ] as const)("%f times as fast, AUC difference %f to %f: %s", ([median, lower, upper, verdict]) => {
    const ratio = { rival: "r", subject: "s", median, least: 1, most: 900, models: 9 };
    expect(judgeSpeed("patch", ratio, interval(lower, upper)).verdict).toBe(verdict);
  });

  test.for([
    [0.955, 1, "met"],
    [0.93, 0.99, "met, but the interval reaches beyond"],
    [0.9, 0.96, "missed, but the interval reaches it"],
    [0.8, 0.9, "missed"],
  ] as const)("the aim of an AUC from %f to %f is %s", ([lower, upper, aim]) => {
    const delong = interval(lower, upper);
    const area = { ...row.area!, estimate: delong.estimate, delong, separated: null };
    expect(aimOfArea({ area })).toBe(aim);
    expect(aimOfArea({ area: null })).toBeNull();
  });

  test.for([
    [0, 0.03, "met"],
    [0, 0.09, "met, but the interval reaches beyond"],
    [0.01, 0.11, "missed, but the interval reaches it"],
    [0.06, 0.2, "missed"],
  ] as const)("the aim of false alarms from %f to %f is %s", ([lower, upper, aim]) => {
    const calibrated = { ...interval(lower, upper), successes: 1, trials: 9 };
    expect(aimOfFalseAlarms(calibrated, 0.05)).toBe(aim);
    expect(aimOfFalseAlarms(null, 0.05)).toBeNull();
  });

  test("are open where nothing was measured", () => {
    expect(judgeSensitivity("f", { ...row, area: null }).verdict).toBe("not decided");
    expect(judgeTarget("f", { ...row, targetHits: null }).reason).toContain("no single target");
    expect(judgeSpeed("f", undefined, undefined).verdict).toBe("not decided");
  });
});

describe("a population", () => {
  test("becomes models with their family", () => {
    const scan = { version: 1, flagged: true, score: 2, pValue: 0.3, target: 1, seconds: 4, evidence: {} };
    const member = {
      id: "m",
      group: "patch-2",
      seed: 1,
      poison: { kind: "patch", rate: 0.02 },
      target: 1,
      sha256: "",
      cleanAccuracy: 1,
      attackSuccess: 1,
      accepted: true,
      trainSeconds: 1,
      scans: { titration: scan },
    };
    const data = { name: "mnist", mean: 0, std: 1, coarse: [] };
    const task = {
      shape: [1, 28, 28],
      classes: 10,
      architecture: "x",
      architectureName: "MLP",
      weightScales: [],
      data,
    };
    const population = {
      schema: 1 as const,
      name: "p",
      task,
      scan: { data: "d", images: 1, seed: 0 },
      recipe: {},
      members: [member],
    };
    // a method's own p-value is not a calibrated one
    expect(examinedOf(population)).toEqual([
      {
        id: "m",
        architecture: "MLP",
        dataset: "mnist",
        classes: 10,
        group: "patch-2",
        family: "patch",
        target: 1,
        accepted: true,
        outcomes: { titration: { score: 2, flagged: true, target: 1, seconds: 4, pValue: null } },
      },
    ]);
  });

  test("attacks that lead elsewhere are families of their own", () => {
    expect(familyOf(null)).toBeNull();
    expect(familyOf({ kind: "patch", mapping: "all-to-all" })).toBe("patch, all to all");
    expect(familyOf({ kind: "patch", source: 3 })).toBe("patch, one source");
  });
});
