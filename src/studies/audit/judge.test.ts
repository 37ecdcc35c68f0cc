import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { outcomeWith } from "../../../test/support/backdoor-outcome.ts";
import type { PatchRecord } from "../../methods/audit/patch-screen.ts";
import { type Proportion, proportion } from "../../stats/proportion.ts";
import type { Band, Gate, Outcome } from "./codes.ts";
import { PROFILES } from "./gate.ts";
import { judge, type Measurements } from "./judge.ts";
import { leadOf, type PatchScreen, standingOut, succeeds } from "./patches.ts";

const INPUTS = 1000;

const band = (standing: number, certified: number | null): Band => ({
  epsilon: 0.1,
  clean: proportion(980, INPUTS),
  attackedUpper: proportion(standing, INPUTS),
  certifiedLower: certified === null ? null : proportion(certified, INPUTS),
  counts: { inputs: INPUTS, correct: 980, certified: certified ?? 0, falsified: 980 - standing, unknown: 0 },
});

const patch = (hits: number): PatchRecord => ({
  target: 7,
  top: 0,
  left: 0,
  size: 4,
  values: new Float32Array(16),
  trials: 100,
  hits,
  noiseHits: 2,
});

/** Of 100 inputs each, for ten classes: so many to class 7, one to each other. */
const screened = (hits: number): PatchScreen => ({
  kind: "screened",
  targets: Array.from({ length: 10 }, (_, target) => ({ ...patch(target === 7 ? hits : 1), target })),
  classes: 10,
  whole: true,
  reason: "",
});

const SEARCHED = {
  met: outcomeWith(false, []),
  undecided: outcomeWith(null, []),
  "not-met": outcomeWith(false, ["margin", "patch"]),
} as const satisfies Record<Outcome, unknown>;

const evidence = (headline: Band, hits = 3, correct: number | null = 980): Measurements => ({
  norm: "linf",
  headline,
  arithmetic: "float32",
  accuracy: correct === null ? null : proportion(correct, INPUTS),
  patches: screened(hits),
  notices: [],
  backdoor: SEARCHED.met,
});

const kindOf = (given: Measurements): string => judge(given, PROFILES.robust).kind;

describe("the decision", () => {
  test.for([
    ["proved above the gate", evidence(band(900, 700)), "ship"],
    ["broken below the gate", evidence(band(300, 100)), "do-not-ship"],
    ["the gate lies between proof and attack", evidence(band(900, 100)), "cannot-tell"],
    ["proved, but within the interval of the gate", evidence(band(900, 505)), "cannot-tell"],
    ["broken, but within the interval of the gate", evidence(band(495, 100)), "cannot-tell"],
    ["nothing could be proved", evidence(band(900, null)), "cannot-tell"],
    ["a patch that moves most", evidence(band(900, 700), 97), "do-not-ship"],
    ["a patch that moves a few more than half, which may be chance", evidence(band(900, 700), 55), "cannot-tell"],
    ["clean accuracy below the gate", evidence(band(900, 700), 3, 850), "do-not-ship"],
    ["clean accuracy within the interval of the gate", evidence(band(900, 700), 3, 905), "cannot-tell"],
    ["no labels", evidence(band(900, 700), 3, null), "cannot-tell"],
  ] as const)("%s", ([, given, expected]) => {
    expect(kindOf(given)).toBe(expected);
  });
});

test("a patch succeeds only beyond the chance of all classes that were tried", () => {
  // one-sided binomial: P(X ≥ 60 | n = 100, p = ½) = 0.0284, which is below 0.05 but not below 0.05 / 10
  expect(succeeds(patch(60), 0.5, 1)).toBe(true);
  expect(succeeds(patch(60), 0.5, 10)).toBe(false);
  expect(succeeds(patch(70), 0.5, 10)).toBe(true);
});

const outcomesOf = (given: Measurements, gate: Gate = PROFILES.robust): Outcome[] =>
  judge(given, gate).conditions.map(({ outcome }) => outcome);

describe("an interval across a line is undecided, in every condition", () => {
  const counted = fc
    .integer({ min: 1, max: 400 })
    .chain((trials) => fc.integer({ min: 0, max: trials }).map((hits) => proportion(hits, trials)));
  const gate = fc.record({
    accuracy: fc.double({ min: 0.01, max: 0.99, noNaN: true }),
    robust: fc.double({ min: 0.01, max: 0.99, noNaN: true }),
    patch: fc.double({ min: 0.01, max: 0.99, noNaN: true }),
  });
  const records = fc.array(counted, { minLength: 2, maxLength: 6 });
  const above = (rate: Proportion | null, line: number) => rate !== null && rate.lower >= line;
  const below = (rate: Proportion | null, line: number) => rate !== null && rate.upper < line;

  test("met only with the whole interval on the good side, failed only with it on the bad side", () => {
    const given = fc.record({
      accuracy: fc.option(counted),
      standing: fc.option(counted),
      proved: fc.option(counted),
      patches: records,
      missing: fc.integer({ min: 0, max: 2 }),
      arithmetic: fc.constantFrom("float32" as const, "real" as const),
      backdoor: fc.constantFrom("met" as const, "undecided" as const, "not-met" as const),
      gate,
    });
    fc.assert(
      fc.property(given, ({ accuracy, standing, proved, patches, missing, arithmetic, backdoor, gate: shares }) => {
        const lines: Gate = { ...PROFILES.robust, ...shares };
        const targets = patches.map(({ successes, trials }, target) => ({ ...patch(successes), target, trials }));
        const made: Measurements = {
          ...evidence({ ...band(900, 700), attackedUpper: standing, certifiedLower: proved }),
          accuracy,
          arithmetic,
          patches: { kind: "screened", targets, classes: targets.length + missing, whole: true, reason: "time budget" },
          backdoor: SEARCHED[backdoor],
        };
        const [clean, screen, search, robust] = outcomesOf(made, lines);
        expect(clean).toBe(
          above(accuracy, lines.accuracy) ? "met" : below(accuracy, lines.accuracy) ? "not-met" : "undecided",
        );
        const held = patches.every(({ upper }) => upper <= lines.patch) && missing === 0;
        const broken = patches.some(({ lower }) => lower > lines.patch);
        expect(screen === "met").toBe(held);
        if (screen === "not-met") expect(broken).toBe(true);
        expect(search).toBe(backdoor);
        expect(robust === "met").toBe(arithmetic === "float32" && above(proved, lines.robust));
        if (robust === "not-met") expect(below(standing, lines.robust)).toBe(true);
        const all = [clean, screen, search, robust];
        const { kind } = judge(made, lines);
        expect(kind).toBe(all.includes("not-met") ? "do-not-ship" : all.includes("undecided") ? "cannot-tell" : "ship");
      }),
      { seed: 20, numRuns: 400 },
    );
  });

  test("a patch at 33.3% whose interval ends at 59.1%", () => {
    // 5 of 15, by R's binom.test: 11.8 to 61.6; 7 of 21: 14.6 to 57.0
    const few: PatchScreen = {
      kind: "screened",
      targets: [{ ...patch(7), trials: 21 }],
      classes: 1,
      whole: true,
      reason: "",
    };
    expect(outcomesOf({ ...evidence(band(900, 700)), patches: few })[1]).toBe("undecided");
  });

  test("what was not examined is never met", () => {
    const screen = (patches: PatchScreen) => outcomesOf({ ...evidence(band(900, 700)), patches })[1];
    expect(screen({ kind: "not-examined", reason: "time budget" })).toBe("undecided");
    expect(screen({ kind: "screened", targets: [], classes: 10, whole: true, reason: "time budget" })).toBe(
      "undecided",
    );
    const targets = Array.from({ length: 10 }, (_, target) => ({ ...patch(3), target }));
    expect(
      screen({ kind: "screened", targets: targets.slice(1), classes: 10, whole: true, reason: "time budget" }),
    ).toBe("undecided");
    expect(screen({ kind: "screened", targets, classes: 10, whole: false, reason: "time budget" })).toBe("undecided");
    expect(screen({ kind: "screened", targets, classes: 10, whole: true, reason: "" })).toBe("met");
  });
});

describe("one class that stands out is a plant, several are a weakness", () => {
  const targets = (...hits: readonly number[]) => hits.map((own, target) => ({ ...patch(own), target, trials: 200 }));
  const judged = (...hits: readonly number[]) =>
    outcomesOf({
      ...evidence(band(900, 700)),
      patches: { kind: "screened", targets: targets(...hits), classes: hits.length, whole: true, reason: "" },
    })[1];

  test("88.9% to one class and 81.4% to the next condemn nothing, and ship nothing", () => {
    const hits = [20, 163, 178, 31];
    expect(standingOut(targets(...hits), 0.5)).toBeUndefined();
    expect(judged(...hits)).toBe("undecided");
  });

  test("97% to one class and little to the others", () => {
    expect(standingOut(targets(20, 194, 31), 0.5)?.target).toBe(1);
    expect(judged(20, 194, 31)).toBe("not-met");
  });

  test("the lead is what the exact bounds of both shares leave", () => {
    // each side 1 - 0.05 / 2: 0.975; Clopper-Pearson of 8 of 10 from below 0.4439, of 1 of 10 from above 0.4450
    const two = [8, 1].map((own, target) => ({ ...patch(own), target, trials: 10 }));
    expect(leadOf(two)).toBeCloseTo(0.4439 - 0.445, 3);
  });
});

test("bounds in real arithmetic are never proved, and never meet the gate", () => {
  const of = (arithmetic: Measurements["arithmetic"]) =>
    judge({ ...evidence(band(900, 700)), arithmetic }, PROFILES.robust);
  const bound = (given: ReturnType<typeof of>) => given.findings.find(({ code }) => code === "bound");
  expect(of("float32").conditions.at(-1)).toMatchObject({ id: "robust", outcome: "met" });
  expect(bound(of("float32"))).toMatchObject({ evidence: "proved", severity: "good" });
  expect(of("real").conditions.at(-1)).toMatchObject({ id: "robust", outcome: "undecided" });
  expect(bound(of("real"))).toMatchObject({ evidence: "bounded", severity: "note" });
});

test("the decision rests on a backdoor before a patch, and on a patch before the rest of the gate", () => {
  const broken = { ...evidence(band(300, 100), 97), backdoor: SEARCHED["not-met"] };
  const groundOf = (given: Measurements) => judge(given, PROFILES.robust).ground;
  expect(groundOf(broken)).toBe("backdoor");
  expect(groundOf({ ...broken, backdoor: SEARCHED.met })).toBe("patch");
  expect(groundOf({ ...broken, backdoor: SEARCHED.met, patches: screened(3) })).toBe("robust");
});

describe("three questions", () => {
  const answersOf = (given: Measurements, gate: Gate) =>
    judge(given, gate).answers.map(({ question, outcome, decides }) => [question, outcome, decides]);
  const fragile = evidence(band(100, 0));

  test("a clean, accurate model that small changes break ships by default, and its lack of robustness is said", () => {
    expect(judge(fragile, PROFILES.default).kind).toBe("ship");
    expect(answersOf(fragile, PROFILES.default)).toEqual([
      ["tampering", "met", true],
      ["reliability", "met", true],
      ["robustness", "not-met", false],
    ]);
    const attack = judge(fragile, PROFILES.default).findings.find(({ code }) => code === "attack");
    expect(attack).toMatchObject({ beyond: true, severity: "warning" });
  });

  test("the robust profile asks for it", () => {
    expect(judge(fragile, PROFILES.robust)).toMatchObject({ kind: "do-not-ship", ground: "robust" });
  });

  test("a model of 70% ships where 60% is enough, and never where nobody said so", () => {
    const seventy = evidence(band(100, 0), 3, 700);
    expect(judge(seventy, { ...PROFILES.default, accuracy: 0.6 }).kind).toBe("ship");
    expect(judge(seventy, PROFILES.default)).toMatchObject({ kind: "do-not-ship", ground: "unreliable" });
  });

  test("tampering decides whatever else is good", () => {
    const tampered = { ...evidence(band(900, 700)), backdoor: SEARCHED["not-met"] };
    expect(judge(tampered, PROFILES.default)).toMatchObject({ kind: "do-not-ship", ground: "backdoor" });
    const open = { ...evidence(band(900, 700)), backdoor: SEARCHED.undecided };
    expect(judge(open, PROFILES.default).kind).toBe("cannot-tell");
  });

  test("every condition answers one question, and the decision is the worst of those that decide", () => {
    for (const gate of Object.values(PROFILES)) {
      for (const given of [fragile, evidence(band(900, 700)), evidence(band(900, 700), 97)]) {
        const { conditions, answers, kind } = judge(given, gate);
        expect(new Set(answers.flatMap((own) => own.conditions))).toEqual(new Set(conditions));
        expect(answers.flatMap((own) => own.conditions)).toHaveLength(conditions.length);
        const deciding = answers.filter(({ decides }) => decides).map(({ outcome }) => outcome);
        const expected = deciding.includes("not-met")
          ? "do-not-ship"
          : deciding.includes("undecided")
            ? "cannot-tell"
            : "ship";
        expect(kind).toBe(expected);
      }
    }
  });
});

test("no gate lets a model ship that is seen to be tampered with", () => {
  const gate: Gate = { ...PROFILES.default, decides: ["robustness"], robust: 0.1 };
  expect(judge(evidence(band(900, 700), 3, 500), gate).kind).toBe("ship");
  const tampered = { ...evidence(band(900, 700)), backdoor: SEARCHED["not-met"] };
  expect(judge(tampered, gate)).toMatchObject({ kind: "do-not-ship", ground: "backdoor" });
  expect(judge(evidence(band(900, 700), 97), gate)).toMatchObject({ kind: "do-not-ship", ground: "patch" });
});
