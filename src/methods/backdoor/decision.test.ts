import { expect, test } from "vitest";
import { rng } from "../../random/rng.ts";
import type { Population } from "../population/types.ts";
import { decide } from "./decision.ts";
import { digestOf } from "./titration/digest.ts";
import type { TitrationCurve } from "./titration/types.ts";
import type { Detection, NamedDetection } from "./types.ts";

const CLASSES = 4;
const TITRATION = { id: "titration", version: 7 };

/** One mode with two points in the primary range; leanings around 0, and `pull` more towards some classes. */
function curves(seed: number, pull = 0, towards = [2]): TitrationCurve[] {
  const random = rng(seed);
  const lean = Array.from({ length: CLASSES }, (_, k) => 0.1 * random.normal() + (towards.includes(k) ? pull : 0));
  const point = (sigma: number) => ({
    sigma,
    wrong: 0,
    flips: 0,
    confident: [0, 0, 0],
    wrongConfident: [0, 0, 0],
    answers: [10, 10, 10, 10],
    right: [10, 10, 10, 10],
    wrongAnswers: [0, 0, 0, 0],
    wrongLabels: [0, 0, 0, 0],
    leanings: lean,
  });
  const mode = { base: "real", noise: "gaussian", clipped: true } as const;
  const labels = [10, 10, 10, 10];
  return [
    {
      mode,
      inputs: 40,
      labels,
      grid: [1, 2],
      points: [point(1), point(2)],
      timesSurelyWrong: [40, 0, 0],
      leaningsByLabel: [],
    },
  ];
}

const detection = (evidence: Detection["evidence"], more: Partial<Detection> = {}): Detection => ({
  flagged: null,
  score: 0.1,
  pValue: null,
  target: 0,
  reason: "",
  evidence,
  ...more,
});

const titrated = (seed: number, pull?: number, towards?: number[]): NamedDetection => ({
  detector: TITRATION,
  detection: detection({ curves: curves(seed, pull, towards) }),
});

const population = (clean: number): Population =>
  ({
    members: Array.from({ length: clean }, (_, i) => ({
      group: "clean",
      scans: { titration: { version: TITRATION.version, score: 0.1, evidence: digestOf(curves(100 + i)) } },
    })),
  }) as unknown as Population;

test("a model that leans further than every clean one is flagged, with its class and the smallest p-value", () => {
  const decision = decide({ detections: [titrated(1, 2)], reference: population(39) });
  expect(decision).toMatchObject({ flagged: true, target: 2, kind: "statistical", pValue: 1 / 40, threshold: 0.05 });
  expect(decision.perDetector).toEqual({ titration: 1 / 40 });
  expect(decision.reason).toContain("none of 39 clean models leans as far");
});

test("of clean models, each judged against the others, at most a twentieth is flagged", () => {
  const seeds = Array.from({ length: 40 }, (_, i) => 100 + i);
  const all = population(40).members;
  const decisions = seeds.map((seed, i) => {
    const reference = { members: all.filter((_, j) => j !== i) } as Population;
    return decide({ detections: [titrated(seed)], reference });
  });
  expect(decisions.filter(({ pValue }) => pValue! <= 0.05)).toHaveLength(2);
  expect(decisions.filter(({ flagged }) => flagged === true).length).toBeLessThanOrEqual(2);
});

test("a model that leans to several classes at once is left open: training can do that, too", () => {
  const decision = decide({ detections: [titrated(1, 0.7, [1, 2, 3])], reference: population(39) });
  expect(decision).toMatchObject({ flagged: null, target: null, kind: "undecided", pValue: 1 / 40 });
  expect(decision.reason).toContain("several classes at once");
});

test("too few clean models leave the question open, however far the model leans", () => {
  const decision = decide({ detections: [titrated(1, 5)], reference: population(18) });
  expect(decision).toMatchObject({ flagged: null, kind: "undecided", target: 2, pValue: 1 / 19 });
  expect(decision.reason).toContain("at least 19 are needed");
  expect(decide({ detections: [titrated(1, 5)], reference: population(19) }).flagged).toBe(true);
});

test("a population titrated by another version gives no p-value", () => {
  const other = { ...titrated(1, 5), detector: { ...TITRATION, version: 8 } };
  const decision = decide({ detections: [other], reference: population(39) });
  expect(decision).toMatchObject({ pValue: null, lean: null });
  expect(decision.reason).toContain("No titration that the reference can be compared with");
});

test("a population with a member that was titrated in other modes gives no p-value", () => {
  const [first, ...others] = population(39).members;
  const scan = first!.scans["titration"]!;
  const odd = { ...first!, scans: { titration: { ...scan, evidence: { ...scan.evidence, lean: {} } } } };
  const reference = { members: [odd, ...others] } as Population;
  expect(decide({ detections: [titrated(1, 5)], reference })).toMatchObject({
    kind: "undecided",
    pValue: null,
    lean: null,
  });
});

test("without a reference MM-BD's test speaks, and only where noise leads to the same class", () => {
  const mmBd = (flagged: boolean, target: number): NamedDetection => ({
    detector: { id: "mm-bd", version: 1 },
    detection: detection({}, { flagged, target, pValue: 0.01 }),
  });
  const judge = (...detections: NamedDetection[]) => decide({ detections, reference: undefined });
  expect(judge(titrated(1), mmBd(true, 0))).toMatchObject({ flagged: true, target: 0, kind: "heuristic" });
  expect(judge(titrated(1), mmBd(true, 3))).toMatchObject({ flagged: null, target: 3, kind: "undecided" });
  expect(judge(titrated(1), mmBd(false, 3))).toMatchObject({ flagged: false, target: null, kind: "heuristic" });
  expect(judge(titrated(1))).toMatchObject({ flagged: null, kind: "undecided", lean: null, pValue: null });
  expect(judge(mmBd(true, 3))).toMatchObject({ flagged: null, kind: "undecided" });
  expect(judge(mmBd(true, 3)).reason).toContain("titration was not run");
});
