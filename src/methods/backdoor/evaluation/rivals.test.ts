import { expect, test } from "vitest";
import { proportion } from "../../../stats/proportion.ts";
import { failuresOf, judgePatch, type Rival, rivalsOf } from "./rivals.ts";
import type { Row } from "./types.ts";

const row = (detector: string, family: string | null, rest: Partial<Row>): Row => ({
  detector,
  family,
  group: null,
  architecture: null,
  dataset: null,
  stratum: "accepted",
  clean: 10,
  backdoored: 10,
  area: null,
  falseAlarms: { own: null, calibrated: proportion(1, 20) },
  detected: { own: null, calibrated: proportion(5, 10) },
  targetHits: null,
  chance: 0.1,
  seconds: null,
  crossEntropy: null,
  brier: null,
  ...rest,
});

test("a rival is judged by its inputs, else by its own rule, else by its calibrated p-value", () => {
  const rows = ["titration", "strip", "mm-bd", "clp"].flatMap((detector) =>
    [null, "patch", "sig"].map((family) =>
      row(
        detector,
        family,
        detector === "mm-bd"
          ? {
              detected: { own: proportion(9, 10), calibrated: null },
              falseAlarms: { own: proportion(3, 10), calibrated: null },
            }
          : {},
      ),
    ),
  );
  const inputs = [
    { detector: "strip", family: "patch", rejected: [], precision: null, recall: null, caught: proportion(4, 5) },
  ];
  const rivals = rivalsOf(rows, inputs, "titration");
  expect(
    rivals.map(({ detector, rule, falseAlarms, families }) => [
      detector,
      rule,
      falseAlarms?.successes ?? null,
      families.map(({ family, rate }) => [family, rate.successes]),
    ]),
  ).toEqual([
    ["strip", "inputs", null, [["patch", 4]]],
    [
      "mm-bd",
      "own rule",
      3,
      [
        ["patch", 9],
        ["sig", 9],
      ],
    ],
    [
      "clp",
      "calibrated",
      1,
      [
        ["patch", 5],
        ["sig", 5],
      ],
    ],
  ]);
});

const rival = (patch: readonly [number, number], clean: readonly [number, number] | null, others = {}): Rival => ({
  detector: "d",
  rule: "own rule",
  falseAlarms: clean && proportion(...clean),
  families: Object.entries({ patch, ...others }).map(([family, [found, of]]) => ({
    family,
    rate: proportion(found!, of!),
    area: null,
  })),
});

test.for([
  // 16 of 20: 56 to 94 %
  [rival([16, 20], [1, 20]), "confirmed"],
  [rival([16, 20], [14, 20]), "not decided"],
  // 1 of C(7, 2) = 21 ways; 3 of 21 ways
  [rival([2, 2], [0, 5]), "confirmed"],
  [rival([2, 3], [0, 4]), "not decided"],
  [rival([16, 20], [18, 20]), "not confirmed"],
  // 2 of 20: 1 to 32 %
  [rival([2, 20], [0, 20]), "not confirmed"],
  [rival([1, 3], [0, 20]), "not decided"],
  [rival([5, 5], null), "confirmed"],
  [{ ...rival([5, 5], null), families: [] }, "not decided"],
] as const)("what a rate on the patch shows: %#", ([one, verdict]) => {
  expect(judgePatch(one)).toBe(verdict);
});

test("failures are the triggers found less than half of the time, the fewest first, sure where the interval says so", () => {
  const failures = failuresOf(rival([1, 10], [0, 10], { sig: [1, 3], wanet: [0, 12], blended: [5, 10], tact: [0, 3] }));
  // 0 of 12: up to 26 %; 0 of 3: up to 71 %, and 1 of 10 is not surely more
  expect(failures.map(({ family, sure }) => [family, sure])).toEqual([
    ["wanet", true],
    ["tact", false],
    ["sig", false],
  ]);
});

test("a failure is also sure where fewer are found than of the patched models", () => {
  // 1 of C(8, 4) = 70 ways
  const failures = failuresOf(rival([4, 4], [0, 10], { tact: [0, 4], wanet: [0, 1] }));
  expect(failures.map(({ family, sure }) => [family, sure])).toEqual([
    ["tact", true],
    ["wanet", false],
  ]);
});

test("a rule may miss what the score behind it shows", () => {
  const one = rival([6, 16], [0, 12]);
  const interval = { estimate: 0.98, lower: 0.93, upper: 1, confidence: 0.95 };
  const area = { estimate: 0.98, positives: 16, negatives: 12, separated: null, pValue: null };
  const families = (lower: number) => [
    { ...one.families[0]!, area: { ...area, delong: { ...interval, lower }, bootstrap: interval } },
  ];
  expect(judgePatch({ ...one, families: families(0.93) })).toBe("confirmed by its score alone");
  expect(judgePatch({ ...one, families: families(0.4) })).toBe("not decided");
});
