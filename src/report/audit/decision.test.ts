import { expect, test } from "vitest";
import { outcomeWith } from "../../../test/support/backdoor-outcome.ts";
import { proportion } from "../../stats/proportion.ts";
import type { Gate } from "../../studies/audit/codes.ts";
import { PROFILES } from "../../studies/audit/gate.ts";
import { judge, type Measurements } from "../../studies/audit/judge.ts";
import { findingWords } from "../sections/page.ts";
import { decisionText } from "./decision.ts";

const MEASURED: Measurements = {
  norm: "linf",
  headline: {
    epsilon: 0.1,
    clean: proportion(980, 1000),
    attackedUpper: proportion(900, 1000),
    certifiedLower: proportion(700, 1000),
    counts: { inputs: 1000, correct: 980, certified: 700, falsified: 80, unknown: 200 },
  },
  arithmetic: "float32",
  accuracy: proportion(980, 1000),
  patches: { kind: "not-examined", reason: "time budget" },
  notices: [],
  backdoor: outcomeWith(false, []),
};

const named = (label: number): string => `class ${label}`;
const texts = (given: Measurements, gate: Gate = PROFILES.robust) => {
  const judgement = judge(given, gate);
  return {
    decision: decisionText(judgement, gate, named),
    findings: judgement.findings.map((own) => ({ ...own, ...findingWords(own, named) })),
  };
};

test("names its thresholds and what was measured", () => {
  const { conditions } = texts(MEASURED, { ...PROFILES.robust, robust: 0.6 }).decision.gate;
  expect(conditions.map(({ sentence }) => sentence)).toContain("At least 60% stay correct within linf 0.1");
  expect(conditions.map(({ measured }) => measured)).toEqual([
    expect.stringMatching(/^98\.0%, interval/),
    "not examined: time budget",
    expect.stringMatching(/against clean models$/),
    expect.stringMatching(/proved; and 90\.0%/),
  ]);
});

test("confirmed signs are the reason, whatever else fails", () => {
  const backdoor = outcomeWith(true, ["noise", "margin"]);
  const { decision } = texts({ ...MEASURED, accuracy: proportion(10, 100), backdoor });
  expect(decision).toMatchObject({ kind: "do-not-ship", headline: "Signs of a planted backdoor" });
  expect(decision.reason).toMatch(/^Two independent signs lead to class 1/);
  expect(texts({ ...MEASURED, accuracy: proportion(10, 100) }).decision.reason).toMatch(
    /^1 condition of the gate fails: “Clean accuracy/,
  );
});

test("a weakness against patches is spoken of where patches lead to several classes, not where they are unsettled", () => {
  const record = (target: number, hits: number) => ({
    ...{ target, hits, trials: 100, noiseHits: 0, size: 4, top: 0, left: 0 },
    values: new Float32Array(16),
  });
  const stepsOf = (...hits: readonly number[]) =>
    texts({
      ...MEASURED,
      patches: {
        kind: "screened",
        targets: hits.map((own, target) => record(target, own)),
        classes: hits.length,
        whole: true,
        reason: "",
      },
    }).decision.nextSteps.join(" ");
  expect(stepsOf(85, 80)).toContain("the model is weak against them");
  expect(stepsOf(48, 10)).not.toContain("weak");
});

test("bounds in real arithmetic are never called proved", () => {
  const { decision, findings } = texts({ ...MEASURED, arithmetic: "real" });
  const { title, sentence, figures } = findings.find(({ evidence }) => evidence === "bounded")!;
  expect(`${title} ${sentence} ${figures[0]!.label}`).not.toMatch(/proved/);
  expect(title).toContain("real arithmetic");
  expect(decision.gate.conditions.at(-1)!.measured).not.toMatch(/\bproved\b/);
});
