import { expect, test } from "vitest";
import { answerOf, compare, pickListed, readListed, readTruth, summaryOf, witnessNames } from "./category.ts";
import type { Decision } from "./types.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const LISTED = readListed(
  bytes(
    "onnx/a_1.onnx,vnnlib/p_1.vnnlib,116\r\n./onnx/a_2.onnx,vnnlib/p_1.vnnlib,300.0\n\nonnx/a_1.onnx,other/p_1.vnnlib,0\n",
  ),
);

test("instances are read as the competition lists them", () => {
  expect(LISTED.map(({ onnx, limit }) => [onnx, limit])).toEqual([
    ["onnx/a_1.onnx", 116],
    ["./onnx/a_2.onnx", 300],
    ["onnx/a_1.onnx", 0],
  ]);
  for (const wrong of ["a.onnx,p.vnnlib", "a.onnx,p.vnnlib,", "a.onnx,,5", "a.onnx,p.vnnlib,-1", "a,p,soon"])
    expect(() => readListed(bytes(`a.onnx,p.vnnlib,1\n${wrong}`)), wrong).toThrow("line 2 is not");
  expect(() => readListed(bytes("\n"))).toThrow("no instance");
});

test("known verdicts are found by their columns' names, whatever the order", () => {
  const truth = readTruth(bytes("verdict,vnnlib,onnx\nunsat,vnnlib/p_1.vnnlib,onnx/a_2.onnx\n"));
  expect(LISTED.map(truth)).toEqual([undefined, "unsat", undefined]);
  expect(() => readTruth(bytes("onnx,vnnlib,result\n"))).toThrow('no column "verdict"');
});

test.each([
  ["2", [0, 1]],
  ["*", [0, 1, 2]],
  ["*a_1*", [0, 2]],
  ["a_?.onnx", [0, 1, 2]],
  ["other/*", [2]],
  ["p_1.vnnlib", [0, 1, 2]],
  ["onnx/a_1.onnx,vnnlib/*", [0]],
  ["a.1.onnx", []],
])("--only %s", (only, places) => {
  expect(pickListed(LISTED, only)).toEqual(places.map((k) => LISTED[k]));
});

test("each witness has a file of its own", () => {
  expect(witnessNames(LISTED)).toEqual([
    "a_1_p_1.counterexample",
    "a_2_p_1.counterexample",
    "a_1_p_1-2.counterexample",
  ]);
});

test("only two decisions can differ; of an input that is checked the list is wrong", () => {
  const verdicts = ["sat", "unsat", "unknown", "timed-out", "error"] as const;
  const of = (truth: string | null) => verdicts.map((verdict) => compare(verdict, truth));
  expect(of("sat")).toEqual(["agrees", "contradicts", null, null, null]);
  expect(of("unsat")).toEqual(["refutes", "agrees", null, null, null]);
  for (const truth of ["conflict", "unconfirmed", "none", null])
    expect(of(truth)).toEqual([null, null, null, null, null]);
});

test("the summary counts verdicts, methods and seconds", () => {
  const decision = (verdict: Decision["verdict"], method?: string): Decision => ({
    verdict,
    arithmetic: "float32",
    cases: 1,
    proved: 0,
    empty: 0,
    margin: null,
    steps: [],
    ...(method !== undefined && { method }),
  });
  const [instance] = LISTED as [(typeof LISTED)[number]];
  const answers = [
    answerOf(instance, { seconds: 1, decision: decision("sat", "attack") }, "unsat", "w"),
    answerOf(instance, { seconds: 2, decision: decision("unsat", "crown") }, "unsat", null),
    answerOf(instance, { seconds: 6, decision: decision("unsat", "crown") }, "none", null),
    answerOf(instance, { seconds: 40, decision: decision("timed-out") }, "sat", null),
    answerOf(instance, { seconds: 0, error: { message: "no", refused: true } }, null, null),
  ];
  expect(summaryOf(answers)).toEqual({
    instances: 5,
    verdicts: { sat: 1, unsat: 2, unknown: 0, "timed-out": 1, error: 1 },
    methods: [
      ["crown", 2],
      ["attack", 1],
    ],
    seconds: { sum: 49, median: 2 },
    decidedSeconds: { sum: 9, median: 2 },
    comparisons: { agrees: 1, contradicts: 0, refutes: 1 },
    beyond: 1,
  });
  expect(summaryOf([]).seconds).toEqual({ sum: 0, median: null });
});
