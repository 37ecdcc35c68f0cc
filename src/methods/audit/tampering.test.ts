import { expect, test } from "vitest";
import type { Decision } from "../backdoor/decision.ts";
import type { Detection } from "../backdoor/types.ts";
import type { TriggerExhibit } from "./exhibits.ts";
import { allSigns, type BackdoorResult, isSmallTrigger, signsOf, suspectedClass } from "./tampering.ts";

const GEOMETRY = { channels: 1, height: 28, width: 28, layout: "NCHW" } as const;

const decision = (own: Partial<Decision>): Decision => ({
  flagged: false,
  target: null,
  kind: "statistical",
  pValue: 0.4,
  threshold: 0.05,
  reason: "",
  perDetector: {},
  lean: null,
  ...own,
});

/** @param largest the class with the largest margin */
const margins = (flagged: boolean, largest: number) => ({
  examined: [
    {
      detector: { id: "mm-bd" },
      detection: { flagged, target: flagged ? largest : null, evidence: { largest } } as unknown as Detection,
      seconds: 0,
    },
  ] as unknown as BackdoorResult["examined"],
});

const look = (l1: number, hits: number): TriggerExhibit => ({ label: 5, l1, hits, trials: 100 }) as TriggerExhibit;

test("noise is a sign only against a reference, and only where it alarms", () => {
  const quiet = margins(false, 2);
  const alarm = { flagged: true, target: 7 } as const;
  expect(signsOf({ ...quiet, decision: decision(alarm) })).toEqual([{ kind: "noise", label: 7 }]);
  expect(signsOf({ ...quiet, decision: decision({}) })).toEqual([]);
  expect(signsOf({ ...quiet, decision: decision({ ...alarm, kind: "heuristic" }) })).toEqual([]);
  // too few clean models for an answer
  expect(signsOf({ ...quiet, decision: decision({ flagged: null, target: 7, kind: "undecided" }) })).toEqual([]);
});

test("where clean models are known, they judge the margins, and not MM-BD's own test", () => {
  const against = (p: number | null) => decision({ perDetector: { "mm-bd": p } });
  const sign = [{ kind: "margin", label: 2 }];
  expect(signsOf({ ...margins(true, 2), decision: against(null) })).toEqual(sign);
  expect(signsOf({ ...margins(true, 2), decision: against(0.3) })).toEqual([]);
  expect(signsOf({ ...margins(false, 2), decision: against(0.05) })).toEqual(sign);
  expect(signsOf({ ...margins(false, 2), decision: against(null) })).toEqual([]);
});

test("the class to look at is the verdict's, else the one that most signs name", () => {
  const [noise, margin, patch] = (["noise", "margin", "patch"] as const).map((kind) => (label: number) => ({
    kind,
    label,
  }));
  expect(suspectedClass(decision({ flagged: true, target: 1 }), [margin!(2), patch!(2)])).toBe(1);
  expect(suspectedClass(decision({}), [noise!(4), margin!(2), patch!(2)])).toBe(2);
  expect(suspectedClass(decision({}), [margin!(3), patch!(2)])).toBe(3);
  expect(suspectedClass(decision({}), [])).toBeNull();
});

test("a trigger counts when it is small and obeyed beyond chance, and the screen's patch counts once", () => {
  expect(isSmallTrigger(look(16, 90), GEOMETRY)).toBe(true);
  expect(isSmallTrigger(look(16.1, 90), GEOMETRY)).toBe(false);
  // 55 of 100 may be a half by chance
  expect(isSmallTrigger(look(8, 55), GEOMETRY)).toBe(false);
  expect(isSmallTrigger(look(8, 90), undefined)).toBe(false);
  const result = {
    ...margins(false, 0),
    decision: decision({ flagged: true, target: 5 }),
    trigger: { ...look(8, 90), took: 1 },
    facts: { geometry: GEOMETRY },
  } as unknown as BackdoorResult;
  const both = [
    { kind: "noise", label: 5 },
    { kind: "patch", label: 5 },
  ];
  expect(allSigns(result)).toEqual(both);
  expect(allSigns(result, 5)).toEqual(both);
  expect(allSigns(result, 1)).toEqual([both[0], { kind: "patch", label: 1 }, both[1]]);
});
