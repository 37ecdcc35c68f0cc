import fc from "fast-check";
import { expect, test } from "vitest";
import { outcomeWith } from "../../../test/support/backdoor-outcome.ts";
import { proportion } from "../../stats/proportion.ts";
import { backdoorCondition, backdoorFinding } from "./backdoor-outcome.ts";
import type { BackdoorOutcome } from "./codes.ts";
import { PROFILES } from "./gate.ts";
import { judge } from "./judge.ts";
import { isConfirmed } from "./signs.ts";

test.for([
  ["no sign", outcomeWith(false, []), "good", "met"],
  ["noise alone, as in one clean model in twenty", outcomeWith(true, ["noise"]), "warning", "undecided"],
  ["margins alone", outcomeWith(false, ["margin"]), "warning", "met"],
  ["noise and a patch", outcomeWith(true, ["noise", "patch"]), "critical", "not-met"],
  ["margins and a patch, without an alarm", outcomeWith(false, ["margin", "patch"]), "critical", "not-met"],
  ["all three", outcomeWith(true, ["noise", "margin", "patch"]), "critical", "not-met"],
] as const)("%s", ([, outcome, severity, expected]) => {
  expect(backdoorFinding(outcome).severity).toBe(severity);
  expect(backdoorCondition(outcome).outcome).toBe(expected);
  expect(isConfirmed(outcome)).toBe(expected === "not-met");
});

test("margins alone are a hint where no clean models are known, and leave the condition open", () => {
  const outcome = outcomeWith(null, ["margin"]);
  const unknown: BackdoorOutcome = { ...outcome, verdict: { ...outcome.verdict, kind: "undecided", pValue: null } };
  expect(backdoorFinding(unknown)).toMatchObject({ severity: "note", evidence: "heuristic", state: "one-sign" });
  expect(backdoorCondition(unknown).outcome).toBe("undecided");
});

test("what was not examined is never met", () => {
  expect(backdoorCondition({ unexamined: "too few inputs" })).toMatchObject({
    outcome: "undecided",
    searched: null,
    reason: "too few inputs",
  });
  // one kind of sign alone can never agree with another
  const alone = { ...outcomeWith(false, []), judged: ["margin"] as const };
  expect(backdoorCondition(alone).outcome).toBe("undecided");
  expect(backdoorCondition({ ...alone, judged: ["margin", "patch"] }).outcome).toBe("met");
  fc.assert(
    fc.property(
      fc.constantFrom(true, false, null),
      fc.subarray(["noise", "margin", "patch"] as const),
      fc.subarray(["noise", "margin", "patch"] as const),
      (flagged, judged, kinds) => {
        const { outcome } = backdoorCondition({ ...outcomeWith(flagged, kinds), judged });
        if (flagged !== false || judged.length < 2) expect(outcome).not.toBe("met");
        if (kinds.length < 2) expect(outcome).not.toBe("not-met");
      },
    ),
    { seed: 7, numRuns: 200 },
  );
});

test("signs that name different classes do not confirm each other", () => {
  const outcome = outcomeWith(true, ["noise"]);
  const apart = { ...outcome, signs: [...outcome.signs, { kind: "patch" as const, label: 2, found: null }] };
  expect(isConfirmed(apart)).toBe(false);
});

test("confirmed signs forbid shipping, an alarm alone leaves it open, and margins alone do not stop it", () => {
  const headline = {
    epsilon: 0.1,
    clean: proportion(98, 100),
    attackedUpper: proportion(90, 100),
    certifiedLower: proportion(80, 100),
    counts: { inputs: 100, correct: 98, certified: 80, falsified: 8, unknown: 10 },
  };
  const judged = (backdoor: BackdoorOutcome) =>
    judge(
      {
        norm: "linf",
        headline,
        accuracy: proportion(980, 1000),
        arithmetic: "float32",
        patches: { kind: "no-pictures" },
        notices: [],
        backdoor,
      },
      PROFILES.robust,
    );
  expect(judged(outcomeWith(true, ["noise", "margin"]))).toMatchObject({ kind: "do-not-ship", ground: "backdoor" });
  expect(judged(outcomeWith(true, ["noise"])).kind).toBe("cannot-tell");
  expect(judged(outcomeWith(false, ["margin"])).kind).toBe("ship");
});
