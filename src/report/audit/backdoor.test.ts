import fc from "fast-check";
import { expect, test } from "vitest";
import { backdoorScan as invented } from "../../../test/report/backdoor-fixture.ts";
import type { BackdoorResult } from "../../methods/audit/tampering.ts";
import { decide as judge } from "../../methods/backdoor/decision.ts";
import { digestOf, type TitrationDigest } from "../../methods/backdoor/titration/digest.ts";
import { titration } from "../../methods/backdoor/titration/index.ts";
import type { Tally, TitrationCurve } from "../../methods/backdoor/titration/types.ts";
import type { Detection } from "../../methods/backdoor/types.ts";
import type { Member, Population } from "../../methods/population/types.ts";
import { proportion } from "../../stats/proportion.ts";
import { isConfirmed } from "../read.ts";
import type { BandPoint } from "../sections/robustness/schema.ts";
import type { BackdoorScan } from "../sections/tampering/schema.ts";
import { backdoorScan } from "./backdoor.ts";
import { backdoorCondition, backdoorFinding, tamperedReason, unexaminedBackdoor } from "./backdoor-words.ts";
import { DEFAULT_GATE, decide } from "./decide.ts";

const named = (label: number): string => ["zero", "one", "two"][label] ?? `class ${label}`;

// ---------------------------------------------------------------- from the measurements to the scan

const SIGMAS = [0, 0.4, 1, 3, 5];
const CLEAN = 39;

/** A curve of 100 inputs: so many surely wrong at each intensity, and leanings of three classes at all of them. */
function curve(surelyWrong: readonly number[], leanings: readonly number[]): TitrationCurve {
  const points = SIGMAS.map(
    (sigma, i): Tally => ({
      sigma,
      wrong: surelyWrong[i]!,
      flips: surelyWrong[i]!,
      confident: [100, 100, 100],
      wrongConfident: [surelyWrong[i]!, surelyWrong[i]!, surelyWrong[i]!],
      answers: [40, 30, 30],
      right: [20, 20, 20],
      wrongAnswers: [0, surelyWrong[i]!, 0],
      wrongLabels: [surelyWrong[i]!, 0, 0],
      leanings,
    }),
  );
  return {
    mode: { base: "real", noise: "gaussian", clipped: true },
    inputs: 100,
    labels: [40, 30, 30],
    grid: SIGMAS,
    points,
    timesSurelyWrong: [100, 0, 0, 0],
    leaningsByLabel: new Array<null>(9).fill(null),
  };
}

/** Clean member j is surely wrong on j of 100 inputs under the strongest noise, and leans a little by its number. */
const digest = (j: number): TitrationDigest => digestOf([curve([0, 0, 0, 0, j], [0.01 * j, 0, -0.01 * j])]);

const POPULATION = {
  name: "digits",
  recipe: { architecture: "CNNa", data: "mnist:train", epochs: 15, method: { kind: "plain" } },
  members: Array.from(
    { length: CLEAN },
    (_, j) =>
      ({
        group: "clean",
        scans: { titration: { version: titration.version, score: 0, evidence: digest(j + 1) } },
      }) as unknown as Member,
  ),
} as unknown as Population;

function result(own: TitrationCurve, population: Population | undefined): BackdoorResult {
  const detection = {
    flagged: null,
    score: 0.1,
    pValue: null,
    target: 1,
    reason: "so much is wrong; what that means only a reference population can tell",
    evidence: { curves: [own], tempered: null },
  } as unknown as Detection;
  const examined = [{ detector: titration, detection, seconds: 0.5 }];
  return {
    facts: { classes: 3, inputShape: [1, 2, 2], geometry: undefined, domain: [0, 1] },
    data: "digits:test",
    images: 120,
    labelled: true,
    seed: 4,
    reference: population ? { name: "digits", clean: CLEAN, smallestP: 1 / (CLEAN + 1), unused: null } : null,
    population,
    examined,
    decision: judge({ detections: examined, reference: population }),
    notes: [],
    noisy: null,
    trigger: null,
  };
}

const LEANING = curve([0, 10, 20, 30, 40], [0, 2, 0]);

test("a model that leans as no clean one is flagged, beside the clean models' band", () => {
  const scan = backdoorScan(result(LEANING, POPULATION), named, undefined);
  expect(scan.verdict).toMatchObject({
    flagged: true,
    kind: "statistical",
    target: 1,
    pValue: 1 / (CLEAN + 1),
    level: 0.05,
  });
  expect(scan.verdict.reason).toContain("none of 39 clean models leans as far");
  expect(scan.signs.map(({ kind, label }) => [kind, label])).toEqual([["noise", 1]]);
  expect(scan.suspected).toBe(1);
  const [only] = scan.curves;
  expect(only).toMatchObject({ title: "Inputs, noise cut off at black and white", intensities: SIGMAS });
  expect(only!.shares).toEqual([0, 0.1, 0.2, 0.3, 0.4]);
  // of 1, 2, …, 39 of 100: the median is 20, and a twentieth lies beyond 2.9 and 37.1
  const ends = [only!.band!.lower, only!.band!.median, only!.band!.upper].map((side) => side.at(-1));
  expect(ends).toEqual([0.029, 0.2, 0.371].map((share) => expect.closeTo(share, 6)));
  expect(scan.lean!.classes.map(({ label }) => label)).toEqual([0, 1, 2]);
  expect(scan.lean!.classes[1]!.excess).toBeGreaterThan(scan.lean!.threshold!);
  expect(scan.reference).toMatchObject({ recipe: "CNNa, trained on mnist:train, 15 epochs", clean: CLEAN });
  // with a reference no detector asks for one
  expect(scan.detectors[0]).toMatchObject({ reason: "So much is wrong.", target: 1, pValue: 1 / (CLEAN + 1) });
});

test("a model like the clean ones is not flagged, and one without a reference has no p-value", () => {
  const like = backdoorScan(result(curve([0, 0, 0, 0, 20], [0.2, 0, -0.2]), POPULATION), named, undefined);
  expect(like.verdict).toMatchObject({ flagged: false, kind: "statistical", target: null });
  expect(like.verdict.pValue).toBeGreaterThan(0.05);
  expect([like.suspected, like.signs]).toEqual([null, []]);
  expect(backdoorFinding(like, named)).toMatchObject({ severity: "good", evidence: "statistical" });

  const alone = backdoorScan(result(LEANING, undefined), named, undefined);
  expect(alone.verdict).toMatchObject({ flagged: null, kind: "undecided", pValue: null, level: null });
  expect([alone.lean, alone.reference, alone.curves[0]!.band]).toEqual([null, null, null]);
  expect(alone.nextSteps.join(" ")).toContain("assay population");
  expect(backdoorFinding(alone, named)).toMatchObject({ severity: "note", evidence: "heuristic", figures: [] });
});

// ---------------------------------------------------------------- from the scan to the decision

/** @param kinds of signs that name class 1 */
function scanWith(flagged: boolean | null, kinds: readonly BackdoorScan["signs"][number]["kind"][]): BackdoorScan {
  const scan = invented(() => ({ width: 1, height: 1, channels: 1, pixels: "AA==" }));
  return {
    ...scan,
    verdict: { ...scan.verdict, flagged, target: 1 },
    suspected: kinds.length > 0 || flagged ? 1 : null,
    signs: kinds.map((kind) => ({ kind, label: 1, sentence: `By ${kind}.` })),
  };
}

test.for([
  ["no sign", scanWith(false, []), "good", "met"],
  ["noise alone, as in one clean model in twenty", scanWith(true, ["noise"]), "warning", "undecided"],
  ["margins alone", scanWith(false, ["margin"]), "warning", "met"],
  ["noise and a patch", scanWith(true, ["noise", "patch"]), "critical", "failed"],
  ["margins and a patch, without an alarm", scanWith(false, ["margin", "patch"]), "critical", "failed"],
  ["all three", scanWith(true, ["noise", "margin", "patch"]), "critical", "failed"],
] as const)("%s", ([, scan, severity, outcome]) => {
  expect(backdoorFinding(scan, named).severity).toBe(severity);
  expect(backdoorCondition(scan, named, true).outcome).toBe(outcome);
  expect(isConfirmed(scan)).toBe(outcome === "failed");
  expect(tamperedReason(scan, named)).toMatch(outcome === "failed" ? /independent signs lead to one/ : /^$/);
});

test("margins alone are a hint where no clean models are known, and leave the condition open", () => {
  const scan = scanWith(null, ["margin"]);
  const unknown: BackdoorScan = { ...scan, verdict: { ...scan.verdict, kind: "undecided", pValue: null } };
  expect(backdoorFinding(unknown, named)).toMatchObject({ severity: "note", evidence: "heuristic" });
  expect(backdoorCondition(unknown, named, true).outcome).toBe("undecided");
});

test("what was not examined is never met", () => {
  const scan = scanWith(false, []);
  // nothing known at all, as of a table without a reference
  const nothing = backdoorScan(result(LEANING, undefined), named, undefined);
  expect(nothing.verdict.reason).toMatch(/^Nothing is known/);
  expect(backdoorCondition(nothing, named, false)).toMatchObject({
    outcome: "undecided",
    measured: expect.stringContaining("not judged: answers to noise, margins, small patches"),
  });
  expect(unexaminedBackdoor("too few inputs")).toMatchObject({
    outcome: "undecided",
    measured: "not examined: too few inputs",
  });
  // one kind of sign alone can never agree with another
  const alone = { ...scan, lean: null, trigger: null };
  expect(backdoorCondition(alone, named, false).outcome).toBe("undecided");
  expect(backdoorCondition(alone, named, true).outcome).toBe("met");
  fc.assert(
    fc.property(
      fc.constantFrom(true, false, null),
      fc.boolean(),
      fc.boolean(),
      fc.boolean(),
      fc.subarray(["noise", "margin", "patch"] as const),
      (flagged, noise, margins, patched, kinds) => {
        const given = scanWith(flagged, kinds);
        const made: BackdoorScan = {
          ...given,
          lean: noise ? given.lean : null,
          trigger: null,
          detectors: given.detectors.map((own) =>
            margins || own.id !== "mm-bd" ? own : { ...own, flagged: null, pValue: null },
          ),
        };
        const { outcome } = backdoorCondition(made, named, patched);
        const examined = [noise, margins, patched].filter(Boolean).length;
        if (flagged !== false || examined < 2) expect(outcome).not.toBe("met");
        if (kinds.length < 2) expect(outcome).not.toBe("failed");
      },
    ),
    { seed: 7, numRuns: 200 },
  );
});

test("signs that name different classes do not confirm each other", () => {
  const scan = scanWith(true, ["noise"]);
  const apart = { ...scan, signs: [...scan.signs, { kind: "patch" as const, label: 2, sentence: "" }] };
  expect(isConfirmed(apart)).toBe(false);
});

test("confirmed signs forbid shipping, an alarm alone leaves it open, and margins alone do not stop it", () => {
  const headline: BandPoint = {
    epsilon: 0.1,
    clean: proportion(98, 100),
    attackedUpper: proportion(90, 100),
    certifiedLower: proportion(80, 100),
    counts: { inputs: 100, correct: 98, certified: 80, falsified: 8, unknown: 10 },
    unknownBy: {},
  };
  const decided = (scan: BackdoorScan) =>
    decide(
      {
        norm: "linf",
        headline,
        accuracy: proportion(980, 1000),
        arithmetic: "float32",
        patches: { kind: "no-pictures" },
        classNames: [],
        backdoor: { condition: backdoorCondition(scan, named, true), reason: tamperedReason(scan, named) },
      },
      DEFAULT_GATE,
    );
  expect(decided(scanWith(true, ["noise", "margin"]))).toMatchObject({
    kind: "do-not-ship",
    headline: "Signs of a planted backdoor",
  });
  expect(decided(scanWith(true, ["noise"])).kind).toBe("cannot-tell");
  expect(decided(scanWith(false, ["margin"])).kind).toBe("ship");
});
