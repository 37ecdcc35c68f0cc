import { describe, expect, test } from "vitest";
import type { PatchRecord } from "../../methods/audit/patch-screen.ts";
import { proportion } from "../../stats/proportion.ts";
import type { BandPoint, Suspicion } from "../model.ts";
import { DEFAULT_GATE, decide, type Evidence, obeys } from "./decide.ts";

const INPUTS = 1000;

const band = (standing: number, certified: number | null): BandPoint => ({
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

const suspicion = (hits: number): Suspicion => ({
  id: "patch-screen",
  title: "",
  sentence: "",
  method: "",
  evidence: "statistical",
  severity: "note",
  targetClass: 7,
  success: proportion(hits, 100),
  perTarget: Array.from({ length: 10 }, (_, label) => ({ label, success: proportion(label === 7 ? hits : 1, 100) })),
  pictures: [],
});

const evidence = (headline: BandPoint, hits = 3, correct: number | null = 980): Evidence => ({
  norm: "linf",
  headline,
  accuracy: correct === null ? null : proportion(correct, INPUTS),
  suspicion: suspicion(hits),
  strongest: patch(hits),
  classNames: [],
  backdoor: undefined,
});

const kindOf = (given: Evidence): string => decide(given, DEFAULT_GATE).kind;

describe("the decision", () => {
  test.for([
    ["proved above the gate", evidence(band(900, 700)), "ship"],
    ["broken below the gate", evidence(band(300, 100)), "do-not-ship"],
    ["the gate lies between proof and attack", evidence(band(900, 100)), "cannot-tell"],
    ["proved, but within the interval of the gate", evidence(band(900, 505)), "cannot-tell"],
    ["broken, but within the interval of the gate", evidence(band(495, 100)), "cannot-tell"],
    ["nothing could be proved", evidence(band(900, null)), "cannot-tell"],
    ["a patch obeyed by most", evidence(band(900, 700), 97), "do-not-ship"],
    ["a patch obeyed by a few more than half, which may be chance", evidence(band(900, 700), 55), "ship"],
    ["clean accuracy below the gate", evidence(band(900, 700), 3, 850), "do-not-ship"],
    ["clean accuracy within the interval of the gate", evidence(band(900, 700), 3, 905), "cannot-tell"],
    ["no labels", evidence(band(900, 700), 3, null), "cannot-tell"],
  ] as const)("%s", ([, given, expected]) => {
    expect(kindOf(given)).toBe(expected);
  });

  test("names its thresholds and what was measured", () => {
    const { gate } = decide(evidence(band(900, 700)), { ...DEFAULT_GATE, robust: 0.6 });
    expect(gate.conditions.map(({ sentence }) => sentence)).toContain("At least 60% stay correct within linf 0.1");
    for (const { measured } of gate.conditions) expect(measured).toMatch(/%/);
  });
});

test("a patch obeys only beyond the chance of all classes that were tried", () => {
  // one-sided binomial: P(X ≥ 60 | n = 100, p = ½) = 0.0284, which is below 0.05 but not below 0.05 / 10
  expect(obeys(patch(60), 0.5, 1)).toBe(true);
  expect(obeys(patch(60), 0.5, 10)).toBe(false);
  expect(obeys(patch(70), 0.5, 10)).toBe(true);
});
