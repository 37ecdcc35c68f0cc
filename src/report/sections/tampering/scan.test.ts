import { expect, test } from "vitest";
import { outcomeWith } from "../../../../test/support/backdoor-outcome.ts";
import type { BackdoorResult } from "../../../methods/audit/tampering.ts";
import { decide } from "../../../methods/backdoor/decision.ts";
import { digestOf, type TitrationDigest } from "../../../methods/backdoor/titration/digest.ts";
import { titration } from "../../../methods/backdoor/titration/index.ts";
import type { Tally, TitrationCurve } from "../../../methods/backdoor/titration/types.ts";
import type { Detection } from "../../../methods/backdoor/types.ts";
import type { Member, Population } from "../../../methods/population/types.ts";
import { backdoorCondition, backdoorFinding, backdoorOutcome } from "../../../studies/audit/backdoor-outcome.ts";
import { findingWords } from "../page.ts";
import { backdoorScan } from "./scan.ts";
import { CONDITIONS, tamperedReason } from "./words.ts";

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
    seen: "so much is wrong",
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
    decision: decide({ detections: examined, reference: population }),
    notes: [],
    noisy: null,
    trigger: null,
  };
}

/** The outcome, and what the report says of it. */
function scanOf(own: BackdoorResult) {
  const outcome = backdoorOutcome(own, undefined, false);
  return { outcome, scan: backdoorScan(own, outcome, named) };
}

const LEANING = curve([0, 10, 20, 30, 40], [0, 2, 0]);

test("a model that leans as no clean one is flagged, beside the clean models' band", () => {
  const { scan } = scanOf(result(LEANING, POPULATION));
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
  const { scan: like, outcome } = scanOf(result(curve([0, 0, 0, 0, 20], [0.2, 0, -0.2]), POPULATION));
  expect(like.verdict).toMatchObject({ flagged: false, kind: "statistical", target: null });
  expect(like.verdict.pValue).toBeGreaterThan(0.05);
  expect([like.suspected, like.signs]).toEqual([null, []]);
  expect(backdoorFinding(outcome)).toMatchObject({ severity: "good", evidence: "statistical" });

  const { scan: alone, outcome: uncalibrated } = scanOf(result(LEANING, undefined));
  expect(alone.verdict).toMatchObject({ flagged: null, kind: "undecided", pValue: null, level: null });
  expect([alone.lean, alone.reference, alone.curves[0]!.band]).toEqual([null, null, null]);
  expect(alone.nextSteps.join(" ")).toContain("assay population");
  const finding = backdoorFinding(uncalibrated);
  expect(finding).toMatchObject({ severity: "note", evidence: "heuristic" });
  expect(findingWords(finding, named).figures).toEqual([]);
});

test("a search that knows nothing says what was not judged, and leaves the condition open", () => {
  const { outcome, scan } = scanOf(result(LEANING, undefined));
  expect(scan.verdict.reason).toMatch(/^Nothing is known/);
  const condition = backdoorCondition(outcome);
  expect(condition).toMatchObject({ id: "backdoor", outcome: "undecided", searched: outcome });
  const words = (searched: typeof outcome | null, reason: string) =>
    CONDITIONS.backdoor({ id: "backdoor", outcome: "undecided", searched, reason }, named).measured;
  expect(words(outcome, "")).toContain("not judged: answers to noise, margins, small patches");
  expect(words(null, "too few inputs")).toBe("not examined: too few inputs");
});

test("confirmed signs are named in the reason and in the finding", () => {
  const outcome = outcomeWith(true, ["noise", "margin", "patch"]);
  expect(tamperedReason(outcome, named)).toBe(
    "Three independent signs lead to one: its answers to noise, its margins and one small patch. Whoever knows a planted trigger decides what the model answers.",
  );
  const { title, sentence } = findingWords(backdoorFinding(outcome), named);
  expect(title).toBe("Three signs of a backdoor lead to one");
  expect(sentence).toMatch(
    /^Under noise it leans to one: none of 40 clean models leans.*A small patch leads there, too\.$/,
  );
});
