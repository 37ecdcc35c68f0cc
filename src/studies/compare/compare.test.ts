import { expect, test } from "vitest";
import type { VerdictName } from "../result-schema.ts";
import { type Answers, answersOfResults, compareAnswers, compareEach } from "./compare.ts";
import { readAnswers } from "./read.ts";

const model = (path: string) => ({ path, sha256: path.padEnd(64, "0") });

/** Labels count up; a `misclassified` input is answered by the class above. */
const examined = (path: string, verdicts: readonly VerdictName[], set = { norm: "linf", epsilon: 0.1 }): Answers =>
  answersOfResults({
    model: model(path),
    arithmetic: verdicts.includes("bounded") ? "real" : "float32",
    ...set,
    results: verdicts.map((verdict, index) => ({
      index,
      label: index,
      predicted: verdict === "misclassified" || verdict === "falsified" ? index + 1 : index,
      verdict,
    })),
  });

const times = (count: number, verdict: VerdictName): VerdictName[] => Array.from({ length: count }, () => verdict);

test("equal models have no regression, and agree on everything", () => {
  const verdicts = [...times(5, "certified"), ...times(3, "falsified"), ...times(2, "misclassified")];
  const { outcome, agreement, changed, rates } = compareAnswers(examined("a", verdicts), examined("b", verdicts));
  expect(outcome).toBe("none");
  expect(agreement).toMatchObject({ successes: 10, trials: 10 });
  expect(changed).toEqual([]);
  expect(rates.map(({ id, a }) => [id, a.successes])).toEqual([
    ["accuracy", 8],
    ["attacked", 5],
    ["proved", 5],
  ]);
});

test("a planted regression is found where it was planted, and only there", () => {
  const before = examined("a", times(40, "certified"));
  const after = examined("b", [...times(30, "certified"), ...times(10, "falsified")]);
  const { outcome, rates, changed } = compareAnswers(before, after);
  expect(outcome).toBe("regression");
  expect(rates.map(({ id, outcome: own, lost, gained }) => [id, own, lost, gained])).toEqual([
    ["accuracy", "none", 0, 0],
    ["attacked", "regression", 10, 0],
    ["proved", "regression", 10, 0],
  ]);
  // what falls to an attack is still answered alike
  expect(changed).toEqual([]);
  // the other way round it is a gain
  expect(compareAnswers(after, before).outcome).toBe("none");
});

test("a drop that chance explains is undecided, one that is allowed is none", () => {
  const before = examined("a", times(40, "unknown"));
  const after = examined("b", [...times(39, "unknown"), "misclassified"]);
  expect(compareAnswers(before, after).outcome).toBe("undecided");
  expect(compareAnswers(before, after, 0.05).outcome).toBe("none");
  expect(compareAnswers(before, after).changed).toEqual([{ index: 39, label: 39, a: 39, b: 40 }]);
});

test("bounds in real arithmetic count as no proof", () => {
  const real = examined("a", times(20, "bounded"));
  const { rates, notes } = compareAnswers(real, examined("b", times(20, "unknown")));
  expect(rates.map(({ id }) => id)).not.toContain("proved");
  expect(notes.join(" ")).toMatch(/real arithmetic prove nothing/);
});

test("a result without proofs has lost none, and other inputs are refused by their hash", () => {
  const of = (arithmetic: "float32" | null, verdict: VerdictName, inputsSha256: string) =>
    answersOfResults({
      model: model("m"),
      norm: "linf",
      epsilon: 0.1,
      arithmetic,
      data: { inputsSha256 },
      results: times(30, verdict).map((own, index) => ({ index, label: 0, predicted: 0, verdict: own })),
    });
  const { outcome, rates, notes } = compareAnswers(of("float32", "certified", "x"), of(null, "unknown", "x"));
  expect([outcome, rates.map(({ id }) => id)]).toEqual(["none", ["accuracy", "attacked"]]);
  expect(notes.join(" ")).toContain("for one of the two alone");
  expect(() => compareAnswers(of(null, "unknown", "x"), of(null, "unknown", "y"))).toThrow(/other inputs/);
});

test("what was not examined alike is not compared", () => {
  const own = examined("a.onnx", times(3, "unknown"));
  expect(() => compareAnswers(own, examined("b.onnx", times(2, "unknown")))).toThrow(/a.onnx and b.onnx.*same inputs/);
  expect(() => compareAnswers(own, examined("b.onnx", times(3, "unknown"), { norm: "l2", epsilon: 0.1 }))).toThrow(
    "a.onnx was examined within linf 0.1, b.onnx within l2 0.1",
  );
});

test("results within several radii are compared within each that both have; none in common is an error", () => {
  const at = (epsilon: number) => ({ norm: "linf", epsilon });
  const held = times(40, "certified");
  const fallen: VerdictName[] = [...times(20, "certified"), ...times(20, "falsified")];
  const before = [examined("a", held, at(0.1)), examined("a", held, at(0.2)), examined("a", held, at(0.3))];
  const after = [examined("b", fallen, at(0.3)), examined("b", held, at(0.1)), examined("b", fallen, at(0.4))];
  const { rates, notes, outcome } = compareEach(before, after);
  expect(rates.map(({ what, outcome: own }) => [what, own])).toEqual([
    ["accuracy on unchanged inputs", "none"],
    ["not falsified within linf 0.1", "none"],
    ["proved right within linf 0.1", "none"],
    ["not falsified within linf 0.3", "regression"],
    ["proved right within linf 0.3", "regression"],
  ]);
  expect(outcome).toBe("regression");
  expect(notes.filter((note) => note.startsWith("Only"))).toEqual([
    "Only a was examined within linf 0.2: it is not compared.",
    "Only b was examined within linf 0.4: it is not compared.",
  ]);
  expect(() => compareEach(before.slice(0, 2), after.slice(2))).toThrow(
    "a was examined within linf 0.1, linf 0.2, b within linf 0.4; examine both alike",
  );
});

test("a result file that is none is refused in one line", () => {
  expect(() => readAnswers({ tool: "assay", results: [] }, "x.json")).toThrow(/^x\.json: model/);
});
